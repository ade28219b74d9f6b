"""What racelint reports: a finding, its steps and its fix. Data only.

Lines and columns count from 1; columns count characters, not bytes; `end_column` is exclusive.
"""

from __future__ import annotations

from enum import Enum

from racelint.frozen import dataclass


class World(Enum):
    """Where units of work interleave."""

    __hash__ = object.__hash__  # that of Enum is a function of Python, and sets are asked often

    TASKS = "tasks"
    THREADS = "threads"
    PROCESSES = "processes"


class Confidence(Enum):
    """How strong the evidence is that the units run concurrently and that the harm happens."""

    __hash__ = object.__hash__  # that of Enum is a function of Python, and sets are asked often

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    rank: int
    """0 for low, 1 for medium, 2 for high."""


for _number, _confidence in enumerate(Confidence):
    _confidence.rank = _number  # asked for each pair of roots, so that it is looked up and not found out


class Applicability(Enum):
    """Who may apply a fix."""

    SAFE = "safe"
    """Keeps behaviour but for the race; `--fix` applies it."""
    UNSAFE = "unsafe"
    """Needs a look; applied with `--unsafe-fixes` only."""
    MANUAL = "manual"
    """Only shown: `edits` is empty."""

    def within(self, greatest: Applicability) -> bool:
        """Whether whoever lets us apply fixes up to `greatest` lets us apply this one."""
        order = (Applicability.SAFE, Applicability.UNSAFE, Applicability.MANUAL)
        return order.index(self) <= order.index(greatest)


class Role(Enum):
    """What a step of a trace does."""

    READ = "read"
    CHECK = "check"
    SWITCH = "switch"
    WRITE = "write"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a file, from (`line`, `column`) up to but without (`end_line`, `end_column`)."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the interleaving that a finding shows, in the order of execution."""

    role: Role
    span: Span
    text: str
    """The source of the step, on one line."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `span` by `text`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """What to write instead: a verb phrase, and the edits that do it (none when it is manual)."""

    title: str
    applicability: Applicability = Applicability.MANUAL
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One race at one place."""

    code: str
    name: str
    path: str
    symbol: str
    """Qualified name of the unit of work, such as `Counter.add`; empty at module level."""
    span: Span
    """Where the write or the act stands."""
    world: World
    resource: str
    """The shared state as written in the code, such as `self.total`."""
    confidence: Confidence
    message: str
    """One sentence without a full stop: the resource, the lines, and what lies between them."""
    harm: str
    evidence: str
    trace: tuple[Step, ...]
    fix: Fix | None = None

    @property
    def line(self) -> int:
        return self.span.line

    @property
    def column(self) -> int:
        return self.span.column

    @property
    def url(self) -> str:
        """The rule's section in the documentation."""
        return f"docs/rules.md#{self.code.lower()}"

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Path, place, code: the stable order of results."""
        return (self.path, self.span.line, self.span.column, self.code, self.message)


@dataclass(frozen=True, slots=True)
class NearMiss:
    """What would be a finding, were it not for what makes it safe or for want of evidence; no output format shows it."""

    path: str
    line: int
    column: int
    code: str
    reason: str
    """Clauses without a full stop, the strongest first, with "; " between them."""

    @property
    def sort_key(self) -> tuple[str, int, int, str]:
        """Path, place, code: the stable order of results."""
        return (self.path, self.line, self.column, self.code)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be read or parsed: an entry of `errors`, RL900 in the other formats."""

    path: str
    line: int
    message: str
    """What is wrong and what to do about it."""
    column: int = 1
    named: bool = False
    """The path was named on the command line and could not be read: exit status 2."""
