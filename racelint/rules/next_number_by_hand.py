"""The next number is computed from those that are there, and saved in a separate step.

Two processes see the same last number and both save its successor: two rows have one number, or the second one fails on a
constraint that nobody handles. A transaction does not help, nor does a lock on the last row: who waits for it reads that row
again and not the new one. The same goes for a name that was looked for and found to be free.

## Example
    from django.db import models
    from django.db.models import Max

    class Ticket(models.Model):
        number = models.IntegerField()

    def open_ticket(request):
        last = Ticket.objects.aggregate(last=Max("number"))["last"] or 0
        Ticket.objects.create(number=last + 1)

## Use instead
    from django.db import models, transaction
    from django.db.models import F

    class Counter(models.Model):
        last = models.IntegerField(default=0)

    class Ticket(models.Model):
        number = models.IntegerField()

    def open_ticket(request):
        with transaction.atomic():
            counter = Counter.objects.select_for_update().get(pk=1)
            counter.last = counter.last + 1
            counter.save()
            Ticket.objects.create(number=counter.last)

## Missed alarms
Numbers that are computed by the database in one statement and kept in another, and numbers that pass through other modules. Places in
a list (`position`, `order`) that no constraint keeps apart: two rows that share one are shown side by side.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.frozen import replace
from racelint.need import Need
from racelint.pattern.lookups import constraint_handled
from racelint.pattern.module import Module
from racelint.pattern.numbers import found_names, free_names, next_numbers, only_orders, own_numbers
from racelint.pattern.raised import raised_then_given
from racelint.pattern.rows import row_evidence
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A row is saved with one more than what was read of its table, with no lock and no constraint that is handled."""
    for unit in module.units:
        for read, new in (*next_numbers(unit), *own_numbers(unit)):
            evidence = row_evidence(unit, new, read)
            if only_orders(unit, read, new):
                evidence = evidence.weakened()
            refused = constraint_handled(unit, new)  # but that is only turned into another error
            if refused:
                evidence = replace(
                    evidence, strength=min(evidence.strength, Confidence.MEDIUM, key=lambda one: one.rank)
                )
            name = read.resource.name
            yield module.finding(
                RULE,
                unit,
                new,
                ((Role.READ, read), (Role.WRITE, new)),
                f"the last number of `{name}` is read on line {module.line(read)} and its successor saved here; "
                "another process can take the same number in between"
                + (", and then the unique constraint makes this one fail" if refused else ""),
                evidence,
                World.PROCESSES,
                name,
                Fix("let a sequence or a locked row count, or save under a unique constraint and try again"),
                "step fails" if refused else "",
            )
        for change, given in raised_then_given(unit):
            name = change.resource.name
            yield module.finding(
                RULE,
                unit,
                given,
                ((Role.WRITE, change), (Role.ACT, given)),
                f"the number of `{name}` is raised on line {module.line(change)}, read again in another step and given here; "
                "another process can raise it in between, and both get the same number",
                row_evidence(unit, change),
                World.PROCESSES,
                name,
                Fix("use what the raising step itself answers (`RETURNING`, `INCR`), or do both in one transaction"),
            )
        for test, write in (*free_names(unit), *found_names(unit)):
            name = test.resource.name
            yield module.finding(
                RULE,
                unit,
                write,
                ((Role.CHECK, test), (Role.WRITE, write)),
                f"a row of `{name}` is looked for on line {module.line(test)}, and what was free is saved here; another "
                "process can take it in between",
                row_evidence(unit, write, test),
                World.PROCESSES,
                name,
                Fix("save under a unique constraint, and handle its error by trying the next one"),
            )


RULE = Rule(
    "RL504",
    "next-number-by-hand",
    (World.PROCESSES,),
    "number given twice",
    __doc__,
    find,
    needs=(Need.ROW_CREATION, Need.ROW_TEST),
)
