"""The command `racelint vendor`: the helpers, copied into a project that wants no new dependency in production."""

from __future__ import annotations

import os
from pathlib import Path

import click

from racelint import __version__
from racelint.cli.options import HELP
from racelint.cli.output import print_text
from racelint.source import VENDORED

PACKAGE = "racelint.runtime"


@click.command(context_settings=HELP)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--as", "name", metavar="MODULE", help="What the project imports DIR as; else the packages above it tell."
)
def vendor(folder: Path, name: str | None) -> int:
    """Copy the helpers of `racelint.runtime` to DIR, and say how fixes find them there."""
    name = name or module_name(folder)
    if not all(part.isidentifier() for part in name.split(".")):
        raise click.UsageError(f"`{name}` cannot be imported; name DIR differently, or say --as MODULE")
    copies = {path: copied(path.read_text(encoding="utf-8"), name) for path in sorted(sources())}
    foreign = [target for path in copies if (target := folder / path.relative_to(home())).exists() and not ours(target)]
    if foreign:
        raise click.ClickException(
            f"{foreign[0]} is there already and was not put there by racelint; nothing was written"
        )
    try:
        for path, text in copies.items():
            target = folder / path.relative_to(home())
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be written: {error.strerror}") from None
    return print_text(
        f'{len(copies)} files copied to {folder}; for fixes, configure\n\n    runtime-module = "{name}"\n'
    )


def home() -> Path:
    """The folder of the helpers."""
    return Path(__file__).parent.parent / "runtime"


def sources() -> list[Path]:
    """The files of the helpers."""
    return [path for path in home().rglob("*") if path.suffix in (".py", ".lua", ".sql") or path.name == "py.typed"]


def copied(text: str, name: str) -> str:
    """A file as it stands in the project: it says where it is from, and imports its neighbours there."""
    head = f"{VENDORED} {__version__} (MIT licence) by `racelint vendor`, which overwrites changes.\n"
    return head + text.replace(PACKAGE, name) if text else head


def ours(path: Path) -> bool:
    """Whether an earlier `vendor` has put a file there."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.readline().startswith(VENDORED)


def module_name(folder: Path) -> str:
    """What a folder is imported as: its name behind those of the packages that it is in."""
    folder = Path(os.path.abspath(folder))
    parts = [folder.name]
    for above in folder.parents:
        if not (above / "__init__.py").is_file():
            break
        parts.insert(0, above.name)
    return ".".join(parts)
