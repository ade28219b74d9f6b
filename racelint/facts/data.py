"""Facts as plain data: what a module holds, and what each of its functions does."""

from __future__ import annotations

from racelint.frozen import dataclass


@dataclass(frozen=True, slots=True)
class CallSite:
    """A call, as written: `callee` is the dotted source of the function."""

    callee: str
    line: int
    within: tuple[str, ...]
    """Dotted sources of the context managers around it, outermost first, `SECOND_ROW_HANDLED`, and what `FORGIVES` tells."""
    awaited: bool = False
    looped: bool = False
    arguments: tuple[str, ...] = ()
    """Dotted sources of the arguments that are names, attributes or calls; `1` for that number, "" for others; keywords as
    `name=source`, with a few also constants: `threaded=False`; `BEGUN` and the like for the text of a transaction's statement."""
    arms: tuple[tuple[int, int], ...] = ()
    """The branches around it: line of the `if`, and 0 for its body or 1 for its `else`."""
    switches: int = 0
    """How many suspension points of the function stand before it."""

    def may_follow(self, other: CallSite) -> bool:
        """Whether no `if` makes only one of two calls of a function."""
        arms = dict(self.arms)
        return all(arms.get(line, arm) == arm for line, arm in other.arms)


@dataclass(frozen=True, slots=True)
class Write:
    """A change of a name or attribute path: `path` as written, `self._session` or `counter`."""

    path: str
    how: str
    """`=`, `+=`, `del`, `[]`, `del[]`, or the name of a mutating method."""
    shape: str
    """`none`, `false`, `true`, `constant`, `empty`, `call`, `await` or `other`."""
    line: int
    within: tuple[str, ...]
    built_from: str = ""
    """Dotted source of the constructor or function whose result is written."""
    statement: int = 0
    """Which statement of its function it belongs to, counted from 1."""
    depth: int = 0
    """In how many subscripts what is written stands: 1 for `rooms[name]`, 2 for `rooms[name][seat]`."""
    key: str = ""
    """The text in the only subscript, if it is a literal: `sent` for `counts["sent"] += 1`."""


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """A function or method; `first` is the line of its first decorator, `last` its last line."""

    qualname: str
    owner: str
    """Qualified name of the class it is a method of; "" otherwise."""
    parent: str
    """Qualified name of the enclosing function; "" otherwise."""
    first: int
    line: int
    last: int
    column: int
    is_async: bool
    suspends: bool
    """Holds an `await`, `async for`, `async with`, or is an async generator."""
    yields: bool
    params: tuple[tuple[str, str], ...]
    """Names with the dotted sources of their annotations."""
    decorators: tuple[str, ...]
    calls: tuple[CallSite, ...]
    writes: tuple[Write, ...]
    reads: frozenset[str]
    """Attribute paths (`self._session`, two parts) and free names that are read."""
    local_names: frozenset[str]
    outer_names: frozenset[str]
    """Declared `global` or `nonlocal`."""
    global_names: frozenset[str]
    """Declared `global`."""
    references: frozenset[str]
    """Paths used as values, not called: callbacks and targets."""
    locals_built: tuple[tuple[str, str], ...] = ()
    """Local names with the dotted source of the call they are assigned from."""
    statements: int = 0
    loop_names: frozenset[str] = frozenset()
    """Names that loops and comprehensions bind: another object in each round."""
    stub: bool = False
    """Has no body of its own: a protocol's or an abstract method."""
    switches: int = 0
    """How many suspension points it holds."""
    loops: tuple[tuple[int, int], ...] = ()
    """For each loop that suspends how many stand before it and before its end."""
    sql: bool = False
    """Has strings that may be statements of SQL which change or lock rows, or parts of such."""
    spans: tuple[tuple[str, int, int, int, int], ...] = ()
    """What is read or written after a suspension point, by its name or first two parts: how many such points stand before the
    first and the last place where it is, before the first where it is read (2**30 for nowhere), and before the last where it is
    changed (-1 for nowhere). In a loop that suspends, a place counts for all rounds. What is not listed stands before the first
    suspension point only."""
    yields_within: tuple[str, ...] = ()
    """Dotted sources of the context managers around all that it yields, outermost first: who uses it as one is in these, too."""
    path_words: frozenset[str] = frozenset()
    """If it may step on a path: the words in its text that say of paths that processes share them (`paths.words_of_paths`)."""
    run_by: str = ""
    """`thread` or `threads` if its documentation says that another one, or any, runs it; `loop` if that of an event loop does."""
    choices: tuple[tuple[str, int, tuple[str, ...]], ...] = ()
    """Names that loops over what stands there bind, each with the line of what the loop goes over and the dotted sources of what
    it has in turn, and those that are one thing or another (`work = read if ready else wait`); in the order of the lines."""
    made_anew: frozenset[str] = frozenset()
    """Local names that are assigned within loops."""
    enters: tuple[str, ...] = ()
    """The methods that `async with gate` and `async for row in rows` call: `gate.__aenter__`, `rows.__anext__`."""
    waits: tuple[tuple[str, int, tuple[str, ...]], ...] = ()
    """The names and paths that are awaited themselves (`await task`), each with its line and `CallSite.within`."""
    distinct: frozenset[str] = frozenset()
    """Those of `loop_names` that are another value in each round, as the keys of a mapping are and the elements of a set."""
    returned: tuple[str, ...] = ()
    """What each `return` gives: the dotted source of a name or path, with `()` behind that of what is called; "" for all else."""
    unnamed: frozenset[str] = frozenset()
    """The methods that are called of what has no dotted source: `join` for `", ".join(names)`, `exists` for `(ROOT / name).exists()`."""
    unpacked: tuple[tuple[str, str, int], ...] = ()
    """Local names that get the parts of a parameter, each with that and its place in it: `counts, page = args`."""
    says_locked: bool = False
    """Its documentation says that whoever calls it holds a lock."""
    left_by: tuple[tuple[int, int, int], ...] = ()
    """Calls that give back a lock or end a transaction in branches that end in `return`, `raise`, `continue` or `break`: the line of the call, the last line of the
    branch, and the last line that is not come to from there."""

    @property
    def name(self) -> str:
        last = self.qualname.rpartition(".")[2]
        return last.rpartition("::")[2] if ":" in last else last


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """A class: its bases as written, and what its attributes are built from anywhere in its methods."""

    qualname: str
    line: int
    bases: tuple[str, ...]
    decorators: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    """Class-level names with the dotted source of what they are built from, or `none`, `false`, …, as in `Write.shape`."""
    unique: frozenset[str]
    """Fields that a model declares unique, alone or together."""
    versioned: bool = False
    """Declares a version column that the ORM checks in its writes."""
    methods: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset()
    """Class-level names that stand for an attribute of each object: dataclass fields with a `default_factory`."""
    thread_safe: bool = False
    """Its documentation says that threads may share an object."""
    enforced: frozenset[str] = frozenset()
    """Fields that are foreign keys which the database enforces."""
    loose: tuple[tuple[str, str], ...] = ()
    """Fields that may be null, each with those of a unique constraint that it is part of, which does not hold then."""
    held_by_all: frozenset[str] = frozenset()
    """Class-level names of collections that all objects share, unless one puts its own in their place."""

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2].rpartition("::")[2]


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """Everything that later stages know of a module without parsing it again."""

    path: str
    imports: tuple[tuple[str, str], ...]
    """Local name and dotted origin."""
    classes: tuple[ClassFacts, ...]
    functions: tuple[FunctionFacts, ...]
    module_body: FunctionFacts
    """Module-level statements, as a function named ""."""
    assigned: tuple[tuple[str, str], ...]
    """Module-level names with what they are built from, as in `ClassFacts.attributes`."""
    autocommit: bool = False
    guarded: tuple[tuple[str, str, str], ...] = ()
    """State that declares its lock: the class ("" for the module), the name of the state, the name of the lock."""
    atomic_requests: bool = False
    """Settings of Django that put each request into a transaction."""
    leaves_out_requests: bool = False
    """Some views are left out of that, so the settings that are not seen ask for it."""
    statements: tuple[tuple[str, str], ...] = ()
    """Constants of the module and of its classes (`Class.NAME`) that begin as statements of SQL do, with their texts."""
    serializable: frozenset[str] = frozenset()
    """Names of engines whose transactions are serializable, and of what is made of them."""
    referring_back: frozenset[str] = frozenset()
    """Attributes by which rows of another class refer back to those of one of the module: `relationship("Order", backref="lines")`."""
    script: bool = False
    """Can be started as a program itself: `if __name__ == "__main__":`."""
    unshared: bool = False
    """Says that threads may not share the connections of its package: `threadsafety = 1`, as PEP 249 has it."""
    annotations: tuple[tuple[str, str], ...] = ()
    """Names that stand for annotations, with the class that each names: `Db = Annotated[Session, Depends(get_session)]`."""


NO_GUARD = "!"
"""Begins what is said of a place beside the context managers around it."""

FORGIVES = "!forgives "
"""Stands before the last name of an exception around what a generator yields, if it catches that one there and goes on."""

SECOND_ROW_HANDLED = "!second row"
"""Stands among the context managers around a call for a `try` that handles the error of a database about a second such row."""

LIST_FUNCTIONS = {
    "heappush": "append",
    "heappop": "pop",
    "heapreplace": "pop",
    "heappushpop": "pop",
    "heapify": "sort",
    "insort": "insert",
    "insort_left": "insert",
    "insort_right": "insert",
}
"""Functions of `heapq` and `bisect` that change the list which they are handed, and the method that does most like it."""


def is_property(function: FunctionFacts | None) -> bool:
    """Whether reading the attribute runs the function."""
    return function is not None and any(
        d.rpartition(".")[2] in ("property", "cached_property") for d in function.decorators
    )


MUTATORS = frozenset(
    [
        "append",
        "extend",
        "insert",
        "remove",
        "pop",
        "popitem",
        "clear",
        "update",
        "add",
        "discard",
        "setdefault",
        "sort",
        "reverse",
        "appendleft",
        "popleft",
        "extendleft",
        "rotate",
        "move_to_end",
        "put",
        "put_nowait",
        "get_nowait",
        "set",
        "difference_update",
        "intersection_update",
    ]
)
"""Methods that change the collection, queue or event they are called on."""
