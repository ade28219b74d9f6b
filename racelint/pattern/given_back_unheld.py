"""Locks that a `finally` gives back although they may not have been got: then they are taken from whoever holds them."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Mark, Op
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence
from racelint.pattern.anew import Useless
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit, exactly


def given_back_unheld(unit: Unit) -> Iterator[Useless]:
    """Each `acquire` that can end without the lock, within the `try` whose `finally` releases it whatever has become of that.

    A task that is cancelled while it waits has no lock; a thread has none where the answer was no.
    """
    for take in unit.accesses(Op.USE, kinds=INTERNAL):
        if take.how != "acquire" or take.place.unit != unit.facts.qualname or not _may_miss(unit, take):
            continue
        last = next((m for m in unit.marks("finally") if m.id in unit.flow.after[take.id]), None)
        release = next((r for r in unit.accesses(Op.USE, kinds=INTERNAL) if _gives_back(unit, r, take, last)), None)
        if release is not None:
            waits = unit.facts.is_async
            yield Useless(
                release,
                None,
                take.resource.shown,
                f"is given back here also by {'a task that was cancelled while it waited' if waits else 'a thread that did not get it'} "
                f"on line {unit.module.line(take)}: it is taken from whoever holds it, and the next one comes in beside that",
                Confidence.MEDIUM if waits else Confidence.HIGH,
                "acquire it before the `try`, so that only who has it gives it back",
            )


def _may_miss(unit: Unit, take: Access) -> bool:
    """Whether a lock that anybody may release is waited for by a task, or by a thread not for ever, and the answer is looked at."""
    if not any(isinstance(e, Acquire) and e.id > take.id and e.lock.place == take.resource.place for e in unit.events):
        return False
    made = unit.module.concurrency.receiver_type(take.resource.name, unit.facts)
    if unit.facts.is_async:
        return made == "asyncio.Lock"
    return (
        made in ("threading.Lock", "multiprocessing.Lock") and _LIMITED.search(unit.module.text(take.place)) is not None
    )


_LIMITED = expression(r"acquire\((blocking ?= ?False|False|(.*, *)?timeout ?=|(True|blocking ?= ?True), *[\w.]+)")


def _gives_back(unit: Unit, release: Access, take: Access, last: Mark | None) -> bool:
    """Whether a release stands behind the `finally`, and in no branch."""
    if last is None or release.how != "release" or not exactly(release.resource, take.resource):
        return False
    if release.id < last.id or release.id not in unit.reach(last.id) or release.place.unit != take.place.unit:
        return False
    one, other = _call(unit, release), _call(unit, take)
    return one is not None and other is not None and one.arms == other.arms[: len(one.arms)]


def _call(unit: Unit, access: Access) -> CallSite | None:
    """The call of the access, as facts have it."""
    wanted = f"{access.resource.name}.{access.how}"
    line = unit.module.line(access)
    return next((call for call in unit.facts.calls if call.callee == wanted and call.line == line), None)


def given_back_unasked(unit: Unit, mark: Mark) -> Iterator[Useless]:
    """An `acquire` with a limit whose answer nobody looks at, of a lock that is given back afterwards as if it had been got.

    Who did not get it takes it from whoever has it. That nothing is done in between only makes sure that the lock is free.
    """
    function = unit.module.scope.functions.get(mark.place.unit, unit.facts)
    line = unit.module.line(mark)
    take = next((c for c in function.calls if c.callee == f"{mark.subject}.acquire" and c.line == line), None)
    given = _released(unit, function, take, mark.subject) if take is not None else None
    if given is None:
        return
    giver, release = given
    made = unit.module.concurrency.receiver_type(mark.subject, function)
    sure = made in unit.module.models.functions and _LITERAL.search(unit.module.text(mark.place)) is not None
    there = f"line {release.line}" if giver is function else f"`{giver.name}` (line {release.line})"
    yield Useless(
        mark,
        None,
        mark.subject,
        f"is taken only if it happens to be free, and the answer is not looked at: {there} gives it back also where another one has it",
        Confidence.MEDIUM if sure else Confidence.LOW,
        "wait for the lock, or act and give it back only where `acquire` says True",
    )


def _released(unit: Unit, function: FunctionFacts, take: CallSite, lock: str) -> tuple[FunctionFacts, CallSite] | None:
    """Where what was taken is given back, in no branch of its own: behind what is done with it, or by the end of the `with`."""
    place = function.calls.index(take)
    for number, call in enumerate(function.calls[place + 1 :]):
        if call.callee == f"{lock}.release" and call.line > take.line:
            plain = not call.within[len(take.within) :] and call.arms == take.arms[: len(call.arms)]
            done = number > 0 or any(take.line < write.line <= call.line for write in function.writes)
            return (function, call) if plain and done else None
    end = (
        unit.module.scope.method(function.owner, "__exit__")
        if function.name == "__enter__" and function.owner
        else None
    )
    calls = end.calls if end is not None else ()
    back = next((call for call in calls if call.callee == f"{lock}.release" and not (call.arms or call.within)), None)
    return None if end is None or back is None or take.arms else (end, back)


_LITERAL = expression(r"acquire\((.*, *)?((blocking|block|timeout) ?= ?)?(False|[0-9][0-9_.]*)\)")
"""A limit that is written where the lock is taken: any other may be None."""
