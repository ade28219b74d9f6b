"""Which file a module's dotted name means: packages, `src` layouts, namespace packages, relative imports.

A dotted name fits a file if it spells the tail of its path and reaches at least to its topmost package; so `import redis`
does not find `app/backends/redis.py`. The names of the standard library are never the project's.
"""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Iterable
from functools import cached_property


def module_path(path: str) -> str:
    """A file's path without its ending, with slashes: `app/models` for `./app/models.py` and for `app/models/__init__.py`."""
    plain = posixpath.normpath(path.replace("\\", "/"))
    return plain.removesuffix(".pyi").removesuffix(".py").removesuffix("/__init__")


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
        self._by_last: dict[str, list[str]] = {}
        self._parts: set[str] = set()
        for path in sorted(self._paths):
            parts = path.split("/")
            self._parts.update(parts)
            self._by_last.setdefault(parts[-1], []).append(path)

    def split(self, origin: str, importer: str) -> tuple[str, str] | None:
        """The module's path and what is left of a dotted origin as it is imported in `importer`; the longest module wins."""
        dots = len(origin) - len(origin.lstrip("."))
        parts = [part for part in origin[dots:].split(".") if part]
        if dots:
            return self._relative(folder(importer), dots, parts)
        if not parts or parts[0] in sys.stdlib_module_names:
            return None
        if parts[0] not in self._parts:
            return self._from_above(parts)
        for length in range(len(parts), 0, -1):
            found = self._absolute(parts[:length], folder(importer))
            if found is not None:
                return found, ".".join(parts[length:])
        return self._from_above(parts)

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
            and origin.partition(".")[0] in self._parts
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

    def _absolute(self, parts: list[str], start: str) -> str | None:
        tail = "/".join(parts)
        best: tuple[int, str] | None = None
        for path in self._by_last.get(parts[-1], ()):
            if path != tail and not path.endswith("/" + tail):
                continue
            root = path[: -len(tail)].rstrip("/")
            if not self._importable(path, root, start, len(parts)):
                continue
            score = shared(root, start)
            if best is None or score > best[0]:
                best = (score, path)
        return best[1] if best is not None else None

    def _importable(self, path: str, root: str, start: str, length: int) -> bool:
        """Whether the importer sees names that start at the folder `root`, as far as folders tell."""
        above = not root or (start + "/").startswith(root + "/")
        if root in self._packages:  # such a folder can be on the path, too, as Django projects have it
            return above and length > 1
        return length > 1 or above or path in self._packages or root.endswith(("src", "lib"))


def shared(one: str, other: str) -> int:
    """How many leading folders two paths have in common."""
    count = 0
    for left, right in zip(one.split("/"), other.split("/"), strict=False):
        if left != right:
            break
        count += 1
    return count
