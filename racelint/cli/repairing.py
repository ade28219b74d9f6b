"""What `--fix` and `--diff` do with what was found."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from racelint.cli.looking import Looked, lines_of
from racelint.cli.output import say, write_bytes
from racelint.cli.showing import show, status_of
from racelint.cli.wanted import CLEAN, FAILED, FOUND, Wanted
from racelint.config import Config
from racelint.source import decode

if TYPE_CHECKING:
    from racelint.fix import Repair


def show_diff(wanted: Wanted, looked: Looked) -> int:
    """Shows what would be repaired."""
    from racelint.fix import repair, unified_diff

    done = repair(looked.report, looked.original, looked.again)
    for problem in done.report.problems:
        say(f"{problem.path}: {problem.message}")
    for unfixed in done.unfixed:
        say(f"{unfixed.path}: not fixed: {unfixed.reason}")
    write_bytes(
        b"".join(
            unified_diff(_inside(one.original.path), one.original.data, one.data)
            for one in sorted(done.repairs, key=lambda one: one.original.path)
        )
    )
    count = sum(len(one.findings) for one in done.repairs)
    if count and not wanted.quiet:
        say(f"--fix would repair {count} finding{'s' if count > 1 else ''}")
    status = status_of(replace(done.report, findings=()), wanted)
    return FOUND if count and status == CLEAN and not wanted.exit_zero else status


def _inside(path: str) -> str:
    """The real path of a file, for git takes no patch through a link; relative to the current directory if inside."""
    return os.path.realpath(path).removeprefix(os.path.realpath(os.getcwd()).rstrip(os.sep) + os.sep)


def repair_files(wanted: Wanted, looked: Looked, config: Config) -> int:
    """Repairs, and shows what is left."""
    from racelint.fix import repair

    done = repair(looked.report, looked.original, looked.again)
    for unfixed in done.unfixed:
        say(f"{unfixed.path}: not fixed: {unfixed.reason}")
    if looked.stdin is not None:
        data = done.repairs[0].data if done.repairs else looked.stdin
        write_bytes(data)
        left = replace(looked, report=done.report, lines=lambda name: lines_of(decode(data, name)))
        return show(wanted, left, config, sum(len(one.findings) for one in done.repairs))
    statuses = {one.original.path: _replace(one) for one in done.repairs}
    written = [one for one in done.repairs if statuses[one.original.path] is None]
    if wanted.verbose:
        for one in written:
            for finding in one.findings:
                say(f"{finding.path}:{finding.line}: {finding.code} fixed")
    report = done.report if len(written) == len(statuses) else looked.again({})
    status = show(wanted, replace(looked, report=report), config, sum(len(one.findings) for one in written))
    return FAILED if FAILED in statuses.values() else status


def _replace(one: Repair) -> int | None:
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
