"""A query says that there is a row, and a second query gets it.

Another request or job can delete the row between the two, or change it so that the second query does not find it: `get()` raises,
and what `first()` gives is `None`. So it is with a sum that one query adds up and that is paid, if a second query marks, deletes or copies
the rows: one that is added in between is taken for paid.

## Example
    from django.db import models

    class Visit(models.Model):
        guest = models.CharField(max_length=50)
        left = models.BooleanField(default=False)

    def leave(request):
        visits = Visit.objects.filter(guest=request.user.name, left=False)
        if visits.exists():
            visit = visits.get()
            visit.left = True
            visit.save(update_fields=["left"])

## Use instead
    from django.db import models

    class Visit(models.Model):
        guest = models.CharField(max_length=50)
        left = models.BooleanField(default=False)

    def leave(request):
        Visit.objects.filter(guest=request.user.name, left=False).update(left=True)

## Missed alarms
Rows that only functions of other modules take away, and rows that are fetched by an index: `visits[0]`.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern.asked_twice import asked_then_fetched
from racelint.pattern.module import Module
from racelint.pattern.rows import row_evidence
from racelint.pattern.summed_apart import summed_then_gone_over
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A second query for a row rests on what the first one said."""
    for unit in module.units:
        for question, fetch, evidence in asked_then_fetched(unit):
            name = fetch.resource.name
            yield module.finding(
                RULE,
                unit,
                fetch,
                ((Role.CHECK, question), (Role.ACT, fetch)),
                f"`{name}` is found to have such a row on line {module.line(question)}, and it is got here by another query; it can be "
                "gone by then",
                evidence,
                World.PROCESSES,
                name,
                Fix("get it in one query, and handle that there is none: `first()` and a test, or `DoesNotExist`"),
            )
        for summed, rows in summed_then_gone_over(unit):
            name = rows.resource.name
            yield module.finding(
                RULE,
                unit,
                rows,
                ((Role.READ, summed), (Role.ACT, rows)),
                f"rows of `{name}` are added up on line {module.line(summed)}, and another query goes over them here; one that is added in "
                "between is not in the sum",
                row_evidence(unit, rows, summed),
                World.PROCESSES,
                name,
                Fix("read the rows once, add them up and go over those alone, or lock what they belong to"),
                "decision on old state",
            )


RULE = Rule("RL505", "exists-then-get", (World.PROCESSES,), "step fails", __doc__, find, needs=(Need.ROW_ASKED_FOR,))
