"""What a name or a receiver means: imports, annotations, assignments, the index.

A type is a string: the dotted origin of a library's class (`asyncio.Lock`), or `:Qualname` for a class of the analysed
module; `type[…]` around it stands for the class itself.
"""

from __future__ import annotations

import sys
from functools import cache, cached_property

from racelint.back_references import Making, maker_handed
from racelint.facts import ClassFacts, FunctionFacts, ModuleFacts, Write
from racelint.grafts import grafted_class, grafted_function, is_grafted, prefix_of
from racelint.index import Index
from racelint.models.loader import Models


class Scope:
    """One module's names."""

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
        self.every_function: list[FunctionFacts] = list(facts.functions)
        """The functions of the module and those that were taken over: methods of bases that other modules define."""

    def graft_bases(self) -> None:
        """Takes over the bases of classes that other modules of the project define, before anything else is asked."""
        for class_ in self.facts.classes:
            if any(base.partition(".")[0] in self.from_project for base in class_.bases):
                for module, base in self.index.lineage((self.facts, class_))[1:]:
                    if module.path != self.facts.path:
                        self._graft_class(module, base)
        self._lineages.clear()

    def _graft_class(self, module: ModuleFacts, class_: ClassFacts) -> None:
        prefix = prefix_of(module)
        name = prefix + class_.qualname
        if name in self.classes:
            return
        self._homes.setdefault(prefix, Home(self, module))
        self.classes[name] = grafted_class(class_, prefix)
        inside = class_.qualname + "."
        for function in module.functions:
            if function.qualname.startswith(inside):
                grafted = grafted_function(function, prefix)
                self.functions[grafted.qualname] = grafted
                self.every_function.append(grafted)
                if grafted.owner == name:
                    self.methods.setdefault(name, {})[grafted.name] = grafted

    def graft_function(self, module: ModuleFacts, function: FunctionFacts) -> FunctionFacts:
        """Takes over a function of another module, a method with its class, as a helper that can be walked into."""
        prefix = prefix_of(module)
        if function.owner:
            class_ = self.index.table(module).classes.get(function.owner)
            if class_ is not None:
                self._graft_class(module, class_)
        self._homes.setdefault(prefix, Home(self, module))
        return self.functions.setdefault(prefix + function.qualname, grafted_function(function, prefix))

    def names_in(self, qualname: str) -> Scope | Home:
        """What names mean in a definition: in one of another module what they mean there."""
        if "::" not in qualname:
            return self
        prefix, mark, _ = qualname.partition("::")
        return self._homes[prefix + mark]

    @cached_property
    def libraries(self) -> frozenset[str]:
        """The imported modules and all their parents: `django.db.models` gives `django`, `django.db`, …"""
        found: set[str] = set()
        for origin in self.imports.values():
            parts = origin.split(".")
            found.update(".".join(parts[:n]) for n in range(1, len(parts) + 1))
        return frozenset(found | self._used_mappers(found))

    def _used_mappers(self, imported: set[str]) -> set[str]:
        """Mappers whose customary names are called although the module imports models and sessions from elsewhere only."""
        callees = [call.callee for function in self.facts.functions for call in function.calls]
        if not imported & {"django", "mongoengine"} and any(".objects." in callee for callee in callees):
            return {"django"}
        if imported & MAPPERS:
            return set()
        if any(callee.endswith(_SESSION_CALLS) for callee in callees):
            return {"sqlalchemy"}
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
        return self.canonical(path)

    def annotated_type(self, path: str) -> str:
        """The type of an object that is annotated with the class: what a call of the class gives."""
        own = self.class_type(path)
        if own in ("typing.Any", "object"):
            return ""
        call = self.models.functions.get(own)
        return call.returns if call is not None and call.returns else own

    def own_class(self, type_name: str) -> ClassFacts | None:
        """The class of this module that the type names."""
        return self.classes.get(type_name[1:]) if type_name.startswith(":") else None

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

    @cached_property
    def _defining(self) -> dict[tuple[str, str], str]:
        return {}

    def _find_base_names(self, qualname: str) -> frozenset[str]:
        found: set[str] = set()
        todo: list[tuple[Scope | None, ModuleFacts, str]] = [(self, self.facts, qualname)]
        seen = 0
        while todo and seen < 30:
            seen += 1
            _, module, name = todo.pop()
            class_ = next((c for c in module.classes if c.qualname == name), None)
            if class_ is None:
                continue
            imports = dict(module.imports)
            for base in class_.bases:
                first, dot, rest = base.partition(".")
                origin = imports.get(first, first) + dot + rest
                found.add(origin)
                if any(c.qualname == base for c in module.classes):
                    todo.append((None, module, base))
                else:
                    located = self.index.find_class(origin, module.path)
                    if located is not None:
                        todo.append((None, located[0], located[1].qualname))
        return frozenset(found)

    def is_mapped(self, qualname: str) -> bool:
        """Whether objects of the class are rows of an object-relational mapper."""
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
        owner = type_name.removeprefix("self")
        if not owner.startswith(":") or owner[1:] not in self.classes or not self.classes[owner[1:]].bases:
            return False
        return any(base.endswith(("threading.local", "local.local")) for base in self.base_names(owner[1:]))

    def is_thread(self, qualname: str) -> bool:
        """Whether the class is a thread: its `run` is the body, and `start` starts it."""
        return any(base.rpartition(".")[2] in THREADS for base in self.base_names(qualname))

    def defining_class(self, qualname: str, attribute: str) -> str:
        """The highest class of the lineage in this module that mentions the attribute: subclasses share its state."""
        known = self._defining.get((qualname, attribute))
        if known is not None:
            return known
        best = qualname
        for class_ in self.lineage(qualname):
            if any(name == attribute for name, _ in class_.attributes) or self._writes_attribute(
                class_.qualname, attribute
            ):
                best = class_.qualname
        self._defining[qualname, attribute] = best
        return best

    @cached_property
    def _attribute_writers(self) -> dict[tuple[str, str], list[tuple[FunctionFacts, Write]]]:
        found: dict[tuple[str, str], list[tuple[FunctionFacts, Write]]] = {}
        for function in self.every_function:
            owner, first = enclosing_self(function, self)
            if not owner:
                continue
            for write in function.writes:
                name, _, path = write.path.partition(".")
                if (
                    path
                    and path.count(".") < 3
                    and (name == first or name == owner.rpartition(".")[2].rpartition("::")[2])
                ):
                    found.setdefault((owner, path), []).append((function, write))
        return found

    def _writes_attribute(self, qualname: str, attribute: str) -> bool:
        return (qualname, attribute) in self._attribute_writers

    def vanishes(self, qualname: str, attribute: str) -> bool:
        """Whether the attribute is set to nothing, deleted, or has entries taken out of it, anywhere in the module."""
        key = (qualname, attribute)
        if key not in self._vanishing:
            family = self.family(qualname)
            self._vanishing[key] = attribute in self._foreign_writes or any(
                owner in family and path.partition(".")[0] == attribute and any(_takes_away(w) for _, w in writes)
                for (owner, path), writes in self._attribute_writers.items()
            )
        return self._vanishing[key]

    @cached_property
    def _vanishing(self) -> dict[tuple[str, str], bool]:
        return {}

    @cached_property
    def vanishing_globals(self) -> frozenset[str]:
        """Module names that functions set to nothing or take entries out of."""
        return frozenset(
            w.path.partition(".")[0]
            for f in self.facts.functions
            for w in f.writes
            if _takes_away(w)
            and w.path.partition(".")[0] in self.module_names
            and w.path.partition(".")[0] not in f.local_names
        )

    def in_construction(self, function: FunctionFacts, write: Write) -> bool:
        """Whether a constructor gives its own new object the attribute, which nobody else can reach yet."""
        if function.name not in CONSTRUCTORS or function.name in ("__new__", "__init_subclass__"):
            return False
        root, _, path = write.path.partition(".")
        if not function.params or root != function.params[0][0]:
            return False
        name = path.partition(".")[0]
        return not any(
            attribute == name for class_ in self.lineage(function.owner) for attribute, _ in class_.attributes
        )

    def changes_attribute(self, qualname: str, attribute: str) -> bool:
        """Whether the attribute, or a part of the object it holds, is changed after construction anywhere in the module."""
        key = (qualname, attribute)
        if key not in self._changes:
            family = self.family(qualname)
            self._changes[key] = (
                any(
                    owner in family
                    and path.partition(".")[0] == attribute
                    and any(not self.in_construction(function, write) for function, write in writes)
                    for (owner, path), writes in self._attribute_writers.items()
                )
                or attribute in self._foreign_writes
            )
        return self._changes[key]

    @cached_property
    def _changes(self) -> dict[tuple[str, str], bool]:
        return {}

    def changes_in_place(self, qualname: str, attribute: str) -> bool:
        """Whether a method of the class changes the collection that the attribute holds."""
        return any(write.how not in ("=", "del", "+=") for _, write in self.attribute_writes(qualname, attribute))

    @cached_property
    def _foreign_writes(self) -> frozenset[str]:
        """Attributes of objects other than `self` that are assigned anywhere in the module."""
        found: set[str] = set()
        for function in self.every_function:
            _, first = enclosing_self(function, self)
            for write in function.writes:
                name, _, path = write.path.partition(".")
                if path and name != first:
                    found.add(path.partition(".")[0])
        return frozenset(found)

    def family(self, qualname: str) -> frozenset[str]:
        """The class with its bases and subclasses, as far as this module defines them."""
        if qualname not in self._families:
            self._families[qualname] = frozenset(
                {c.qualname for c in self.lineage(qualname)}
                | {
                    c.qualname
                    for c in self.classes.values()
                    if any(b.qualname == qualname for b in self.lineage(c.qualname))
                }
            )
        return self._families[qualname]

    @cached_property
    def _families(self) -> dict[str, frozenset[str]]:
        return {}

    def attribute_writes(self, qualname: str, attribute: str) -> list[tuple[FunctionFacts, Write]]:
        """Every write of `self.attribute` in the class, its bases and its subclasses in this module."""
        found: list[tuple[FunctionFacts, Write]] = []
        for name in sorted(self.family(qualname)):
            found.extend(self._attribute_writers.get((name, attribute), ()))
        return found

    def attribute_type(self, qualname: str, attribute: str) -> str:
        """What the attribute is built from, if every place that builds it agrees."""
        key = (qualname, attribute)
        if key not in self._attribute_types:
            self._attribute_types[key] = ""  # ends a cycle
            self._attribute_types[key] = self._find_attribute_type(qualname, attribute)
        return self._attribute_types[key]

    def _find_attribute_type(self, qualname: str, attribute: str) -> str:
        for class_ in self.lineage(qualname):
            for name, built in class_.attributes:
                if name == attribute and built not in SHAPES:
                    return self.names_in(class_.qualname).built_type(built)
        for function, write in self.attribute_writes(qualname, attribute):
            if write.how != "=":
                continue
            names = self.names_in(function.qualname)
            if write.shape in ("call", "await") and write.built_from:
                found = names.built_type(write.built_from)
                if found:
                    return found
            elif write.shape in ("empty", "display") and write.built_from:
                return write.built_from
            elif write.built_from:
                annotation = dict(function.params).get(write.built_from)
                if annotation:
                    return names.annotated_type(annotation)
                maker = self.handed_by_maker(function, write.built_from) if function.name == "__init__" else ""
                if maker:
                    return ":" + maker
        return ""

    def handed_by_maker(self, constructor: FunctionFacts, parameter: str) -> str:
        """The class whose objects hand themselves to the constructor for the parameter; "" if not all that call it do."""
        return maker_handed(self._makings.get(constructor.owner, ()), constructor, parameter)

    @cached_property
    def _makings(self) -> dict[str, list[Making]]:
        found: dict[str, list[Making]] = {}
        for function in (*self.facts.functions, self.facts.module_body):
            for call in function.calls:
                if call.callee in self.classes:
                    found.setdefault(call.callee, []).append(Making(call, *enclosing_self(function, self)))
        return found

    def built_type(self, built: str) -> str:
        """The type of what a call of the dotted path gives: the class, or what a model says a function returns."""
        own = self.class_type(built)
        if own.startswith(":"):
            return own
        call = self.models.functions.get(own)
        if call is not None and call.returns:
            return call.returns
        last = own.rpartition(".")[2]
        return own if last[:1].isupper() or call is not None or own in self.models.types else ""


THREADS = frozenset({"Thread", "Process", "Timer", "Greenlet"})
"""Last names of classes whose objects run a body of their own once they are started."""


class Home:
    """What names mean in the definitions that were taken over from another module."""

    def __init__(self, scope: Scope, module: ModuleFacts) -> None:
        self.scope, self.facts, self.prefix = scope, module, prefix_of(module)

    @cached_property
    def own(self) -> Scope:
        """The names of that module as it sees them itself."""
        return Scope(self.facts, self.scope.index, self.scope.models)

    @property
    def imports(self) -> dict[str, str]:
        """Local names with their origins."""
        return self.own.imports

    @property
    def assigned(self) -> dict[str, str]:
        """As `Scope.assigned`."""
        return self.own.assigned

    def function_named(self, name: str) -> FunctionFacts | None:
        """As `Scope.function_named`: it is taken over, too."""
        function = self.own.functions.get(name)
        return self.scope.graft_function(self.facts, function) if function is not None else None

    @property
    def libraries(self) -> frozenset[str]:
        """As `Scope.libraries`."""
        return self.own.libraries

    def class_named(self, name: str) -> ClassFacts | None:
        """As `Scope.class_named`."""
        type_name = self.class_type(name)
        return self.scope.classes.get(type_name[1:]) if type_name.startswith(":") else None

    def canonical(self, path: str) -> str:
        """As `Scope.canonical`."""
        return self.own.canonical(path)

    def class_type(self, path: str) -> str:
        """As `Scope.class_type`."""
        return self._known_here(self.own.class_type(path))

    def annotated_type(self, path: str) -> str:
        """As `Scope.annotated_type`."""
        return self._known_here(self.own.annotated_type(path))

    def built_type(self, built: str) -> str:
        """As `Scope.built_type`."""
        return self._known_here(self.own.built_type(built))

    def _known_here(self, type_name: str) -> str:
        """A type as it is called where the definitions were taken over to; "" for a class that was not."""
        if not type_name.startswith(":"):
            return type_name
        name = self.prefix + type_name[1:]
        return ":" + name if name in self.scope.classes else ""


MAPPERS = frozenset(
    {"django", "sqlalchemy", "tortoise", "peewee", "sqlmodel", "mongoengine", "flask_sqlalchemy", "piccolo", "ormar"}
)
"""Packages that map objects to rows."""

_COLUMNS = ("Field", "ForeignKey", "Column", "mapped_column")
"""Ends of the names of what declares a column."""

_OF_MAPPERS = ("django.db.models.", "sqlalchemy.", "tortoise.fields.", "peewee.", "mongoengine.")

_SESSION_CALLS = ("session.query", "session.add", "session.commit", "session.flush")
"""Ends of calls that are SQLAlchemy's by custom."""

CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "setUp", "asyncSetUp"})

MAPPED_BASES = {
    "django.db.models.Model": "django",
    "tortoise.models.Model": "tortoise",
    "tortoise.Model": "tortoise",
    "peewee.Model": "peewee",
    "sqlalchemy.orm.DeclarativeBase": "sqlalchemy",
    "sqlmodel.SQLModel": "sqlalchemy",
}
"""Base classes of mapped classes, with their library."""


def _takes_away(write: Write) -> bool:
    return write.shape in ("none", "false", "empty") or write.how in TAKES


TAKES = frozenset("del del[] pop popitem popleft clear remove discard get_nowait".split())
"""Ways to change a collection or name after which something is no longer there."""


def _is_mapped_base(base: str) -> bool:
    return (
        base in MAPPED_BASES
        or base.endswith(("models.Model", "db.Model", ".DeclarativeBase"))
        or base in ("Base", "Model")
    )


@cache
def outside_bases(origin: str) -> frozenset[str]:
    """Dotted names of all bases of a class of an installed package, read with astroid; nothing is imported or run.

    Asked only where it decides whether a class is mapped and the project itself does not say. Empty if the package is not
    there, is compiled, or more than `MOST_OUTSIDE` classes were asked for.
    """
    global _asked
    module, dot, name = origin.rpartition(".")
    if not dot or _asked >= MOST_OUTSIDE:
        return frozenset()
    _asked += 1
    import astroid  # type: ignore[import-untyped]

    try:
        found = astroid.MANAGER.ast_from_module_name(module).getattr(name)[0]
        if not isinstance(found, astroid.nodes.ClassDef):
            return frozenset()
        return frozenset(base.qname() for base in found.ancestors())
    except (astroid.AstroidError, ImportError, SyntaxError, RecursionError, ValueError, OSError):
        return frozenset()


MOST_OUTSIDE = 20
"""Classes of installed packages that are looked up in one run: each may cost tens of milliseconds."""
_asked = 0

SHAPES = frozenset({"none", "false", "true", "constant", "empty", "other", "display", "call", "await"})


def enclosing_self(function: FunctionFacts, scope: Scope) -> tuple[str, str]:
    """The class whose instance a function sees, and by which name: also for functions nested in a method."""
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


def locks_of(scope: Scope, owner: str) -> dict[str, str]:
    """The locks that a class, or the module for "", has: their names, and the world that each excludes in, or `any`."""
    if owner in scope.classes:
        writes = [w for m in scope.methods.get(owner, {}).values() for w in m.writes if w.shape == "call"]
        names = {w.path.partition(".")[2] for w in writes} | {name for name, _ in scope.classes[owner].attributes}
        types = {name: scope.attribute_type(owner, name) for name in sorted(names) if name}
    else:
        types = {name: scope.built_type(built) for name, built in scope.facts.assigned}
    calls = {name: scope.models.functions.get(kind) for name, kind in types.items()}
    return {name: call.world for name, call in calls.items() if call is not None and call.effect == "lock"}
