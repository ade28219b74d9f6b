"""Who changes a resource."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from racelint.events import Kind, Resource
from racelint.evidence.calls import Calls
from racelint.facts import FunctionFacts, Write
from racelint.frozen import cached_property, replace
from racelint.resolve import enclosing_self
from racelint.resolve.changes import DEFAULTING, LOSING
from racelint.words import of_application


def _fills_itself(function: FunctionFacts, write: Write) -> bool:
    """Whether a constructor assigns an attribute of its new object: a default of the class stays, and nobody else has the object."""
    return (
        function.name in ("__init__", "__post_init__")
        and bool(function.params)
        and write.how == "="
        and write.path.partition(".")[0] == function.params[0][0]
    )


_OF_DICTIONARIES = frozenset(dir(dict))
"""What is called of the dictionary itself; anything else is called of an entry, as facts leave subscripts out."""


class Writers(Calls):
    """Who changes what in one module."""

    def writers(self, resource: Resource) -> Sequence[tuple[FunctionFacts, Write]]:
        """Every function of the module that changes the resource, with the change; constructors of its owner left out."""
        key = (resource.kind, resource.owner, resource.path)
        if key not in self._known_writers:
            self._known_writers[key] = self._writers(resource)
        return self._known_writers[key]

    @cached_property
    def _known_writers(self) -> dict[tuple[Kind, str, str], Sequence[tuple[FunctionFacts, Write]]]:
        return {}

    def _writers(self, resource: Resource) -> list[tuple[FunctionFacts, Write]]:
        scope = self.scope
        found: list[tuple[FunctionFacts, Write]] = []
        path = resource.path.replace("[]", "")  # facts tell of `self.rooms[name]["seats"]` as of `self.rooms`
        if resource.kind in (Kind.ATTRIBUTE, Kind.CLASS) or resource.owner in scope.classes:
            found.extend(
                (f, w)
                for f, w in scope.attribute_writes(resource.owner, path)
                if not scope.in_construction(f, w) and not _fills_itself(f, w)
            )
            found.extend(self._foreign_writers(resource))
            family = scope.family(resource.owner) if resource.owner in scope.classes else frozenset()
            found.extend((f, w) for f, w, owner in self._writes_by_local_name.get(path, ()) if owner in family)
        elif resource.kind is Kind.ARGUMENT and "." not in path:  # a collection that all threads were handed
            own = scope.functions.get(resource.owner.removeprefix("?"))
            if own is not None:
                found.extend((own, w) for w in own.writes if w.path == path)
        elif resource.kind is Kind.ARGUMENT:
            attribute = path.rpartition(".")[2]
            found.extend((f, w) for f in scope.facts.functions for w in f.writes if w.path.endswith("." + attribute))
            found.extend(self._by_name_of_entry(resource, path) if of_application(path) else ())
        elif resource.kind is Kind.CAPTURED or not resource.owner:
            owner = resource.owner + "." if resource.kind is Kind.CAPTURED else ""
            for function in scope.facts.functions:
                if owner and not function.qualname.startswith(owner):
                    continue
                for write in function.writes:
                    root = write.path.partition(".")[0]
                    if (write.path == path or write.path.startswith(path + ".")) and (
                        root in function.outer_names or root not in function.local_names
                    ):
                        found.append((function, write))
            if resource.kind is Kind.GLOBAL:
                found.extend((f, w) for f, w, owner in self._writes_by_local_name.get(path, ()) if not owner)
        return found

    def _by_name_of_entry(self, resource: Resource, path: str) -> Iterator[tuple[FunctionFacts, Write]]:
        """Changes of an entry of an application by a local name: `stock = request.app["stock"]`, `stock["tea"] -= 1`."""
        for function in self.scope.facts.functions:
            names = {name for name, built in function.locals_built if built == f"{path}.get"}
            told = {read for read in function.reads if read[:1] == '"'}
            if names and (not told or any(f"[{read}]" in resource.name for read in told)):
                yield from ((function, w) for w in function.writes if w.path in names and w.how not in ("=", "del"))

    @cached_property
    def _writes_by_local_name(self) -> dict[str, list[tuple[FunctionFacts, Write, str]]]:
        """Changes of what a local name holds that was taken from an attribute or a global (`room = self.rooms[n]`, `room.seats -= 1`),
        by the path of the state, with the class that has it, or "" for the module."""
        found: dict[str, list[tuple[FunctionFacts, Write, str]]] = {}
        for function in self.scope.facts.functions:
            owner, first = enclosing_self(function, self.scope)
            built = ((name, built.removesuffix("[]").removesuffix(".get")) for name, built in function.locals_built)
            taken = {name: path for name, path in built if self._is_state(path, function, first)}
            entries = {name for name, built in function.locals_built if built.endswith(("[]", ".get"))}
            for write in function.writes if taken else ():
                root, dot, rest = write.path.partition(".")
                if root not in taken or (not dot and write.how in ("=", "+=", "del")):
                    continue
                path = taken[root] + dot + rest
                if not dot and root in entries and write.depth:
                    write = replace(
                        write, depth=write.depth + 1
                    )  # of an entry: `room = self.rooms[n]`, `room[row] = seat`
                if path.startswith(f"{first}.") and owner:
                    found.setdefault(path.partition(".")[2], []).append((function, write, owner))
                else:
                    found.setdefault(path, []).append((function, write, ""))
        return found

    def _is_state(self, path: str, function: FunctionFacts, first: str) -> bool:
        """Whether a local name was set to what an attribute of the own object or a global holds; not to what a call makes."""
        root, dot, rest = path.partition(".")
        if path in {call.callee for call in function.calls} or rest.count(".") > 1:
            return False
        return (
            bool(dot)
            if root == first and first
            else root in self.scope.module_names and root not in function.local_names
        )

    def entries_made(self, resource: Resource) -> list[tuple[FunctionFacts, Write]]:
        """Where an entry of a `defaultdict` is changed, which is made if there is none: `self.rows[name].append(row)`."""
        scope, found = self.scope, []
        if not self.makes_entries or resource.kind not in (Kind.ATTRIBUTE, Kind.GLOBAL) or "." in resource.path:
            return []
        if not self.makes_its_entries(resource):
            return []
        family = scope.family(resource.owner) if resource.owner in scope.classes else frozenset()
        for function in scope.every_function:
            owner, first = enclosing_self(function, scope)
            if owner not in family if family else resource.path in function.local_names - function.outer_names:
                continue
            path = f"{first}.{resource.path}" if family else resource.path
            for call in function.calls:
                receiver, _, method = call.callee.rpartition(".")
                if receiver == path and method not in _OF_DICTIONARIES:
                    found.append((function, Write(path, "[]", "other", call.line, call.within)))
        return found

    def makes_its_entries(self, resource: Resource) -> bool:
        """Whether the resource is a dictionary that makes the entries which it lacks."""
        if resource.owner in self.scope.classes:
            return self.scope.attribute_type(resource.owner, resource.path) in DEFAULTING
        return self._built_globals.get(resource.path, "") in DEFAULTING

    @cached_property
    def makes_entries(self) -> bool:
        """Whether the module imports a dictionary that makes the entries which it lacks."""
        return (
            not DEFAULTING.isdisjoint(map(self.scope.canonical, DEFAULTING)) and "collections" in self.scope.libraries
        )

    def loses_its_entries(self, resource: Resource) -> str:
        """The type of a mapping whose entries go by themselves; "" if the resource is none."""
        scope = self.scope
        if not self.loses_entries or resource.kind not in (Kind.ATTRIBUTE, Kind.CLASS, Kind.GLOBAL):
            return ""
        if resource.owner in scope.classes:
            made = scope.attribute_type(resource.owner, resource.path)
        else:
            made = scope.canonical(self._built_globals.get(resource.path, ""))
        return made if made in LOSING else ""

    @cached_property
    def loses_entries(self) -> bool:
        """Whether the module imports what has mappings whose entries go by themselves."""
        return not self.scope.libraries.isdisjoint(name.partition(".")[0] for name in LOSING)

    @cached_property
    def _built_globals(self) -> dict[str, str]:
        return {w.path: w.built_from for w in self.scope.facts.module_body.writes if w.how == "=" and w.built_from}

    def _foreign_writers(self, resource: Resource) -> list[tuple[FunctionFacts, Write]]:
        """Writes through another name than `self`: `account.balance = …` where `account` is of the owner's class."""
        found = []
        family = self.scope.family(resource.owner)
        for function, write, base, attribute in self._attribute_writes_elsewhere:
            if attribute == resource.path:
                type_name = self.local_type(base, function)
                if type_name[1:] in family if type_name else not self._is_module(base, function):
                    found.append((function, write))
        for function, write, type_name, attribute in self._writes_of_held:
            if attribute == resource.path and type_name[1:] in family:
                found.append((function, write))
        return found

    def _is_module(self, name: str, function: FunctionFacts) -> bool:
        """Whether a name holds a module, whose names are no attributes of any object: `import shop`, `shop.cache = None`."""
        origin = self.scope.imports.get(name, "")
        return bool(origin) and "." not in origin and name not in function.local_names

    @cached_property
    def _writes_of_held(self) -> list[tuple[FunctionFacts, Write, str, str]]:
        """Writes of an attribute of an object of the module's classes that the own object holds: `self.parent.count += 1`."""
        found = []
        for function in self.scope.facts.functions:
            owner, first = enclosing_self(function, self.scope)
            for write in function.writes if owner else ():
                base, _, rest = write.path.partition(".")
                holder, dot, attribute = rest.partition(".")
                if base != first or not dot or "." in attribute:
                    continue
                type_name = self.scope.attribute_type(owner, holder)
                if type_name.startswith(":"):
                    found.append((function, write, type_name, attribute))
        return found

    @cached_property
    def _attribute_writes_elsewhere(self) -> list[tuple[FunctionFacts, Write, str, str]]:
        found = []
        for function in self.scope.facts.functions:
            _, first = enclosing_self(function, self.scope)
            for write in function.writes:
                base, _, attribute = write.path.partition(".")
                if attribute and base != first:
                    found.append((function, write, base, attribute))
        return found
