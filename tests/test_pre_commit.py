"""The pre-commit hooks, run by pre-commit itself on real commits in a temporary repository.

Only the installation is left out: the hooks of the manifest run in the environment of the tests (`language: system`),
so that nothing is fetched from the network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MANIFEST = ROOT / ".pre-commit-hooks.yaml"

RACE = """\
import asyncio


class Account:
    def __init__(self):
        self.balance = 0

    async def deposit(self, amount):
        balance = self.balance
        await asyncio.sleep(0)
        self.balance = balance + amount


async def main():
    account = Account()
    await asyncio.gather(*[account.deposit(1) for _ in range(9)])
"""

CLEAN = RACE.replace("        balance = self.balance\n", "").replace("= balance +", "+=")


def pre_commit(*arguments: str) -> list[str]:
    """A command line of pre-commit."""
    return [sys.executable, "-m", "pre_commit", *arguments]


class Repository:
    """A git repository whose commits are checked by one of our hooks."""

    def __init__(self, folder: Path) -> None:
        """An empty one, in a folder for it and what belongs to it."""
        self.folder = folder / "project"
        self.folder.mkdir()
        commands = folder / "bin"
        commands.mkdir()
        racelint = commands / "racelint"
        racelint.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m racelint "$@"\n')
        racelint.chmod(0o755)
        self._environment = {
            "HOME": str(folder),
            "PATH": f"{commands}:{os.environ['PATH']}",
            "PRE_COMMIT_HOME": str(folder / "cache"),
            **{f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        hooks = folder / "hooks"
        hooks.mkdir()
        shutil.copy(MANIFEST, hooks)
        self.run("git", "init", "-q", at=hooks)
        self.run("git", "add", ".", at=hooks)
        self.run("git", "commit", "-qm", "hooks", at=hooks)
        self._revision = self.run("git", "rev-parse", "HEAD", at=hooks).stdout.strip()
        self.run("git", "init", "-q")

    def run(self, *command: str, at: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command in the repository, away from the configuration of whoever runs the tests."""
        run = subprocess.run(
            command, cwd=at or self.folder, env=self._environment, capture_output=True, text=True, timeout=120
        )
        assert not check or run.returncode == 0, run.stdout + run.stderr
        return run

    def use(self, hook: str) -> None:
        """Check each commit with the hook from now on."""
        (self.folder / ".pre-commit-config.yaml").write_text(
            f"repos:\n- repo: ../hooks\n  rev: {self._revision}\n  hooks:\n  - id: {hook}\n    language: system\n"
        )
        self.run(*pre_commit("install"))

    def commit(self, **files: str) -> subprocess.CompletedProcess[str]:
        """A commit of Python files; its status is that of the hook."""
        for name, text in files.items():
            (self.folder / f"{name}.py").write_text(text)
        self.run("git", "add", ".")
        return self.run("git", "commit", "-m", "change", check=False)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty repository without a hook."""
    return Repository(tmp_path)


def test_the_manifest_is_valid() -> None:
    """pre-commit takes it as it is."""
    run = subprocess.run(pre_commit("validate-manifest", str(MANIFEST)), capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_a_commit_with_a_race_is_rejected_and_a_clean_one_passes(repository: Repository) -> None:
    """The author sees the finding; nothing is committed until it is gone."""
    repository.use("racelint")
    rejected = repository.commit(app=RACE)
    assert rejected.returncode == 1, rejected.stderr
    assert "RL102" in rejected.stderr
    assert "app.py:11:9" in rejected.stderr
    assert repository.run("git", "rev-parse", "--verify", "HEAD", check=False).returncode != 0
    passed = repository.commit(app=CLEAN)
    assert passed.returncode == 0, passed.stderr
    assert repository.run("git", "log", "--format=%s").stdout == "change\n"


def test_excluded_files_are_left_alone_although_pre_commit_names_them(repository: Repository) -> None:
    """--force-exclude applies the configuration to files on the command line."""
    (repository.folder / "pyproject.toml").write_text('[tool.racelint]\nextend-exclude = ["generated.py"]\n')
    repository.use("racelint")
    passed = repository.commit(generated=RACE)
    assert passed.returncode == 0, passed.stderr


def test_only_changed_files_are_checked_by_racelint_and_all_by_racelint_project(repository: Repository) -> None:
    """A race that was there before does not stop a commit elsewhere, unless the whole project is asked for."""
    assert repository.commit(old=RACE).returncode == 0
    repository.use("racelint")
    assert repository.commit(new=CLEAN).returncode == 0
    repository.use("racelint-project")
    rejected = repository.commit(newer=CLEAN)
    assert rejected.returncode == 1
    assert "old.py:11:9" in rejected.stderr


def test_racelint_fix_repairs_what_it_can_and_reports_the_rest(repository: Repository) -> None:
    """pre-commit stops the commit because a file was changed; the next one passes, or fails for a race only."""
    repository.use("racelint-fix")
    stopped = repository.commit(app=CLEAN + "x = 1  # racelint: ignore[RL102]\n")
    assert stopped.returncode == 1
    assert "files were modified by this hook" in stopped.stderr
    assert "Found 1 finding (1 fixed); none left in 1 file" in stopped.stderr
    assert (repository.folder / "app.py").read_text() == CLEAN + "x = 1\n"
    assert repository.commit().returncode == 0
    rejected = repository.commit(app=RACE)
    assert rejected.returncode == 1
    assert "app.py:11:9" in rejected.stderr
    assert (repository.folder / "app.py").read_text() == RACE


def test_a_commit_without_python_is_not_checked(repository: Repository) -> None:
    """The hooks ask for Python files only."""
    repository.use("racelint-project")
    (repository.folder / "notes.txt").write_text("x")
    passed = repository.commit()
    assert passed.returncode == 0
    assert "Skipped" in passed.stderr
