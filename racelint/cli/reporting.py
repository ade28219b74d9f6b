"""The command `racelint report`: what was found, as a page for a browser."""

from __future__ import annotations

import click

from racelint.cli.checking import check
from racelint.cli.options import HELP, choice_options, run_options
from racelint.cli.output import say
from racelint.cli.wanted import FAILED, Output


@click.command(context_settings=HELP)
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path(path_type=str))
@click.option(
    "-o",
    "--output-file",
    metavar="FILE",
    default="racelint-report.html",
    show_default=True,
    type=click.Path(),
    help="Where to write the page; `-` is standard output.",
)
@choice_options
@run_options
@click.option("-q", "--quiet", is_flag=True, help="Do not say where the page is.")
@click.pass_context
def report(ctx: click.Context, /, paths: tuple[str, ...], output_file: str, quiet: bool, **chosen: object) -> int:
    """Write what is found as one HTML page.

    It needs no network and can be sent as it is. The exit status is 0 whatever is found.
    """
    output = Output("html", None if output_file == "-" else output_file)
    status = ctx.invoke(check, paths=paths, outputs=(output,), exit_zero=True, quiet=quiet, **chosen)
    assert isinstance(status, int)
    if output.path is not None and status != FAILED and not quiet:
        say(f"the report is in {output.path}")
    return status
