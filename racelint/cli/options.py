"""Values of options: what is written on the command line → what the configuration holds."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

import click

from racelint.cli.completing import a_file, rule_names
from racelint.cli.plainly import listed as split
from racelint.cli.wanted import Output
from racelint.config import OUTPUT_FORMATS, PerFile, nearest
from racelint.finding import Confidence

Command = TypeVar("Command", bound=Callable[..., object])

HELP = {"help_option_names": ["-h", "--help"]}


def jobs_option(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A number of processes, 0 for `auto`."""
    if value is None or value == "auto":
        return None if value is None else 0
    if not (value.isascii() and value.isdigit()):
        raise click.BadParameter(f"`{value}` is neither a number nor `auto`", ctx, param)
    return int(value)


def listed(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> tuple[str, ...] | None:
    """Comma lists and repeated options alike; None if the option was not used."""
    items = split(values)
    if values and not items:
        raise click.BadParameter("is empty", ctx, param)
    return items or None


def per_file(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> PerFile | None:
    """`PATTERN:CODE,PATTERN:CODE`; a code without a pattern belongs to the pattern before it."""
    found: dict[str, list[str]] = {}
    pattern = None
    for item in listed(ctx, param, values) or ():
        before, colon, code = item.rpartition(":")
        pattern = before if colon else pattern
        if not pattern or not code:
            raise click.BadParameter(f"`{item}` is not of the form PATTERN:CODE", ctx, param)
        found.setdefault(pattern, []).append(code)
    return tuple((pattern, tuple(codes)) for pattern, codes in found.items()) or None


def confidence(ctx: click.Context, param: click.Parameter, value: str | None) -> Confidence | None:
    return None if value is None else Confidence(value)


def outputs_option(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> tuple[Output, ...]:
    """`FORMAT:FILE`, `FORMAT:-`, or a file alone; no place may be named twice."""
    outputs = tuple(_output(ctx, param, value) for value in values)
    places = Counter(None if output.path is None else os.path.realpath(output.path) for output in outputs)
    for place, count in places.items():
        if count > 1:
            name = "standard output" if place is None else f"`{place}`"
            raise click.BadParameter(f"{name} can hold one format, and {count} are to go there", ctx, param)
    return outputs


def _output(ctx: click.Context, param: click.Parameter, value: str) -> Output:
    head, colon, file = value.partition(":")
    if colon and head in OUTPUT_FORMATS:
        if not file:
            message = f"`{value}` names no file; write `{head}:FILE`, or `{head}:-` for standard output"
            raise click.BadParameter(message, ctx, param)
        return Output(head, None if file == "-" else file)
    if not colon and value in OUTPUT_FORMATS:
        message = (
            f"`{value}` is a format without a file; write `{value}:FILE` or `{value}:-`, or `./{value}` for a file"
        )
        raise click.BadParameter(message, ctx, param)
    # The drive of a path on Windows is one letter, and a format is no folder.
    if colon and len(head) > 1 and "/" not in head and "\\" not in head:
        message = f"`{head}` is no format{nearest(head, OUTPUT_FORMATS)} (a file of that name is `./{value}`)"
        raise click.BadParameter(message, ctx, param)
    return Output(None, None if value == "-" else value)


def list_option(name: str, metavar: str, text: str) -> Callable[[Command], Command]:
    complete = rule_names if metavar == "CODES" else a_file
    return click.option(name, metavar=metavar, multiple=True, callback=listed, shell_complete=complete, help=text)


def with_options(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    """The command with these options, in their order."""
    for option in reversed(options):
        command = option(command)
    return command


CHOICE_OPTIONS = (
    list_option("--select", "CODES", "Rules to report: codes, beginnings of codes, names, or ALL."),
    list_option("--ignore", "CODES", "Rules to leave out."),
    list_option("--extend-select", "CODES", "Rules to report besides those selected."),
    list_option("--extend-ignore", "CODES", "Rules to leave out besides those ignored."),
    click.option(
        "--per-file-ignores",
        metavar="PATTERN:CODE",
        multiple=True,
        callback=per_file,
        help="Rules to leave out in the files that match a pattern.",
    ),
    click.option(
        "--min-confidence",
        type=click.Choice([confidence.value for confidence in Confidence]),
        callback=confidence,
        help="The least confidence a finding must have to be reported (medium).",
    ),
    list_option("--exclude", "PATTERNS", "Files and directories to leave out, instead of the usual ones."),
    list_option("--extend-exclude", "PATTERNS", "Files and directories to leave out besides."),
    click.option("--force-exclude/--no-force-exclude", default=None, help="Leave out excluded files even if named."),
    click.option(
        "--respect-gitignore/--no-respect-gitignore",
        default=None,
        help="Leave out what git ignores (it is the default).",
    ),
)


def choice_options(command: Command) -> Command:
    """Which rules, confidence and files: the options of whatever looks for races."""
    return with_options(CHOICE_OPTIONS, command)


RUN_OPTIONS = (
    click.option(
        "--config",
        "configs",
        metavar="FILE|KEY=VALUE",
        multiple=True,
        shell_complete=a_file,
        help="A configuration file to use instead of the nearest, or a line of TOML such as `min-confidence = 'low'`.",
    ),
    click.option("--isolated", is_flag=True, help="Read no configuration file."),
    click.option("--no-cache", is_flag=True, help="Analyse everything anew, and keep nothing for the next run."),
    click.option(
        "--cache-dir",
        metavar="DIR",
        envvar="RACELINT_CACHE_DIR",
        type=click.Path(path_type=str, readable=False),
        help="Where to keep what later runs can use (.racelint_cache beside the configuration file).",
    ),
    click.option(
        "-j", "--jobs", metavar="N", callback=jobs_option, help="Processes to use; auto (the default) is one a core."
    ),
)


def run_options(command: Command) -> Command:
    """How to look: configuration and processes."""
    return with_options(RUN_OPTIONS, command)


DRAWING_OPTIONS = (
    click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only."),
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Use colours (auto)."),
)


def drawing_options(command: Command) -> Command:
    """How to draw on a terminal."""
    return with_options(DRAWING_OPTIONS, command)
