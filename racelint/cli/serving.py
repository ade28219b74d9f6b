"""The command `racelint server`: the language server for editors."""

from __future__ import annotations

import click

from racelint.cli.options import HELP
from racelint.cli.wanted import CLEAN


@click.command(context_settings=HELP)
@click.option("--stdio", is_flag=True, hidden=True, help="Speak over standard input and output, as it always does.")
def server(stdio: bool) -> int:
    """Serve an editor, by the Language Server Protocol over standard input and output.

    Editors start it themselves: docs/editors.md. It needs the extra `lsp`: pip install 'racelint[lsp]'.
    """
    try:
        from racelint.server.serving import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol", "cattrs", "attrs"):
            raise
        raise click.ClickException(
            f"the server needs `{error.name}`, which comes with an extra: pip install 'racelint[lsp]'"
        ) from None
    serve()
    return CLEAN
