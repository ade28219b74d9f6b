"""Files that are written so that others can see a part of them."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Op, Resource, Sense, Shape
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.finding import Confidence
from racelint.frozen import replace
from racelint.grafts import is_grafted
from racelint.paths import CACHED, LOCKS, is_predictable, is_storage, is_system_path, shared_word
from racelint.pattern.class_paths import names_in, paths_of_class
from racelint.pattern.files import (
    file_accesses,
    forgiven,
    one_path,
    refuses_if_otherwise,
    same_content,
    written_in_place,
)
from racelint.pattern.lock_handles import locked_by_system
from racelint.pattern.pair import INTERNAL
from racelint.pattern.path_users import opens, read_elsewhere
from racelint.pattern.read_beside import prepared, read_by_starter
from racelint.pattern.sharing import used_by_others
from racelint.pattern.start_documents import begins_document
from racelint.pattern.unit import Unit, same
from racelint.pattern.unused import called_by_name


def emptied_in_place(unit: Unit) -> Iterator[tuple[Access, Evidence]]:
    """Writes in place of files that others are known to read, each with what says so."""
    seen: list[Access] = []
    for write in file_accesses(unit, Op.USE, Op.WRITE):
        if not written_in_place(write) or any(same(other.resource, write.resource) for other in seen):
            continue
        seen.append(write)
        if (
            _put_in_place_later(unit, write)
            or _kept_from_readers(unit, write)
            or _read_before(unit, write)
            or same_content(unit, write)
            or _first_content(unit, write)
            or begins_document(unit, write)
            or _only_locked(unit, write)
            or prepared(unit, write)
            or _kept_whole(unit, write)
            or _refused_if_there(unit, write)
            or _made_elsewhere(unit, write)
        ):
            continue
        evidence = _readers(unit, write)
        if evidence is not None:
            yield write, evidence


def _made_elsewhere(unit: Unit, write: Access) -> bool:
    """Whether a function of another module writes to a path that it makes itself: there it is told, and not for each of its callers."""
    helper = unit.module.scope.functions.get(write.place.unit)
    if helper is None or not is_grafted(helper.qualname):
        return False
    given = {name for name, _ in helper.params}
    return write.resource.name in helper.local_names - given


def _kept_from_readers(unit: Unit, write: Access) -> bool:
    """Whether a lock is held at the write, and the function of the module that reads the file holds one, too, or none is known to.

    Writers who wait for each other do not keep those out who only read.
    """
    concurrency = unit.module.concurrency
    if not (unit.locked_at(write) or concurrency.called_under_lock(unit.facts)):
        return False
    path = write.resource.path
    reader = unit.module.unit(read_elsewhere(unit, write.resource) or "") if _of_all(unit, path) else None
    if reader is None or concurrency.called_under_lock(reader.facts) or concurrency.decorator_guards(reader.facts):
        return True
    names = {path, *paths_of_class(unit, path)}
    reads = [read for read in _reads(reader) if read.resource.path in names]
    return not reads or any(reader.locked_at(read) or _unreadable(read) for read in reads)


def _of_all(unit: Unit, path: str) -> bool:
    """Whether a path is the same for all functions of the module, or for all methods of the object."""
    return path in unit.module.scope.assigned or path.startswith("self.")


def _readers(unit: Unit, write: Access) -> Evidence | None:
    """Why others read the file: it is a cache, it is of the machine, or the module reads it and its name says that it is shared."""
    used = used_by_others(unit, write)
    resource, facts = write.resource, unit.facts
    if used is None or used.strength is Confidence.LOW:
        used = _read_by_thread(unit, resource) or used
    served = _served_by(unit, write) or _read_beside(unit, write) or _read_at_once(unit, write)
    if served is not None and (used is None or used.strength is Confidence.LOW):
        return served
    if used is None:
        return None
    cached = shared_word(resource.path, resource.name, facts.owner, only=CACHED)
    if (cached or shared_word(facts.name, write.place.unit, only=CACHED)) and taken_for_miss(
        unit, resource
    ):  # what is asked for again does no harm, unlike a lock that seems to be free
        return Evidence(f"who reads it takes what is no whole file for none; {used.text}", Confidence.LOW, "processes")
    other = _read_by_other(unit, write)
    if other is not None:
        return other
    reader = read_elsewhere(unit, resource)
    if not cached and is_system_path(resource.path) and not reader and _read_by_nobody(unit, resource):
        return Evidence("the module reads no such file, and nothing says that other programs do", Confidence.LOW)
    if cached or is_system_path(resource.path):
        return used
    handled = unit.module.concurrency.handled_in_processes(facts.qualname) is not None
    threads = used.strength is Confidence.MEDIUM and _read_by_thread(unit, resource) is not None
    storage = is_storage(facts.owner) and _of_used_storage(unit, resource, reader)
    if reader and (handled or threads or storage or shared_word(resource.path, resource.name, facts.qualname)):
        strength = Confidence.MEDIUM if storage else used.strength
        by_name = "read" if used.by_name == "path" else ""
        text = f"`{reader}` reads it; {used.text}"
        return replace(used, text=text, strength=strength, world="processes", by_name=by_name)
    return Evidence(used.text, Confidence.LOW, "processes")


def _of_used_storage(unit: Unit, resource: Resource, reader: str) -> bool:
    """Whether something calls the method that writes the file and something the one that reads it, where the project is in view."""
    scope, read_by = unit.module.scope, unit.module.scope.functions.get(reader)
    if unit.module.path not in scope.index.users:
        return True
    return called_by_name(scope.index, unit.facts, resource.path) and (
        read_by is None or called_by_name(scope.index, read_by, resource.path)
    )


def _read_by_nobody(unit: Unit, resource: Resource) -> bool:
    """Whether the module reads no file in the folder and hands none out, and the file has no name by which other programs know it.

    It lies in the folder of temporary files, as what is dumped to look into, or has an argument or something of a request in its
    name, so that two calls mostly write two.
    """
    given = unit.module.handed(unit.facts.qualname)
    folder, name = _placed(resource)
    named_by_call = not given.isdisjoint(_FILLED_WITH.findall(name) or (name,)) or _ASKED_FOR.search(name)
    if not named_by_call and not is_predictable(resource.path):
        return False
    functions = unit.module.scope.facts.functions
    return not any(
        _placed(read.resource)[0] == folder
        for function in functions
        if opens(function)
        for read in _reads(unit.module.unit(function.qualname))
    ) and not any(call.callee.rpartition(".")[2] in _HANDS_OUT for function in functions for call in function.calls)


_ASKED_FOR = expression(r"(?<!\w)request\.")
_HANDS_OUT = frozenset("send_file send_from_directory FileResponse".split())
"""Last names of calls that answer a request with a file."""


def _placed(resource: Resource) -> tuple[str, str]:
    """The folder of a file and its name in there, as written."""
    folder, _, name = resource.path.removeprefix("f").replace(" / ", "/").rpartition("/")
    return folder, name


_FILLED_WITH = expression(r"\{(\w+)")
"""What the name of a file is filled with: `f"{customer}.txt"`."""


def _read_by_thread(unit: Unit, resource: Resource) -> Evidence | None:
    """That another thread of the module reads the file meanwhile, under the name that the module has for it."""
    of_class = paths_of_class(unit, resource.path)
    reader = read_elsewhere(unit, resource) if of_class or resource.path in unit.module.scope.assigned else ""
    if of_class and any(
        _unreadable(read) for read in _reads(unit.module.unit(reader)) if read.resource.path in of_class
    ):
        return None
    found = unit.module.concurrency.overlap(unit.facts.qualname, reader, "threads") if reader else None
    if found is None or found.strength is not Confidence.HIGH or found.public or found.called:
        return None
    return Evidence(found.text, Confidence.MEDIUM, "processes")


def _read_at_once(unit: Unit, write: Access) -> Evidence | None:
    """That a thread of the module reads a file, which it writes down in full, while another one that it has started writes it."""
    concurrency, path = unit.module.concurrency, write.resource.path
    if not _written_down(unit, path) or not concurrency.surely_in_threads(unit.facts):
        return None
    for function in unit.module.scope.facts.functions:
        if function.qualname == unit.facts.qualname or not opens(function):
            continue
        found = concurrency.overlap(unit.facts.qualname, function.qualname, "threads")
        if found is None or found.strength is not Confidence.HIGH or found.public or found.called:
            continue
        reads = [read for read in _reads(unit.module.unit(function.qualname)) if read.resource.path == path]
        if reads and not any(_unreadable(read) for read in reads):
            return Evidence(f"`{function.qualname}` reads it; {found.text}", Confidence.MEDIUM, "processes")
    return None


def _served_by(unit: Unit, write: Access) -> Evidence | None:
    """That requests are answered from the file, which a thread or task that the module starts, or a job, writes again and again."""
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ())]
    if not any(root.handler or not (root.public or root.called) for root in roots):
        return None
    for function in unit.module.scope.facts.functions:
        if function.qualname == unit.facts.qualname or concurrency.handled_in_processes(function.qualname) is None:
            continue
        names = names_in(unit, function, write.resource.path)
        reads = (
            [read for read in _reads(unit.module.unit(function.qualname)) if read.resource.path in names]
            if names
            else []
        )
        if reads and not any(_unreadable(read) for read in reads):
            return Evidence(f"`{function.qualname}` answers requests from it", Confidence.MEDIUM, "processes")
    return None


def _read_by_other(unit: Unit, write: Access) -> Evidence | None:
    """That a handler in several processes writes a file that the module writes down in full, and another one reads it by the same words."""
    handled = unit.module.concurrency.handled_in_processes(unit.facts.qualname)
    path = write.resource.path
    if handled is None or not _written_down(unit, path):
        return None
    for function in unit.module.scope.facts.functions:
        if function.qualname == unit.facts.qualname or not (
            opens(function) or any(not c.callee for c in function.calls)
        ):
            continue  # what is called may be the method of a path without a name
        reads = [read for read in _reads(unit.module.unit(function.qualname)) if read.resource.path == path]
        if reads and not any(_unreadable(read) for read in reads):
            return Evidence(f"`{function.qualname}` reads it; {handled.text}", Confidence.MEDIUM, "processes")
    return None


def _written_down(unit: Unit, path: str) -> bool:
    """Whether a path is made of texts and of what the module names: `"menu.json"`, `BASE / "menu.json"`."""
    names = set(_NAMES.findall(_STRINGS.sub("", path))) | set(_FILLED_WITH.findall(path))
    known = unit.module.scope.assigned.keys() | unit.module.scope.imports.keys()
    return (bool({'"', "'"} & set(path)) or path in known) and names - _PATHS <= known - unit.facts.local_names


_STRINGS = expression(r"([\"'])[^\"']*\1")
_NAMES = expression(r"(?<![\w.\"'])[A-Za-z_]\w*")
_PATHS = frozenset({"f", "r", "Path", "pathlib", "os"})


def _read_beside(unit: Unit, write: Access) -> Evidence | None:
    """That who has started the thread that writes a file of the module again and again goes on to read it."""
    if shared_word(write.resource.path, only=CACHED):
        return None
    for function in unit.module.scope.facts.functions:
        names = names_in(unit, function, write.resource.path) if opens(function) else frozenset()
        found = read_by_starter(unit, function.qualname) if names else None
        reads = _reads(unit.module.unit(function.qualname)) if found is not None else []
        reads = [read for read in reads if read.resource.path in names]
        if reads and not any(_unreadable(read) for read in reads):
            return found
    return None


def taken_for_miss(unit: Unit, resource: Resource) -> bool:
    """Whether the function of the module that reads the file goes on without its content if it cannot be understood.

    Where none is known to read this very file, all that the others of the module read counts: one of them will.
    """
    own = _reads_of_object(unit, resource)
    reader = read_elsewhere(unit, resource) if not own else ""
    if reader:
        every = _reads(unit.module.unit(reader))
        reads = [read for read in every if _one_name(read.resource, resource)] or every
    elif own:
        reads = own
    else:
        readers = (f for f in unit.module.scope.facts.functions if f.qualname != unit.facts.qualname and opens(f))
        found = [(function.name, read) for function in readers for read in _reads(unit.module.unit(function.qualname))]
        cached = [
            read for name, read in found if shared_word(read.resource.path, read.resource.name, name, only=CACHED)
        ]
        reads = cached or [read for _, read in found]  # the others may be of what the cache is made of
    return bool(reads) and all(_unreadable(read) for read in reads)


def _reads_of_object(unit: Unit, resource: Resource) -> list[Access]:
    """What other methods of the object read of the file whose path it keeps, also by a function that they hand the path to."""
    if not resource.path.startswith("self."):
        return []
    methods = unit.module.scope.methods.get(unit.facts.owner, {}).values()
    readers = (unit.module.unit(method.qualname) for method in methods if method.qualname != unit.facts.qualname)
    return [read for reader in readers for read in _reads(reader) if read.resource.path == resource.path]


def _reads(unit: Unit | None) -> list[Access]:
    """What a unit reads of files; not the lines that tell whether the rest can be understood."""
    reads = unit.accesses(Op.READ, kinds=(Kind.FILE,)) if unit is not None else ()
    return [read for read in reads if read.how != "readline"]


def _unreadable(read: Access) -> bool:
    """Whether the unit goes on with an error by which a half-written file shows."""
    return any(name in _ANY or _UNREADABLE.search(name) for name in read.forgiven)


_ANY = frozenset({"", "Exception", "BaseException", "ValueError"})
"""Errors that say so besides others; "" stands for all."""

_UNREADABLE = expression(r"(?i)decod|deseriali|corrupt")
"""Names of errors about a content that cannot be understood, and of constants that hold several: `JSONDecodeError`.

Not `UnpicklingError`, as an empty file raises another one.
"""


def _one_name(one: Resource, other: Resource) -> bool:
    """Whether two functions call a file by the same name."""
    return one.path == other.path or one.name == other.name


def _kept_whole(unit: Unit, write: Access) -> bool:
    """Whether what has opened the file says that others never see a part of it: `with atomic_open(path) as file:`."""
    function, line = unit.module.scope.functions.get(write.place.unit, unit.facts), unit.module.line(write)
    return any(call.line == line and any(map(_OPENS_WHOLE.search, call.within)) for call in function.calls)


_OPENS_WHOLE = expression(r"(?i)atomic(ally)?_?(open|write|file)|(open|write|file)_?atomic")


def _first_content(unit: Unit, write: Access) -> bool:
    """Whether the file was found missing and gets an empty document: there is nothing yet that a reader could miss."""
    missing = any(
        (test := unit.access(number)) is not None and one_path(unit, test, write) and sense is Sense.ABSENT
        for number, sense in write.control
    )
    written = [
        access.value.shape
        for access in unit.accesses(Op.WRITE, kinds=(Kind.FILE,))
        if same(access.resource, write.resource) and access.id >= write.id
    ]
    return missing and bool(written) and all(shape in (Shape.CONSTANT, Shape.EMPTY) for shape in written)


def _refused_if_there(unit: Unit, write: Access) -> bool:
    """Whether the unit raises where the file is there already, so that nobody has read it before."""
    return any(
        (test := unit.access(number)) is not None
        and test.op is Op.CHECK
        and one_path(unit, test, write)
        and sense is not Sense.PRESENT
        and refuses_if_otherwise(unit, test, write, sense)
        for number, sense in write.control
    )


def _only_locked(unit: Unit, write: Access) -> bool:
    """Whether the file is opened for nothing but the lock on it, which leaves at most the number of its holder in it.

    So it is, too, if its name says that it is a lock, something is locked here, and nothing is written into it.
    """
    written = [
        access for access in unit.accesses(Op.WRITE, kinds=(Kind.FILE,)) if same(access.resource, write.resource)
    ]
    locked = any(
        isinstance(event, Acquire) and event.lock.owner == "lock" and event.lock.key == write.resource.path
        for event in unit.events
    )
    named = shared_word(write.resource.path, write.resource.name, only=LOCKS) and not written
    taken = bool(named) and locked_by_system(unit, write)
    return taken or (locked and all("getpid(" in unit.module.text(one.place) for one in written))


def emptied_before_lock(unit: Unit) -> Iterator[tuple[Access, Access, Evidence]]:
    """Files that are opened for writing, which empties them, and locked only then, each with what is written under the lock."""
    for opened in file_accesses(unit, Op.USE):
        if not written_in_place(opened) or unit.locked_at(opened) or _only_locked(unit, opened):
            continue
        for lock in unit.events:
            if not isinstance(lock, Acquire) or lock.what != "lock" or lock.lock.owner != "lock":
                continue
            if lock.lock.key != opened.resource.path or not unit.before(opened.id, lock.id):
                continue
            written = next(
                (
                    write
                    for write in unit.accesses(Op.WRITE, kinds=(Kind.FILE,))
                    if lock.id in write.held and same(write.resource, opened.resource)
                ),
                None,
            )
            if written is not None and not _first_content(unit, opened):
                yield (
                    opened,
                    written,
                    Evidence("who locks the file knows that others use it", Confidence.MEDIUM, "processes"),
                )
                break


def _put_in_place_later(unit: Unit, write: Access) -> bool:
    """Whether the file is renamed over another one afterwards, or removed: it was a temporary one.

    Removed if all goes well: what a handler removes is what was written in part.
    """
    return any(
        same(other.resource, write.resource)
        and unit.before(write.id, other.id)
        and (other.op is not Op.DELETE or not unit.only_after_error(write, other))
        for other in unit.accesses(Op.USE, Op.DELETE, kinds=(Kind.FILE,))
        if other.op is Op.DELETE or other.how in ("replace", "move")
    )


def _read_before(unit: Unit, write: Access) -> bool:
    """Whether the unit loads the file before: then it loses updates, which is another rule's to say."""
    return any(
        same(read.resource, write.resource) and unit.before(read.id, write.id)
        for read in unit.accesses(Op.READ, kinds=(Kind.FILE,))
    )


def removed_then_replaced(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Removals of a file, each with the rename that puts another one in its place."""
    for write in file_accesses(unit, Op.WRITE):
        if write.how not in ("replace", "move"):
            continue
        for removal in unit.accesses(Op.DELETE, kinds=(Kind.FILE,)):
            if (
                not (removal.how == "rmdir" and forgiven(unit, removal))  # takes an empty folder away if it can
                and one_path(unit, removal, write)
                and unit.before(removal.id, write.id)
                and not unit.before(write.id, removal.id)
                and not _renamed(unit, removal, write)
                and not unit.guarded(removal, write)
            ):
                yield removal, write
                break


def _renamed(unit: Unit, removal: Access, write: Access) -> bool:
    """Whether the attribute that names the path is set in between: to another path."""
    named = {removal.resource.path, removal.resource.name}
    changes = unit.accesses(Op.WRITE, kinds=INTERNAL)
    return any(
        change.resource.name in named and unit.before(removal.id, change.id) and unit.before(change.id, write.id)
        for change in changes
    )


_MADE = expression(r"NamedTemporaryFile|mkstemp|mkdtemp|mktemp|TemporaryDirectory|gettempdir\(\)")


def moved_from_elsewhere(unit: Unit) -> Iterator[tuple[Access, Evidence | None]]:
    """Moves of a temporary file that need not be in the folder of the file it replaces, and why others read that one.

    That a request moves it there says little where neither its name nor another function of the module says that others read it.
    """
    for target in file_accesses(unit, Op.WRITE):
        source = target.value.text
        if (
            target.how == "move"
            and _MADE.search(source)
            and "dir=" not in source
            and "gettempdir" not in target.resource.path
            and not is_predictable(target.resource.path)  # it lies in the same folder for temporary files
        ):
            used, resource = used_by_others(unit, target), target.resource
            handled = unit.module.concurrency.handled_in_processes(unit.facts.qualname) is not None
            given = resource.path in {name for name, _ in unit.facts.params}
            known = bool(is_system_path(resource.path) or shared_word(resource.path, resource.name))
            known = known or (not given and bool(read_elsewhere(unit, resource)))
            yield target, used.weakened() if used is not None and handled and not known else used
