"""What a flow consists of: accesses, switch points and acquisitions. Data only."""

from __future__ import annotations

from enum import Enum

from racelint.frozen import dataclass

Ids = frozenset[int]
NO_IDS: Ids = frozenset()


class Kind(Enum):
    """What sort of shared state a resource is."""

    __hash__ = object.__hash__  # that of Enum is a function of Python, and sets are asked often

    ATTRIBUTE = "attribute"
    """An attribute of an object that more than one unit reaches: `self.total`."""
    CLASS = "class attribute"
    GLOBAL = "module global"
    CAPTURED = "captured variable"
    ARGUMENT = "attribute of an argument"
    """An attribute of an object that was handed in; shared only if the callers share it."""
    ROW = "row"
    """One row behind an ORM object."""
    TABLE = "table"
    STORE = "store"
    """A document or key of an external store."""
    FILE = "file"
    FUTURE = "future"
    """Whether a future is completed; only calls that ask for it or complete it are accesses."""

    @property
    def external(self) -> bool:
        """Whether other processes reach it too."""
        return self in (Kind.ROW, Kind.TABLE, Kind.STORE, Kind.FILE)


@dataclass(frozen=True, slots=True)
class Resource:
    """State that two units can reach.

    Accesses of different units meet when `place` is equal; accesses of one unit when `name` and `key` are equal too.
    """

    kind: Kind
    owner: str
    """The class, module, function or library that holds the state."""
    path: str
    """Its name within the owner: `total`, `_session`."""
    name: str
    """As written in the code: `self.total`."""
    key: str = ""
    """Source of the subscript or key argument; "" for the whole."""

    @property
    def place(self) -> tuple[str, str]:
        """What is shared, without the key."""
        return (self.owner, self.path)

    @property
    def shown(self) -> str:
        """As written in the code."""
        return f"{self.name}[{self.key}]" if self.key and not self.kind.external else self.name


OF_THREAD = "own to a thread"
"""The owner of a lock that each thread, or each request, has for itself."""

OF_PROJECT = "of the project"
"""The key of a lock that a context manager of the project takes by a call: it may be a row of the very transaction around it."""


ASKED = ".locked()"
"""What the path of a lock ends with where it stands for whether somebody has the lock."""


class Op(Enum):
    """What an access does."""

    __hash__ = object.__hash__  # that of Enum is a function of Python, and sets are asked often

    READ = "read"
    CHECK = "check"
    """A read that decides a branch."""
    WRITE = "write"
    UPDATE = "update"
    """One atomic step that reads and writes, such as `list.append` or `UPDATE … SET n = n + 1`."""
    DELETE = "delete"
    CREATE = "create"
    """A new row."""
    USE = "use"
    """A method of the object that the resource holds is called, or an attribute of it is used."""

    @property
    def changes(self) -> bool:
        return self in (Op.WRITE, Op.UPDATE, Op.DELETE, Op.CREATE)


class Shape(Enum):
    """What is known of a value."""

    __hash__ = object.__hash__  # that of Enum is a function of Python, and sets are asked often

    NONE = "None"
    FALSE = "False"
    TRUE = "True"
    CONSTANT = "constant"
    EMPTY = "empty container"
    NEW = "new object"
    """The result of a constructor call or a container display."""
    CALL = "result of a call"
    AWAITED = "result of an await"
    SPAWNED = "new task or thread"
    OTHER = "other"

    @property
    def absent(self) -> bool:
        """Says "nothing is there"."""
        return self in (Shape.NONE, Shape.FALSE, Shape.EMPTY)


class Sense(Enum):
    """What a branch knows of a checked value."""

    __hash__ = object.__hash__  # that of Enum is a function of Python, and sets are asked often

    PRESENT = "present"
    """Truthy, not None, or a member."""
    ABSENT = "absent"
    OTHER = "other"
    """A comparison held, or something computed from the value was truthy."""
    OTHERWISE = "otherwise"
    """The comparison did not hold."""

    @property
    def vague(self) -> bool:
        """Says nothing of whether the value is there."""
        return self in (Sense.OTHER, Sense.OTHERWISE)


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of a value while a unit is walked through."""

    stems: Ids = NO_IDS
    """The accesses that it was computed from."""
    shape: Shape = Shape.OTHER
    ref: Resource | None = None
    """The shared object itself: the value is what this resource holds."""
    via: int | None = None
    """The access that read `ref`."""
    type: str = ""
    """Dotted name of its class, or of the function or class that it is."""
    row: int | None = None
    """Index of the ORM row that it stands for."""
    text: str = ""
    """Its source, for keys."""
    origin: str = ""
    """The source of what was assigned to the name that `text` is."""
    appended: bool = False
    """An element was added to the value after it was read."""
    opaque: Ids = NO_IDS
    """Those of `stems` that only went into a call whose result need not depend on them."""
    born: int = -1
    """The event that followed when a local name first held the value, or what it was taken from; -1 if no local did."""
    known: tuple[tuple[str, Value], ...] = ()
    """Named parts, such as the path of an opened file."""

    def part(self, name: str) -> Value | None:
        """The named part, if it is known."""
        for key, value in self.known:
            if key == name:
                return value
        return None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands: a definition of the module and the number of a node in it."""

    unit: str
    node: int


EMPTINESS = "empty"
"""How a queue is asked whether it holds nothing: the method's name."""

FILLING = "qsize"
"""How a queue is asked how much it holds."""


@dataclass(frozen=True, slots=True)
class Access:
    """One access of a resource."""

    id: int
    op: Op
    resource: Resource
    place: Place
    site: Place
    """The same place, or the call in the unit itself when the access stands in a helper."""
    held: Ids
    """The acquisitions that are held here on every way."""
    control: tuple[tuple[int, Sense], ...]
    """The accesses that decided that this one runs, and what they saw."""
    value: Value = Value()
    how: str = ""
    """The method or operator: `append`, `pop`, `=`, `+=`, `save`, …"""
    related: frozenset[str] = frozenset()
    """Sources of the values that a mutation of a store is keyed by or refers to, or that a check compares with."""
    fresh: Ids = NO_IDS
    """The accesses before it with no switch point in between on any way."""
    statement: int = 0
    """Number of the statement of the unit itself that it belongs to."""
    handled: frozenset[str] = frozenset()
    """Last names of the exceptions that `try` statements around it catch; "" for all."""
    tested: frozenset[str] = frozenset()
    """The columns by which the rows were chosen."""
    assigned: frozenset[str] = frozenset()
    """The columns that are set."""
    chosen: Ids = NO_IDS
    """The accesses that the rows were chosen by, or that the key of the entry which is set was computed from."""
    forgiven: frozenset[str] = frozenset()
    """Those of `handled` after which the unit goes on, as it does not where the handler raises another exception."""

    @property
    def controlled_by(self) -> Ids:
        """The ids in `control`."""
        return frozenset(check for check, _ in self.control)


@dataclass(frozen=True, slots=True)
class Switch:
    """A point where another task may run."""

    id: int
    place: Place
    site: Place
    held: Ids
    stems: Ids = NO_IDS
    """The accesses that the awaited expression is computed from."""
    control: tuple[tuple[int, Sense], ...] = ()
    callee: str = ""
    """Last name of the awaited call."""
    used: Resource | None = None
    """The resource whose object's method is awaited."""
    statement: int = 0
    handed: Ids = NO_IDS
    """The accesses that the arguments of the coroutines of the module which lead here are computed from."""


@dataclass(frozen=True, slots=True)
class Acquire:
    """A guard is taken. Its id stands in `held` of what it covers."""

    id: int
    place: Place
    site: Place
    lock: Resource
    what: str
    """`lock`, `claim`, `transaction`, `row lock`, `entry`; `open file` while a file is open for writing, which is shared with nobody."""
    world: str = "any"
    shared: bool = True
    """Whether other units can meet on it; a lock made in the call itself guards nothing."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happens and is no access: `begin`, `commit`, `rollback`, `spawn`, `call`, `version`, …"""

    id: int
    place: Place
    site: Place
    what: str
    subject: str = ""
    held: Ids = NO_IDS
    control: tuple[tuple[int, Sense], ...] = ()
    related: frozenset[str] = frozenset()
    statement: int = 0
    stems: Ids = NO_IDS
    """The accesses that a compared version, is computed from, or the read of the collection that a loop goes over."""


Event = Access | Switch | Acquire | Mark


@dataclass(frozen=True, slots=True)
class Row:
    """An ORM object in a unit."""

    name: str
    model: str
    library: str
    loaded: int | None
    """The access that loaded it; None for an argument or `self`."""
    locked: bool = False
    new: bool = False
    """Built in this unit, not loaded."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The events of one unit of work and what may follow what."""

    unit: str
    events: tuple[Event, ...]
    after: tuple[tuple[int, ...], ...]
    """`after[i]` are the ids of the events that may come next after event `i`."""
    rows: tuple[Row, ...] = ()
    ordered: Ids = NO_IDS
    """Accesses whose values were compared by order, as limits are."""
    above: Ids = NO_IDS
    """Those of them that were asked to be the larger ones."""
    compared: Ids = NO_IDS
    """Accesses whose values were compared with something else than nothing."""
    equal: Ids = NO_IDS
    """Those of them that one `==` asked to be equal to it."""
    firsts: Ids = NO_IDS
    """Accesses of whose values the first item was taken by its place: `rows[0]`."""
    limited: bool = False
    """The definition was too large to be followed to the end."""
    accesses: tuple[Access, ...] = ()
