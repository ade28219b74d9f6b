"""The command `racelint clean`: away with what earlier runs kept."""

from __future__ import annotations

import os

import click

from racelint.cli.options import HELP
from racelint.cli.output import print_text


@click.command(context_settings=HELP)
@click.option(
    "--cache-dir",
    metavar="DIR",
    envvar="RACELINT_CACHE_DIR",
    type=click.Path(path_type=str, readable=False),
    help="The cache to remove (.racelint_cache beside the configuration file).",
)
def clean(cache_dir: str | None) -> int:
    """Remove the cache of this project."""
    from racelint.cache import cache_folder
    from racelint.cache import clean as remove
    from racelint.config import ConfigError
    from racelint.config_files import load_config
    from racelint.rules import RULES

    try:
        folder = cache_folder(load_config(os.getcwd(), RULES, []).root, cache_dir or "")
        removed = remove(folder)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    except ValueError as error:
        raise click.ClickException(f"{error}; nothing was removed") from None
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be removed: {error.strerror}") from None
    return print_text(f"{folder} was removed\n" if removed else f"there is no cache in {os.path.dirname(folder)}\n")
