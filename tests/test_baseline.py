"""`--baseline`: what is known is not reported, wherever it has moved, and what is new is."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from racelint.cli.commands import cli

ROOT = Path(__file__).parent.parent

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
"""Reported as RL102 in line 11."""

OTHER = RACE.replace("total", "count").replace("Counter", "Meter")
CLEAN = RACE.replace("total = self.total\n        ", "").replace("= total +", "+=")


def lint(*arguments: str, stdin: str | None = None) -> Result:
    """`racelint`, a line a finding."""
    result = CliRunner().invoke(cli, ["--output-format", "concise", *arguments], input=stdin, standalone_mode=False)
    assert result.exception is None or result.return_value is None, result.output
    return result


def new(*arguments: str, stdin: str | None = None) -> list[str]:
    """Path and code of what is reported."""
    found = lint("--baseline", "known.json", *arguments, stdin=stdin)
    return [f"{line.split(':')[0]} {line.split()[1]}" for line in found.stdout.splitlines()]


def entries() -> list[dict[str, object]]:
    """What stands in the baseline."""
    document = json.loads(Path("known.json").read_text(encoding="utf-8"))
    assert document["version"] == 1
    found: list[dict[str, object]] = document["findings"]
    return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two races, of which a baseline knows."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "race.py").write_text(RACE)
    (tmp_path / "other.py").write_text(OTHER)
    lint("--baseline", "known.json", "--update-baseline")
    return tmp_path


def test_what_is_known_is_not_reported(project: Path) -> None:
    """The status is that of nothing found, and nothing is printed; without the baseline all is there."""
    result = lint("--baseline", "known.json")
    assert (result.return_value, result.output) == (0, "")
    assert lint().return_value == 1


def test_an_entry_says_what_the_finding_means(project: Path) -> None:
    """No line and no column; one entry a line, sorted, paths with slashes from the folder of the baseline."""
    assert entries() == [
        {
            "path": path,
            "code": "RL102",
            "symbol": symbol,
            "resource": resource,
            "statements": [resource, f"{resource}={resource[5:]}+n"],
            "confidence": "high",
        }
        for path, symbol, resource in [
            ("other.py", "Meter.add", "self.count"),
            ("race.py", "Counter.add", "self.total"),
        ]
    ]
    assert len((project / "known.json").read_text().splitlines()) == 5


def test_what_is_new_is_reported(project: Path) -> None:
    """Also a second race just like a known one, for each entry is one finding."""
    (project / "more.py").write_text(RACE)
    assert new() == ["more.py RL102"]
    again = "".join(RACE.splitlines(keepends=True)[8:11])
    (project / "race.py").write_text(RACE.replace(again, again + again))
    assert new("race.py") == ["race.py RL102"]


def edited(*changes: tuple[str, str]) -> Callable[[str], str]:
    """Text with pieces replaced, each of which is there."""

    def edit(text: str) -> str:
        for old, replacement in changes:
            assert old in text
            text = text.replace(old, replacement)
        return text

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        edited(("class Counter", "# one\n\n\nX = 1\n\n\nclass Counter")),
        edited(("self.total = total + n", "self.total = (\n            total\n            + n\n        )")),
        edited(("        await", "        await asyncio.sleep(1)\n        await")),
        edited(("Counter", "Counters")),
        edited(("def add", "def put"), ("counter.add", "counter.put")),
    ],
    ids=["moved down", "reformatted", "another switch point", "class renamed", "method renamed"],
)
def test_what_has_only_changed_its_place_is_known(project: Path, edit: Callable[[str], str]) -> None:
    """Lines, layout, the awaits in between, the name of the class or of the function."""
    (project / "race.py").write_text(edit(RACE))
    assert new() == []
    assert lint("--baseline", "known.json", "--error-stale-baseline").return_value == 0


def test_a_changed_access_is_new(project: Path) -> None:
    """It may hurt in another way than what was accepted."""
    (project / "race.py").write_text(RACE.replace("= total + n", "= total - n"))
    assert new() == ["race.py RL102"]


def test_a_renamed_or_moved_file_is_known(project: Path) -> None:
    """Also if only the new name is given, as pre-commit does."""
    (project / "app").mkdir()
    (project / "race.py").rename(project / "app" / "counter.py")
    assert new() == []
    assert new("app/counter.py") == []


def test_a_copy_is_new(project: Path) -> None:
    """The file that was copied still has its own; a run that looks at the copy alone knows that, too."""
    (project / "app.py").write_text(RACE)
    assert new("app.py") == ["app.py RL102"]


def test_a_class_that_moved_to_another_file_is_known(project: Path) -> None:
    """Although its old file is still there."""
    (project / "race.py").write_text("X = 1\n")
    (project / "app.py").write_text(RACE)
    assert new() == []


def test_paths_are_those_of_the_baseline(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever racelint is run, and whatever is named."""
    (project / "app").mkdir()
    monkeypatch.chdir(project / "app")
    assert lint("..", "--baseline", "../known.json").return_value == 0
    assert lint(str(project / "race.py"), "--baseline", str(project / "known.json")).return_value == 0


def test_a_configured_baseline(project: Path) -> None:
    """It holds for every run, relative to the configuration, unless it is switched off."""
    (project / "racelint.toml").write_text('baseline = "known.json"\n')
    assert lint().return_value == 0
    assert lint("race.py").return_value == 0
    assert lint("--no-baseline").return_value == 1
    assert lint("-", "--stdin-filename", "race.py", stdin=RACE).return_value == 0
    assert lint("-", "--stdin-filename", "race.py", stdin=OTHER).return_value == 1


def test_what_is_known_is_not_repaired(project: Path) -> None:
    """`--fix` repairs what is new; `--diff` shows the same."""
    (project / "race.py").write_text(RACE.replace("Counter", "Tally") + "    counter.total += await counter.size()\n")
    before = (project / "other.py").read_text()
    assert lint("--baseline", "known.json", "--fix", "--unsafe-fixes").return_value == 0
    assert (project / "other.py").read_text() == before
    assert "total = self.total\n" in (project / "race.py").read_text()


# What is no longer found


def test_stale_entries_are_said(project: Path) -> None:
    """They are no error unless that is asked for, and then each is named."""
    (project / "race.py").write_text(CLEAN)
    result = lint("--baseline", "known.json")
    assert result.return_value == 0
    assert result.stderr == ("racelint: known.json: 1 finding no longer found; --prune-baseline removes what is gone\n")
    assert lint("--baseline", "known.json", "--quiet").output == ""
    result = lint("--baseline", "known.json", "--error-stale-baseline")
    assert result.return_value == 1
    assert "racelint: known.json: race.py: RL102 in Counter.add is no longer found\n" in result.stderr
    assert lint("--baseline", "known.json", "--error-stale-baseline", "--exit-zero").return_value == 0


def test_prune_takes_out_what_is_gone_and_nothing_else(project: Path) -> None:
    """New findings are reported and do not enter the baseline."""
    (project / "race.py").unlink()
    (project / "new.py").write_text(RACE.replace("+ n", "- n"))
    result = lint("--baseline", "known.json", "--prune-baseline")
    assert (result.return_value, result.stderr) == (1, "racelint: known.json: 1 finding removed, 1 left\n")
    assert [entry["path"] for entry in entries()] == ["other.py"]
    assert new() == ["new.py RL102"]


def test_update_makes_the_baseline_what_is_found(project: Path) -> None:
    """It says what that changes, and writes nothing if nothing does."""
    (project / "race.py").write_text(CLEAN)
    (project / "new.py").write_text(RACE)
    (project / "third.py").write_text(RACE)
    result = lint("--baseline", "known.json", "--update-baseline")
    assert result.return_value == 0
    assert (result.stdout, result.stderr) == ("", "racelint: known.json: 3 findings, 1 of them new; 0 removed\n")
    assert [entry["path"] for entry in entries()] == ["new.py", "other.py", "third.py"]
    before = (project / "known.json").stat().st_ino
    lint("--baseline", "known.json", "--update-baseline")
    assert (project / "known.json").stat().st_ino == before


@pytest.mark.parametrize("option", ["--update-baseline", "--prune-baseline"])
@pytest.mark.parametrize(
    "arguments", [["other.py"], ["--select", "RL103"], ["--min-confidence", "high", "other.py"]], ids=" ".join
)
def test_what_was_not_looked_at_stays(project: Path, option: str, arguments: list[str]) -> None:
    """A run over one file, or with some rules only, says nothing about the rest."""
    assert lint("--baseline", "known.json", "--error-stale-baseline", *arguments).return_value == 0
    lint("--baseline", "known.json", option, *arguments)
    assert [entry["path"] for entry in entries()] == ["other.py", "race.py"]


def test_a_file_that_cannot_be_parsed_keeps_its_entries(project: Path) -> None:
    """Nobody knows what is in it; that it cannot be parsed is reported as ever."""
    (project / "race.py").write_text("def f(:\n")
    result = lint("--baseline", "known.json", "--prune-baseline")
    assert result.return_value == 1
    assert "race.py:1:7: RL900" in result.stdout
    assert len(entries()) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<<<<<<< ours\n", "known.json: this is no baseline: line 1: it is not JSON"),
        ("[]", "known.json: this is no baseline: it is without a version, and this racelint reads version 1"),
        ('{"version": 2}', "it is of version 2"),
        ('{"version": 1}', "it has no list of `findings`"),
        ('{"version": 1, "findings": [{"path": 1}]}', "finding 1 is not as racelint writes them"),
        ("[" * 100_000, "it is nested too deep"),
        (None, "known.json: there is no such baseline; --update-baseline writes one"),
    ],
)
def test_a_file_that_is_no_baseline_is_an_error(project: Path, text: str | None, message: str) -> None:
    """It is not taken for an empty one."""
    (project / "known.json").unlink()
    if text is not None:
        (project / "known.json").write_text(text)
    result = CliRunner().invoke(cli, ["--baseline", "known.json"])
    assert result.exit_code != 0
    assert message in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--update-baseline"], "--update-baseline needs --baseline"),
        (["--baseline", "a", "--update-baseline", "--prune-baseline"], "exclude each other"),
        (["--baseline", "a", "--update-baseline", "--fix"], "shows no findings: it goes with no other output"),
        (["--baseline", "a", "--update-baseline", "-o", "json:x"], "shows no findings: it goes with no other output"),
    ],
)
def test_options_that_contradict_each_other(project: Path, arguments: list[str], message: str) -> None:
    """Are said to, before anything is looked at."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


# A history


class History:
    """A git repository of the racy examples, in which people work."""

    def __init__(self, folder: Path) -> None:
        """With a first commit."""
        self.folder = folder
        self.commits: list[str] = []
        for file in (ROOT / "examples" / "racy").glob("*.py"):
            (folder / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
        self.git("init", "--quiet")
        self.commit("first")

    def git(self, *arguments: str) -> str:
        """What git prints."""
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout

    def commit(self, message: str) -> None:
        """Everything that is there."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.commits.append(message)

    def rewrite(self, change: Callable[[str], str]) -> None:
        """All files."""
        for file in self.folder.rglob("*.py"):
            file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")


def reformatted(text: str) -> str:
    """Other quotes, other line breaks, other parentheses, no comments."""
    return ast.unparse(ast.parse(text)) + "\n"


def reordered(text: str) -> str:
    """The methods of each class, and the functions between classes, the other way round."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            functions = [one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
            node.body = [one for one in node.body if one not in functions] + functions[::-1]
    return ast.unparse(tree) + "\n"


def test_a_baseline_outlives_a_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reformatted, reordered, grown, moved into a package and renamed: nothing is new and nothing stale.

    A baseline of the first commit fits the last, one of the last fits the first; a race that is added is seen, and one that
    is repaired is stale.
    """
    folder = tmp_path / "repository"
    folder.mkdir()
    history = History(folder)
    monkeypatch.chdir(folder)
    known = str(tmp_path / "known.json")

    def stands(baseline: str = known) -> tuple[int, str]:
        result = lint("--baseline", baseline, "--error-stale-baseline")
        return result.return_value, result.output

    lint("--baseline", known, "--update-baseline")
    first = json.loads(Path(known).read_text(encoding="utf-8"))["findings"]
    assert len(first) >= 8
    history.rewrite(reformatted)
    history.commit("reformat")
    assert stands() == (0, "")
    history.rewrite(reordered)
    history.commit("reorder")
    assert stands() == (0, "")
    history.rewrite(lambda text: text.replace("    async def ", "    # a word\n    async def "))
    history.commit("comments")
    assert stands() == (0, "")
    (folder / "app").mkdir()
    for file in sorted(folder.glob("*.py")):
        history.git("mv", file.name, f"app/the_{file.name}")
    history.commit("rename")
    assert stands() == (0, "")

    last = str(tmp_path / "last.json")
    lint("--baseline", last, "--update-baseline")
    history.git("checkout", "--quiet", "HEAD~4")
    assert stands(last) == (0, "")
    history.git("checkout", "--quiet", "-")

    (folder / "app" / "late.py").write_text(RACE)
    history.commit("a race")
    status, output = stands()
    assert status == 1
    assert output.startswith("app/late.py:11:9: RL102")
    (folder / "app" / "the_render_pipeline.py").unlink()
    history.commit("a repair")
    status, output = stands()
    assert "RL104 in RenderPipeline.add_log is no longer found" in output
