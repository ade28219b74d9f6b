"""`--watch`: looks again when something has changed, and ends with Ctrl-C."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from click.testing import CliRunner

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
CLEAN = RACE.replace("total = self.total\n        ", "").replace("= total +", "+=")
WATCHING = "racelint: watching (Ctrl-C ends)\n"
NOTHING = "racelint: nothing found; watching (Ctrl-C ends)\n"


class Watch:
    """`racelint --watch` in a folder, in a process of its own, with both outputs in one."""

    def __init__(self, folder: Path, *arguments: str, terminal: int | None = None) -> None:
        """The output goes to a pipe, or to a terminal."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "racelint", "--watch", "--output-format", "concise", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a background job ignores it
        )
        # If what is waited for never comes, the end of the output does.
        self._guard = threading.Timer(100, self._process.kill)
        self._guard.start()

    @property
    def output(self) -> IO[bytes]:
        """The pipe."""
        assert self._process.stdout is not None
        return self._process.stdout

    def until(self, line: str) -> list[str]:
        """The lines that are printed up to this one."""
        lines: list[str] = []
        while not lines or lines[-1] != line:
            text = self.output.readline().decode()
            assert text, f"ended without {line!r}: {lines}"
            lines.append(text)
        return lines

    def interrupted(self) -> int:
        """The status after Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        status = self._process.wait()
        self.close()
        return status

    def close(self) -> None:
        """Whatever happened."""
        self._guard.cancel()
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """With a race."""
    (tmp_path / "race.py").write_text(RACE)
    return tmp_path


def test_it_looks_again_when_a_file_changes(folder: Path) -> None:
    """Changed, new and removed ones, and the configuration; a mistake in that is told, and the next change looked at."""
    watch = Watch(folder)
    try:
        assert watch.until(WATCHING)[0].startswith("race.py:11:9: RL102")
        (folder / "race.py").write_text(CLEAN)
        assert watch.until(NOTHING) == [NOTHING]
        (folder / "more.py").write_text(RACE)
        assert watch.until(WATCHING)[0].startswith("more.py:11:9: RL102")
        (folder / "racelint.toml").write_text("ignroe = ['RL102']\n")
        assert (
            "unknown key `ignroe`"
            in watch.until(f"Error: {folder}/racelint.toml:1: unknown key `ignroe`; did you mean `ignore`?\n")[-1]
        )
        (folder / "racelint.toml").write_text("ignore = ['RL102']\n")
        assert watch.until(NOTHING) == [NOTHING]
        (folder / "racelint.toml").unlink()
        assert watch.until(WATCHING)[0].startswith("more.py:11:9: RL102")
        (folder / "more.py").unlink()
        assert watch.until(NOTHING) == [NOTHING]
        assert watch.interrupted() == 130
    finally:
        watch.close()


def test_files_are_written_each_time(folder: Path) -> None:
    """And a pipe is not cleared as a screen is."""
    watch = Watch(folder, "-o", "out.txt")
    try:
        assert watch.until(WATCHING) == [WATCHING]
        assert "RL102" in (folder / "out.txt").read_text()
        (folder / "race.py").write_text(CLEAN)
        assert watch.until(NOTHING) == [NOTHING]
        assert (folder / "out.txt").read_text() == ""
    finally:
        watch.close()


def test_a_terminal_is_cleared(folder: Path) -> None:
    """Before each report."""
    ours, theirs = pty.openpty()
    watch = Watch(folder, terminal=theirs)
    os.close(theirs)
    try:
        text = b""
        while b"watching" not in text:
            text += os.read(ours, 4096)
        assert text.startswith(b"\x1b[2J\x1b[3J\x1b[H")
        assert b"race.py:11:9: RL102" in text
        assert watch.interrupted() == 130
    finally:
        watch.close()
        os.close(ours)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-"],
        ["--fix"],
        ["--diff"],
        ["--interactive"],
        ["--add-ignore"],
        ["--baseline", "a", "--update-baseline"],
        ["--baseline", "a", "--prune-baseline"],
        ["--show-files"],
    ],
    ids=" ".join,
)
def test_it_only_looks(folder: Path, arguments: list[str]) -> None:
    """What changes files, or stops, is for one run."""
    result = CliRunner().invoke(cli, ["--watch", *arguments])
    assert result.exit_code == 2
    assert "--watch looks again and again" in " ".join(result.output.split())


def test_a_wrong_start_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As without `--watch`."""
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(cli, ["--watch", "--config", "ignroe = []"])
    assert result.exit_code == 1
    assert "unknown key `ignroe`" in result.output
