"""What calls may do to stores, as far as facts and the tables of libraries tell."""

from __future__ import annotations

from typing import TypeAlias

from racelint.evidence import Concurrency
from racelint.facts import CallSite, FunctionFacts
from racelint.frozen import cached_property
from racelint.resolve import enclosing_self
from racelint.store_types import KEYWORDS_ONLY, StoreTypes
from racelint.words import SCOPES, THREAD_CALLS

Types: TypeAlias = "frozenset[str]"

NOTHING: frozenset[str] = frozenset()
READ, WRITE = "named-read", "named-write"
LOOK_UP = frozenset("get find lookup fetch retrieve load query select search existing".split())
"""Verbs of calls that look something up."""
LOOK = frozenset(["look"])
"""Effect of `get_x`: it may look rows up."""
VERBS = {
    **dict.fromkeys("load read get fetch find retrieve download".split(), READ),
    **dict.fromkeys("save set put write store dump update upload".split(), WRITE),
}

SQL = frozenset(["sql"])
"""Effect of what may run a statement, if it is given one."""

FILES = frozenset(["file-check", "file-make", "file-remove", "file-read", "file-write", "open"])
"""Effects of methods of paths and open files."""

CHANGES = frozenset(
    "write sql sql-write json-dump file-write update delete create save add remove atomic commit transaction begin expire "
    "enqueue query-locked row-locked lock-context".split()
) | {WRITE}
"""Effects of what changes a store, or locks something there: without one of them, nothing of interest happens to it."""


class StoreCalls:
    """The calls of one module."""

    def __init__(self, concurrency: Concurrency) -> None:
        self.scope, self.concurrency = concurrency.scope, concurrency
        self.types = StoreTypes(concurrency)
        self._effects: dict[tuple[str, Types], list[frozenset[str]]] = {}
        self._by_path: dict[tuple[str, str, Types, int], frozenset[str]] = {}
        """Of locals that are made of each other, each would be followed once for every way that leads to it."""
        self._asked: dict[str, list[CallSite]] = {}
        self._said: dict[str, int] = {}
        self._changing: dict[str, bool] = {}
        self._commits: dict[str, bool] = {}
        self._statements: dict[str, tuple[dict[str, frozenset[str]], bool]] = {}

    def asked(self, function: FunctionFacts) -> list[CallSite]:
        """The calls of a function whose names say that they may do something to a store, whatever the types are."""
        known = self._asked.get(function.qualname)
        if known is None:
            says = self._says
            known = self._asked[function.qualname] = [
                call for call in function.calls if says(call.callee.rpartition(".")[2]) > (not call.arguments)
            ]
        return known

    def _says(self, name: str) -> int:
        """What the last name of a call says: 2 that it may do something to a store, 1 that it may if it has arguments, else 0."""
        known = self._said.get(name)
        if known is None:
            may = self.scope.models.may_reach_stores(name) or name in THREAD_CALLS or verb_of(name) in VERBS
            known = self._said[name] = 2 if may else int(_last(name) in VERBS)
        return known

    def may_change(self, function: FunctionFacts) -> bool:
        """Whether the name of any call of a function says that it may have one of `CHANGES`."""
        return any(self._says_change(call.callee.rpartition(".")[2]) for call in self.asked(function))

    def _says_change(self, name: str) -> bool:
        known = self._changing.get(name)
        if known is None:
            verbs = WRITE in (VERBS.get(verb_of(name)), VERBS.get(_last(name)))
            known = verbs or name in THREAD_CALLS or not CHANGES.isdisjoint(self.scope.models.all_effects.get(name, ()))
            self._changing[name] = known
        return known

    def may_commit(self, guard: str) -> bool:
        """Whether the end of what a `with` enters may commit: it is named like a session or a transaction.

        A cursor, which is closed there, does not, unless a function of the project with that name is written as a context manager.
        """
        known = self._commits.get(guard)
        if known is None:
            last = guard.rpartition(".")[2]
            known = SCOPES.search(guard) is not None and (
                last.lower().rpartition("_")[2] != "cursor" or last in self.scope.index.context_managers
            )
            self._commits[guard] = known
        return known

    def effects(self, function: FunctionFacts, types: Types) -> list[frozenset[str]]:
        """What each call of a function may do to a store, if values have these types; calls that do nothing are left out."""
        known = self._effects.get((function.qualname, types))
        if known is None:
            known = self._effects[function.qualname, types] = []
            for call in self.asked(function):
                found = self._effects_of(call, function, types)
                if found:
                    known.extend([found, found] if call.looped else [found])
        return known

    def _effects_of(self, call: CallSite, function: FunctionFacts, types: Types) -> frozenset[str]:
        callee = call.callee
        if callee.rpartition(".")[2] in THREAD_CALLS:
            handed = [
                self._effects_by_path(argument, function, types) | _named(argument, True) for argument in call.arguments
            ]
            return NOTHING.union(*handed)
        found = self._effects_by_path(callee, function, types)
        if "update" in found and _updates_mapping(call):
            found = found & self._effects_by_path(callee, function, types - _TOLD_BY_KEYWORDS)
        if not call.arguments or (found == SQL and self._asks_module(call)):
            found -= SQL  # which needs a statement
        if "sql" in found:
            found = found - SQL | self._of_statement(call, function)
        elif found >= _QUERY and (built := _built(callee.rpartition(".")[0])) and not built >= _QUERY:
            found -= _QUERY  # a condition of a statement that changes rows
        named = _named(callee, call.awaited)
        if named:
            root, _, rest = callee.partition(".")
            own = "." not in rest and root in ("self", "cls", callee)
            if not own or all(target.stub for target in self.concurrency.target(callee, function)):
                found |= named  # otherwise its body is seen
        return found

    def _of_statement(self, call: CallSite, function: FunctionFacts) -> frozenset[str]:
        """What the statement may do that a call runs: one that is built there, or in a local, is known by the functions that build it."""
        path = call.arguments[0] if call.arguments else ""
        known = self._statements.get(function.qualname)
        if known is None:
            known = self._statements[function.qualname] = _statements_of(function)
        of_locals, selects = known
        built = _built(path) | of_locals.get(path.partition(".")[0], NOTHING)
        if not built:
            return SQL  # a text, or one that comes from elsewhere
        return built | _QUERY if selects else built

    def _asks_module(self, call: CallSite) -> bool:
        """Whether a call whose name alone says that it may run a statement is that of an imported module."""
        root, _, name = call.callee.partition(".")
        return root in self.scope.imports and "." not in name and root not in self.scope.models.receivers

    def _effects_by_path(self, path: str, function: FunctionFacts, types: Types, depth: int = 4) -> frozenset[str]:
        """What a call may do to a store, as the tables tell it by its receiver's type, name or origin."""
        question = (path, function.qualname, types, depth)
        known = self._by_path.get(question)
        if known is None:
            known = self._by_path[question] = self._find_effects(path, function, types, depth)
        return known

    def _find_effects(self, path: str, function: FunctionFacts, types: Types, depth: int) -> frozenset[str]:
        models, scope = self.scope.models, self.scope
        model = models.functions.get(scope.names_in(function.qualname).canonical(path))
        if model is not None:
            return frozenset((model.effect,))
        receiver, dot, name = path.rpartition(".")
        found = self.types.effects(name, types) if dot and depth else NOTHING
        if not found:
            return NOTHING
        root, _, rest = path.partition(".")
        if ".objects" in path or ".query" in path or root[:1].isupper():
            return found
        known = self.concurrency.receiver_type(receiver, function)
        guessed = known if known in models.types else models.guess(receiver, scope.libraries, name) or known
        if guessed in models.types:
            call = models.method(guessed, name) or (
                models.method("sql", name) if name in ("fetchrow", "fetchval") else None
            )
            return frozenset((call.effect,)) if call is not None else NOTHING
        if self._effects_by_path(receiver, function, types, depth - 1):
            return found
        if root in function.local_names:
            built = [built for local, built in function.locals_built if local == root]
            if any(
                self._effects_by_path(b, function, types, depth - 1)
                or ".objects" in b  # a manager that a local holds
                or models.guess(b, scope.libraries) in models.functions  # `self.session_factory()`
                or (self.uses_stores and self.concurrency.target(b, function))
                for b in built
            ):
                return found
            if (
                not built or "." in rest
            ):  # an argument, a loop's variable, something computed, the other end of a relation
                return found if self.uses_stores else found & (FILES | SQL if function.sql else FILES)
        if "." not in rest and self._inherits(root, function) and not self.concurrency.target(path, function):
            return found
        anywhere = [models.method(kind, name) for kind in ("sql", "row")]
        return frozenset(call.effect for call in anywhere if call is not None)

    def _inherits(self, name: str, function: FunctionFacts) -> bool:
        """Whether the name is that of the object whose class may have inherited methods that work on a store."""
        owner, self_name = enclosing_self(function, self.scope)
        return bool(owner) and name == self_name and self.uses_stores and bool(self.scope.classes[owner].bases)

    @cached_property
    def uses_stores(self) -> bool:
        """Whether a library is imported whose table describes a store."""
        return bool(self.scope.libraries & self.scope.models.libraries)


_TOLD_BY_KEYWORDS = frozenset({"django.QuerySet", "tortoise.QuerySet"})
"""Types whose updates are told by keywords what to set."""


def _updates_mapping(call: CallSite) -> bool:
    """Whether what is to be set is handed to an update as one thing, as to that of a dictionary or a set."""
    named = call.callee.rpartition(".")[2] in KEYWORDS_ONLY
    return named and bool(call.arguments) and not any("=" in a or a.startswith("*") for a in call.arguments)


_QUERY = frozenset(["query"])
_BUILDS = {
    **dict.fromkeys("select exists query".split(), _QUERY),
    **dict.fromkeys("insert replace merge upsert".split(), frozenset(["create", "update", "sql-write"])),
    "update": frozenset(["update", "sql-write"]),
    "delete": frozenset(["delete"]),
}
"""Words in the names of functions that build statements, under whatever name they are imported, with what those do."""


def _built(path: str) -> frozenset[str]:
    """What a statement does that a dotted path builds: `delete.where`, `sa.select`, `pg_insert`."""
    words = path.replace(".", "_").lower().split("_")
    return NOTHING.union(*(_BUILDS[word] for word in words if word in _BUILDS))


def _statements_of(function: FunctionFacts) -> tuple[dict[str, frozenset[str]], bool]:
    """What the statements do that the locals of a function may hold, and whether any call of it begins a query."""
    of_locals: dict[str, frozenset[str]] = {}
    built_on: dict[str, set[str]] = {}
    for local, built in function.locals_built:
        of_locals[local] = of_locals.get(local, NOTHING) | _built(built)
        built_on.setdefault(built.partition(".")[0], set()).add(local)
    todo = list(of_locals)
    while todo:  # each local changes as often as there are kinds, at most
        local = todo.pop()
        for other in built_on.get(local, ()):
            if not of_locals[local] <= of_locals[other]:
                of_locals[other] |= of_locals[local]
                todo.append(other)
    return of_locals, any(_built(call.callee) >= _QUERY for call in function.calls)


def verb_of(name: str) -> str:
    """The first word of a function's name."""
    return name.lstrip("_").partition("_")[0]


def _last(name: str) -> str:
    return name.rpartition("_")[2]


def looks_up(name: str) -> bool:
    """Whether a function is called after what it looks up or reads."""
    verb = verb_of(name)
    return verb in LOOK_UP or VERBS.get(verb) == READ


def asks_class(path: str) -> bool:
    """Whether a dotted path means a method of a class that looks its rows up: `model.User.get`, `Account.by_name`."""
    receiver, _, name = path.rpartition(".")
    last, verb = receiver.rpartition(".")[2], verb_of(name)
    return last[:1].isupper() and not last.isupper() and (verb in LOOK_UP or verb == "by")


def makes_asked(name: str, path: str) -> bool:
    """Whether a function is called after the creation of what a class is asked for: `create_member(…)` and `Member.get_by(…)`."""
    noun = name.lstrip("_").partition("_")[2].replace("_", "")
    return bool(noun) and asks_class(path) and path.rpartition(".")[0].rpartition(".")[2].lower() == noun


def _named(path: str, awaited: bool) -> frozenset[str]:
    """The effect of `load_x`/`save_x` and their kin, with and without what is loaded or saved."""
    verb, _, noun = path.rpartition(".")[2].lstrip("_").partition("_")
    effect = VERBS.get(verb)
    if effect is None:  # `metadata_get`
        noun, _, verb = path.rpartition(".")[2].lstrip("_").rpartition("_")
        effect = VERBS.get(verb) if noun else None
        return frozenset((effect, f"{effect} {noun}")) if effect is not None else NOTHING
    if awaited or (noun and verb not in ("get", "set", "put", "update", "find")):
        return frozenset((effect, f"{effect} {noun}"))
    return LOOK if noun and effect == READ else NOTHING
