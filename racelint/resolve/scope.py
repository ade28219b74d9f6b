"""What a name or a receiver of one module means: its own names, and those of definitions that were taken over from others."""

from __future__ import annotations

from racelint.back_references import Making, maker_handed
from racelint.facts import CALLED, NO_GUARD, ClassFacts, FunctionFacts, ModuleFacts, Write
from racelint.frozen import cached_property
from racelint.grafts import grafted_class, grafted_function, prefix_of
from racelint.resolve.changes import Changes
from racelint.resolve.names import ABSTRACT, BUILT_IN, enclosing_self


class Scope(Changes):
    """One module's names."""

    def graft_bases(self) -> None:
        """Takes over the bases of classes that other modules of the project define, before anything else is asked."""
        for class_ in self.facts.classes:
            if any(base.partition(".")[0] in self.from_project for base in class_.bases):
                for module, base in self.index.lineage((self.facts, class_))[1:]:
                    if module.path != self.facts.path:
                        self._graft_class(module, base)
        self._lineages.clear()
        self._mapped.clear()

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

    def attribute_type(self, qualname: str, attribute: str) -> str:
        """What the attribute is built from, if every place that builds it agrees."""
        key = (qualname, attribute)
        if key not in self._attribute_types:
            self._attribute_types[key] = ""  # ends a cycle
            self._attribute_types[key] = self._find_attribute_type(qualname, attribute)
        return self._attribute_types[key]

    def _find_attribute_type(self, qualname: str, attribute: str) -> str:
        shared = ""
        for class_ in self.lineage(qualname):
            for name, built in class_.attributes:
                if name == attribute and built in COLLECTIONS:
                    shared = shared or built
                elif name == attribute and built not in SHAPES:
                    names = self.names_in(class_.qualname)
                    declared = names.built_type(built) or BUILT_IN.get(names.canonical(built), "")
                    if declared not in ABSTRACT:
                        return declared
        for function, write in self.attribute_writes(qualname, attribute):
            if write.how != "=":
                continue
            shared = ""
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
        return shared

    def is_lock(self, guard: str) -> bool:
        """Whether what is held under a name may keep others out: it is named like a lock, or the module makes one of that name."""
        if guard.startswith(NO_GUARD):
            return False
        return self.models.names_lock(guard) or guard.rpartition(".")[2] in self._lock_names

    @cached_property
    def _lock_names(self) -> frozenset[str]:
        own = ("", *(class_.qualname for class_ in self.facts.classes))
        return frozenset(name for owner in own for name in locks_of(self, owner))

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

    def statement(self, path: str, owner: str) -> str | None:
        """The text of a constant with a statement of SQL, which a dotted path means in a method of the class `owner`."""
        first, _, rest = path.partition(".")
        paths = [path]
        if rest and first in ("self", "cls"):
            paths = [f"{class_.qualname}.{rest}" for class_ in self.lineage(owner)] if owner else []
        for one in paths:
            found = self.index.meaning(one, self.facts)
            text = dict(found.module.statements).get(found.name) if found is not None else None
            if text is not None:
                return text
        return None

    def built_type(self, built: str) -> str:
        """The type of what a call of the dotted path gives: the class, or what a model says a function returns."""
        maker, _, last = built.rpartition(".")
        if last == CALLED:
            made = self.models.functions.get(self.built_type(maker))
            return made.returns if made is not None else ""
        own = self.class_type(built)
        if own.startswith(":"):
            return own
        call = self.models.functions.get(own)
        if call is not None and call.returns:
            return call.returns
        last = own.rpartition(".")[2]
        return own if last[:1].isupper() or call is not None or own in self.models.types else ""


COLLECTIONS = frozenset(
    ("dict", "set", "list", "tuple", "defaultdict", "collections.defaultdict", "deque", "collections.deque")
)
"""Collections as the body of a class writes them."""

MAPPINGS = COLLECTIONS | frozenset(
    (
        "OrderedDict",
        "collections.OrderedDict",
        "weakref.WeakValueDictionary",
        "weakref.WeakKeyDictionary",
        "cachetools.TTLCache",
        "cachetools.LRUCache",
    )
)
"""Types of what is kept in the memory of the process under keys, and so is no store."""

SHAPES = frozenset({"none", "false", "true", "constant", "empty", "other", "display", "call", "await"})


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

    def statement(self, path: str, owner: str) -> str | None:
        """As `Scope.statement`."""
        return self.own.statement(path, owner.removeprefix(self.prefix))

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


def for_each_thread(made: str) -> bool:
    """Whether objects of the class are there to keep threads apart, though no lock is known by that name.

    That is what each thread has for itself, and a class of the project called just like a lock, which stands in for one.
    """
    return made == "threading.local" or (made.startswith(".") and made.rpartition(".")[2] in _LOCKS)


_LOCKS = frozenset({"Lock", "RLock", "Condition", "Semaphore"})


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


def made_of_nothing(scope: Scope, owner: str, name: str) -> bool:
    """Whether a class, or the module for "", makes its lock out of nothing wherever it sets it: no `Condition(self._lock)`."""
    if owner in scope.classes:
        writes = scope.attribute_writes(owner, name)
        if not writes and _made_in_body(scope, owner, name):
            return True
    else:
        inside = [f for f in scope.facts.functions if name in f.outer_names]
        writes = [(f, w) for f in (scope.facts.module_body, *inside) for w in f.writes if w.path == name]
    return bool(writes) and all(calls_alone(function, write) for function, write in writes)


def _made_in_body(scope: Scope, owner: str, name: str) -> bool:
    """Whether the body of a class makes a plain lock that all its objects have; a dataclass only says what each is handed."""
    class_ = scope.classes[owner]
    made = dict(class_.attributes).get(name, "")
    calls = {call.callee for call in scope.facts.module_body.calls}
    return made.rpartition(".")[2] in ("Lock", "RLock") and made in calls and not class_.decorators


def calls_alone(function: FunctionFacts, write: Write) -> bool:
    """Whether a call without arguments is written: the next one, which may stand on a line of its own within parentheses."""
    calls = [call for call in function.calls if call.callee == write.built_from and call.line >= write.line]
    first = min((call.line for call in calls), default=0)
    return write.shape == "call" and bool(calls) and not any(call.arguments for call in calls if call.line == first)
