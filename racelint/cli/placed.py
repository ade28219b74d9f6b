"""PATH:LINE → the findings there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from racelint.config import ConfigError
from racelint.config_files import load_config
from racelint.finding import Confidence
from racelint.frozen import replace

if TYPE_CHECKING:
    from racelint.finding import Finding

NEAREST = 3
"""Findings that are named where none is on the line."""


def findings_at(path: str, line: int) -> list[Finding]:
    """What is found on a line of a file, of any confidence; else what passes through it. Raises ClickException.

    The rest of the project is looked at as for a file that is named.
    """
    from racelint.discovery import discover
    from racelint.models.loader import ModelError
    from racelint.rules import RULES
    from racelint.run import lint_files

    started = time.perf_counter()
    try:
        config = replace(load_config(Path(path).absolute().parent, RULES), min_confidence=Confidence.LOW)
        files, problems = discover([path], config)
        report = lint_files(files, problems, config, started)
    except (ConfigError, ModelError) as error:
        raise click.ClickException(str(error)) from None
    if report.problems:
        raise click.ClickException(f"{report.problems[0].path}: {report.problems[0].message}")
    races = [finding for finding in report.findings if finding.trace]
    there = [finding for finding in races if finding.span.line <= line <= finding.span.end_line]
    there = there or [finding for finding in races if any(step.span.line == line for step in finding.trace)]
    if not there:
        raise click.ClickException(f"nothing is found on line {line} of {path}{_nearest(races, line)}")
    return sorted(there, key=lambda finding: (-finding.confidence.rank, finding.sort_key))


def _nearest(findings: Sequence[Finding], line: int) -> str:
    """Those that are the fewest lines away, for a message."""
    near = sorted(findings, key=lambda finding: (abs(finding.line - line), finding.line, finding.code))[:NEAREST]
    if not near:
        return ", nor elsewhere in it"
    return f"; nearest: {', '.join(f'{one.code} {one.name} on line {one.line}' for one in near)}"


def place_of(text: str) -> tuple[str, int]:
    """`PATH:LINE`, perhaps with a column behind it. Raises UsageError."""
    parts = text.split(":")
    while len(parts) > 2 and parts[-1].isdecimal() and parts[-2].isdecimal():
        parts.pop()
    path, line = ":".join(parts[:-1]), parts[-1]
    if not path or not line.isdecimal():
        raise click.UsageError(f"`{text}` is not of the form PATH:LINE")
    return path, int(line)
