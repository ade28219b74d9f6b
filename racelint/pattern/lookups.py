"""Whether a look-up and a creation are about the same rows."""

from __future__ import annotations

import re

from racelint.events import Access, Acquire, Kind, Op
from racelint.expressions import expression
from racelint.facts import SECOND_ROW_HANDLED
from racelint.pattern.answered import KEYS
from racelint.pattern.constraints import declared
from racelint.pattern.unit import Unit

COUNTS = ("count", "acount", "aggregate", "aaggregate", "count_documents", "sum", "len")
"""How rows are counted or added up."""


def same_rows(look: Access, new: Access) -> bool:
    """Whether a row is created where a row was looked up: in the same table, as far as names and keys tell.

    A related set (`order.lines`) and a look-up by an unseen function (`get_order_line(order)`) meet the model that they are named
    after, if what they were given is also what the row is created with.
    """
    if look.resource.kind is Kind.STORE and look.resource.owner == "store":  # a document, looked up in its collection
        return bool(new.resource.name) and look.resource.path.rpartition(".")[2] == new.resource.name
    if new.resource.owner == "unseen":  # it was found for this very look-up
        return look.id < new.id and look.resource.name == new.resource.name
    if look.resource.kind is not Kind.TABLE or look.id == new.id:
        return False
    one, other = look.resource.name, new.resource.name
    if one == other or new.resource.owner == "served":  # a view that does not name its model asks about it first
        return bool(one)
    for called, model in ((one, other), (other, one)):
        if called.endswith(("_queryset", "_qs")) and named_after(called.rpartition("_")[0], model):
            return True
    if one.endswith(("_class", "_model")) and named_after(
        one.rpartition("_")[0], other
    ):  # which class it is was handed in
        return True
    if look.how == "look-up":
        own = other in ("self.model", "self.Meta.model") and look.resource.path.startswith(("self ", "cls "))
        return bool(look.related) and look.related <= _given(new) and (own or named_after(look.resource.path, other))
    for held, made in ((look, new), (new, look)):
        holder, _, attribute = held.resource.name.rpartition(".")
        if holder and holder in made.related and "." not in made.resource.name:
            given = held.related - {holder}
            named, alike = named_after(attribute, made.resource.name), bool(given) and given <= made.related
            if (named and alike) if holder.partition("(")[0] in ("self", "cls") else (named or alike):
                return True
    return False


def by_generated_key(look: Access, new: Access) -> bool:
    """Whether the row was looked up by a key that the database gives to the new one: two new rows are two rows."""
    if (
        not new.assigned and look.related and look.related <= new.related
    ):  # `INSERT INTO t VALUES (…)` with the key among them
        return False
    return bool(look.tested) and look.tested & KEYS != frozenset() and not new.assigned & KEYS


def by_new_row(unit: Unit, look: Access) -> bool:
    """Whether rows were looked up that belong to one which the unit itself has just made: nobody else adds to it yet."""
    new = [row.name for row in unit.flow.rows if row.new and row.name]
    return any(told in look.related for name in new for told in (name, f"{name}.id", f"{name}.pk", f"{name}.uuid"))


def raises_if_none(look: Access) -> bool:
    """Whether a look-up raises where there is no row, and nobody handles that: what is created then was not looked for."""
    if look.resource.owner != "django" or look.how not in ("get", "aget"):
        return False
    return not any(name in _ANY_ERROR or name.endswith("DoesNotExist") for name in look.handled)


_ANY_ERROR = frozenset({"", "Exception", "BaseException"})


def drawn_at_random(unit: Unit, look: Access) -> bool:
    """Whether rows were looked up by what the unit has drawn at random: no two draw the same."""
    function = unit.module.scope.functions.get(look.place.unit, unit.facts)
    drawn = {local for local, callee in function.locals_built if _RANDOM.search(callee) or _draws(unit, callee)}
    return bool(drawn) and not drawn.isdisjoint(look.related or re.findall(r"\w+", unit.module.text(look.place)))


def _draws(unit: Unit, callee: str) -> bool:
    """Whether a function of the project, puts a name together of what it draws."""
    scope = unit.module.scope
    found = scope.index.meaning(callee, scope.facts) if callee else None
    function = scope.index.table(found.module).functions.get(found.name) if found is not None else None
    return function is not None and any(_RANDOM.search(call.callee) and not call.arms for call in function.calls)


_RANDOM = expression(r"(?i)random|uuid[14]|token_(hex|urlsafe|bytes)|(^|\.)secrets\.")
"""Calls that draw at random, by their names."""


def added_again(unit: Unit, new: Access) -> bool:
    """Whether the row has been created before on the way: it is added to the session once more, with what it got since."""
    return new.how == "add" and any(
        other.id < new.id
        and other.resource.name == new.resource.name
        and other.related == new.related
        and unit.before(other.id, new.id)
        for other in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,))
    )


def by_locked_row(unit: Unit, look: Access, new: Access) -> bool:
    """Whether rows were looked up that belong to one which the unit has locked: who adds one for it, too, waits there first.

    The row is that of the branch in which it was found; the lock need not be held on the other ways.
    """
    if not any(row.locked and row.name in look.related for row in unit.flow.rows):
        return False
    return any(
        isinstance(event, Acquire) and event.what == "transaction"
        for event in (unit.events[number] for number in sorted(look.held & new.held))
    )


def _given(new: Access) -> frozenset[str]:
    """What the row is created with; an object stands for its id and the other way round."""
    return new.related | {f"{name}.id" for name in new.related} | {f"{name}.pk" for name in new.related}


def named_after(name: str, model: str) -> bool:
    """Whether a name (`lines`, `order_line_set`, `get_order_line`) speaks of a model (`OrderLine`)."""
    words = [word for word in _words(model) if word not in _ANYTHING]
    said = [_singular(word) for word in re.split(r"[^a-z0-9]+", name.lower()) if word and word != "set"]
    return bool(words) and (words[-1] in said or "".join(words) in said)


_ANYTHING = frozenset("obj object item row instance entry record data model value result".split())
"""Words that say nothing of what something is."""


def _words(model: str) -> list[str]:
    return [
        _singular(word.lower())
        for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+", model.rpartition(".")[2])
    ]


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def constraint_handled(unit: Unit, new: Access, *, gone_on: bool = False) -> bool:
    """Whether an error of the database about a second such row is caught around the creation, or the statement avoids it.

    `gone_on` asks for more: that it is not only turned into another error.
    """
    if new.how == "conditional":
        return unit.safe(new, because=lambda: "the statement itself avoids a second such row")
    caught = new.forgiven if gone_on else new.handled
    if _declares_nothing_unique(unit, new):  # then who catches any error of the database has others in mind
        caught -= _ANY_OF_DATABASE
    handled = unit.module.models.tells_taken(caught)
    if new.resource.owner == "unseen":  # what it raises then is the project's own
        handled = bool(new.handled)
    handled = handled or SECOND_ROW_HANDLED in unit.module.concurrency.held_on_entry(unit.facts)  # by all who call it
    return handled and unit.safe(new, because=lambda: "the error of the database about a second such row is handled")


_ANY_OF_DATABASE = frozenset({"DatabaseError", "DBAPIError", "SQLAlchemyError"})
"""Errors of a database that also, but not only, tell of a second row."""


def _declares_nothing_unique(unit: Unit, new: Access) -> bool:
    """Whether the class of a row is seen whole and no column of it but the key is unique."""
    classes = declared(unit, new.resource.name)
    return bool(classes) and not any(class_.unique - KEYS for class_ in classes)


def only_column(unit: Unit, read: Access) -> set[str]:
    """The column that a statement reads, if it reads one only."""
    told = read.value.part("columns")
    known = told.text.split() if told is not None else []
    return set(known) if len(known) == 1 else set(_ONE_COLUMN.findall(unit.module.text(read.place)))


_ONE_COLUMN = expression(
    r"(?:\bvalues_list\(\s*[\"']|\b(?:select|query)\(\s*[A-Z]\w*\.)(\w+)(?:[\"'],\s*flat=True)?\s*\)"
)
"""The only column that a query asks for: `values_list("coins", flat=True)`, `select(Purse.coins)`."""


def by_key_read(look: Access, write: Access) -> bool:
    """Whether a statement changes the row that the other has read, by the key that it has read of it."""
    return write.tested <= KEYS and look.id in write.chosen and any(map(_KEY_READ.search, write.related))


_KEY_READ = expression(r"(\.(id|pk)|\[(0|[\"'](id|pk)[\"'])\])$")
"""The key of a row that was read: `row.id`, `row["id"]`, or its first column."""
