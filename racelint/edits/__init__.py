"""Repairs: a finding and the code around it → edits that take the race away, or nothing where that is not sure.

Each repair is a function of the code and the finding. A rule has several, of which the first that fits is taken; what none
fits stays advice. Every result is looked at again before a file is replaced (`racelint.fix`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from racelint.edits.awaiting import await_first
from racelint.edits.code import Code, Surroundings, joined
from racelint.edits.constructing import fill_then_swap, set_default, start_last
from racelint.edits.creating import get_or_create
from racelint.edits.events import clear_after_wait, unless_done
from racelint.edits.files import tolerate
from racelint.edits.helpers import once, replace_atomically
from racelint.edits.locking import hold_lock, hold_lock_over_document, look_again, take_lock
from racelint.edits.reading import read_once
from racelint.edits.row_locks import lock_row, take_unlocked_row
from racelint.edits.rows import update_by_expression
from racelint.edits.saving import save_only_set_fields, send_on_commit
from racelint.edits.snapshots import iterate_over_snapshot, return_copy
from racelint.edits.statements import begin_at_once, lock_selected, skip_locked
from racelint.edits.swapping import swap_then_close
from racelint.edits.transactions import in_transaction
from racelint.facts import FunctionFacts
from racelint.finding import Finding, Fix, Span
from racelint.flow.summaries import Definition, Program
from racelint.frozen import replace

__all__ = ["REPAIRS", "Repair", "Repairs"]

Repair = Callable[[Code, Finding], "Fix | None"]

REPAIRS: Mapping[str, tuple[Repair, ...]] = {
    "RL101": (await_first, hold_lock),
    "RL102": (hold_lock,),
    "RL103": (begin_at_once, lock_selected, hold_lock_over_document),
    "RL104": (begin_at_once, lock_selected, hold_lock_over_document),
    "RL105": (update_by_expression, lock_row),
    "RL106": (save_only_set_fields,),
    "RL107": (lock_row, begin_at_once, lock_selected),
    "RL108": (hold_lock,),
    "RL110": (fill_then_swap,),
    "RL111": (read_once,),
    "RL201": (in_transaction,),
    "RL204": (send_on_commit,),
    "RL301": (hold_lock,),
    "RL302": (look_again, once, hold_lock),
    "RL303": (look_again, once, hold_lock),
    "RL304": (set_default, hold_lock),
    "RL305": (swap_then_close,),
    "RL306": (start_last,),
    "RL501": (lock_row, begin_at_once, lock_selected),
    "RL502": (take_unlocked_row, begin_at_once, skip_locked),
    "RL503": (get_or_create, begin_at_once),
    "RL601": (take_lock,),
    "RL603": (take_lock,),
    "RL605": (clear_after_wait,),
    "RL606": (unless_done,),
    "RL608": (return_copy,),
    "RL701": (tolerate,),
    "RL801": (hold_lock,),
    "RL702": (replace_atomically,),
    "RL802": (iterate_over_snapshot,),
}
"""By the code of the rule; safe ones first."""


class Repairs:
    """The repairs of one module; helpers come from the module `runtime`."""

    def __init__(self, program: Program, runtime: str, failed: Callable[[Exception], None]) -> None:
        """A mistake of ours in a repair is handed to `failed`; the finding stays without one."""
        self.program, self.runtime, self._failed = program, runtime, failed
        self._surroundings = Surroundings(program)
        self._codes: dict[str, Code] = {}

    def repaired(self, finding: Finding) -> Finding:
        """The finding with the first of its rule's repairs that fits; unchanged if none does."""
        try:
            return self._repaired(finding)
        except RecursionError:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of ours is told, and the rest goes on
            self._failed(error)
            return finding

    def _repaired(self, finding: Finding) -> Finding:
        repairs = REPAIRS.get(finding.code, ())
        definition = self.program.definition(_around(self.program, finding.span)) if repairs else None
        if definition is None or _awaits_by_yield(definition):
            return finding
        name = definition.facts.qualname
        if name not in self._codes:
            self._codes[name] = Code(self._surroundings, definition.exact, self.runtime)
        for repair in repairs:
            fix = repair(self._codes[name], finding)
            if fix is not None and fix.edits:
                return replace(finding, fix=replace(fix, edits=joined(fix.edits)))
        return finding


def _awaits_by_yield(definition: Definition) -> bool:
    """Whether it is a coroutine only by its decorator, in which `await` and `async with` cannot be written."""
    return definition.facts.is_async and definition.node.asynchronous is None


def _around(program: Program, span: Span) -> str:
    """The innermost function that holds a place; "" for none."""

    def holds(function: FunctionFacts) -> bool:
        return function.first <= span.line and span.end_line <= function.last

    found = max(filter(holds, program.scope.facts.functions), key=lambda function: function.first, default=None)
    return found.qualname if found is not None else ""
