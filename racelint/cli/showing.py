"""What was found → the output, and the exit status."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from racelint import __version__
from racelint.cli.looking import Looked
from racelint.cli.output import has_color, say, write, write_file
from racelint.cli.wanted import CLEAN, FAILED, FOUND, Output, Wanted
from racelint.config import Config
from racelint.finding import Finding
from racelint.frozen import replace

if TYPE_CHECKING:
    from racelint.report import Explained, Options
    from racelint.run import Report


def show(wanted: Wanted, looked: Looked, config: Config, fixed: Sequence[Finding] | None = None) -> int:
    """Shows what was found, wherever it is wanted; `fixed` is as in the reporters' options."""
    from racelint.report import REPORTERS
    from racelint.report import statistics as count

    report = looked.report
    if wanted.verbose:
        say(f"{report.files} files in {report.seconds:.2f} s")
        write(told(report), sys.stderr)
    formats = [output.format or config.output_format for output in wanted.outputs]
    if fixed and not wanted.quiet and (wanted.statistics or "full" not in formats):
        say(f"{len(fixed)} finding{'s' if len(fixed) > 1 else ''} fixed")
    for output, name in zip(wanted.outputs, formats, strict=True):
        options = options_for(wanted, looked, output, quiet=wanted.quiet, fixed=fixed)
        pieces = count(report) if wanted.statistics else REPORTERS[name](report, options)
        if output.path is not None:
            write_file(output.path, pieces)
        else:
            write(pieces, _out(wanted))
    return status_of(report, wanted)


def told(report: Report) -> Iterator[str]:
    """Why what is nearly a finding is not reported, a line each."""
    from racelint.report.results import clean

    for miss in report.near_misses:
        yield f"{clean(miss.path)}:{miss.line}:{miss.column} {miss.code} not reported: {clean(miss.reason)}\n"


def _out(wanted: Wanted) -> TextIO:
    """Where findings go: not where the repaired text of standard input goes."""
    return sys.stderr if wanted.fix and wanted.from_stdin else sys.stdout


def options_for(
    wanted: Wanted, looked: Looked, output: Output, *, quiet: bool, fixed: Sequence[Finding] | None = None
) -> Options:
    """How to show findings on what they are written to."""
    out = _out(wanted) if output.path is None else None
    options = drawn_on(out, wanted.color, ascii_only=wanted.ascii)
    return replace(options, quiet=quiet, fixed=fixed, read=looked.lines)


def drawn_on(out: TextIO | None, color: str, *, ascii_only: bool) -> Options:
    """How to draw on a stream, or in a file if there is none."""
    from racelint.report import Options, drawable

    width = 100
    if out is not None and out.isatty():
        import shutil  # takes a while, and pipes have no width

        width = shutil.get_terminal_size((100, 24)).columns
    return Options(
        color=has_color(color, out),
        width=width,
        ascii=ascii_only or (out is not None and not drawable(out.encoding)),
        explained=explained,
        version=__version__,
    )


def explained(code: str) -> Explained | None:
    """The documentation of a rule."""
    from racelint.explain import rule_markdown, rule_text, sections
    from racelint.report import Explained
    from racelint.rules import RULES

    rule = next((rule for rule in RULES if rule.code == code), None)
    if rule is None:
        return None
    introduction = sections(rule)[""].partition("\n")[2].strip()
    return Explained(rule.summary, introduction, rule_text(rule), rule_markdown(rule))


def status_of(report: Report, wanted: Wanted) -> int:
    if report.internal_errors or any(problem.named for problem in report.problems):
        return FAILED
    return FOUND if (report.findings or report.problems) and not wanted.exit_zero else CLEAN
