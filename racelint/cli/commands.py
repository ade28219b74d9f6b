"""All commands, as click reads them."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from racelint import __version__
from racelint.cli.checking import check
from racelint.cli.cleaning import clean
from racelint.cli.completing import completions
from racelint.cli.documenting import rule, rules
from racelint.cli.explaining import explain
from racelint.cli.options import HELP
from racelint.cli.output import plain
from racelint.cli.reporting import report
from racelint.cli.reproducing import repro
from racelint.cli.serving import server
from racelint.cli.vendoring import vendor
from racelint.cli.wanted import CLEAN, FAILED


def invoke(arguments: Sequence[str]) -> int:
    """Runs a command and returns the exit status. What is wrong with its use is shown; Ctrl-C is a KeyboardInterrupt."""
    try:
        status = cli.main(list(arguments), prog_name="racelint", standalone_mode=False)
        return status if isinstance(status, int) else CLEAN
    except click.ClickException as error:
        return shown(error)
    except click.Abort:
        raise KeyboardInterrupt from None


def shown(error: click.ClickException) -> int:
    """Shows an error that ends a command."""
    said = _Heard()
    error.show(said)
    sys.stderr.write(plain(said.getvalue()))
    return FAILED


class _Heard(io.StringIO):
    """What click writes, all of it: it leaves out what begins like a colour where no terminal is, and we show it as text."""

    def isatty(self) -> bool:
        """As far as click is concerned."""
        return True


class CheckByDefault(click.Group):
    """`racelint PATH` is `racelint check PATH`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `check` first, unless there is a command or an option of the group itself."""
        if ctx.resilient_parsing and not args:
            return super().parse_args(ctx, args)  # the first word is being completed
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        if not args or (args[0] not in self.commands and args[0] not in own):
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Files, commands, and the options of `check`."""
        inner = check.make_context("check", [], parent=ctx, resilient_parsing=True)
        found = [*super().shell_complete(ctx, incomplete), *check.shell_complete(inner, incomplete)]
        files = [] if incomplete.startswith("-") else [CompletionItem(incomplete, type="file")]
        return [*files, *{item.value: item for item in found}.values()]


@click.group(cls=CheckByDefault, context_settings=HELP)
@click.version_option(__version__, "-V", "--version", message="racelint %(version)s")
def cli() -> None:
    """Finds race conditions in Python source before they run.

    `racelint PATH` is short for `racelint check PATH`; `racelint check --help` lists the options. A path that is named
    like a command is given as `./rule`.
    """


cli.add_command(check)
cli.add_command(clean)
cli.add_command(completions)
cli.add_command(explain)
cli.add_command(report)
cli.add_command(repro)
cli.add_command(rule)
cli.add_command(rules)
cli.add_command(server)
cli.add_command(vendor)
