"""What is put in the place of what all threads use, and set up only then: an object, or a dictionary that is filled."""

from __future__ import annotations

import re
from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Shape
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.facts import FunctionFacts, Write
from racelint.finding import Confidence, World
from racelint.pattern.needing import first_none
from racelint.pattern.shown import HalfBuilt, is_tested
from racelint.pattern.unit import Unit
from racelint.resolve import enclosing_self


def set_up_late(unit: Unit) -> Iterator[HalfBuilt]:
    """New objects that take the place of others in a global or attribute before a method of theirs, or the unit, sets them up.

    `driver = Driver()`, then `driver.configure(settings)`: other threads use what the constructor has left None.
    """
    if unit.facts.is_async or unit.is_constructor:
        return
    for show in unit.accesses(Op.WRITE, kinds=(Kind.GLOBAL, Kind.ATTRIBUTE, Kind.CLASS)):
        made = show.value
        if show.how != "=" or show.resource.key or made.shape is not Shape.NEW or not made.type.startswith(":"):
            continue
        holders = {_path(show), made.text} if made.text.isidentifier() else {_path(show)}
        for write in unit.accesses(Op.WRITE):
            if not _sets_up(unit, show, write, holders) or not _in_the_open(unit, show, write):
                continue
            found = _user(unit, show, write)
            if found is not None:
                yield HalfBuilt(show, write, found[0], World.THREADS, found[1])
                break


def _path(show: Access) -> str:
    """How the unit writes what the object is put into."""
    return show.resource.path if show.resource.kind is Kind.GLOBAL else show.resource.name


def _sets_up(unit: Unit, show: Access, write: Access, holders: set[str]) -> bool:
    """Whether the write sets an attribute of the object that its constructor has left None."""
    scope, (owner, attribute) = unit.module.scope, write.resource.place
    if write.how != "=" or write.value.shape.absent or owner not in scope.classes or not attribute.isidentifier():
        return False
    if show.value.type[1:] not in scope.family(owner) or not first_none(unit, owner, attribute):
        return False
    if write.place.unit == unit.facts.qualname:
        return write.resource.name in {f"{holder}.{attribute}" for holder in holders}
    method = write.place.unit.rpartition(".")[2]
    return any(call.callee in {f"{holder}.{method}" for holder in holders} for call in unit.facts.calls)


def _in_the_open(unit: Unit, show: Access, write: Access) -> bool:
    """Whether the write comes after others could find the object, for the first time, and no lock is held over both."""
    if write.id < show.id or not unit.before(show.id, write.id) or unit.guarded(show, write, World.THREADS):
        return False
    if unit.only_after_error(show, write):
        return False
    return not any(a.id < write.id and a.resource.place == write.resource.place for a in unit.accesses(Op.WRITE))


def _user(unit: Unit, show: Access, write: Access) -> tuple[str, Evidence] | None:
    """A method of the object that uses what is missing without a look, which others call of what they find there meanwhile."""
    scope, concurrency = unit.module.scope, unit.module.concurrency
    owner, attribute = write.resource.place
    for function in scope.facts.functions:
        if function.qualname == unit.facts.qualname:
            continue
        path = _seen_from(unit, function, show)
        if not path:
            continue
        for call in function.calls:
            holder, _, name = call.callee.rpartition(".")
            method = scope.method(owner, name) if holder == path and not call.within else None
            if method is None or not _uses(unit, method, attribute):
                continue
            for runner in (function.qualname, method.qualname):
                found = concurrency.overlap(unit.facts.qualname, runner, "threads", show.resource)
                if found is not None and found.strength is not Confidence.LOW and not found.public:
                    return method.qualname, found
    return None


def _seen_from(unit: Unit, function: FunctionFacts, show: Access) -> str:
    """How another function writes the place where the object is; "" if it has none such."""
    resource, scope = show.resource, unit.module.scope
    if resource.kind is Kind.GLOBAL:
        return "" if resource.path in function.local_names - function.outer_names else resource.path
    owner, self_name = enclosing_self(function, scope)
    family = scope.family(resource.owner) if resource.owner in scope.classes else frozenset()
    return f"{self_name}.{resource.path}" if owner in family else ""


def _uses(unit: Unit, method: FunctionFacts, attribute: str) -> bool:
    """Whether the method asks for something of what the attribute holds, without a look whether it holds anything."""
    path = f"self.{attribute}"
    if path not in method.reads or any(write.path == path for write in method.writes):
        return False
    if any(call.within for call in method.calls) or is_tested(unit, method, attribute):
        return False
    asked = expression(rf"\bself\.{re.escape(attribute)}[.\[(]")
    return any(asked.search(line) for line in unit.module.program.lines[method.first - 1 : method.last])


def filled_late(unit: Unit) -> Iterator[tuple[Access, Write, str, Evidence]]:
    """A dictionary that is put into an attribute or global, the entry that it gets there later by its local name, and who uses that.

    `self.current = track`, then `track["title"] = …`. What it had for the entry before is None, or nothing.
    """
    if unit.facts.is_async or unit.is_constructor:
        return
    for show in unit.accesses(Op.WRITE, kinds=(Kind.GLOBAL, Kind.ATTRIBUTE)):
        name = show.value.text
        if show.how != "=" or show.resource.key or not name.isidentifier() or show.place.unit != unit.facts.qualname:
            continue
        if show.value.shape not in (Shape.NEW, Shape.EMPTY) or show.value.type != "dict":
            continue
        line = unit.module.line(show)
        before = "\n".join(unit.module.program.lines[unit.facts.line - 1 : line])
        for fill in unit.facts.writes:
            if fill.path != name or fill.how != "[]" or not fill.key or fill.line <= line or fill.shape == "none":
                continue
            if _had(before, fill.key) or not _without_lock(unit, show, fill) or not _after_it(unit, show, fill):
                continue
            found = _entry_user(unit, show, fill)
            if found is not None:
                yield show, fill, *found
                return


def _had(before: str, key: str) -> bool:
    """Whether the dictionary had something else than None under the key before it was shown, as far as the text tells."""
    had = expression(rf"[\"']{re.escape(key)}[\"']\s*(?::|\]\s*=)(?!\s*None\b)")
    return had.search(before) is not None or "**" in before or "setdefault(" in before or ".update(" in before


def _without_lock(unit: Unit, show: Access, fill: Write) -> bool:
    """Whether no lock is held any more that is held when the dictionary is shown."""
    shown = [w.within for w in unit.facts.writes if w.line == unit.module.line(show) and w.built_from == fill.path]
    return all(not set(within) & set(fill.within) for within in shown)


def _after_it(unit: Unit, show: Access, fill: Write) -> bool:
    """Whether the local name still means the same, and the entry is set in the same run: nothing else is assigned to it behind."""
    line = unit.module.line(show)
    if any(w.path == fill.path and w.how == "=" and line <= w.line <= fill.line for w in unit.facts.writes):
        return False
    return not _ends(unit, line, fill)


def _ends(unit: Unit, line: int, fill: Write) -> bool:
    """Whether the unit may well have ended between the two lines: a `return` or `raise` stands there."""
    between = unit.module.program.lines[line : fill.line - 1]
    return any(
        text.strip().startswith(("return", "raise", "continue", "break", "else", "elif", "except")) for text in between
    )


def _entry_user(unit: Unit, show: Access, fill: Write) -> tuple[str, Evidence] | None:
    """Another function that reads what holds the dictionary and then the entry, without a look whether it is there."""
    lines = unit.module.program.lines
    key = re.escape(fill.key)
    used = expression(rf"\[[\"']{key}[\"']\]\s*[.\[(+*/%-]")
    for function in unit.module.scope.facts.functions:
        path = _seen_from(unit, function, show) if function.qualname != unit.facts.qualname else ""
        if not path or path not in function.reads or any(write.path == path for write in function.writes):
            continue
        text = "\n".join(lines[function.first - 1 : function.last])
        tested = expression(rf"[\"']{key}[\"']\s+(?:not\s+)?in\b|\b(?:if|and|or|not)\s+[\w.]+\[[\"']{key}[\"']\]")
        if not used.search(text) or tested.search(text):
            continue
        found = unit.module.concurrency.overlap(unit.facts.qualname, function.qualname, "threads", show.resource)
        if found is not None and found.strength is not Confidence.LOW and not found.public:
            return function.qualname, found
    return None
