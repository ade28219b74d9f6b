"""The command line: arguments → `Config` → run → reporter → exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from racelint import __version__
from racelint.cli.wanted import FAILED, INTERRUPTED
from racelint.lighter import claim_process


def run(arguments: Sequence[str]) -> int:
    """Runs the command line and returns the exit status. Errors are printed, never raised."""
    _open_closed()
    claim_process()
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("racelint: interrupted\n")
        # The thread that was working is left behind; the usual way out would wait for what it runs in native code.
        sys.stdout.flush()
        os._exit(INTERRUPTED)
    except Exception:
        import traceback

        from racelint.cli.output import plain

        sys.stderr.write(plain(traceback.format_exc()))
        sys.stderr.write(f"racelint {__version__}: internal error; please report it with the lines above\n")
    return FAILED


def _run(arguments: Sequence[str]) -> int:
    from racelint.cli.plainly import asked_of

    asked = asked_of(arguments)
    if asked is None:
        from racelint.cli.commands import invoke

        return invoke(arguments)
    from racelint.cli.doing import checked, configured

    try:
        return checked(asked.wanted, configured(asked))
    except KeyboardInterrupt:
        sys.stderr.write("\n")  # behind the ^C of the terminal
        raise
    except Exception as error:
        click = sys.modules.get("click")
        if click is None or not isinstance(error, click.ClickException):
            raise
        from racelint.cli.commands import shown

        return shown(error)


def _open_closed() -> None:
    """Output that the caller has closed (`>&-`) goes nowhere; the status tells."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
