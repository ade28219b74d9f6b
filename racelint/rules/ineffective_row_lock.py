"""A lock on rows, or around a transaction, that keeps nobody out.

The query that should lock is never evaluated; the lock is gone when the change is made, at once if no transaction is open; or the
rows were read before it was taken, and what was read then is saved or decides. The code looks safe and is not.

## Example
    from django.db import models, transaction

    class Seat(models.Model):
        taken = models.BooleanField(default=False)

    def reserve(request, pks):
        with transaction.atomic():
            locked = Seat.objects.select_for_update().filter(pk__in=pks)
            Seat.objects.filter(pk__in=pks, taken=False).update(taken=True)

## Use instead
    from django.db import models, transaction

    class Seat(models.Model):
        taken = models.BooleanField(default=False)

    def reserve(request, pks):
        with transaction.atomic():
            locked = list(Seat.objects.select_for_update().filter(pk__in=pks))
            Seat.objects.filter(pk__in=[seat.pk for seat in locked], taken=False).update(taken=True)

## Missed alarms
A lock that a helper of another module takes and loses.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Acquire, Event, Evidence
from racelint.pattern.module import Module
from racelint.pattern.row_locks import idle_locks
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A lock of the database that protects nothing of what it is there for."""
    for unit in module.units:
        for idle in idle_locks(unit):
            taken, change = (idle.at, idle.other) if idle.before is None else (idle.other, idle.at)
            steps: list[tuple[Role, Event]] = [(Role.READ, idle.before)] if idle.before is not None else []
            steps += [(role, event) for role, event in ((Role.ACT, taken), (Role.WRITE, change)) if event is not None]
            steps.sort(key=lambda step: step[1].id)
            block = isinstance(idle.at, Acquire) and idle.at.what == "lock"
            yield module.finding(
                RULE,
                unit,
                idle.at,
                steps,
                f"the lock {'' if block else 'on '}`{idle.model}` {idle.why}",
                Evidence("who takes a lock knows that others work on the same rows", Confidence.HIGH, by_hand=True),
                World.PROCESSES,
                idle.model,
                Fix(
                    f"commit before `{idle.model}` is released"
                    if block
                    else "evaluate the locking query first, and use its rows until the transaction ends"
                ),
            )


RULE = Rule(
    "RL604", "ineffective-row-lock", (World.PROCESSES,), "nothing is excluded", __doc__, find, needs=(Need.ROW_LOCK,)
)
