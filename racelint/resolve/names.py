"""The names of one module: what is imported, assigned and defined in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from racelint.expressions import expression
from racelint.facts import ClassFacts, FunctionFacts, ModuleFacts
from racelint.frozen import cached_property
from racelint.index import Index
from racelint.models.data import Models

if TYPE_CHECKING:
    from racelint.resolve.scope import Home, Scope


class Names:
    """The names of one module."""

    def __init__(self, facts: ModuleFacts, index: Index, models: Models) -> None:
        self.facts, self.index, self.models = facts, index, models
        self.imports = dict(facts.imports)
        self.classes = {c.qualname: c for c in facts.classes}
        self.functions = {f.qualname: f for f in facts.functions}
        self.assigned = dict(facts.assigned)
        self.methods: dict[str, dict[str, FunctionFacts]] = {}
        for function in facts.functions:
            if function.owner:
                self.methods.setdefault(function.owner, {})[function.name] = function
        self._attribute_types: dict[tuple[str, str], str] = {}
        self._lineages: dict[str, list[ClassFacts]] = {}
        self._homes: dict[str, Home] = {}
        self.selves: dict[int, tuple[FunctionFacts, tuple[str, str]]] = {}
        """What `enclosing_self` said, by the identity of the function, which is kept so that nothing else gets it."""
        self.every_function: list[FunctionFacts] = list(facts.functions)
        """The functions of the module and those that were taken over: methods of bases that other modules define."""

    def names_in(self, qualname: str) -> Scope | Home:
        """What names mean in a definition: in one of another module what they mean there."""
        if "::" not in qualname:
            return self  # type: ignore[return-value]  # there are only scopes; `cast` would be called most of all
        prefix, mark, _ = qualname.partition("::")
        return self._homes[prefix + mark]

    @cached_property
    def libraries(self) -> frozenset[str]:
        """The imported modules and all their parents: `django.db.models` gives `django`, `django.db`, …"""
        found: set[str] = set()
        for origin in self.imports.values():
            parts = origin.split(".")
            found.update(".".join(parts[:n]) for n in range(1, len(parts) + 1))
        return frozenset(found | self._used_mappers(found) | self._used_driver())

    def _used_driver(self) -> set[str]:
        """The driver whose customary names are called although the module gets its pool from elsewhere.

        `async with request.app.state.pool.acquire() as conn: await conn.fetchval(…)`. Where any connection is handed in, or comes from
        what the project has made around the driver, so may be its transaction, which is not seen.
        """
        fetches = [
            call.within
            for function in self.facts.functions
            for call in function.calls
            if call.awaited and call.callee.endswith(_DRIVER_CALLS)
        ]
        lent = all(any(guard.endswith(".acquire") for guard in within) for within in fetches)
        return {"asyncpg"} if fetches and lent else set()

    def _used_mappers(self, imported: set[str]) -> set[str]:
        """Mappers whose customary names are called although the module imports models and sessions from elsewhere only."""
        callees = [call.callee for function in self.facts.functions for call in function.calls]
        if not imported & {"django", "mongoengine"} and any(".objects." in callee for callee in callees):
            return {"django"}
        if "rest_framework" in imported:  # which is made for Django
            return {"django"}
        if imported & MAPPERS:
            return set()
        if any(callee.endswith(_SESSION_CALLS) for callee in callees):
            return {"sqlalchemy"}
        if any(_counts_on_argument(function) for function in self.facts.functions):
            return {"django"}
        if any(path.endswith(".DoesNotExist") for function in self.facts.functions for path in function.reads):
            return {"peewee"}
        return set()

    @cached_property
    def from_project(self) -> frozenset[str]:
        """Imported names that the project itself defines."""
        return self.index.from_project(self.facts)

    @property
    def reaches_out(self) -> bool:
        """Whether the module uses anything of other modules of the project."""
        return bool(self.from_project)

    @cached_property
    def rebound_globals(self) -> frozenset[str]:
        """Module names that a function assigns after a `global` statement."""
        return frozenset(
            w.path
            for f in self.facts.functions
            for w in f.writes
            if w.path in f.outer_names and w.path in self.module_names and w.how in ("=", "+=", "del")
        )

    @cached_property
    def module_names(self) -> frozenset[str]:
        """Names assigned at module level, or by a function that declares them global."""
        names = set(self.assigned) | set(self.facts.module_body.local_names)
        for function in self.facts.functions:
            names |= function.global_names
        return frozenset(names - set(self.imports) - {c.name for c in self.facts.classes} - set(self.functions))

    @cached_property
    def has_timers(self) -> bool:
        """Whether any function of the module asks an event loop to call something later."""
        return any(call.callee.endswith((".call_later", ".call_at")) for f in self.facts.functions for call in f.calls)

    def function_named(self, name: str) -> FunctionFacts | None:
        """The function at the top of the module that a name means."""
        return self.functions.get(name)

    def class_named(self, name: str) -> ClassFacts | None:
        """The class that a dotted name means, if it is defined here or was taken over."""
        return self.classes.get(name)

    def canonical(self, path: str) -> str:
        """A dotted path with its first name replaced by what it was imported from."""
        first, dot, rest = path.partition(".")
        origin = self.imports.get(first)
        if origin is None:
            return path
        return origin + dot + rest

    def class_type(self, path: str) -> str:
        """The type that a dotted class name stands for."""
        if not path:
            return ""
        if path in self.classes:
            return ":" + path
        origin = self.canonical(path)
        return BUILT_IN.get(origin, origin)

    def annotated_type(self, path: str) -> str:
        """The type of an object that is annotated with the class: what a call of the class gives."""
        own = self._type_annotated(path)
        if own in ("typing.Any", "object"):
            return ""
        call = self.models.functions.get(own)
        return call.returns if call is not None and call.returns else own

    def _type_annotated(self, path: str) -> str:
        """The type that an annotation names, maybe by a name that a module of the project gives to the whole of it."""
        named = self.index.annotation(path, self.facts)
        if named is None:
            return self.class_type(path)
        if named.module.path == self.facts.path:
            return self.class_type(named.name)
        if self.index.meaning(named.name, named.module) is not None:
            return self.class_type(path)  # a class of the project, which has no name here
        first, dot, rest = named.name.partition(".")
        origin = self.index.table(named.module).imports.get(first, first) + dot + rest
        return BUILT_IN.get(origin, origin)

    def own_class(self, type_name: str) -> ClassFacts | None:
        """The class of this module that the type names."""
        return self.classes.get(type_name[1:]) if type_name.startswith(":") else None


BUILT_IN = {
    **{f"typing.{name}": name.lower() for name in ("Dict", "List", "Set", "FrozenSet", "Tuple", "Type")},
    "typing.Deque": "collections.deque",
    "typing.DefaultDict": "collections.defaultdict",
    "typing.OrderedDict": "collections.OrderedDict",
    "typing.Counter": "collections.Counter",
}
"""What the names of `typing` for classes of the standard library stand for."""

ABSTRACT = frozenset(
    f"{module}.{name}"
    for module in ("typing", "collections.abc")
    for name in ("Mapping", "MutableMapping", "Sequence", "MutableSequence", "AbstractSet", "MutableSet", "Collection")
) | {"collections.abc.Set"}
"""Annotations that leave open what class an object is of."""

MAPPERS = frozenset(
    {
        "django",
        "sqlalchemy",
        "tortoise",
        "peewee",
        "sqlmodel",
        "mongoengine",
        "flask_sqlalchemy",
        "flask_mongoengine",
        "piccolo",
        "ormar",
    }
)
"""Packages that map objects to rows."""


def _counts_on_argument(function: FunctionFacts) -> bool:
    """Whether a number is added to a column of an argument, which then saves itself: `voucher.uses += 1`, `voucher.save()`."""
    saved = {
        call.callee.removesuffix(".save")
        for call in function.calls
        if call.callee.endswith(".save") and not call.arguments
    }
    if not saved:
        return False
    names = {name for name, _ in function.params if name not in ("self", "cls")} & saved
    return any(
        w.how in ("+=", "-=") and w.path.partition(".")[0] in names and w.path.count(".") == 1 for w in function.writes
    )


_SESSION_CALLS = ("session.query", "session.add", "session.commit", "session.flush", "SessionLocal")
"""Ends of calls that are SQLAlchemy's by custom."""

_DRIVER_CALLS = (".fetchval", ".fetchrow")
"""Ends of calls that no other driver's connections have."""


_MODELS = expression(r"(^|\.)(models?|entit(y|ies)|orm|tables?)(\.|$)")


def is_model_class(type_name: str) -> bool:
    """Whether a dotted name is that of a class in a module that keeps the models of a project: `shop.models.Order`."""
    module, _, name = type_name.rpartition(".")
    return name[:1].isupper() and _MODELS.search(module) is not None


def enclosing_self(function: FunctionFacts, scope: Names) -> tuple[str, str]:
    """The class whose instance a function sees, and by which name: also for functions nested in a method."""
    known = scope.selves.get(id(function))
    if known is None:
        known = scope.selves[id(function)] = function, _enclosing_self(function, scope)
    return known[1]


def _enclosing_self(function: FunctionFacts, scope: Names) -> tuple[str, str]:
    seen: FunctionFacts | None = function
    for _ in range(5):
        if seen is None:
            break
        if seen.owner and seen.params and "staticmethod" not in seen.decorators:
            return seen.owner, seen.params[0][0]
        if not seen.parent:
            break
        seen = scope.functions.get(seen.parent)
    return "", ""
