"""Two related changes of the database have no transaction around them.

Another process sees the first without the second, and an error or a crash between them leaves the data half changed for good.

## Example
    from django.db import models

    class Invoice(models.Model):
        paid = models.BooleanField(default=False)

    class Payment(models.Model):
        invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE)

    def settle(request, pk):
        invoice = Invoice.objects.get(pk=pk)
        Payment.objects.create(invoice=invoice)
        Invoice.objects.filter(pk=pk).update(paid=True)

## Use instead
    from django.db import models, transaction

    class Invoice(models.Model):
        paid = models.BooleanField(default=False)

    class Payment(models.Model):
        invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE)

    def settle(request, pk):
        with transaction.atomic():
            invoice = Invoice.objects.select_for_update().get(pk=pk)
            Payment.objects.create(invoice=invoice)
            Invoice.objects.filter(pk=pk).update(paid=True)

## Missed alarms
Changes in different functions that no function of the module joins. `ATOMIC_REQUESTS` is not read from the settings.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Kind, Module, Op, Unit, halves, one_change, row_evidence, transactions_at
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Two mutations that share a key, in a library that commits each statement by itself, outside any transaction."""
    for unit in module.units:
        for first, second in split_mutations(unit):
            evidence = row_evidence(unit, second)
            if not halves(unit, first, second):
                evidence = evidence.weakened()
            one, other = first.resource.name, second.resource.name
            names = f"`{one}` and `{other}`" if one != other else f"Rows of `{one}`"
            yield module.finding(
                RULE,
                unit,
                second,
                ((Role.WRITE, first), (Role.WRITE, second)),
                f"{names} are changed together, on line {module.line(first)} and here, without a transaction; others see one "
                "change without the other, and a failure between them keeps it so",
                evidence,
                World.PROCESSES,
                second.resource.name,
                Fix("put both changes into one transaction"),
            )


COMMITTING = frozenset({"django", "asyncpg", "tortoise", "peewee", "databases"})
"""Libraries that commit each statement by itself unless a transaction is open."""


def split_mutations(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """The first related change after each change, if no transaction covers either."""
    mutations = [
        a
        for a in unit.accesses(Op.WRITE, Op.UPDATE, Op.CREATE, Op.DELETE, kinds=(Kind.TABLE, Kind.ROW))
        if a.resource.owner in COMMITTING or a.resource.owner.endswith(" autocommit")
    ]
    for index, first in enumerate(mutations):
        for second in mutations[index + 1 :]:
            if transactions_at(unit, first) or transactions_at(unit, second) or not unit.before(first.id, second.id):
                continue
            if one_change(unit, first, second):
                yield first, second
                break


RULE = Rule(
    "RL201",
    "mutations-without-transaction",
    (World.PROCESSES,),
    "half-done change",
    __doc__,
    find,
    needs=(Need.STORE_CHANGES,),
)
