"""A value that is saved in a row and put into a cache or the like, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.finding import Confidence, World
from racelint.pattern.described import OBJECTS, describes
from racelint.pattern.unit import Unit
from racelint.words import CLOCKS


def written_to_both(unit: Unit) -> Iterator[tuple[Access, Access, Evidence]]:
    """What a request or job writes to a table and under a key of another store, in the order in which it does, and who else does it.

    Of two that do it at once, one may write the row last and the other the copy. Whoever takes the copy out of the store
    instead, so that the next reader fills it from the row, has no such trouble.
    """
    evidence = unit.module.concurrency.handled_in_processes(unit.facts.qualname) or _started_for_many(unit)
    if evidence is None:
        return
    stores = unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.STORE,))
    copies = [
        a for a in stores if a.resource.key and (a.how in _RANKS if a.op is Op.UPDATE else a.how in _PUTS | OBJECTS)
    ]
    rows = list(unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.TABLE, Kind.ROW))) if copies else []
    rows += [a for a in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.STORE,)) if copies and a.how in _DOCUMENTS]
    for copy in copies:
        for row in rows:
            first, second = (row, copy) if unit.before(row.id, copy.id) else (copy, row)
            if (
                unit.before(first.id, second.id)
                and not unit.before(second.id, first.id)
                and _same_fact(unit, row, copy)
                and not unit.guarded(first, second, World.PROCESSES)
                and not unit.guarded(first, second)
                and not _made_here(unit, row)
                and not _of_one_version(unit, row, copy)
                and not _before_commit(unit, first, second, row)
            ):
                yield first, second, evidence
                return


def _same_fact(unit: Unit, row: Access, copy: Access) -> bool:
    """Whether a value that the row gets is also what stands under the key, or is computed from that."""
    if copy.how in _RANKS:
        return _ranked_alike(unit, row, copy)
    if copy.how in OBJECTS:
        return describes(unit, row, copy)
    return bool(
        _values(unit, row) & (_values(unit, copy) - _names_of_key(copy.resource.key))
        or _entries(unit, row) & (_entries(unit, copy) - set(_ENTRY.findall(copy.resource.key)))
    )


def _ranked_alike(unit: Unit, row: Access, copy: Access) -> bool:
    """Whether a member of a sorted set gets the number that the row gets, whatever it had: not the greater one, nor the time."""
    text = unit.module.text(copy.place)
    entry = _RANKED.search(text)
    if entry is None or _KEPT_IF.search(text) or (row.op is Op.UPDATE and row.value.part("relative") is not None):
        return False
    timed = {name for name, built in unit.facts.locals_built if built.rpartition(".")[2] in CLOCKS}
    score = set(_DOTTED.findall(entry[2])) - set(_DOTTED.findall(entry[1])) - timed
    return not score.isdisjoint(_values(unit, row))


def _before_commit(unit: Unit, first: Access, second: Access, row: Access) -> bool:
    """Whether the statement that changes the row keeps it locked until a commit behind both: who comes second waits there."""
    if first is not row or row.resource.kind is not Kind.TABLE:
        return False
    commits = [mark for mark in unit.marks("commit") if unit.before(first.id, mark.id)]
    behind = [mark for mark in commits if unit.before(second.id, mark.id)]
    return bool(behind) and len(behind) == len(commits)


def _started_for_many(unit: Unit) -> Evidence | None:
    """That the module itself starts the unit as several tasks or threads at once, of which two may be about one row."""
    name = unit.facts.qualname
    for world in (World.TASKS, World.THREADS):
        found = unit.module.concurrency.overlap(name, name, world.value)
        if found is not None and found.strength is Confidence.HIGH and not (found.public or found.called):
            return Evidence(found.text, Confidence.MEDIUM, world.value)
    return None


_PUTS = frozenset({"set", "setex", "aset", "hset", "put", "index"})
"""Calls that put a value under a key whatever stood there."""
_RANKS = frozenset({"zadd"})
"""Calls that give a member of a sorted set its number."""
_RANKED = expression(r"\{\s*([^{}:]+?)\s*:\s*([^{}]+?)\s*\}")
_KEPT_IF = expression(r"\b(nx|xx|gt|lt|incr)\s*=\s*(?!False)")
_DOCUMENTS = frozenset({"update_one", "replace_one", "find_one_and_update", "find_one_and_replace"})
"""Calls that put values into a document of MongoDB."""
_NAME = expression(r"[A-Za-z_]\w*")
_DOTTED = expression(r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)*(?![\w.(]|=[^=])")
_TEXTS = expression(r"'[^']*'|\"[^\"]*\"")


def _values(unit: Unit, access: Access) -> frozenset[str]:
    """What the written values are called, and what of their sources is more than the whole of an argument."""
    sources = (unit.access(number) for number in access.value.stems)
    if access.how in _DOCUMENTS:
        return _names_in(unit.module.text(access.place).partition(",")[2]) - {"True", "False", "None", "upsert"}
    if access.how == "index":  # the values stand in a display of the document
        document = _TEXTS.sub("", unit.module.text(access.place))
        return frozenset(_DOTTED.findall(document)) - {access.resource.key}
    row = unit.flow.rows[access.value.row] if access.value.row is not None else None
    fields = {f"{row.name}.{column}" for column in access.assigned} if row is not None and row.name else set()
    given = {w.built_from for w in unit.facts.writes if w.path in fields and w.how == "="} - {""}
    return access.related | fields | given | {s.resource.shown for s in sources if s is not None and s.resource.key}


def _entries(unit: Unit, access: Access) -> frozenset[str]:
    """The entries of collections that are written, other than those of the key: `request.json["price"]`."""
    return _entries_in(unit.module.text(access.place)) - _entries_in(access.resource.key)


def _entries_in(text: str) -> frozenset[str]:
    """In one spelling, on however many lines and in whichever quotes they stand."""
    return frozenset("".join(entry.split()).replace("'", '"') for entry in _ENTRY.findall(text))


_ENTRY = expression(r"[A-Za-z_][\w.]*\[\s*[\"']\w+[\"']\s*\]")


def _names_in(text: str) -> frozenset[str]:
    return frozenset(_NAME.findall(text))


def _names_of_key(key: str) -> frozenset[str]:
    """The names that a key is made of: of a text only those that are put into it."""
    return _names_in(" ".join(_PUT_IN.findall(key)) if key[:2] in ('f"', "f'") else key)


_PUT_IN = expression(r"\{([^{}]*)\}")


def _of_one_version(unit: Unit, row: Access, copy: Access) -> bool:
    """Whether the key is made of what the change of the row answered, such as its new revision: the entry is of that alone."""
    return row.id in copy.chosen and unit.safe(
        copy, because=lambda: f"the key is made of what line {unit.module.line(row)} answered"
    )


def _made_here(unit: Unit, row: Access) -> bool:
    """Whether the row is a new one, which nobody else writes yet."""
    index = row.value.row
    return index is not None and unit.flow.rows[index].new
