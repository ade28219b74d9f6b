"""The format for people where there is nothing to show: pictures of races are half of its start."""

from __future__ import annotations

from collections.abc import Iterable

from racelint.report.results import Options, Results


def full_if_any(results: Results, options: Options) -> Iterable[str]:
    """As `text.full`."""
    if not results.findings and not results.problems and not options.fixed:
        return ()
    from racelint.report.text import full

    return full(results, options)
