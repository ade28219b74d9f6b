"""Where units start to run, and what says that two of them overlap."""

from __future__ import annotations

from racelint.finding import Confidence
from racelint.frozen import dataclass, replace


@dataclass(frozen=True, slots=True)
class Root:
    """Where a unit starts to run."""

    unit: str
    text: str
    world: str
    many: bool
    strength: Confidence
    processes: bool = False
    own_object: bool = False
    """Each run has an object of its own, as the views of a web framework have."""
    handler: bool = False
    """Called by a framework, which gives each run arguments of its own."""
    locked: bool = False
    """Its strength rests on the lock that the class has."""
    told: bool = False
    """The documentation says that a thread runs it."""
    body: bool = False
    """The `run` of a class of threads."""
    public: bool = False
    """Known only as something that callers outside of the module may call."""
    unseen: bool = False
    """Public, and nothing that is there speaks for callers that run it at once or against them."""
    documented: bool = False
    """Said to be safe for threads by its class, which tells nothing of whether they use one object."""
    made: bool = False
    """The unit is the `__call__` of an object that is made to be started: each run has attributes of its own."""
    called: bool = False
    """A unit of another module calls it; it is not started itself."""
    origin: str = ""
    """The path of that unit's module."""
    run: str = ""
    """Where in another module the unit starts that comes here: two ways from one start are steps of the same run."""
    guarded: bool = False
    """That unit, or one on the way from it, makes the call under a lock."""
    waited: bool = False
    """Whoever starts it waits for its end, and does nothing else meanwhile."""
    starters: tuple[str, ...] = ()
    """The functions of the module that start it, if they all wait for its end."""
    in_turn: str = ""
    """The function that starts it of an object that it has built for itself, and waits for its end: nothing else that it starts so
    of that object runs meanwhile."""
    atomic: bool = False
    """Settings of the project may put each of its runs into a transaction."""
    worker: str = ""
    """The pool of one worker, or the lock of tasks, that all its runs are handed to or wait for: they, and all else that does,
    run one after another. With `self.`: those of one object."""
    apart: bool = False
    """Each of its runs has another object than the others, but it may be one that others use, too."""
    front: bool = False
    """Known to run several times only because coroutines hand its work to threads, which each of their callers may do for anything."""
    own_machine: bool = False
    """Each of its processes works on a machine of its own, one call after the other: they share no files."""
    elsewhere: bool = False
    """Known to run several times only because several functions start it, which need not come at the same time."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """That two runs overlap: the sentence for the user and how strong it is."""

    text: str
    strength: Confidence
    world: str = "tasks"
    public: bool = False
    """Rests only on callers outside of the module."""
    called: bool = False
    """Rests on calls from other modules, which may each be of another object."""
    by_name: str = ""
    """What alone says that others use a path: "path" for a word in it or that it is the same for all, "code" for the name of what uses
    it, "both", "read" for a word in it where a function of the module is known to read the file; "" if more is known."""
    by_hand: bool = False
    """Holds for what somebody starts by hand, too: a command that takes a lock expects others."""
    at_lock: bool = False
    """Rests only on public methods that take the lock of their object, but not for all that they do."""
    half: str = ""
    """The one of the two units that is known only as something that callers outside of the module may call; "" if both or none are."""

    unseen: str = ""
    """The function that callers out of view may run, if the evidence rests on these alone and is weak for no other reason."""

    def weakened(self) -> Evidence:
        """The same, not shown by default: what overlaps may do no harm."""
        return replace(self, strength=Confidence.LOW, unseen="")
