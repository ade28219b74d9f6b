"""The command `racelint explain`: what is found at one place, at large."""

from __future__ import annotations

import sys

import click

from racelint.cli.options import HELP, drawing_options
from racelint.cli.output import write
from racelint.cli.showing import drawn_on
from racelint.cli.wanted import CLEAN


@click.command(context_settings=HELP)
@click.argument("place", metavar="PATH:LINE")
@drawing_options
def explain(place: str, ascii_only: bool, color: str) -> int:
    """Show the race at PATH:LINE: the code, the bad order of two units, and what to write instead.

    Findings of any confidence are shown; if none is on the line, those that pass through it.
    """
    from racelint.cli.placed import findings_at, place_of
    from racelint.report.explained import explained

    options = drawn_on(sys.stdout, color, ascii_only=ascii_only)
    pieces: list[str] = []
    for finding in findings_at(*place_of(place)):
        pieces += ["\n" if pieces else "", *explained(finding, options)]
    write(pieces)
    return CLEAN
