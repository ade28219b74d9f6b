"""Changes that are sent past the transaction around them, by what has lent its connection."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Op
from racelint.expressions import expression
from racelint.paths import words_of_name
from racelint.pattern.transactions import transactions_at
from racelint.pattern.unit import Unit

_SENT = expression(r"(?:await )?((?:\w+\.)*\w+)\.\w+\(")
"""A call of a method of an object that has a name."""

_LENDS = frozenset({"acquire", "get_cursor", "get_connection"})
"""How a connection is borrowed, or a cursor of one, while others may borrow another."""

_KEPT_ANYWAY = frozenset(
    "log logs audit audits history event events metric metrics attempt attempts error errors".split()
)
"""Words of the names of tables whose rows are to stay also when the rest is rolled back."""


def sent_past(unit: Unit) -> Iterator[tuple[Acquire, Access, Access]]:
    """Transactions on a borrowed connection, each with a change in it and one that its lender sends on another connection.

    What only locks on the one and works on the other means it so. `databases` finds the connection of the task again.
    """
    changes = list(unit.accesses(Op.WRITE, Op.UPDATE, Op.CREATE, Op.DELETE, kinds=(Kind.TABLE,)))
    for change in changes:
        sender = _sender(unit, change)
        if (
            not sender
            or change.resource.owner == "databases"
            or _KEPT_ANYWAY & set(words_of_name(change.resource.name))
        ):
            continue
        transaction = next((one for one in transactions_at(unit, change) if _lent(unit, one, sender)), None)
        if transaction is None:
            continue
        inside = (
            other
            for other in changes
            if transaction.id in other.held and (by := _sender(unit, other)) and not _lent(unit, transaction, by)
        )
        if (other := next(inside, None)) is not None:
            yield transaction, other, change


def _sender(unit: Unit, change: Access) -> str:
    """The object, as written, of which the change is a method; "" if there is none that has a name."""
    found = _SENT.match(unit.module.text(change.place))
    return found[1] if found else ""


def _lent(unit: Unit, transaction: Acquire, sender: str) -> bool:
    """Whether the object has lent a connection where the transaction was begun, and is no connection itself."""
    function = unit.module.scope.functions.get(transaction.place.unit)
    begun = transaction.lock.name.partition("(")[0]
    if function is None or begun == f"{sender}.transaction":
        return False
    lent = {call.callee for call in function.calls if call.callee.rpartition(".")[2] in _LENDS}
    return any(f"{sender}.{how}" in lent for how in _LENDS)
