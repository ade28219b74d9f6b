"""Files: tests and steps on one path, and what says that other processes use the path too."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Op, Resource, Sense, Shape
from racelint.expressions import expression
from racelint.finding import World
from racelint.paths import (
    CACHED,
    FILE_LOCK,
    LOCKS,
    NEEDING,
    PATH_STATS,
    is_own,
    is_pid_file,
    is_predictable,
    is_spare,
    makes_any_folder,
    shared_word,
)
from racelint.pattern.lock_handles import locked_by_system
from racelint.pattern.markers import MADE_EMPTY
from racelint.pattern.own_paths import is_own_file
from racelint.pattern.unit import Unit, same
from racelint.pattern.web_answers import answers_request

TOLERANT = frozenset(
    {
        "",
        "OSError",
        "IOError",
        "EnvironmentError",
        "FileExistsError",
        "FileNotFoundError",
        "FileAlreadyExists",
        "FileAlreadyExistsException",
        "ResourceExistsError",
        "Exception",
        "BaseException",
    }
)
"""Errors whose handling makes the failure of a step harmless."""

IN_PLACE = frozenset(
    "truncate copy write_text write_bytes save savez savez_compressed savetxt dump to_csv to_parquet to_pickle to_feather "
    "to_excel to_hdf write_csv write_parquet".split()
)
"""How a file is written by its path so that others can see a part of it."""


def forgiven(unit: Unit, act: Access) -> bool:
    """Whether the unit goes on when the step fails."""
    tolerated = act.how == "tolerant" or bool(act.forgiven & TOLERANT)
    return tolerated and unit.safe(act, because=lambda: "the unit goes on when the step fails")


def file_accesses(unit: Unit, *ops: Op) -> Iterator[Access]:
    """The accesses of files that other processes can have, too; not those that add to a file, which never fail for want of it."""
    for access in unit.accesses(*ops, kinds=(Kind.FILE,)):
        if access.how != "append" and not is_own_file(unit, access.resource):
            yield access


def written_in_place(access: Access) -> bool:
    """Whether others can see the file half written."""
    return (access.op is Op.USE and access.how == "truncate") or (access.op is Op.WRITE and access.how in IN_PLACE)


def tested_then_done(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Tests of a path (or reads of a file) and the step on it that runs only because of what they saw."""
    for act in file_accesses(unit, Op.CREATE, Op.DELETE, Op.USE, Op.WRITE, Op.READ):
        if _tested_again(unit, act) or any(_may_look(unit, act, lock) for lock in unit.locked_at(act)):
            continue
        if act.op is Op.READ and act.how not in _READ_AT_ONCE:
            continue
        for number, sense in act.control:
            test = unit.access(number)
            if (
                test is not None
                and _is_test(test, act)
                and test.id != act.id
                and one_path(unit, test, act)
                and _fits(test, act, sense)
                and not unit.guarded(test, act)
                and (never_fails(act) or not _said_first(unit, test, act, sense))
                and not _either_way(unit, test, act, sense)
            ):
                yield test, act
                break


def never_fails(act: Access) -> bool:
    """Whether the step succeeds whatever is there: writing in place, touching, putting another file there."""
    return written_in_place(act) or put_there(act) or act.how == MADE_EMPTY


def refuses_if_there(unit: Unit, test: Access, act: Access) -> bool:
    """Whether the unit raises, or returns at once, where the test finds the path, so that who makes it keeps others out."""
    sense = dict(act.control).get(test.id)
    return sense is not None and _said_first(unit, test, act, sense)


def refuses_if_otherwise(unit: Unit, test: Access, act: Access, sense: Sense) -> bool:
    """Whether the unit raises where the test comes out otherwise, as the step would."""
    return _said_first(unit, test, act, sense)


_READ_AT_ONCE = frozenset({"read_text", "read_bytes"})
"""Reads that open the file themselves."""


def tested_before_lock(unit: Unit) -> Iterator[tuple[Access, Access, str]]:
    """Tests before a lock between processes, each with the step under the lock that rests on what was seen, and the lock.

    The first one who holds the lock changes what was tested; who waited for it does not look again.
    """
    seen: set[int] = set()
    for act in file_accesses(unit, Op.CREATE, Op.DELETE, Op.USE, Op.WRITE):
        if not _puts_or_takes(act) or act.how == "copy" or _same_again(unit, act):
            continue
        if act.op is Op.DELETE and act.forgiven & TOLERANT:  # who finds it gone goes on: the test only saves the lock
            continue
        locks = [lock for lock in unit.locked_at(act) if _between_processes(lock) and lock.id not in seen]
        for test in unit.accesses(Op.CHECK, kinds=(Kind.FILE,)):
            late = [lock for lock in locks if lock.id not in test.held and unit.before(test.id, lock.id)]
            if (
                late
                and one_path(unit, test, act)
                and not unit.guarded(test, act, World.PROCESSES)
                and not any(_looks(act, other, late[-1]) for other in unit.accesses(Op.CHECK, Op.READ, Op.USE))
                and not _may_look(unit, act, late[-1])
            ):
                seen.add(late[-1].id)
                yield test, act, late[-1].lock.shown
                break


def _puts_or_takes(act: Access) -> bool:
    """Whether the path is made, removed, written from the start, or put in place."""
    return act.op in (Op.CREATE, Op.DELETE) or written_in_place(act) or (act.op is Op.WRITE and act.how in _MOVED)


_MOVED = ("replace", "move")


def put_there(act: Access) -> bool:
    """Whether another file gets this path."""
    return act.op is Op.WRITE and act.how in _MOVED


def _same_again(unit: Unit, act: Access) -> bool:
    """Whether who does it once more changes nothing: the same text is written."""
    return written_in_place(act) and (same_content(unit, act) or copied(unit, act))


def _tested_again(unit: Unit, act: Access) -> bool:
    """Whether a test under the lock that is held at the step decides that it runs."""
    return any(
        (test := unit.access(number)) is not None
        and test.op in (Op.CHECK, Op.READ)
        and test.id != act.id
        and one_path(unit, test, act)
        and unit.guarded(test, act)
        for number, _ in act.control
    )


def _between_processes(lock: Acquire) -> bool:
    return lock.world == "processes" or FILE_LOCK.search(lock.lock.shown.partition("(")[0]) is not None


def _looks(act: Access, other: Access, lock: Acquire) -> bool:
    """Whether an access looks at the path of the step under the lock, before it."""
    return (
        lock.id in other.held
        and other.id < act.id
        and not written_in_place(other)
        and same(other.resource, act.resource)
    )


def _may_look(unit: Unit, act: Access, lock: Acquire) -> bool:
    """Whether a function of the project that is called under the lock before the step is too deep to be seen: it may look again."""
    function = unit.module.scope.functions.get(act.place.unit)
    if function is None or function is unit.facts:
        return False
    seen = {event.place.unit for event in unit.events if lock.id < event.id < act.id}
    return any(
        target.qualname not in seen
        for call in function.calls
        if call.within and call.line < unit.module.line(act)
        for target in unit.module.concurrency.target(call.callee, function)
    )


def made_after_any_test(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Folders that a function makes which is there for that, with a test of what may be another name of them.

    `os.mkdir(head)` in a loop over what was found missing before.
    """
    if not makes_any_folder(unit.facts.name):
        return
    tests = [test for test in unit.accesses(Op.CHECK, kinds=(Kind.FILE,)) if test.how not in ("name", "read")]
    for act in file_accesses(unit, Op.CREATE):
        test = next((test for test in tests if unit.before(test.id, act.id) and not unit.guarded(test, act)), None)
        if (
            test is not None
            and act.how in ("mkdir", "makedirs")
            and not any(act is made for _, made in tested_then_done(unit))
        ):
            yield test, act


def _is_test(test: Access, act: Access) -> bool:
    """Whether a step can rest on what an access saw of the path."""
    if test.op is Op.USE:
        return test.how in PATH_STATS if act.op is Op.DELETE or _moved_away(act) else test.how in NEEDING
    return test.op in (Op.CHECK, Op.READ)


def _fits(test: Access, act: Access, sense: Sense) -> bool:
    """Whether the step goes with what was seen: made where nothing was, used where something was."""
    makes = act.op is Op.CREATE or never_fails(act)
    if test.op is Op.USE and (act.op is Op.DELETE or _moved_away(act)):
        return True
    if test.op in (Op.READ, Op.USE) or test.how in _LOOSE:
        return makes and sense is Sense.ABSENT
    return sense is not (Sense.PRESENT if makes else Sense.ABSENT)


def _moved_away(act: Access) -> bool:
    """Whether the path is not there any more afterwards, as what was there has another name."""
    return act.op is Op.USE and act.how in _MOVED


_LOOSE = ("read", "read_text", "read_bytes", "load", "safe_load", "reader", "DictReader", "readline", "readlines")


def one_path(unit: Unit, one: Access, other: Access) -> bool:
    """Whether two accesses mean the same path: names of variables of different functions say nothing."""
    if not same(one.resource, other.resource):
        return False
    if one.place.unit == other.place.unit:
        return True
    facts = unit.facts
    known = facts.local_names | {name for name, _ in facts.params} | unit.module.scope.module_names
    names = {name for name in _FREE.findall(one.resource.path) if name not in unit.module.scope.imports}
    return names <= known | {"self", "cls"}


_FREE = expression(r"(?<![\w.\"'])([A-Za-z_]\w*)(?![\w(\"'])")
"""Names in a path that are neither called nor parts of others."""


def same_content(unit: Unit, write: Access) -> bool:
    """Whether everybody who writes the file writes the same constant; a lock is one whatever stands in it, if the system locks none."""
    named = shared_word(write.resource.path, write.resource.name, only=LOCKS)
    if named and not locked_by_system(unit, write, later=True):
        return False
    written = [
        access
        for access in unit.accesses(Op.WRITE, kinds=(Kind.FILE,))
        if same(access.resource, write.resource) and access.id >= write.id
    ]
    return bool(written) and all(access.value.shape is Shape.CONSTANT for access in written)


def copied(unit: Unit, write: Access) -> bool:
    """Whether what is written is what another file holds, so that everybody who writes the file writes the same."""
    written = [
        unit.access(access.value.via) if access.value.via is not None else None
        for access in unit.accesses(Op.WRITE, kinds=(Kind.FILE,))
        if same(access.resource, write.resource) and access.id >= write.id
    ]
    return bool(written) and all(
        read is not None
        and read.op is Op.READ
        and read.resource.kind is Kind.FILE
        and not same(read.resource, write.resource)
        for read in written
    )


def moved_once(unit: Unit, act: Access) -> bool:
    """Whether a file is given another name, which one of two processes can do, and the other one goes on when it fails.

    What one run has for itself each of them moves there.
    """
    return put_there(act) and forgiven(unit, act) and not is_own(act.value.text)


def pid_file_of_one(access: Access) -> bool:
    """Whether the file holds the number of one process, which made it and takes it away."""
    return is_pid_file(access.resource.path)


def spare_copy(access: Access) -> bool:
    """Whether the file is a copy of an older one, which nobody reads while all is well."""
    return is_spare(access.resource.path)


def missed_by_nobody(access: Access) -> bool:
    """Whether nobody minds that the file is gone for a moment: a spare copy, or what a cache does not hold just now."""
    return spare_copy(access) or bool(shared_word(access.resource.path, access.resource.name, only=CACHED))


def _said_first(unit: Unit, test: Access, act: Access, sense: Sense) -> bool:
    """Whether the test only gives a nicer error: where it comes out otherwise, the unit raises, as the step would.

    Not if it does so only if another test of the path comes out badly, too: `elif not os.path.isdir(path): raise`.
    """
    return any(
        any(number == test.id and other is not sense for number, other in mark.control)
        and not any(
            number != test.id and (number, other) not in act.control and _asks(unit, number, test.resource)
            for number, other in mark.control
        )
        and not (act.op is not Op.CREATE and answers_request(unit, mark))
        for mark in unit.marks("raise")
    )


def _either_way(unit: Unit, test: Access, act: Access, sense: Sense) -> bool:
    """Whether the path is removed whatever the test says, which only asks how: a folder or a file."""
    if act.op is not Op.DELETE:
        return False
    asked = {(test.id, sense), *(one for one in act.control if _asks(unit, one[0], act.resource))}
    return any(
        same(other.resource, act.resource)
        and any(number == one and seen is not found for number, seen in other.control for one, found in asked)
        for other in unit.accesses(Op.DELETE, kinds=(Kind.FILE,))
    )


def _asks(unit: Unit, number: int, resource: Resource) -> bool:
    """Whether the access is a test of the path."""
    test = unit.access(number)
    return test is not None and test.op is Op.CHECK and same(test.resource, resource)


def removed_then_made(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Removals of a path, each with the step that makes it again and fails if somebody else was faster."""
    for act in file_accesses(unit, Op.CREATE, Op.USE):
        if act.how in ("exclusive", MADE_EMPTY) or (act.op is Op.USE and not _guessed(act)):
            continue
        for removal in unit.accesses(Op.DELETE, kinds=(Kind.FILE,)):
            if (
                one_path(unit, removal, act)
                and unit.before(removal.id, act.id)
                and not unit.before(act.id, removal.id)
                and not unit.guarded(removal, act)
            ):
                yield removal, act
                break


def _guessed(act: Access) -> bool:
    """Whether another user can put a file there in time: its name in the common temporary folder can be guessed."""
    return written_in_place(act) and is_predictable(act.resource.path)


def named_temporary(unit: Unit) -> Iterator[Access]:
    """Names of temporary files that were free when they were looked for."""
    for access in unit.accesses(Op.CHECK, kinds=(Kind.FILE,)):
        if access.how == "name" and not _IN_FOLDER.search(access.resource.path):
            yield access


_IN_FOLDER = expression(r"dir=|mktemp\([^,=]*,[^,=]*,")
"""The folder is given, by its name or as the third argument."""
