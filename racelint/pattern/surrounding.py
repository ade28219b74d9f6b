"""Transactions that a framework opens around a unit."""

from __future__ import annotations

from functools import lru_cache

from racelint.events import Event
from racelint.evidence import Root
from racelint.facts import ATOMIC_REQUESTS, LEFT_OUT
from racelint.index import Index
from racelint.pattern.unit import Unit

AFTER_CHANGE = ("post_save", "m2m_changed", "post_delete", "pre_delete")
"""Signals of Django that are sent in the transaction of a change: after it, or when rows are about to be deleted."""
AROUND_DELETION = ("pre_delete", "post_delete")
"""Those that are sent in the transaction which Django itself opens around each deletion."""
AROUND_MIGRATIONS = ("pre_migrate", "post_migrate")
"""Those that are sent by the command that changes the tables."""


def surrounded(unit: Unit, *changes: Event) -> bool:
    """Whether the framework opens a transaction around all that the unit does, whoever starts it, and so around the changes."""
    if receives(unit, AROUND_DELETION):
        reason = "Django opens a transaction around each deletion and the receivers of its signals"
    elif in_requests(unit) and all(root.atomic for root in _started(unit)):
        reason = f"`{ATOMIC_REQUESTS}` puts each request into a transaction"
    else:
        return False
    return unit.safe(*changes, because=lambda: reason)


def in_requests(unit: Unit) -> bool:
    """Whether requests run the unit, each of which settings of the project put into a transaction."""
    return unit.module.scope.index.atomic_requests and any(root.atomic for root in _started(unit))


def likely_in_requests(unit: Unit) -> bool:
    """The same, or the settings are not seen, but other views are left out of what they ask for."""
    index, scope = unit.module.scope.index, unit.module.scope
    if not (index.atomic_requests or index.leaves_out_requests) or not any(root.atomic for root in _started(unit)):
        return False
    dispatch = scope.method(unit.facts.owner, "dispatch") if unit.facts.owner else None
    decorators = (
        *(dispatch.decorators if dispatch is not None else ()),
        *(unit.owner.decorators if unit.owner else ()),
    )
    return not any(LEFT_OUT in decorator for decorator in decorators)


def _started(unit: Unit) -> list[Root]:
    """Where what runs the unit starts; that it is public says nothing of transactions."""
    concurrency = unit.module.concurrency
    roots = (concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ()))
    return [root for root in roots if not root.public]


def receives(unit: Unit, signals: tuple[str, ...]) -> bool:
    """Whether the unit handles one of the signals: a decorator registers it, or a call of `connect` anywhere in the project."""
    if any(signal in source for source in _receivers(unit) for signal in signals):
        return True
    names = {name for name, _ in unit.facts.params}
    if "post_save" in signals and names >= _OF_POST_SAVE:
        return True
    return unit.facts.name in _connected(unit.module.scope.index, signals) and bool(names & _GIVEN)


_OF_POST_SAVE = frozenset({"sender", "instance", "created"})
"""Arguments that only `post_save` hands to its receivers, wherever they are connected to it."""
_GIVEN = frozenset({"sender", "instance", "kwargs"})


@lru_cache(maxsize=4)
def _connected(index: Index, signals: tuple[str, ...]) -> frozenset[str]:
    """Names of the functions that are connected to a signal by a call."""
    ends = tuple(f"{signal}.connect" for signal in signals)
    return frozenset(
        call.arguments[0].rpartition(".")[2]
        for module in index.modules
        for function in (module.module_body, *module.functions)
        for call in function.calls
        if call.callee.endswith(ends) and call.arguments
    )


def receives_any(unit: Unit) -> bool:
    """Whether a decorator registers the unit for a signal, which is mostly sent once for the row that it is about: nobody else adds to it."""
    return bool(_receivers(unit))


def _receivers(unit: Unit) -> list[str]:
    """Sources of the decorators that register the unit."""
    return [mark.subject for mark in unit.marks("decorator") if "receiver" in mark.subject.partition("(")[0]]
