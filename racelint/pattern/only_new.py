"""Units that run once for each row, when it has been created."""

from __future__ import annotations

from racelint.evidence import runs_alone
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
