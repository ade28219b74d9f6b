"""States of rows that are tested, and then left for another."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op, Place, Row, Sense, Shape, Switch
from racelint.finding import World
from racelint.paths import shared_word
from racelint.pattern.branches import excluded, told, while_time_is_left
from racelint.pattern.claimed_rows import gives_nothing, is_job, takes
from racelint.pattern.lookups import by_key_read, only_column
from racelint.pattern.pair import Pair
from racelint.pattern.rights import LOCK_WORDS
from racelint.pattern.rivals import in_processes
from racelint.pattern.rows import built_by_callers, compared_with_locked, is_plain_argument, of_each_save
from racelint.pattern.seen import is_seen
from racelint.pattern.signed import given_away, lease_taken, names_holder, signed_over
from racelint.pattern.stamps import notes_time
from racelint.pattern.told_outside import is_told_outside
from racelint.pattern.transactions import row_locked_at
from racelint.pattern.unit import Unit, exactly
from racelint.words import STATES, first_word


def state_changes(unit: Unit) -> Iterator[tuple[Pair, Access | Mark | Switch | None]]:
    """Saves of a field of a row whose old value decided, each with what else is done because of it.

    Without anything else to be done twice, two runs that both set the same flag do no harm, unless the second should have
    been refused: then there is None beside the pair.
    """
    seen: set[int] = set()  # what is saved later on was left for this state already
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)):
        row = unit.flow.rows[write.value.row] if write.value.row is not None else None
        if row is None or row.locked or row.new or (row.name == "self" and first_word(unit.facts.name) in CONFIGURING):
            continue
        if row.loaded is None and row.name != "self" and not _of_others(unit, write, row):
            continue
        check = _tested(unit, write, row)
        if check is not None and _is_handed_in(unit, row) and (write.value.stems or not told(unit, check, write)):
            continue  # what is done for the caller, who looks at the state as well
        if check is not None and (
            check.id in seen or of_each_save(unit, check, write) or compared_with_locked(unit, write)
        ):
            continue
        seen.update([check.id] if check is not None else [])
        effect = done_too(unit, check, write) if check is not None else None
        if check is not None and effect is None:
            alone = (
                signed_over(unit, check, write, row)
                or lease_taken(unit, check, write, row)
                or given_away(unit, check, write, row)
                or (takes(unit, check, row) and (told(unit, check, write) or gives_nothing(unit, check, write)))
            )
            effect = write if alone else None
        if check is not None and (effect is not None or _refused(unit, check, write)):
            yield Pair(unit, check, write), effect


CONFIGURING = frozenset({"configure"})
"""First words of names of methods that complete an object before others use it."""


def released_unseen(unit: Unit) -> Iterator[tuple[Access, Access, bool]]:
    """Entries that are a lock, each with its deletion, whoever holds the lock by then; whether the holder was compared before.

    A lock that expires may be another's when the work is done; not where a clock says that it has not expired yet.
    """
    for removal in unit.accesses(Op.DELETE, kinds=(Kind.STORE,)):
        if removal.how not in ("delete", "unlink", "adelete") or removal.resource.owner != "store":
            continue
        for take in unit.accesses(Op.UPDATE, Op.READ, Op.CHECK, kinds=(Kind.STORE,)):
            if not exactly(take.resource, removal.resource) or not unit.before(take.id, removal.id):
                continue
            if take.place.unit != removal.place.unit and removal.resource.key.isidentifier():
                continue  # a local name of two functions, which may be two keys
            compared = take.op is not Op.UPDATE
            if compared and ((take.id, Sense.OTHER) not in removal.control or take.how not in ("get", "aget")):
                continue
            if compared and not any(take.id in mark.stems and mark.id < removal.id for mark in unit.marks("matched")):
                continue  # that it is there is all that was asked
            if not compared and not (_expires(take) and _worked(unit, take, removal)):
                continue
            if while_time_is_left(unit, removal):
                continue
            looked = any(
                exactly(a.resource, removal.resource) and a.op in (Op.READ, Op.CHECK) and take.id < a.id < removal.id
                for a in unit.flow.accesses
            )
            if (compared or not looked) and not unit.guarded(take, removal, World.PROCESSES):
                yield take, removal, compared
                break


def _expires(take: Access) -> bool:
    """Whether the access takes a lock that its store gives away after some time."""
    if take.how in ("add", "aadd"):
        return shared_word(take.resource.key, take.resource.name, only=LOCK_WORDS) != ""
    return take.how == "set" and "nx" in take.assigned and bool(take.assigned & {"ex", "px", "exat", "pxat"})


def _worked(unit: Unit, take: Access, removal: Access) -> bool:
    """Whether anything is called while the lock is held."""
    return any(take.id < mark.id < removal.id for mark in unit.marks("call", "slow", "enqueue"))


def statements_after_test(unit: Unit) -> Iterator[tuple[Pair, Access | Mark | None]]:
    """Rows and documents whose columns were tested after one statement and are changed by another, with what else is done then."""
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.TABLE, Kind.STORE)):
        if write.how in ("conditional", "picks") or not write.tested or not write.assigned or _computed(unit, write):
            continue
        adds = write.op is Op.UPDATE and write.how in ("execute", "exec")
        if write.op is Op.UPDATE and not adds and write.how not in ("update_one", "update", "aupdate"):
            continue
        for number, sense in sorted(write.control, key=lambda one: one[0]):
            look = unit.access(number)
            if look is None or look.op not in (Op.READ, Op.CHECK) or look.how == "count":
                continue
            if not (sense.vague or look.how in _OF_COLUMN):  # whether there is a row, not what is in it
                continue
            if not _of_same_rows(look, write) or unit.guarded(look, write, World.PROCESSES):
                continue
            if row_locked_at(unit, write):
                continue
            left = _compared_fields(unit, look, write) & write.assigned - write.tested
            added = next((e for e in _done_because(unit, (number, sense), write) if left or _adds_row(e)), None)
            right = any(column.rpartition("_")[2] in unit.module.models.once for column in left)
            if (
                adds
            ):  # who finds the mark is not given what the statement adds: `SET claimed = true, points = points + 100`
                if (right and write.assigned - left) or notes_time(unit, look, write):
                    yield Pair(unit, look, write), None
                    break
                continue
            if added is not None and (write.op is Op.WRITE or left):
                yield Pair(unit, look, write), added
                break
            if left and (right or names_holder(write)) and told(unit, look, write):
                yield Pair(unit, look, write), None if right else write
                break


_OF_COLUMN = frozenset({"fetchval", "fetch_val", "scalar"})
"""How the one column is read that was asked for, which then decides by itself."""


def _computed(unit: Unit, write: Access) -> bool:
    """Whether what is written comes from a store."""
    return any((a := unit.access(n)) is not None and a.resource.kind.external for n in write.value.stems)


def _of_same_rows(look: Access, write: Access) -> bool:
    """Whether a statement changes what the other has read, by the same keys, or by the key that was read."""
    if write.resource.kind is Kind.STORE:
        return exactly(look.resource, write.resource) and "_id" in write.tested
    if look.resource != write.resource:
        return False
    return by_key_read(look, write) or (look.tested == write.tested and bool(look.related & write.related))


def _compared_fields(unit: Unit, look: Access, write: Access) -> frozenset[str]:
    """The fields of what was read that were compared with something before the write."""
    marks = (mark for mark in unit.marks("compared") if look.id in mark.stems and unit.before(mark.id, write.id))
    found = {mark.subject for mark in marks}
    return frozenset(found | only_column(unit, look) if found else found)


def _done_because(unit: Unit, because: tuple[int, Sense], write: Access) -> Iterator[Access | Mark]:
    """What is seen when it happens twice, and happens because of the test: a row of another table, something begun."""
    for event in unit.events:
        if isinstance(event, Access):
            other = event.resource != write.resource and event.resource.kind is Kind.TABLE
            if other and event.op in (Op.CREATE, Op.UPDATE) and because in event.control:
                yield event
        elif isinstance(event, Mark) and because in event.control and is_seen(unit, event):
            yield event


def _adds_row(event: Access | Mark) -> bool:
    return isinstance(event, Access)


def _tested(unit: Unit, write: Access, row: Row) -> Access | None:
    """The read of a field that is saved, which decided that it is."""
    fields = set(write.resource.path.split(","))
    for number in sorted(write.controlled_by - write.value.stems):
        check = unit.access(number)
        if (
            check is None
            or check.op not in (Op.READ, Op.CHECK)
            or check.how == "unsure"  # on some ways the unit itself has just set it
            or check.resource.kind not in (Kind.ROW, Kind.ATTRIBUTE, Kind.ARGUMENT)
        ):
            continue
        base, _, field = check.resource.name.rpartition(".")
        if check.resource.kind is Kind.ROW and check.value.row == write.value.row:
            base, field = row.name, check.resource.path
        if base == row.name and field in fields and not unit.guarded(check, write, World.PROCESSES):
            return check
    return None


def done_too(unit: Unit, check: Access, write: Access) -> Access | Mark | Switch | None:
    """Something that is seen when it is done twice and that the check decides, too."""
    return _done_besides(unit, check, write) or _done_while(unit, write)


def _done_besides(unit: Unit, check: Access, write: Access) -> Access | Mark | Switch | None:
    saves = _saved_at(unit, write)
    for event in unit.events:
        if event.site in saves:
            continue
        if isinstance(event, Access):
            made = event.op in (Op.CREATE, Op.UPDATE) and event.resource.kind.external and event.place != write.place
            if event.how in ("update", "aupdate") and event.value.part("relative") is None and not event.value.stems:
                continue  # set to the same again
            if event.op is Op.UPDATE and event.how.removeprefix("a") in _JOINED:
                continue  # the second one finds what the first one made
            if event.how in ("add", "merge") and _of_itself(unit, event, write):
                continue
            known = event.how != "add" or event.resource.name[:1].isupper()  # else it may be there already
            if made and known and _same_branch(unit, check, write, event):
                return event
        elif isinstance(event, (Mark, Switch)) and _same_branch(unit, check, write, event):
            named = isinstance(event, Mark) and event.what == "helper"
            if is_told_outside(event) or (is_seen(unit, event) and not (named and check.id in unit.flow.ordered)):
                return event  # the name of a function alone speaks for nothing where no state is compared
    return None


def _of_itself(unit: Unit, event: Access, write: Access) -> bool:
    """Whether what is put into the session is the very row that is saved, which is there already."""
    index = write.value.row
    return index is not None and unit.module.text(event.place).endswith(f"({unit.flow.rows[index].name})")


_JOINED = frozenset({"get_or_create", "update_or_create", "bulk_create"})
"""Statements that make a row where there is none, or tolerate that it is there."""


def _saved_at(unit: Unit, write: Access) -> frozenset[Place]:
    """Where the model's own `save` is called if that makes the write: what it does besides it does for whoever calls it."""
    by_save = write.how.startswith("super()") or write.place.unit.rpartition(".")[2] in ("save", "asave")
    if not by_save or write.place.unit == unit.facts.qualname:
        return frozenset()
    return frozenset(access.site for access in unit.flow.accesses if access.place.unit == write.place.unit)


def _of_others(unit: Unit, write: Access, row: Row) -> bool:
    """Whether the state of a row is left that a function of other code has looked up, or that was handed in."""
    if all(column.rpartition("_")[2] not in STATES | unit.module.models.once for column in write.assigned):
        return False
    if _is_handed_in(unit, row):
        return not is_plain_argument(unit, row) and not built_by_callers(unit, row)
    return any((a := unit.access(number)) is not None and a.how == "look-up" for number in write.controlled_by)


def _is_handed_in(unit: Unit, row: Row) -> bool:
    return row.loaded is None and row.name != "self" and any(name == row.name for name, _ in unit.facts.params)


def _done_while(unit: Unit, write: Access) -> Mark | None:
    """What is done between the save of a state and that of the next one, in a unit that runs several times at once.

    `if job.running: return`, then `job.running = True`, the work, and `job.running = False`: the state is there to keep others out.
    So is that of a row which a job of a queue works on, as the queue may hand it out twice.
    """
    columns = set(write.resource.path.split(","))
    ends = (
        other
        for other in unit.accesses(Op.WRITE, kinds=(Kind.ROW,))
        if other.id > write.id and other.value.row == write.value.row and columns & set(other.resource.path.split(","))
    )
    end = next((other for other in ends if unit.before(write.id, other.id)), None)
    if (end is None and not is_job(unit)) or in_processes(unit) is None:
        return None
    last = end.id if end is not None else len(unit.events)
    saves = _saved_at(unit, write)
    works = (mark for mark in unit.marks("call", "slow") if mark.site not in saves)
    names = write.related | _key_names(unit, write)
    return next((m for m in works if write.id < m.id < last and names & m.related), None)


def _key_names(unit: Unit, write: Access) -> frozenset[str]:
    """The arguments by which the row was looked up, which name it as well as itself: `Export.objects.get(pk=pk)`."""
    loaded = unit.flow.rows[write.value.row].loaded if write.value.row is not None else None
    look = unit.access(loaded) if loaded is not None else None
    return look.related & {name for name, _ in unit.facts.params} if look is not None else frozenset()


def _refused(unit: Unit, check: Access, write: Access) -> bool:
    """Whether who finds a right gone that is given once is told so: something is made, called or raised for them alone."""
    words = [
        word for word in check.resource.name.rpartition(".")[2].lower().split("_") if word not in ("at", "on", "by")
    ]
    if not words or words[-1] not in unit.module.models.once or write.value.shape is Shape.FALSE:
        return False
    return told(unit, check, write)


def _same_branch(unit: Unit, check: Access, write: Access, event: Access | Mark | Switch) -> bool:
    """Whether the event happens because of the check, and whenever the state is left: not before a further test of another thing."""
    control = dict(event.control)
    loaded = unit.flow.rows[write.value.row].loaded if write.value.row is not None else None
    if (loaded, Sense.ABSENT) in event.control or excluded(write, event):
        return False
    if not unit.before(event.id, write.id) and not unit.before(write.id, event.id):
        return False  # on two branches of a test of something else: the state is left without it
    return check.id in control and (event.id > write.id or write.controlled_by <= set(control))
