"""Rows whose content is compared with what a client says it was, so that nothing that others saved is overwritten."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op, Row, Sense, Shape
from racelint.expressions import expression
from racelint.finding import World
from racelint.pattern.branches import told
from racelint.pattern.transactions import row_locked_at, serializable_at
from racelint.pattern.unit import Unit
from racelint.words import CURRENT_USER


def contents_compared(unit: Unit) -> Iterator[tuple[Access, Mark, Access, str]]:
    """Loads of rows, each with the comparison, the save that goes on because nothing seems to have changed, and what was compared.

    `if md5(page.text.encode()).hexdigest() != request.POST["digest"]: return conflict()`, then `page.text = …` and `page.save()`:
    of two that edited the same text both pass, which is what the comparison is there to prevent.
    """
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)):
        row = unit.flow.rows[write.value.row] if write.value.row is not None else None
        if row is None or row.locked or row.new or row.loaded is None or not row.name or _checked_by_mapper(unit, row):
            continue
        load = unit.access(row.loaded)
        if load is None or row_locked_at(unit, write) or serializable_at(unit, load):
            continue
        if unit.guarded(load, write, World.PROCESSES) or unit.guarded(load, write):
            continue
        for mark in unit.marks("matched"):
            content = _content(unit, mark, row, write)
            if content and unit.before(mark.id, write.id) and told(unit, load, write):
                yield load, mark, write, content
                break


def _checked_by_mapper(unit: Unit, row: Row) -> bool:
    model = unit.module.scope.classes.get(row.model)
    return model is not None and model.versioned


def _content(unit: Unit, mark: Mark, row: Row, write: Access) -> str:
    """What of the row a comparison asks to be what the client says, if the save runs only then; "" if it does not."""
    text = unit.module.text(mark.place)
    sides = _EQUALITY.split(text)
    if row.loaded not in mark.stems or len(sides) != 2:
        return ""
    held = Sense.OTHER if "==" in text else Sense.OTHERWISE
    if (row.loaded, held) not in write.control:
        return ""
    for mine, theirs in (sides, sides[::-1]):
        if _of_client(unit, theirs, row) and not _SECRET.search(text):
            content = _of_row(unit, mine.strip(), row, write, held)
            if content:
                return content
    return ""


def _of_row(unit: Unit, side: str, row: Row, write: Access, held: Sense) -> str:
    """The column that is compared and set anew, or the whole row if a digest of it is."""
    if _DIGEST.search(side) and _names(side) >= {row.name} and f"{row.name}." not in side:
        return row.name
    fields = [column for column in sorted(write.assigned) if f"{row.name}.{column}" in _dotted(side)]
    if side.isidentifier() and side not in dict(unit.facts.params):  # computed before: the tests say from what
        looked = (unit.access(number) for number, sense in write.control if sense is held)
        read = {look.resource.path for look in looked if look is not None and look.value.row == write.value.row}
        fields = sorted(read & write.assigned)
    return next((f"{row.name}.{column}" for column in fields if _set_anew(unit, write, column)), "")


def _set_anew(unit: Unit, write: Access, column: str) -> bool:
    """Whether the column gets what the caller has brought: neither a constant, as a state does, nor what its old value gives."""
    part = write.value.part(column)
    if part is None or part.shape in _CONSTANT or column.endswith("_id") or _HOLDER.search(column):
        return False
    stems = [unit.access(number) for number in sorted(part.stems)]
    return not any(stem is not None and stem.resource.kind is not Kind.ARGUMENT for stem in stems)


def _of_client(unit: Unit, side: str, row: Row) -> bool:
    """Whether a side of a comparison is what the request or the caller has sent, and nothing of the row."""
    names = _names(side)
    if row.name in names or any(CURRENT_USER.search(name) for name in _dotted(side)):
        return False
    sent = {name for name, _ in unit.facts.params} - {"self", "cls"}
    built = {name for name, by in unit.facts.locals_built if by.partition(".")[0] in sent | {"request"}}
    return not names.isdisjoint(sent | built | {"request"})


def _names(text: str) -> frozenset[str]:
    return frozenset(_NAME.findall(text))


def _dotted(text: str) -> frozenset[str]:
    return frozenset(".".join(parts) for found in _PATH.findall(text) for parts in _beginnings(found.split(".")))


def _beginnings(parts: list[str]) -> Iterator[list[str]]:
    return (parts[:end] for end in range(1, len(parts) + 1))


_EQUALITY = expression(r"[!=]=")
_NAME = expression(r"(?<![\w.\"'])[A-Za-z_]\w*")
_PATH = expression(r"(?<![\w.\"'])[A-Za-z_]\w*(?:\.\w+)*")
_DIGEST = expression(r"(?i)digest|\bsha_?\d|\bmd5|blake2|crc32|checksum|fingerprint|etag|(?<![a-z])hash")
_SECRET = expression(r"(?i)passw|secret|token|(?<![a-z])pin(?![a-z])|otp|api_?key|signature|hmac")
"""Who proves by the comparison who it is does not ask whether somebody else has saved."""
_HOLDER = expression(r"(^|_)(owners?|leases?|lock(s|ed)?|claim(s|ed)?|holders?|workers?|authors?|users?)(_|$)")
"""Who has a row, or may work on it: that it is the caller is asked, not whether somebody else has saved."""
_CONSTANT = frozenset({Shape.NONE, Shape.FALSE, Shape.TRUE, Shape.CONSTANT, Shape.EMPTY})
