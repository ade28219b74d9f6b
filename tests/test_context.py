"""A named file is judged with its project in view; nothing is reported in the rest of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from racelint import context as module
from racelint import lint_paths
from racelint.config import Config
from racelint.context import context
from racelint.discovery import File

METER = """
import asyncio

class Meter:
    def __init__(self):
        self.total = 0

    async def add(self, amount):
        total = self.total
        await asyncio.sleep(0)
        self.total = total + amount
"""
STATE = "from app.meter import Meter\n\nmeter = Meter()\n"
VIEWS = """
from fastapi import APIRouter
from app import state

router = APIRouter()
seen = 0

@router.post("/")
async def create(amount: int):
    global seen
    seen_before = seen
    await state.meter.add(amount)
    seen = seen_before + 1
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose view uses an object of a class in another file."""
    files = {"meter": METER, "state": STATE, "views": VIEWS, "other": "import json\n", "__init__": ""}
    (tmp_path / "app").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    for name, text in files.items():
        (tmp_path / "app" / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def named(*paths: str) -> list[File]:
    """Files as the command line names them."""
    return [File(str(Path(path).absolute()), path, named=True) for path in paths]


def shown(files: list[File]) -> list[str]:
    """The paths of files below the current folder."""
    return [Path(file.path).relative_to(Path.cwd()).as_posix() for file in files]


@pytest.mark.usefixtures("project")
def test_what_is_imported_and_who_imports_it() -> None:
    """Both directions are followed."""
    assert shown(context(named("app/meter.py"), Config())) == ["app/__init__.py", "app/state.py", "app/views.py"]
    assert shown(context(named("app/views.py"), Config())) == ["app/__init__.py", "app/meter.py", "app/state.py"]
    assert "app/meter.py" not in shown(context(named("app/other.py"), Config()))


def test_settings_that_say_how_requests_run(project: Path) -> None:
    """Nobody imports them, and they decide whether the changes of a view are in a transaction."""
    (project / "settings.py").write_text('DATABASES = {"default": {"ATOMIC_REQUESTS": True}}\n')
    assert "settings.py" in shown(context(named("app/views.py"), Config()))
    (project / "settings.py").write_text('DATABASES = {"default": {}}\n')
    assert "settings.py" not in shown(context(named("app/views.py"), Config()))


@pytest.mark.usefixtures("project")
def test_findings_in_the_named_file_only() -> None:
    """The view is the evidence for the class; the view's own race is not reported."""
    (finding,) = lint_paths(["app/meter.py"]).findings
    assert finding.path == "app/meter.py"
    assert "views.py" in finding.evidence


@pytest.mark.usefixtures("project")
def test_a_file_gets_the_findings_it_has_in_its_project() -> None:
    """Named alone or with the rest: the same findings."""
    whole = [finding for finding in lint_paths(["."]).findings if finding.path == "app/meter.py"]
    assert list(lint_paths(["app/meter.py"]).findings) == whole


def test_excluded_files_are_not_read(project: Path) -> None:
    """What the configuration leaves out says nothing either."""
    config = Config(extend_exclude=("views.py",), root=str(project))
    assert shown(context(named("app/meter.py"), config)) == ["app/__init__.py", "app/state.py"]


def test_a_broken_neighbour_is_no_problem_of_the_named_file(project: Path) -> None:
    """It is read for its facts alone."""
    (project / "app" / "state.py").write_text(STATE + "def (:\n")
    assert lint_paths(["app/meter.py"]).problems == ()


@pytest.mark.usefixtures("project")
def test_directories_are_complete_in_themselves() -> None:
    """What is found by walking needs no named file's surroundings."""
    files = [File(file.path, file.shown) for file in named("app/meter.py")]
    assert context(files, Config()) == []


def test_a_project_is_not_read_beyond_its_bounds(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest files come first."""
    monkeypatch.setattr(module, "MOST_READ", 1)
    (project / "app" / "far.py").write_text("from app import views\n")
    assert len(context(named("app/meter.py"), Config())) == 1


def test_without_a_project_a_package_is_one(project: Path) -> None:
    """The topmost package stands for a project without `pyproject.toml`; a lone script has no surroundings."""
    (project / "pyproject.toml").unlink()
    assert "app/views.py" in shown(context(named("app/meter.py"), Config()))
    (project / "app" / "__init__.py").unlink()
    assert context(named("app/meter.py"), Config()) == []
