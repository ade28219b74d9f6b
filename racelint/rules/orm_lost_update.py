"""A column is computed from its old value in Python and saved.

Another process that loaded the row before the save computes from the same old value; one of the two changes is lost. A
transaction alone does not help: at the usual isolation levels both read the old value.

## Example
    from django.db import models

    class Product(models.Model):
        stock = models.IntegerField()

    def buy(request, pk):
        product = Product.objects.get(pk=pk)
        product.stock = product.stock - 1
        product.save()

## Use instead
    from django.db import models
    from django.db.models import F

    class Product(models.Model):
        stock = models.IntegerField()

    def buy(request, pk):
        Product.objects.filter(pk=pk).update(stock=F("stock") - 1)

## Missed alarms
Rows of mappers that are not modelled, and old values that pass through another function.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern.module import Module
from racelint.pattern.rows import (
    kept_by_default,
    merged_unseen,
    recomputed,
    recounted,
    row_evidence,
    row_updates,
    table_updates,
)
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A field of a row is read, and the row is saved with a field computed from it, without a row lock."""
    for unit in module.units:
        for pair in (*row_updates(unit), *table_updates(unit), *kept_by_default(unit)):
            evidence = row_evidence(unit, pair.second, pair.first)
            if merged_unseen(unit, pair):
                evidence = evidence.weakened()
            if pair.version_check is not None:
                continue
            name = pair.first.resource.name
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.READ, pair.first), (Role.WRITE, pair.second)),
                f"`{name}` is read on line {module.line(pair.first)} and a value computed from it is saved here; "
                "a change that another process saves in between is lost",
                evidence,
                World.PROCESSES,
                name,
                Fix(
                    "let the database compute (`F()`, `UPDATE … SET n = n + 1`), or lock the row (`select_for_update`, `with_for_update`) before it is read"
                ),
            )
        for count, write in (*recomputed(unit), *recounted(unit)):
            row = unit.flow.rows[write.value.row] if write.value.row is not None else None
            name = row.name if row is not None else write.resource.name
            yield module.finding(
                RULE,
                unit,
                write,
                ((Role.READ, count), (Role.WRITE, write)),
                f"what `{name}` keeps is counted on line {module.line(count)} and saved here; what others add in between is not "
                "in it, and a later count of theirs is overwritten",
                row_evidence(unit, write, count),
                World.PROCESSES,
                name,
                Fix("lock the row before counting, or let one statement count and save (`update(total=Subquery(…))`)"),
            )


RULE = Rule(
    "RL105",
    "orm-lost-update",
    (World.PROCESSES,),
    "lost update",
    __doc__,
    find,
    needs=(Need.ROW_UPDATE, Need.ROW_TEST, Need.GET_OR_CREATE),
)
