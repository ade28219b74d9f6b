"""Sessions and connections that a unit hands to what it starts, or that all operations of an object use."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from racelint.events import Acquire, Event, Kind, Mark, Resource, Switch
from racelint.evidence import Concurrency, Evidence
from racelint.evidence.conversations import Talk, talks
from racelint.evidence.kept_sessions import sessions_of_objects
from racelint.evidence.sessions import shared_sessions, used_by_all
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence
from racelint.pattern.unit import Unit


def sessions_handed_out(unit: Unit) -> Iterator[tuple[Mark, str, str]]:
    """Spawns of several tasks that use one session or connection of this function: the spawn, its name, what is started."""
    calls, facts = unit.module.concurrency, unit.facts
    for call, name, started in chain(shared_sessions(calls, facts), sessions_of_objects(calls, facts)):
        marks = unit.marks("spawn", "spawn and wait") if unit.facts.is_async else unit.marks("spawn", "call")
        mark = next((m for m in marks if unit.module.line(m) == call.line), None)
        if mark is not None:
            yield mark, name, started


def session_of_module(unit: Unit) -> Iterator[tuple[Event, str, bool, Evidence]]:
    """The first use of a session of the module, or of an object, which several threads or tasks use.

    The event, the session, whether the unit commits, why there are several.
    """
    concurrency, facts = unit.module.concurrency, unit.facts
    for name, call, committed in used_by_all(concurrency, facts):
        attribute = name.partition(".")[2]
        kept = Resource(Kind.ATTRIBUTE, facts.owner, attribute, name) if attribute and facts.owner else None
        evidence = concurrency.overlap(facts.qualname, facts.qualname, "tasks" if facts.is_async else "threads", kept)
        if evidence is None or evidence.strength is not Confidence.HIGH or evidence.public or evidence.called:
            continue
        events: tuple[Event, ...] = (*unit.marks("call", "slow"), *unit.flow.accesses, *unit.switches())
        found = next((event for event in events if unit.module.line(event) == call.line), None)
        if found is not None and not concurrency.called_under_lock(facts) and not concurrency.decorator_guards(facts):
            yield found, name, committed, evidence


def talked_at_once(unit: Unit) -> Iterator[tuple[Event, Event, Talk, str, Evidence]]:
    """Requests on a connection on which another thread asks meanwhile: where it asks, where it takes the answer, the talk, who else."""
    concurrency, facts = unit.module.concurrency, unit.facts
    if concurrency.called_under_lock(facts) or any(map(unit.module.scope.is_lock, concurrency.decorator_guards(facts))):
        return
    for talk in talks(concurrency, facts):
        others = _talkers(concurrency, talk)
        found = [
            (evidence, name) for name in others if (evidence := _met_on(concurrency, facts, name, talk)) is not None
        ]
        if not found:
            continue
        evidence, name = max(found, key=lambda pair: pair[0].strength.rank)
        ask, answer = (_event_of(unit, call) for call in (talk.ask, talk.answer))
        if ask is not None and answer is not None:
            yield ask, answer, talk, name, evidence


def _talkers(concurrency: Concurrency, talk: Talk) -> list[str]:
    """The functions of the module that ask and take answers on the connection."""
    return [
        function.qualname
        for function in concurrency.scope.every_function
        if any(other.connection.place == talk.connection.place for other in talks(concurrency, function))
        and not concurrency.called_under_lock(function)
    ]


def _met_on(concurrency: Concurrency, facts: FunctionFacts, other: str, talk: Talk) -> Evidence | None:
    evidence = concurrency.overlap(facts.qualname, other, "threads", talk.connection)
    if evidence is None or evidence.strength is Confidence.LOW or evidence.public or evidence.called:
        return None
    return evidence


def _event_of(unit: Unit, call: CallSite) -> Event | None:
    """An event of the call; where several stand in its line, the first."""
    own = (event for event in unit.events if event.site.unit == unit.facts.qualname and not isinstance(event, Acquire))
    return next((event for event in own if unit.module.span(event.site).line == call.line), None)


def connection_of_object(unit: Unit) -> Iterator[tuple[Switch, str, str]]:
    """A statement on the one connection that the unit's object has made: where it waits, the attribute, and another method that does so.

    Only in the first of the public coroutine methods that use it; connections that queue statements themselves are no matter.
    """
    concurrency, facts = unit.module.concurrency, unit.facts
    for attribute, users in single_connections(concurrency, facts.owner).items():
        if len(users) < 2 or users[0][0].qualname != facts.qualname:
            continue
        line = users[0][1].line
        switch = next(
            (s for s in unit.switches() if s.site.unit == facts.qualname and unit.module.line(s) >= line), None
        )
        if switch is not None:
            yield switch, attribute, users[1][0].name


def single_connections(concurrency: Concurrency, owner: str) -> dict[str, list[tuple[FunctionFacts, CallSite]]]:
    """The connections for one command at a time that methods of a class make and keep, with the public coroutines that use each."""
    scope = concurrency.scope
    methods = scope.methods.get(owner, {}).values()
    found: dict[str, list[tuple[FunctionFacts, CallSite]]] = {}
    for maker in methods:
        if not maker.is_async or not any(scope.canonical(c.callee) in scope.models.one_at_a_time for c in maker.calls):
            continue
        made = {name for name, built in maker.locals_built if scope.canonical(built) in scope.models.one_at_a_time}
        for write in maker.writes:
            root, _, attribute = write.path.partition(".")
            direct = scope.canonical(write.built_from) in scope.models.one_at_a_time
            if root == "self" and attribute and "." not in attribute and (direct or write.built_from in made or made):
                uses = [
                    (m, call) for m in methods if (call := _first_use(concurrency, m, maker, attribute)) is not None
                ]
                found[attribute] = sorted(uses, key=lambda use: use[0].line)
    return found


def _first_use(
    concurrency: Concurrency, method: FunctionFacts, maker: FunctionFacts, attribute: str
) -> CallSite | None:
    """The first statement that a public coroutine method sends on the connection, if it holds no lock around it."""
    if method.name.startswith("_") or not method.is_async or method is maker:
        return None
    handed = {name for name, built in method.locals_built if built in (f"self.{maker.name}", f"self.{attribute}")}
    for call in method.calls:
        receiver, _, verb = call.callee.rpartition(".")
        if receiver != f"self.{attribute}" and receiver not in handed:
            continue
        if verb in STATEMENTS and not any(map(concurrency.scope.is_lock, call.within)):
            return call
    return None


STATEMENTS = frozenset({"execute", "executemany", "fetch", "fetchrow", "fetchval", "cursor", "query", "transaction"})
"""Methods of connections that send something, or begin to."""
