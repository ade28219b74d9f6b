"""What coroutines must hold, as facts tell, for what tasks take from each other."""

from __future__ import annotations

from racelint.candidate import Candidate
from racelint.finding import World
from racelint.resolve import CONSTRUCTORS
from racelint.words import HANDS_ON, NOTES


def successor(c: Candidate) -> bool:
    """Whether a coroutine takes an entry out that it has put there, or that who starts it has; or a callback of a task does."""
    if any(write.how == "[]" for write in c.facts.writes) and any(
        call.callee.endswith(".add_done_callback") and any(given.endswith(".pop") for given in call.arguments)
        for call in c.facts.calls
    ):
        return True
    if not c.facts.is_async or not c.suspends:
        return False
    for key, writes in c.changes.items():
        if not any(write.how in ("pop", "del[]") for write in writes):
            continue
        if any(write.how == "[]" for write in writes) and c.rank(World.TASKS) >= 0:
            return True
        concurrency, here = c.module.concurrency, c.facts.qualname
        roots = [concurrency.roots[number] for number in concurrency.reached.get(here, ())]
        if any(root.unit == here and not root.public for root in roots) and any(
            write.how == "[]" and function is not c.facts for function, write in c.module.changers.get(key, ())
        ):
            return True
    return False


def filled_by_task(c: Candidate) -> bool:
    """Whether a constructor starts a task."""
    if c.facts.name not in CONSTRUCTORS or not c.facts.owner:
        return False
    return any(c.module.concurrency.spawning_calls(function) for function in c.functions)


def turn(c: Candidate) -> bool:
    """Whether a coroutine looks at a collection and puts something into it, and takes a lock for some of that."""
    if not c.facts.is_async or not any(call.within for function in c.functions for call in function.calls):
        return False
    return any(key in c.reads and any(write.how in NOTES for write in writes) for key, writes in c.changes.items())


def handed_over(c: Candidate) -> bool:
    """Whether what is handed to a call is changed by the function, and the call puts it into a queue or may start a task."""
    changed = {write.path for write in c.facts.writes if write.how in ("clear", "[]")}
    return bool(changed) and any(
        not changed.isdisjoint(call.arguments)
        and (
            call.callee.rpartition(".")[2] in HANDS_ON
            or any(target.is_async for target in c.module.concurrency.target(call.callee, c.facts))
        )
        for call in c.facts.calls
    )
