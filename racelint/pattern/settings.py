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
        if mark.subject not in settings or _locked(unit, mark) or _same_for_all(unit, mark):
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


def _same_for_all(unit: Unit, mark: Mark) -> bool:
    """Whether each run sets it to the same, and leaves it so: `locale.setlocale(locale.LC_ALL, settings.LOCALE)`."""
    own = unit.facts.local_names | unit.facts.loop_names | {name for name, _ in unit.facts.params}
    again = any(other.subject == mark.subject and other.id != mark.id for other in unit.marks("call", "slow"))
    return not again and mark.place.unit == unit.facts.qualname and own.isdisjoint(unit.module.behind(mark.place))


def _locked(unit: Unit, mark: Mark) -> bool:
    return bool(unit.locked_at(mark))
