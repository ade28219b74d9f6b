"""States of objects that are tested and left for another, where the object is saved by code that is not seen."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op, Sense
from racelint.expressions import expression
from racelint.finding import World
from racelint.frozen import replace
from racelint.pattern.branches import OPPOSITES
from racelint.pattern.pair import Pair
from racelint.pattern.seen import is_seen
from racelint.pattern.told_outside import is_told_outside
from racelint.pattern.unit import Unit
from racelint.words import STATES, first_word


def object_states(unit: Unit) -> Iterator[tuple[Pair, Mark]]:
    """Tests of an object's state, by which others are refused, each with the change of the state and what is done because of it.

    The object is a record: it is saved, or what is told of it is updated (`db.volume_update(id, {"status": "extending"})`).
    """
    concurrency = unit.module.concurrency
    if concurrency.called_under_lock(unit.facts) or concurrency.decorator_guards(unit.facts):
        return
    rows = {row.name for row in unit.flow.rows}
    for check in unit.accesses(Op.CHECK, Op.READ, kinds=(Kind.ARGUMENT,)):
        root, _, field = check.resource.name.rpartition(".")
        if not root.isidentifier() or root in rows or root in _NO_RECORD or field.rpartition("_")[2] not in STATES:
            continue
        change, sense = _left(unit, check, root, field)
        if change is None or sense is None or not _refused(unit, check, sense) or _still_allowed(unit, check, change):
            continue
        if unit.guarded(check, change, World.PROCESSES) or unit.guarded(check, change) or unit.locked_at(change):
            continue
        effect = next(
            (mark for mark in unit.marks("call", "slow", "enqueue", "spawn") if _done(unit, mark, check, sense)), None
        )
        if effect is not None:
            yield Pair(unit, check, change), effect
            return


def states_kept_by_others(unit: Unit) -> Iterator[tuple[Pair, Mark]]:
    """The same of what a repository looks up and saves: `coupon = repo.get_by_code(code)`, then `repo.save(coupon)`."""
    concurrency = unit.module.concurrency
    if concurrency.called_under_lock(unit.facts) or concurrency.decorator_guards(unit.facts):
        return
    words = STATES | unit.module.models.once
    for look in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.TABLE,)):
        name = _local_of(unit, look) if look.how == "look-up" else ""
        tested = {mark.subject for mark in unit.marks("compared") if look.id in mark.stems}
        changed = {write.path.rpartition(".")[2] for write in unit.facts.writes if write.path.startswith(f"{name}.")}
        field = next((one for one in sorted(tested & changed) if one.rpartition("_")[2] in words), "")
        if not name or not field:
            continue
        for save in unit.marks("call", "slow"):
            sense = dict(save.control).get(look.id)
            if sense is None or name not in save.related or first_word(save.subject) not in _KEEPS:
                continue
            if not _refused(unit, look, sense) or unit.guarded(look, save, World.PROCESSES) or unit.guarded(look, save):
                continue
            effect = next(
                (mark for mark in unit.marks("call", "slow", "enqueue", "spawn") if _done(unit, mark, look, sense)),
                None,
            )
            kept = next((access for access in unit.flow.accesses if access.place == save.place), None)
            if effect is not None and effect.id != save.id and kept is not None and not unit.locked_at(save):
                yield Pair(unit, replace(look, resource=replace(look.resource, name=f"{name}.{field}")), kept), effect
                return


def _local_of(unit: Unit, look: Access) -> str:
    """The name of what a look-up by an unseen function gives."""
    method = look.resource.name.removesuffix("()")
    return next((local for local, built in unit.facts.locals_built if built.rpartition(".")[2] == method), "")


_KEEPS = frozenset("save update persist store put".split())
"""First words of what a repository is asked to keep an object by."""


_NO_RECORD = frozenset("self cls request response req resp r task future process proc thread".split())
"""Names of what is no record of a store."""


def _left(unit: Unit, check: Access, root: str, field: str) -> tuple[Access | None, Sense | None]:
    """The change of the state because of the test, which goes to a store, and what the test saw then."""
    for change in unit.accesses(Op.WRITE, kinds=(Kind.ARGUMENT, Kind.STORE)):
        sense = dict(change.control).get(check.id)
        if sense is None or check.id in change.value.stems:
            continue
        if change.resource.kind is Kind.ARGUMENT:
            if change.resource.name == check.resource.name and _saved(unit, change, root):
                return change, sense
        elif _told_of(change, root) and _NAMED.format(field) in f"{change.value.text} {change.value.origin}".replace(
            '"', "'"
        ):
            return change, sense
    return None, None


_NAMED = "'{}':"


def _saved(unit: Unit, change: Access, root: str) -> bool:
    """Whether the object is saved after the change."""
    return any(
        mark.subject == f"{root}.save" and unit.before(change.id, mark.id) for mark in unit.marks("call", "slow")
    )


def _told_of(change: Access, root: str) -> bool:
    """Whether the record of a store is updated, by the key of the object or called after it: `self.db.disk_update(…)` of `disk`."""
    named = change.resource.name.rpartition(".")[2] == root or not change.related.isdisjoint(
        {f"{root}.id", f"{root}.pk"}
    )
    return change.how.endswith("_update") and named


def _still_allowed(unit: Unit, check: Access, change: Access) -> bool:
    """Whether the new state is one of those that are not refused: `if disk.status not in ALLOWED: raise`."""
    lines, state = unit.module.program.lines_of(unit.facts), change.value.text
    line = unit.module.line(check) - 1
    if not state or check.place.unit != unit.facts.qualname or " not in " not in lines[line]:
        return False
    before = "\n".join(lines[unit.facts.line - 1 : line])
    listed = check.related | {text for name in check.related if name.isidentifier() for text in _members(name, before)}
    return state in listed


def _members(name: str, text: str) -> list[str]:
    """What a tuple, list or set of this name holds, as it is written."""
    found = _DISPLAY.search(f"{text}\n".partition(f"{name} =")[2])
    return [one.strip() for one in found[1].split(",")] if found is not None else []


_DISPLAY = expression(r"^\s*[(\[{]([^()\[\]{}]*)[)\]}]")


def _refused(unit: Unit, check: Access, sense: Sense) -> bool:
    """Whether an error is made, or something is called, for those alone who find another state."""
    return any(
        {sense, other} in OPPOSITES
        for mark in unit.marks("call", "made", "refused", "turned away")
        for number, other in mark.control
        if number == check.id
    )


def _done(unit: Unit, mark: Mark, check: Access, sense: Sense) -> bool:
    """Whether a call because of the test is seen when it is made twice."""
    if (check.id, sense) not in mark.control or _LOGS.search(mark.subject) or unit.only_after_error(check, mark):
        return False
    return is_told_outside(mark) or is_seen(unit, mark)


_LOGS = expression(r"(?i)(^|\.)(log|logger|logging)\.|(^|\.)_(L[A-Z])?$")
