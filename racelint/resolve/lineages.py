"""The classes of one module: their bases, their methods, and what these make of them."""

from __future__ import annotations

import sys

from racelint.facts import ClassFacts, FunctionFacts
from racelint.frozen import cached_property
from racelint.grafts import is_grafted, prefix_of
from racelint.resolve.names import MAPPERS, Names
from racelint.resolve.outside import outside_bases


class Lineages(Names):
    """The classes of one module, as far as it and the project define them."""

    def lineage(self, qualname: str) -> list[ClassFacts]:
        """The class and its bases as far as this module and those that were taken over define them, nearest first."""
        if qualname not in self._lineages:
            self._lineages[qualname] = self._find_lineage(qualname)
        return self._lineages[qualname]

    def _find_lineage(self, qualname: str) -> list[ClassFacts]:
        found: dict[str, ClassFacts] = {}
        todo = [qualname]
        while todo and len(found) < 20:
            class_ = self.classes.get(todo.pop(0))
            if class_ is None or class_.qualname in found:
                continue
            found[class_.qualname] = class_
            todo.extend(self._base(class_, base) for base in class_.bases)
        return list(found.values())

    def _base(self, class_: ClassFacts, base: str) -> str:
        """The qualified name of a base that is written in a class."""
        if not self._homes or (base in self.classes and not is_grafted(class_.qualname)):
            return base
        home = self.names_in(class_.qualname).facts
        located = self.index.class_named(base, home)
        if located is None:
            return base
        return (
            located[1].qualname if located[0].path == self.facts.path else prefix_of(located[0]) + located[1].qualname
        )

    def base_names(self, qualname: str) -> frozenset[str]:
        """Dotted origins of all bases, through this module and the index."""
        if qualname not in self._bases:
            self._bases[qualname] = self._find_base_names(qualname)
        return self._bases[qualname]

    @cached_property
    def _bases(self) -> dict[str, frozenset[str]]:
        return {}

    def _find_base_names(self, qualname: str) -> frozenset[str]:
        found: set[str] = set()
        todo = [(self.facts, qualname)]
        seen = 0
        while todo and seen < 30:
            seen += 1
            module, name = todo.pop()
            classes = self.index.table(module).classes
            class_ = classes.get(name)
            if class_ is None:
                continue
            imports = dict(module.imports)
            for base in class_.bases:
                first, dot, rest = base.partition(".")
                origin = imports.get(first, first) + dot + rest
                found.add(origin)
                if base in classes:
                    todo.append((module, base))
                else:
                    located = self.index.find_class(origin, module.path)
                    if located is not None:
                        todo.append((located[0], located[1].qualname))
        return frozenset(found)

    def is_plain(self, base: str) -> bool:
        """Whether a base is a class of the project: it is called like one of a library and is none, whatever its own bases are."""
        return base in self.classes or self.index.find_class(base, self.facts.path) is not None

    def is_mapped(self, qualname: str) -> bool:
        """Whether objects of the class are rows of an object-relational mapper."""
        known = self._mapped.get(qualname)
        if known is None:
            known = self._mapped[qualname] = self._find_mapped(qualname)
        return known

    @cached_property
    def _mapped(self) -> dict[str, bool]:
        return {}

    def _find_mapped(self, qualname: str) -> bool:
        bases = self.base_names(qualname)
        if any(_is_mapped_base(base) for base in bases):
            return True
        if not self.libraries & MAPPERS:
            return False
        if any(self._has_columns(class_) for class_ in self.lineage(qualname)) or self.saves_fields(qualname):
            return True
        outside = [base for base in sorted(bases) if "." in base and self._may_be_rows(base.partition(".")[0])]
        return any(_is_mapped_base(found) for base in outside for found in outside_bases(base))

    def _may_be_rows(self, package: str) -> bool:
        """Whether a class of the package can be mapped, so that it is worth reading its source."""
        return bool(package) and package not in sys.stdlib_module_names and package not in self.models.plain

    def saves_fields(self, qualname: str) -> bool:
        """Whether methods of the class save some of its fields as Django's models do: a mix-in, or a base that is not in view."""
        if "django" not in self.libraries:
            return False
        return any(
            call.callee == f"{method.params[0][0]}.save" and any(a.startswith("update_fields=") for a in call.arguments)
            for class_ in self.lineage(qualname)
            for method in self.methods.get(class_.qualname, {}).values()
            if method.params
            for call in method.calls
        )

    def _has_columns(self, class_: ClassFacts) -> bool:
        """Whether a class says itself that it is mapped: it names its table or declares columns."""
        return any(
            name in ("__tablename__", "__table__")
            or (built.endswith(_COLUMNS) and self.canonical(built).startswith(_OF_MAPPERS))
            for name, built in class_.attributes
        )

    def method(self, qualname: str, name: str) -> FunctionFacts | None:
        """The method that `name` finds on an instance of the class, as far as this module defines it."""
        for class_ in self.lineage(qualname):
            found = self.methods.get(class_.qualname, {}).get(name)
            if found is not None:
                return found
        return None

    def inherited_method(self, qualname: str, name: str) -> FunctionFacts | None:
        """The method that `super().name` finds in a method of the class, as far as this module defines it."""
        for class_ in self.lineage(qualname)[1:]:
            found = self.methods.get(class_.qualname, {}).get(name)
            if found is not None:
                return found
        return None

    def is_thread_local(self, type_name: str) -> bool:
        """Whether the type is a class of the module whose objects have attributes of their own in each thread."""
        if not type_name.startswith((":", "self:")):  # as nearly all that are asked for
            return False
        owner = type_name.removeprefix("self")
        if owner[1:] not in self.classes or not self.classes[owner[1:]].bases:
            return False
        known = self._thread_local.get(owner)
        if known is None:
            bases = self.base_names(owner[1:])
            known = self._thread_local[owner] = any(base.endswith(("threading.local", "local.local")) for base in bases)
        return known

    @cached_property
    def _thread_local(self) -> dict[str, bool]:
        return {}

    def is_thread(self, qualname: str) -> bool:
        """Whether the class is a thread: its `run` is the body, and `start` starts it."""
        return any(base.rpartition(".")[2] in THREADS for base in self.base_names(qualname))

    def has_threads(self, type_name: str) -> bool:
        """Whether an object of the type is a pool or thread, or makes some in a method."""
        if not type_name.startswith(":"):
            return type_name.rpartition(".")[2] in _WITH_THREADS
        return self.is_thread(type_name[1:]) or any(
            call.callee.rpartition(".")[2] in _WITH_THREADS
            for class_ in self.lineage(type_name[1:])
            for method in self.methods.get(class_.qualname, {}).values()
            for call in method.calls
        )


THREADS = frozenset({"Thread", "QThread", "Process", "Timer", "Greenlet"})
"""Last names of classes whose objects run a body of their own once they are started."""

_WITH_THREADS = frozenset({"ThreadPoolExecutor", "Thread", "ThreadPool"})
"""Last names of classes whose objects have threads."""

_COLUMNS = ("Field", "ForeignKey", "Column", "mapped_column")
"""Ends of the names of what declares a column."""

_OF_MAPPERS = ("django.db.models.", "sqlalchemy.", "tortoise.fields.", "peewee.", "mongoengine.")

MAPPED_BASES = {
    "django.db.models.Model": "django",
    "tortoise.models.Model": "tortoise",
    "tortoise.Model": "tortoise",
    "peewee.Model": "peewee",
    "sqlalchemy.orm.DeclarativeBase": "sqlalchemy",
    "sqlmodel.SQLModel": "sqlalchemy",
    "mongoengine.Document": "mongoengine",
    "mongoengine.DynamicDocument": "mongoengine",
    "piccolo.table.Table": "piccolo",
    "ormar.Model": "ormar",
}
"""Base classes of mapped classes, with their library."""


def _is_mapped_base(base: str) -> bool:
    return (
        base in MAPPED_BASES
        or base.endswith(("models.Model", "db.Model", ".DeclarativeBase"))
        or base in ("Base", "Model")
    )
