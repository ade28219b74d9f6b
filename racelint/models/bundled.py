"""The tables that come with racelint, read as TOML once and as JSON from then on, which takes a twentieth of the time.

What was read is kept where Python keeps the compiled modules of this folder, and only if it keeps them; like them it is good as
long as size and time of each source are the same.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.util import cache_from_source

HERE = os.path.dirname(os.path.realpath(__file__))
KEPT = "tables.json"

Table = dict[str, object]


def tables() -> list[tuple[str, Table]]:
    """The path and the content of each table, by their names. Raises OSError, and ValueError for what is no TOML."""
    names = sorted(name for name in os.listdir(HERE) if name.endswith(".toml"))
    paths = [os.path.join(HERE, name) for name in names]
    state = [[path, status.st_size, status.st_mtime_ns] for path in paths for status in (os.stat(path),)]
    file = os.path.join(os.path.dirname(cache_from_source(os.path.join(HERE, "any.py"))), KEPT)
    found = _kept(file, state)
    if found is None:
        found = [read(path) for path in paths]
        if not sys.dont_write_bytecode:
            _keep(file, [state, found])
    return list(zip(paths, found, strict=True))


def read(path: str) -> Table:
    """A table. Raises OSError, and ValueError for what is no TOML."""
    if sys.version_info >= (3, 11):  # imported here because it is seldom needed
        import tomllib
    else:
        import tomli as tomllib
    with open(path, encoding="utf-8") as file:
        return tomllib.loads(file.read())


def _kept(file: str, state: object) -> list[Table] | None:
    try:
        with open(file, encoding="utf-8") as opened:
            known, found = json.load(opened)
    except (OSError, ValueError, TypeError):  # it is not there, or broken
        return None
    return found if known == state and len(found) == len(known) else None


def _keep(file: str, content: object) -> None:
    new = f"{file}.{os.getpid()}"
    try:
        with open(new, "w", encoding="utf-8") as opened:
            json.dump(content, opened)
        os.replace(new, file)
    except OSError:  # whoever may not write there reads the tables each time
        return
