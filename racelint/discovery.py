"""Paths on the command line become files: directories are walked, what is excluded or ignored by git is left out.

A named file is always taken. Links to directories are not followed while walking (so links that lead round in a circle
do no harm, and a tree that is linked into itself is read once); a link that is named is followed.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from racelint.config import Config
from racelint.expressions import expression
from racelint.finding import Problem
from racelint.frozen import dataclass
from racelint.globs import IgnoreLine, compiled, read_ignore_line
from racelint.source import read_bytes, shown, unreadable

SUFFIXES = (".py", ".pyw")


@dataclass(frozen=True, slots=True)
class File:
    """A file to look at."""

    path: str
    """For the system, absolute."""
    shown: str
    """For people: relative to the current directory if it is inside."""
    named: bool = False
    """It was named, not found."""


def discover(paths: Iterable[str], config: Config) -> tuple[list[File], list[Problem]]:
    """The files to look at, each once, sorted by the path that is shown; and what could not be walked."""
    excluded = Excluded(config)
    found: dict[str, File] = {}
    problems: list[Problem] = []
    for path in paths:
        absolute = os.path.abspath(path)
        if config.force_exclude and excluded.with_parents(absolute):
            continue
        if os.path.isdir(absolute):
            for file, real in _walk(absolute, excluded, problems, config.respect_gitignore):
                _keep(file, real, found)
        else:
            _keep(File(absolute, display(absolute), named=True), os.path.realpath(absolute), found)
    return sorted(found.values(), key=lambda file: file.shown), problems


def found_below(top: str, config: Config, most: int) -> list[File]:
    """Up to `most` files below a directory, by the path that is shown; what cannot be walked is left out."""
    walked = _walk(top, Excluded(config), [], config.respect_gitignore)
    found: dict[str, File] = {}
    for file, real in itertools.islice(walked, most):
        _keep(file, real, found)
    return sorted(found.values(), key=lambda file: file.shown)


def _keep(file: File, real: str, found: dict[str, File]) -> None:
    """A file that is there under several names is kept under its own, else under the first that sorts."""
    other = found.get(real)
    if other is None:
        found[real] = file
        return
    first = min(file, other, key=lambda file: (file.path != real, file.shown))
    found[real] = File(first.path, first.shown, file.named or other.named)


def display(path: str) -> str:
    """A path as it is shown: relative to the current directory if it is inside, absolute otherwise."""
    here = os.getcwd()
    if path == here:
        return "."
    inside = here if here.endswith(os.sep) else here + os.sep
    return shown(path.removeprefix(inside))


# Walking


def _walk(top: str, excluded: Excluded, problems: list[Problem], respect_gitignore: bool) -> Iterator[tuple[File, str]]:
    """The Python files below a directory, each with its real path."""
    real_top = os.path.realpath(top)
    pending: list[tuple[str, Ignored]] = [(top, _ignored_above(real_top) if respect_gitignore else ())]
    while pending:
        directory, ignored = pending.pop()
        try:
            with os.scandir(directory) as scanned:
                entries = list(scanned)
        except OSError as error:
            problems.append(Problem(display(directory), 1, unreadable(error), named=directory == top))
            continue
        if respect_gitignore and any(entry.name == ".gitignore" for entry in entries):
            ignored = (*ignored, *_patterns(real_top + directory[len(top) :], ".gitignore"))
        for entry in entries:
            is_directory = _is_directory(entry)
            if not is_directory and not entry.name.endswith(SUFFIXES):
                continue
            real = real_top + entry.path[len(top) :]
            if excluded(entry.path) or is_ignored(real, is_directory, ignored):
                continue
            if is_directory:
                pending.append((entry.path, ignored))
            elif not entry.is_symlink():
                yield File(entry.path, display(entry.path)), real
            elif not os.path.isdir(entry.path):
                yield File(entry.path, display(entry.path)), os.path.realpath(entry.path)


def _is_directory(entry: os.DirEntry[str]) -> bool:
    """Whether it is a directory and no link to one."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


# Patterns of the configuration


class Excluded:
    """Whether a path matches `exclude` or `extend-exclude`."""

    def __init__(self, config: Config) -> None:
        """The patterns of `config`, relative to its root."""
        patterns = (*config.exclude, *config.extend_exclude)
        self._names = frozenset(pattern for pattern in patterns if not _MAGIC.search(pattern))
        self._matches = matcher([pattern for pattern in patterns if _MAGIC.search(pattern)], config.root)
        self._root = os.path.abspath(config.root or os.getcwd())

    def __call__(self, path: str) -> bool:
        """Only the path itself is looked at, not the directories it is in."""
        return os.path.basename(path) in self._names or self._matches(path)

    def with_parents(self, path: str) -> bool:
        """The path, or a directory below the root that it is in."""
        while path.startswith(self._root + os.sep) and not self(path):
            path = os.path.dirname(path)
        return path != self._root and self(path)


_MAGIC = expression(r"[*?\[!/]")


Matches = Callable[[str], bool]
"""Whether an absolute path matches."""


def matcher(patterns: Sequence[str], root: str) -> Matches:
    """Whether one of the patterns matches a path: its name, or, if it has a slash, the whole or what is below `root`.

    `*` and `?` also match a slash, as in ruff; `**/` also matches nothing.
    """
    patterns = [pattern.rstrip("/").removeprefix("./") for pattern in patterns]
    names = compiled(pattern for pattern in patterns if "/" not in pattern)
    paths = compiled(pattern for pattern in patterns if "/" in pattern)
    base = os.path.abspath(root or os.getcwd()).rstrip(os.sep) + os.sep

    def matches(path: str) -> bool:
        if names and names.fullmatch(os.path.basename(path)):
            return True
        parts = [path, path[len(base) :]] if path.startswith(base) else [path]
        return paths is not None and any(paths.fullmatch(part.replace(os.sep, "/")) for part in parts)

    return matches


def file_matches(pattern: str, path: str, root: str) -> bool:
    """Whether a pattern of `per-file-ignores` covers a file; one that begins with `!` covers all others.

    A pattern that matches a directory of the file, below the root, covers the file.
    """
    base = os.path.abspath(root or os.getcwd())
    matches = matcher([pattern.removeprefix("!")], root)
    covered = matches(path)
    while not covered and path.startswith(base + os.sep):
        path = os.path.dirname(path)
        covered = path != base and matches(path)
    return covered != pattern.startswith("!")


# What git ignores

Ignored = tuple[tuple[str, tuple[IgnoreLine, ...]], ...]
"""Directories with the lines that their `.gitignore` has for all below them; the innermost comes last."""


def is_ignored(path: str, is_directory: bool, ignored: Ignored) -> bool:
    """Whether git ignores it; the innermost file that has something to say decides."""
    for directory, lines in reversed(ignored):
        relative = path[len(directory) :].lstrip(os.sep).replace(os.sep, "/")
        for line in reversed(lines):
            if (is_directory or not line.folders_only) and line.names.fullmatch(relative):
                return line.ignores
    return False


def _ignored_above(top: str) -> Ignored:
    """The patterns of the directories from the root of the repository down to the one that `top` is in.

    None of them counts if they ignore `top` itself: it was named, so the user wants it. Outside of a repository only
    what is below `top` counts.
    """
    above = [top]
    while not os.path.exists(os.path.join(above[-1], ".git")):
        parent = os.path.dirname(above[-1])
        if parent == above[-1]:
            return ()
        above.append(parent)
    ignored = _patterns(above[-1], os.path.join(".git", "info", "exclude"))
    for directory, inner in itertools.pairwise(reversed(above)):
        ignored = (*ignored, *_patterns(directory, ".gitignore"))
        if is_ignored(inner, True, ignored):
            return ()
    return ignored


def _patterns(directory: str, name: str) -> Ignored:
    """The lines of one file, if it is there and says anything."""
    try:
        text = read_bytes(os.path.join(directory, name)).decode("utf-8", "surrogateescape")
    except OSError:
        return ()
    lines = tuple(filter(None, (read_ignore_line(line.removesuffix("\r")) for line in text.split("\n"))))
    return ((directory, lines),) if lines else ()
