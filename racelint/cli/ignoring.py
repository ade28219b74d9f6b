"""What `--add-ignore` does with what was found."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from racelint.cli.looking import Looked
from racelint.cli.output import say, write_bytes
from racelint.cli.repairing import replaced, write_diff
from racelint.cli.showing import status_of
from racelint.cli.wanted import FAILED, Wanted
from racelint.finding import Problem
from racelint.source import Source

if TYPE_CHECKING:
    from racelint.fix import Repairs
    from racelint.run import Report

OPTION = "--add-ignore"


class OptionalReason(click.Command):
    """A command on which `--add-ignore` may have a reason, only after `=`: the next word is a path."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Adds the `=` that click asks for."""
        stop = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, [f"{OPTION}=" if arg == OPTION else arg for arg in args[:stop]] + args[stop:])


def reason_option(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """One line of text, None if the option was not used."""
    if value is not None and not value.isprintable():
        raise click.BadParameter("a reason is one line of text without control characters", ctx, param)
    return None if value is None else value.strip()


def add_ignores(wanted: Wanted, looked: Looked) -> int:
    """Writes a comment for each finding, or shows what that would change."""
    from racelint.adoption.ignoring import with_ignores
    from racelint.fix import repair

    reason = wanted.add_ignore or ""

    def report(found: Report, given: Mapping[str, Source]) -> Report:
        edited = {os.path.abspath(source.path): source for source in given.values()}

        def read(name: str) -> Source | None:
            if (changed := edited.get(os.path.abspath(name))) is not None:
                return changed
            original = looked.original(name)
            return None if isinstance(original, Problem) else original.source

        return with_ignores(found, read, reason)

    done = repair(
        report(looked.report, {}),
        looked.original,
        lambda given: report(looked.again(given), given),
        near=lambda given: report(looked.near(given), given),
    )
    for unfixed in done.unfixed:
        say(f"{unfixed.path}: no comment written: {unfixed.reason}")
    return _diff(wanted, looked, done) if wanted.diff else _write(wanted, looked, done)


def _diff(wanted: Wanted, looked: Looked, done: Repairs) -> int:
    write_diff(done.repairs)
    if not wanted.quiet:
        _count(looked, done, "would be ignored")
    return status_of(done.report, wanted)


def _write(wanted: Wanted, looked: Looked, done: Repairs) -> int:
    statuses = []
    if looked.stdin is not None:
        write_bytes(done.repairs[0].data if done.repairs else looked.stdin)
    else:
        statuses = [replaced(one) for one in done.repairs]
    failed = any(status is not None for status in statuses)
    for problem in done.report.problems:
        say(f"{problem.path}: {problem.message}")
    if not wanted.quiet and not failed:
        _count(looked, done, "ignored now")
    return FAILED if failed else status_of(done.report, wanted)


def _count(looked: Looked, done: Repairs, what: str) -> None:
    after = len(done.report.findings)
    count, files = len(looked.report.findings) - after, len(done.repairs)
    left = f"; {after} left" if after else ""
    say(f"{count} finding{'' if count == 1 else 's'} in {files} file{'' if files == 1 else 's'} {what}{left}")
