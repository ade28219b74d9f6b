"""A row is looked up, not found, and created.

Two requests find nothing and both create it: the row is there twice, or the second one fails on a constraint that nobody
handles. A transaction does not help at the usual isolation levels.

## Example
    from django.db import models

    class Member(models.Model):
        email = models.CharField(max_length=100)

    def sign_up(request):
        email = request.POST["email"]
        if not Member.objects.filter(email=email).exists():
            Member.objects.create(email=email)

## Use instead
    from django.db import models

    class Member(models.Model):
        email = models.CharField(max_length=100, unique=True)

    def sign_up(request):
        email = request.POST["email"]
        Member.objects.get_or_create(email=email)

## Missed alarms
Look-ups and creations in functions of different modules.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import (
    Access,
    Kind,
    Module,
    Op,
    Sense,
    Unit,
    by_generated_key,
    constraint_handled,
    row_evidence,
    same_rows,
)
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A new row of a table because the look-up in that table found none, with no lock and no constraint that is handled."""
    for unit in module.units:
        for look, new in created_unseen(unit):
            evidence = row_evidence(unit, new)
            name = new.resource.name
            yield module.finding(
                RULE,
                unit,
                new,
                ((Role.CHECK, look), (Role.ACT, new)),
                f"a row of `{name}` is looked up on line {module.line(look)} and created here because there was none; "
                "another process can create it in between",
                evidence,
                World.PROCESSES,
                name,
                Fix("use `get_or_create` or an upsert on a unique key, or handle the error of the unique constraint"),
            )


def created_unseen(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Look-ups that found nothing, each with the creation that it decided."""
    for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,)):
        if constraint_handled(unit, new):
            continue
        for number, sense in new.control:
            look = unit.access(number)
            if look is None or sense not in (Sense.ABSENT, Sense.OTHERWISE) or not same_rows(look, new):
                continue
            if by_generated_key(look, new):
                continue
            if sense is Sense.OTHERWISE and look.how not in ("exists", "aexists", "count", "acount"):
                continue
            if not unit.guarded(look, new, World.PROCESSES) and not unit.guarded(look, new):
                yield look, new
                break


RULE = Rule(
    "RL503", "get-or-create-by-hand", (World.PROCESSES,), "row made twice", __doc__, find, needs=(Need.ROW_CREATION,)
)
