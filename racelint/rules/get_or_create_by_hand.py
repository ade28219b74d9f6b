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
from racelint.pattern import Access, Ids, Kind, Op, Sense
from racelint.pattern.answered import answered_by_application, second_refused_by_database
from racelint.pattern.constraints import loosely_constrained, refusal_handled, refused_on_the_way, unconstrained
from racelint.pattern.kept_new import built_for_later
from racelint.pattern.lookups import (
    added_again,
    by_generated_key,
    by_locked_row,
    by_new_row,
    constraint_handled,
    drawn_at_random,
    raises_if_none,
    same_rows,
)
from racelint.pattern.module import Module
from racelint.pattern.only_new import for_a_new_row, only_for_new_rows
from racelint.pattern.rows import row_evidence
from racelint.pattern.surrounding import receives_any
from racelint.pattern.transactions import row_locked_at, row_locked_since, table_of
from racelint.pattern.unit import Unit
from racelint.pattern.upserts import changed_or_made, counted_by_one
from racelint.pattern.validated import looked_for_then_saved
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A new row of a table because the look-up in that table found none, with no lock and no constraint that is handled."""
    for unit in module.units:
        yield from without_constraint(module, unit)
        yield from with_loose_constraint(module, unit)
        yield from kept_until_saved(module, unit)
        for look, fetch in fetched_unlocked(unit):
            name = fetch.resource.name
            yield module.finding(
                RULE,
                unit,
                fetch,
                ((Role.CHECK, look), (Role.ACT, fetch)),
                f"a row of `{name}` is tested on line {module.line(look)} and fetched here in a separate step, or else created; "
                "another process can delete it in between",
                row_evidence(unit, fetch, look),
                World.PROCESSES,
                name,
                Fix("use `get_or_create`, or fetch it and handle that there is none"),
                "step fails",
            )
        for look, save, table in looked_for_then_saved(unit):
            yield module.finding(
                RULE,
                unit,
                save,
                ((Role.CHECK, look), (Role.ACT, save)),
                f"a row of `{table}` is looked up on line {module.line(look)} and saved here because there was none; another process can "
                "save one in between",
                row_evidence(unit, save, look),
                World.PROCESSES,
                table,
                Fix(
                    "let a constraint of the database refuse the second row and handle its error, or lock what both belong to"
                ),
            )
        for change, new in counted_by_one(unit):
            name = new.resource.name
            yield module.finding(
                RULE,
                unit,
                new,
                ((Role.CHECK, change), (Role.ACT, new)),
                f"a row of `{name}` is counted up on line {module.line(change)} and made here because there was none; another process can "
                "make it in between, and then the error is handled, but nothing is counted",
                row_evidence(unit, new, change),
                World.PROCESSES,
                name,
                Fix("count up again when the error says that there is a row by now, or use an upsert"),
                "lost update",
            )
        for look, new in replaced_unlocked(unit):
            name = new.resource.name
            yield module.finding(
                RULE,
                unit,
                new,
                ((Role.CHECK, look), (Role.ACT, new)),
                f"the row of `{name}` that line {module.line(look)} looks up is retired if there is one, and a new one created "
                "here; another process can do the same in between, and then there are two",
                row_evidence(unit, new, look),
                World.PROCESSES,
                name,
                Fix(
                    "lock what the rows belong to before the look-up, or let a unique constraint refuse the second row"
                ),
            )
        for look, new in (*created_unseen(unit), *missing_added(unit), *changed_or_made(unit)):
            evidence = row_evidence(unit, new, look)
            once = only_for_new_rows(unit) or for_a_new_row(unit, look) or receives_any(unit)
            if once or refused_on_the_way(unit) or answered_by_application(unit, look, new):
                evidence = evidence.weakened()
            name = new.resource.name or look.resource.name  # a view may not name its model
            refused = second_refused_by_database(unit, look, new)
            yield module.finding(
                RULE,
                unit,
                new,
                ((Role.CHECK, look), (Role.ACT, new)),
                f"a row of `{name}` is {'changed' if look.op.changes else 'looked up'} on line {module.line(look)} and created here because there was none; "
                "another process can create it in between"
                + (", and then the unique constraint makes this one fail" if refused else ""),
                evidence,
                World.PROCESSES,
                name,
                Fix("use `get_or_create` or an upsert on a unique key, or handle the error of the unique constraint"),
                "step fails" if refused else "",
            )


def without_constraint(module: Module, unit: Unit) -> Iterable[Finding]:
    """`get_or_create` does what this rule is about, too, unless the database refuses the second row."""
    for made in unconstrained(unit):
        name, evidence = made.resource.name, row_evidence(unit, made)
        yield module.finding(
            RULE,
            unit,
            made,
            ((Role.ACT, made),),
            f"`{made.how}` looks a row of `{name}` up by columns of which none is unique; two processes that run it at once "
            "both create the row",
            evidence.weakened() if only_for_new_rows(unit) or for_a_new_row(unit, made) else evidence,
            World.PROCESSES,
            name,
            Fix("declare a unique constraint over the columns that it is looked up by"),
        )


def with_loose_constraint(module: Module, unit: Unit) -> Iterable[Finding]:
    """So it does where a column of the constraint is null, which a database takes for different from any other null."""
    for made, column, said in loosely_constrained(unit):
        name, evidence = made.resource.name, row_evidence(unit, made)
        yield module.finding(
            RULE,
            unit,
            made,
            ((Role.ACT, made),),
            f"`{made.how}` relies on a unique constraint that does not hold for rows whose `{column}` is null; two processes that "
            "run it at once both create the row",
            evidence if said else evidence.weakened(),
            World.PROCESSES,
            name,
            Fix(
                f"add a unique constraint for the rows without `{column}`, or let nulls be equal (`nulls_distinct=False`)"
            ),
        )


def kept_until_saved(module: Module, unit: Unit) -> Iterable[Finding]:
    """A row that was not there is built here and saved by another method of the object, so later still."""
    for look, new, method, line in built_for_later(unit):
        name = look.resource.name
        evidence = row_evidence(unit, new, look)
        yield module.finding(
            RULE,
            unit,
            new,
            ((Role.CHECK, look), (Role.ACT, new)),
            f"a row of `{name}` is looked up on line {module.line(look)}, built here because there was none, and saved by `{method}` "
            f"on line {line}; another process can create it in between",
            evidence,
            World.PROCESSES,
            name,
            Fix("use `get_or_create` or an upsert on a unique key, or handle the error of the unique constraint"),
        )


def fetched_unlocked(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Tests whether a row is there, each with the step that fetches it, where another branch would have created it."""
    for fetch in unit.accesses(Op.READ, kinds=(Kind.TABLE,)):
        if fetch.how not in ("get", "aget") or any("DoesNotExist" in name or not name for name in fetch.handled):
            continue
        for number, sense in fetch.control:
            look = unit.access(number)
            if look is None or sense is not Sense.PRESENT or look.how not in ("exists", "aexists"):
                continue
            if look.resource != fetch.resource or look.tested != fetch.tested or look.related != fetch.related:
                continue
            made = [
                new
                for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,))
                if (number, Sense.ABSENT) in new.control and same_rows(look, new)
            ]
            handled = bool(made) and all(constraint_handled(unit, new) for new in made)  # else it is reported itself
            if handled and not unit.guarded(look, fetch, World.PROCESSES) and not unit.guarded(look, fetch):
                yield look, fetch
                break


def replaced_unlocked(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Look-ups of the row that holds now, each with the creation of the next one after the old one was retired."""
    for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,)):
        if second_refused(unit, new):
            continue
        for look in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.TABLE,)):
            if look.how not in ONE_ROW or look.id in new.controlled_by or not look.tested or not same_rows(look, new):
                continue
            retired = any(
                (look.id, Sense.PRESENT) in change.control
                and table_of(unit, change) == new.resource.name
                and unit.before(look.id, change.id)
                and unit.before(change.id, new.id)
                for change in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=(Kind.TABLE, Kind.ROW))
            )
            if not retired or not look.related & new.related or by_new_row(unit, look) or unit.avoids(look, new):
                continue
            if not row_locked_at(unit, new) and not unit.guarded(look, new):
                yield look, new
                break


def second_refused(unit: Unit, new: Access) -> bool:
    """Whether a second such row is refused, and that is handled."""
    return constraint_handled(unit, new) or refusal_handled(unit, new)


ONE_ROW = ("get", "first", "last", "latest", "get_or_none", "one_or_none", "aget", "afirst", "alast", "alatest")
"""How the one row that holds now is looked up."""


def missing_added(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Reads of a table, each with the creation of the rows that were found to be missing among those that were read."""
    for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,)):
        if second_refused(unit, new):
            continue
        if new.how in ("save", "asave"):  # it may be a copy of a row that was read
            continue
        for mark in unit.marks("difference"):
            look = next(
                (
                    a
                    for n in sorted(mark.stems & (new.value.stems | _not_among(new)))
                    if (a := unit.access(n)) is not None and same_rows(a, new)
                ),
                None,
            )
            if look is None or raises_if_none(look) or mark.id > new.id or not unit.before(mark.id, new.id):
                continue
            if not unit.guarded(look, new, World.PROCESSES) and not unit.guarded(look, new):
                yield look, new
                break


def _not_among(new: Access) -> Ids:
    """The reads among whose rows the one that is made was not."""
    return frozenset(number for number, sense in new.control if sense is Sense.OTHERWISE)


def nearest(unit: Unit, new: Access) -> tuple[tuple[int, Sense], ...]:
    """What decided on the creation; what a helper sees itself before it creates the row makes what its caller saw of no account."""
    if new.place.unit == unit.facts.qualname:
        return new.control
    own = tuple(
        (number, sense)
        for number, sense in new.control
        if (look := unit.access(number)) is not None and look.place.unit == new.place.unit and same_rows(look, new)
    )
    return own or new.control


def has_key(unit: Unit, new: Access) -> bool:
    """Whether what is saved has a key already, which the database gives to new rows: `if row.pk: row.save()`."""
    keys = {f"{name}.{key}" for name in new.related for key in ("pk", "id")}
    return any(
        sense is Sense.PRESENT and (a := unit.access(number)) is not None and a.resource.name in keys
        for number, sense in new.control
    )


def created_unseen(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Look-ups that found nothing, each with the creation that it decided."""
    for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,)):
        if second_refused(unit, new) or added_again(unit, new) or has_key(unit, new):
            continue
        for number, sense in nearest(unit, new):
            look = unit.access(number)
            if look is None or not same_rows(look, new):
                continue
            if drawn_at_random(unit, look):
                break
            if look.op in (Op.WRITE, Op.UPDATE):  # an update that found nothing
                if not look.tested or not look.tested <= new.assigned or sense is Sense.PRESENT:
                    continue
            elif sense not in (Sense.ABSENT, Sense.OTHERWISE):
                continue
            if by_generated_key(look, new) or by_new_row(unit, look):
                break
            if raises_if_none(look):
                continue
            if (
                sense is Sense.OTHERWISE
                and look.op in (Op.READ, Op.CHECK)
                and look.how not in ("exists", "aexists", "count", "acount")
            ):
                continue
            if row_locked_since(unit, look, new) or by_locked_row(unit, look, new):
                continue
            if not unit.guarded(look, new, World.PROCESSES) and not unit.guarded(look, new):
                yield look, new
                break


RULE = Rule(
    "RL503",
    "get-or-create-by-hand",
    (World.PROCESSES,),
    "row made twice",
    __doc__,
    find,
    needs=(Need.ROW_CREATION, Need.GET_OR_CREATE),
)
