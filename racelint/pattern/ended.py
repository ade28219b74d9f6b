"""What a unit begins after an await although a flag, tested before it, may say by now that all is over."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Op, Sense, Shape, Switch
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.pattern.made import makes_known_resource
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit, same
from racelint.touch import ENDINGS
from racelint.words import OVER, first_word


def tells_of_end(check: Access, write: Access) -> bool:
    """Whether a flag says that all is over, to whoever looks at it next: raised twice, it says the same.

    What ends an object and looks itself whether it has done so means to do it once.
    """
    if first_word(write.place.unit.rpartition(".")[2]) in ENDINGS:
        return check.place.unit != write.place.unit
    return OVER.search(write.resource.path.rpartition(".")[2]) is not None


def raised_to_end(unit: Unit, write: Access) -> bool:
    """Whether the flag is raised by what ends the object: that comes first, so that nobody starts anything anew."""
    return write.place.unit.rpartition(".")[2].lstrip("_") in unit.module.models.idempotent


def begun_after_end(unit: Unit) -> Iterator[tuple[Access, Switch, Access, str, Evidence]]:
    """The test of a flag, an await, the start of something that nobody ends any more, who raises the flag, and why at once.

    Who raises the flag ends what is there, and finds nothing yet.
    """
    if not unit.facts.is_async or unit.is_constructor:
        return
    shown: set[int] = set()
    for begin in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if begin.resource.key or begin.how != "=" or not _makes(unit, begin) or begin.id in shown:
            continue
        for number, sense in begin.control:
            check = unit.access(number)
            if check is None or sense.vague or number in begin.fresh or check.resource.key or check.how == "while":
                continue
            if (
                check.resource.kind not in INTERNAL
                or same(check.resource, begin.resource)
                or unit.guarded(check, begin)
            ):
                continue
            switch = unit.switch_between(number, begin.id)
            if switch is None or _looked_again(unit, check, begin):
                continue
            found = _ended_by(unit, check, sense, begin)
            if found is not None:
                shown.add(begin.id)
                yield check, switch, begin, *found
                break


def added_after_end(unit: Unit) -> Iterator[tuple[Access, Switch, Access, str, Evidence]]:
    """The test of a flag, an await, what is put into a collection that nobody looks at any more, who raises the flag, and why at once.

    Who raises the flag takes all that is there for the last time. That there is such a flag says that others still come by then.
    """
    if not unit.facts.is_async or unit.is_constructor:
        return
    for add in unit.accesses(Op.UPDATE, Op.WRITE, kinds=INTERNAL):
        if add.how not in _ADDS or add.place.unit != unit.facts.qualname:
            continue
        for number, sense in add.control:
            check = unit.access(number)
            if check is None or sense.vague or number in add.fresh or check.resource.key or check.how == "while":
                continue
            if check.resource.kind not in INTERNAL or same(check.resource, add.resource) or unit.guarded(check, add):
                continue
            switch = unit.switch_between(number, add.id)
            found = _drained_by(unit, check, sense, add) if switch is not None else None
            if found is not None and switch is not None and not _looked_again(unit, check, add):
                yield check, switch, add, *found
                break


_ADDS = ("append", "appendleft", "add", "[]", "put_nowait")


def _drained_by(unit: Unit, check: Access, sense: Sense, add: Access) -> tuple[str, Evidence] | None:
    """The function that raises the flag and takes all of the collection, and why the unit may be under way by then."""
    concurrency = unit.module.concurrency
    mine = concurrency.runs(unit.facts.qualname)
    over = "true" if sense is Sense.ABSENT else "false"
    runs = concurrency.overlap(unit.facts.qualname, unit.facts.qualname, "tasks", add.resource)
    if runs is None or runs.public or runs.strength is Confidence.LOW:
        return None
    path = f"self.{add.resource.path}" if add.resource.name.startswith("self.") else add.resource.path
    for function, write in concurrency.writers(check.resource):
        if write.shape != over or function.qualname in mine or concurrency.cancels(function, unit.facts.qualname):
            continue
        taken = (w for w in function.writes if w.path == path and w.statement > write.statement)
        if any(w.how == "clear" or (w.how == "=" and w.shape == "empty") for w in taken) and path in function.reads:
            text = f"{runs.text}; `{function.qualname}` sets `{check.resource.name}` and takes what is there"
            return function.qualname, Evidence(text, Confidence.MEDIUM)
    return None


def _looked_again(unit: Unit, check: Access, begin: Access) -> bool:
    """Whether the flag is looked at again between the last await and the start, or at any time after it."""
    return any(
        same(look.resource, check.resource)
        and look.id != check.id
        and (look.id in begin.fresh or unit.before(begin.id, look.id))
        for look in unit.accesses(Op.CHECK, Op.READ, kinds=INTERNAL)
        if look.id > check.id
    )


def _makes(unit: Unit, begin: Access) -> bool:
    """Whether what is set was just made, as far as it says so itself: who ends it says the rest."""
    return makes_known_resource(unit, begin) or begin.value.shape in (Shape.AWAITED, Shape.NEW, Shape.CALL)


def _ended_by(unit: Unit, check: Access, sense: Sense, begin: Access) -> tuple[str, Evidence] | None:
    """The function that raises the flag and ends what the start has made, and the evidence that it comes meanwhile."""
    concurrency = unit.module.concurrency
    mine = concurrency.runs(unit.facts.qualname)
    over, on = ("true", "false") if sense is Sense.ABSENT else ("false", "true")
    for function, write in concurrency.writers(check.resource):
        if write.shape != over or function.qualname in mine or first_word(function.name) not in ENDINGS:
            continue
        if any(other.path == write.path and other.shape == on for other in function.writes):
            continue  # it only says that the end is under way
        if not _ends(unit, function, begin) or concurrency.cancels(function, unit.facts.qualname):
            continue
        found = concurrency.overlap(unit.facts.qualname, function.qualname, "tasks", check.resource)
        if found is not None and found.strength is not Confidence.LOW:
            return function.qualname, found
    return None


def _ends(unit: Unit, function: FunctionFacts, begin: Access) -> bool:
    """Whether the function, or one that it calls, closes or cancels what the start puts in its place."""
    scope, idempotent = unit.module.scope, unit.module.models.idempotent
    wanted = "." + begin.resource.path
    for name in unit.module.concurrency.runs(function.qualname):
        known = scope.functions.get(name)
        for call in known.calls if known is not None else ():
            holder, _, method = call.callee.rpartition(".")
            if holder.endswith(wanted) and method in idempotent:
                return True
            if any(argument.endswith(wanted) for argument in call.arguments) and first_word(method) in ENDINGS:
                return True
    return False
