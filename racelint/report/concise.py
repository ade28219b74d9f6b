"""One line a finding, for editors, grep and continuous integration: `path:line:column: RL102 message`."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.finding import Problem
from racelint.report.results import UNREADABLE, Options, Results, clean, in_order


def concise(results: Results, options: Options) -> Iterator[str]:
    """The lines of findings and problems, by path and place."""
    for entry in in_order(results):
        code = UNREADABLE if isinstance(entry, Problem) else entry.code
        yield f"{clean(entry.path)}:{entry.line}:{entry.column}: {code} {clean(entry.message)}\n"
