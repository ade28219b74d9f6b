"""Files that are made private after they have been written."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Op
from racelint.expressions import expression
from racelint.paths import PATH_READS, PATH_WRITES
from racelint.pattern.files import file_accesses, written_in_place
from racelint.pattern.unit import Unit, same

_PRIVATE = expression(r"(?<![\w])0?o?[4-7]00(?!\d)|S_I[RWX]{1,3}USR|S_IREAD\b")
_RUNNABLE = expression(r"(?<![\w])0?o?[57]00(?!\d)|S_I(RWX|X)U(SR)?")
"""Modes that also let the owner run the file: programs and folders, which are no secrets."""


_PRIVATE_FOLDER = expression(r"\b(mkdir|makedirs)\([^()\n]*\b(0o?700|S_IRWXU)\b")
"""The making of a folder, on one line, that only its owner can look into."""


def written_then_hidden(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Files that are written first and made private afterwards."""
    for act in file_accesses(unit, Op.USE):
        if act.how != "chmod" or not _PRIVATE.search(act.value.text) or _RUNNABLE.search(act.value.text):
            continue
        for write in unit.accesses(Op.USE, Op.WRITE, kinds=(Kind.FILE,)):
            if (
                written_in_place(write)
                and same(write.resource, act.resource)
                and unit.before(write.id, act.id)
                and not _of_other_helpers(unit, write, act)
                and not _in_private_folder(unit, write)
                and not _PRIVATE.search(unit.module.text(write.place))
                and (_written_between(unit, write, act) or _still_open(unit, act))
                and not any("umask" in mark.subject for mark in unit.marks("call"))
            ):
                yield write, act
                break


def _of_other_helpers(unit: Unit, write: Access, act: Access) -> bool:
    """Whether two helpers do the two steps, each a whole of its own: the one that hides the file has written it itself."""
    return write.place.unit != act.place.unit and unit.facts.qualname not in (write.place.unit, act.place.unit)


def _in_private_folder(unit: Unit, write: Access) -> bool:
    """Whether the folder of the file is made so that nobody else can look into it: by the unit, or in the module, which mostly has one."""
    return _PRIVATE_FOLDER.search(unit.module.program.source.text) is not None or any(
        made.how in ("mkdir", "makedirs", "chmod")
        and _PRIVATE.search(unit.module.text(made.place))
        and write.resource.path.startswith(f"{made.resource.path} / ")
        and unit.before(made.id, write.id)
        for made in unit.accesses(Op.CREATE, Op.USE, kinds=(Kind.FILE,))
    )


def _written_between(unit: Unit, opened: Access, act: Access) -> bool:
    """Whether the content comes before the file is made private, and none after."""
    written = [
        write.id < act.id
        for write in unit.accesses(Op.WRITE, kinds=(Kind.FILE,))
        if same(write.resource, act.resource) and write.id >= opened.id
    ]
    return bool(written) and all(written)


def _still_open(unit: Unit, act: Access) -> bool:
    """Whether the file is hidden while it is open and then filled, maybe by a helper: who opened it before reads that, too."""
    return any(isinstance(e := unit.events[number], Acquire) and e.what == "open file" for number in act.held)


def holds_secret(unit: Unit, write: Access) -> bool:
    """Whether the path, or what is written in the function or its class, speaks of what nobody else may know; not a list of settings.

    What the unit itself, or each caller that hands the path in, has read before is there, as a rule, and keeps the rights that it has;
    not so what is made if it is missing.
    """
    if _SECRET.search(f"{write.resource.path} {write.resource.name}"):
        return True
    if any(
        same(read.resource, write.resource) and unit.before(read.id, write.id)
        for read in unit.accesses(Op.READ, kinds=(Kind.FILE,))
    ) or _read_by_callers(unit, write):
        return False
    texts = (unit.facts.qualname, _text_of_class(unit))
    return any(map(_SECRET.search, texts))


def _read_by_callers(unit: Unit, write: Access) -> bool:
    """Whether the path is an argument that all callers in the module have from a function which reads a file and does not write any."""
    scope, program = unit.module.scope, unit.module.program
    writer = scope.functions.get(write.place.unit, unit.facts)
    names = [name for name, _ in writer.params if name not in ("self", "cls")]
    path = write.resource.name
    sites = unit.module.concurrency.callers.get(writer.qualname, []) if path in names else []
    for caller, call in sites:
        handed = ("", *call.arguments)[names.index(path) + 1 :][:1]
        lines = "".join(program.lines_of(caller)[caller.first - 1 : call.line - 1])
        told = _GIVEN.findall(lines) if handed else []
        makers = [scope.functions.get(maker) for given, maker in told if handed[0] in _WORDS.findall(given)]
        steps = {c.callee.rpartition(".")[2] for maker in makers if maker is not None for c in maker.calls}
        if not makers or None in makers or steps.isdisjoint(PATH_READS) or not steps.isdisjoint(PATH_WRITES):
            return False
    return bool(sites)


_GIVEN = expression(r"(?m)^\s*(\w+(?:,\s*\w+)*)\s*=\s*(?:await\s+)?(\w+)\(")
"""Names that the result of a function is given: `path, data = read_cache(config)`."""
_WORDS = expression(r"\w+")


def _text_of_class(unit: Unit) -> str:
    """The source of the class that the unit is a method of, or of the function."""
    scope, owner = unit.module.scope, unit.facts.owner
    class_ = scope.classes.get(owner)
    methods = [method for method in scope.facts.functions if owner and method.owner == owner] or [unit.facts]
    first = min(class_.line if class_ is not None else unit.facts.first, *(method.first for method in methods))
    last = max(unit.facts.last, *(method.last for method in methods))
    return "".join(unit.module.program.lines[first - 1 : last])


_SECRET = expression(
    r"(?i)secret|token(?!i[sz])|passw|credential|private|api_?key|license_key|[a-z]_key\b|\bkey_?file|oauth|(?<![a-z])auth(?!or)|bearer|cookie|\bpw\b"
)
"""Words for what opens doors."""
