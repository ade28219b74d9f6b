"""The command line: arguments → `Config` → run → reporter → exit status."""

from __future__ import annotations

import io
import os
import sys
import traceback
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
from racelint.cli.wanted import CLEAN, FAILED, INTERRUPTED
from racelint.lighter import claim_process


def run(arguments: Sequence[str]) -> int:
    """Runs the command line and returns the exit status. Errors are printed, never raised."""
    _open_closed()
    claim_process()
    try:
        status = cli.main(list(arguments), prog_name="racelint", standalone_mode=False)
        return status if isinstance(status, int) else CLEAN
    except click.ClickException as error:
        said = _Heard()
        error.show(said)
        sys.stderr.write(plain(said.getvalue()))
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("racelint: interrupted\n")
        # The thread that was working is left behind; the usual way out would wait for what it runs in native code.
        sys.stdout.flush()
        os._exit(INTERRUPTED)
    except Exception:
        sys.stderr.write(plain(traceback.format_exc()))
        sys.stderr.write(f"racelint {__version__}: internal error; please report it with the lines above\n")
    return FAILED


def _open_closed() -> None:
    """Output that the caller has closed (`>&-`) goes nowhere; the status tells."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


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
