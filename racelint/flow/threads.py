"""Where threads begin to run, and where they wait for each other."""

from __future__ import annotations

import libcst as cst

from racelint.events import Value
from racelint.evidence.starts import started_in_constructor
from racelint.flow.expressions import Evaluator
from racelint.flow.locks import is_condition
from racelint.resolve import THREADS


def body_of(value: Value) -> set[str]:
    """The function of the module that a thread or task runs which is given the value."""
    return {value.type[4:]} if value.type.startswith("def:") else set()


def started(ev: Evaluator, node: cst.Call, base: Value | None, method: str) -> None:
    """`thread.start()`: from here on its body runs beside this unit.

    Which function that is, the class says; for a plain `Thread` the spawn mark before it does.
    """
    if method != "start" or base is None:
        return
    owner = base.type.removeprefix("self")
    if owner.startswith(":") and ev.scope.is_thread(owner[1:]):
        run = ev.scope.method(owner[1:], "run")
        ev.mark("start", node, base.text, related=frozenset((run.qualname,) if run is not None else ()))
    elif base.type == "task" or base.type.rpartition(".")[2] in THREADS:
        ev.mark("start", node, base.text)


def constructed(ev: Evaluator, node: cst.Call, class_name: str) -> None:
    """`Engine(self)`, where the constructor starts a thread of its own: it runs beside this unit from here on."""
    bodies = started_in_constructor(ev.program.concurrency, class_name)
    if bodies:
        ev.mark("start", node, class_name, related=bodies)


def waited(ev: Evaluator, node: cst.Call, base: Value | None, method: str) -> None:
    """`condition.wait()`: the lock is given up, and taken again when another thread notifies; `limited` if not for ever, `until` if a
    loop asks for anything before it goes on, `or endless` if the limit is the caller's and he need give none. `wait_for` does both."""
    if method == "wait_for" and base is not None and is_condition(ev, base):
        ev.mark("wait until", node, base.text)
    if method == "wait" and base is not None and is_condition(ev, base):
        limit = node.args[0].value if len(node.args) == 1 else None
        said = [what for what, true in (("limited", node.args), ("until", ev.until)) if true]
        if isinstance(limit, cst.Name) and limit.value in _none_by_default(ev.definition.node.params):
            said.append("or endless")
        ev.mark("wait", node, base.text, related=frozenset(said))


def _none_by_default(parameters: cst.Parameters) -> set[str]:
    """The parameters that are None where the caller gives nothing."""
    every = (*parameters.params, *parameters.kwonly_params)
    return {p.name.value for p in every if isinstance(p.default, cst.Name) and p.default.value == "None"}
