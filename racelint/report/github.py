"""Annotations in GitHub's pull requests: a workflow command for each finding and problem, by path and place."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.finding import Problem
from racelint.report.results import UNREADABLE, Options, Results, clean, in_order


def github(results: Results, options: Options) -> Iterator[str]:
    """`::error file=…,line=…,col=…,title=RL102::message`, with the escapes that the runner takes back."""
    for entry in in_order(results):
        code = UNREADABLE if isinstance(entry, Problem) else f"{entry.code} {entry.name}"
        place = f"file={_value(entry.path)},line={entry.line},col={entry.column}"
        if not isinstance(entry, Problem):
            place += f",endLine={entry.span.end_line}"
            # GitHub shows no columns for a place of several lines
            place += f",endColumn={entry.span.end_column}" if entry.span.end_line == entry.line else ""
        yield f"::error {place},title={_value(code)}::{_data(entry.message)}\n"


def _data(text: str) -> str:
    return clean(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    """The value of a property, in which colons and commas mean something."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
