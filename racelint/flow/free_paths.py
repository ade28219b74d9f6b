"""Paths that a helper found missing before it gave them to its caller: `target = unused_name(folder)`."""

from __future__ import annotations

from racelint.events import Access, Kind, Op, Sense, Value
from racelint.flow.recording import Recorder
from racelint.frozen import replace
from racelint.paths import is_own

_FREE = "found missing"
"""The part of a value that is a path which a helper returned because nothing was there."""


def free_path(ev: Recorder, value: Value) -> Value:
    """What a helper returns: a path by its local name, with the test that found nothing there."""
    path = value.part("path")
    if not value.text.isidentifier() or is_own(path.text if path is not None else value.origin):
        return value
    for number, sense in sorted(ev.state.control, key=lambda one: one[0], reverse=True):
        test = ev.access(number)
        if (
            test is not None
            and sense is Sense.ABSENT
            and test.op is Op.CHECK
            and test.resource.kind is Kind.FILE
            and test.resource.path == (path.text if path is not None else value.text)
            and test.place.unit == ev.function.qualname
            and not _made_since(ev, test)
        ):
            kept = (one for one in value.known if one[0] != "path")  # the caller knows it by a name of its own
            return replace(value, origin="", known=(*kept, (_FREE, Value(via=number))))
    return value


def _made_since(ev: Recorder, test: Access) -> bool:
    """Whether the helper has made or written the file itself since it found it missing: it is there then."""
    return any(
        isinstance(event, Access)
        and event.op in (Op.WRITE, Op.CREATE)
        and (event.resource.kind, event.resource.path) == (test.resource.kind, test.resource.path)
        for event in ev.told(test.id + 1)
    )


def name_free_path(ev: Recorder, name: str, value: Value) -> None:
    """Goes on with the test where the path gets a name: what was tested was `name`, and what follows rests on it."""
    free = value.part(_FREE)
    test = ev.access(free.via) if free is not None and free.via is not None else None
    if test is None or value.text:
        return  # it has a name already, by which it was tested
    ev.revise(test.id, resource=replace(test.resource, path=name, name=name))
    ev.state.control |= {(test.id, Sense.ABSENT)}
