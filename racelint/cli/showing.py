"""What was found → the output, and the exit status."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from racelint.cli.looking import Looked
from racelint.cli.output import has_color, say, write, write_file
from racelint.cli.wanted import CLEAN, FAILED, FOUND, Wanted
from racelint.config import Config
from racelint.finding import Finding

if TYPE_CHECKING:
    from racelint.report import Options
    from racelint.run import Report


def show(wanted: Wanted, looked: Looked, config: Config, fixed: Sequence[Finding] | None = None) -> int:
    """Shows what was found; `fixed` is as in the reporters' options."""
    from racelint.report import REPORTERS
    from racelint.report import statistics as count

    report = looked.report
    if wanted.verbose:
        say(f"{report.files} files in {report.seconds:.2f} s")
    if fixed and not wanted.quiet and (wanted.statistics or config.output_format != "full"):
        say(f"{len(fixed)} finding{'s' if len(fixed) > 1 else ''} fixed")
    options = options_for(wanted, looked, quiet=wanted.quiet, fixed=fixed)
    pieces = count(report) if wanted.statistics else REPORTERS[config.output_format](report, options)
    if wanted.output_file is not None:
        write_file(wanted.output_file, pieces)
    else:
        write(pieces, _out(wanted))
    return status_of(report, wanted)


def _out(wanted: Wanted) -> TextIO:
    """Where findings go: not where the repaired text of standard input goes."""
    return sys.stderr if wanted.fix and wanted.from_stdin else sys.stdout


def options_for(wanted: Wanted, looked: Looked, *, quiet: bool, fixed: Sequence[Finding] | None = None) -> Options:
    """How to show findings on what they are written to."""
    from racelint.report import Options, drawable

    out, to_file = _out(wanted), wanted.output_file is not None
    return Options(
        color=has_color(wanted, out),
        width=shutil.get_terminal_size((100, 24)).columns if not to_file and out.isatty() else 100,
        ascii=not to_file and not drawable(out.encoding),
        quiet=quiet,
        fixed=fixed,
        read=looked.lines,
    )


def status_of(report: Report, wanted: Wanted) -> int:
    if report.internal_errors or any(problem.named for problem in report.problems):
        return FAILED
    return FOUND if (report.findings or report.problems) and not wanted.exit_zero else CLEAN
