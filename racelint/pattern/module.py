"""One module as rules see it: its units, and how a finding is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING

from racelint.events import Event, Place
from racelint.evidence import Concurrency, Evidence
from racelint.finding import Confidence, Finding, Fix, Role, Span, Step, World
from racelint.frozen import cached_property
from racelint.grafts import is_grafted
from racelint.models.data import Models
from racelint.need import Nominee
from racelint.pattern.doubts import Doubts
from racelint.pattern.unit import Unit
from racelint.pattern.unused import of_unused_class, stands_in, unused_step
from racelint.resolve import Scope, locks_of

if TYPE_CHECKING:
    from racelint.facts import FunctionFacts, Write
    from racelint.flow.summaries import Program
    from racelint.rule import Rule


ALONE = "tests, migrations, commands and scripts run alone"
SINGLE = "nothing in the project starts, serves or locks anything, so that all of it runs one after the other"


class Module:
    """One module as rules see it."""

    def __init__(
        self,
        program: Program,
        nominees: Sequence[Nominee],
        doubts: Doubts | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """A mistake of ours in a definition is handed to `failed`, and the definition left out; else it is raised."""
        self.program = program
        self._failed = failed
        self.doubts = doubts
        """Where the reasons are noted for which rules keep silent, if that is asked for."""
        self.scope: Scope = program.scope
        self.concurrency: Concurrency = program.concurrency
        self.models: Models = program.models
        self._nominees = nominees
        self._units: dict[str, Unit | None] = {}

    def as_seen_by(self, rule: Rule) -> Module:
        """The same module with only the nominated units that meet a need of the rule."""
        view = copy(self)
        view._nominees = [nominee for nominee in self._nominees if not nominee.needs.isdisjoint(rule.needs)]
        return view

    def close(self) -> None:
        """Forgets the units, which point back here: so all of it is given back at once, and not searched for as garbage."""
        self._units.clear()

    @property
    def path(self) -> str:
        """The module's path as it is shown."""
        return self.scope.facts.path

    @property
    def units(self) -> list[Unit]:
        """The nominated units, in the order of their lines."""
        found = (self.unit(nominee.facts.qualname) for nominee in self._nominees)
        return [unit for unit in found if unit is not None]

    @property
    def incomplete(self) -> Iterator[tuple[FunctionFacts, str]]:
        """The nominated definitions that rules asked for and did not get whole, and why."""
        from racelint.flow.graph import Builder

        for facts in (nominee.facts for nominee in self._nominees):
            unit = self._units.get(facts.qualname, facts)
            if unit is None:
                yield facts, "is nested too deep for libcst, so it is not analysed"
            elif isinstance(unit, Unit) and unit.flow.limited:
                most = Builder.MOST_EVENTS
                yield (
                    facts,
                    f"has more than {most:,} steps, those of its helpers included; what comes later is not analysed",
                )

    def unit(self, qualname: str) -> Unit | None:
        """The unit of any function of the module, nominated or not; None if it cannot be read."""
        if qualname not in self._units:
            try:
                self._units[qualname] = self._walked(qualname)
            except RecursionError:
                raise
            except Exception as error:
                if self._failed is None:
                    raise
                self._failed(error)
                return None
        return self._units[qualname]

    def _walked(self, qualname: str) -> Unit | None:
        from racelint.flow.statements import Walker

        facts, definition = self.scope.functions.get(qualname), self.program.definition(qualname)
        if facts is None or definition is None:
            return None
        return Unit(self, facts, Walker(self.program, definition).walk())

    def locks_of(self, owner: str) -> frozenset[tuple[str, str]]:
        """The places of all locks that a class, or the module for "", has."""
        return frozenset((owner, name) for name in locks_of(self.scope, owner))

    def under_lock(self, function: FunctionFacts, write: Write, locks: frozenset[str] = frozenset()) -> bool:
        """Whether something that may be a lock, or one of `locks`, is held at a change, as far as facts tell."""
        if any(map(self.scope.is_lock, write.within)) or not locks.isdisjoint(write.within):
            return True
        if locks and not locks.isdisjoint(self.concurrency.held_on_entry(function)):
            return True
        return self.concurrency.called_under_lock(function) or bool(self.concurrency.decorator_guards(function))

    def span(self, place: Place) -> Span:
        """Where a place stands."""
        definition = self.program.definition(place.unit)
        assert definition is not None
        return definition.span(place.node)

    def given(self, place: Place) -> frozenset[str]:
        """The names in the value that is assigned at a place which hold, or stem from, an argument of the function."""
        from racelint.flow.given import given

        return given(self.program, place)

    def behind(self, place: Place) -> frozenset[str]:
        """The names that stand at a place, and those that any of them was put together of before in the function."""
        from racelint.flow.given import behind

        return behind(self.program, place)

    def kept_in(self, place: Place) -> frozenset[str]:
        """The names that are bound to what stands at a place, or to a display with it as an element."""
        from racelint.flow.given import kept_in

        return kept_in(self.program, place)

    def handed(self, unit: str) -> frozenset[str]:
        """The arguments of a function, and what it takes out of one."""
        from racelint.flow.given import handed

        return handed(self.program, unit)

    def tested(self, unit: str) -> frozenset[str]:
        """The names that a function tests anywhere, or binds anew."""
        from racelint.flow.given import tested

        return tested(self.program, unit)

    def text(self, place: Place) -> str:
        """The source at a place, on one line."""
        definition = self.program.definition(place.unit)
        assert definition is not None
        return definition.text(place.node)

    def step(self, role: Role, event: Event) -> Step:
        """An event as a step of a trace."""
        place = here(event)
        return Step(role, self.span(place), self.text(place)[:120])

    def line(self, event: Event) -> int:
        """The line of an event."""
        return self.span(here(event)).line

    @cached_property
    def in_view(self) -> bool:
        """Whether enough of the project is there to show who uses the module: what only could be there is worth less then."""
        return self.scope.index.in_view(self.path)

    @cached_property
    def alone(self) -> bool:
        """Whether nothing of the module's project is there, which could show that what could run at once does not."""
        return self.scope.index.alone(self.path)

    def finding(
        self,
        rule: Rule,
        unit: Unit,
        at: Event,
        trace: Iterable[tuple[Role, Event]],
        message: str,
        evidence: Evidence,
        world: World,
        resource: str,
        advice: Fix,
        harm: str = "",
    ) -> Finding:
        """Puts a finding together; one that stands in a helper is reported at the call in the unit.

        In doubt (`Doubts`) its `evidence` says why it is not to be reported; "" if nothing does.
        """
        trace = tuple(trace)
        steps = tuple(self.step(role, event) for role, event in trace)
        expected = evidence.by_hand and self.concurrency.by_hand
        alone = not expected and self.concurrency.unlikely_unit(unit.facts)
        unused = not expected and (
            stands_in(self.scope, unit.facts)
            or (
                self.path in self.scope.index.users
                and (of_unused_class(self.scope, unit.facts) or unused_step(self.scope, unit.facts, self.program.lines))
            )
        )
        single = not expected and self.scope.index.processes.nothing_beside
        unsaid = self.in_view and (
            (evidence.public and not rule.believes_callers)
            or (rule.wants_more_in_view and evidence.strength is Confidence.MEDIUM)
        )
        strength = Confidence.LOW if alone or unused or single or unsaid else evidence.strength
        text = evidence.text
        if self.doubts is not None:
            reasons = self.doubts.of(unit.facts.qualname, (event for _, event in trace))
            if alone or single:
                reasons.append(ALONE if alone else SINGLE)
            elif evidence.text not in reasons and strength is Confidence.LOW:
                reasons.append(f"low confidence: {evidence.text}")
            text = "; ".join(reasons)
        return Finding(
            rule.code,
            rule.name,
            self.path,
            unit.facts.qualname,
            self.span(at.site),
            world,
            resource,
            strength,
            message,
            harm or rule.harm,
            text,
            steps,
            advice,
        )


def here(event: Event) -> Place:
    """Where an event stands in the module; the call that leads to it, if it stands in a helper of another module."""
    return event.site if is_grafted(event.place.unit) else event.place
