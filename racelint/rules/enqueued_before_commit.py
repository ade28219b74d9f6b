"""A job is sent about a row that its worker cannot see yet.

Workers do not wait for the transaction: the job may look the row up before it is committed, find nothing or the old state, and
fail or do the wrong thing. If the transaction is rolled back, the job has run all the same. The same goes for a file that is
still open for writing when a job is told of its path.

## Example
    from django.db import models, transaction

    from shop.tasks import send_receipt

    class Order(models.Model):
        total = models.IntegerField()

    @transaction.atomic
    def place(request, total):
        order = Order.objects.create(total=total)
        send_receipt.delay(order.pk)

## Use instead
    from functools import partial

    from django.db import models, transaction

    from shop.tasks import send_receipt

    class Order(models.Model):
        total = models.IntegerField()

    @transaction.atomic
    def place(request, total):
        order = Order.objects.create(total=total)
        transaction.on_commit(partial(send_receipt.delay, order.pk))

## Missed alarms
Transactions that a caller opens, other than those of `ATOMIC_REQUESTS` where settings of the project set it. Jobs that are told
of a row by something else than its name.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Evidence, Op
from racelint.pattern.jobs import early_jobs, sends_on_commit
from racelint.pattern.module import Module
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A job that is told of a row, sent while the change of that row is open or about to be made."""
    for unit in module.units:
        for early in early_jobs(unit):
            job, change = early.job, early.change
            strength = Confidence.HIGH if change is not None and change.op is Op.CREATE else Confidence.MEDIUM
            if sends_on_commit(unit):  # which tasks do is said by the arguments of their decorators
                strength = Confidence.LOW
            yield module.finding(
                RULE,
                unit,
                job,
                ((Role.WRITE, change), (Role.ACT, job)) if change is not None else ((Role.ACT, job),),
                f"the job about `{early.row}` is sent {early.why}; a worker may look at it too early",
                Evidence("workers take jobs as soon as they are sent", strength),
                World.PROCESSES,
                early.row,
                Fix("send the job when the transaction is committed"),
            )


RULE = Rule(
    "RL204", "enqueued-before-commit", (World.PROCESSES,), "job before its row", __doc__, find, needs=(Need.JOB,)
)
