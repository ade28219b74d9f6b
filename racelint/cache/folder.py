"""The folder of the cache: where it is, what makes others leave it alone, how it is removed."""

from __future__ import annotations

import os

FOLDER = ".racelint_cache"
"""What it is called, in the folder of the configuration or, without one, in the current one."""
TAG = "CACHEDIR.TAG"
_SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of racelint: it can be removed at any time.\n"
"""See https://bford.info/cachedir/: backups leave such folders out."""


def cache_folder(root: str, wanted: str = "") -> str:
    """The folder to use: the one that is wanted, else `.racelint_cache` in `root`, else in the current folder."""
    return wanted or os.path.join(root or os.getcwd(), FOLDER)


def prepare(folder: str) -> bool:
    """Makes the folder, with what makes git and backups leave it alone; False if it cannot be had or is not ours.

    A link is not followed, nor one in the folder: in a repository of somebody else it may lead anywhere.
    """
    try:
        if os.path.islink(folder):
            return False
        if not os.path.isdir(folder):
            os.makedirs(folder)
        elif any(os.path.islink(os.path.join(folder, name)) for name in os.listdir(folder)):
            return False
        for name, text in ((".gitignore", "*\n"), (TAG, _SIGNATURE)):
            path = os.path.join(folder, name)
            if not os.path.exists(path):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
    except OSError:
        return False
    return True


def clean(folder: str) -> bool:
    """Removes a cache; False if there is none. Raises OSError if it cannot be removed, ValueError if it is no cache of racelint."""
    import shutil  # only for this

    if not os.path.lexists(folder):
        return False
    if os.path.islink(folder) or not _is_tagged(folder):
        raise ValueError(f"{folder} is no cache of racelint")
    shutil.rmtree(folder)
    return True


def _is_tagged(folder: str) -> bool:
    tag = os.path.join(folder, TAG)
    if not os.path.isfile(tag):
        return False
    with open(tag, encoding="utf-8", errors="replace") as file:
        return "racelint" in file.read()
