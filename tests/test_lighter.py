"""libcst as racelint's own process imports it is libcst as everybody has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = [
    ROOT / "racelint" / name for name in ("run.py", "suppress.py", "flow/expressions.py", "rules/stale_write.py")
]

TOLD = """
import hashlib, sys
from pathlib import Path
from racelint.lighter import claim_process, import_libcst
if sys.argv[1] == "ours":
    claim_process()
import_libcst()
import libcst as cst
for name in sys.argv[2:]:
    module = cst.parse_module(Path(name).read_text())
    changed = module.visit(cst.CSTTransformer()).with_changes(header=[cst.EmptyLine()])
    print(hashlib.sha256(repr((changed, module.deep_clone().code)).encode()).hexdigest())
try:
    cst.Name("two words")
except cst.CSTValidationError as error:
    print(error)
name = cst.Name("a")
print(name == name, name == cst.Name("a"), {name: 1}[name], name.deep_equals(cst.Name("a")), len(cst.Name.__match_args__))
from libcst.metadata import MetadataWrapper, PositionProvider
assert cst.MetadataWrapper is MetadataWrapper
places = MetadataWrapper(cst.parse_module("a = 1\\n")).resolve(PositionProvider)
print(sorted((type(node).__name__, place.start.column) for node, place in places.items()))
"""


def told(whose: str) -> str:
    """What libcst makes of some sources, in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", TOLD, whose, *map(str, SOURCES)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return run.stdout


def test_the_same_trees() -> None:
    """They are parsed, compared, changed and printed alike, and what is read late is there."""
    assert told("ours") == told("shared")


def test_other_processes_are_left_alone() -> None:
    """Only the command line claims its process: elsewhere others may use libcst, too."""
    script = "import dataclasses, libcst, racelint.flow; print(libcst.Name.__dataclass_params__.frozen)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "True\n"
    script = "import racelint.flow, libcst; print(libcst.Name.__dataclass_params__.frozen)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "True\n"
