"""Missing files that are put in place whole, so that it does not matter which of several writers is last."""

from __future__ import annotations

from racelint.events import Access, Kind, Op
from racelint.expressions import expression
from racelint.paths import CACHED, CONFIGURED, ENSURED, is_own, shared_word
from racelint.pattern.files import put_there, written_in_place
from racelint.pattern.unit import Unit, same


def filled_whole(unit: Unit, act: Access) -> bool:
    """Whether a file of the writer's own takes the place of one that all writers fill alike: a cache's, or one named by a digest."""
    path, name = act.resource.path, act.resource.name
    return (
        put_there(act)
        and is_own(act.value.text)
        and (_DIGEST.search(path) is not None or bool(shared_word(path, name, only=CACHED)))
        and not shared_word(path, name, only=CONFIGURED | ENSURED)
        and unit.safe(act, because=lambda: "the file is put in place whole, and all who do so write the same")
    )


def cached_again(unit: Unit, test: Access, act: Access) -> bool:
    """Whether a function finds a file of a cache missing and fills it: who does so once more puts there what was there.

    Its own name, that of the file or of the module says so; not if it is a secret or a number that each makes anew, nor if a file
    that was there before is moved, which only one can do.
    """
    path, name = act.resource.path, act.resource.name
    if act.place.unit != test.place.unit and "extract" in unit.module.text(act.place):
        return False  # of what is unpacked by somebody else a part may be in use
    if shared_word(path, name, only=CONFIGURED | ENSURED):
        return False
    if put_there(act) and not act.value.text.endswith(".name"):
        return False
    function = unit.module.scope.functions.get(act.place.unit, unit.facts)
    parts = unit.module.path.replace("\\", "/").removesuffix(".py").split("/")[-2:]
    return bool(shared_word(path, name, function.qualname, *reversed(parts), only=CACHED)) and not any(
        _BY_LOT.search(call.callee) for call in function.calls
    )


def of_defaults(unit: Unit, test: Access, act: Access) -> bool:
    """Whether a file that is found missing is filled with defaults, by what they are called, and with nothing that is handed in: all
    who do so write the same, unlike secrets, which each makes anew."""
    function = unit.module.scope.functions.get(act.place.unit, unit.facts)
    if test.place.unit != act.place.unit or any(_BY_LOT.search(call.callee) for call in function.calls):
        return False
    writes = (
        write
        for write in unit.accesses(Op.WRITE, kinds=(Kind.FILE,))
        if write.id >= act.id and same(write.resource, act.resource)
    )
    written = frozenset[str]().union(
        *(unit.module.behind(write.place) for write in writes if write.place.unit == act.place.unit)
    )
    written -= unit.module.behind(test.place)
    made = {*written, *(callee for name, callee in function.locals_built if name in written)}
    given = {name for name, _ in function.params}
    return written.isdisjoint(given) and any(_DEFAULT.search(one) for one in made)


_DEFAULT = expression(r"(?i)(?<![a-z])defaults?(?![a-z])")

_DIGEST = expression(r"(?i)digest|\bsha_?(1|224|256|384|512)|\bmd5|\bblake2|checksum|content_?hash")
"""What names a file by its content, or by all that it is made of."""

_BY_LOT = expression(r"(?i)uuid|urandom|random|secrets\.|token_(hex|urlsafe|bytes)|generate_\w*key")
"""Calls that make another value each time."""


def filled_between(unit: Unit, test: Access, act: Access) -> bool:
    """Whether the unit itself writes the file between the test and the step, which then rests on that."""
    return any(
        written_in_place(write)
        and same(write.resource, act.resource)
        and unit.before(test.id, write.id)
        and unit.before(write.id, act.id)
        and not unit.before(act.id, write.id)
        for write in unit.accesses(Op.USE, Op.WRITE, kinds=(Kind.FILE,))
        if write.id not in (test.id, act.id)
    )
