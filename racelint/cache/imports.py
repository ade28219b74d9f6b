"""What the files of a project import, remembered by what the system says of each: to find a named file's neighbours, only changed
files are read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from racelint.cache.store import Cache, is_settled, racelint_itself, state_of
from racelint.context import MOST_BYTES, Edges, Grapher, Reader, targets_of
from racelint.discovery import File
from racelint.imported import Imported, imported
from racelint.index.modules import Modules, module_path
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


FEW = 50
"""So many files may have changed before what is kept of a project is written anew, which takes as long as reading it."""


def grapher(cache: Cache[Any]) -> Grapher:
    """Which file of a project imports which, with what the cache knows: only for changed files it is found out again.

    All of it is one entry. It is good as long as the same files are there: another one may be what an import means.
    """

    def look(top: str, files: Mapping[str, File], read: Reader) -> Edges | None:
        states, now, us = {}, time.time_ns(), racelint_itself()
        left = MOST_BYTES
        for path, file in files.items():
            try:
                status = os.stat(file.path)
            except OSError:  # it is left out
                continue
            states[path] = state_of(status) if is_settled(status, now) else ""
            left -= status.st_size
        if left <= 0:  # some are not to be looked at
            return None
        known = _known(cache.graph(top), us, files)
        targets, settings = {}, set()
        stale = dict.fromkeys(files)
        for path, (state, numbers, is_setting) in known.items():
            if state and states.get(path) == state:
                targets[path] = numbers
                del stale[path]
                if is_setting:
                    settings.add(path)
        if stale:
            modules = Modules(file.path for file in files.values())
            for file, text in read(files[path] for path in stale):
                path = module_path(file.path)
                targets[path] = targets_of(path, text, files, modules)
                if text.settings:
                    settings.add(path)
        if len(stale) > FEW:
            cache.keep_graph(top, _written(us, files, states, targets, settings))
        return Edges(targets, [path for path in files if path in settings])

    return look


def _written(
    us: str, files: Mapping[str, File], states: Mapping[str, str], targets: Mapping[str, list[str]], settings: set[str]
) -> object:
    """Modules by numbers, and for each its path, its state, what it imports, and whether it has settings."""
    numbers = {path: number for number, path in enumerate(files)}
    return [
        us,
        [
            [
                path,
                file.path,
                states.get(path, "") if path in targets else "",
                [numbers[target] for target in targets.get(path, ())],
                path in settings,
            ]
            for path, file in files.items()
        ],
    ]


def _known(kept: Any, us: str, files: Mapping[str, File]) -> dict[str, tuple[str, list[str], bool]]:
    """What was written of the same files by the same racelint."""
    try:
        writer, rows = kept
        names = [row[0] for row in rows]
        if writer != us or len(rows) != len(files) or any(files[row[0]].path != row[1] for row in rows):
            return {}
        return {path: (state, [names[n] for n in numbers], is_on) for path, _, state, numbers, is_on in rows}
    except (TypeError, ValueError, KeyError, IndexError):
        return {}


def _packed(found: Imported) -> str:
    """No origin has a space in it."""
    return " ".join(("settings" if found.settings else "", *found.origins))


def _unpacked(value: str, size: int) -> Imported:
    settings, *origins = value.split(" ")
    return Imported(tuple(origins), settings == "settings", size)
