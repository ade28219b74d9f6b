"""An update reads the old value before it awaits: `self.n += await f()`.

Python evaluates the left side of an augmented assignment first. While the right side is awaited, another task can change the
value; its change is lost when the sum is stored.

## Example
    async def download(self, part: int) -> None:
        self.received += await self.fetch(part)

## Use instead
    async def download(self, part: int) -> None:
        size = await self.fetch(part)
        self.received += size

## Missed alarms
An update whose await hides in a property or an operator method.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern.dependence import handed_to_call, stale_writes
from racelint.pattern.module import Module
from racelint.pattern.rivals import rival
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A stale write whose read, switch and write are one statement."""
    for unit in module.units:
        handed = list(handed_to_call(unit))
        for pair in (*stale_writes(unit), *handed):
            evidence = rival(unit, pair.second.resource)
            if pair in handed and (evidence is None or evidence.public or evidence.strength is Confidence.LOW):
                continue  # whether the answer depends on the old value is not seen
            if not pair.in_one_statement or pair.restores or evidence is None or pair.switch is None:
                continue
            name = pair.second.resource.shown
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.READ, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second)),
                f"`{name}` is read before the await on line {module.line(pair.switch)} and written after it; "
                "what other tasks write meanwhile is lost",
                evidence,
                World.TASKS,
                name,
                Fix(f"await first, then update `{name}` in a statement of its own"),
            )


RULE = Rule("RL101", "await-in-update", (World.TASKS,), "lost update", __doc__, find, needs=(Need.STATE_OF_TASKS,))
