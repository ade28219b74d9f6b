"""`--watch`: looks again whenever a file that was looked at has changed, until Ctrl-C."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import NoReturn

import click

from racelint.cli.output import say
from racelint.cli.wanted import CLEAN, Wanted
from racelint.config import Config
from racelint.config_files import find_config

INTERVAL = 0.5
"""Seconds between two looks at the disk. Asking it works on every file system, network ones too, and needs no library."""
SHARE = 10
"""A look that takes long is followed by a pause of so many times as long, so that watching costs a tenth of a core at most."""

CLEARED = "\033[2J\033[3J\033[H"

Snapshot = Mapping[str, tuple[int, int, int] | None]
"""By path, what tells whether a file is still the same: when it was changed, its size, and which file it is."""


def watch(wanted: Wanted, configured: Callable[[], Config], look: Callable[[Config], int]) -> NoReturn:
    """Ctrl-C ends it, with status 130 as for every command.

    The configuration is read again each time. One that is wrong is an error at the start; later it is told, and watched until
    it is right.
    """
    config = configured()
    while True:
        before = snapshot(wanted, config)
        _clear()
        _looked(wanted, config, look)
        config = _changed(wanted, config, configured, before)


def _changed(wanted: Wanted, config: Config, configured: Callable[[], Config], before: Snapshot) -> Config:
    """The configuration that holds when something has changed."""
    while True:
        _wait(wanted, config, before)
        before = snapshot(wanted, config)
        try:
            return configured()
        except click.ClickException as error:
            _clear()
            error.show()


def _looked(wanted: Wanted, config: Config, look: Callable[[Config], int]) -> None:
    try:
        status = look(config)
    except click.ClickException as error:
        error.show()
    else:
        if not wanted.quiet:
            say(f"{'nothing found; ' if status == CLEAN else ''}watching (Ctrl-C ends)")


def _wait(wanted: Wanted, config: Config, before: Snapshot) -> None:
    """Until something has changed, and then until nothing changes any more: a checkout changes many files."""
    last = before
    while True:
        started = time.perf_counter()
        now = snapshot(wanted, config)
        if now == last and now != before:
            return
        last = now
        time.sleep(max(INTERVAL, SHARE * (time.perf_counter() - started)))


def snapshot(wanted: Wanted, config: Config) -> Snapshot:
    """The files that are looked at, and what the result depends on besides."""
    from racelint.discovery import discover

    files, _ = discover(wanted.paths, config)
    besides = [config.file, config.baseline, *config.models, find_config(wanted.start) or ""]
    return {path: _mark(path) for path in (*(file.path for file in files), *besides) if path}


def _mark(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _clear() -> None:
    """Only a screen is cleared; a file or a pipe gets one report after the other."""
    if sys.stdout.isatty():
        sys.stdout.write(CLEARED)
        sys.stdout.flush()
