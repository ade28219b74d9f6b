"""Units that a loop starts for one thing each."""

from __future__ import annotations

from racelint.finding import Confidence
from racelint.pattern.unit import Unit


def keyed_by_round(unit: Unit, key: str) -> bool:
    """Whether the key is a parameter of the unit, for which each round of the loop that starts it hands over what the loop has then.

    `for name in names: group.create_task(resize(name))`: two of them have two names, and nobody else calls it.
    """
    concurrency, facts = unit.module.concurrency, unit.facts
    names = [name for name, _ in facts.params[bool(facts.owner) :]]
    if key not in names:
        return False
    roots = [concurrency.roots[number] for number in concurrency.reached.get(facts.qualname, ())]
    if not roots or any(root.public or root.handler or root.called or root.unit != facts.qualname for root in roots):
        return False
    sites = concurrency.callers.get(facts.qualname, ())
    place = names.index(key)
    return (
        bool(sites)
        and all(root.strength is Confidence.HIGH for root in roots)
        and all(
            place < len(call.arguments)
            and call.arguments[place] in caller.loop_names
            and not any("=" in argument for argument in call.arguments[: place + 1])
            for caller, call in sites
        )
    )
