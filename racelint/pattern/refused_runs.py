"""What only jobs lead to that are refused while one with the same arguments waits or runs: it never meets itself."""

from __future__ import annotations

from racelint.events import Access, Kind, Resource
from racelint.evidence import runs_alone
from racelint.evidence.refused import own_params, refuses_second_run
from racelint.facts import FunctionFacts, ModuleFacts
from racelint.index import Index
from racelint.pattern.callers_locks import MOST_CALLERS
from racelint.pattern.unit import Unit
from racelint.words import first_word


def refused_again(unit: Unit, *accesses: Access) -> bool:
    """Whether all that leads to the unit are such jobs, and nothing else in the project changes what the accesses are about.

    Of a job that is told something, the second one with the same is refused: that is enough where the rows are looked up by all
    of it.
    """
    kinds = tuple(sorted(unit.module.models.refusing))
    scope = unit.module.scope
    if not any(kind.rpartition(".")[2] in scope.index.mentions for kind in kinds):
        return False
    steps = {
        access.place.unit.rpartition(".")[2] for access in accesses
    }  # a helper that others call is a unit of its own
    mine = refuses_second_run(scope.index, scope.facts, unit.facts, kinds)
    if mine and not own_params(unit.facts) <= _keys(unit, accesses):
        return False
    if not _leads_from_jobs(unit, kinds, mine, steps):
        return False
    return not any(_changed_elsewhere(unit, access, steps) for access in accesses)


def _keys(unit: Unit, accesses: tuple[Access, ...]) -> frozenset[str]:
    """What the rows of the accesses are looked up by."""
    found: set[str] = set()
    for access in accesses:
        found |= access.related
        index = access.value.row
        loaded = unit.flow.rows[index].loaded if index is not None else None
        look = unit.access(loaded) if loaded is not None else None
        found |= look.related if look is not None else set()
    return frozenset(found)


def _leads_from_jobs(unit: Unit, kinds: tuple[str, ...], mine: bool, steps: set[str]) -> bool:
    """Whether each way to the unit, seen by the names of functions, begins with a job that is told nothing or is the unit itself."""
    index = unit.module.scope.index
    names = [unit.facts.name]
    if not mine and _may_be_started(unit.facts):
        return False
    for _ in range(MOST_CALLERS + 1):
        open_names: list[str] = []
        for name in names:
            sites = [
                (module, caller)
                for module, caller, call in index.calls.get(name, ())
                if not runs_alone(module.path) and call.callee != f"super.{name}" and caller.name != name
            ]
            if name.startswith("__") or (not sites and not (mine and name == unit.facts.name)):
                return False
            left = [caller for module, caller in sites if not _ends_here(index, module, caller, kinds)]
            if any(map(_may_be_started, left)):
                return False
            open_names += [caller.name for caller in left]
            steps.update(caller.name for _, caller in sites)
        steps.update(names)
        if not open_names:
            return True
        names = list(dict.fromkeys(open_names))
        if len(names) > MOST_CALLERS:
            return False
    return False


def _may_be_started(function: FunctionFacts) -> bool:
    """Whether something else than calls may run a function: what decorates it, or the module when it is imported."""
    return not function.name or any(name.rpartition(".")[2] not in _PLAIN for name in function.decorators)


_PLAIN = frozenset({"staticmethod", "classmethod", "atomic", "override"})
"""Decorators that start nothing."""


def _ends_here(index: Index, module: ModuleFacts, caller: FunctionFacts, kinds: tuple[str, ...]) -> bool:
    """Whether a caller is a job that runs once at a time, which nobody calls as a plain function."""
    return (
        refuses_second_run(index, module, caller, kinds)
        and not own_params(caller)
        and (bool(caller.owner) or all(runs_alone(found.path) for found, _, _ in index.calls.get(caller.name, ())))
    )


def _changed_elsewhere(unit: Unit, access: Access, steps: set[str]) -> bool:
    """Whether another function of the project sets the column, makes rows of the table or changes the entry of the store."""
    resource = access.resource
    return any(
        _changes(function, resource)
        for module in unit.module.scope.index.modules
        if not runs_alone(module.path)
        for function in (*module.functions, module.module_body)
        if function.name not in steps
    )


def _changes(function: FunctionFacts, resource: Resource) -> bool:
    column = resource.path.rpartition(".")[2] if resource.kind is Kind.ROW else ""
    if column and any(write.path.endswith(f".{column}") for write in function.writes):
        return True
    for call in function.calls:
        last = call.callee.rpartition(".")[2]
        if resource.kind is Kind.TABLE and call.callee == resource.name:
            return True
        if first_word(last) not in _CHANGES and "create" not in last:
            continue
        if column and any(given.startswith(f"{column}=") for given in call.arguments):
            return True
        if resource.kind is Kind.TABLE and resource.name in call.callee.split("."):
            return True
        if resource.kind is Kind.STORE and resource.key and resource.key in call.arguments:
            return True
    return False


_CHANGES = frozenset({"update", "aupdate", "bulk", "abulk", "set", "aset", "add", "incr", "decr", "insert", "save"})
"""First words of methods that change rows or entries."""
