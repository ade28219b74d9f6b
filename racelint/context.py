"""The files beside those that were named: read for their facts, nothing is reported in them.

A named file (an editor, a pre-commit hook) is judged with the rest of its project in view: what it imports, and who
imports it. Its project is what lies below the nearest folder with a `pyproject.toml`, `setup.py` or `.git`, or, where there
is none, its topmost package. Everything is bounded, so that one file of a large project does not cost the whole of it: imports are looked for in the text of at most
`MOST_LISTED` files and `MOST_BYTES`, and at most `MOST_READ` of them, the nearest, are parsed.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from racelint.config import Config
from racelint.discovery import File, found_below
from racelint.frozen import cached_property, dataclass
from racelint.imported import Imported, imported
from racelint.index.modules import Modules, folder, module_path
from racelint.source import Source, read_bytes

MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", "racelint.toml", ".git", ".hg")
"""What the top folder of a project holds."""
MOST_LISTED = 20_000
MOST_BYTES = 100_000_000
MOST_READ = 150
LEVELS = 3
"""Modules on the way from a named file to the last that is read."""

Reader = Callable[[Iterable[File]], Iterator[tuple[File, Imported]]]
"""Says of files what they import; those that cannot be read are left out."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Which file imports which, by module paths."""

    targets: Mapping[str, Sequence[str]]
    """What each file imports, and its package, as `_Graph.imported_by` says."""
    settings: Sequence[str]
    """Files that say how each request is run, in the order of the files."""


Grapher = Callable[[str, Mapping[str, File], Reader], "Edges | None"]
"""Says all that of the files of a project, by its top folder; None where nothing is remembered of it and nothing can be."""


def read_imports(files: Iterable[File]) -> Iterator[tuple[File, Imported]]:
    """The reader that remembers nothing."""
    for file in files:
        try:
            text = read_bytes(file.path)
        except OSError:  # it is reported where it is read for its facts, if it is
            continue
        yield file, imported(text)


def context(
    files: Sequence[File],
    config: Config,
    given: Mapping[str, Source] | None = None,
    project: Sequence[File] | None = None,
    read: Reader = read_imports,
    graph: Grapher = lambda top, files, read: None,
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
        return sorted(_near(named, around, given, read), key=lambda file: file.path) if named else []
    starts: dict[str, list[File]] = {}
    for file in files:
        edited = len(files) == 1 and file.path in given and os.path.exists(file.path)
        root = project_root(file.path) if file.named or edited else None
        if root is not None:
            starts.setdefault(root, []).append(file)
    found: dict[str, File] = {}
    for root, named in starts.items():
        around = [file for file in found_below(root, config, MOST_LISTED) if file.path not in looked_at]
        found.update((file.path, file) for file in _near(named, around, given, read, partial(graph, root)))
    return [found[path] for path in sorted(found)]


def project_root(path: str) -> str | None:
    """The nearest folder above a file that is the top of a project, else the topmost package it is in, if any.

    The home folder is nobody's project.
    """
    above = list(_above(path))
    for directory in above:
        if any(os.path.exists(os.path.join(directory, marker)) for marker in MARKERS):
            return None if directory == os.path.expanduser("~") else directory
    packages = [directory for directory in above if os.path.exists(os.path.join(directory, "__init__.py"))]
    return packages[-1] if packages else None


def _above(path: str) -> Iterator[str]:
    """The folders that a path is in, the nearest first."""
    while (above := os.path.dirname(path)) != path:
        yield above
        path = above


def _near(
    named: Sequence[File],
    around: Sequence[File],
    given: Mapping[str, Source],
    read: Reader,
    remembered: Callable[[Mapping[str, File], Reader], Edges | None] = lambda files, read: None,
) -> list[File]:
    """Of the files around, those that the named ones lead to by imports, the nearest first."""
    every = [*named, *around]
    files = {module_path(file.path): file for file in every}
    # Where two files are one module, or some are given, it matters which of them comes last.
    edges = remembered(files, read) if not given and len(files) == len(every) else None
    graph = _Graph(files, given, read) if edges is None else _Remembered(files, edges)
    starts = [module_path(file.path) for file in named]
    wanted = dict.fromkeys(path for path in graph.settings if path not in starts)
    ordered: list[str] = []
    for level in _in_turns(_levels(starts, graph.imports), _levels(starts, graph.importers)):
        ordered += level
        wanted.update(dict.fromkeys(path for path in level if path not in starts))
        if len(wanted) >= MOST_READ:  # what is farther away need not be looked for
            break
    for path in ordered if len(wanted) < MOST_READ else ():  # what users import tells their types
        wanted.update(dict.fromkeys(target for target in graph.imported_by(path) if target not in starts))
    return [graph.files[path] for path in list(wanted)[:MOST_READ]]


def _levels(starts: Sequence[str], step: Callable[[Iterable[str]], set[str]]) -> Iterator[list[str]]:
    """What can be reached in one step, in two, up to `LEVELS`."""
    seen, level = set(starts), list(starts)
    for _ in range(LEVELS):
        level = sorted(step(level) - seen)
        seen.update(level)
        yield level


def _in_turns(*ways: Iterator[list[str]]) -> Iterator[list[str]]:
    """A level of each way, then the next of each; what nobody asks for is not looked for."""
    for _ in range(LEVELS):
        for way in ways:
            yield next(way)


class _Graph:
    """Which file imports which, by module paths; found out for those that are asked for."""

    def __init__(self, files: Mapping[str, File], given: Mapping[str, Source], read: Reader) -> None:
        self.files = files
        self.settings: list[str] = []
        """Settings that say how each request is run."""
        self._modules = Modules(file.path for file in self.files.values())
        self._texts: dict[str, Imported] = {}
        self._targets: dict[str, Sequence[str]] = {}
        left = MOST_BYTES
        for file, text in _with_given(self.files.values(), given, read):
            path = module_path(file.path)
            self._texts[path] = text
            if text.settings:
                self.settings.append(path)
            left -= text.size
            if left <= 0:
                break

    def imported_by(self, path: str) -> Sequence[str]:
        """What a file imports, and its package."""
        if path not in self._texts:
            return []
        known = self._targets.get(path)
        if known is None:
            known = self._targets[path] = targets_of(path, self._texts[path], self.files, self._modules)
        return known

    def imports(self, paths: Iterable[str]) -> set[str]:
        """What any of the files imports."""
        return {target for path in paths for target in self.imported_by(path)}

    def importers(self, paths: Iterable[str]) -> set[str]:
        """The files that import any of them."""
        wanted = set(paths)
        names = wanted | {path.rpartition("/")[2] for path in wanted}
        mentioned = {path for name in names for path in self._mentioning.get(name, ())}
        return {path for path in mentioned if not wanted.isdisjoint(self.imported_by(path))}

    @cached_property
    def _mentioning(self) -> dict[str, list[str]]:
        """By a name, or the module path of a package that is meant by dots alone: the files whose imports may lead there."""
        found: dict[str, list[str]] = {}
        for path, text in self._texts.items():
            above = posixpath.dirname(path)
            start = folder(self.files[path].path)
            mentioned = {above}
            for origin in text.origins:
                mentioned.update(origin.split("."))
                if origin.startswith("."):
                    mentioned.add("/".join(start.split("/")[: start.count("/") + 2 - _dots(origin)]))
            for name in mentioned:
                found.setdefault(name, []).append(path)
        return found


class _Remembered:
    """As `_Graph`, of edges that are all there: whoever imports a module mentions it, so that both say the same."""

    def __init__(self, files: Mapping[str, File], edges: Edges) -> None:
        self.files = files
        self.settings = edges.settings
        self._targets = edges.targets

    def imported_by(self, path: str) -> Sequence[str]:
        """What a file imports, and its package."""
        return self._targets.get(path, ())

    def imports(self, paths: Iterable[str]) -> set[str]:
        """What any of the files imports."""
        return {target for path in paths for target in self.imported_by(path)}

    def importers(self, paths: Iterable[str]) -> set[str]:
        """The files that import any of them."""
        wanted = set(paths)
        return {path for path, targets in self._targets.items() if not wanted.isdisjoint(targets)}


def targets_of(path: str, text: Imported, files: Mapping[str, File], modules: Modules) -> list[str]:
    """The module paths of what a file imports, and of its package."""
    split, importer = modules.split, files[path].path
    targets = {found[0] for origin in text.origins if (found := split(origin, importer)) is not None}
    package = {above} if (above := posixpath.dirname(path)) in files else set()
    return sorted((package | targets) - {path})


def _dots(origin: str) -> int:
    """How many dots a relative import begins with."""
    return len(origin) - len(origin.lstrip("."))


def _with_given(files: Iterable[File], given: Mapping[str, Source], read: Reader) -> Iterator[tuple[File, Imported]]:
    """What files import, whose text may be given, in their order."""
    ordered = list(files)
    texts = read(file for file in ordered if file.path not in given)
    for file in ordered if given else ():
        if file.path in given:
            yield file, imported(given[file.path].text.encode("utf-8", "surrogatepass"))
    yield from texts
