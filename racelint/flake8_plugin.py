"""racelint in flake8: its tree and lines become findings.

flake8 shows one file at a time, so a race that is seen only with other modules is left to `racelint` itself; for the
same reason no suppression is called unused here. `# noqa` and the choice of codes are flake8's. `# racelint: ignore`,
the minimum confidence and the models of libraries are read as `racelint` reads them.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from racelint import __version__
from racelint.analyse import build_index, collect, find_races, nominated
from racelint.config import Config, ConfigError, load_config
from racelint.finding import Finding
from racelint.models.loader import ModelError
from racelint.parse import too_deep
from racelint.report.results import clean
from racelint.rules import RULES
from racelint.source import Source
from racelint.stack import with_deep_stack
from racelint.suppress import UNREADABLE, UNUSED, apply_suppressions

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
        try:
            for finding in self._findings():
                yield finding.line, finding.column - 1, f"{finding.code} {clean(finding.message)}", type(self)
        except (ConfigError, ModelError) as error:
            yield 1, 0, clean(f"{UNREADABLE} {error}"), type(self)
        except Exception as error:
            what = " ".join(f"{type(error).__name__}: {error}".split())
            yield 1, 0, clean(f"{UNREADABLE} internal error: {what}; please report it"), type(self)

    def _findings(self) -> list[Finding]:
        try:
            return _find(self._source, self._tree)
        except RecursionError:
            if too_deep(self._tree, self._source.text) is not None:
                return []
            return with_deep_stack(lambda: _find(self._source, self._tree))


def _find(source: Source, tree: ast.Module) -> list[Finding]:
    config = _config(os.path.dirname(os.path.abspath(source.path)))
    facts = collect(source, tree)
    index = build_index([facts])
    found: list[Finding] = []
    nominees = nominated(facts, index, RULES, config.models, config.min_confidence)
    if nominees is not None and too_deep(tree, source.text) is None:
        found = find_races(source, nominees, RULES, runtime=None)  # flake8 shows no repairs
    left = apply_suppressions(source, found, enabled={UNUSED}, known=KNOWN, noqa=False)
    return [finding for finding in left if finding.confidence.rank >= config.min_confidence.rank]


@cache
def _config(directory: str) -> Config:
    """The configuration that holds in a directory. Raises ConfigError."""
    return load_config(Path(directory), RULES)
