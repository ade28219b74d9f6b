"""RL305: what is torn down is taken out first."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code, Statement
from racelint.finding import Applicability, Edit, Finding, Fix


def swap_then_close(code: Code, finding: Finding) -> Fix | None:
    """`await self._c.close()`, then `self._c = None` becomes a swap to a local that is closed.

    Only where the two stand in one block and nothing between them writes the resource or leaves the block.
    """
    forget = code.around(finding.span, cst.Assign)
    name = finding.resource
    if forget is None or not _sets_to_none(forget, name, code):
        return None
    block = code.block(forget)
    if block is None:
        return None
    siblings = code.statements(block)
    here = siblings.index(forget)
    first = next((number for number, one in enumerate(siblings[:here]) if code.mentions(one, name)), None)
    if first is None:
        return None
    between = siblings[first:here]
    if not any(list(code.walk(one, cst.Await)) for one in between) or not all(
        _may_stay(code, one, name) for one in between
    ):
        return None
    if code.may_touch(between, [name.rpartition(".")[2]]):  # a helper would find nothing there
        return None
    local = code.new_name(name.rpartition(".")[2].strip("_") or "old", "old")
    ahead, gone = code.before(between[0], f"{local}, {name} = {name}, None"), code.without(forget)
    if ahead is None or gone is None:
        return None
    uses: list[Edit] = [code.replace(use, local) for one in between for use in code.mentions(one, name)]
    return Fix(f"take `{name}` out first, then close the old one", Applicability.SAFE, (ahead, *uses, gone))


def _sets_to_none(statement: cst.Assign, name: str, code: Code) -> bool:
    target = statement.targets[0].target
    return (
        len(statement.targets) == 1
        and target in code.mentions(statement, name)
        and isinstance(statement.value, cst.Name)
        and statement.value.value == "None"
    )


def _may_stay(code: Code, statement: Statement, name: str) -> bool:
    """Whether a statement uses the resource without writing it, and the next one follows it in any case."""
    if list(code.walk(statement, cst.Return, cst.Raise, cst.Break, cst.Continue, cst.FunctionDef, cst.Lambda)):
        return False
    return not any(target in code.mentions(statement, name) for target in code.written(statement))
