"""Sessions and connections that a unit hands to what it starts."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Mark
from racelint.pattern.unit import Unit


def sessions_handed_out(unit: Unit) -> Iterator[tuple[Mark, str, str]]:
    """Spawns of several tasks that use one session or connection of this function: the spawn, its name, what is started."""
    concurrency, facts = unit.module.concurrency, unit.facts
    for call in facts.calls:
        if concurrency.spawner(call.callee, facts) is None:
            continue
        for argument in call.arguments:
            if not (argument.startswith("*") or call.looped):
                continue
            for name in _shared_sessions(unit, argument.lstrip("*")):
                mark = next(
                    (m for m in unit.marks("spawn", "spawn and wait") if unit.module.line(m) == call.line), None
                )
                if mark is not None:
                    yield mark, name, argument.lstrip("*")


def _shared_sessions(unit: Unit, started: str) -> Iterator[str]:
    """Names of this function's sessions that the started function captures or gets as an argument."""
    concurrency, facts = unit.module.concurrency, unit.facts
    for name in sorted(facts.local_names - facts.loop_names):
        if concurrency.local_type(name, facts) not in unit.module.models.exclusive_types:
            continue
        handed = any(call.callee == started and name in call.arguments for call in facts.calls)
        captured = any(
            target.parent == facts.qualname and any(call.callee.startswith(name + ".") for call in target.calls)
            for target in concurrency.target(started, facts)
        )
        if (handed or captured) and not _in_turn(unit, started, name):
            yield name


def _in_turn(unit: Unit, started: str, name: str) -> bool:
    """Whether the started function uses the session inside a `with` of a lock only."""
    guards = unit.module.models.guards
    targets = unit.module.concurrency.target(started, unit.facts)
    uses = [call for target in targets for call in target.calls if call.callee.startswith(name + ".")]
    return bool(uses) and all(
        any(_is_lock_name(unit, guard) or any(part in guard.lower() for part in guards) for guard in call.within)
        for call in uses
    )


def _is_lock_name(unit: Unit, name: str) -> bool:
    call = unit.module.models.functions.get(unit.module.concurrency.local_type(name, unit.facts))
    return call is not None and call.effect == "lock"
