"""Which file a module's dotted name means: packages, `src` layouts, namespace packages, relative imports.

A dotted name fits a file if it spells the tail of its path and reaches at least to its topmost package; so `import redis`
does not find `app/backends/redis.py`. The names of the standard library are never the project's.
"""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Iterable
from functools import lru_cache

from racelint.frozen import cached_property


def module_path(path: str) -> str:
    """A file's path without its ending, with slashes: `app/models` for `./app/models.py` and for `app/models/__init__.py`."""
    plain = posixpath.normpath(path.replace("\\", "/"))
    return plain.removesuffix(".pyi").removesuffix(".py").removesuffix("/__init__")


@lru_cache(maxsize=4096)
def folder(path: str) -> str:
    """The folder of a file, which relative imports start from; "" at the top."""
    return posixpath.dirname(posixpath.normpath(path.replace("\\", "/")))


class Modules:
    """The files of a project by what they are called in imports."""

    def __init__(self, paths: Iterable[str], here: str = "") -> None:
        """`here` is the folder that relative paths start from: they may lie in a package whose top is above it."""
        every = list(paths)
        self._here = "/" + here.replace("\\", "/").strip("/")
        self._paths = {module_path(path) for path in every}
        self._packages = {folder(path) for path in every if path.replace("\\", "/").rpartition("/")[2] == "__init__.py"}
        self._tops: dict[str, dict[str, None]] = {}
        """By the name of a file or folder: the folders it lies in, with a slash at their end, sorted."""
        self._roots: dict[tuple[str, str], tuple[str | None, list[str]]] = {}
        """What `_roots_of` found."""
        for path in sorted(self._paths):
            above = ""
            for part in path.split("/"):
                self._tops.setdefault(part, {})[above] = None
                above += part + "/"

    def split(self, origin: str, importer: str) -> tuple[str, str] | None:
        """The module's path and what is left of a dotted origin as it is imported in `importer`; the longest module wins."""
        dots = len(origin) - len(origin.lstrip("."))
        parts = [part for part in origin[dots:].split(".") if part]
        if dots:
            return self._relative(folder(importer), dots, parts)
        if not parts or parts[0] in sys.stdlib_module_names:
            return None
        return self._absolute(parts, folder(importer) + "/") or self._from_above(parts)

    def _from_above(self, parts: list[str]) -> tuple[str, str] | None:
        """A name that begins with folders above the one that paths start from."""
        for known in range(1, len(parts)):
            if self._here.endswith("/" + "/".join(parts[:known])):
                for length in range(len(parts), known, -1):
                    path = "/".join(parts[known:length])
                    if path in self._paths:
                        return path, ".".join(parts[length:])
        return None

    def starts(self, origin: str, importer: str) -> bool:
        """Whether an absolute origin without a file of its own is a folder that modules lie below."""
        tail = origin.replace(".", "/")
        return (
            not origin.startswith(".")
            and origin.partition(".")[0] in self._tops
            and any(
                path == tail or path.endswith("/" + tail) for path in self._folders.get(tail.rpartition("/")[2], ())
            )
        )

    @cached_property
    def _folders(self) -> dict[str, list[str]]:
        """Folders of modules without an `__init__.py`, by their last names."""
        found: dict[str, list[str]] = {}
        for path in sorted({posixpath.dirname(path) for path in self._paths} - self._packages):
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return found

    def _relative(self, start: str, dots: int, parts: list[str]) -> tuple[str, str] | None:
        for _ in range(dots - 1):
            if not start:
                return None
            start = posixpath.dirname(start)
        for length in range(len(parts), -1, -1):
            path = "/".join([*([start] if start else []), *parts[:length]])
            if path in self._paths:
                return path, ".".join(parts[length:])
        return None

    def _absolute(self, parts: list[str], start: str) -> tuple[str, str] | None:
        """As `split`, for an absolute name: it is looked up as Python would, from the nearest folder that holds its first part.

        A folder that is a package itself can be such a top, too, as Django projects have it; it must hold more than the
        first part, and the importer.
        """
        key = parts[0], start
        known = self._roots.get(key)
        if known is None:
            known = self._roots[key] = self._roots_of(*key)
        nearest, packages = known
        found = self._below(nearest, parts, 1) if nearest is not None else None
        for root in packages if found is None else ():
            found = found or self._below(root, parts, 2)
        return found

    def _roots_of(self, first: str, start: str) -> tuple[str | None, list[str]]:
        """For names that begin with `first`, imported below `start`: the nearest top, and the packages that may be one."""
        roots = self._tops.get(first, {})
        tops = [
            root for root in roots if root.rstrip("/") not in self._packages and self._seen_from(root, first, start)
        ]
        packages = [root for root in roots if root.rstrip("/") in self._packages and start.startswith(root)]
        nearest = max(tops, key=lambda root: shared(root, start), default=None)
        return nearest, sorted(packages, key=len, reverse=True)

    def _below(self, root: str, parts: list[str], least: int) -> tuple[str, str] | None:
        """The longest module below a folder that the parts name, of at least so many parts, and what is left."""
        for length in range(len(parts), least - 1, -1):
            path = root + "/".join(parts[:length])
            if path in self._paths:
                return path, ".".join(parts[length:])
        return None

    def _seen_from(self, root: str, first: str, start: str) -> bool:
        """Whether the importer may see names that start at a folder: one above it, one for sources, or one of a package."""
        return (
            start.startswith(root)
            or root.endswith(("src/", "lib/"))
            or root + first not in self._paths
            or (root + first in self._packages)
        )


def shared(one: str, other: str) -> int:
    """How many leading folders two paths have in common."""
    count = 0
    for left, right in zip(one.split("/"), other.split("/"), strict=False):
        if left != right:
            break
        count += 1
    return count
