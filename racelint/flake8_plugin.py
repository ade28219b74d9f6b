"""racelint in flake8: its tree and lines become findings.

flake8 shows one file at a time, so a race that is seen only with other modules is left to `racelint` itself; for the same
reason no suppression is called unused here. `# noqa` and the choice of codes are flake8's; `# racelint: ignore[...]`, the
minimum confidence and the models of libraries are read as `racelint` reads them.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import lru_cache

from racelint import __version__
from racelint.analyse import build_index, collect, find_races, nominated
from racelint.config import Config, load_config
from racelint.finding import Finding
from racelint.parse import too_deep
from racelint.rules import RULES
from racelint.source import Source
from racelint.stack import with_deep_stack
from racelint.suppress import UNUSED, apply_suppressions

KNOWN = {rule.code: rule.name for rule in RULES}

Report = tuple[int, int, str, type["Plugin"]]
"""Line from 1, column from 0, code and message, and whose it is."""


class Plugin:
    """What flake8 makes for each file."""

    name = "racelint"
    version = __version__

    def __init__(self, tree: ast.Module, filename: str, lines: list[str]) -> None:
        self._tree = tree
        self._source = Source(filename, "".join(lines))

    def run(self) -> Iterator[Report]:
        """The findings; an error of our own is one too, so that the rest of flake8 goes on."""
        try:
            for finding in _findings(self._source, self._tree):
                yield finding.line, finding.column - 1, f"{finding.code} {finding.message}", type(self)
        except Exception as error:
            yield 1, 0, f"RL900 internal error: {type(error).__name__}: {error}; please report it", type(self)
