"""The next item of a queue is chosen in one step and marked as taken, or removed, in another.

Two workers choose the same item before either has marked it: the job runs twice.

## Example
    from django.db import models

    class Job(models.Model):
        state = models.CharField(max_length=9, default="new")

    def next_job():
        job = Job.objects.filter(state="new").order_by("pk").first()
        if job is not None:
            job.state = "running"
            job.save()
        return job

## Use instead
    from django.db import models, transaction

    class Job(models.Model):
        state = models.CharField(max_length=9, default="new")

    def next_job():
        with transaction.atomic():
            job = Job.objects.select_for_update(skip_locked=True).filter(state="new").order_by("pk").first()
            if job is not None:
                job.state = "running"
                job.save()
        return job

## Missed alarms
Items that are chosen in one function and taken in another, and columns that are set by a function of another module.
Where several modules are there and one of them uses this one, only what is sure is shown by default: the rest has low confidence.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Evidence, Op
from racelint.pattern.module import Module
from racelint.pattern.queues import Taken, of_several, seen_twice, unclaimed_items, worked_on
from racelint.pattern.rivals import in_processes
from racelint.pattern.row_locks import lost_lock
from racelint.pattern.rows import row_evidence
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """What is chosen by its state, and given another state by what names it alone."""
    for unit in module.units:
        told: set[int] = set()  # what is saved later on has been taken already
        for taken in unclaimed_items(unit):
            lock = lost_lock(unit, taken.pair.first)
            evidence = _evidence(unit, taken) if not lock else KNOWN
            look, act = taken.pair.first, taken.pair.second
            if evidence is None or (look.id in told and act.value.row is not None):
                continue
            told.add(look.id)
            name = act.resource.name
            steps = ((Role.READ, look), (Role.WRITE, act)) if look is not act else ((Role.WRITE, act),)
            yield module.finding(
                RULE,
                unit,
                act,
                steps,
                _message(module, taken, name) + (f"; {lock}" if lock else ""),
                evidence,
                World.PROCESSES,
                name,
                *_remedy(taken),
            )


def _message(module: Module, taken: Taken, name: str) -> str:
    if taken.pair.first is taken.pair.second:
        return f"the rows of `{name}` that are changed here are chosen by a subquery that locks none; another worker chooses the same"
    how = f"marked by `{taken.column}`" if taken.column else "removed"
    line = module.line(taken.pair.first)
    if taken.whole and taken.pair.second.op is not Op.DELETE:
        return (
            f"the rows of `{name}` that line {line} reads are worked on, and all that fit by now are marked by "
            f"`{taken.column}` here; rows that came in between are marked, too, and never worked on"
        )
    if taken.whole:
        return f"all of `{name}` is read on line {line} and deleted here; what others add in between is deleted unread"
    return (
        f"`{name}` is chosen on line {line} and {how} here, in a separate step; another worker may have chosen it, too"
    )


KNOWN = Evidence("who takes a lock knows that others work on the same rows", Confidence.HIGH, by_hand=True)


def _remedy(taken: Taken) -> tuple[Fix, str]:
    """The advice, and the harm where it is another one than the rule's."""
    if taken.whole and taken.pair.second.op is not Op.DELETE:
        return Fix(
            "mark exactly the rows that were read, by their keys, or claim them before the work"
        ), "unread entries"
    if taken.whole:
        return Fix(
            "rename the key before it is read, or read and delete it in one transaction (`MULTI`)"
        ), "unread entries"
    return Fix("choose and take in one step, or lock the row when it is chosen and skip locked ones"), ""


def _evidence(unit: Unit, taken: Taken) -> Evidence | None:
    """One item that is chosen is meant for one worker; a loop over all of them has to be seen to run several times at once."""
    if taken.one:
        evidence = row_evidence(unit, taken.pair.second, taken.pair.first)
        saved = taken.pair.second.value.row is not None
        # a row that is found by equal columns alone may be the only one, and no item of a queue
        seldom = not seen_twice(unit, taken) if taken.column else not of_several(taken.pair.first)
        return evidence.weakened() if saved and seldom and evidence is not None else evidence
    found = in_processes(unit)
    if found is None or not worked_on(unit, taken):
        return None
    return Evidence(
        found.text, min(found.strength, Confidence.MEDIUM, key=lambda one: one.rank), found.world, found.public
    )


RULE = Rule(
    "RL502",
    "unclaimed-queue-item",
    (World.PROCESSES,),
    "done twice",
    __doc__,
    find,
    needs=(Need.QUEUE,),
    wants_more_in_view=True,
)
