"""Why others move or remove a path that a unit has looked at."""

from __future__ import annotations

from racelint.events import Access, Kind, Op
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.finding import Confidence
from racelint.paths import CACHED, LOCKS, SHARED_WORDS, shared_word
from racelint.pattern.files import one_path, written_in_place
from racelint.pattern.sharing import NAMES, by_name_of_code, threads_handed_alike, used_by_others
from racelint.pattern.unit import Unit


def moved_by_others(unit: Unit, act: Access, by_name: bool = False) -> Evidence | None:
    """Why somebody else moves or removes the same file: other processes do, or threads of the module that are all handed its folder.

    `by_name`: whether it counts what only the code is called.
    """
    found = used_by_others(unit, act)
    if found is not None and _known_lock(unit, act):
        return found.weakened()
    if found is not None and not by_name and by_name_of_code(unit, act, found):
        found = found.weakened()
    if found is not None and found.strength is not Confidence.LOW:
        return found
    return threads_handed_alike(unit, act) or found


def _known_lock(unit: Unit, act: Access) -> bool:
    """Whether a lock file is taken away only after a look into it, or at which file it is: by its holder, or as one left behind."""
    if not shared_word(act.resource.path, act.resource.name, only=LOCKS):
        return False
    looks = (unit.access(number) for number, _ in act.control)
    if any(look is not None and look.op in (Op.READ, Op.CHECK) and look.how in _CONTENT for look in looks):
        return True
    function = unit.module.scope.functions.get(act.place.unit, unit.facts)
    lines = unit.module.program.lines[function.first - 1 : unit.module.line(act)]
    return any(_IDENTITY.search(line) for line in lines)


_CONTENT = frozenset("read readline read_text read_bytes load safe_load".split())
_IDENTITY = expression(r"\bst_ino\b|\bsamestat\(|\bsamefile\(")


def removed_by_others(unit: Unit, test: Access, act: Access) -> Evidence | None:
    """Why somebody else removes the same path between the test and the step.

    A whole folder is mostly taken away by one who asks for it, and what only a function or module is called says little of who removes
    a file: of thirteen such findings that were read, two were right, one of them of one file after the other in a loop. So it is
    with one file of a cache, of which two of nine were right; in a loop over its files two meet sooner.
    """
    path, name = act.resource.path, act.resource.name
    swept = _of_round(unit, act) or (unit.before(act.id, test.id) and not shared_word(path, name, only=CACHED))
    found = moved_by_others(unit, act, by_name=swept)
    if found is None or found.world != "processes" or unit.module.concurrency.handled_in_processes(unit.facts.qualname):
        return found
    said = swept or shared_word(path, name, only=SHARED_WORDS - CACHED)
    return found if said and act.how != "rmtree" else found.weakened()


def made_anew(unit: Unit, removal: Access) -> bool:
    """Whether the unit puts something else in the place of what it has removed, so that each run of it comes to both steps."""
    return any(
        (act.op is not Op.USE or written_in_place(act))
        and one_path(unit, removal, act)
        and unit.before(removal.id, act.id)
        for act in unit.accesses(Op.CREATE, Op.WRITE, Op.USE, kinds=(Kind.FILE,))
    )


def _of_round(unit: Unit, act: Access) -> bool:
    """Whether each round of a loop of the function has another path."""
    function = unit.module.scope.functions.get(act.place.unit, unit.facts)
    return not function.loop_names.isdisjoint(NAMES.findall(act.resource.path.replace("{", " ")))
