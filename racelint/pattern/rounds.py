"""Units that a loop starts for one thing each."""

from __future__ import annotations

from racelint.evidence.handed_alike import Start, bound, places_of
from racelint.expressions import expression
from racelint.finding import Confidence
from racelint.pattern.unit import Unit
from racelint.words import POOL_MAPS


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


def named_by_task(unit: Unit, text: str) -> bool:
    """Whether a text names what each task of the unit is started for, or what that is known by: `f"{page.name}.json"`.

    `gather(*[render(page) for page in pages])`, which is not itself run several times at once by the project.
    """
    given = [name for name, _ in unit.facts.params[bool(unit.facts.owner) :]]
    return unit.facts.is_async and any(
        name in given and keyed_by_round(unit, name) and _gathered_once(unit)
        for name in dict.fromkeys(_KNOWN_BY.findall(text))
    )


def _gathered_once(unit: Unit) -> bool:
    """Whether nothing in the project runs several times at once what calls the unit in its rounds."""
    concurrency = unit.module.concurrency
    callers = (caller.qualname for caller, _ in concurrency.callers.get(unit.facts.qualname, ()))
    roots = (concurrency.roots[number] for name in callers for number in concurrency.reached.get(name, ()))
    return not any(root.many and not root.public for root in roots)


def named_by_round(unit: Unit, path: str) -> bool:
    """Whether the path has an argument in it that whoever starts the threads or processes hands over from the round that each is for.

    `for rank, part in enumerate(parts): Process(target=count, args=(rank, part))`; an attribute of what is handed over need not
    be another one each time.
    """
    concurrency, facts = unit.module.concurrency, unit.facts
    sites = concurrency.started_with.get(facts.qualname, ())
    roots = [concurrency.roots[number] for number in concurrency.reached.get(facts.qualname, ())]
    if not sites or any(root.public or root.handler or root.called or root.unit != facts.qualname for root in roots):
        return False
    names = set(_NAMES.findall(path))
    return any(
        name in names
        and all(
            _of_round(site, place, name) if part is None else site.within(place, part) in site.caller.loop_names
            for site in sites
        )
        for name, (place, part) in places_of(facts).items()
    )


def started_by_round(unit: Unit) -> bool:
    """Whether the project itself starts what leads to the unit in several processes, each time with something of the round.

    `pool.starmap(render, tasks)`: what each is handed may say which file it works on.
    """
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ())]
    sites = [site for root in roots for site in concurrency.started_with.get(root.unit, ())]
    return (
        bool(sites)
        and not any(root.handler or root.processes or root.called for root in roots)
        and all(any(_of_round(site, place) for place in range(len(site.given) or 1)) for site in sites)
    )


def _of_round(site: Start, place: int, name: str = "") -> bool:
    """Whether what stands at a place among the arguments is what a loop has in this round, or one of what a pool maps over."""
    if site.call.callee.rpartition(".")[2] in POOL_MAPS:
        if site.call.callee.endswith("starmap") and (given := site.at(place, name)):
            return given in site.caller.loop_names
        return place == len(bound(site.call))
    return site.call.looped and place < len(site.given) and site.given[place] in site.caller.loop_names


_NAMES = expression(r"(?<![\w.\"'])([A-Za-z_]\w*)(?![\w.\"'(])")
_KNOWN_BY = expression(
    r"(?<![\w.\"'])([A-Za-z_]\w*)(?:\.(?:\w+_)?(?:id|name|key|uid|uuid|pk|path|slug|filename))?(?![\w.\"'(\[])"
)
"""Names that stand for themselves, and those of which it is asked what they are known by."""
