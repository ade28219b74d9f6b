"""Columns that some function changes alone, in one statement, while another one saves whole rows."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op
from racelint.evidence import Evidence, runs_alone
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts, ModuleFacts
from racelint.finding import World
from racelint.frozen import dataclass
from racelint.pattern.rows import WHOLE, row_evidence
from racelint.pattern.unit import Unit


@dataclass(frozen=True, slots=True)
class Overwritten:
    """A save of all columns of a row, and a column of it that others set alone."""

    read: Access
    write: Access
    column: str
    by: str
    """The function that sets the column, with its module if that is another one."""
    evidence: Evidence


def columns_overwritten(unit: Unit) -> Iterator[Overwritten]:
    """Saves of whole rows that write a column back which another function counts up by a statement of its own."""
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)):
        row = unit.flow.rows[write.value.row] if write.value.row is not None else None
        if row is None or row.loaded is None or row.locked or row.new or write.how not in WHOLE or not write.assigned:
            continue
        read = unit.access(row.loaded)
        if read is None or row.library != "django" or unit.guarded(read, write, World.PROCESSES):
            continue
        if not row.model.rpartition(".")[2][:1].isupper() or not unit.before(read.id, write.id):
            continue
        found = _set_alone(unit, row.model.rpartition(".")[2], write)
        if found is not None:
            yield Overwritten(read, write, *found, row_evidence(unit, write, read))


def _set_alone(unit: Unit, model: str, write: Access) -> tuple[str, str] | None:
    """A column that is computed from its old value by a statement elsewhere, and who does so."""
    own = unit.module.scope.facts
    for name in ("update", "aupdate"):
        for module, function, call in unit.module.scope.index.calls.get(name, ()):
            if runs_alone(module.path) or (module.path == own.path and function.qualname == unit.facts.qualname):
                continue
            if not _is_of(call, model):
                continue
            column = next((one for one in sorted(_columns(function, call)) if one not in write.assigned), "")
            if column:
                return column, _shown(module, function, own)
    return None


def _is_of(call: CallSite, model: str) -> bool:
    """Whether rows of a model are updated by a query that names it: `Page.objects.filter(pk=pk).update(…)`."""
    found = _QUERY.match(call.callee)
    return found is not None and found[1] == model


_QUERY = expression(r"(?:\w+\.)*?([A-Z]\w*)\.(?:objects|_default_manager|_base_manager)\b")


def _columns(function: FunctionFacts, call: CallSite) -> Iterator[str]:
    """The columns that the call counts up or down: each is computed from an `F` of its own name beside it."""
    old = {
        other.arguments[0]
        for other in function.calls
        if other.callee.rpartition(".")[2] == "F" and other.arguments and abs(other.line - call.line) <= _NEAR
    }
    for argument in call.arguments:
        name, given, _ = argument.partition("=")
        if given and name in old:
            yield name


_NEAR = 6
"""How many lines a call takes at most in which a column is named again."""


def _shown(module: ModuleFacts, function: FunctionFacts, own: ModuleFacts) -> str:
    where = "" if module.path == own.path else f" in {module.path}"
    return f"`{function.qualname}`{where}"
