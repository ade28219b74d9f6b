"""A value read from shared state is written back after a switch point.

Another unit can write the value in between; its write is then lost.

## Example
    async def deposit(self, amount: int) -> None:
        balance = self.balance
        await self.audit(amount)
        self.balance = balance + amount

## Use instead
    async def deposit(self, amount: int) -> None:
        await self.audit(amount)
        self.balance += amount

## Missed alarms
A value that reaches the write through a container, another object's method, or the result of another task.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, Role, World
from racelint.pattern import Module
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Read, switch, write computed from what was read; and the same between threads, where any step is a switch."""
    for unit in module.units:
        for pair in unit.stale_writes():
            assert pair.switch is not None
            if pair.first.statement == pair.second.statement and pair.second.how == "+=":
                continue
            evidence = unit.rival(pair.second.resource)
            if evidence is None or pair.second.value.shape.absent:
                continue
            read_line, switch_line = module.line(pair.first), module.line(pair.switch)
            yield module.finding(
                RULE, unit, pair.second,
                ((Role.READ, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second)),
                f"`{pair.second.resource.shown}` is read on line {read_line} and written back here; "
                f"another task may write it at the await on line {switch_line}",
                evidence, World.TASKS, pair.second.resource.shown,
                Fix(f"compute the new value from `{pair.second.resource.shown}` as it is after the await, or hold a lock over both"),
            )


RULE = Rule("RL102", "stale-write", (World.TASKS, World.THREADS), "lost update", __doc__, find)
