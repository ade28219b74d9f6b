"""Which other functions of a module read, remove or replace a path that a unit works on."""

from __future__ import annotations

import re

from racelint.events import Kind, Op, Resource
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.paths import (
    says_little,
)
from racelint.pattern.class_paths import names_elsewhere, paths_of_class
from racelint.pattern.same_place import REMOVING, removes_path, says_the_same_place
from racelint.pattern.unit import Unit
from racelint.resolve import enclosing_self


def removed_elsewhere(unit: Unit, resource: Resource, folder: bool = False, by: str = "") -> str:
    """The function of the module that removes the path, a folder it is in, or moves it away; "" if none does.

    `folder`: the path is a folder, which is still there when its entries are gone. `by`: the function in which the path is used,
    which the unit calls.
    """
    names, parts = _names(unit.facts, resource), tuple(resource.path.split(" / "))
    for function in unit.module.scope.facts.functions:
        if function.qualname in (unit.facts.qualname, by):
            continue
        removes = not folder and any(call.callee.rpartition(".")[2] in REMOVING for call in function.calls)
        hidden = any(not call.callee for call in function.calls)  # `(ROOT / name).unlink()`
        if not folder and (removes or hidden) and len(parts) > 1 and _removes_alike(unit, function, resource):
            return function.qualname
        for call in function.calls:
            if any(
                _means(unit.facts, function, names, given) or _joined_alike(function, parts, given)
                for given in _taken_away(call, removes)
            ):
                return function.qualname
        if any(removes_path(call) for call in function.calls) and says_the_same_place(unit, function, resource):
            return function.qualname
    return ""


def _removes_alike(unit: Unit, function: FunctionFacts, resource: Resource) -> bool:
    """Whether another unit removes a path that is joined of the same parts."""
    other = unit.module.unit(function.qualname)
    gone = other.accesses(Op.DELETE, kinds=(Kind.FILE,)) if other is not None else ()
    return any(removal.resource.path == resource.path for removal in gone)


def _joined_alike(function: FunctionFacts, parts: tuple[str, ...], given: str) -> bool:
    """Whether a local path of another function is joined of the same parts: `os.path.join(ROOT, name)`."""
    return (
        len(parts) > 1
        and (given, "os.path.join") in function.locals_built
        and any(call.callee == "os.path.join" and call.arguments == parts for call in function.calls)
    )


def _taken_away(call: CallSite, removes: bool) -> tuple[str, ...]:
    """The expressions of a call that may be a path which is not there afterwards; what is moved there is no such path.

    A function that removes anything does so to the entries of the folders that it lists.
    """
    receiver, _, last = call.callee.rpartition(".")
    if last in _MOVING:
        if receiver in ("", "os", "shutil"):
            return call.arguments[:1]
        return (receiver,) if len(call.arguments) == 1 else ()  # else it is that of a text
    if last == "remove" and receiver not in ("", "os"):  # from a list
        return ()
    return (receiver, *call.arguments) if last in REMOVING or (removes and last in _LISTING) else ()


_MOVING = frozenset("rename replace move".split())
_LISTING = frozenset("listdir scandir iterdir walk glob rglob".split())


def opens(function: FunctionFacts) -> bool:
    """Whether the function may read a file."""
    return any(call.callee.rpartition(".")[2] in _OPENING for call in function.calls)


def read_elsewhere(unit: Unit, resource: Resource) -> str:
    """The function of the module that reads the file; "" if none does."""
    elsewhere = names_elsewhere(unit, resource.path)
    own = _names(unit.facts, resource) | paths_of_class(unit, resource.path)
    of_module = resource.path in unit.module.scope.assigned and resource.path not in unit.facts.local_names
    owner = enclosing_self(unit.facts, unit.module.scope)[0]  # of a function in a method, too
    for function in unit.module.scope.facts.functions:
        if function.qualname == unit.facts.qualname:
            continue
        names = own if of_module or function.owner == owner else elsewhere
        if not names:
            continue
        if any(call.callee.rpartition(".")[2] in _WRITING for call in function.calls):
            continue
        for call in function.calls:
            receiver, _, last = call.callee.rpartition(".")
            if last not in _OPENING:
                continue
            if any(_means(unit.facts, function, names, given) for given in (receiver, *call.arguments)):
                return function.qualname
    return ""


def _means(here: FunctionFacts, there: FunctionFacts, names: frozenset[str], given: str) -> bool:
    """Whether an expression of another function is the path: made by the same method, or under a name that tells which it is.

    Arguments of two methods of one class come from the same callers, whatever their name.
    """
    if not given:
        return False
    if _made_by(there, given) & names:
        return True
    if given not in names:
        return False
    methods = bool(here.owner) and here.owner == there.owner
    return not says_little(given) or "." in given or (methods and _is_given(here, given) and _is_given(there, given))


def _is_given(function: FunctionFacts, name: str) -> bool:
    """Whether the name is an argument of the function."""
    return any(name == param for param, _ in function.params)


_OPENING = frozenset(
    "open read_text read_bytes load ZipFile read read_csv read_parquet read_pickle read_json read_feather read_excel".split()
)
_WRITING = frozenset("write writelines dump write_text write_bytes save savez".split())


def _names(function: FunctionFacts, resource: Resource) -> frozenset[str]:
    """Names under which other functions of the module may have the path: its own, what made it, and what it was joined of."""
    parts = {part.strip() for part in re.split(r" [/+] ", resource.path)}
    names = {name for name in (resource.name, resource.path, *parts) if _NAME.fullmatch(name)}
    names.update(_OWN_CALL.findall(resource.path))
    return frozenset(names) | frozenset(made for name in names for made in _made_by(function, name))


_NAME = expression(r"[A-Za-z_][\w.]*")
_OWN_CALL = expression(r"^(self\.\w+)\([^()]*\)$")
"""A path that a method of the object makes: `open(self._path_of(key), "w")`."""


def _made_by(function: FunctionFacts, name: str) -> frozenset[str]:
    """The method of the same object that a local path came from."""
    return frozenset(built for local, built in function.locals_built if local == name and built.startswith("self."))
