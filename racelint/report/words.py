"""What the steps of a finding do and what its harm means, in plain words.

The words depend on the role of a step, on the world, and on the harm that the rule names. A harm that is not listed
here is shown as the rule wrote it, with the plain label of each role.
"""

from __future__ import annotations

from collections.abc import Mapping

from racelint.finding import Finding, Role, World
from racelint.frozen import dataclass, field

UNITS: Mapping[World, tuple[str, str]] = {
    World.TASKS: ("task", "tasks"),
    World.THREADS: ("thread", "threads"),
    World.PROCESSES: ("process", "processes"),
}


@dataclass(frozen=True, slots=True)
class Harm:
    """How to speak of a harm."""

    sentence: str
    """What happens; `{unit}`, `{units}` and `{resource}` are filled in."""
    last: Mapping[Role, str] = field(default_factory=dict)
    """Labels for the last step."""
    others: Mapping[Role, str] = field(default_factory=dict)
    """Labels for the steps before it."""
    interleaved: bool = True
    """Whether what runs between the steps is what hurts."""


HARMS: Mapping[str, Harm] = {
    "lost update": Harm(
        "what another {unit} writes to {resource} in between is overwritten",
        {Role.WRITE: "writes back the old value", Role.ACT: "saves the old value"},
    ),
    "lost entries": Harm(
        "what another {unit} adds to {resource} in between is overwritten",
        {Role.WRITE: "writes back the old entries and one more"},
    ),
    "unread entries": Harm(
        "what another {unit} adds to {resource} in between is done away with, and nobody has read it",
        {Role.WRITE: "takes what came in between, too", Role.ACT: "takes what came in between, too"},
    ),
    "lost replacement": Harm(
        "what another {unit} puts into {resource} in between is dropped and never closed",
        {Role.WRITE: "drops whatever is there now"},
    ),
    "half-done change": Harm(
        "whoever looks in between, or after a failure there, finds one change without the other",
        {Role.WRITE: "changes the other half in a separate step"},
        {Role.WRITE: "changes one half", Role.ACT: "makes it permanent"},
    ),
    "job before its row": Harm(
        "the job finds nothing, or what {resource} was before; after a rollback it has run for nothing",
        {Role.ACT: "a worker may start now"},
        {Role.WRITE: "changed, and seen by nobody else yet"},
    ),
    "torn pair": Harm(
        "another {unit} that looks in between finds one half new and the other old",
        {Role.WRITE: "changes the other half only now"},
        {Role.WRITE: "changes one half"},
    ),
    "copies disagree": Harm(
        "the two places say different things, and nothing brings them together again",
        {Role.WRITE: "changes the other copy only now"},
        {Role.WRITE: "changes one copy"},
    ),
    "each process has its own copy": Harm(
        "what one process stores in {resource}, the others never see",
        {Role.WRITE: "changes the copy of this process only"},
        {Role.READ: "reads the copy of this process"},
        interleaved=False,
    ),
    "double initialisation": Harm(
        "two {units} both find it not done yet, and both do it",
        {Role.WRITE: "set only now"},
    ),
    "half-made object used": Harm(
        "another {unit} finds {resource} set and uses it before it is complete",
        {Role.WRITE: "set before it is complete"},
    ),
    "use of something that is gone": Harm(
        "another {unit} takes {resource} away in between",
        {Role.ACT: "used although it may be gone"},
    ),
    "removal of what is gone": Harm(
        "another {unit} removes it in between, and this removal fails or hits what came after",
        {Role.ACT: "removed although it may be gone"},
    ),
    "half-written file": Harm("whoever opens it in between reads nothing, or a part of it"),
    "link followed": Harm("whoever may write to its folder has this program open another file"),
    "secret readable": Harm("whoever opens it in between can read what was written"),
    "lost announcement": Harm(
        "what another {unit} announces in between is forgotten, and the next wait sleeps although there is work",
        {Role.ACT: "takes the news away"},
        {Role.READ: "waits", Role.SWITCH: "the work, while others announce more"},
    ),
    "loop asleep": Harm(
        "the loop goes on when something else wakes it; what both change at the same time may be half changed",
        {Role.ACT: "does not wake the loop"},
        interleaved=False,
    ),
    "completed twice": Harm(
        "the second completion raises an error where nobody expects it",
        {Role.ACT: "completed without asking"},
        interleaved=False,
    ),
    "half-filled collection seen": Harm(
        "another {unit} that looks in between finds {resource} empty or half full",
        {Role.WRITE: "filled again only now"},
        {Role.WRITE: "emptied here"},
    ),
    "iteration fails": Harm(
        "another {unit} adds or removes entries in between: the loop raises an error or misses some",
        {Role.SWITCH: "in the body of the loop, other tasks run"},
        {Role.READ: "iterated here"},
    ),
    "advanced by two": Harm(
        "one {unit} takes the next element while the other one is still at it: an error, or elements get lost",
        {Role.ACT: "takes the next one"},
    ),
    "done twice": Harm("several {units} pass the same check, and all of them act"),
    "limit exceeded": Harm("several {units} pass the same check before one of them is counted"),
    "number given twice": Harm("two {units} read the same last number, and both save the one after it"),
    "last entry followed twice": Harm(
        "two {units} read the same last entry, and both add the one after it",
        {Role.WRITE: "adds what follows the entry that was the last one then"},
    ),
    "row made twice": Harm("two {units} both find none, and both make one"),
    "old values written back": Harm(
        "what another {unit} saves in other columns meanwhile is overwritten with old values"
    ),
    "used before it is set": Harm(
        "another {unit}, which may come at once, finds {resource} missing, or still empty",
        {Role.WRITE: "set only now"},
        {Role.ACT: "whoever uses it may run from here on"},
    ),
    "changed while iterated": Harm(
        "another {unit} changes {resource} during the iteration, which fails or skips entries"
    ),
    "lost wake-up": Harm("the notification comes in between and reaches nobody; the {unit} waits for ever"),
    "lost waiter": Harm(
        "another {unit} that comes meanwhile puts its own into {resource}, or fails; who waits there first may wait for ever",
        {Role.WRITE: "puts what it waits for there"},
    ),
    "unguarded change": Harm(
        "a {unit} that holds the lock for its steps finds {resource} changed, or half changed, between them"
    ),
    "nothing is excluded": Harm(
        "two {units} are inside at once, and one overwrites what the other has done", {Role.ACT: "keeps nobody out"}
    ),
    "step fails": Harm("another {unit} is faster, and the step raises an error"),
    "mixed statements": Harm("what one {unit} sends, reads or commits is the other's"),
    "mixed answers": Harm(
        "one {unit} takes the answer to what another has asked",
        {Role.READ: "takes whatever answer comes next", Role.ACT: "asks here, and takes whatever answer comes next"},
        {Role.ACT: "asks here"},
    ),
    "values of two calls are mixed": Harm("another call sets {resource} in between, and this one goes on with that"),
    "decision on old state": Harm("{resource} may have changed since it was checked"),
}


def harm_sentence(finding: Finding) -> str:
    """The harm by its name, and what it means here."""
    harm = HARMS.get(finding.harm)
    if harm is None:
        return finding.harm
    unit, units = UNITS[finding.world]
    return f"{finding.harm}: {harm.sentence.format(unit=unit, units=units, resource=f'`{finding.resource}`')}"


def step_labels(finding: Finding) -> list[str]:
    """What each step of the trace does.

    Where any moment is a switch point, as between threads, there may be no step for it; then the first label says that
    others run.
    """
    harm = HARMS.get(finding.harm, Harm(""))
    unit, units = UNITS[finding.world]
    *others, last = [step.role for step in finding.trace] or [Role.ACT]
    labels = [harm.others.get(role) or _plain(role, units) for role in others]
    labels.append(harm.last.get(last) or _plain_last(last, unit, units))
    if others and harm.interleaved and Role.SWITCH not in (*others, last):
        labels[0] += f", then other {units} run"
    return labels[: len(finding.trace)]


def _plain(role: Role, units: str) -> str:
    match role:
        case Role.READ:
            return "read here"
        case Role.CHECK:
            return "checked here"
        case Role.SWITCH:
            return f"other {units} run here"
        case Role.WRITE:
            return "written here"
        case Role.ACT:
            return "done here"


def _plain_last(role: Role, unit: str, units: str) -> str:
    match role:
        case Role.READ:
            return f"may read what another {unit} wrote"
        case Role.ACT:
            return "acts on the old answer"
        case Role.CHECK | Role.SWITCH | Role.WRITE:
            return _plain(role, units)
