"""How a story is told: a finding, its steps and its two units → rows, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from racelint.expressions import expression
from racelint.finding import Finding, Role, Step, World
from racelint.frozen import dataclass, replace
from racelint.timeline.data import Lane, Row, Timeline

NOUNS = {World.TASKS: "task", World.THREADS: "thread", World.PROCESSES: "process"}
SWITCHES = {World.TASKS: "waits, B runs", World.THREADS: "B runs in between", World.PROCESSES: "B runs in between"}


@dataclass(frozen=True, slots=True)
class Partner:
    """The other unit, as the finding names it."""

    symbol: str
    line: int | None


_DOES = (
    r"(?:changes it|adds to it|reads it|uses both|(?:can )?takes? it away|sets it|removes or replaces it|"
    r"calls `[\w.]+`, which reads it)"
)
_NAMED = expression(rf"`([^`\s]+)` {_DOES}(?: too)?(?: on line (\d+))?")
_COMMENT = expression(r"\s#[^'\"]*(?:[\"'][^'\"]*[\"'][^'\"]*)*$")
_SOMEWHERE = expression(r"another thread changes it on line (\d+)")
_READER = expression(r"reads it in `([^`\s]+)`")
_HOLDER = expression(r"(?:guards it on line \d+ in `([^`\s]+)`|under which `([^`\s]+)` uses it)")
_ELSEWHERE = "::"
"""Between the module and the name of a function of another file."""


class Telling:
    """A timeline in the making. Steps of the trace are taken by their role; A runs the finding's unit unless a story says else."""

    def __init__(self, finding: Finding, lines: Sequence[str] | None) -> None:
        self.finding = finding
        self.lines = lines
        self.partner = _partner(finding)
        noun = NOUNS[finding.world]
        self._lanes = (Lane("A", noun, finding.symbol), Lane("B", noun, self.partner.symbol if self.partner else ""))
        self._rows: list[Row] = []

    @property
    def first(self) -> Step:
        """The first step of the trace."""
        return self.finding.trace[0]

    @property
    def last(self) -> Step:
        """The last step of the trace, which is where most harm is done."""
        return self.finding.trace[-1]

    @property
    def pause(self) -> Step | None:
        """The switch point, if the trace has one."""
        return next((step for step in self.finding.trace if step.role is Role.SWITCH), None)

    @property
    def is_single(self) -> bool:
        """Whether the trace has one step only."""
        return len(self.finding.trace) == 1

    @property
    def meets_itself(self) -> bool:
        """Whether a second run of the finding's unit comes in between, or nothing says who else does."""
        return self.partner is None or "for many at once" in self.finding.evidence

    def says(self, words: str) -> bool:
        """Whether the rule's message has these words: where one harm comes about in several ways, it tells which."""
        return words in self.finding.message

    def name_lanes(self, a: str, b: str, nouns: tuple[str, str] | None = None) -> None:
        """Gives the lanes other functions, and other nouns."""
        one, two = self._lanes
        first, second = nouns or (one.noun, two.noun)
        self._lanes = (replace(one, symbol=a, noun=first), replace(two, symbol=b, noun=second))

    def a(self, step: Step | None, says: str, *, wrong: bool = False) -> None:
        """A does something: a step of the trace, or what the code does not show."""
        self._add(0, step, says, wrong)

    def b(self, step: Step | None, says: str, *, wrong: bool = False) -> None:
        """B does the same step, as it runs the same code then, or what the code does not show."""
        if step is not None:
            self._lanes = (self._lanes[0], replace(self._lanes[1], symbol=self.finding.symbol))
        self._add(1, step, says, wrong)

    def other(self, says: str, *, wrong: bool = False) -> None:
        """B does what its own code does, on the line that the finding names, if it does."""
        line = self.partner.line if self.partner else None
        text = _COMMENT.sub("", self.lines[line - 1]).strip() if line and self.lines and line <= len(self.lines) else ""
        self._rows.append(Row(1, Role.WRITE, line, text, says, wrong))

    def switch(self, says: str = "", lane: int = 0) -> None:
        """The other unit goes on from here."""
        says = says or SWITCHES[self.finding.world]
        step = self.pause
        text = self._text(step)
        if self._rows and self._rows[-1].text == text:
            text = ""  # one await that both writes and waits
        self._rows.append(Row(lane, Role.SWITCH, step.span.line if step else None, text, says))

    def told(self, outcome: str) -> Timeline:
        """The whole, with its outcome."""
        return Timeline(self.finding.world, self._lanes, tuple(self._rows), outcome)

    def _add(self, lane: int, step: Step | None, says: str, wrong: bool) -> None:
        role = step.role if step and step.role is not Role.SWITCH else Role.ACT
        self._rows.append(Row(lane, role, step.span.line if step else None, self._text(step), says, wrong))

    def _text(self, step: Step | None) -> str:
        """The step's source line, which says more than the step alone; the step, where several stand on one line."""
        if step is None:
            return ""
        text = self._without_comments(step)
        alone = sum(other.span.line == step.span.line for other in self.finding.trace) == 1
        if not (alone and self.lines and step.span.line <= len(self.lines)):
            return text
        line = _COMMENT.sub("", self.lines[step.span.line - 1]).strip()
        return line if step.text.split("\n")[0].strip()[:20] in line else text

    def _without_comments(self, step: Step) -> str:
        """The step on one line: the comments on its lines would hide what follows them."""
        span = step.span
        if not self.lines or span.line == span.end_line or span.end_line > len(self.lines):
            return " ".join(step.text.split())
        every = [*self.lines[span.line - 1 : span.end_line]]
        every[-1] = every[-1][: span.end_column - 1]
        every[0] = every[0][span.column - 1 :]
        return " ".join(" ".join(_COMMENT.sub("", line) for line in every).split())[: len(step.text)]


def _partner(finding: Finding) -> Partner | None:
    """The unit that runs in between, if it is another one than the finding's own."""
    for text in (finding.evidence, finding.message):
        found = _NAMED.search(text)
        if found is not None and found[1] == finding.symbol:
            return None
        if found is not None:
            _, elsewhere, symbol = found[1].rpartition(_ELSEWHERE)
            line = found[2] or next(iter(_SOMEWHERE.findall(finding.message)), None)
            return Partner(symbol, int(line) if line and not elsewhere else None)
    reader = _READER.search(finding.message)
    return Partner(reader[1], None) if reader else None


def holder(finding: Finding) -> str:
    """The unit that holds the lock that the finding's own does not take; empty if the message names none."""
    found = _HOLDER.search(finding.message)
    return (found[1] or found[2]) if found else ""
