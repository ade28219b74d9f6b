"""What the files of a project import, remembered by what the system says of each: to find a named file's neighbours, only changed
files are read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

from racelint.cache.store import Cache, is_settled, racelint_itself, state_of
from racelint.context import Reader
from racelint.discovery import File
from racelint.imported import Imported, imported
from racelint.source import read_bytes


def reader(cache: Cache[Any]) -> Reader:
    """As `context.read_imports`, with what the cache knows; what is new is kept there when all have been asked for."""

    def read(files: Iterable[File]) -> Iterator[tuple[File, Imported]]:
        every = list(files)
        known = cache.imports([file.path for file in every])
        us, now = racelint_itself(), time.time_ns()
        fresh: list[tuple[str, str, str]] = []
        for file in every:
            try:
                status = os.stat(file.path)
                state = f"{state_of(status)} {us}"
                old, value = known.get(file.path, (None, None))
                if old == state and isinstance(value, str):
                    yield file, _unpacked(value, status.st_size)
                    continue
                found = imported(read_bytes(file.path))
            except OSError:  # it is reported where it is read for its facts, if it is
                continue
            if is_settled(status, now):
                fresh.append((file.path, state, _packed(found)))
            yield file, found
        if fresh:
            cache.keep_imports(fresh)

    return read


def _packed(found: Imported) -> str:
    """No origin has a space in it."""
    return " ".join(("settings" if found.settings else "", *found.origins))


def _unpacked(value: str, size: int) -> Imported:
    settings, *origins = value.split(" ")
    return Imported(tuple(origins), settings == "settings", size)
