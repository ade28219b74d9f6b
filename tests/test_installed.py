"""Code that nobody wrote for racelint is read to its end: libraries that the tests need, as they are installed."""

from __future__ import annotations

from importlib.metadata import files
from pathlib import Path

import pytest

from racelint import lint_paths

PACKAGES = ("SQLAlchemy", "aiosqlite", "asyncpg", "hypothesis", "libcst", "psycopg", "pygls", "pytest", "redis")
"""Distributions with threads, tasks, connections and long functions, in styles that are not ours."""


def folders_of(distribution: str) -> list[Path]:
    """The packages that a distribution has installed, which are found without importing them."""
    found = {
        Path(str(file.locate())).parents[len(file.parts) - 2]
        for file in files(distribution) or ()
        if _module(file.parts)
    }
    return sorted(found)


def _module(parts: tuple[str, ...]) -> bool:
    return len(parts) > 1 and parts[-1] == "__init__.py"


@pytest.mark.parametrize("distribution", PACKAGES)
def test_no_file_of_a_library_is_too_much(distribution: str) -> None:
    """No mistake of ours ends the reading of a file, whatever its shape."""
    folders = folders_of(distribution)
    report = lint_paths(folders)
    assert report.files > 5
    assert not report.problems
