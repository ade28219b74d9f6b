"""`racelint check --verbose` says why what looks like a race is not reported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from racelint.run import Report, lint_source

GUARDED = """\
import asyncio


class Account:
    def __init__(self):
        self.lock = asyncio.Lock()
        self.balance = 0

    async def deposit(self, amount):
        async with self.lock:
            balance = self.balance
            await asyncio.sleep(0)
            self.balance = balance + amount
"""
SEEN_AGAIN = """\
import asyncio


class Client:
    def __init__(self):
        self.lock = asyncio.Lock()
        self.session = None

    async def get(self):
        if self.session is None:
            session = await connect()
            if self.session is None:
                self.session = session
        return self.session

    async def close(self):
        async with self.lock:
            self.session = None
"""
ALONE = """\
import asyncio


class Pump:
    total = 0

    async def run(self):
        self.task = asyncio.create_task(self._fill())

    async def _fill(self):
        before = self.total
        await asyncio.sleep(0)
        self.total = before + 1
"""
PUBLIC = """\
import asyncio


class Counter:
    total = 0

    async def add(self, amount):
        before = self.total
        await asyncio.sleep(0)
        self.total = before + amount
"""
HANDLED = """\
import os


def clear(cache_path):
    if os.path.exists(cache_path):
        try:
            os.remove(cache_path)
        except FileNotFoundError:
            pass
"""
FOUND = f"""\
{PUBLIC}
    async def fill(self):
        await asyncio.gather(self.add(1), self.add(2))
"""
IGNORED = FOUND.replace("+ amount", "+ amount  # racelint: ignore[RL102]")
"""Reported, were it not for the comment; that is no near miss."""


def check(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """racelint over a file `code.py` of this text, without a cache."""
    (folder / "code.py").write_text(text)
    command = [sys.executable, "-m", "racelint", "check", "--isolated", "--no-cache", *arguments, "code.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GUARDED, "code.py:13:13 RL102 not reported: the lock `self.lock` of line 10 is held over both"),
        (SEEN_AGAIN, "code.py:13:17 RL303 not reported: `self.session` is looked at again on line 12"),
        (ALONE, "code.py:13:9 RL102 not reported: nothing that may run at the same time changes `self.total`"),
        (PUBLIC, "code.py:10:9 RL102 not reported: low confidence: `Counter.add` is a public coroutine method"),
        (HANDLED, "code.py:7:13 RL701 not reported: the unit goes on when the step fails"),
    ],
    ids=["guarded", "seen again", "alone", "public", "handled"],
)
def test_verbose_says_why(tmp_path: Path, text: str, expected: str) -> None:
    """One line on stderr for each near miss, with the reason; nothing of it on standard output."""
    done = check(tmp_path, text, "--verbose")
    (line,) = [line for line in done.stderr.splitlines() if "not reported" in line]
    assert line.startswith(expected)
    assert done.returncode == 0
    assert "not reported" not in done.stdout


@pytest.mark.parametrize("text", [FOUND, IGNORED], ids=["found", "ignored"])
def test_a_finding_is_no_near_miss(tmp_path: Path, text: str) -> None:
    """Neither one that is reported nor one that a comment silences."""
    assert "not reported" not in check(tmp_path, text, "--verbose").stderr


def test_near_misses_are_told_when_asked_for(tmp_path: Path) -> None:
    """Without --verbose none is looked for, and with it the findings are the same."""
    quiet, verbose = check(tmp_path, GUARDED + FOUND), check(tmp_path, GUARDED + FOUND, "--verbose")
    assert "not reported" not in quiet.stderr
    assert quiet.stdout == verbose.stdout
    report: Report = lint_source(GUARDED)
    assert report.near_misses == ()
