"""What `--baseline` and the options beside it do with what was found."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from racelint.cli.looking import Looked
from racelint.cli.options import Command, with_options
from racelint.cli.output import say, write_file
from racelint.cli.showing import status_of
from racelint.cli.wanted import CLEAN, FOUND, Wanted
from racelint.config import Config, enabled_rules
from racelint.frozen import dataclass, replace
from racelint.source import read_bytes, shown

if TYPE_CHECKING:
    from racelint.adoption.baseline import Comparison, Entry
    from racelint.run import Report


@dataclass(frozen=True, slots=True)
class Known:
    """The known findings of a run."""

    folder: str
    """What the paths of the entries are relative to, absolute."""
    entries: tuple[Entry, ...]
    wanted: Wanted
    config: Config

    def compared(self, report: Report) -> Comparison:
        """What is new."""
        from racelint.adoption.baseline import compare

        looked_at = self._looked_at(report)
        return compare(
            report.findings,
            self.entries,
            self.folder,
            lambda entry: looked_at(entry) or not os.path.exists(self._file(entry)),
        )

    def without_known(self, looked: Looked) -> Looked:
        """The findings that are new, now and after repairs."""

        def new(report: Report) -> Report:
            return replace(report, findings=self.compared(report).new)

        return replace(
            looked,
            report=new(looked.report),
            again=lambda given: new(looked.again(given)),
            near=lambda given: new(looked.near(given)),
        )

    def stale(self, report: Report, unmatched: Sequence[Entry]) -> list[Entry]:
        """The entries of which this run can say that their findings are gone."""
        return list(filter(self._looked_at(report), unmatched))

    def _looked_at(self, report: Report) -> Callable[[Entry], bool]:
        """Whether the run would have found an entry: its file, or where that was, with its rule, at its confidence."""
        from racelint.rules import RULES

        unread = {os.path.abspath(problem.path) for problem in report.problems}
        codes = {rule.code for rule in enabled_rules(self.config, RULES)}
        tops = [os.path.abspath(path) for path in self.wanted.paths]
        folders = tuple(top.rstrip(os.sep) + os.sep for top in tops)

        def looked_at(entry: Entry) -> bool:
            file = self._file(entry)
            return (
                (file in tops or file.startswith(folders))
                and file not in unread
                and entry.confidence.rank >= self.config.min_confidence.rank
                and entry.meaning.code in codes
            )

        return looked_at

    def _file(self, entry: Entry) -> str:
        return os.path.normpath(os.path.join(self.folder, entry.meaning.path))


@dataclass(frozen=True, slots=True)
class Baseline(Known):
    """Known findings in a file."""

    path: str
    """Absolute."""

    @property
    def name(self) -> str:
        """As people read it."""
        from racelint.discovery import display

        return display(self.path)


BASELINE_OPTIONS = (
    click.option(
        "--baseline",
        metavar="FILE",
        type=click.Path(dir_okay=False),
        help="Leave out the findings that are known: those of this file.",
    ),
    click.option("--no-baseline", "baseline", flag_value="", help="Use no baseline, although one is configured."),
    click.option("--update-baseline", is_flag=True, help="Make the baseline what is found now, and stop."),
    click.option("--prune-baseline", is_flag=True, help="Take out of the baseline what is no longer found."),
    click.option(
        "--error-stale-baseline", is_flag=True, help="Exit with 1 if something in the baseline is no longer found."
    ),
    click.option(
        "--new-from", metavar="REV", help="Leave out what is found in this commit already, which is analysed, too."
    ),
)


def baseline_options(command: Command) -> Command:
    """What is known, and what becomes of it."""
    return with_options(BASELINE_OPTIONS, command)


def check_baseline_options(wanted: Wanted, has_outputs: bool) -> None:
    """Raises UsageError for options that contradict each other."""
    if wanted.new_from is not None and (wanted.update_baseline or wanted.from_stdin):
        raise click.UsageError("--new-from goes neither with --update-baseline nor with standard input")
    on = [name for name, is_on in _options(wanted).items() if is_on]
    if len(on) > 1:
        raise click.UsageError(f"{on[0]} and {on[1]} exclude each other")
    if wanted.update_baseline and (
        wanted.fix
        or wanted.diff
        or wanted.add_ignore is not None
        or wanted.statistics
        or wanted.from_stdin
        or has_outputs
    ):
        raise click.UsageError(
            "--update-baseline writes the baseline and shows no findings: it goes with no other output or repair, "
            "and not with standard input"
        )


def opened(wanted: Wanted, config: Config) -> Baseline | None:
    """The baseline that is configured, empty if it is to be written first; None if there is none."""
    if not config.baseline:
        option = next((name for name, on in _options(wanted).items() if on), None)
        if option is not None:
            raise click.UsageError(f"{option} needs --baseline, or `baseline` in the configuration")
        return None
    from racelint.adoption.baseline import BaselineError, read

    path = os.path.abspath(config.baseline)
    try:
        entries = read(read_bytes(path).decode("utf-8"))
    except FileNotFoundError:
        if not wanted.update_baseline:
            message = f"{shown(path)}: there is no such baseline; --update-baseline writes one"
            raise click.ClickException(message) from None
        entries = []
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{shown(path)}: the baseline cannot be read: {error}") from None
    except BaselineError as error:
        raise click.ClickException(f"{shown(path)}: this is no baseline: {error}") from None
    return Baseline(os.path.dirname(path), tuple(entries), wanted, config, path)


def found_in_commit(wanted: Wanted, config: Config, started: float) -> Known:
    """What is found in the same paths of the commit that is named."""
    from racelint.adoption.baseline import entry_of
    from racelint.adoption.commit import CommitError, commit
    from racelint.discovery import discover
    from racelint.run import lint_files

    rev = wanted.new_from or ""
    today, _ = discover(wanted.paths, config)
    try:
        then = commit(rev, wanted.paths, config, {file.path for file in today})
    except CommitError as error:
        raise click.ClickException(f"--new-from: {error}") from None
    report = lint_files(then.files, [], config, started, may_spawn=True, given=then.given, project=then.project)
    if wanted.verbose:
        say(f"{rev}: {len(then.files)} files, {_findings(len(report.findings))}")
    here = os.getcwd()
    return Known(here, tuple(entry_of(finding, here) for finding in report.findings), wanted, config)


def _options(wanted: Wanted) -> dict[str, bool]:
    return {
        "--update-baseline": wanted.update_baseline,
        "--prune-baseline": wanted.prune_baseline,
        "--error-stale-baseline": wanted.error_stale_baseline,
    }


def update(baseline: Baseline, looked: Looked) -> int:
    """Makes the baseline what is found now; what this run did not look at stays in it."""
    from racelint.adoption.baseline import entry_of

    report = looked.report
    compared = baseline.compared(report)
    gone = baseline.stale(report, compared.unmatched)
    those = set(gone)
    kept = [entry for entry in compared.unmatched if entry not in those]
    _write(baseline, [*(entry_of(finding, baseline.folder) for finding in report.findings), *kept])
    if not baseline.wanted.quiet:
        count = len(report.findings) + len(kept)
        say(f"{baseline.name}: {_findings(count)}, {len(compared.new)} of them new; {len(gone)} removed")
    for problem in report.problems:
        say(f"{problem.path}: {problem.message}")
    return status_of(replace(report, findings=()), baseline.wanted)


def tidy(baseline: Baseline, report: Report) -> int:
    """Says which entries are stale, or takes them out; the status of a run in which nothing else is found."""
    wanted = baseline.wanted
    unmatched = baseline.compared(report).unmatched
    gone = baseline.stale(report, unmatched)
    if not gone:
        return CLEAN
    if wanted.prune_baseline:
        left = [*(Counter(baseline.entries) - Counter(gone)).elements()]
        _write(baseline, left)
        if not wanted.quiet:
            say(f"{baseline.name}: {_findings(len(gone))} removed, {len(left)} left")
        return CLEAN
    if wanted.error_stale_baseline:
        for entry in gone:
            one = entry.meaning
            say(f"{baseline.name}: {one.path}: {one.code} in {one.symbol or 'the module'} is no longer found")
    if not wanted.quiet:
        say(f"{baseline.name}: {_findings(len(gone))} no longer found; --prune-baseline removes what is gone")
    return FOUND if wanted.error_stale_baseline and not wanted.exit_zero else CLEAN


def _findings(count: int) -> str:
    return f"{count} finding{'' if count == 1 else 's'}"


def _write(baseline: Baseline, entries: Sequence[Entry]) -> None:
    """Replaces the file if there is something to change."""
    from racelint.adoption.baseline import written

    text = written(entries)
    if text != written(baseline.entries) or not os.path.exists(baseline.path):
        write_file(baseline.path, [text])
