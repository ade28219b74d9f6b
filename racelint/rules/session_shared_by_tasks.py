"""One database session or connection is used by several tasks, or several threads, at once.

A session is not made for that: statements and results of the tasks mix, a transaction of one commits half of another, or the
driver raises an error. Nor is a connection on which a request and its answer are two steps, as that of `smtplib` or of
`http.client`, or a socket: one thread takes the answer that is meant for another. It is the same with a hash, a buffer or an open
file of the module that threads feed, or move in, and then read from.

## Example
    import asyncio
    import asyncpg

    async def refresh(conn: asyncpg.Connection, skus, api):
        async def one(sku):
            await conn.execute("UPDATE items SET price = $1 WHERE sku = $2", await api.price(sku), sku)

        await asyncio.gather(*(one(sku) for sku in skus))

## Use instead
    import asyncio
    import asyncpg

    async def refresh(pool: asyncpg.Pool, skus, api):
        async def one(sku):
            async with pool.acquire() as conn:
                await conn.execute("UPDATE items SET price = $1 WHERE sku = $2", await api.price(sku), sku)

        await asyncio.gather(*(one(sku) for sku in skus))

## Missed alarms
Sessions that tasks reach through an object which itself only hands on to another, and those that threads reach through anything else
than a name of a module.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Evidence
from racelint.pattern.module import Module
from racelint.pattern.sessions import connection_of_object, session_of_module, sessions_handed_out, talked_at_once
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A spawn of several tasks that all use one session; one session of the module, one connection for all methods of an object."""
    for unit in module.units:
        for spawn, name, started in sessions_handed_out(unit):
            yield module.finding(
                RULE,
                unit,
                spawn,
                ((Role.ACT, spawn),),
                f"`{name}` is one session, and each {_who(unit)} that is started here uses it; their statements mix",
                Evidence(f"`{started}` is started for many at once", Confidence.HIGH),
                _world(unit),
                name,
                Fix("give each task a session or connection of its own"),
            )
        for use, name, committed, evidence in session_of_module(unit):
            harm = (
                "their statements mix, and a commit of one commits what another has half done"
                if committed
                else "it refuses a statement while another's is under way"
                if unit.facts.is_async
                else "it keeps rows and a transaction for one thread, and may refuse a statement while another's is under way"
            )
            yield module.finding(
                RULE,
                unit,
                use,
                ((Role.ACT, use),),
                f"`{name}` is one session, and each {_who(unit)} that runs `{unit.facts.name}` uses it; {harm}",
                evidence,
                _world(unit),
                name,
                Fix(
                    f"give each {_who(unit)} a session or connection of its own, or hold one lock from the first statement to the commit"
                ),
            )
        for ask, answer, talk, other, evidence in talked_at_once(unit):
            name = talk.connection.name
            alike = other == unit.facts.qualname
            who = (
                f"each thread that runs `{unit.facts.name}` asks on it" if alike else f"`{other}` asks on it meanwhile"
            )
            until = "" if ask is answer else f" until line {module.line(answer)} has taken the answer"
            yield module.finding(
                RULE,
                unit,
                ask,
                ((Role.ACT, ask),) if ask is answer else ((Role.ACT, ask), (Role.READ, answer)),
                f"`{name}` is one {talk.what}, and {who}; no lock is held here{until}, so that one gets what is meant for the other",
                evidence,
                World.THREADS,
                name,
                Fix(
                    f"give each thread a {talk.what} of its own, or hold one lock from the request until the answer is read"
                ),
                "mixed answers",
            )
        for switch, attribute, other in connection_of_object(unit):
            yield module.finding(
                RULE,
                unit,
                switch,
                ((Role.ACT, switch),),
                f"`self.{attribute}` is one connection, which refuses a command while another is under way; `{unit.facts.name}` and "
                f"`{other}` both use it without a lock",
                Evidence(f"callers may run `{unit.facts.name}` and `{other}` at once", Confidence.MEDIUM),
                World.TASKS,
                f"self.{attribute}",
                Fix("use a pool, or hold one lock around each command"),
            )


def _who(unit: Unit) -> str:
    """What the unit is run by, or starts."""
    return "task" if unit.facts.is_async else "thread"


def _world(unit: Unit) -> World:
    return World.TASKS if unit.facts.is_async else World.THREADS


RULE = Rule(
    "RL203",
    "session-shared-by-tasks",
    (World.TASKS, World.THREADS),
    "mixed statements",
    __doc__,
    find,
    needs=(Need.SHARED_SESSION,),
)
