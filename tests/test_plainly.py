"""Command lines that are read without click ask for what they ask for with click."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from racelint.cli import checking, plainly
from racelint.cli.commands import cli
from racelint.cli.doing import Asked
from racelint.config import Config

PLAIN = [
    "",
    "check",
    "a.py b.py",
    "check a.py --quiet -q",
    "--isolated --quiet --exit-zero --no-cache --output-format concise a.py",
    "--output-format=json --output-format sarif .",
    "-j 4 .",
    "--jobs=0 check",
    "--jobs 007",
    "--force-exclude src/a.py",
    "--fix --force-exclude a.py",
    "--select RL1,RL2 --select stale-write --ignore=RL102 --extend-select RL3 --extend-ignore RL301,",
    "--min-confidence low --ascii --cache-dir=there",
    "--cache-dir a=b c=d",
]

NOT_PLAIN = [
    "--help",
    "-V",
    "rule RL102",
    "rules",
    "clean",
    "server",
    "-",
    "-- a.py",
    "--verbose",
    "-qj4",
    "-j4",
    "-j=4",
    "--jobs auto",
    "--jobs x",
    "--jobs",
    "--output-format",
    "--output-format full=1",
    "--output-format --quiet",
    "--output-format wrong",
    "--output-format wrong --output-format json",
    "--quiet=1",
    "--qui",
    "--select ,",
    "--min-confidence none",
    "--no-force-exclude",
    "--exclude a",
    "--config x=1",
    "--statistics",
    "--baseline b.json",
    "--color always",
]


@pytest.mark.parametrize("line", PLAIN)
@pytest.mark.parametrize("kept_in", ["", "elsewhere"])
def test_both_ask_for_the_same(line: str, kept_in: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands on the line and in the environment."""
    asked: list[Asked] = []
    monkeypatch.setenv("RACELINT_CACHE_DIR", kept_in)
    monkeypatch.setattr(checking, "configured", lambda one: (asked.append(one), Config())[1])
    monkeypatch.setattr(checking, "checked", lambda wanted, config: 0)
    assert cli.main(line.split(), prog_name="racelint", standalone_mode=False) == 0
    assert asked == [plainly.asked_of(line.split())]


@pytest.mark.parametrize("line", NOT_PLAIN)
def test_the_rest_is_left_to_click(line: str) -> None:
    """With what is wrong, so that there is one place that says so."""
    assert plainly.read(line.split(), {}) is None


def test_what_completes_is_left_to_click() -> None:
    """A shell asks by the environment."""
    assert plainly.read(["a.py"], {"_RACELINT_COMPLETE": "bash_complete"}) is None
    assert plainly.read([""], {}) is None


def test_every_command_is_known() -> None:
    """None is taken for a path."""
    assert cli.commands.keys() == plainly.COMMANDS


def test_errors_are_shown_alike(tmp_path: Path) -> None:
    """click's words, whoever has read the line."""
    (tmp_path / "racelint.toml").write_text("jobs = 'many'\n")
    plain, full = (
        subprocess.run(
            [sys.executable, "-m", "racelint", *options, "."], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        for options in ((), ("--color", "auto"))
    )
    assert (plain.returncode, plain.stdout, plain.stderr) == (full.returncode, full.stdout, full.stderr)
    assert "`jobs` must be a whole number" in plain.stderr
