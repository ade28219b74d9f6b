"""Methods of shared and local collections."""

from __future__ import annotations

import libcst as cst

from racelint.events import NO_IDS, Access, Op, Sense, Shape, Value
from racelint.expressions import expression
from racelint.facts.data import LIST_FUNCTIONS
from racelint.flow.arguments import Arguments
from racelint.flow.expressions import MADE_OF_EACH, Evaluator
from racelint.flow.resources import CONTAINER_READS, CONTAINERS, REMOVALS, UPDATES, item_of
from racelint.frozen import replace


def container_call(ev: Evaluator, node: cst.Call, base: Value, method: str, arguments: Arguments) -> Value | None:
    """A method of a shared collection, judged by its name unless the type is known to be something else."""
    resource = base.ref
    assert resource is not None
    known_type = base.type
    if known_type and known_type not in CONTAINERS and known_type not in ("tuple", "str"):
        return None
    first = arguments.positional[0] if arguments.positional else None
    key = first.text if first is not None else ""
    if method == "pop" and _INDEX.fullmatch(key):
        key = ""  # an end of a list
    if method in ("get", "pop", "setdefault") and key:
        item = item_of(resource, key)
        if method == "get":
            return ev.read(item, node, how="get")
        default = arguments.at(1)
        known = (("default", default),) if default is not None else ()
        if ev.unused is node:
            known = (*known, ("dropped", Value()))
        given = Value(arguments.stems, known=known)
        number = ev.emit(Op.UPDATE if method == "setdefault" else Op.DELETE, item, node, given, method)
        if method == "pop":
            return Value()
        lock = default is not None and default.type in ev.models.functions
        if default is not None and lock and ev.unused is node:
            ev.mark("own lock", node, default.text)
        return Value(frozenset((number,)), ref=item, type=default.type if default is not None and lock else "")
    if method in UPDATES:
        new = first is not None and first.shape is Shape.NEW and first.type.startswith(":")
        known = (("item", first),) if first is not None and new else ()
        changed = item_of(resource, key) if key and method == "move_to_end" else resource
        ev.emit(Op.UPDATE, changed, node, Value(arguments.stems, Shape.NEW, known=known), method, arguments.texts)
        if new and key in ev.state.env:
            ev.show(key)
        return Value(shape=Shape.NONE)
    if method in REMOVALS:
        item = item_of(resource, key) if key and method in ("remove", "discard") else resource
        ev.emit(Op.DELETE, item, node, Value(shape=Shape.EMPTY if method == "clear" else Shape.OTHER), method)
        return Value(shape=Shape.OTHER)
    if method in CONTAINER_READS:
        value = ev.read(resource, node, how=method)
        if value.via is not None:
            ev.revise(value.via, value=Value(via=base.via))
        return replace(value, ref=None)
    return None


def heap_call(ev: Evaluator, node: cst.Call, type_name: str, arguments: Arguments) -> Value | None:
    """A function that changes a shared list as a method of it would: `heapq.heappush(self.jobs, job)`; None for any other."""
    method = LIST_FUNCTIONS.get(type_name.rpartition(".")[2]) if type_name.startswith(("heapq.", "bisect.")) else None
    heap = arguments.at(0)
    if method is None or heap is None or heap.ref is None:
        return None
    rest = Arguments(arguments.positional[1:], arguments.keywords, arguments.nodes[1:], arguments.starred)
    return container_call(ev, node, heap, method, rest)


_INDEX = expression(r"0|-1")


def local_container_call(
    ev: Evaluator, function: cst.BaseExpression, base: Value, method: str, arguments: Arguments
) -> None:
    """A local that was read from shared state and is changed in place stays computed from it."""
    if (method not in UPDATES and method not in REMOVALS) or not isinstance(function, cst.Attribute):
        return
    root: cst.BaseExpression = function.value
    while isinstance(root, (cst.Attribute, cst.Subscript, cst.Call)):
        root = root.func if isinstance(root, cst.Call) else root.value
    if isinstance(root, cst.Name) and root.value in ev.state.env:
        value = ev.state.env[root.value]
        if value.stems:
            ev.state.env[root.value] = replace(
                value,
                stems=value.stems | arguments.stems,
                appended=value.appended or method in ("append", "extend", "insert", "add", "appendleft"),
                opaque=NO_IDS,  # it is no longer what was chosen
                known=value.known if value.part("changed") is not None else (*value.known, ("changed", Value())),
            )
        elif method == "append" and (first := arguments.at(0)) is not None and (made := first.part("made")) is not None:
            missing = frozenset(n for n, sense in ev.state.control if sense in _MISSING and ev.of_rows(frozenset((n,))))
            known = (*(part for part in value.known if part[0] != MADE_OF_EACH), (MADE_OF_EACH, made))
            ev.state.env[root.value] = replace(value, stems=missing, known=known)
        elif method in UPDATES and ev.of_rows(arguments.stems):
            held = value.part("holds")
            stems = arguments.stems | (held.stems if held is not None else NO_IDS)
            known = (*(part for part in value.known if part[0] != "holds"), ("holds", Value(stems)))
            ev.state.env[root.value] = replace(value, known=known)


_MISSING = (Sense.ABSENT, Sense.OTHERWISE)
"""What was seen of rows because of whose absence another one is made."""


def handed_out(ev: Evaluator, where: cst.Return, node: cst.BaseExpression, value: Value) -> None:
    """A shared collection, a live view of it or a generator over it is returned to the caller."""
    if isinstance(node, cst.GeneratorExp):
        if value.stems:
            ev.mark("hand out", where, stems=value.stems)
        return
    access = ev.access(value.via) if value.via is not None else _viewed(ev, node)
    if access is not None and (
        access.how in ("keys", "values", "items") or (value.ref is not None and value.type in CONTAINERS)
    ):
        ev.mark("hand out", where, stems=frozenset((access.id,)))


def _viewed(ev: Evaluator, node: cst.BaseExpression) -> Access | None:
    """The call of `keys`, `values` or `items` that an expression ends with, on an attribute whose type is not known."""
    if not (
        isinstance(node, cst.Call)
        and not node.args
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value in VIEWS
    ):
        return None
    last = next((event for event in reversed(ev.told()) if isinstance(event, Access)), None)
    return last if last is not None and last.op is Op.USE and last.how == node.func.attr.value else None


VIEWS = frozenset({"keys", "values", "items"})
"""Methods that give live views."""
