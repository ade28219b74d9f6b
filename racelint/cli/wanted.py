"""What a run is asked to do, and how it may end."""

from __future__ import annotations

import os

from racelint.finding import Applicability
from racelint.frozen import dataclass

CLEAN, FOUND, FAILED, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses: nothing found; findings, or files that could not be parsed; wrong usage, a named path that cannot be
read, or a mistake of racelint; Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Output:
    """One place that findings are written to."""

    format: str | None
    """None for that of the configuration."""
    path: str | None
    """None for standard output."""


STANDARD_OUTPUT = Output(None, None)
"""Where findings go, and how, if nothing is said."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says besides the configuration."""

    paths: tuple[str, ...]
    stdin_filename: str | None
    fix: bool
    diff: bool
    unsafe_fixes: bool
    """Repairs that need a look are made, too."""
    fix_only: bool
    """What is left is not shown, and does not matter."""
    show_fixes: bool
    interactive: bool
    outputs: tuple[Output, ...]
    """Never empty."""
    add_ignore: str | None
    """The reason of comments that silence what is found; None if none are to be written."""
    new_from: str | None
    """The commit whose findings are known."""
    update_baseline: bool
    prune_baseline: bool
    error_stale_baseline: bool
    no_cache: bool
    cache_dir: str
    """Where the cache is; "" for the usual place."""
    statistics: bool
    exit_zero: bool
    quiet: bool
    verbose: bool
    ascii: bool
    """Drawn with ASCII only, whatever the output could show."""
    color: str

    @property
    def applicability(self) -> Applicability:
        """Up to which applicability fixes are made."""
        return Applicability.UNSAFE if self.unsafe_fixes else Applicability.SAFE

    @property
    def changes_files(self) -> bool:
        """Whether something is written besides outputs, or shown as what could be."""
        return self.fix or self.diff or self.add_ignore is not None or self.update_baseline or self.prune_baseline

    @property
    def asks_baseline(self) -> bool:
        """Whether something is to be done with the baseline, so that there must be one."""
        return self.update_baseline or self.prune_baseline or self.error_stale_baseline

    @property
    def from_stdin(self) -> bool:
        """Whether standard input is what is checked."""
        return self.paths == ("-",)

    @property
    def start(self) -> str:
        """The directory from which the nearest configuration is looked for: what all paths have in common."""
        if self.from_stdin:
            return os.path.dirname(os.path.abspath(self.stdin_filename)) if self.stdin_filename else os.getcwd()
        return os.path.commonpath([os.path.abspath(path) for path in self.paths])
