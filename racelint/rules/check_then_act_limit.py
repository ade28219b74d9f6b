"""Rows are counted or a quota is tested, and a row is added in a separate step.

Several requests pass the test together, and the limit is exceeded by all of them.

## Example
    from django.db import models

    class Team(models.Model):
        seats = models.IntegerField(default=5)

    class Seat(models.Model):
        team = models.ForeignKey(Team, on_delete=models.CASCADE)

    def take_seat(request, team):
        if Seat.objects.filter(team=team).count() < 5:
            Seat.objects.create(team=team)

## Use instead
    from django.db import models, transaction

    class Team(models.Model):
        seats = models.IntegerField(default=5)

    class Seat(models.Model):
        team = models.ForeignKey(Team, on_delete=models.CASCADE)

    def take_seat(request, team_id):
        with transaction.atomic():
            team = Team.objects.select_for_update().get(pk=team_id)
            if Seat.objects.filter(team=team).count() < 5:
                Seat.objects.create(team=team)

## Missed alarms
Limits on what one process keeps in memory are reported as a stale check.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import COUNTS, Access, Kind, Module, Op, Unit, row_evidence, row_locked_at, same_rows
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A row is added because a count of the same table compared well, with no row locked."""
    for unit in module.units:
        for count, new in counted_then_added(unit):
            evidence = row_evidence(unit, new)
            if evidence is None:
                continue
            name = new.resource.name
            yield module.finding(
                RULE,
                unit,
                new,
                ((Role.CHECK, count), (Role.ACT, new)),
                f"the rows of `{name}` are counted on line {module.line(count)} and one is added here; others that counted "
                "meanwhile add theirs, too",
                evidence,
                World.PROCESSES,
                name,
                Fix("lock the parent row before counting, or let one conditional statement count and add"),
            )


def counted_then_added(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Counts of a table that decided that a row is added to it."""
    for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,)):
        for number, sense in new.control:
            count = unit.access(number)
            if count is None or not sense.vague or count.how not in COUNTS or not same_rows(count, new):
                continue
            if not row_locked_at(unit, new):
                yield count, new
                break


RULE = Rule(
    "RL501", "check-then-act-limit", (World.PROCESSES,), "limit exceeded", __doc__, find, needs=(Need.ROW_CREATION,)
)
