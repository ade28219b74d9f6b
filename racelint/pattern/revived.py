"""Threads that are asked to go on although they may have seen that they are to end, and that nobody starts anew."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Mark, Op, Shape
from racelint.facts import FunctionFacts
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit, same


def revived_in_vain(unit: Unit) -> Iterator[tuple[Access, Access, str]]:
    """The write that takes back the request to end, the question whether the thread is alive, and who asked it to end.

    A thread that has seen the request is alive until it has ended: no new one is started, and then there is none.
    """
    if unit.facts.is_async or unit.is_constructor or not unit.facts.owner or not unit.facts.params:
        return
    for asked in unit.accesses(Op.USE, kinds=INTERNAL):
        if asked.how != "is_alive" or asked.place.unit != unit.facts.qualname:
            continue
        spawn = next((mark for mark in unit.marks("spawn") if _only_if_dead(unit, asked, mark)), None)
        if spawn is None or _waits_for(unit.facts, asked):
            continue
        for reset in unit.accesses(Op.WRITE, Op.DELETE, Op.USE, kinds=INTERNAL):
            if not _takes_back(reset) or reset.id > spawn.id or _rests_on(unit, reset.control, asked):
                continue
            ender = _ended_by(unit, reset, asked, spawn) if _looks_each_round(unit, spawn, reset) else ""
            if ender:
                yield reset, asked, ender
                return


def _only_if_dead(unit: Unit, asked: Access, spawn: Mark) -> bool:
    """Whether a thread is started because the one of before is not there or has ended."""
    return spawn.id > asked.id and spawn.place.unit == asked.place.unit and _rests_on(unit, spawn.control, asked)


def _rests_on(unit: Unit, control: tuple[tuple[int, object], ...], asked: Access) -> bool:
    return any(
        (look := unit.access(number)) is not None and same(look.resource, asked.resource) for number, _ in control
    )


def _takes_back(write: Access) -> bool:
    """Whether a flag is turned, or an event cleared."""
    if write.resource.key:
        return False
    return write.how == "clear" or (write.how == "=" and write.value.shape in _TURNED)


_TURNED = {Shape.FALSE: "true", Shape.TRUE: "false"}
"""By what the restart writes what the request to end wrote."""


def _looks_each_round(unit: Unit, spawn: Mark, reset: Access) -> bool:
    """Whether the body of the thread asks in a loop whether it is to end."""
    hows = ("is_set", "wait", "isSet") if reset.how == "clear" else ()
    for name in spawn.related:
        body = unit.module.unit(name)
        if body is None:
            continue
        for look in body.accesses(Op.CHECK, Op.USE, kinds=INTERNAL):
            if (
                same(look.resource, reset.resource)
                and body.repeats(look.id)
                and (look.op is Op.CHECK or look.how in hows)
            ):
                return True
    return False


def _ended_by(unit: Unit, reset: Access, asked: Access, spawn: Mark) -> str:
    """The method that asks the thread to end, and neither waits for that nor forgets the thread; "" if there is none."""
    for function in unit.module.scope.methods.get(unit.facts.owner, {}).values():
        if not function.params or function.name == unit.facts.name or function.qualname in spawn.related:
            continue
        flag = f"{function.params[0][0]}.{reset.resource.path}"
        thread = f"{function.params[0][0]}.{asked.resource.path}"
        if reset.how == "clear":
            ends = any(call.callee == f"{flag}.set" for call in function.calls)
        else:
            turned = _TURNED[reset.value.shape]
            ends = any(w.path == flag and w.how == "=" and w.shape == turned for w in function.writes)
        if not ends or function.qualname in unit.module.concurrency.runs(unit.facts.qualname):
            continue
        if _waits_for(function, asked) or any(write.path == thread for write in function.writes):
            return ""
        return function.qualname
    return ""


def _waits_for(function: FunctionFacts, asked: Access) -> bool:
    """Whether a function waits until the thread has ended."""
    own = function.params[0][0]
    names = {f"{own}.{asked.resource.path}.join", f"{own}.join"}
    return any(call.callee in names for call in function.calls)
