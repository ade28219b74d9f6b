"""What is found in a project of which nothing runs beside anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from racelint import lint_paths
from racelint.config import Config
from racelint.finding import Confidence

CATALOGUE = """
import json

STARS = "/home/sky/stars.json"

def stars():
    with open(STARS) as file:
        return json.load(file)

def keep_in_cache(found):
    with open(STARS, "w") as file:
        json.dump(found, file)
"""
MAIN = "from sky import catalogue\n\ndef renew():\n    catalogue.keep_in_cache({**catalogue.stars()})\n"


def project(folder: Path, more: str) -> list[Confidence]:
    """The confidence of the findings in the catalogue, with some code beside it."""
    package = folder / "sky"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "catalogue.py").write_text(CATALOGUE)
    (package / "main.py").write_text(MAIN)
    (package / "more.py").write_text(more)
    report = lint_paths([str(folder)], Config(min_confidence=Confidence.LOW))
    return [finding.confidence for finding in report.findings if finding.code == "RL702"]


@pytest.mark.parametrize(
    "more",
    [
        "import threading\n",
        "from fastapi import FastAPI\n",
        "async def look():\n    pass\n",
        "def lambda_handler(event, context):\n    pass\n",
    ],
)
def test_something_runs_beside(tmp_path: Path, more: str) -> None:
    assert project(tmp_path, more) == [Confidence.MEDIUM]


def test_nothing_runs_beside(tmp_path: Path) -> None:
    assert project(tmp_path, "import csv\n") == [Confidence.LOW]


def test_of_a_single_module_nothing_is_known(tmp_path: Path) -> None:
    (tmp_path / "catalogue.py").write_text(CATALOGUE)
    report = lint_paths([str(tmp_path)], Config())
    assert [finding.code for finding in report.findings] == ["RL702"]


PRESETS = """
from pathlib import Path
from fastapi import FastAPI

api = FastAPI()

@api.delete("/presets/{name}")
async def drop(name: str):
    preset = Path("/srv/presets") / name
    if preset.is_file():
        preset.unlink()
"""


@pytest.mark.parametrize(
    ("more", "confidence"),
    [
        ("import uvicorn\nuvicorn.run('presets:api')\n", Confidence.LOW),
        ("import uvicorn\nuvicorn.run('presets:api', workers=4)\n", Confidence.MEDIUM),
        ("from gunicorn.app.base import BaseApplication\n", Confidence.MEDIUM),
    ],
)
def test_coroutines_of_several_processes(tmp_path: Path, more: str, confidence: Confidence) -> None:
    """Between two steps of a coroutine another process comes, if the project says that there is one."""
    (tmp_path / "presets.py").write_text(PRESETS)
    (tmp_path / "serve.py").write_text(more)
    report = lint_paths([str(tmp_path)], Config(min_confidence=Confidence.LOW))
    assert [finding.confidence for finding in report.findings if finding.code == "RL701"] == [confidence]
