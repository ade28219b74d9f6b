"""Whether several processes or threads come to a path at once: what it is called says only that they could."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op
from racelint.evidence import Evidence, Root, runs_alone
from racelint.facts import FunctionFacts, ModuleFacts
from racelint.finding import Confidence
from racelint.index.file_locks import is_file_lock, takes_file_lock
from racelint.index.processes import serves_several
from racelint.paths import COMMAND_LIBRARIES, is_command, is_predictable
from racelint.pattern.class_paths import names_in
from racelint.pattern.unit import Unit

MOST_LEVELS = 5
"""Calls on the way from a command to the unit."""
MOST_CALLERS = 12
"""Functions that are looked at on one level."""


def only_named(unit: Unit, access: Access, found: Evidence, in_place: bool = False) -> bool:
    """Whether nothing but names says that others use the path at the time: no unit that is known to run beside others comes to it.

    Who takes a lock between processes around it, or goes on where somebody else was faster, has met others. Of a project that works in
    several processes a part may run in each, unless only commands lead there, of which somebody runs one. That is too little for a
    file that is written `in_place`, mostly once, by whoever needs it first, and so is what the function or the class is called, where
    the project is there to show more: of 49 such findings that were read, 14 were right.
    """
    if not found.by_name or found.strength is Confidence.LOW:
        return False
    functions = [unit.facts, *_with_path(unit, access)]
    if any(beside_others(unit, function) for function in functions):
        return False
    shown = unit.module.in_view
    if in_place and found.by_name in ("code", "both") and not shown:
        return False
    if _by_hand(unit):
        return True
    if any(_knows_others(unit, function) for function in functions):
        return False
    told = found.by_name == "read" or serves_several(unit.module.scope.facts)
    return (in_place and shown and not told) or not _in_several(unit)


def others_can_make(act: Access) -> bool:
    """Whether the step opens or makes a path that any user can guess, and make before: no second run of this one is needed for that."""
    return act.op is not Op.DELETE and is_predictable(act.resource.path)


def _with_path(unit: Unit, access: Access) -> Iterator[FunctionFacts]:
    """The other functions of the module that work on the same path."""
    path, facts = access.resource.path, unit.facts
    for function in unit.module.scope.facts.functions:
        if function.qualname == facts.qualname:
            continue
        names = names_in(unit, function, path)
        if path.startswith("self.") and facts.owner and function.owner == facts.owner:
            names |= {path}
        if names and any(
            given in names for call in function.calls for given in (call.callee.rpartition(".")[0], *call.arguments)
        ):
            yield function


def beside_others(unit: Unit, function: FunctionFacts) -> bool:
    """Whether something is known that runs the function several times at once, or beside the rest of the program."""
    concurrency = unit.module.concurrency
    roots = (concurrency.roots[number] for number in concurrency.reached.get(function.qualname, ()))
    return any(_known(root) for root in roots)


def _known(root: Root) -> bool:
    """Whether more tells of a root than that somebody may call it; tasks of one loop have their turns."""
    if root.public or root.documented or root.strength is Confidence.LOW:
        return False
    return root.handler or root.processes or root.world in ("threads", "processes")


def _knows_others(unit: Unit, function: FunctionFacts) -> bool:
    """Whether the function takes a lock between processes, or handles that somebody else was faster with the path."""
    known = unit.module.scope.index.file_locks
    guards = (*function.decorators, *(guard for call in function.calls for guard in call.within))
    if any(is_file_lock(guard, known) for guard in guards) or any(takes_file_lock(c, known) for c in function.calls):
        return True
    other = unit.module.unit(function.qualname) if function is not unit.facts else None
    return other is not None and any(
        not _FASTER.isdisjoint(step.forgiven) and step.how not in _OPENED for step in other.accesses(kinds=(Kind.FILE,))
    )


_FASTER = frozenset({"FileExistsError", "FileNotFoundError"})
_OPENED = frozenset({"open", "read_text", "read_bytes", "read", "load"})
"""How a file is opened that is not there before somebody has written it for the first time."""


def _in_several(unit: Unit) -> bool:
    """Whether the module, or the project if enough of it is in view, works in several processes, or serves several at once."""
    facts, index = unit.module.scope.facts, unit.module.scope.index
    if serves_several(facts):
        return True
    return index.in_view(facts.path) and index.processes.serves_several


def _by_hand(unit: Unit) -> bool:
    """Whether all that leads to the unit is what somebody starts at a terminal, as far as names tell."""
    index = unit.module.scope.index
    modules = {module.path: module for module in index.modules}
    home = modules.get(unit.module.path)
    if home is None:
        return False
    level, seen, met = [(home, unit.facts)], {(unit.module.path, unit.facts.qualname)}, False
    for _ in range(MOST_LEVELS):
        above: list[tuple[ModuleFacts, FunctionFacts]] = []
        for module, function in level:
            if _is_start(module, function):
                met = True
                continue
            sites = [(m, f) for m, f, _ in index.calls.get(function.name, ()) if not runs_alone(m.path)]
            if not sites or function.name.startswith("__"):
                return False
            for one in sites:
                if (key := (one[0].path, one[1].qualname)) not in seen:
                    seen.add(key)
                    above.append(one)
        if not above or len(above) > MOST_CALLERS:
            return met and not above
        level = above
    return False


def _is_start(module: ModuleFacts, function: FunctionFacts) -> bool:
    """Whether somebody starts the function at a terminal: it is one of a command line, or what a script does."""
    if is_command(module.path, script=module.script):
        return True
    if function is module.module_body or function.name == "main":
        return module.script or function.name == "main"
    if not COMMAND_LIBRARIES.isdisjoint(origin.partition(".")[0] for _, origin in module.imports):
        return any(decorator.rpartition(".")[2] == "command" for decorator in function.decorators)
    return False
