"""What `row.views or 0` gives: the field of a row is not only tested, its value is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from racelint.events import Kind, Op, Resource, Value
from racelint.frozen import replace

if TYPE_CHECKING:
    from racelint.flow.expressions import Evaluator


def used_if_there(ev: Evaluator, node: cst.BooleanOperation, value: Value) -> Value:
    """The value of a choice between the field of a row and something else, with a read of the field in the place of its test."""
    kept = value.part("kept")
    test = ev.access(kept.via) if kept is not None and kept.via is not None else None
    if test is None or test.op is not Op.CHECK or not _of_row(ev, test.resource) or type(node.operator) is not cst.Or:
        return value
    read = ev.emit(Op.READ, test.resource, node.left, Value(row=test.value.row))
    return replace(value, stems=value.stems - {test.id} | {read})


def _of_row(ev: Evaluator, resource: Resource) -> bool:
    """Whether the resource is a column, as far as the class of its owner tells."""
    if resource.kind is Kind.ATTRIBUTE:
        return ev.scope.is_mapped(resource.owner)
    return resource.kind in (Kind.ROW, Kind.ARGUMENT) and ev.program.maps_rows
