"""What is gathered of one function while its body is walked."""

from __future__ import annotations

import ast

from racelint.facts.data import CallSite, FunctionFacts, Write
from racelint.facts.looping import choices_of, distinct_names

UNSEEN, UNCHANGED = 1 << 30, -1
"""Stand for the first look at what is only changed, and the last change of what is only read."""


class Gathered:
    """What is gathered of one function while its body is walked."""

    __slots__ = (
        "built",
        "by_yield",
        "calls",
        "choices",
        "column",
        "decorators",
        "distinct",
        "enters",
        "first",
        "globals",
        "is_async",
        "last",
        "left_by",
        "line",
        "locals",
        "looped",
        "loops",
        "made_anew",
        "outer",
        "owner",
        "params",
        "parent",
        "path_words",
        "qualname",
        "reads",
        "references",
        "repeated",
        "returned",
        "run_by",
        "says_locked",
        "spans",
        "sql",
        "statements",
        "stub",
        "suspends",
        "switches",
        "unnamed",
        "unpacked",
        "waits",
        "writes",
        "yields",
        "yields_within",
    )

    def __init__(self, qualname: str, owner: str, parent: str) -> None:
        self.qualname, self.owner, self.parent = qualname, owner, parent
        self.first = self.line = self.last = 1
        self.column = 0
        self.is_async = self.suspends = self.yields = False
        self.by_yield = False  # a coroutine that awaits by `yield`, as a decorator says
        self.yields_within: tuple[str, ...] = ()
        self.params: tuple[tuple[str, str], ...] = ()
        self.decorators: tuple[str, ...] = ()
        self.calls: list[CallSite] = []
        self.writes: list[Write] = []
        self.reads: set[str] = set()
        self.references: set[str] = set()
        self.locals: set[str] = set()
        self.outer: set[str] = set()
        self.globals: set[str] = set()
        self.built: list[tuple[str, str]] = []
        self.statements = 0
        self.looped: set[str] = set()
        self.made_anew: set[str] = set()
        self.waits: list[tuple[str, int, tuple[str, ...]]] = []
        self.enters: list[str] = []
        self.distinct: set[str] = set()
        self.repeated: set[str] = set()
        self.returned: list[str] = []
        self.unnamed: set[str] = set()
        self.unpacked: list[tuple[str, str, int]] = []
        self.choices: list[tuple[str, int, tuple[str, ...]]] = []
        self.stub = False
        self.run_by = ""
        self.says_locked = False
        self.left_by: list[tuple[int, int, int]] = []
        self.path_words: frozenset[str] = frozenset()
        self.switches = 0
        self.sql = False
        self.loops: list[tuple[int, int]] = []
        self.spans: dict[str, tuple[int, int, int, int]] = {}

    # suspension points

    def suspend(self) -> None:
        """Other tasks may run here."""
        self.suspends = True
        self.switches += 1

    def touch(self, name: str, changed: bool = False) -> None:
        """A name or path is read or written here."""
        now = self.switches
        first, _, look, change = self.spans.get(name, (now, now, UNSEEN, UNCHANGED))
        self.spans[name] = (first, now, look, now) if changed else (first, now, min(look, now), change)

    def end_loop(self, switches: int) -> None:
        """Ends a loop that began after so many suspension points: what it holds comes before and after its own."""
        now = self.switches
        if now == switches:
            return
        for name, (first, last, look, change) in self.spans.items():
            if last >= switches:
                look = look if look == UNSEEN else min(look, switches)
                self.spans[name] = (min(first, switches), now, look, now if change >= switches else change)
        self.loops.append((switches, now))

    def bind_in_loop(self, target: ast.expr, collection: ast.expr) -> None:
        """A loop over the collection binds the names of its target."""
        names = {name.id for name in ast.walk(target) if isinstance(name, ast.Name)}
        apart = distinct_names(target, collection)
        self.looped |= names
        self.distinct |= apart
        self.repeated |= names - apart
        self.choices += choices_of(target, collection)

    def unpack(self, targets: list[ast.expr], given: str) -> None:
        """Names get the parts of a parameter: `counts, page = args`; what stands behind a star has no place of its own."""
        if given in {name for name, _ in self.params} and not any(isinstance(one, ast.Starred) for one in targets):
            self.unpacked += [(one.id, given, place) for place, one in enumerate(targets) if isinstance(one, ast.Name)]

    def freeze(self) -> FunctionFacts:
        return FunctionFacts(
            self.qualname,
            self.owner,
            self.parent,
            self.first,
            self.line,
            self.last,
            self.column,
            self.is_async,
            self.suspends,
            self.yields,
            self.params,
            self.decorators,
            tuple(self.calls),
            tuple(self.writes),
            frozenset(self.reads),
            frozenset(self.locals - self.outer),
            frozenset(self.outer),
            frozenset(self.globals),
            frozenset(self.references),
            tuple(self.built),
            self.statements,
            frozenset(self.looped),
            self.stub,
            self.switches,
            tuple(self.loops),
            self.sql,
            tuple((name, *span) for name, span in self.spans.items() if span[1]),
            self.yields_within,
            self.path_words,
            self.run_by,
            tuple(self.choices),
            frozenset(self.made_anew),
            tuple(self.enters),
            tuple(self.waits),
            frozenset(self.distinct - self.repeated),
            tuple(self.returned),
            frozenset(self.unnamed),
            tuple(self.unpacked),
            self.says_locked,
            tuple(self.left_by),
        )
