"""Settings of the whole process that one of several threads changes for its own work."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Mark
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.frozen import replace
from racelint.pattern.lone import knows_threads
from racelint.pattern.made import is_told
from racelint.pattern.programs import of_one_program
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
        work = next((m for m in calls if m.id > mark.id and unit.before(mark.id, m.id) and _goes_by(mark, m)), None)
        evidence = with_itself(unit, World.THREADS) if work is not None else None
        if work is None or evidence is None:
            continue
        own = next(
            (m for m in calls if m.id >= work.id and m.place.unit == unit.facts.qualname and _goes_by(mark, m)), None
        )
        if own is not None and unit.before(mark.id, own.id) and _of_a_library(unit, mark, own, evidence):
            yield mark, own, replace(evidence, strength=Confidence.MEDIUM)
            return
        if evidence.strength is not Confidence.HIGH:
            continue
        if not evidence.public and not evidence.called and not unit.module.concurrency.called_under_lock(unit.facts):
            yield mark, work, evidence
            return


def _goes_by(mark: Mark, work: Mark) -> bool:
    """Whether a call may go by what was set: of a generator of random numbers that was seeded, only what draws from it."""
    holder, _, name = mark.subject.rpartition(".")
    return work.subject.startswith(f"{holder}.") if name == "seed" else not is_told(work.subject)


def _of_a_library(unit: Unit, mark: Mark, work: Mark, evidence: Evidence) -> bool:
    """Whether callers out of view of a file that is alone may come at once, each with a setting of its own, to which it does work.

    Where it works, a program may say as it likes, unless the file knows of threads.
    """
    if not (unit.module.alone and evidence.unseen) or of_one_program(unit) or mark.place.unit != unit.facts.qualname:
        return False
    again = (other for other in unit.marks("call", "slow") if other.subject == mark.subject and other.id != mark.id)
    if work.subject == mark.subject or any(unit.before(other.id, mark.id) for other in again):
        return False  # asked for what is set, or put back
    if mark.subject in _PLACES and not knows_threads(unit):
        return False
    return not unit.module.concurrency.for_tasks and not unit.module.concurrency.called_under_lock(unit.facts)


_PLACES = frozenset({"os.chdir", "os.fchdir", "contextlib.chdir"})


def _same_for_all(unit: Unit, mark: Mark) -> bool:
    """Whether each run sets it to the same, and leaves it so: `locale.setlocale(locale.LC_ALL, settings.LOCALE)`."""
    own = unit.facts.local_names | unit.facts.loop_names | {name for name, _ in unit.facts.params}
    again = any(other.subject == mark.subject and other.id != mark.id for other in unit.marks("call", "slow"))
    return not again and mark.place.unit == unit.facts.qualname and own.isdisjoint(unit.module.behind(mark.place))


def _locked(unit: Unit, mark: Mark) -> bool:
    return bool(unit.locked_at(mark))
