"""Units that run once for each row, when it has been created, or for one that their callers have just made."""

from __future__ import annotations

from racelint.events import Access
from racelint.evidence import runs_alone
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.pattern.unit import Unit


def only_for_new_rows(unit: Unit) -> bool:
    """Whether all calls of the unit in the project, seen by its name, stand in an `if` of a function that is told whether a row is new.

    That is what receivers of Django's `post_save` are told (`created`): no second process creates the same row.
    """
    name, index = unit.facts.name, unit.module.scope.index
    sites = [(f, call) for module, f, call in index.calls.get(name, ()) if not runs_alone(module.path)]
    return (
        bool(sites)
        and not name.startswith("__")
        and all(
            any(param == "created" for param, _ in caller.params) and any(arm == 0 for _, arm in call.arms)
            for caller, call in sites
        )
    )


def for_a_new_row(unit: Unit, look: Access) -> bool:
    """Whether rows are looked up that belong to one which all callers of the unit in the project, seen by its name, have just made."""
    name, index = unit.facts.name, unit.module.scope.index
    sites = [(f, call) for module, f, call in index.calls.get(name, ()) if not runs_alone(module.path)]
    if not sites or look.place.unit != unit.facts.qualname or name.startswith("__"):
        return False
    given = [param for param, _ in unit.facts.params if param not in ("self", "cls")]
    return any(
        not look.related.isdisjoint((param, f"{param}.id", f"{param}.pk"))
        and all(_makes(caller, call, number) for caller, call in sites)
        for number, param in enumerate(given)
    )


def _makes(caller: FunctionFacts, call: CallSite, number: int) -> bool:
    """Whether a caller has made what it hands over at a place: `Reply.objects.create()`, `Reply()` that it saves, what a form makes."""
    handed = call.arguments[number] if number < len(call.arguments) else ""
    makers = {maker for local, maker in caller.locals_built if local == handed}
    if not makers:
        return False
    before = [c for c in caller.calls if c.line < call.line]
    given = [argument for c in before if c.callee in makers for argument in c.arguments]
    if any(_NAMES_ROW.match(argument) for argument in given):
        return False  # others may have made it under the same key
    saved = any(c.callee == f"{handed}.save" or (c.callee.endswith(".add") and handed in c.arguments) for c in before)
    return all(
        _CREATES.search(maker)
        or (saved and _CLASS.search(maker))
        or (maker.endswith("form.save") and _MAKES_NEW.search(caller.name))
        for maker in makers
    )


_CREATES = expression(r"\.objects\.a?create$|^[A-Z]\w*\.a?create$")
_CLASS = expression(r"(^|\.)[A-Z]\w*[a-z]\w*$")
_NAMES_ROW = expression(r"(id|pk|uuid|key)=|\*|$")
"""Arguments of makers that may give the row its key: by their names, or unseen."""
_MAKES_NEW = expression(r"(^|_)(create|add|new|submit|register)(_|$)")
"""Words in names of functions whose forms make a row, and change none."""
