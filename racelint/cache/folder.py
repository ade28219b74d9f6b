"""The folder of the cache: where it is, what makes others leave it alone, how it is removed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

FOLDER = ".racelint_cache"
"""What it is called, in the folder of the configuration or, without one, in the current one."""
TAG = "CACHEDIR.TAG"
_SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of racelint: it can be removed at any time.\n"
"""See https://bford.info/cachedir/: backups leave such folders out."""


def cache_folder(root: str, wanted: str = "") -> Path:
    """The folder to use: the one that is wanted, else `.racelint_cache` in `root`, else in the current folder."""
    return Path(wanted) if wanted else Path(root or os.getcwd()) / FOLDER


def prepare(folder: Path) -> bool:
    """Makes the folder, with what makes git and backups leave it alone; False if it cannot be had or is not ours.

    A link is not followed, nor one in the folder: in a repository of somebody else it may lead anywhere.
    """
    try:
        if folder.is_symlink():
            return False
        if not folder.is_dir():
            folder.mkdir(parents=True)
        elif any((folder / name).is_symlink() for name in os.listdir(folder)):
            return False
        for name, text in ((".gitignore", "*\n"), (TAG, _SIGNATURE)):
            if not (folder / name).exists():
                (folder / name).write_text(text, encoding="utf-8")
    except OSError:
        return False
    return True


def clean(folder: Path) -> bool:
    """Removes a cache; False if there is none. Raises OSError if it cannot be removed, ValueError if it is no cache of racelint."""
    if not folder.exists() and not folder.is_symlink():
        return False
    if (
        folder.is_symlink()
        or not (folder / TAG).is_file()
        or "racelint" not in (folder / TAG).read_text("utf-8", "replace")
    ):
        raise ValueError(f"{folder} is no cache of racelint")
    shutil.rmtree(folder)
    return True
