"""What the class of a model declares, where it can be seen whole: unique columns, and foreign keys that the database enforces."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from racelint.events import Access, Kind, Op, Sense
from racelint.expressions import expression
from racelint.facts import SECOND_ROW_HANDLED, ClassFacts
from racelint.finding import World
from racelint.index import Index
from racelint.pattern.answered import seen_classes
from racelint.pattern.unit import Unit
from racelint.resolve import MAPPED_BASES
from racelint.words import REFERS


def declared(unit: Unit, model: str) -> list[ClassFacts]:
    """The class of a model and its bases, nearest first; empty unless all of them are seen."""
    scope = unit.module.scope
    located = scope.index.class_named(model, scope.facts) if model.isidentifier() else None
    if located is None:
        return []
    lineage = scope.index.lineage(located)
    for module, class_ in lineage:
        imports = dict(module.imports)
        for base in class_.bases:
            first, dot, rest = base.partition(".")
            origin = imports.get(first, first) + dot + rest
            mapper = origin in MAPPED_BASES or origin.endswith(("models.Model", "db.Model"))
            if not mapper and scope.index.class_named(base, module) is None:
                return []
    return [class_ for _, class_ in lineage]


def refusal_handled(unit: Unit, new: Access) -> bool:
    """Whether any error is handled around the creation of a row with all columns that its class declares unique.

    The database refuses the second one, which is as the first one is if it was looked up by these columns. What bases declare
    that are not seen can only refuse more.
    """
    if new.handled.isdisjoint({"", "Exception", "BaseException"}):
        return False
    unique = {name for class_ in seen_classes(unit, new.resource.name) for name in class_.unique}
    return bool(unique) and all(not _field(name).isdisjoint(new.assigned) for name in unique)


def unconstrained(unit: Unit) -> Iterator[Access]:
    """`get_or_create` by columns of which none is unique, neither alone nor with others."""
    for made in unit.accesses(Op.UPDATE, kinds=(Kind.TABLE,)):
        if "or_create" not in made.how or unit.guards(made, made, "lock", "row lock") or _of_new_thing(unit, made):
            continue
        columns = {name.partition("__")[0] for name in made.assigned} - _DEFAULTS
        classes = declared(unit, made.resource.name) if columns and not columns & _KEYS else []
        fields = {name for class_ in classes for name, _ in class_.attributes}
        unique = {name for class_ in classes for name in class_.unique}
        if classes and all(_field(c) & fields for c in columns) and not any(_field(c) & unique for c in columns):
            yield made


def loosely_constrained(unit: Unit) -> Iterator[tuple[Access, str, bool]]:
    """`get_or_create` by columns whose one constraint does not hold where a column is null, with that column, which may be handed in so.

    Also whether the code says that it is null sometimes, and not only nothing to the contrary.
    """
    for made in unit.accesses(Op.UPDATE, kinds=(Kind.TABLE,)):
        if "or_create" not in made.how or unit.guards(made, made, "lock", "row lock"):
            continue
        columns = {name.partition("__")[0] for name in made.assigned} - _DEFAULTS
        for class_ in _classes_asked(unit, made) if not columns & _KEYS else ():
            loose = [(name, set(together.split())) for name, together in class_.loose if name in columns]
            held = class_.unique - set().union(*(together for _, together in loose))
            name = next(
                (name for name, together in loose if together <= columns and _may_be_null(unit, made, name)), ""
            )
            if name and not any(_field(column) & held for column in columns):
                yield made, name, _looked_up_by(unit, made, name)[0] == "None"


def _classes_asked(unit: Unit, made: Access) -> list[ClassFacts]:
    """The class of a model and its bases; of what a manager's own class asks, the one model of the module that has such a manager."""
    if made.resource.name != "self.model":
        return declared(unit, made.resource.name)
    name = made.place.unit.rpartition(".")[0]
    users = [c for c in unit.module.scope.classes.values() if any(built == name for _, built in c.attributes)]
    return declared(unit, users[0].name) if len(users) == 1 else []


def _may_be_null(unit: Unit, made: Access, column: str) -> bool:
    """Whether a column is looked up by None, or by an argument of which nothing says what it is."""
    name, annotation = _looked_up_by(unit, made, column)
    if name == "None":
        return True
    if annotation is None or name in ("self", "cls") or annotation:
        return False
    return name not in unit.module.tested(made.place.unit)


def _looked_up_by(unit: Unit, made: Access, column: str) -> tuple[str, str | None]:
    """The name that a column is looked up by, and its annotation if it is an argument's."""
    told = re.search(rf"\b{re.escape(column)}=(\w+)\s*[,)]", unit.module.text(made.place).replace(" = ", "="))
    function = unit.module.scope.functions.get(made.place.unit)
    if told is None or function is None:
        return "", None
    return told[1], dict(function.params).get(told[1])


def _of_new_thing(unit: Unit, made: Access) -> bool:
    """Whether the row is about what a call of the unit has just created elsewhere: `issue = tracker.create_issue()`, `url=issue.url`.

    Nobody else knows that yet, nor what was put together of it before.
    """
    written = unit.module.behind(made.place)
    built = (
        callee.rpartition(".")[2]
        for local, callee in unit.facts.locals_built
        if local in written and made.place.unit == unit.facts.qualname
    )
    return any(_CREATES.search(name) for name in built)


_CREATES = expression(r"(^|_)(create|new|report|submit)(_|$)")
"""Words in names of calls that create something, mostly in another system."""

_OUTLIVES = expression(
    r"(Events?|Logs?|Entry|Audits?|History|Histories|Record|Cleanups?|Outbox|Archives?|Snapshots?|Tombstones?)$"
)
"""Names of classes of rows that tell what has been, and stay when what they tell of is gone."""

_DEFAULTS = frozenset({"defaults", "create_defaults"})
_KEYS = frozenset({"pk", "id", ""})


def _field(column: str) -> frozenset[str]:
    return frozenset({column, column.removesuffix("_id")})


def parent_then_child(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Tests that a row is there, each with the creation of one that refers to it by a column which no foreign key guards."""
    for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,)):
        for number, sense in new.control:
            check = unit.access(number)
            if check is None or sense is not Sense.PRESENT or check.resource.kind is not Kind.TABLE:
                continue
            row = next((row for row in unit.flow.rows if row.loaded == check.id), None)
            keys = {f"{row.name}.pk", f"{row.name}.id"} if row is not None and row.name else set()
            if not (check.related | keys) & new.related or check.how == "look-up":
                continue
            if check.how in ("get", "aget") and (
                _OUTLIVES.search(new.resource.name) or not _deleted_somewhere(unit, check.resource.name)
            ):
                continue  # a row that is loaded is mostly there for what is in it
            updated = (
                unit.access(number) for number, _ in new.control
            )  # which locks the row until the transaction ends
            locked = (row is not None and row.locked) or any(
                one is not None and one.op is Op.UPDATE and one.resource.name == check.resource.name for one in updated
            )
            if _unguarded(unit, check, new) and not locked and not unit.guarded(check, new, World.PROCESSES):
                yield check, new
                break


def _deleted_somewhere(unit: Unit, name: str) -> bool:
    """Whether a function of the project deletes a row of a class, by its query or by what was loaded with the class."""
    deletions = unit.module.scope.index.calls.get("delete", ())
    return any(
        name in call.callee.split(".") or any(name in one.arguments for one in caller.calls)
        for _, caller, call in deletions
    )


def _unguarded(unit: Unit, check: Access, new: Access) -> bool:
    """Whether a column that is named after the parent is set, and no foreign key of the child's class holds it."""
    return bool(_loose_columns(unit, check, new) & new.assigned)


def _loose_columns(unit: Unit, parent: Access, child: Access) -> frozenset[str]:
    """The names of the column of a table that is named after another table, if no foreign key of its class holds it."""
    name = "".join("_" + c.lower() if c.isupper() else c for c in parent.resource.name).lstrip("_")
    classes = declared(unit, child.resource.name)
    fields = {column for class_ in classes for column, _ in class_.attributes}
    enforced = {column for class_ in classes for column in class_.enforced}
    columns = frozenset({name, *(f"{name}_{word}" for word in REFERS)})
    return columns if columns & fields and not columns & enforced else frozenset()


def orphans(unit: Unit, first: Access, second: Access) -> bool:
    """Whether all rows that refer to a row are deleted and then the row itself, and no foreign key keeps out one that is added in between."""
    if not first.op is second.op is Op.DELETE or not first.resource.kind is second.resource.kind is Kind.TABLE:
        return False
    row = unit.flow.rows[second.value.row] if second.value.row is not None else None
    of_one = second.tested <= _KEYS if second.tested else row is not None and not row.new
    return of_one and bool(_loose_columns(unit, second, first) & {column.partition("__")[0] for column in first.tested})


def refused_on_the_way(unit: Unit) -> bool:
    """Whether several functions handle the error of a database about a second such row around a call that leads to the unit.

    There is a constraint then, and somebody thought of a second row; where it is not handled, a step fails and nothing is doubled. Only
    names that one function of the project has are followed.
    """
    index = unit.module.scope.index
    names, seen, handling = [unit.facts.name], {unit.facts.name}, set[str]()
    for _ in range(MOST_CALLERS):
        above: list[str] = []
        for name in names:
            if _defined(index).get(name, 0) != 1:
                continue
            for module, caller, call in index.calls.get(name, ()):
                if caller is module.module_body:
                    continue
                if SECOND_ROW_HANDLED in call.within:
                    handling.add(caller.name)
                if caller.name not in seen:
                    seen.add(caller.name)
                    above.append(caller.name)
        names = above
    return len(handling) > 1  # one alone may think of a row of its own


MOST_CALLERS = 4
"""Calls on the way from who handles the error to the unit."""


@lru_cache(maxsize=2)
def _defined(index: Index) -> Counter[str]:
    """How many functions of the project have a name."""
    return Counter(function.name for module in index.modules for function in module.functions)
