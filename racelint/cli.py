"""The command line: arguments → `Config` → run → reporter → exit status."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from enum import Enum
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

import click

from racelint import __version__
from racelint.config import (
    OPTIONS,
    OUTPUT_FORMATS,
    Config,
    ConfigError,
    Layer,
    PerFile,
    anchor,
    anchored,
    config_from,
    enabled_rules,
    inline_layer,
    load_config,
    nearest,
)
from racelint.finding import Confidence, Problem
from racelint.source import Source, decode, read_bytes, read_source, shown, unreadable

if TYPE_CHECKING:
    from racelint.fix import Lint, Original, Read, Repair
    from racelint.run import Report

CLEAN, FOUND, FAILED, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses: nothing found; findings, or files that could not be parsed; wrong usage, a named path that cannot be
read, or a mistake of racelint; Ctrl-C."""


def run(arguments: Sequence[str]) -> int:
    """Runs the command line and returns the exit status. Errors are printed, never raised."""
    try:
        status = cli.main(list(arguments), prog_name="racelint", standalone_mode=False)
        return status if isinstance(status, int) else CLEAN
    except click.ClickException as error:
        error.show()
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("racelint: interrupted\n")
        # The thread that was working is left behind; the usual way out would wait for what it runs in native code.
        sys.stdout.flush()
        os._exit(INTERRUPTED)
    except Exception:
        traceback.print_exc()
        sys.stderr.write(f"racelint {__version__}: internal error; please report it with the lines above\n")
    return FAILED


# The options


class CheckByDefault(click.Group):
    """`racelint PATH` is `racelint check PATH`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `check` first, unless there is a command or an option of the group itself."""
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        if not args or (args[0] not in self.commands and args[0] not in own):
            args = ["check", *args]
        return super().parse_args(ctx, args)


def _jobs(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A number of processes, 0 for `auto`."""
    if value is None or value == "auto":
        return None if value is None else 0
    if not (value.isascii() and value.isdigit()):
        raise click.BadParameter(f"`{value}` is neither a number nor `auto`", ctx, param)
    return int(value)


def _listed(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> tuple[str, ...] | None:
    """Comma lists and repeated options alike; None if the option was not used."""
    items = tuple(item.strip() for value in values for item in value.split(",") if item.strip())
    if values and not items:
        raise click.BadParameter("is empty", ctx, param)
    return items or None


def _per_file(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> PerFile | None:
    """`PATTERN:CODE,PATTERN:CODE`; a code without a pattern belongs to the pattern before it."""
    found: dict[str, list[str]] = {}
    pattern = None
    for item in _listed(ctx, param, values) or ():
        before, colon, code = item.rpartition(":")
        pattern = before if colon else pattern
        if not pattern or not code:
            raise click.BadParameter(f"`{item}` is not of the form PATTERN:CODE", ctx, param)
        found.setdefault(pattern, []).append(code)
    return tuple((pattern, tuple(codes)) for pattern, codes in found.items()) or None


def _confidence(ctx: click.Context, param: click.Parameter, value: str | None) -> Confidence | None:
    return None if value is None else Confidence(value)


Command = TypeVar("Command", bound=Callable[..., object])


def _list_option(name: str, metavar: str, text: str) -> Callable[[Command], Command]:
    return click.option(name, metavar=metavar, multiple=True, callback=_listed, help=text)


HELP = {"help_option_names": ["-h", "--help"]}


@click.group(cls=CheckByDefault, context_settings=HELP)
@click.version_option(__version__, "-V", "--version", message="racelint %(version)s")
def cli() -> None:
    """Finds race conditions in Python source before they run.

    `racelint PATH` is short for `racelint check PATH`; `racelint check --help` lists the options. A path that is named
    like a command is given as `./rule`.
    """


@cli.command(context_settings=HELP)
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path(path_type=str))
@_list_option("--select", "CODES", "Rules to report: codes, beginnings of codes, names, or ALL.")
@_list_option("--ignore", "CODES", "Rules to leave out.")
@_list_option("--extend-select", "CODES", "Rules to report besides those selected.")
@_list_option("--extend-ignore", "CODES", "Rules to leave out besides those ignored.")
@click.option(
    "--per-file-ignores",
    metavar="PATTERN:CODE",
    multiple=True,
    callback=_per_file,
    help="Rules to leave out in the files that match a pattern.",
)
@click.option(
    "--min-confidence",
    type=click.Choice([confidence.value for confidence in Confidence]),
    callback=_confidence,
    help="The least confidence a finding must have to be reported (medium).",
)
@_list_option("--exclude", "PATTERNS", "Files and directories to leave out, instead of the usual ones.")
@_list_option("--extend-exclude", "PATTERNS", "Files and directories to leave out besides.")
@click.option("--force-exclude/--no-force-exclude", default=None, help="Leave out excluded files even if named.")
@click.option(
    "--respect-gitignore/--no-respect-gitignore", default=None, help="Leave out what git ignores (it is the default)."
)
@click.option(
    "--fix",
    is_flag=True,
    help="Repair what can be repaired safely, and report the rest. So far that is comments that silence nothing (RL901).",
)
@click.option("--diff", is_flag=True, help="Show what --fix would change instead of findings, and change nothing.")
@click.option("--output-format", type=click.Choice(OUTPUT_FORMATS), help="How to show the findings (full).")
@click.option("-o", "--output-file", metavar="FILE", type=click.Path(), help="Write the findings to a file.")
@click.option(
    "--config",
    "configs",
    metavar="FILE|KEY=VALUE",
    multiple=True,
    help="A configuration file to use instead of the nearest, or a line of TOML such as `min-confidence = 'low'`.",
)
@click.option("--isolated", is_flag=True, help="Read no configuration file.")
@click.option("--no-cache", is_flag=True, help="Analyse everything anew. So far every run does: nothing is cached.")
@click.option("-j", "--jobs", metavar="N", callback=_jobs, help="Processes to use; auto (the default) is one a core.")
@click.option("--stdin-filename", metavar="FILE", help="What to call standard input, when `-` is read.")
@click.option("--statistics", is_flag=True, help="Show how often each rule was broken instead of the findings.")
@click.option("--show-files", is_flag=True, help="List the files that would be checked, and stop.")
@click.option("--show-settings", is_flag=True, help="Show the configuration that would be used, and stop.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if something is found.")
@click.option("-q", "--quiet", is_flag=True, help="Print findings only: no summary, no progress, no warnings.")
@click.option("-v", "--verbose", is_flag=True, help="Say on stderr what is read and how long it takes.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Use colours (auto).")
def check(
    paths: tuple[str, ...],
    select: tuple[str, ...] | None,
    ignore: tuple[str, ...] | None,
    extend_select: tuple[str, ...] | None,
    extend_ignore: tuple[str, ...] | None,
    per_file_ignores: PerFile | None,
    min_confidence: Confidence | None,
    exclude: tuple[str, ...] | None,
    extend_exclude: tuple[str, ...] | None,
    force_exclude: bool | None,
    respect_gitignore: bool | None,
    fix: bool,
    diff: bool,
    output_format: str | None,
    output_file: str | None,
    configs: tuple[str, ...],
    isolated: bool,
    no_cache: bool,
    jobs: int | None,
    stdin_filename: str | None,
    statistics: bool,
    show_files: bool,
    show_settings: bool,
    exit_zero: bool,
    quiet: bool,
    verbose: bool,
    color: str,
) -> int:
    """Find races in files and directories (the current one, if none is given; `-` is standard input)."""
    here = os.getcwd()
    said = Layer(
        where=OPTIONS,
        select=select,
        ignore=ignore,
        extend_select=extend_select,
        extend_ignore=extend_ignore,
        per_file_ignores=per_file_ignores
        and tuple((anchor(pattern, here), codes) for pattern, codes in per_file_ignores),
        min_confidence=min_confidence,
        exclude=anchored(exclude, here),
        extend_exclude=anchored(extend_exclude, here),
        force_exclude=force_exclude,
        respect_gitignore=respect_gitignore,
        output_format=output_format,
        jobs=jobs,
    )
    if "-" in paths and len(paths) > 1:
        raise click.UsageError("`-`, standard input, cannot be mixed with other paths")
    if stdin_filename and paths != ("-",):
        raise click.UsageError("--stdin-filename names standard input: it needs `-` as the path")
    wanted = Wanted(
        paths=paths or (".",),
        stdin_filename=stdin_filename,
        fix=fix,
        diff=diff,
        output_file=output_file,
        statistics=statistics,
        exit_zero=exit_zero,
        quiet=quiet,
        verbose=verbose,
        color=color,
    )
    if diff and (statistics or output_file is not None):
        raise click.UsageError("--diff shows changes, not findings: it takes neither --statistics nor --output-file")
    config = _config(wanted, configs, said, isolated)
    if statistics and config.output_format == "json":
        raise click.UsageError("--statistics is a text; it cannot be had as JSON")
    if show_settings:
        return _print(_settings(config))
    if show_files:
        return _show_files(wanted, config)
    return _check(wanted, config)


@cli.command(context_settings=HELP)
@click.argument("name", required=False, metavar="[CODE|NAME]")
@click.option("--all", "every", is_flag=True, help="Explain every rule.")
def rule(name: str | None, every: bool) -> int:
    """Explain a rule."""
    from racelint.explain import rule_text
    from racelint.rules import RULES

    if every == (name is not None):
        raise click.UsageError("name one rule, or ask for --all; `racelint rules` lists them")
    chosen = [one for one in RULES if every or name in (one.code, one.name)]
    chosen = chosen or [one for one in RULES if name and name.lower() in (one.code.lower(), one.name)]
    if not chosen:
        known = [known for one in RULES for known in (one.code, one.name)]
        raise click.UsageError(f"`{name}` is no rule{nearest(name or '', known)}")
    return _print("\n".join(rule_text(one) for one in chosen))


@cli.command(context_settings=HELP)
def rules() -> int:
    """List the rules."""
    from racelint.explain import rules_table
    from racelint.rules import RULES

    return _print(rules_table(RULES))


# What they do


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says besides the configuration."""

    paths: tuple[str, ...]
    stdin_filename: str | None
    fix: bool
    diff: bool
    output_file: str | None
    statistics: bool
    exit_zero: bool
    quiet: bool
    verbose: bool
    color: str

    @property
    def from_stdin(self) -> bool:
        """Whether standard input is what is checked."""
        return self.paths == ("-",)

    @property
    def start(self) -> Path:
        """The directory from which the nearest configuration is looked for: what all paths have in common."""
        if self.from_stdin:
            return Path(os.path.abspath(self.stdin_filename or ".")).parent if self.stdin_filename else Path.cwd()
        return Path(os.path.commonpath([os.path.abspath(path) for path in self.paths]))


def _config(wanted: Wanted, configs: Sequence[str], said: Layer, isolated: bool) -> Config:
    from racelint.rules import RULES

    inline = [config for config in configs if "=" in config and not os.path.isfile(config)]
    files = [config for config in configs if config not in inline]
    if len(files) > 1:
        raise click.UsageError("--config names one file at most")
    if files and isolated:
        raise click.UsageError("--isolated reads no configuration file, but --config names one")
    try:
        layers = [*map(inline_layer, inline), said]
        if files:
            return config_from(Path(files[0]), RULES, layers)
        return load_config(wanted.start, RULES, layers, isolated=isolated)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, and how to look again."""

    report: Report
    lines: Lines
    original: Read
    again: Lint
    stdin: bytes | None = None
    """What was read from standard input."""


def _check(wanted: Wanted, config: Config) -> int:
    from racelint.models.loader import ModelError

    started = time.perf_counter()
    try:
        looked = _stdin(wanted, config, started) if wanted.from_stdin else _files(wanted, config, started)
        if wanted.diff:
            return _diff(wanted, looked)
        if wanted.fix:
            return _fix(wanted, looked, config)
    except ModelError as error:
        raise click.ClickException(str(error)) from None
    return _report(wanted, looked, config)


def _report(wanted: Wanted, looked: Looked, config: Config, fixed: int | None = None) -> int:
    """Shows what was found; `fixed` is as in the reporters' options."""
    from racelint.report import REPORTERS, Options, drawable
    from racelint.report import statistics as count

    report = looked.report
    out = sys.stderr if wanted.fix and wanted.from_stdin else sys.stdout  # where the repaired text goes
    if wanted.verbose:
        _say(f"{report.files} files in {report.seconds:.2f} s")
    to_file = wanted.output_file is not None
    options = Options(
        color=_has_color(wanted, out),
        width=shutil.get_terminal_size((100, 24)).columns if not to_file and out.isatty() else 100,
        ascii=not to_file and not drawable(out.encoding),
        quiet=wanted.quiet,
        fixed=fixed,
        read=looked.lines,
    )
    if fixed and not wanted.quiet and (wanted.statistics or config.output_format != "full"):
        _say(f"{fixed} finding{'s' if fixed > 1 else ''} fixed")
    pieces = count(report) if wanted.statistics else REPORTERS[config.output_format](report, options)
    if wanted.output_file is not None:
        _write_file(wanted.output_file, pieces)
    else:
        _write(pieces, out)
    return _status(report, wanted)


def _diff(wanted: Wanted, looked: Looked) -> int:
    """Shows what would be repaired."""
    from racelint.fix import repair, unified_diff

    done = repair(looked.report, looked.original, looked.again)
    for problem in done.report.problems:
        _say(f"{problem.path}: {problem.message}")
    for unfixed in done.unfixed:
        _say(f"{unfixed.path}: not fixed: {unfixed.reason}")
    _write_bytes(
        b"".join(
            unified_diff(_inside(one.original.path), one.original.data, one.data)
            for one in sorted(done.repairs, key=lambda one: one.original.path)
        )
    )
    count = sum(len(one.findings) for one in done.repairs)
    if count and not wanted.quiet:
        _say(f"--fix would repair {count} finding{'s' if count > 1 else ''}")
    status = _status(replace(done.report, findings=()), wanted)
    return FOUND if count and status == CLEAN and not wanted.exit_zero else status


def _inside(path: str) -> str:
    """The real path of a file, for git takes no patch through a link; relative to the current directory if inside."""
    return os.path.realpath(path).removeprefix(os.path.realpath(os.getcwd()).rstrip(os.sep) + os.sep)


def _fix(wanted: Wanted, looked: Looked, config: Config) -> int:
    """Repairs, and shows what is left."""
    from racelint.fix import repair

    done = repair(looked.report, looked.original, looked.again)
    for unfixed in done.unfixed:
        _say(f"{unfixed.path}: not fixed: {unfixed.reason}")
    if looked.stdin is not None:
        data = done.repairs[0].data if done.repairs else looked.stdin
        _write_bytes(data)
        left = replace(looked, report=done.report, lines=lambda name: _lines(decode(data, name)))
        return _report(wanted, left, config, sum(len(one.findings) for one in done.repairs))
    statuses = {one.original.path: _replace(one) for one in done.repairs}
    written = [one for one in done.repairs if statuses[one.original.path] is None]
    if wanted.verbose:
        for one in written:
            for finding in one.findings:
                _say(f"{finding.path}:{finding.line}: {finding.code} fixed")
    report = done.report if len(written) == len(statuses) else looked.again({})
    status = _report(wanted, replace(looked, report=report), config, sum(len(one.findings) for one in written))
    return FAILED if FAILED in statuses.values() else status


def _replace(one: Repair) -> int | None:
    """Writes a file; the status of a run in which it was not written."""
    from racelint.fix import Changed, replace_file

    name = one.original.source.path
    try:
        replace_file(one.original.path, one.original.data, one.data)
    except Changed:
        _say(f"{name}: not fixed: it has been changed since it was read; run racelint again")
        return FOUND
    except OSError as error:
        _say(f"{name}: not fixed: it cannot be written: {error.strerror}; it is as it was")
        return FAILED
    return None


def _status(report: Report, wanted: Wanted) -> int:
    if report.internal_errors or any(problem.named for problem in report.problems):
        return FAILED
    return FOUND if (report.findings or report.problems) and not wanted.exit_zero else CLEAN


def _files(wanted: Wanted, config: Config, started: float) -> Looked:
    """What is found in the paths."""
    from racelint.discovery import discover
    from racelint.run import lint_files

    files, problems = discover(wanted.paths, config)
    if wanted.verbose:
        _say(f"configuration: {config.file or 'none'}")
        _say(f"{len(files)} files found in {time.perf_counter() - started:.2f} s")
    if not files and not problems and not wanted.quiet and not config.force_exclude:
        _say("there are no Python files under these paths")
    paths = {file.shown: file.path for file in files}

    def lint(given: Mapping[str, Source]) -> Report:
        progress = ProgressLine(started, shown=sys.stderr.isatty() and not wanted.quiet)
        report = lint_files(files, problems, config, started, may_spawn=True, progress=progress, given=given)
        progress.clear()
        return report

    def original(name: str) -> Original | Problem:
        from racelint.fix import decoded

        try:
            return decoded(paths[name], read_bytes(paths[name]), name)
        except OSError as error:
            return Problem(name, 1, unreadable(error))

    return Looked(lint({}), lambda name: _lines(read_source(paths[name])) if name in paths else None, original, lint)


def _stdin(wanted: Wanted, config: Config, started: float) -> Looked:
    """What is found in standard input."""
    from racelint.discovery import Excluded, File
    from racelint.run import Report, lint_files

    name = wanted.stdin_filename or "<stdin>"
    file = File(os.path.abspath(name), shown(name))
    data = sys.stdin.buffer.read()
    source = decode(data, file.shown)

    def lint(given: Mapping[str, Source]) -> Report:
        if wanted.stdin_filename and config.force_exclude and Excluded(config).with_parents(file.path):
            return Report((), (), 0, 0.0)
        if isinstance(source, Problem):
            return Report((), (source,), 1, time.perf_counter() - started)
        return lint_files([file], [], config, started, given={file.path: source, **given})

    def original(name: str) -> Original | Problem:
        from racelint.fix import Original

        return source if isinstance(source, Problem) else Original(file.path, data, source)

    return Looked(lint({}), lambda name: _lines(source), original, lint, data)


def _show_files(wanted: Wanted, config: Config) -> int:
    from racelint.discovery import discover

    files, problems = discover(wanted.paths, config)
    for problem in problems:
        _say(f"{problem.path}: {problem.message}")
    _print("".join(f"{file.shown}\n" for file in files))
    return FAILED if any(problem.named for problem in problems) else CLEAN


def _settings(config: Config) -> str:
    """The configuration as the TOML that would give it, and the rules that are on."""
    from racelint.rules import RULES

    lines = [f"# from {config.file or 'the defaults'}; patterns are relative to {config.root or os.getcwd()}"]
    for field in fields(config):
        if field.name not in ("root", "file"):
            lines.append(f"{field.name.replace('_', '-')} = {_toml(getattr(config, field.name))}")
    on = [f"{rule.code} {rule.name}" for rule in enabled_rules(config, RULES)]
    return "\n".join([*lines, "# rules that are on", *(f"#   {name}" for name in on), ""])


def _toml(value: object) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return "{ " + ", ".join(f"{json.dumps(pattern)} = {json.dumps(codes)}" for pattern, codes in value) + " }"
    return json.dumps(value)


# What is written


Lines = Callable[[str], Sequence[str] | None]
"""The lines of a path as it is shown, without their ends."""


def _lines(source: Source | Problem) -> list[str] | None:
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


def _has_color(wanted: Wanted, out: TextIO) -> bool:
    """As asked for; else NO_COLOR, then FORCE_COLOR, then whether it goes to a terminal."""
    if wanted.color != "auto":
        return wanted.color == "always"
    if os.environ.get("NO_COLOR") or wanted.output_file is not None:
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (out.isatty() and os.environ.get("TERM") != "dumb")


def _say(message: str) -> None:
    sys.stderr.write(f"racelint: {message}\n")


def _print(text: str) -> int:
    _write([text])
    return CLEAN


def _write(pieces: Iterable[str], out: TextIO | None = None) -> None:
    """Text for standard output, or another stream."""
    out = out or sys.stdout
    if isinstance(out, TextIOWrapper):
        out.reconfigure(errors="backslashreplace")
    with _leaving(out):
        for piece in pieces:
            out.write(piece)
        out.flush()


def _write_bytes(data: bytes) -> None:
    """Bytes for standard output: text in the encoding of a file that was read."""
    with _leaving(sys.stdout):
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@contextmanager
def _leaving(out: TextIO) -> Iterator[None]:
    """If the reader of a stream has gone (`| head`), the rest is left out quietly."""
    try:
        yield
    except BrokenPipeError:
        # Python flushes once more when it exits, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        raise click.ClickException(f"standard output cannot be written: {error.strerror}") from None


def _write_file(path: str, pieces: Iterable[str]) -> None:
    """Replaces the file in one step, so that nobody reads a half of it; what is no regular file is written to."""
    target = os.path.realpath(path)
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "w", encoding="utf-8") as file:
                file.writelines(pieces)
            return
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", dir=os.path.dirname(target), prefix=".", delete=False
        ) as temporary:
            try:
                temporary.writelines(pieces)
                temporary.close()
                os.chmod(temporary.name, _mode(target))
                os.replace(temporary.name, target)
            except BaseException:
                os.unlink(temporary.name)
                raise
    except OSError as error:
        raise click.ClickException(f"{shown(path)} cannot be written: {error.strerror}") from None


def _mode(path: str) -> int:
    """The permissions of the file, or those a new one would get."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
