"""What `--fix` and `--diff` do with what was found."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from racelint.cli.looking import Looked, lines_of
from racelint.cli.output import say, write, write_bytes
from racelint.cli.showing import options_for, show, status_of
from racelint.cli.wanted import CLEAN, FAILED, FOUND, STANDARD_OUTPUT, Wanted
from racelint.config import Config
from racelint.finding import Applicability, Finding
from racelint.frozen import replace
from racelint.source import decode

if TYPE_CHECKING:
    from racelint.fix import Chosen, Repair


def show_diff(wanted: Wanted, looked: Looked) -> int:
    """Shows what would be repaired."""
    from racelint.fix import repair

    done = repair(looked.report, looked.original, looked.again, wanted.applicability, near=looked.near)
    for problem in done.report.problems:
        say(f"{problem.path}: {problem.message}")
    for unfixed in done.unfixed:
        say(f"{unfixed.path}: not fixed: {unfixed.reason}")
    write_diff(done.repairs)
    count = sum(len(one.findings) for one in done.repairs)
    if count and not wanted.quiet:
        say(f"--fix would repair {count} finding{'s' if count > 1 else ''}")
    unsafe = sum(one.fix is not None and one.fix.applicability is Applicability.UNSAFE for one in done.report.findings)
    if unsafe and not wanted.quiet and wanted.applicability is not Applicability.UNSAFE:
        say(f"{unsafe} more {'are' if unsafe > 1 else 'is'} shown with --unsafe-fixes")
    status = status_of(replace(done.report, findings=()), wanted)
    return FOUND if count and status == CLEAN and not wanted.exit_zero else status


def write_diff(repairs: Iterable[Repair]) -> None:
    """What would change, in the order of the paths."""
    from racelint.fix import unified_diff

    write_bytes(
        b"".join(
            unified_diff(_inside(one.original.path), one.original.data, one.data)
            for one in sorted(repairs, key=lambda one: one.original.path)
        )
    )


def _inside(path: str) -> str:
    """The real path of a file, for git takes no patch through a link; relative to the current directory if inside."""
    return os.path.realpath(path).removeprefix(os.path.realpath(os.getcwd()).rstrip(os.sep) + os.sep)


def repair_files(wanted: Wanted, looked: Looked, config: Config) -> int:
    """Repairs, and shows what is left."""
    from racelint.fix import repair

    chosen = asked(wanted, looked, config) if wanted.interactive else lambda finding: True
    done = repair(looked.report, looked.original, looked.again, wanted.applicability, chosen, looked.near)
    for unfixed in done.unfixed:
        say(f"{unfixed.path}: not fixed: {unfixed.reason}")
    if looked.stdin is not None:
        data = done.repairs[0].data if done.repairs else looked.stdin
        write_bytes(data)
        left = replace(looked, report=done.report, lines=lambda name: lines_of(decode(data, name)))
        return _rest(wanted, left, config, done.repairs)
    statuses = {one.original.path: replaced(one) for one in done.repairs}
    written = [one for one in done.repairs if statuses[one.original.path] is None]
    if wanted.verbose:
        for one in written:
            for finding in one.findings:
                say(f"{finding.path}:{finding.line}: {finding.code} fixed")
    report = done.report if len(written) == len(statuses) else looked.again({})
    status = _rest(wanted, replace(looked, report=report), config, written)
    return FAILED if FAILED in statuses.values() else status


def _rest(wanted: Wanted, left: Looked, config: Config, written: Sequence[Repair]) -> int:
    """Shows what was repaired and what is left."""
    fixed = [finding for one in written for finding in one.findings]
    if wanted.show_fixes and fixed:
        say(f"fixed {len(fixed)}:")
        for path, name in sorted({(finding.path, f"{finding.code} {finding.name}") for finding in fixed}):
            count = sum((finding.path, f"{finding.code} {finding.name}") == (path, name) for finding in fixed)
            say(f"  {path}: {name}: {count}")
    if wanted.fix_only:
        if fixed and not wanted.quiet and not wanted.show_fixes:
            say(f"{len(fixed)} finding{'s' if len(fixed) > 1 else ''} fixed")
        return status_of(replace(left.report, findings=()), wanted)
    return show(wanted, left, config, fixed)


def asked(wanted: Wanted, looked: Looked, config: Config) -> Chosen:
    """Shows a finding with its fix and asks, once for each; `q` is no to all that come."""
    from racelint.fix import key_of
    from racelint.report import REPORTERS
    from racelint.run import Report

    answers: dict[tuple[str, object], bool] = {}
    stopped = False

    def chosen(finding: Finding) -> bool:
        nonlocal stopped
        key = (finding.path, key_of(finding))
        if key not in answers and not stopped:
            one = Report((finding,), (), 1, 0.0)
            write(REPORTERS["full"](one, options_for(wanted, looked, STANDARD_OUTPUT, quiet=True)))
            answer = click.prompt("apply this fix?", type=click.Choice(["y", "n", "q"]), default="n", err=True)
            stopped = answer == "q"
            answers[key] = answer == "y"
        return answers.get(key, False)

    return chosen


def replaced(one: Repair) -> int | None:
    """Writes a file; the status of a run in which it was not written."""
    from racelint.fix import Changed, replace_file

    name = one.original.source.path
    try:
        replace_file(one.original.path, one.original.data, one.data)
    except Changed:
        say(f"{name}: not fixed: it has been changed since it was read; run racelint again")
        return FOUND
    except OSError as error:
        say(f"{name}: not fixed: it cannot be written: {error.strerror}; it is as it was")
        return FAILED
    return None
