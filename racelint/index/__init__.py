"""Facts of many modules, joined: which class, function or object a name means, wherever in the project it is defined."""

from __future__ import annotations

import os

from racelint.facts import CallSite, ClassFacts, FunctionFacts, ModuleFacts
from racelint.frozen import cached_property, dataclass
from racelint.index.application import IN_APPLICATION, kept_by_application
from racelint.index.file_locks import file_locks
from racelint.index.modules import Modules, folder, module_path, shared
from racelint.index.processes import FEWEST_MODULES, Processes
from racelint.index.quiet import Quiet
from racelint.index.tables import Table

__all__ = ["Found", "Index", "Located"]

MOST_HOPS = 6
"""Re-exports that are followed from one module to the next."""
MOST_BASES = 20
"""Classes of a lineage."""

_RELATIONS = frozenset({"relationship", "ManyToManyField", "dynamic_loader", "association_proxy"})
"""Last names of what mappers call a relation to several rows of another table."""
_NO_ROWS = ("Form", "Serializer", "Schema", "BaseModel")
"""How bases of classes end that tell what is sent and received, with fields named after columns."""
_COLUMNS = ("Column", "column", "Field", "Key")
"""How last names of what mappers call a column end."""

Located = tuple[ModuleFacts, ClassFacts]


@dataclass(frozen=True, slots=True)
class Found:
    """What a dotted name means: a module of the project and the dotted name in it, "" for the module itself."""

    module: ModuleFacts
    name: str


def hands_on(function: FunctionFacts, names: frozenset[str]) -> bool:
    """Whether a function hands one of its parameters to a call of one of these last names, or a function that stands in its body."""
    handed = {
        argument.rpartition("=")[2].lstrip("*")
        for call in function.calls
        if call.callee.rpartition(".")[2] in names
        for argument in call.arguments
    }
    return not handed.isdisjoint(function.local_names)


class Index:
    """The modules of a project."""

    def __init__(self, modules: tuple[ModuleFacts, ...], whole: bool = True) -> None:
        """`whole` is whether other modules of the project, if there are any, are among them."""
        self.modules = modules
        self._whole = whole
        self._tables: dict[str, Table] = {}
        self._found: dict[tuple[str, str], Found | None] = {}
        self._meanings: dict[tuple[str, str], Found | None] = {}
        self._classes: dict[str, list[Located]] = {}
        self._handing_on: dict[frozenset[str], dict[str, frozenset[str]]] = {}
        for module in modules:
            for class_ in module.classes:
                self._classes.setdefault(class_.name, []).append((module, class_))

    @cached_property
    def packages(self) -> frozenset[str]:
        """The first names of all that any module imports."""
        return frozenset(origin.partition(".")[0] for module in self.modules for _, origin in module.imports)

    @cached_property
    def atomic_requests(self) -> bool:
        """Whether settings of the project put each request into a transaction."""
        return any(module.atomic_requests for module in self.modules)

    @cached_property
    def leaves_out_requests(self) -> bool:
        """Whether views of the project are left out of the transactions of requests, which settings then ask for."""
        return any(module.leaves_out_requests for module in self.modules)

    @cached_property
    def _drivers(self) -> tuple[str, ...]:
        """The folders of drivers of databases that say that threads may not share their connections."""
        return tuple(folder(module.path) for module in self.modules if module.unshared)

    def of_unshared_connections(self, path: str) -> bool:
        """Whether a module belongs to such a driver."""
        return any(path.startswith(f"{driver}/") or folder(path) == driver for driver in self._drivers)

    @cached_property
    def mentions(self) -> dict[str, set[str]]:
        """By last name: the paths of the modules that call, import or hand on something of that name."""
        found: dict[str, set[str]] = {}
        for module in self.modules:
            paths = {origin for _, origin in module.imports}
            for function in (module.module_body, *module.functions):
                paths.update(call.callee for call in function.calls)
                paths |= function.references | set(function.decorators)
            for path in paths:
                found.setdefault(path.rpartition(".")[2], set()).add(module.path)
        return found

    @cached_property
    def context_managers(self) -> frozenset[str]:
        """The names of all generators that are used as context managers, also those under which they are imported."""
        found = {
            function.name
            for module in self.modules
            for function in module.functions
            if any("contextmanager" in decorator for decorator in function.decorators)
        }
        return frozenset(found.union(*(self.renamed.get(name, ()) for name in found)))

    @cached_property
    def mixtures(self) -> tuple[frozenset[tuple[str, str]], ...]:
        """For each class with several bases, itself or further up: all classes that it is made of, by path and name."""
        lineages = (self.lineage((module, class_)) for module in self.modules for class_ in module.classes)
        return tuple(
            frozenset((module.path, class_.qualname) for module, class_ in lineage)
            for lineage in lineages
            if any(len(class_.bases) > 1 for _, class_ in lineage)
        )

    @cached_property
    def methods_named(self) -> dict[str, list[tuple[ModuleFacts, FunctionFacts]]]:
        """By name: all methods of the project, each with its module."""
        found: dict[str, list[tuple[ModuleFacts, FunctionFacts]]] = {}
        for module in self.modules:
            for function in module.functions:
                if function.owner:
                    found.setdefault(function.name, []).append((module, function))
        return found

    @cached_property
    def renamed(self) -> dict[str, set[str]]:
        """By last name: the other names under which something of that name is imported anywhere."""
        found: dict[str, set[str]] = {}
        for module in self.modules:
            for name, origin in module.imports:
                last = origin.rpartition(".")[2]
                if name not in (last, "*"):
                    found.setdefault(last, set()).add(name)
        return found

    def mentioning(self, name: str) -> set[str]:
        """The paths of the modules that call, import or hand on something of this last name, or of one that is given to it."""
        names = [name]
        for one in names:
            names.extend(other for other in sorted(self.renamed.get(one, ())) if other not in names)
        return set().union(*(self.mentions.get(one, ()) for one in names))

    def handing_on(self, names: frozenset[str]) -> dict[str, frozenset[str]]:
        """By name: the modules with a function at their top that hands a parameter of its own to a call of one of these last names."""
        known = self._handing_on.get(names)
        if known is None:
            paths = set().union(*(self.mentions.get(name, ()) for name in names))
            found: dict[str, frozenset[str]] = {}
            for module in self.modules:
                for function in module.functions if module.path in paths else ():
                    if function.params and not (function.owner or function.parent) and hands_on(function, names):
                        found[function.name] = found.get(function.name, frozenset()) | {module.path}
            known = self._handing_on[names] = found
        return known

    @cached_property
    def file_locks(self) -> frozenset[str]:
        """Last names of what the project has that locks between processes: functions, context managers, decorators, classes."""
        return file_locks(self.modules)

    @cached_property
    def processes(self) -> Processes:
        """What runs beside what."""
        return Processes(self.modules, self._modules)

    @cached_property
    def quiet(self) -> Quiet:
        """Which coroutine methods never let other tasks run."""
        return Quiet(self)

    @cached_property
    def calls(self) -> dict[str, list[tuple[ModuleFacts, FunctionFacts, CallSite]]]:
        """By the last name of what is called: all calls of the project, with the function and the module they stand in."""
        found: dict[str, list[tuple[ModuleFacts, FunctionFacts, CallSite]]] = {}
        for module in self.modules:
            for function in (*module.functions, module.module_body):
                for call in function.calls:
                    found.setdefault(call.callee.rpartition(".")[2], []).append((module, function, call))
        return found

    def only_class(self, name: str) -> Located | None:
        """The class of the name, if the project has one alone."""
        located = self._classes.get(name, ())
        return located[0] if len(located) == 1 else None

    @cached_property
    def _by_path(self) -> dict[str, ModuleFacts]:
        return {module_path(module.path): module for module in self.modules}

    @cached_property
    def _modules(self) -> Modules:
        return Modules((module.path for module in self.modules), os.getcwd())

    def table(self, module: ModuleFacts) -> Table:
        """The names of a module."""
        known = self._tables.get(module.path)
        if known is None or known.facts is not module:
            known = self._tables[module.path] = Table(module)
        return known

    # names

    def resolve(self, origin: str, importer: str) -> Found | None:
        """What a dotted origin means where it is imported, through re-exports; None if the project does not define it."""
        key = (origin, folder(importer))
        if key not in self._found:
            self._found[key] = self._resolve(origin, importer, MOST_HOPS)
        return self._found[key]

    def _resolve(self, origin: str, importer: str, hops: int) -> Found | None:
        split = self._modules.split(origin, importer)
        return self._within(self._by_path[split[0]], split[1], hops) if split is not None else None

    def _within(self, module: ModuleFacts, name: str, hops: int) -> Found | None:
        """What a dotted name means in a module: its own, or what it imported."""
        first, dot, rest = name.partition(".")
        table = self.table(module)
        if not first or table.defines(first):
            return Found(module, name)
        if hops == 0:
            return None
        origin = table.imports.get(first)
        if origin is not None:
            return self._resolve(origin + dot + rest, module.path, hops - 1)
        for star in table.stars:
            found = self._resolve(f"{star}.{name}", module.path, hops - 1)
            if found is not None and found.name:
                return found
        return None

    def meaning(self, path: str, module: ModuleFacts) -> Found | None:
        """What a dotted path, written at the top of a module, means."""
        if not path:
            return None
        key = (module.path, path)
        if key not in self._meanings:
            self._meanings[key] = self._within(module, path, MOST_HOPS)
        return self._meanings[key]

    def annotation(self, path: str, module: ModuleFacts) -> Found | None:
        """The class, as it is written in its module, that a name for an annotation stands for: `Db` for `Annotated[Session, …]`."""
        if path.rpartition(".")[2] not in self._annotations:
            return None
        found = self.meaning(path, module)
        named = self.table(found.module).annotations.get(found.name) if found is not None else None
        return Found(found.module, named) if found is not None and named is not None else None

    @cached_property
    def _annotations(self) -> frozenset[str]:
        """The names that stand for annotations anywhere."""
        return frozenset(name for module in self.modules for name, _ in module.annotations)

    # classes

    def class_named(self, path: str, module: ModuleFacts) -> Located | None:
        """The class that a dotted path in a module names."""
        found = self.meaning(path, module)
        if found is None:
            return None
        class_ = self.table(found.module).classes.get(found.name)
        return (found.module, class_) if class_ is not None else None

    def lineage(self, located: Located) -> list[Located]:
        """The class and its bases, as far as the project defines them, nearest first."""
        found: list[Located] = []
        todo = [located]
        while todo and len(found) < MOST_BASES:
            module, class_ = todo.pop(0)
            if any(class_ is known for _, known in found):
                continue
            found.append((module, class_))
            todo.extend(base for path in class_.bases if (base := self.class_named(path, module)) is not None)
        return found

    def method(self, located: Located, name: str) -> tuple[ModuleFacts, FunctionFacts] | None:
        """The method that a name finds on an instance of the class."""
        for module, class_ in self.lineage(located):
            found = self.table(module).methods.get(class_.qualname, {}).get(name)
            if found is not None:
                return module, found
        return None

    def attribute_class(self, located: Located, attribute: str) -> Located | None:
        """The class of the project that an attribute of the class's instances is built from, if only one is."""
        found: list[Located] = []
        for module, class_ in self.lineage(located):
            for source in self.table(module).attribute_sources(class_.qualname, attribute):
                built = self.class_named(source, module)
                if built is not None and all(built[1] is not known for _, known in found):
                    found.append(built)
        return found[0] if len(found) == 1 else None

    @cached_property
    def in_applications(self) -> tuple[Located, ...]:
        """The classes of which one object lives as long as an application of the project."""
        found: dict[tuple[str, str], Located] = {}
        for module in self.modules:
            for built in kept_by_application(module):
                located = self.class_named(built, module)
                if located is not None:
                    found[located[0].path, located[1].qualname] = located
        return tuple(found[key] for key in sorted(found))

    def method_in_application(self, path: str) -> tuple[ModuleFacts, FunctionFacts] | None:
        """The method of an object which an application keeps that a dotted path means, if the name tells which one."""
        if IN_APPLICATION.search(path) is None:
            return None
        name = path.rpartition(".")[2]
        methods = [found for located in self.in_applications if (found := self.method(located, name)) is not None]
        return methods[0] if len(methods) == 1 else None

    def find_class(self, origin: str, importer: str = "") -> Located | None:
        """The class that a dotted origin such as `app.models.Order` or `.models.Order` names, if a module here defines it.

        Where the folders do not say which module is meant, modules are matched by the tail of their path; of several
        candidates the one that shares the longest path with `importer` is taken.
        """
        exact = self.resolve(origin, importer)
        if exact is not None and exact.name in self.table(exact.module).classes:
            return exact.module, self.table(exact.module).classes[exact.name]
        prefix, _, name = origin.rpartition(".")
        candidates = self._classes.get(name, ())
        if not candidates or not prefix:
            return None
        tail = prefix.lstrip(".").replace(".", "/")
        best: tuple[int, Located] | None = None
        for module, class_ in candidates:
            path = module_path(module.path)
            if tail and not (path == tail or path.endswith("/" + tail) or f"/{tail}/" in f"/{path}/"):
                continue
            score = shared(path, importer.replace("\\", "/"))
            if best is None or score > best[0]:
                best = (score, (module, class_))
        return best[1] if best else None

    @cached_property
    def called_on_others(self) -> frozenset[str]:
        """Last names of what is called on another object than the own one: `worker.stop()`, `self.worker.stop()`."""
        return frozenset(
            name
            for module in self.modules
            for function in (*module.functions, module.module_body)
            for call in function.calls
            for receiver, _, name in (call.callee.rpartition("."),)
            if receiver and receiver not in ("self", "cls", "super")
        )

    @cached_property
    def relations(self) -> frozenset[str]:
        """Names of attributes that are relations to other rows (`relationship(…)`), or the other ends of such, and none a column.

        A list that is assigned to one is compared with the rows that are linked: only those that differ are added or taken out.
        """
        declared: set[str] = set()
        others: set[str] = set()
        for module in self.modules:
            declared |= module.referring_back
            for class_ in module.classes:
                if any(name.endswith(_NO_ROWS) for name in (class_.name, *class_.bases)):
                    continue
                for name, built in class_.attributes:
                    last = built.rpartition(".")[2]
                    if last in _RELATIONS:
                        declared.add(name)
                    elif last.endswith(_COLUMNS) and last != "Field":
                        others.add(name)
        return frozenset(declared - others)

    @cached_property
    def overridden(self) -> frozenset[tuple[str, str, str]]:
        """Methods that a class derived from theirs defines, too: path of the module, class, name."""
        found: set[tuple[str, str, str]] = set()
        for module in self.modules:
            for class_ in module.classes:
                for home, base in self.lineage((module, class_))[1:] if class_.bases else ():
                    found.update((home.path, base.qualname, name) for name in class_.methods if name in base.methods)
        return frozenset(found)

    @cached_property
    def built_apart(self) -> frozenset[tuple[str, str]]:
        """Classes, by the path of their module, some derived class of which has a constructor that calls no other."""
        found: set[tuple[str, str]] = set()
        for module in self.modules:
            for class_ in module.classes:
                made = self.table(module).methods.get(class_.qualname, {}).get("__init__")
                if class_.bases and made is not None and not any(c.callee.endswith("__init__") for c in made.calls):
                    found.update((home.path, base.qualname) for home, base in self.lineage((module, class_))[1:])
        return frozenset(found)

    # who uses whom

    def from_project(self, module: ModuleFacts) -> frozenset[str]:
        """The names that a module imports from the project."""
        if len(self.modules) == 1:
            return frozenset()
        table = self.table(module)
        starred = {
            name
            for star in table.stars
            if (found := self.resolve(star, module.path)) is not None and not found.name
            for name in self.table(found.module).names
        }
        return (
            frozenset(
                name for name, origin in module.imports if name != "*" and self._leads_inside(origin, module.path)
            )
            | starred
        )

    def _leads_inside(self, origin: str, importer: str) -> bool:
        """Whether a dotted origin, or the start of a package that holds what is meant, lies in the project."""
        return self.resolve(origin, importer) is not None or self._modules.starts(origin, importer)

    @cached_property
    def users(self) -> dict[str, tuple[ModuleFacts, ...]]:
        """By the path of a module: the modules that may call something that it defines, in the order of their paths.

        They import it, or import a module that holds an object of one of its classes or derives a class from one.
        """
        importers: dict[str, set[str]] = {}
        holders: dict[str, set[str]] = {}
        for module in self.modules:
            for name, origin in module.imports:
                found = self.resolve(origin.removesuffix(".*") if name == "*" else origin, module.path)
                if found is not None and found.module.path != module.path:
                    importers.setdefault(found.module.path, set()).add(module.path)
            for path in self._classes_used(module):
                holders.setdefault(path, set()).add(module.path)
        modules = {module.path: module for module in self.modules}
        users = {
            path: direct.union(*(importers.get(holder, ()) for holder in holders.get(path, ()))) - {path}
            for path, direct in importers.items()
        }
        return {path: tuple(modules[name] for name in sorted(names)) for path, names in users.items()}

    def in_view(self, path: str) -> bool:
        """Whether enough of the project is there to show who uses a module: several modules, and one of them uses it."""
        return len(self.modules) >= FEWEST_MODULES and path in self.users

    def alone(self, path: str) -> bool:
        """Whether nothing of a module's project is there: none of the modules uses it, it imports none, and is in no package of any."""
        shown = path in self.users or path in self._importers or folder(path) in self._packages
        return self._whole and not shown

    @cached_property
    def _packages(self) -> frozenset[str]:
        """The folders that a file makes packages of, and that have other modules, too."""
        paths = [module.path.replace("\\", "/") for module in self.modules]
        made = {folder(path) for path in paths if path.rpartition("/")[2] == "__init__.py"}
        return frozenset(folder(path) for path in paths if path.rpartition("/")[2] != "__init__.py").intersection(made)

    @cached_property
    def _importers(self) -> frozenset[str]:
        """The paths of the modules that import another one of the project."""
        return frozenset(user.path for users in self.users.values() for user in users)

    def _classes_used(self, module: ModuleFacts) -> set[str]:
        """The modules of the classes that a module derives its own from or holds objects of."""
        names = self.from_project(module)
        paths = [base for class_ in module.classes for base in class_.bases]
        paths += [built for _, built in module.assigned]
        used = [self.class_named(path, module) for path in paths if path.partition(".")[0] in names]
        return {located[0].path for located in used if located is not None}
