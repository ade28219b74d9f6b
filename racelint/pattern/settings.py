"""Settings of the whole process that one of several threads changes for its own work."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Mark
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.pattern.made import is_told
from racelint.pattern.rivals import with_itself
from racelint.pattern.unit import Unit


def set_for_all(unit: Unit) -> Iterator[tuple[Mark, Mark, Evidence]]:
    """The call that sets, the work that goes by it, and why another thread does the same meanwhile.

    `os.chdir(folder)`, work, `os.chdir(before)`: the other thread works in the wrong folder, and the last one to end leaves it there.
    """
    settings = unit.module.models.process_settings
    calls = [] if unit.facts.is_async else list(unit.marks("call", "slow"))
    for mark in calls:
        if mark.subject not in settings or _locked(unit, mark):
            continue
        work = next(
            (m for m in calls if m.id > mark.id and unit.before(mark.id, m.id) and not is_told(m.subject)), None
        )
        evidence = with_itself(unit, World.THREADS) if work is not None else None
        if work is None or evidence is None or evidence.strength is not Confidence.HIGH:
            continue
        if not evidence.public and not evidence.called and not unit.module.concurrency.called_under_lock(unit.facts):
            yield mark, work, evidence
            return


def _locked(unit: Unit, mark: Mark) -> bool:
    return bool(unit.locked_at(mark))
