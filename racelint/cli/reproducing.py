"""The command `racelint repro`: a test that drives a finding's code into the bad order."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from racelint.cli.options import HELP
from racelint.cli.output import print_text, say, write_file
from racelint.cli.wanted import CLEAN


@click.command(context_settings=HELP)
@click.argument("place", metavar="PATH:LINE")
@click.option("-o", "--output-file", metavar="FILE", type=click.Path(), help="Write the test to a new file.")
@click.option("--code", metavar="CODE", help="Which finding of the line, by its rule's code or name.")
def repro(place: str, output_file: str | None, code: str | None) -> int:
    """Write a pytest test that makes a race happen.

    It is written from the finding at PATH:LINE, of whatever confidence. Nothing of the code is run before you run the test.
    What cannot be guessed is marked `TODO(you)`, and the test fails until it is filled in.
    """
    from racelint.cli.placed import findings_at, place_of
    from racelint.finding import Problem
    from racelint.repro import write_repro
    from racelint.source import read_source

    path, line = place_of(place)
    there = findings_at(path, line)
    chosen = [finding for finding in there if code is None or code.lower() in (finding.code.lower(), finding.name)]
    if not chosen:
        raise click.ClickException(f"`{code}` is not found on line {line}; {', '.join(one.code for one in there)} is")
    source = read_source(path)
    if isinstance(source, Problem):
        raise click.ClickException(f"{source.path}: {source.message}")
    module, root = module_of(Path(path))
    written = write_repro(chosen[0], source, module, f"racelint repro {path}:{chosen[0].line}")
    if output_file is None:
        print_text(written.text)
    elif os.path.exists(output_file):
        raise click.ClickException(f"{output_file} exists, and what you filled in there is not overwritten")
    else:
        write_file(output_file, [written.text])
    for what in written.missing:
        say(f"to be filled in: {what}")
    if output_file is not None:
        way = "" if root == Path.cwd() else f"PYTHONPATH={shlex.quote(os.path.relpath(root))} "
        say(f"run it by: {way}python -m pytest {shlex.quote(output_file)}")
    return CLEAN


def module_of(path: Path) -> tuple[str, Path]:
    """The dotted name that a file is imported by, and the folder from which."""
    path = path.absolute()
    names = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").exists():
        names.insert(0, folder.name)
        folder = folder.parent
    if not names or not all(name.isidentifier() for name in names):
        raise click.ClickException(f"{path} cannot be imported by its name, so no test can be written for it")
    return ".".join(names), folder
