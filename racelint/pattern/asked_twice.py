"""Rows that one query says are there and a second one is to give, with nothing that keeps them there in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from racelint.events import Access, Kind, Op, Sense
from racelint.evidence import Evidence, runs_alone
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.frozen import replace
from racelint.pattern.lookups import same_rows
from racelint.pattern.rows import KEYS, row_evidence
from racelint.pattern.transactions import locked_by_look, row_locked_at
from racelint.pattern.unit import Unit

ASKS = frozenset({"exists", "aexists", "count", "acount"})
"""How a query says whether there are rows."""

RAISES = frozenset("get aget latest alatest earliest aearliest one scalar_one".split())
"""How a row is fetched where none is an error."""

GIVES_NONE = frozenset("first afirst last alast one_or_none scalar get_or_none".split())
"""How a row is fetched where none gives `None`."""

_FORESEEN = frozenset({"", "Exception", "BaseException", "ObjectDoesNotExist", "Http404", "AttributeError"})
"""Errors whose handling foresees that there is none."""

_TAKES = frozenset("delete adelete update aupdate save asave bulk_update".split())
"""Last names of calls by which a row may leave the rows that a query finds."""


def asked_then_fetched(unit: Unit) -> Iterator[tuple[Access, Access, Evidence]]:
    """Questions whether there is a row, each with the second query for it, which fails if it is gone, and what says that it goes."""
    told: set[int] = set()
    for fetch in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.TABLE,)):
        if fetch.how not in RAISES | GIVES_NONE or _foreseen(fetch):
            continue
        for number, sense in fetch.control:
            question = unit.access(number)
            if question is None or number in told or sense in (Sense.ABSENT, Sense.OTHERWISE):
                continue
            if question.how not in ASKS and (question.how not in GIVES_NONE or sense is not Sense.PRESENT):
                continue
            if not _same_rows(question, fetch) or unit.guarded(question, fetch, World.PROCESSES):
                continue
            if locked_by_look(unit, question, fetch) or row_locked_at(unit, fetch):
                continue
            if _made_if_missing(unit, question):
                continue  # whoever makes the row by hand hears of that
            if any(row.locked for row in unit.flow.rows if row.loaded == fetch.id):
                continue
            if fetch.how in GIVES_NONE and not _used_unseen(unit, fetch):
                continue
            told.add(number)
            yield question, fetch, _goes(unit, question, fetch)
            break


def _same_rows(question: Access, fetch: Access) -> bool:
    """Whether both queries ask for the same rows; any of them for a question about all."""
    return (
        question.resource == fetch.resource
        and question.tested == fetch.tested
        and question.related == fetch.related
        and bool(question.tested)
    )


def _made_if_missing(unit: Unit, question: Access) -> bool:
    return any(
        (question.id, Sense.ABSENT) in new.control and same_rows(question, new)
        for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,))
    )


def _foreseen(fetch: Access) -> bool:
    return any(name in _FORESEEN or name.endswith("DoesNotExist") for name in fetch.handled)


def _rows(unit: Unit, fetch: Access) -> dict[int, str]:
    """The numbers of what stands for the row, one for each time that a loop is walked through, with its name."""
    return {number: row.name for number, row in enumerate(unit.flow.rows) if row.loaded == fetch.id}


def _used_unseen(unit: Unit, fetch: Access) -> bool:
    """Whether something of the row is used, and nobody looks whether there is one."""
    if fetch.op is Op.CHECK:
        return False
    rows = _rows(unit, fetch)
    names = set(rows.values()) - {""}
    return any(
        access.id > fetch.id
        and (access.resource.kind is Kind.ROW or access.op is Op.DELETE)
        and (access.value.row in rows or access.resource.name.partition(".")[0] in names)
        and not any(number == fetch.id for number, _ in access.control)
        for access in unit.accesses()
    )


def _goes(unit: Unit, question: Access, fetch: Access) -> Evidence:
    """Why the row may be gone: this unit itself takes it out of the rows that are asked for, or another function does."""
    evidence = row_evidence(unit, fetch, question)
    columns = {name.partition("__")[0] for name in fetch.tested} - KEYS
    rows = _rows(unit, fetch)
    if any(
        access.value.row in rows and (access.op is Op.DELETE or access.assigned & columns)
        for access in unit.accesses(Op.DELETE, Op.WRITE, Op.UPDATE, kinds=(Kind.ROW, Kind.TABLE))
    ):
        return replace(evidence, text=f"another run of `{unit.facts.name}` takes the row from those that are asked for")
    for function in unit.module.scope.facts.functions:
        if function.qualname != unit.facts.qualname and _may_take(function) and _takes(unit, function, fetch, columns):
            return replace(evidence, text=f"`{function.qualname}` takes such rows away")
    elsewhere = _deleted_elsewhere(unit, fetch.resource.name.rpartition(".")[2])
    if elsewhere:
        return replace(evidence, text=f"`{elsewhere}` deletes such rows")
    return Evidence("nothing here says that such rows are removed", Confidence.LOW, "processes")


def _deleted_elsewhere(unit: Unit, model: str) -> str:
    """A function of another module of the project that deletes rows of the model, by a query that names it; "" if there is none."""
    scope = unit.module.scope
    if not model[:1].isupper():
        return ""
    for name in ("delete", "adelete"):
        for module, function, call in scope.index.calls.get(name, ()):
            if module.path == scope.facts.path or runs_alone(module.path):
                continue
            receiver = call.callee.rpartition(".")[0]
            if any(map(_of_model(model), (receiver, dict(function.locals_built).get(receiver, "")))):
                return function.qualname
    return ""


def _of_model(model: str) -> Callable[[str], bool]:
    """Whether an expression is a query that names the model: `Visit.objects.filter`."""
    query = f"{model}.objects"
    return lambda text: text.startswith(f"{query}.") or f".{query}." in text


def _may_take(function: FunctionFacts) -> bool:
    return any(call.callee.rpartition(".")[2] in _TAKES for call in function.calls)


def _takes(unit: Unit, function: FunctionFacts, fetch: Access, columns: set[str]) -> bool:
    """Whether a function of the module deletes rows of the same table, or sets a column by which they are found.

    Of a model that each class names anew (`self.model`) nothing says that both are of one.
    """
    if fetch.resource.name.startswith("self."):
        return False
    other = unit.module.unit(function.qualname)
    for access in (
        other.accesses(Op.DELETE, Op.WRITE, Op.UPDATE, kinds=(Kind.ROW, Kind.TABLE)) if other is not None else ()
    ):
        row = other.flow.rows[access.value.row] if other is not None and access.value.row is not None else None
        table = row.model if row is not None else access.resource.name
        if table != fetch.resource.name or (row is not None and row.new):
            continue
        if access.op is Op.DELETE or access.assigned & columns:
            return True
    return False
