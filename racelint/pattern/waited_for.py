"""Checks whose other answer waits for the run that is at it already: who writes that expects several at once."""

from __future__ import annotations

from racelint.events import Access, Sense
from racelint.evidence import Evidence
from racelint.finding import Confidence
from racelint.pattern.unit import Unit, exactly
from racelint.words import WAITS_FOR_END, first_word


def waited_for(unit: Unit, check: Access, sense: Sense, act: Access) -> Evidence | None:
    """The evidence that several runs of the unit are expected at once: who is not the first waits there for its end, and is done.

    `if self.status is closing: await self.finished(); return`, which comes too late if it is only set after an await.
    """
    between = unit.between(check.id, act.id)
    if any(isinstance(e, Access) and e.op.changes and exactly(e.resource, act.resource) for e in between):
        return None  # that it is under way was said there
    for switch in unit.switches():
        other = any(number == check.id and answer is not sense for number, answer in switch.control)
        waits = first_word(switch.callee) in WAITS_FOR_END
        if other and waits and switch.site.unit == unit.facts.qualname and not unit.before(switch.id, act.id):
            line = unit.module.span(switch.site).line
            text = f"who finds `{check.resource.shown}` otherwise waits on line {line} for the end, so that several are expected"
            return Evidence(text, Confidence.MEDIUM)
    return None
