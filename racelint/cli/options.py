"""Values of options: what is written on the command line → what the configuration holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import click

from racelint.config import PerFile
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
    items = tuple(item.strip() for value in values for item in value.split(",") if item.strip())
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


def list_option(name: str, metavar: str, text: str) -> Callable[[Command], Command]:
    return click.option(name, metavar=metavar, multiple=True, callback=listed, help=text)
