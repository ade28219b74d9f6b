"""Rows that are looked for and saved because there is none, where what is saved is a form, a serializer or the object itself."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense
from racelint.finding import World
from racelint.pattern.answered import seen_classes
from racelint.pattern.branches import told
from racelint.pattern.lookups import COUNTS, constraint_handled, drawn_at_random
from racelint.pattern.transactions import row_locked_at
from racelint.pattern.unit import Unit
from racelint.words import FORMS


def looked_for_then_saved(unit: Unit) -> Iterator[tuple[Access, Access, str]]:
    """Look-ups of rows that are like the one to be saved, each with the save that goes on because there is none, and the table.

    `if Booking.objects.filter(room=form.cleaned_data["room"]).exists(): return taken`, then `form.save()`; so do a model's own `save`,
    and what `form.save(commit=False)` gave.
    """
    for save in unit.accesses(Op.WRITE, Op.CREATE, kinds=(Kind.ROW, Kind.TABLE)):
        row = unit.flow.rows[save.value.row] if save.value.row is not None else None
        form = next((name for name in sorted(save.related) if name.lower().endswith(FORMS)), "")
        name = form if save.op is Op.CREATE else row.name if row is not None else ""
        if not name or (row is not None and (row.locked or row.loaded is not None)) or row_locked_at(unit, save):
            continue
        if not save.how.removeprefix("super().").startswith(("save", "asave")) or constraint_handled(unit, save):
            continue
        for number, sense in save.control:
            look = unit.access(number)
            if (
                look is None
                or look.resource.kind is not Kind.TABLE
                or look.op not in (Op.CHECK, Op.READ)
                or not look.tested
            ):
                continue
            absent = sense is Sense.ABSENT or (look.how in COUNTS and sense is Sense.OTHERWISE)
            if not absent or not unit.before(look.id, save.id) or not _says_so(unit, name, look):
                continue
            if _unique(unit, look) or unit.guarded(look, save, World.PROCESSES) or unit.guarded(look, save):
                continue
            if told(unit, look, save) and not drawn_at_random(unit, look):
                yield look, save, look.resource.name
                return


def _says_so(unit: Unit, saved: str, look: Access) -> bool:
    """Whether rows were looked for by what the saved one has itself."""
    if saved == "self":
        own = unit.facts.owner.rpartition(".")[2]
        of_own = look.resource.name in (own, "cls", "self.__class__", "type(self)", "self._meta.model")
        return of_own and unit.facts.name in _SAVES and any(_of(name, "self") for name in look.related)
    if saved.lower().endswith(FORMS):
        told_by = {saved}
    elif any(name == saved and built.rpartition(".")[2] == "save" for name, built in unit.facts.locals_built):
        told_by = {saved, *(built.rpartition(".")[0] for name, built in unit.facts.locals_built if name == saved)}
    else:
        return False
    if any(_of(name, one) for name in look.related for one in told_by):
        return True
    return any(
        read.statement == look.statement
        and read.id < look.id
        and (read.resource.name in _SENT or any(_of(read.resource.name, one) for one in told_by))
        for read in unit.accesses(Op.READ, kinds=(Kind.ARGUMENT, Kind.ROW))
    )


_SAVES = ("save", "asave")
_SENT = frozenset({"request.data", "request.POST"})
"""What a request sends, of which the form or serializer is made."""


def _of(name: str, root: str) -> bool:
    """Whether a name is something of an object, apart from its key."""
    return name.startswith(f"{root}.") and name not in (f"{root}.pk", f"{root}.id")


def _unique(unit: Unit, look: Access) -> bool:
    """Whether all columns that rows are looked for by are unique: the database refuses a second row, and the look-up only says so."""
    unique = {name.removesuffix("_id") for class_ in seen_classes(unit, look.resource.name) for name in class_.unique}
    return {name.partition("__")[0].removesuffix("_id") for name in look.tested} - {"pk", "id"} <= unique - {"pk", "id"}
