"""The paths of the command line, or standard input → what is found there."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from racelint.cli.failing import failure
from racelint.cli.output import say
from racelint.cli.wanted import Wanted
from racelint.config import Config
from racelint.finding import Problem
from racelint.frozen import dataclass
from racelint.source import Source, decode, read_bytes, read_source, shown, unreadable

if TYPE_CHECKING:
    from racelint.cache import Cache
    from racelint.fix import Lint, Original, Read
    from racelint.run import Report


Lines = Callable[[str], Sequence[str] | None]
"""The lines of a path as it is shown, without their ends."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, and how to look again."""

    report: Report
    lines: Lines
    original: Read
    again: Lint
    near: Lint
    """As `again`, but what was found in files that have not been changed is taken as it was."""
    stdin: bytes | None = None
    """What was read from standard input."""


def look_at_files(wanted: Wanted, config: Config, started: float) -> Looked:
    """What is found in the paths."""
    from racelint.discovery import discover
    from racelint.run import Memory, lint_files

    files, problems = discover(wanted.paths, config)
    if wanted.verbose:
        say(f"configuration: {config.file or 'none'}")
        say(f"{len(files)} files found in {time.perf_counter() - started:.2f} s")
    if not files and not problems and not wanted.quiet and not config.force_exclude:
        say("there are no Python files under these paths")
    paths = {file.shown: file.path for file in files}
    outside = {file.shown for file in files if not file.named and _leads_out(file.path, wanted.paths)}

    def lint(given: Mapping[str, Source], memory: Memory) -> Report:
        progress = ProgressLine(started, shown=sys.stderr.isatty() and not wanted.quiet)
        if cache is None or given or memory is not kept or wanted.verbose:  # near misses are not kept
            report = lint_files(
                files,
                problems,
                config,
                started,
                may_spawn=True,
                progress=progress,
                given=given,
                memory=memory,
                near_misses=wanted.verbose,
            )
        else:
            from racelint.remembered import lint_remembered

            report = lint_remembered(
                files, problems, config, started, cache, memory, whole=not wanted.fix, progress=progress
            )
        progress.clear()
        if cache is not None and cache.damaged and not wanted.quiet:
            say(f"{cache.path} was damaged; it is made anew")
        return report

    kept = Memory(with_given=True)
    cache = open_cache(wanted, config)

    def original(name: str) -> Original | Problem:
        from racelint.fix import decoded

        if name in outside:
            return Problem(name, 1, "it is a link to a file outside of what was to be looked at; name it to repair it")
        try:
            return decoded(paths[name], read_bytes(paths[name]), name)
        except OSError as error:
            return Problem(name, 1, unreadable(error))

    return Looked(
        lint({}, kept),
        lambda name: lines_of(read_source(paths[name])) if name in paths else None,
        original,
        lambda given: lint(given, kept.without_findings()),
        lambda given: lint(given, kept),
    )


def _leads_out(path: str, tops: Sequence[str]) -> bool:
    """Whether a file that was found is a link to one outside of the paths: a repository of somebody else may have one."""
    if not os.path.islink(path):
        return False
    real = os.path.realpath(path)
    return not any(os.path.join(real, "").startswith(os.path.join(os.path.realpath(top), "")) for top in tops)


def open_cache(wanted: Wanted, config: Config) -> Cache[Report] | None:
    """The cache, if it is wanted and can be had."""
    if wanted.no_cache:
        return None
    from racelint.cache import cache_folder, opened
    from racelint.run import Report

    folder = cache_folder(config.root, wanted.cache_dir)
    cache = opened(folder, Report)
    if cache is None and wanted.verbose:
        say(f"{folder} cannot be used as a cache; everything is done anew")
    return cache


def look_at_stdin(wanted: Wanted, config: Config, started: float) -> Looked:
    """What is found in standard input."""
    from racelint.discovery import Excluded, File
    from racelint.run import Report, lint_files

    name = wanted.stdin_filename or "<stdin>"
    file = File(os.path.abspath(name), shown(name))
    if sys.stdin is None:
        raise failure("standard input is closed")
    data = sys.stdin.buffer.read()
    source = decode(data, file.shown)

    def lint(given: Mapping[str, Source]) -> Report:
        if wanted.stdin_filename and config.force_exclude and Excluded(config).with_parents(file.path):
            return Report((), (), 0, 0.0)
        if isinstance(source, Problem):
            return Report((), (source,), 1, time.perf_counter() - started)
        given = {file.path: source, **given}
        return lint_files([file], [], config, started, given=given, near_misses=wanted.verbose)

    def original(name: str) -> Original | Problem:
        from racelint.fix import Original

        return source if isinstance(source, Problem) else Original(file.path, data, source)

    return Looked(lint({}), lambda name: lines_of(source), original, lint, lint, data)


def lines_of(source: Source | Problem) -> list[str] | None:
    return None if isinstance(source, Problem) else [line.removesuffix("\n") for line in source.lines]


class ProgressLine:
    """A line on stderr that says how far a run is; there is none before two seconds have passed."""

    PATIENCE = 2.0
    INTERVAL = 0.1

    def __init__(self, started: float, *, shown: bool) -> None:
        """`started` is by `time.perf_counter`."""
        self._shown = shown
        self._next = started + self.PATIENCE
        self._drawn = False

    def __call__(self, done: int, total: int) -> None:
        """Draws the line anew if it is time to."""
        now = time.perf_counter()
        if self._shown and now >= self._next:
            sys.stderr.write(f"\rracelint: {100 * done // max(total, 1)} %")
            sys.stderr.flush()
            self._next, self._drawn = now + self.INTERVAL, True

    def clear(self) -> None:
        """Takes the line away."""
        if self._drawn:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
