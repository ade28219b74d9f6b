"""Who may import whom: only downwards, and one door each for the heavy libraries."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "racelint"

LAYERS = """
    frozen expressions
    stack events finding paths words testing lighter
    rewrite timeline
    source
    parse facts
    index
    models
    names grafts back_references need
    resolve
    evidence
    keys touch store_types
    store_calls
    elsewhere
    meeting helpers
    spans
    candidates
    candidate
    nominate
    flow
    edits
    pattern
    creation
    rule
    rules
    suppress report explain repro
    analyse config jobs globs
    config_files
    discovery imported
    context
    cache
    run
    remembered
    fix adoption
    __init__
    server
    cli flake8_plugin
    __main__
"""
"""From the bottom to the top; a module imports from lines above its own, or from its own package."""

DOORS = {
    "libcst": ("flow", "edits", "lighter"),
    "astroid": ("resolve",),
    "flake8": ("flake8_plugin",),
    "frontrun": (),
    "pygls": ("server",),
    "lsprotocol": ("server",),
}

CHEAP = {"frozen", "expressions"}
"""Stand for `dataclasses` and `re` and know of nothing else."""
WALLS = {
    "rules": {"finding", "need", "pattern", "creation", "rule", "rules", *CHEAP},
    "report": {"finding", "rewrite", "source", "timeline", "report", *CHEAP},
    "timeline": {"finding", "timeline", *CHEAP},
    "suppress": {"finding", "source", *CHEAP},
    "repro": {"finding", "source", "repro", "testing", *CHEAP},
    "runtime": {"runtime"},
    "testing": {"testing"},
}
"""Parts that may not even use all that lies below them."""


@dataclass(frozen=True)
class Import:
    """An import in a file of the package."""

    file: str
    line: int
    part: str
    """The module or package of racelint that imports."""
    name: str
    """The dotted name that is imported."""
    for_types: bool
    """Only type checkers run it."""

    @property
    def target(self) -> str | None:
        """The part of racelint that is imported; None if it is something else."""
        package, _, rest = self.name.partition(".")
        if package != "racelint":
            return None
        part = rest.partition(".")[0]
        return part if (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").is_file() else "__init__"

    def __str__(self) -> str:
        """Where it stands and what it imports."""
        return f"{self.file}:{self.line}: {self.name}"


def imports_of(file: Path) -> Iterator[Import]:
    """The imports of a file, wherever they stand in it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    types_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        shown = file.relative_to(ROOT).as_posix()
        part = file.relative_to(PACKAGE).parts[0].removesuffix(".py") if file.is_relative_to(PACKAGE) else "tests"
        for name in names:
            yield Import(shown, getattr(node, "lineno", 0), part, name, id(node) in types_only)


IMPORTS = [found for file in sorted(PACKAGE.rglob("*.py")) for found in imports_of(file)]
PARTS = sorted({path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")})


def layer(part: str) -> int:
    """How far up a part lies."""
    return next(number for number, line in enumerate(LAYERS.strip().splitlines()) if part in line.split())


def test_every_part_has_a_layer() -> None:
    """A new module is given its place here."""
    missing = [part for part in PARTS if part not in LAYERS.split() and part != "runtime"]
    assert missing == []


def test_imports_point_downwards() -> None:
    """No module knows of one above it; what only type checkers see may point up."""
    wrong = [
        str(found)
        for found in IMPORTS
        if found.target not in (None, found.part) and not found.for_types and found.part != "runtime"
        if layer(found.target or "") >= layer(found.part)
    ]
    assert wrong == []


@pytest.mark.parametrize("part", WALLS)
def test_walls(part: str) -> None:
    """Rules see neither syntax nor libraries; reports see findings only; the runtime sees nothing of the linter."""
    wrong = [
        str(found)
        for found in IMPORTS
        if found.part == part and found.target is not None and found.target not in WALLS[part]
    ]
    assert wrong == []


@pytest.mark.parametrize("library", DOORS)
def test_one_door_for_each_library(library: str) -> None:
    """What is heavy, or may be missing, is imported in one place."""
    wrong = [
        str(found) for found in IMPORTS if found.name.partition(".")[0] == library and found.part not in DOORS[library]
    ]
    assert wrong == []


def test_the_explorer_is_the_only_door_to_frontrun() -> None:
    """Tests ask `tests/explorer.py` for the interleavings."""
    imports = [found for file in sorted((ROOT / "tests").glob("*.py")) for found in imports_of(file)]
    users = {found.file for found in imports if found.name.partition(".")[0] == "frontrun"}
    assert users <= {"tests/explorer.py"}


def test_the_runtime_needs_the_standard_library_only() -> None:
    """It runs in production, and `testing` in the tests of others; drivers of stores are imported inside functions."""
    import sys

    wrong = [
        str(found)
        for found in IMPORTS
        if found.part in ("runtime", "testing")
        and found.target is None
        and not found.for_types
        and found.name.partition(".")[0] not in sys.stdlib_module_names
        and not found.file.startswith("racelint/runtime/stores/")
    ]
    assert wrong == []
