"""State that a callback takes away, read anew after the callback was added: what is done already calls it at once."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op
from racelint.expressions import expression
from racelint.pattern.module import here
from racelint.pattern.unit import Unit, same
from racelint.words import ADDS_CALLBACK


def read_after_callback(unit: Unit) -> Iterator[tuple[Mark, Access, str]]:
    """Where the callback is added to what the attribute holds, the next read of the attribute, and the callback."""
    if unit.facts.is_async or not unit.facts.owner:
        return
    for mark in unit.marks("spawn", "call"):
        if mark.place.unit != unit.facts.qualname or mark.subject.rpartition(".")[2] not in ADDS_CALLBACK:
            continue
        found = _ADDED.match(unit.module.text(here(mark)))
        taker = _taken_by(unit, found[1], found[2]) if found is not None else ""
        read = _read_anew(unit, mark, found[1]) if found is not None and taker else None
        if read is not None:
            yield mark, read, taker
            return


_ADDED = expression(r"^(\w+\.\w+)\.\w+\(\s*(\w+\.\w+)\s*[,)]")


def _taken_by(unit: Unit, path: str, callback: str) -> str:
    """The method by its name in the class, if it sets the attribute to nothing."""
    own, _, name = callback.partition(".")
    if not unit.facts.params or own != unit.facts.params[0][0] or path.partition(".")[0] != own:
        return ""
    if "asyncio" in unit.module.scope.libraries:  # its futures call later
        return ""
    method = unit.module.scope.method(unit.facts.owner, name)
    if method is None or method.is_async or not method.params:
        return ""
    gone = f"{method.params[0][0]}.{path.partition('.')[2]}"
    return method.qualname if any(w.path == gone and w.shape == "none" for w in method.writes) else ""


def _read_anew(unit: Unit, mark: Mark, path: str) -> Access | None:
    """The first read of the attribute after the callback was added, unless it was tested or set in between."""
    for read in unit.accesses(Op.READ, Op.WRITE, Op.CHECK, kinds=(Kind.ATTRIBUTE,)):
        if read.id < mark.id or read.resource.name != path or read.resource.key or not unit.before(mark.id, read.id):
            continue
        looked = any(
            (look := unit.access(n)) is not None and n > mark.id and same(look.resource, read.resource)
            for n, _ in read.control
        )
        return read if read.op is Op.READ and read.place.unit == mark.place.unit and not looked else None
    return None
