"""Objects that are built here and become rows when they are saved."""

from __future__ import annotations

from collections.abc import Collection

import libcst as cst

from racelint.events import Access, Kind, Mark, Op, Resource, Row, Shape, Value
from racelint.expressions import expression
from racelint.flow.arguments import Arguments
from racelint.flow.expressions import MADE_OF_EACH, Evaluator
from racelint.flow.managers import table_name


def note_made(ev: Evaluator, node: cst.Call, class_name: str, arguments: Arguments) -> tuple[str, Value]:
    """Notes under which conditions an object is built, for the moment when it is saved; a known part of its value."""
    number = ev.mark("made", node, class_name)
    return "made", Value(via=number, text=class_name, known=(("columns", Value(text=" ".join(arguments.keywords))),))


def columns_of(value: Value | None) -> frozenset[str]:
    """The keywords that an object was built with."""
    made = (value.part("made") or value.part(MADE_OF_EACH)) if value is not None else None
    columns = made.part("columns") if made is not None else None
    return frozenset(columns.text.split() if columns is not None else ())


def made_row(base: Value, method: str, row_methods: Collection[str]) -> bool:
    """Whether a method of an object that was built here saves it."""
    return base.row is None and base.shape is Shape.NEW and base.part("made") is not None and method in row_methods


_FRONT = expression(r"(?<=\w)(Model)?(Serializer|Form)$")
"""The tail of the names of what stands in front of a model: saving it saves the model's row."""


def create_made(ev: Evaluator, where: cst.CSTNode, value: Value, how: str) -> None:
    """The row of an object that was built here is created, if what led to its being built led here."""
    made = value.part("made")
    mark = ev.event(made.via) if made is not None and made.via is not None else None
    if made is None or not isinstance(mark, Mark):
        return
    keys = value.part("keys")
    own = {value.text} if value.text.isidentifier() else set()
    table = _FRONT.sub("", table_name(ev, made.text))
    before = ev.state.control
    ev.state.control = before | frozenset(mark.control)
    ev.emit(
        Op.CREATE,
        Resource(Kind.TABLE, "django", table, table),
        where,
        Value(value.stems),
        how,
        frozenset(keys.text.split() if keys is not None else ()) | own,
        assigned=columns_of(value),
    )
    ev.state.control = before


def is_served(ev: Evaluator, base: Value) -> bool:
    """Whether the value is the serializer in `perform_create(self, serializer)` of a REST view: saving it creates a row."""
    function = ev.function
    return function.name == "perform_create" and len(function.params) > 1 and base.text == function.params[1][0]


def create_served(ev: Evaluator, where: cst.CSTNode, base: Value, how: str, given: frozenset[str]) -> Value:
    """The row of the view's model, which its `queryset` names, is created; gives that row."""
    owner = ev.scope.classes.get(ev.function.owner)
    attributes = dict(owner.attributes) if owner is not None else {}
    table = table_name(ev, attributes.get("queryset", "").partition(".objects")[0])
    home = "django" if table else "served"
    ev.emit(Op.CREATE, Resource(Kind.TABLE, home, table, table), where, Value(base.stems), how, given)
    ev.rows.append(Row("", table, home, None, new=True))
    ev.stored.add(len(ev.rows) - 1)
    return Value(shape=Shape.NEW, row=len(ev.rows) - 1)


def handled_at_flush(ev: Evaluator) -> None:
    """What was added to a session is inserted when it is flushed: what handles errors there handles those of the insertion."""
    handled = frozenset().union(*ev.handled)
    if not handled:
        return
    for number in ev.added:
        event = ev.event(number)
        if isinstance(event, Access) and not _inserted_before(ev, number):
            ev.revise(number, handled=event.handled | handled)


def _inserted_before(ev: Evaluator, number: int) -> bool:
    """Whether what was added is flushed on all ways before, by a commit, say: an error that comes up now is of another row."""
    todo, seen = [number], {number}
    while todo:
        one = todo.pop()
        if one in ev.state.preds:
            return False
        for after in ev.after[one] - seen:
            seen.add(after)
            event = ev.event(after)
            if not (isinstance(event, Mark) and event.what in ("commit", "flush")):
                todo.append(after)
    return True
