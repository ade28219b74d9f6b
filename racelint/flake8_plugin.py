"""racelint in flake8: its tree and lines become findings.

flake8 shows one file at a time. Of the others is seen what the last run of `racelint` has left in its cache, as far as they have
not changed since; without that, a race that is seen only with other modules is left to `racelint` itself. As it is not known which
it is, no suppression is called unused here. `# noqa` and the choice of codes are flake8's. `# racelint: ignore`, the minimum
confidence and the models of libraries are read as `racelint` reads them.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from racelint import __version__
from racelint.analyse import Failed, build_index, collect, find_races, nominated
from racelint.config import Config, ConfigError
from racelint.config_files import load_config
from racelint.facts import ModuleFacts
from racelint.finding import Finding
from racelint.index import Index
from racelint.models.loader import ModelError
from racelint.parse import too_deep
from racelint.report.results import clean
from racelint.rules import RULES
from racelint.source import Source, checksum
from racelint.stack import with_deep_stack
from racelint.suppress import UNREADABLE, UNUSED, apply_suppressions

if TYPE_CHECKING:
    from racelint.cache import Kept

KNOWN = {rule.code: rule.name for rule in RULES}


class Plugin:
    """What flake8 makes for each file."""

    name = "racelint"
    version = __version__

    def __init__(self, tree: ast.Module, filename: str, lines: list[str]) -> None:
        """`lines` are those of the file with their ends."""
        self._tree = tree
        self._source = Source(filename, "".join(lines))

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """Line from 1, column from 0, code and message of each finding.

        An error of our own is a finding too, so that the rest of flake8 goes on.
        """
        failures: list[Exception] = []
        try:
            for finding in self._findings(failures.append):
                yield finding.line, finding.column - 1, f"{finding.code} {clean(finding.message)}", type(self)
        except (ConfigError, ModelError) as error:
            yield 1, 0, clean(f"{UNREADABLE} {error}"), type(self)
        except Exception as error:
            failures.append(error)
        for failure in failures[:1]:
            what = " ".join(f"{type(failure).__name__}: {failure}".split())
            yield 1, 0, clean(f"{UNREADABLE} internal error: {what}; please report it"), type(self)

    def _findings(self, failed: Failed) -> list[Finding]:
        try:
            return _find(self._source, self._tree, failed)
        except RecursionError:
            if too_deep(self._tree, self._source.text) is not None:
                return []
            return with_deep_stack(lambda: _find(self._source, self._tree, failed))


def _find(source: Source, tree: ast.Module, failed: Failed) -> list[Finding]:
    config = _config(os.path.dirname(os.path.abspath(source.path)))
    facts, index = _project(config.root or os.getcwd()).seen_from(source, tree)
    found: list[Finding] = []
    nominees = nominated(facts, index, RULES, config.models, config.min_confidence)
    if nominees is not None and too_deep(tree, source.text) is None:
        found = find_races(source, nominees, RULES, runtime=None, failed=failed)  # flake8 shows no repairs
    left = apply_suppressions(source, found, enabled={UNUSED}, known=KNOWN, noqa=False)
    return [finding for finding in left if finding.confidence.rank >= config.min_confidence.rank]


@cache
def _config(directory: str) -> Config:
    """The configuration that holds in a directory. Raises ConfigError."""
    return load_config(directory, RULES)


class Project:
    """The other files, as the cache knows them."""

    def __init__(self, kept: Mapping[str, Kept]) -> None:
        """`kept` is by the absolute path of the file."""
        self._kept = kept
        self._index = build_index([one.facts for one in kept.values()])

    def seen_from(self, source: Source, tree: ast.Module) -> tuple[ModuleFacts, Index]:
        """The facts of a file, and those of all beside it."""
        path = os.path.abspath(source.path)
        known = self._kept.get(path)
        if known is not None and known.checksum == checksum(source):
            return known.facts, self._index
        facts = collect(source, tree)
        others = [one.facts for other, one in self._kept.items() if other != path]
        return facts, build_index([facts, *others], whole=bool(others) or _has_nothing_beside(path))


def _has_nothing_beside(path: str) -> bool:
    """Whether a file is part of no project and no other one lies beside it; else nobody knows what uses it without the facts of a run."""
    from racelint.context import project_root

    if project_root(path) is not None:
        return False
    folder, name = os.path.split(path)
    try:
        return not any(other.endswith(".py") and other != name for other in os.listdir(folder))
    except OSError:
        return False


@cache
def _project(root: str) -> Project:
    """What a run of `racelint` in this folder has left of the files below it; nothing is kept here, for the cache is not ours."""
    from racelint.cache import cache_folder, existing
    from racelint.run import Report

    found = existing(cache_folder(root, os.environ.get("RACELINT_CACHE_DIR", "")), Report)
    return Project(found.facts_below(os.path.abspath(root)) if found is not None else {})
