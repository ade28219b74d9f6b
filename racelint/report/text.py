"""Findings for people."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.report.concise import concise
from racelint.report.results import Options, Results


def full(results: Results, options: Options) -> Iterator[str]:
    """Stand-in until frames are drawn."""
    return concise(results, options)
