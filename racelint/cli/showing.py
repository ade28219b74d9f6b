"""What was found → the output, and the exit status."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from racelint.cli.looking import Looked
from racelint.cli.output import has_color, say, write, write_file
from racelint.cli.wanted import CLEAN, FAILED, FOUND, Wanted
from racelint.config import Config

if TYPE_CHECKING:
    from racelint.run import Report


def show(wanted: Wanted, looked: Looked, config: Config, fixed: int | None = None) -> int:
    """Shows what was found; `fixed` is as in the reporters' options."""
    from racelint.report import REPORTERS, Options, drawable
    from racelint.report import statistics as count

    report = looked.report
    out = sys.stderr if wanted.fix and wanted.from_stdin else sys.stdout  # where the repaired text goes
    if wanted.verbose:
        say(f"{report.files} files in {report.seconds:.2f} s")
    to_file = wanted.output_file is not None
    options = Options(
        color=has_color(wanted, out),
        width=shutil.get_terminal_size((100, 24)).columns if not to_file and out.isatty() else 100,
        ascii=not to_file and not drawable(out.encoding),
        quiet=wanted.quiet,
        fixed=fixed,
        read=looked.lines,
    )
    if fixed and not wanted.quiet and (wanted.statistics or config.output_format != "full"):
        say(f"{fixed} finding{'s' if fixed > 1 else ''} fixed")
    pieces = count(report) if wanted.statistics else REPORTERS[config.output_format](report, options)
    if wanted.output_file is not None:
        write_file(wanted.output_file, pieces)
    else:
        write(pieces, out)
    return status_of(report, wanted)


def status_of(report: Report, wanted: Wanted) -> int:
    if report.internal_errors or any(problem.named for problem in report.problems):
        return FAILED
    return FOUND if (report.findings or report.problems) and not wanted.exit_zero else CLEAN
