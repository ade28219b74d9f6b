"""States of rows that are left together with a note of who did it."""

from __future__ import annotations

from racelint.events import Access, Kind, Row, Sense
from racelint.pattern.branches import told
from racelint.pattern.unit import Unit
from racelint.words import CURRENT_USER, HOLDERS, OF_AUDIT, UNTIL


def signed_over(unit: Unit, check: Access, write: Access, row: Row) -> bool:
    """Whether a save notes the user who left the tested state, and others are refused: the second one's name replaces the first one's.

    A row that was looked up by its user, or compared with the user, is only theirs.
    """
    signed = (
        name
        for name, part in write.value.known
        if OF_AUDIT.search(name) is None and any(_is_user(unit, number) for number in part.stems)
    )
    if next(signed, None) is None or not told(unit, check, write):
        return False
    loaded = unit.access(row.loaded) if row.loaded is not None else None
    if loaded is None or any(CURRENT_USER.search(name) for name in loaded.related):
        return False
    return not any(_is_user(unit, number) for number in write.controlled_by)


def names_holder(write: Access) -> bool:
    """Whether a statement notes in the row who has it now, and gives it to nobody else: the second one's name replaces the first one's."""
    nulled = write.value.part("flags")
    given_up = set(nulled.text.split()) if nulled is not None else set()
    return any(HOLDERS.search(column) and f"{column}=None" not in given_up for column in write.assigned)


def given_away(unit: Unit, check: Access, write: Access, row: Row) -> bool:
    """Whether a column that was found empty gets what this caller has brought, and who comes second is refused.

    `if ride.driver_id is None: ride.driver_id = driver`: both are told that it is theirs, and the first one's name is gone.
    """
    field = check.resource.name.rpartition(".")[2]
    if (check.id, Sense.ABSENT) not in write.control or row.loaded is None:
        return False
    names = {f"{row.name}.{field}", f"{row.name}.{field.removesuffix('_id')}"}
    params = {name for name, _ in unit.facts.params} - {"self", "cls"}
    brought = any(one.path in names and one.built_from.partition(".")[0] in params for one in unit.facts.writes)
    return brought and told(unit, check, write)


def _is_user(unit: Unit, number: int) -> bool:
    read = unit.access(number)
    return (
        read is not None
        and read.resource.kind in (Kind.ARGUMENT, Kind.ATTRIBUTE)
        and CURRENT_USER.search(read.resource.name) is not None
    )


def lease_taken(unit: Unit, check: Access, write: Access, row: Row) -> bool:
    """Whether a lease that has run out is given to another holder, and nothing sees to it that only one of those who saw that gets it."""
    field = check.resource.name.rpartition(".")[2]
    if check.id not in unit.flow.ordered or UNTIL.search(field) is None:
        return False
    given_up = {one.path for one in unit.facts.writes if one.shape == "none"}
    return any(HOLDERS.search(name) and f"{row.name}.{name}" not in given_up for name in write.assigned)
