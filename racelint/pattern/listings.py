"""Files that a unit waits for or finds in a listing, and what it then does with them."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op
from racelint.paths import is_own
from racelint.pattern.files import file_accesses
from racelint.pattern.same_place import REMOVING
from racelint.pattern.sharing import looks_further
from racelint.pattern.unit import Unit, same


def awaited_then_read(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Loops that wait until a path is there, each with the step that then opens it; not those that look for a free name."""
    for act in file_accesses(unit, Op.USE, Op.READ):
        if act.how not in ("open", "read_text", "read_bytes") or act.handled:
            continue
        for test in unit.accesses(Op.CHECK, kinds=(Kind.FILE,)):
            if test.how == "while" and same(test.resource, act.resource) and unit.before(test.id, act.id):
                if not looks_further(unit, test, act):
                    yield test, act
                break


def listed_then_used(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Listings of a folder, each with a step on one of its entries that fails if somebody else removed it."""
    for act in file_accesses(unit, Op.DELETE, Op.USE, Op.READ):
        if act.how in ("list", "truncate"):
            continue
        for number in sorted(act.value.stems):
            listing = unit.access(number)
            if (
                listing is not None
                and listing.resource.kind is Kind.FILE
                and listing.how == "list"
                and not same(listing.resource, act.resource)
                and not is_own(listing.resource.path)
                and not unit.guarded(listing, act)
                and not _moved_here(unit, act)
            ):
                yield listing, act
                break


def entry_removed_elsewhere(unit: Unit, listing: Access) -> str:
    """The function of the module that removes a file of the folder that the unit lists, of which it knows the name; "" if none does."""
    folder, module = listing.resource.path, unit.module
    for function in module.scope.facts.functions:
        if function.qualname == unit.facts.qualname or (
            folder.startswith("self.") and function.owner != unit.facts.owner
        ):
            continue
        if not any(not call.callee or call.callee.rpartition(".")[2] in REMOVING for call in function.calls):
            continue
        other = module.unit(function.qualname)
        gone = other.accesses(Op.DELETE, kinds=(Kind.FILE,)) if other is not None else ()
        if any(removal.resource.path.startswith(f"{folder} / ") for removal in gone):
            return function.qualname
    return ""


def _moved_here(unit: Unit, act: Access) -> bool:
    """Whether the unit itself has moved an entry to this path before: of several who do that only one comes so far."""
    claim = next(
        (
            move
            for move in unit.accesses(Op.WRITE, kinds=(Kind.FILE,))
            if move.how == "replace" and same(move.resource, act.resource) and unit.before(move.id, act.id)
        ),
        None,
    )
    return claim is not None and unit.safe(
        act, because=lambda: f"line {unit.module.line(claim)} moves the entry there, which one of several can do"
    )
