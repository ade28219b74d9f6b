"""What shells complete, asked as they ask, and the rules as JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from racelint.cli.commands import cli
from racelint.rules import RULES

ROOT = Path(__file__).parent.parent


def command(folder: Path) -> dict[str, str]:
    """An environment in which there is a `racelint`."""
    script = folder / "racelint"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m racelint "$@"\n')
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def completed(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words behind `racelint`."""
    line = " ".join(f"'{word}'" for word in ("racelint", *words))
    script = f'eval "$(racelint completions bash)"\nCOMP_WORDS=({line})\nCOMP_CWORD={len(words)}\n'
    script += 'compopt() { echo "<$*>"; }\n_racelint_completion racelint\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    run = subprocess.run(["bash", "-c", script], env=command(folder), capture_output=True, text=True, timeout=100)
    assert run.stderr == ""
    return run.stdout.split()


def test_bash_completes(tmp_path: Path) -> None:
    """Commands and the options of `check` first, then rules by code and name, behind a comma too, formats and files."""
    assert completed(tmp_path, "ru") == ["<-o", "default>", "rule", "rules"]
    assert "--baseline" in completed(tmp_path, "--")
    assert completed(tmp_path, "check", "--output-format", "sa") == ["sarif"]
    assert completed(tmp_path, "--output-format", "sa") == ["sarif"]
    assert completed(tmp_path, "rule", "stale-w") == ["stale-write"]
    assert completed(tmp_path, "--select", "RL101,RL10") == [
        f"RL101,{rule.code}" for rule in RULES if rule.code.startswith("RL10")
    ]
    assert completed(tmp_path, "src/") == ["<-o", "default>"]
    assert completed(tmp_path, "completions", "") == ["bash", "zsh", "fish"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_of_its_shell(shell: str, tmp_path: Path) -> None:
    """It is read without an error, where there is such a shell."""
    result = CliRunner().invoke(cli, ["completions", shell], standalone_mode=False)
    assert result.return_value == 0
    assert "_RACELINT_COMPLETE" in result.stdout
    if shutil.which(shell) is not None:
        file = tmp_path / "script"
        file.write_text(result.stdout)
        assert subprocess.run([shell, "-n", file], capture_output=True, check=False).stderr == b""


def test_a_shell_that_is_not_known_is_an_error() -> None:
    """With those that are."""
    result = CliRunner().invoke(cli, ["completions", "tcsh"])
    assert result.exit_code == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in result.output


def ruled(*arguments: str) -> object:
    """The JSON that is printed."""
    return json.loads(CliRunner().invoke(cli, arguments, standalone_mode=False).stdout)


def test_rules_as_json() -> None:
    """All in the list, with what the table has."""
    found = ruled("rules", "--output-format", "json")
    assert isinstance(found, list)
    assert [one["code"] for one in found] == [rule.code for rule in RULES]
    assert found[0] == {
        "code": "RL101",
        "name": "await-in-update",
        "worlds": ["tasks"],
        "harm": "lost update",
        "summary": RULES[0].summary,
        "url": "docs/rules.md#rl101",
    }


def test_a_rule_as_json() -> None:
    """One object, or all of them, with the documentation in its parts."""
    one = ruled("rule", "stale-write", "--output-format", "json")
    every = ruled("rule", "--all", "--output-format", "json")
    assert isinstance(one, dict)
    assert isinstance(every, list)
    assert one in every
    assert len(every) == len(RULES)
    assert one["name"] == "stale-write"
    assert "self.total = total + size" in one["example"] or "await" in one["example"]
    assert not one["example"].startswith(" ")
    assert set(one) == {
        "code",
        "name",
        "worlds",
        "harm",
        "summary",
        "url",
        "documentation",
        "example",
        "use_instead",
        "markdown",
    }
