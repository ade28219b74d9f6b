"""Elements of shared collections that loops and `next` give a name: of which collection they are, and why they were picked.

`job = next(job for job in self.jobs if job.state == "new")`, `for job in self.jobs: if job.state == "new": …`. An attribute of such
an element is state of the collection, as that of `self.jobs[name]` is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from racelint.events import Kind, Op, Resource, Sense, Value
from racelint.flow.graph import Control
from racelint.frozen import replace

if TYPE_CHECKING:
    from racelint.flow.recording import Recorder

ELEMENT = "element"
"""The part of a value that is an element of a shared collection: its `ref` is the collection."""

LAZY = "lazy"
"""The part of a generator that stems from the reads of what it goes over, each time that one more is taken from it."""

PICKED = "picked"
"""The part that says by which checks the element was picked: each by the name of what it saw, with the check as `via`."""


def note_element(ev: Recorder, target: cst.BaseExpression, source: Value) -> None:
    """Notes that the name which a loop binds stands for an element of the collection that `source` gives."""
    collection, how = _collection(ev, source)
    if isinstance(target, cst.Tuple) and how == "items" and len(target.elements) == 2:
        target = target.elements[1].value
    elif how == "items":
        return
    if collection is not None and isinstance(target, cst.Name) and target.value in ev.state.env:
        known = ev.state.env[target.value]
        ev.state.env[target.value] = replace(known, known=(*known.known, (ELEMENT, Value(ref=collection))))


def _collection(ev: Recorder, source: Value) -> tuple[Resource | None, str]:
    """The shared collection whose elements a value gives, if it is one of a coroutine's, and how it was read."""
    root = ev.scope.functions.get(ev.stack[0])
    if root is None or not root.is_async:
        return None, ""
    if source.ref is not None and not source.stems:  # a collection that is never changed itself
        return (source.ref, "") if source.ref.kind in _SHARED and not source.ref.key else (None, "")
    reads = [access for number in source.stems if (access := ev.access(number)) is not None]
    places = {read.resource for read in reads}
    if len(places) != 1 or not all(read.op in (Op.READ, Op.CHECK) for read in reads):
        return None, ""
    (resource,) = places
    hows = {read.how for read in reads}
    return (
        (None, "")
        if resource.key or resource.kind not in _SHARED or "keys" in hows
        else (resource, "items" if "items" in hows else "")
    )


_SHARED = (Kind.ATTRIBUTE, Kind.GLOBAL, Kind.CAPTURED)


def attribute_of_element(base: Value, attribute: str, text: str) -> Resource | None:
    """The resource behind an attribute of an element of a shared collection."""
    element = base.part(ELEMENT)
    if element is None or element.ref is None or not base.text.isidentifier():
        return None
    return replace(element.ref, path=f"{element.ref.path}.{attribute}", name=text, key="")


def picked_by_next(ev: Recorder, node: cst.Call, value: Value, control: Control) -> Value:
    """What `next(job for job in self.jobs if job.free)` gives: the element, with the checks that it passed."""
    made = node.args[0].value if isinstance(node.func, cst.Name) and node.func.value == "next" and node.args else None
    if not isinstance(made, cst.GeneratorExp) or made.for_in.inner_for_in is not None:
        return value
    target = made.for_in.target
    if not (isinstance(made.elt, cst.Name) and isinstance(target, cst.Name) and made.elt.value == target.value):
        return value
    stems = frozenset(
        n for n in value.stems if (access := ev.access(n)) is not None and "." not in access.resource.path
    )
    collection, how = _collection(ev, replace(value, stems=stems))
    if collection is None or how:
        return value
    element = (ELEMENT, Value(ref=collection))
    return replace(value, known=(*value.known, element, *_picked(ev, target.value, control)))


def picked_in_loop(ev: Recorder, value: Value) -> Value:
    """What a helper returns: an element that a loop came to, with the checks that it passed."""
    if value.part(ELEMENT) is None or not value.text or value.part(PICKED) is not None:
        return value
    return replace(value, known=(*value.known, *_picked(ev, value.text, ev.state.control)))


def _picked(ev: Recorder, name: str, control: Control) -> tuple[tuple[str, Value], ...]:
    checks = tuple(
        (sense.value, Value(via=number))
        for number, sense in sorted(control, key=lambda one: one[0])
        if (access := ev.access(number)) is not None and access.resource.name.startswith(f"{name}.")
    )
    return ((PICKED, Value(known=checks)),) if checks else ()


def name_picked(ev: Recorder, name: str, value: Value) -> None:
    """Goes on, where the element gets a name, with what is known of it by then: what was checked was `name.free`."""
    picked = value.part(PICKED)
    if picked is None:
        return
    for sense, check in picked.known:
        access = ev.access(check.via) if check.via is not None else None
        if access is not None:
            attribute = access.resource.name.partition(".")[2]
            ev.revise(access.id, resource=replace(access.resource, name=f"{name}.{attribute}"))
            ev.know(frozenset(((access.id, Sense(sense)),)))
