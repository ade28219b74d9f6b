"""The files beside those that were named: read for their facts, nothing is reported in them.

A named file (an editor, a pre-commit hook) is judged with the rest of its project in view: what it imports, and who
imports it. Its project is what lies below the nearest folder with a `pyproject.toml`, `setup.py` or `.git`, or, where there
is none, its topmost package. Everything is bounded, so that one file of a large project does not cost the whole of it: imports are looked for in the text of at most
`MOST_LISTED` files and `MOST_BYTES`, and at most `MOST_READ` of them, the nearest, are parsed.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from racelint.config import Config
from racelint.discovery import File, found_below
from racelint.facts import ATOMIC_REQUESTS
from racelint.index.modules import Modules, module_path
from racelint.source import Source, read_bytes

MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", "racelint.toml", ".git", ".hg")
"""What the top folder of a project holds."""
MOST_LISTED = 20_000
MOST_BYTES = 100_000_000
MOST_READ = 150
LEVELS = 3
"""Modules on the way from a named file to the last that is read."""

_IMPORTS = re.compile(
    rb"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n(]*)|import[ \t]+([^\n]+))", re.MULTILINE
)
_COMMENT = re.compile(rb"#[^\n]*")
_SETTING = ATOMIC_REQUESTS.encode()


def context(
    files: Sequence[File],
    config: Config,
    given: Mapping[str, Source] | None = None,
    project: Sequence[File] | None = None,
) -> list[File]:
    """The files to read beside `files` for the sake of those of them that were named.

    A single one of the paths `given`, whose text an editor hands over, is as good as named if the file is there. `project`
    are all files there are, if not the disk says that.
    """
    given = given or {}
    looked_at = {file.path for file in files}
    if project is not None:
        named = [file for file in files if file.named]
        around = [file for file in project if file.path not in looked_at]
        return sorted(_near(named, around, given), key=lambda file: file.path) if named else []
    starts: dict[Path, list[File]] = {}
    for file in files:
        edited = len(files) == 1 and file.path in given and os.path.exists(file.path)
        root = project_root(Path(file.path)) if file.named or edited else None
        if root is not None:
            starts.setdefault(root, []).append(file)
    found: dict[str, File] = {}
    for root, named in starts.items():
        around = [file for file in found_below(os.fspath(root), config, MOST_LISTED) if file.path not in looked_at]
        found.update((file.path, file) for file in _near(named, around, given))
    return [found[path] for path in sorted(found)]


def project_root(path: Path) -> Path | None:
    """The nearest folder above a file that is the top of a project, else the topmost package it is in, if any.

    The home folder is nobody's project.
    """
    for directory in path.parents:
        if any((directory / marker).exists() for marker in MARKERS):
            return None if directory == Path.home() else directory
    packages = [directory for directory in path.parents if (directory / "__init__.py").exists()]
    return packages[-1] if packages else None


def _near(named: Sequence[File], around: Sequence[File], given: Mapping[str, Source]) -> list[File]:
    """Of the files around, those that the named ones lead to by imports, the nearest first."""
    files = {module_path(file.path): file for file in (*named, *around)}
    imports, settings = _import_graph(files, given)
    importers: dict[str, list[str]] = {}
    for path, targets in imports.items():
        for target in targets:
            importers.setdefault(target, []).append(path)
    starts = [module_path(file.path) for file in named]
    ordered = [*_interleaved(_levels(starts, imports), _levels(starts, importers))]
    ordered += [target for path in ordered for target in imports.get(path, ())]  # what users import tells their types
    wanted = dict.fromkeys(path for path in (*settings, *ordered) if path not in starts)
    return [files[path] for path in list(wanted)[:MOST_READ]]


def _levels(starts: Sequence[str], edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """What can be reached in one step, in two, up to `LEVELS`."""
    seen, level, found = set(starts), list(starts), []
    for _ in range(LEVELS):
        level = sorted({target for path in level for target in edges.get(path, ())} - seen)
        seen.update(level)
        found.append(level)
    return found


def _interleaved(*ways: list[list[str]]) -> Iterator[str]:
    for levels in zip(*ways, strict=True):
        for level in levels:
            yield from level


def _import_graph(files: Mapping[str, File], given: Mapping[str, Source]) -> tuple[dict[str, list[str]], list[str]]:
    """By module path: its package, and the module paths that its text imports, as far as they are among the files.

    Also the module paths of settings that say how each request is run, which nobody imports: frameworks find them by their name.
    """
    modules = Modules(file.path for file in files.values())
    found: dict[str, list[str]] = {}
    settings: list[str] = []
    left = MOST_BYTES
    for path, file in files.items():
        try:
            text = _text(file, given, left)
        except OSError:  # it is reported where it is read for its facts, if it is
            continue
        left -= len(text)
        if _SETTING in text:
            settings.append(path)
        targets = (modules.split(origin, file.path) for origin in _origins(text))
        package = {above} if (above := posixpath.dirname(path)) in files else set()
        found[path] = sorted((package | {target[0] for target in targets if target is not None}) - {path})
        if left <= 0:
            break
    return found, settings


def _text(file: File, given: Mapping[str, Source], most: int) -> bytes:
    if file.path in given:
        return given[file.path].text.encode("utf-8", "surrogatepass")[:most]
    return read_bytes(file.path)[:most]


def _origins(text: bytes) -> Iterable[str]:
    """The dotted names that a text imports; what stands in strings and comments may be among them."""
    for match in _IMPORTS.finditer(text):
        package, names, plain = match.groups()
        if plain is not None:
            yield from (_name(part) for part in plain.split(b","))
            continue
        dots = package.decode("ascii", "replace")
        for part in _COMMENT.sub(b"", names).strip(b"() \t\r\n").split(b","):
            yield dots + _name(part) if dots.endswith(".") else f"{dots}.{_name(part)}"


def _name(part: bytes) -> str:
    words = part.split()
    return words[0].decode("ascii", "replace") if words else ""
