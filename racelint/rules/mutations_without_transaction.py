"""Two related changes of the database have no transaction around them.

Another process sees the first without the second, and an error or a crash between them leaves the data half changed for good.
So does a key of Redis that is set by one command and given an end by another, or that is counted on although its time may be over.

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
Changes in different functions that no function of the module joins. Where settings of the project set `ATOMIC_REQUESTS`, changes in
requests alone are in a transaction, also those that a middleware or a base class makes.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Evidence, Kind, Mark, Op, Sense
from racelint.pattern.module import Module
from racelint.pattern.outlived import TIMES, counted_when_gone
from racelint.pattern.pair import at_their_calls
from racelint.pattern.rows import row_evidence, surely_in_processes
from racelint.pattern.surrounding import surrounded
from racelint.pattern.transactions import COMMITTING, halves, one_change, tables_handed_in, transactions_at
from racelint.pattern.unit import Unit, same
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Two mutations that share a key, in a library that commits each statement by itself, outside any transaction."""
    for unit in module.units:
        for first, second in split_mutations(unit):
            if surrounded(unit, first, second):
                continue
            evidence = row_evidence(unit, second)
            made = first.op is Op.CREATE and (second.op is Op.CREATE or second.resource.kind is Kind.STORE)
            alone = made and not surely_in_processes(unit)  # a program that sets itself up
            if alone or not halves(unit, first, second):
                evidence = evidence.weakened()
            first, second = at_their_calls(first, second)
            one, other = first.resource.name, second.resource.name
            names = f"`{one}` and `{other}`" if one != other else f"Rows of `{one}`"
            if second.resource.kind is Kind.STORE:
                alike = first.resource.kind is Kind.STORE
                names = f"{'Documents of' if alike else f'`{one}` and'} `{second.resource.path}`"
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
        yield from kept_for_ever(module, unit)


def kept_for_ever(module: Module, unit: Unit) -> Iterable[Finding]:
    """Keys of Redis that are set by one command and given an end by another, or that may end before they are counted on."""
    for first, mark in without_end(unit):
        name = first.resource.name
        # the idiom of limits: only a process that dies right then leaves it half done, and the next one tells the end again
        counted = first.how in _COUNTS or read_first(unit, first)
        strength = Confidence.LOW if counted else Confidence.MEDIUM
        yield module.finding(
            RULE,
            unit,
            mark,
            ((Role.WRITE, first), (Role.ACT, mark)),
            f"`{name}` is set on line {module.line(first)} and told here, in a separate step, when it ends; if the process stops in "
            "between, it never does",
            Evidence("every process that is connected reaches the same entry", strength, "processes"),
            World.PROCESSES,
            name,
            Fix("set it with its time to live (`ex=`), or send both commands in one transaction (`MULTI`) or script"),
        )
    for first, count in counted_when_gone(unit):
        name = count.resource.name if count.resource.path else count.resource.key
        seen = "set with its end unless it is there" if first.op is Op.UPDATE else "found"
        yield module.finding(
            RULE,
            unit,
            count,
            ((Role.CHECK, first), (Role.ACT, count)),
            f"`{name}` is {seen} on line {module.line(first)} and counted on here, in a separate step; if it ends in between, it is "
            "made anew here and never ends",
            Evidence("every process that is connected reaches the same entry", Confidence.MEDIUM, "processes"),
            World.PROCESSES,
            name,
            Fix("send both commands in one transaction (`MULTI`) or script, or tell the end again when the count is 1"),
            "decision on old state",
        )


def without_end(unit: Unit) -> Iterator[tuple[Access, Mark]]:
    """Changes of a key, each with the later command that gives it a time to live, and that nobody repeats if it was not reached."""
    for mark in unit.marks("expire"):
        for first in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.STORE,)):
            if first.resource.owner != "store" or first.resource.name != mark.subject or first.id > mark.id:
                continue
            because = any(number == first.id for number, _ in mark.control)
            alone = first.how == "set" and not first.assigned & _ENDS
            taken = first.how in (*_COUNTS, "setnx") and because
            if (alone or taken) and unit.before(first.id, mark.id):
                yield first, mark
                break


def read_first(unit: Unit, change: Access) -> bool:
    """Whether the unit reads the key before it sets it, and not only where there is none: each use sets it anew, and says again when
    it ends."""
    return any(
        same(read.resource, change.resource)
        and read.id < change.id
        and unit.before(read.id, change.id)
        and (read.id, Sense.ABSENT) not in change.control
        for read in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.STORE,))
    )


_COUNTS = ("incr", "incrby")
_ENDS = TIMES | {"keepttl"}


def split_mutations(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """The first related change after each change, if no transaction covers either."""
    mutations = [
        a
        for a in unit.accesses(Op.WRITE, Op.UPDATE, Op.CREATE, Op.DELETE, kinds=(Kind.TABLE, Kind.ROW))
        if a.resource.owner in COMMITTING or a.resource.owner.endswith(" autocommit")
    ]
    mutations += [  # each document for itself, unless a session joins them
        a
        for a in unit.accesses(Op.WRITE, Op.UPDATE, Op.CREATE, kinds=(Kind.STORE, Kind.TABLE))
        if a.how.startswith(("update_", "insert_")) and "session" not in a.assigned and a.resource.owner in _DOCUMENTS
    ]
    for index, first in enumerate(mutations):
        for second in mutations[index + 1 :]:
            if transactions_at(unit, first) or transactions_at(unit, second) or not unit.before(first.id, second.id):
                continue
            if one_change(unit, first, second) and not tables_handed_in(unit, first, second):
                yield first, second
                break


_DOCUMENTS = frozenset({"store", "pymongo"})


RULE = Rule(
    "RL201",
    "mutations-without-transaction",
    (World.PROCESSES,),
    "half-done change",
    __doc__,
    find,
    needs=(Need.STORE_CHANGES,),
)
