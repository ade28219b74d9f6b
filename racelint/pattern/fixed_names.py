"""Temporary files whose name every writer makes alike, each with the rename that puts it in place."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.finding import Confidence
from racelint.paths import ATOMIC, CACHED, COOKIES, is_own, shared_word
from racelint.pattern.files import file_accesses, written_in_place
from racelint.pattern.one_writer import only_one_run
from racelint.pattern.overwrites import taken_for_miss
from racelint.pattern.sharing import used_by_others
from racelint.pattern.unit import Unit


def replaced_from_fixed_name(unit: Unit) -> Iterator[tuple[Access | Mark, Access, Evidence | None]]:
    """Files written under a name that every writer uses, each with the rename onto the file that others read, and why others do."""
    for target in file_accesses(unit, Op.WRITE):
        source = target.value.text
        if target.how not in ("replace", "move") or unit.module.concurrency.called_under_lock(unit.facts):
            continue
        if source.startswith("self.") and not {'"', "'"} & set(source):
            write = _written_by_object(unit, source, target)
            if write is not None:
                yield write, target, _for_anybody(unit, target)
            continue
        if is_own(source) or not {'"', "'"} & set(source):
            continue
        for write in unit.accesses(Op.USE, Op.WRITE, kinds=(Kind.FILE,)):
            if (
                written_in_place(write)
                and write.resource.path == source
                and unit.before(write.id, target.id)
                and not unit.guarded(write, target)
            ):
                used = used_by_others(unit, target, ATOMIC | COOKIES)
                missed = _of_cache(unit, target) and taken_for_miss(
                    unit, target.resource
                )  # a mixture of two is none either
                alone = used is not None and bool(used.by_name) and only_one_run(unit)
                yield write, target, used.weakened() if used is not None and (missed or alone) else used
                break


def _of_cache(unit: Unit, target: Access) -> bool:
    """Whether the name of the file says that it is a cache, or that of what writes it, which goes on where the rename fails as
    another writer was faster."""
    if shared_word(target.resource.path, target.resource.name, only=CACHED):
        return True
    return "OSError" in target.forgiven and bool(shared_word(unit.facts.name, target.place.unit, only=CACHED))


def _written_by_object(unit: Unit, source: str, target: Access) -> Access | Mark | None:
    """The write under a name that the constructor makes of the path alone: `self.part = path + ".part"`."""
    scope, attribute = unit.module.scope, source.removeprefix("self.")
    setters = scope.attribute_writes(unit.facts.owner, attribute) if unit.facts.owner else []
    if len(setters) != 1:
        return None
    maker = unit.module.unit(setters[0][0].qualname)
    names = [
        access.value.text
        for access in (maker.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,)) if maker is not None else ())
        if access.resource.name == source
    ]
    if maker is None or not maker.is_constructor or len(names) != 1:
        return None
    if is_own(names[0]) or not _of_path(unit, names[0], target):
        return None
    if unit.locked_at(target):
        return None
    methods = scope.methods.get(unit.facts.owner, {}).values()
    if any(call.callee.endswith(".acquire") for method in methods for call in method.calls):
        return None  # the object holds a lock from one of its methods to another
    for method in methods:
        writer = unit if method.qualname == unit.facts.qualname else unit.module.unit(method.qualname)
        found = _opening(writer, source) if writer is not None else None
        if found is not None and writer is not None:
            return None if writer.locked_at(found) else found
    return None


def _opening(unit: Unit, path: str) -> Access | Mark | None:
    """Where a method opens the file for writing, itself or by something that is called so: `SyncedFile(self.part)`."""
    for write in unit.accesses(Op.USE, Op.WRITE, kinds=(Kind.FILE,)):
        if written_in_place(write) and write.resource.path == path:
            return write
    calls = (mark for mark in unit.marks("call") if path in mark.related and unit.facts.name == "__enter__")
    return next((mark for mark in calls if _OPENS.search(mark.subject)), None)


_OPENS = expression(r"(?i)(^|[._])open\w*$|file$")
"""Names of what opens a file for whoever enters a context."""


def _of_path(unit: Unit, text: str, target: Access) -> bool:
    """Whether a name is made of nothing but the path of the file that is replaced, or of what the constructor gets, and constants."""
    names = set(_FIELDS.findall(text) if text[:2] in ("f'", 'f"') else _NAMES.findall(_STRINGS.sub("", text)))
    constant = {name for name in names if name.rpartition(".")[2].isupper()}
    own = target.resource.path.removeprefix("self.")
    added = bool(constant) or bool({'"', "'"} & set(text))
    return added and names > constant and all(name.removeprefix("self.") == own for name in names - constant)


_STRINGS = expression(r"([\"'])[^\"']*\1")
_NAMES = expression(r"(?<![\w.])(?:self\.)?[A-Za-z_]\w*")
_FIELDS = expression(r"\{([^{}]*)\}")


def _for_anybody(unit: Unit, target: Access) -> Evidence | None:
    """Why others write the same file: its name or the class says so, or the class is a context that does it for whoever enters one."""
    found = used_by_others(unit, target, ATOMIC | COOKIES)
    entered = unit.facts.owner in unit.module.scope.methods and {"__enter__", "__exit__"} <= set(
        unit.module.scope.methods[unit.facts.owner]
    )
    if entered and (found is None or found.strength is Confidence.LOW):
        return Evidence(
            f"`{unit.facts.owner}` does so for whoever writes a file, also for two at once",
            Confidence.MEDIUM,
            "processes",
        )
    return found
