"""A rule: a frozen value that knows how to find one kind of race in a module."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from racelint.finding import Finding, World
from racelint.frozen import cached_property, dataclass
from racelint.need import Need

if TYPE_CHECKING:
    from racelint.pattern.module import Module

Finder = Callable[["Module"], Iterable[Finding]]


def _nothing(module: Module) -> Iterable[Finding]:
    """For the codes that the pipeline itself reports (RL900, RL901, RL902)."""
    return ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of race.

    `name` is the bad pattern and reads well after "ignore"; `doc` is the module docstring that docs/rules.md shows: a first
    line that says what is reported, a paragraph about the harm, then `## Example`, `## Use instead` and `## Missed alarms`.
    """

    code: str
    name: str
    worlds: tuple[World, ...]
    harm: str
    doc: str
    find: Finder = _nothing
    needs: tuple[Need, ...] = (Need.ANYTHING,)
    """What a unit must hold before anything can be found in it, any of these: other units are not even parsed."""
    believes_callers: bool = True
    """Whether it is enough for the default that callers may run the units at once, where the project shows none that do.

    Not for a rule most of whose findings that rest on this alone were wrong when they were read.
    """
    wants_more_in_view: bool = False
    """Whether medium confidence is too little for the default where the project is there to show more.

    For a rule of whose findings of medium confidence, in projects, fewer than four in ten were right when they were read.
    """

    @property
    def summary(self) -> str:
        """The first line of the documentation."""
        return self.doc.strip().splitlines()[0]


class Listed(Rule):
    """A rule as the table of all rules has it: the rest is in the file of its name, which imports much, and is read when it is asked for."""

    def __init__(self, code: str, name: str, *needs: Need) -> None:
        for field, value in (("code", code), ("name", name), ("needs", needs)):
            object.__setattr__(self, field, value)

    def __reduce__(self) -> tuple[type[Listed], tuple[object, ...]]:
        return Listed, (self.code, self.name, *self.needs)

    @cached_property
    def rule(self) -> Rule:
        """The rule itself."""
        found: Rule = import_module(f"racelint.rules.{self.name.replace('-', '_')}").RULE
        return found

    @property
    def worlds(self) -> tuple[World, ...]:
        """As `Rule.worlds`."""
        return self.rule.worlds

    @property
    def harm(self) -> str:
        """As `Rule.harm`."""
        return self.rule.harm

    @property
    def doc(self) -> str:
        """As `Rule.doc`."""
        return self.rule.doc

    @property
    def find(self) -> Finder:
        """As `Rule.find`."""
        return self.rule.find
