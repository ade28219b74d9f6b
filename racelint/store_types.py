"""The types of libraries' tables that values in a function may have, as far as facts tell; it errs towards too many.

A method's name alone says little: `get` and `update` are those of dictionaries, too. What such a call may do to a store is what it
does on a type that can be there at all: one that is annotated, made, imported, guessed from a name, or that a call gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from racelint.evidence import Concurrency
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.frozen import cached_property
from racelint.resolve import Home, Scope, enclosing_self

EVERYWHERE = frozenset({"row", "sql", "cursor", "file", "transaction"})
"""Types that values get without being told so: rows, what executes statements, and what is opened."""

_QUERY_SET, _QUERY = "django.QuerySet", "sqlalchemy.Query"
ANY_ARGUMENTS = frozenset(
    "filter exclude select_for_update get_or_create update_or_create aget_or_create aupdate_or_create select_related "
    "prefetch_related annotate aggregate aaggregate values_list order_by bulk_create abulk_create in_bulk".split()
)
"""Methods that hardly anything but a query set has."""
NO_ARGUMENTS = frozenset("all first last count exists afirst alast acount aexists".split())
KEYWORDS_ONLY = frozenset("get create update aget acreate aupdate".split())

_CLASS_QUERY = expression(r"(?:^|\.)(?:[A-Z]\w*|cls)\.query\b")
"""How the rows of a class are asked for where SQLAlchemy is nowhere imported, as Flask's extension has it."""
_MANAGERS = frozenset({"_default_manager", "_base_manager"})
_OF_ROWS = (".Model", ".Document", ".Table")
"""Tails of types whose classes are queried by methods of their own."""


_REPOSITORY = expression(r"(?i)(^|_)(repo|repos|repository|repositories|dao|crud)$|(Repo|Repository|DAO)$")


def keeps_rows(name: str) -> bool:
    """Whether what is called so is there to fetch and keep rows, whatever library it does that with."""
    return _REPOSITORY.search(name) is not None


class StoreTypes:
    """The types that may be there in the functions of one module."""

    def __init__(self, concurrency: Concurrency) -> None:
        self.scope, self.models = concurrency.scope, concurrency.scope.models
        self._own: dict[str, frozenset[str]] = {}
        self._effects: dict[tuple[str, frozenset[str]], frozenset[str]] = {}
        self._closed: dict[frozenset[str], frozenset[str]] = {}
        self._anywhere: dict[frozenset[str], list[str]] = {}
        self._said: dict[frozenset[str], tuple[dict[str, frozenset[str]], set[str]]] = {}
        """By libraries: the types that a part of a path says, and the parts that say none, which are nearly all."""

    def within(self, functions: Iterable[FunctionFacts]) -> frozenset[str]:
        """The types in functions that hand values to each other, and those that methods of these types give."""
        types = self._of_module.union(*map(self._of, functions))
        known = self._closed.get(types)
        if known is None:
            known = self._closed[types] = types | self.models.given_by(types)
        return known

    def effects(self, method: str, types: frozenset[str]) -> frozenset[str]:
        """What a method of this name may do on an object of one of the types."""
        key = (method, types)
        known = self._effects.get(key)
        if known is None:
            calls = (self.models.method(type_name, method) for type_name in (*types, *EVERYWHERE))
            known = self._effects[key] = frozenset(call.effect for call in calls if call is not None)
        return known

    @cached_property
    def _of_module(self) -> frozenset[str]:
        """What attributes and names at the top of the module hold."""
        scope = self.scope
        found: set[str] = set()
        for class_ in scope.classes.values():
            names = scope.names_in(class_.qualname)
            found.update(names.built_type(built) for _, built in class_.attributes)
        for function in scope.every_function:
            names, params = scope.names_in(function.qualname), dict(function.params)
            for write in function.writes:
                if write.built_from and "." in write.path:
                    found.add(names.built_type(write.built_from))
                    if write.built_from in params:
                        found.add(names.annotated_type(params[write.built_from]))
        found.update(scope.built_type(built) for _, built in scope.facts.assigned)
        if "sqlalchemy" in scope.libraries and scope.core_tables:
            found.add("sqlalchemy.Table")
        return frozenset(found & self.models.types)

    def _of(self, function: FunctionFacts) -> frozenset[str]:
        known = self._own.get(function.qualname)
        if known is None:
            known = self._own[function.qualname] = frozenset(self._find(function))
        return known

    def _find(self, function: FunctionFacts) -> Iterator[str]:
        names, types = self.scope.names_in(function.qualname), self.models.types
        parent = self.scope.functions.get(function.parent)
        if parent is not None:
            yield from self._of(parent)
        told = [names.annotated_type(annotation) for _, annotation in function.params if annotation]
        for _, built in function.locals_built:  # what makes it, or what it is said to be
            told += [names.built_type(built), names.annotated_type(built)]
        yield from types.intersection(told)
        paths = {call.callee for call in function.calls} | function.reads
        paths.update(a.lstrip("*").rpartition("=")[2] for call in function.calls for a in call.arguments)
        libraries = names.libraries
        said, silent = self._said.setdefault(libraries, ({}, set()))
        paths.update(built for _, built in function.locals_built)
        for part in set(".".join(paths).replace('"', "").split(".")) - silent:
            known = said.get(part)
            if known is None:
                known = said[part] = frozenset(self._of_part(part, libraries))
                if not known:
                    silent.add(part)
            yield from known
        if not self._has_sqlalchemy and any(_CLASS_QUERY.search(path) for path in paths if ".query" in path):
            yield _QUERY
        for path in paths:
            if path.partition(".")[0] in names.imports or path in self.models.functions:
                yield from self._of_path(path, names)
        if "django" in libraries or self._of_any(libraries):
            for call in function.calls:
                yield from self._of_call(call, libraries)
        owner, _ = enclosing_self(function, self.scope)
        if owner and any(base.endswith(("Manager", "QuerySet")) for base in self.scope.base_names(owner)):
            yield _QUERY_SET
        if any(path.endswith(".DoesNotExist") for path in function.reads):
            yield "peewee.Model"

    def _of_part(self, part: str, libraries: frozenset[str]) -> Iterator[str]:
        """What a name anywhere in a path says by itself."""
        for type_name, needed in self.models.receivers.get(part.lstrip("_"), ()):
            if not needed or not libraries.isdisjoint(needed):
                yield type_name
        if "objects" in part or part in _MANAGERS or part.endswith(("_queryset", "_qs")):
            yield _QUERY_SET
        elif part == "query" and self._has_sqlalchemy:
            yield _QUERY
        elif part[:1].isupper() or part == "cls":
            yield from self._queried

    def _of_path(self, path: str, names: Scope | Home) -> Iterator[str]:
        """What functions and classes of libraries in a path give or are."""
        models, parts = self.models, path.split(".")
        for length in range(1, len(parts) + 1) if parts[0] in names.imports else (len(parts),):
            origin = names.canonical(".".join(parts[:length]))
            call = models.functions.get(origin)
            if call is not None and call.returns:
                yield call.returns
            elif origin in models.types:
                yield origin

    def _of_any(self, libraries: frozenset[str]) -> list[str]:
        """The types that anything may have of which one of their methods is called."""
        known = self._anywhere.get(libraries)
        if known is None:
            known = self._anywhere[libraries] = [
                type_name
                for type_name, needed in self.models.receivers.get("*", ())
                if not needed or not libraries.isdisjoint(needed)
            ]
        return known

    def _of_call(self, call: CallSite, libraries: frozenset[str]) -> Iterator[str]:
        receiver, _, method = call.callee.rpartition(".")
        for type_name in self._of_any(libraries):
            if (type_name, method) in self.models.methods:
                yield type_name
        if "django" in libraries and "." in receiver:
            with_keywords = bool(call.arguments) and all("=" in argument for argument in call.arguments)
            if (
                method in ANY_ARGUMENTS
                or (method in NO_ARGUMENTS and not call.arguments)
                or (method in KEYWORDS_ONLY and with_keywords)
            ):
                yield _QUERY_SET

    @cached_property
    def _has_sqlalchemy(self) -> bool:
        """Whether anything that the project imports is named after SQLAlchemy: else `query` is mostly something else."""
        packages = self.scope.index.packages | self.scope.libraries
        return any("sqlalchemy" in name or name == "sqlmodel" for name in packages)

    @cached_property
    def _queried(self) -> frozenset[str]:
        """The types whose classes are queried by methods of their own, of libraries that any module of the project imports."""
        packages = self.scope.index.packages | self.scope.libraries
        return frozenset(t for t in self.models.types if t.endswith(_OF_ROWS) and t.partition(".")[0] in packages)
