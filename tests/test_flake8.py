"""racelint as a flake8 plugin, run by flake8 itself."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from racelint import flake8_plugin
from racelint.cache import FOLDER
from racelint.cli import run as run_racelint
from racelint.flake8_plugin import Plugin
from racelint.run import lint_paths

ROOT = Path(__file__).parent.parent

RACE = """\
import asyncio


class Account:
    def __init__(self):
        self.balance = 0

    async def deposit(self, amount):
        balance = self.balance
        await asyncio.sleep(0)
        self.balance = balance + amount{comment}


async def main():
    account = Account()
    await asyncio.gather(*[account.deposit(1) for _ in range(9)])
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder in which flake8 knows racelint, as it does where the package is installed."""
    found = re.search(
        r'^\[project\.entry-points\."flake8\.extension"\]\n(.+?)\n\n',
        (ROOT / "pyproject.toml").read_text(),
        re.DOTALL | re.MULTILINE,
    )
    assert found
    metadata = tmp_path / "site" / "racelint-0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: racelint\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text("[flake8.extension]\n" + found[1].replace('"', "") + "\n")
    (tmp_path / ".flake8").write_text("[flake8]\n")
    return tmp_path


def flake8(project: Path, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """flake8 in the project, with RL only unless the arguments say otherwise."""
    return subprocess.run(
        [sys.executable, "-m", "flake8", *arguments],
        cwd=project,
        env={"PYTHONPATH": f"{project / 'site'}:{ROOT}", "PATH": ""},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )


def reported(project: Path, text: str, *arguments: str) -> list[tuple[int, int, str]]:
    """Line, column and code of what flake8 prints for a file with this text."""
    (project / "app.py").write_text(text)
    run = flake8(project, *(arguments or ("--select", "RL")), "app.py")
    assert run.stderr == ""
    lines = [re.fullmatch(r"app\.py:(\d+):(\d+): (\w+) .+", line) for line in run.stdout.splitlines()]
    return [(int(match[1]), int(match[2]), match[3]) for match in lines if match]


def test_a_race_is_reported_where_racelint_reports_it(project: Path) -> None:
    """Same line, same column (flake8 counts from 1 too), same message."""
    assert reported(project, RACE.format(comment="")) == [(11, 9, "RL102")]
    text = flake8(project, "--select", "RL", "app.py").stdout
    assert "RL102 `self.balance` is read on line 9" in text


def test_standard_input(project: Path) -> None:
    """flake8 hands over what editors send."""
    run = flake8(project, "--select", "RL", "--stdin-display-name", "x.py", "-", stdin=RACE.format(comment=""))
    assert run.stdout.startswith("x.py:11:9: RL102 ")


@pytest.mark.parametrize(
    "comment",
    ["  # noqa: RL102", "  # noqa", "  # racelint: ignore[RL102]", "  # racelint: ignore[stale-write] one caller"],
)
def test_comments_silence(project: Path, comment: str) -> None:
    """`# noqa` is flake8's, `# racelint: ignore` is ours."""
    assert reported(project, RACE.format(comment=comment)) == []


def test_flake8_chooses_the_codes(project: Path) -> None:
    """RL is on by default, and goes with --extend-ignore and --disable-noqa as any other code."""
    race = RACE.format(comment="  # noqa: RL102")
    assert reported(project, race, "--max-line-length", "99") == []
    assert reported(project, race, "--disable-noqa") == [(11, 9, "RL102")]
    assert reported(project, RACE.format(comment=""), "--extend-ignore", "RL1") == []


def test_suppressions_are_not_called_unused_here(project: Path) -> None:
    """flake8 shows one file, so what silences a race across modules looks idle; a name that is no rule is wrong."""
    assert reported(project, "x = 1  # racelint: ignore[RL102]\n") == []
    assert reported(project, "x = 1  # racelint: ignore[stale-wriet]\n") == [(1, 8, "RL901")]


def test_the_minimum_confidence_is_that_of_the_project(project: Path) -> None:
    """[tool.racelint] of the nearest pyproject.toml counts, medium without it."""
    likely = RACE.format(comment="")
    unlikely = "".join(likely.partition("\n\nasync def main")[:1]) + "\n"
    (project / "pyproject.toml").write_text('[tool.racelint]\nmin-confidence = "low"\n')
    at_low = reported(project, unlikely), reported(project, likely)
    (project / "pyproject.toml").write_text('[tool.racelint]\nmin-confidence = "high"\n')
    at_high = reported(project, unlikely), reported(project, likely)
    assert at_low[1] == at_high[1] == [(11, 9, "RL102")]
    assert at_high[0] == []


def test_what_the_last_run_knows_of_other_files_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The starter in another module makes the race sure: with the facts in the cache, not without, not when it has changed."""
    race, _, start = RACE.format(comment="").partition("\n\nasync def main")
    starter = "import asyncio\nfrom app import Account\n\n\nasync def main" + start
    (project / "app.py").write_text(race + "\n")
    (project / "starter.py").write_text(starter)
    assert flake8(project, "--select", "RL", "app.py").stdout == ""
    assert not (project / FOLDER).exists()
    later = time.time_ns() + 3 * 10**9  # what has just been written is not known by its times
    monkeypatch.setattr("racelint.cache.store.time.time_ns", lambda: later)
    monkeypatch.chdir(project)
    monkeypatch.delenv("RACELINT_CACHE_DIR")
    assert run_racelint(["."]) == 1
    assert flake8(project, "--select", "RL", "app.py").stdout.startswith("app.py:11:9: RL102 ")
    (project / "starter.py").write_text(starter.replace("account.deposit(1) for", "print(1) for"))
    assert flake8(project, "--select", "RL", "app.py").stdout == ""


def test_a_wrong_configuration_is_reported_once_a_file(project: Path) -> None:
    """flake8 goes on; the message says what is wrong."""
    (project / "pyproject.toml").write_text('[tool.racelint]\nmin-confidense = "low"\n')
    (project / "app.py").write_text("import os\n")
    run = flake8(project, "app.py")
    assert "app.py:1:1: RL900 " in run.stdout
    assert "min-confidense" in run.stdout
    assert "F401" in run.stdout


def test_a_syntax_error_is_flake8s(project: Path) -> None:
    """It says E999; nothing is said twice."""
    assert reported(project, "def f(:\n", "--select", "RL,E9") == [(1, 8, "E999")]


def test_an_error_of_ours_does_not_stop_flake8(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a finding in line 1, and the other plugins go on."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("on\npurpose")

    monkeypatch.setattr(flake8_plugin, "collect", fail)
    assert list(Plugin(ast.parse("x = 1"), "a.py", ["x = 1\n"]).run()) == [
        (1, 0, "RL900 internal error: ZeroDivisionError: on purpose; please report it", Plugin)
    ]


def test_deep_nesting_is_no_error() -> None:
    """An expression nested 900 deep does not exhaust the stack; one that no analysis can take is left out."""
    for depth in (900, 3000):
        text = "x = " + "+ ".join(["a "] * depth) + "\n"
        try:
            tree = ast.parse(text)
        except (RecursionError, MemoryError):
            continue
        assert list(Plugin(tree, "a.py", [text]).run()) == []


def test_nothing_heavy_is_imported_for_a_file_without_candidates() -> None:
    """Flows wait until a definition is nominated; then they come, which shows that the test sees it. Repairs are not shown."""
    program = """
import ast, sys
from racelint.flake8_plugin import Plugin
from racelint.run import lint_paths
for text in (open(sys.argv[1]).read(), {race!r}):
    list(Plugin(ast.parse(text), "a.py", text.splitlines(True)).run())
    print(sorted({{"libcst", "astroid", "flake8", "click", "racelint.flow"}} & set(sys.modules)))
"""
    run = subprocess.run(
        [sys.executable, "-c", program.format(race=RACE.format(comment="")), str(ROOT / "racelint" / "finding.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines() == ["[]", "['libcst', 'racelint.flow']"]


def test_the_examples_give_the_same_findings_as_racelint(project: Path) -> None:
    """Same lines, columns, codes and messages."""
    run = flake8(project, "--select", "RL", str(ROOT / "examples"))
    ours = [
        f"{os.path.abspath(f.path)}:{f.line}:{f.column}: {f.code} {f.message}"
        for f in lint_paths([ROOT / "examples"]).findings
    ]
    assert ours
    assert sorted(run.stdout.splitlines()) == sorted(ours)


def test_a_file_is_not_taken_to_be_alone_where_nobody_looked_for_others(project: Path) -> None:
    """racelint has looked and found none; flake8 hands over one file, and the rest of its project may well be there."""
    source = (
        "import sqlite3\nimport threading\n\n\nclass Books:\n    def __init__(self) -> None:\n        self._connection = None\n"
        "        self.written = threading.Event()\n\n    @property\n    def connection(self):\n        if self._connection is None:\n"
        '            self._connection = sqlite3.connect("books.db", check_same_thread=False)\n        return self._connection\n'
    )
    path = project / "books.py"
    path.write_text(source)
    from racelint.run import lint_source

    def found() -> list[str]:
        run = Plugin(ast.parse(source), str(path), source.splitlines(keepends=True)).run()
        return [said[:5] for _, _, said, _ in run]

    assert found() == [finding.code for finding in lint_source(source).findings] == ["RL302"]
    (project / "shop.py").write_text("import books\n")
    assert found() == []
    (project / "shop.py").unlink()
    (project / "pyproject.toml").write_text("")
    assert found() == []
