"""What says, without anything else that is done, that a mark or a state is there to keep others out."""

from __future__ import annotations

import re

from racelint.events import Access, Mark, Row, Sense
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.pattern.branches import told
from racelint.pattern.rights import is_work
from racelint.pattern.rivals import in_processes
from racelint.pattern.unit import Unit
from racelint.words import STATES, WORD


def is_job(unit: Unit) -> bool:
    """Whether a queue of jobs runs the unit."""
    concurrency = unit.module.concurrency
    roots = (concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ()))
    return any(root.unit == unit.facts.qualname and root.world == "processes" and root.handler for root in roots)


def done_by_job(unit: Unit, seen: tuple[int, Sense]) -> Mark | None:
    """What a job does because nothing said yet that it was done: the queue may hand out one message twice."""
    if not is_job(unit):
        return None
    works = (mark for mark in unit.marks("call", "slow", "helper") if seen in mark.control)
    return next((mark for mark in works if is_work(mark.subject)), None)


def refuses_second(unit: Unit, look: Access, write: Access) -> bool:
    """Whether a request notes that it came first, and who finds the note gets an error: two that come at once are both let through."""
    evidence: Evidence | None = in_processes(unit)
    served = evidence is not None and not evidence.public
    return served and told(unit, look, write, "made", "refused")


def gives_nothing(unit: Unit, check: Access, write: Access) -> bool:
    """Whether the caller gets `None` where another state was found, and something else that has a name where the row was taken."""
    given = set(unit.facts.returned) - {"", "None"}
    return bool(given) and told(unit, check, write, "given nothing")


def takes(unit: Unit, check: Access, row: Row) -> bool:
    """Whether a state is set that says that the row is gone to somebody: `seat.state = "reserved"`, where it was compared with another."""
    column = check.resource.name.rpartition(".")[2]
    if column.rpartition("_")[2] not in STATES or not row.name:
        return False
    facts = unit.facts
    lines = unit.module.program.lines_of(facts)[facts.first - 1 : facts.last]
    setting = re.compile(rf"\s*{re.escape(row.name)}\.{re.escape(column)}\s*=\s*(\S+)\s*(#.*)?$")
    given = [found[1] for line in lines if (found := setting.match(line)) is not None]
    return len(given) == 1 and _CONSTANT.fullmatch(given[0]) is not None and _says_gone(unit, given[0])


def _says_gone(unit: Unit, state: str) -> bool:
    words = [word.lower() for word in WORD.findall(state.removesuffix(".value").rpartition(".")[2])]
    return bool(words) and words[-1] in unit.module.models.once


_CONSTANT = expression(r"[\"'][\w -]+[\"']|(\w+\.)*[A-Z][A-Z0-9_]+(\.value)?")
"""A state that is written out, or a constant that is named."""
