"""`--new-from REV`: what is found in a commit already is not reported."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from racelint.cli.commands import cli

RACE = """\
import asyncio


class Counter:
    def __init__(self):
        self.total = 0

    async def add(self, n):
        total = self.total
        await asyncio.sleep(0)
        self.total = total + n


async def main(counter):
    await asyncio.gather(*(counter.add(i) for i in range(9)))
"""
OTHER = RACE.replace("total", "count").replace("Counter", "Meter")


def git(*arguments: str) -> str:
    """Run in the current folder, as somebody."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout


def lint(*arguments: str) -> Result:
    """`racelint` against HEAD, a line a finding."""
    command = ["--output-format", "concise", "--new-from", "HEAD", *arguments]
    result = CliRunner().invoke(cli, command, standalone_mode=False)
    assert result.exception is None or result.return_value is None, result.output
    return result


def new(*arguments: str) -> list[str]:
    """Path and code of what is new."""
    return [f"{line.split(':')[0]} {line.split()[1]}" for line in lint(*arguments).stdout.splitlines()]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A commit with a race in `app/race.py`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "race.py").write_text(RACE)
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "first")
    return tmp_path


def test_what_was_there_is_not_reported(repository: Path) -> None:
    """Whatever has been done to its place since; nothing is checked out and nothing is written."""
    assert lint().return_value == 0
    assert lint().output == ""
    (repository / "app" / "race.py").write_text("# moved\n\n" + RACE)
    assert new() == []
    assert git("status", "--porcelain") == " M app/race.py\n"


def test_what_is_new_is_reported(repository: Path) -> None:
    """In a changed file and in one that git does not know; committed or not."""
    (repository / "app" / "other.py").write_text(OTHER)
    (repository / "app" / "race.py").write_text(RACE.replace("+ n", "- n"))
    assert new() == ["app/other.py RL102", "app/race.py RL102"]
    assert new("app/other.py") == ["app/other.py RL102"]
    assert lint("--exit-zero").return_value == 0
    git("add", "--all")
    git("commit", "--quiet", "--message", "second")
    assert new() == []
    assert new("--new-from", "HEAD~1") == ["app/other.py RL102", "app/race.py RL102"]


def test_a_race_that_a_change_elsewhere_makes_is_new(repository: Path) -> None:
    """Both trees are analysed as a whole: the new caller makes an old method racy."""
    calm, calls = RACE.split("async def main")
    (repository / "app" / "race.py").write_text(calm)
    git("commit", "--all", "--quiet", "--message", "nobody calls it")
    assert new() == []
    (repository / "app" / "calls.py").write_text(
        "import asyncio\n\nfrom app.race import Counter\n\n\nasync def main"
        + calls.replace("counter)", "counter: Counter)")
    )
    assert new("--min-confidence", "high") == ["app/race.py RL102"]


def test_a_renamed_file_is_known(repository: Path) -> None:
    """By its new name alone, too."""
    git("mv", "app/race.py", "app/counter.py")
    assert new() == []
    assert new("app/counter.py") == []
    assert new("app") == []


def test_it_runs_in_a_folder_of_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And through a link to it."""
    monkeypatch.chdir(repository / "app")
    (repository / "app" / "other.py").write_text(OTHER)
    assert new() == ["other.py RL102"]
    assert new("..") == [f"{repository}/app/other.py RL102".removeprefix(f"{repository}/app/")]
    (repository / "link").symlink_to("app")
    monkeypatch.chdir(repository)
    assert new("link") == ["link/other.py RL102"]


def test_what_is_ignored_or_excluded_now_was_so_then(repository: Path) -> None:
    """A race that was in a file which is left out today does not hide another."""
    (repository / "new.py").write_text(RACE)
    assert new("--extend-exclude", "app") == ["new.py RL102"]
    (repository / ".gitignore").write_text("app\n")
    assert new() == ["new.py RL102"]


def test_what_cannot_be_parsed_then_is_new_now(repository: Path) -> None:
    """No problem of the old tree is reported."""
    (repository / "app" / "race.py").write_text("def f(:\n")
    git("commit", "--all", "--quiet", "--message", "broken")
    (repository / "app" / "race.py").write_text(RACE)
    assert lint().output.count("\n") == 1
    assert new() == ["app/race.py RL102"]


def test_with_a_baseline_both_are_known(repository: Path) -> None:
    """The baseline's stale entries are told apart from what is not new."""
    (repository / "app" / "other.py").write_text(OTHER)
    CliRunner().invoke(cli, ["app/other.py", "--baseline", "known.json", "--update-baseline"])
    result = lint("--baseline", "known.json", "--error-stale-baseline")
    assert (result.return_value, result.output) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--new-from", "nowhere"], "--new-from: git knows no commit `nowhere` here"),
        (["--new-from", "-x"], "--new-from: git knows no commit `-x` here"),
        (["--new-from", "HEAD", "-"], "--new-from goes neither with --update-baseline nor with standard input"),
        (["--new-from", "HEAD", ".", ".."], "is not in the git repository"),
    ],
)
def test_what_cannot_be_compared_is_an_error(repository: Path, arguments: list[str], message: str) -> None:
    """Rather than a report of everything, or of nothing."""
    result = CliRunner().invoke(cli, arguments, input="")
    assert result.exit_code != 0
    assert message in " ".join(result.output.split())


def test_outside_of_a_repository_it_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That names the folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    result = CliRunner().invoke(cli, ["--new-from", "HEAD"])
    assert "--new-from: . is in no git repository" in result.output
