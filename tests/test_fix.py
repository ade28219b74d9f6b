"""Repairs, from outside: what `--fix` and `--diff` do to files, and when they leave them alone."""

from __future__ import annotations

import codecs
import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from racelint import analyse, lint_source, suppress
from racelint.cli.commands import cli
from racelint.config import Config
from racelint.discovery import discover
from racelint.finding import Applicability, Edit, Finding, Fix, Span
from racelint.fix import apply_fixes
from racelint.run import Memory, lint_files
from racelint.source import Source

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

IDLE = "x = 1  # racelint: ignore[RL102]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, in which we are."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lint(*arguments: str, stdin: str | bytes | None = None) -> Result:
    """`racelint` in this process."""
    result = CliRunner().invoke(cli, ["--isolated", "--no-cache", *arguments], input=stdin, standalone_mode=False)
    assert result.exception is None, result.output
    return result


def git(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """git, with no settings but its own."""
    return subprocess.run(
        ["git", *arguments], input=stdin, capture_output=True, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    )


def fixing(
    monkeypatch: pytest.MonkeyPatch, *edits: Edit, code: str = "RL102", how: Applicability = Applicability.SAFE
) -> None:
    """A rule whose fix is these edits; the findings are those of racelint."""
    fix = Fix("do as the test says", how, edits)

    def find_races(*arguments: Any) -> list[Finding]:
        return [replace(one, fix=fix) if one.code == code else one for one in analyse.find_races(*arguments)]

    monkeypatch.setattr("racelint.run.find_races", find_races)


def while_fixing(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Something happens when the new text has been written beside the file, before it takes its place."""

    def fsync(descriptor: int, fsync: Callable[[int], None] = os.fsync) -> None:
        fsync(descriptor)
        happens()

    monkeypatch.setattr("os.fsync", fsync)


# What stays


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"x = 1  # racelint: ignore[RL102]\r\ny = 2\r\n", b"x = 1\r\ny = 2\r\n"),
        (b"x = 1\r\n# racelint: ignore[RL102] why\r\ny = 2\n\n\n", b"x = 1\r\ny = 2\n\n\n"),
        (b"x = 1\r# noqa: RL102\ry = 2\r", b"x = 1\ry = 2\r"),
        (codecs.BOM_UTF8 + b"x = 1  # noqa: RL102\n", codecs.BOM_UTF8 + b"x = 1\n"),
        (codecs.BOM_UTF8 + b"# noqa: RL102\nx = 1\n", codecs.BOM_UTF8 + b"x = 1\n"),
        (
            b"# coding: latin-1\ns = '\xe9\xff'  # noqa: RL102\nt = '\xe9'\n",
            b"# coding: latin-1\ns = '\xe9\xff'\nt = '\xe9'\n",
        ),
        ("s = '😀é\u2028'  # noqa: RL102\n".encode(), "s = '😀é\u2028'\n".encode()),
        (b"if 1:\n\tx = 1\t# noqa: RL102\n\t\x0cy = 1\n", b"if 1:\n\tx = 1\n\t\x0cy = 1\n"),
        (b"x = 1  # racelint: ignore[RL102]", b"x = 1"),
        (b"x = 1\n# racelint: ignore[RL102]", b"x = 1\n"),
        (b"x = 1   \n\n\n# racelint: ignore-file[RL102]\n", b"x = 1   \n\n\n"),
        (b"import os  # noqa: E501, RL102, F401\n", b"import os  # noqa: E501, F401\n"),
        (b"x = 1  # racelint: ignore[RL102] why  # type: ignore\n", b"x = 1  # type: ignore\n"),
        (b"x = 1  # noqa: RL102  # noqa: RL101  # racelint: ignore[RL1O2]\n", b"x = 1\n"),
        (b"x = (  # noqa: RL102\n    1,  # noqa: RL102\n)  # noqa: RL102\n", b"x = (\n    1,\n)\n"),
    ],
)
def test_only_what_is_edited_changes(folder: Path, before: bytes, after: bytes) -> None:
    """Line ends, byte order mark, encoding, tabs, blanks and the end of the file are as they were."""
    file = folder / "a.py"
    file.write_bytes(before)
    assert lint("--fix").return_value == 0
    assert file.read_bytes() == after
    assert [path.name for path in folder.iterdir()] == ["a.py"]


def test_of_several_codes_the_ones_in_use_stay(folder: Path) -> None:
    """And with them what they silence."""
    file = folder / "a.py"
    file.write_text(RACE.replace("+ n\n", "+ n  # racelint: ignore[RL101, stale-write, RL105] rough\n"))
    assert lint("--fix").return_value == 0
    assert file.read_text() == RACE.replace("+ n\n", "+ n  # racelint: ignore[stale-write] rough\n")


def test_a_second_run_changes_nothing(folder: Path) -> None:
    """Nor does it touch the file."""
    (folder / "a.py").write_text(IDLE + RACE)
    first = lint("--fix")
    done = (folder / "a.py").stat()
    second = lint("--fix")
    assert (folder / "a.py").read_text() == "x = 1\n" + RACE
    assert (folder / "a.py").stat().st_mtime_ns == done.st_mtime_ns
    assert (folder / "a.py").stat().st_ino == done.st_ino
    assert first.return_value == second.return_value == 1
    assert "Found 2 findings (1 fixed, 1 more with --unsafe-fixes); 1 left (1 high) in 1 file" in first.stdout
    assert "fixed" not in second.stdout


def test_mode_and_owner_stay(folder: Path) -> None:
    """A script can still be run, by the same people."""
    file = folder / "a.py"
    file.write_text(IDLE)
    file.chmod(0o754)
    if os.geteuid() == 0:
        os.chown(file, 65534, 65534)
    before = file.stat()
    assert lint("--fix", "a.py").return_value == 0
    after = file.stat()
    assert file.read_text() == "x = 1\n"
    assert stat.S_IMODE(after.st_mode) == 0o754
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)


def test_a_link_stays_a_link(folder: Path) -> None:
    """What it leads to is repaired, in its own folder, also over several links."""
    (folder / "real").mkdir()
    (folder / "real" / "a.txt").write_text(IDLE)
    (folder / "via.py").symlink_to("real/a.txt")
    (folder / "link.py").symlink_to("via.py")
    assert lint("--fix", "link.py").return_value == 0
    assert (folder / "real" / "a.txt").read_text() == "x = 1\n"
    assert not (folder / "real" / "a.txt").is_symlink()
    assert [(folder / name).readlink() for name in ("via.py", "link.py")] == [Path("real/a.txt"), Path("via.py")]


# What is left alone


def test_a_file_that_changes_meanwhile_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever saves while racelint works loses nothing; the report is about what is there now."""
    file = folder / "a.py"
    file.write_text(IDLE)
    (folder / "b.py").write_text(IDLE)
    while_fixing(monkeypatch, lambda: file.write_text(RACE))
    result = lint("--fix", "--output-format", "concise")
    assert file.read_text() == RACE
    assert (folder / "b.py").read_text() == "x = 1\n"
    assert result.return_value == 1
    assert "racelint: a.py: not fixed: it has been changed since it was read; run racelint again\n" in result.stderr
    assert "racelint: 1 finding fixed\n" in result.stderr
    assert [line.split()[0:2] for line in result.stdout.splitlines()] == [["a.py:11:9:", "RL102"]]
    assert sorted(path.name for path in folder.iterdir()) == ["a.py", "b.py"]


def test_a_file_that_changes_before_it_is_repaired_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The edits are for the text that was linted; in another they would hit something else."""
    file = folder / "a.py"
    file.write_text(IDLE)

    def saved(*arguments: Any, **named: Any) -> list[Finding]:
        file.write_text("first = 'this line is new'\n" + IDLE)
        return suppress.apply_suppressions(*arguments, **named)

    monkeypatch.setattr("racelint.run.apply_suppressions", saved)
    result = lint("--fix")
    assert file.read_text() == "first = 'this line is new'\n" + IDLE
    assert "a.py: not fixed: it has been changed since it was read" in result.stderr
    assert result.return_value == 1


def test_a_file_that_goes_meanwhile_stays_away(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not brought back."""
    (folder / "a.py").write_text(IDLE)
    while_fixing(monkeypatch, (folder / "a.py").unlink)
    assert "a.py: not fixed: it has been changed" in lint("--fix", ".").stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_loses_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The error names the file, which is as it was, and nothing lies about."""

    def fails() -> None:
        raise OSError(number, os.strerror(number))

    (folder / "a.py").write_text(IDLE)
    while_fixing(monkeypatch, fails)
    result = lint("--fix", "--exit-zero")
    assert result.return_value == 2
    assert result.stderr.startswith("racelint: a.py: not fixed: it cannot be written: " + os.strerror(number))
    assert "RL901" in result.stdout
    assert (folder / "a.py").read_text() == IDLE
    assert [path.name for path in folder.iterdir()] == ["a.py"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are different here")
@pytest.mark.parametrize(("of_folder", "of_file"), [(0o555, 0o666), (0o777, 0o444)])
def test_what_is_read_only_is_left_alone(folder: Path, of_folder: int, of_file: int) -> None:
    """A folder in which nothing can be written, and a file that somebody has protected."""
    closed = folder / "closed"
    closed.mkdir()
    (closed / "a.py").write_text(IDLE)
    (closed / "a.py").chmod(of_file)
    closed.chmod(of_folder)
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import racelint.cli, racelint.report, racelint.discovery\n"
        "import difflib, tempfile, tokenize, racelint.cli.commands, racelint.cli.doing, racelint.flow.summaries, racelint.pattern, racelint.fix, racelint.remembered\n"
        "from racelint.models.loader import load_models; load_models()\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(racelint.cli.run(['--isolated', '--no-cache', '--fix', '--output-format', 'concise', 'closed']))"
    )
    folder.chmod(0o755)
    for above in folder.parents:
        if above.stat().st_uid == os.geteuid() and not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o001)
    try:
        run = subprocess.run(
            [sys.executable, "-c", code, str(ROOT)], cwd=folder, capture_output=True, text=True, timeout=60
        )
        assert run.returncode == 2, run.stderr
        reason = "it cannot be written: Permission denied; it is as it was"
        assert run.stderr == f"racelint: closed/a.py: not fixed: {reason}\n"
        assert run.stdout.startswith("closed/a.py:1:8: RL901")
        assert (closed / "a.py").read_text() == IDLE
        assert [path.name for path in closed.iterdir()] == ["a.py"]
    finally:
        closed.chmod(0o755)


def test_an_encoding_that_does_not_come_back_is_left_alone(folder: Path) -> None:
    """UTF-7 has several ways to write the same; those outside the edit would change."""
    file = folder / "a.py"
    file.write_bytes(b"# coding: utf-7\ns = '+AGE-'  # noqa: RL102\n")
    assert "its bytes would not all stay the same in utf-7" in lint("--fix").stderr
    assert file.read_bytes() == b"# coding: utf-7\ns = '+AGE-'  # noqa: RL102\n"


def test_the_coding_comment_is_not_lost(folder: Path) -> None:
    """It may be the reason in a suppression."""
    text = b"# racelint: ignore[RL102] coding: latin-1\ns = '\xe9'\n"
    (folder / "a.py").write_bytes(text)
    result = lint("--fix")
    assert "a.py: not fixed: line 1 of the result: cannot decode" in result.stderr
    assert result.return_value == 1
    assert (folder / "a.py").read_bytes() == text


# What rules may get wrong


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (Edit(Span(11, 9, 11, 31), "self.total ="), "line 11 of the result: cannot parse: invalid syntax"),
        (Edit(Span(1, 1, 1, 1), "# noted\n"), "RL102 is still found on line 12 of the result"),
        (
            Edit(Span(11, 9, 11, 31), "self.total += n  # noqa: RL102"),
            "RL901 is found instead on line 11 of the result",
        ),
        (Edit(Span(11, 9, 11, 31), "self.total += n  # \udc80"), "the result has '\\udc80', which utf-8 does not have"),
        (Edit(Span(11, 99, 11, 99), "pass"), "the places to edit do not fit the text"),
        (Edit(Span(99, 1, 99, 1), "pass"), "the places to edit do not fit the text"),
        (Edit(Span(11, 0, 11, 1), "pass"), "the places to edit do not fit the text"),
        (Edit(Span(11, 9, 10, 9), "pass"), "the places to edit do not fit the text"),
    ],
)
def test_a_fix_that_is_no_good_is_not_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, edit: Edit, reason: str
) -> None:
    """The result must parse, and what is found in it must be less; otherwise the file stays, and the reason is said."""
    (folder / "a.py").write_text(RACE)
    (folder / "b.py").write_text(IDLE)
    fixing(monkeypatch, edit)
    result = lint("--fix")
    assert (folder / "a.py").read_text() == RACE
    assert (folder / "b.py").read_text() == "x = 1\n"
    assert f"racelint: a.py: not fixed: {reason}" in result.stderr
    assert "Found 2 findings (1 fixed); 1 left (1 high) in 2 files" in result.stdout
    assert result.return_value == 1
    assert lint("--diff").stdout == ""


def test_what_was_tried_in_vain_is_not_offered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unsafe repair that is no good is not recommended to those who have just asked for it."""
    (folder / "a.py").write_text(RACE)
    fixing(monkeypatch, Edit(Span(1, 1, 1, 1), "# noted\n"), how=Applicability.UNSAFE)
    assert lint("--diff").stderr == "racelint: 1 more is shown with --unsafe-fixes\n"
    tried = lint("--diff", "--unsafe-fixes").stderr
    assert tried == "racelint: a.py: not fixed: RL102 is still found on line 12 of the result\n"


def test_an_error_that_is_ignored_is_still_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ignores files that cannot be parsed does not want more of them."""
    (folder / "a.py").write_text(RACE)
    fixing(monkeypatch, Edit(Span(11, 9, 11, 31), "self.total ="))
    assert "cannot parse" in lint("--fix", "--ignore", "RL900").stderr
    assert (folder / "a.py").read_text() == RACE


def test_a_fix_gets_the_line_ends_of_its_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules write `\\n`."""
    file = folder / "a.py"
    file.write_bytes(RACE.replace("\n", "\r\n").encode())
    fixing(monkeypatch, Edit(Span(9, 9, 10, 31), "# once\nawait asyncio.sleep(0)"), Edit(Span(11, 20, 11, 31), "+= n"))
    assert lint("--fix").return_value == 1  # a line end is no blank: the fix is one column off, and not taken
    assert file.read_bytes() == RACE.replace("\n", "\r\n").encode()
    fixing(monkeypatch, Edit(Span(9, 9, 9, 27), "# at\n        # once"), Edit(Span(11, 20, 11, 31), "+= n"))
    assert lint("--fix").return_value == 0
    good = RACE.replace("total = self.total\n", "# at\n        # once\n").replace("= total + n", "+= n")
    assert file.read_bytes() == good.replace("\n", "\r\n").encode()


def test_what_needs_other_files_is_judged_with_them(folder: Path) -> None:
    """A comment that is in use because of another file stays."""
    counter, main = RACE.split("\n\n\nasync def main")
    used = counter.replace("import asyncio\n", IDLE + "import asyncio\n").replace("+ n", "+ n  # noqa: RL102") + "\n"
    (folder / "counter.py").write_text(used)
    (folder / "start.py").write_text(
        "import asyncio\nfrom counter import Counter\n\n\nasync def main(counter: Counter)" + main.partition(")")[2]
    )
    assert lint("--fix").return_value == 0
    assert (folder / "counter.py").read_text() == used.replace(IDLE, "x = 1\n")


# One round


def finding(*edits: Edit, applicability: Applicability = Applicability.SAFE) -> Finding:
    """A finding with a fix."""
    (found,) = lint_source(RACE).findings
    return replace(found, fix=Fix("do it", applicability, edits))


def edited(
    text: str, findings: Iterable[Finding], applicability: Applicability = Applicability.SAFE
) -> tuple[str, int]:
    """The text after one round, and how many findings are in it."""
    result, applied = apply_fixes(Source("a.py", text), list(findings), applicability)
    return result, len(applied)


def test_one_round_takes_what_does_not_touch() -> None:
    """The first of two that do; a fix whole or not at all."""

    def change(start: int, end: int, text: str) -> Edit:
        return Edit(Span(1, start, 1, end), text)

    assert edited("abcdef\n", [finding(change(1, 3, "X")), finding(change(3, 5, "Y"))]) == ("XYef\n", 2)
    assert edited("abcdef\n", [finding(change(1, 4, "X")), finding(change(3, 5, "Y"))]) == ("Xdef\n", 1)
    assert edited("abcdef\n", [finding(change(2, 2, "X")), finding(change(2, 2, "Y"))]) == ("aXbcdef\n", 1)
    assert edited("abcdef\n", [finding(change(2, 3, "X")), finding(change(5, 6, "Y"), change(2, 3, "Z"))]) == (
        "aXcdef\n",
        1,
    )
    assert edited("abcdef\n", [finding(change(1, 2, "X"), change(9, 9, "Y"))]) == ("abcdef\n", 0)
    assert edited("abcdef\n", [finding(change(1, 3, "X"), change(2, 4, "Y"))]) == ("abcdef\n", 0)
    assert edited("a\nb", [finding(Edit(Span(2, 2, 2, 2), "\nc"))]) == ("a\nb\nc", 1)


def test_only_fixes_of_the_kind_that_is_asked_for_are_applied() -> None:
    """`--fix` never takes one that needs a look."""
    edit = Edit(Span(1, 1, 1, 2), "X")
    unsafe = finding(edit, applicability=Applicability.UNSAFE)
    assert edited("a\n", [unsafe, finding()]) == ("a\n", 0)
    assert edited("a\n", [unsafe], Applicability.UNSAFE) == ("X\n", 1)


# Standard input


def test_standard_input_is_repaired_to_standard_output(folder: Path) -> None:
    """Byte for byte, also if there is nothing to repair; what is left is reported on stderr."""
    text = b"# coding: latin-1\r\ns = '\xe9'  # noqa: RL102\r\n"
    result = lint("--fix", "-", stdin=text)
    assert result.stdout_bytes == text.replace(b"  # noqa: RL102", b"")
    assert (result.return_value, result.stderr) == (0, "Found 1 finding (1 fixed); none left in 1 file\n")
    left = lint("--fix", "-", "--stdin-filename", "a.py", "--output-format", "concise", stdin=IDLE + RACE)
    assert left.stdout == "x = 1\n" + RACE
    assert left.stderr.splitlines()[0] == "racelint: 1 finding fixed"
    assert left.stderr.splitlines()[1].startswith("a.py:12:9: RL102")
    assert left.return_value == 1
    for unchanged in (b"", b"x = 1", b"def f(:\r\n", b"\xff\xfe", RACE.encode()):
        assert lint("--fix", "-", stdin=unchanged).stdout_bytes == unchanged
    excluded = lint("--fix", "-", "--stdin-filename", "a.py", "--exclude", "a.py", "--force-exclude", stdin=IDLE)
    assert (excluded.stdout, excluded.return_value) == (IDLE, 0)


def test_standard_input_has_a_diff_too(folder: Path) -> None:
    """With the name that an editor gives."""
    result = lint("--diff", "-", "--stdin-filename", "src/a.py", stdin=IDLE)
    assert result.stdout.startswith("--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-x = 1  # racelint")
    assert result.return_value == 1


# The diff


@pytest.mark.parametrize("name", ["a.py", "a b.py", 'q"uo\\te.py', "tab\there.py", "é.py", "sub/a.py"])
@pytest.mark.parametrize(
    "text",
    [
        IDLE.encode(),
        IDLE.encode() + b"y = 1\n" * 20 + b"z = 1  # noqa: RL102",
        b"x = 1\r\ny = 1  # noqa: RL102\r\nz = 1\n",
        b"x = 1\n# noqa: RL102",
        b"# coding: latin-1\ns = '\xe9'  # noqa: RL102\n",
        codecs.BOM_UTF8 + IDLE.encode(),
        b"x = 1\ry = 1  # noqa: RL102\r",
        b"s = '''\x0c\n--- a/b\n+++ c\n'''  # noqa: RL102\n",
        b"# noqa: RL102\n",
    ],
)
def test_git_applies_the_diff(folder: Path, name: str, text: bytes) -> None:
    """And the result is what `--fix` makes."""
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text)
    result = lint("--diff")
    assert result.return_value == 1
    assert file.read_bytes() == text
    assert lint("--fix").return_value == 0
    fixed = file.read_bytes()
    file.write_bytes(text)
    applied = git("apply", stdin=result.stdout_bytes)
    assert applied.returncode == 0, applied.stderr
    assert file.read_bytes() == fixed != text
    assert lint("--diff").stdout == ""


def test_the_diff_is_of_files_and_for_where_we_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a part of a repository too, and where a link was named git is told the file."""
    (folder / "part").mkdir()
    monkeypatch.chdir(folder / "part")
    git("init", "-q", str(folder))
    Path("b.txt").write_text(IDLE)
    Path("link.py").symlink_to("b.txt")
    Path("a.py").write_text(IDLE)
    applied = git("apply", stdin=lint("--diff", "link.py", "a.py").stdout_bytes)
    assert applied.returncode == 0, applied.stderr
    assert Path("b.txt").read_text() == Path("a.py").read_text() == "x = 1\n"
    assert Path("link.py").is_symlink()


def test_the_status_of_a_diff(folder: Path) -> None:
    """1 if there is something to repair, or a file that cannot be parsed; races that need a person do not count."""
    (folder / "a.py").write_text(RACE)
    clean = lint("--diff")
    assert (clean.return_value, clean.output) == (0, "racelint: 1 more is shown with --unsafe-fixes\n")
    (folder / "b.py").write_text(IDLE)
    result = lint("--diff", "--fix")
    assert result.return_value == 1
    assert result.stderr.splitlines()[0] == "racelint: --fix would repair 1 finding"
    assert (folder / "b.py").read_text() == IDLE
    assert lint("--diff", "--quiet").stderr == ""
    assert lint("--diff", "--exit-zero").return_value == 0
    (folder / "b.py").write_text("def f(:\n")
    broken = lint("--diff")
    assert (broken.return_value, broken.stdout) == (1, "")
    assert broken.stderr.startswith("racelint: b.py: cannot parse")
    assert lint("--diff", "nowhere.py").return_value == 2


@pytest.mark.parametrize("option", [["--statistics"], ["--output-file", "x"]])
def test_a_diff_is_no_report(folder: Path, option: list[str]) -> None:
    """Options for findings are refused with it."""
    result = CliRunner().invoke(cli, ["--diff", *option])
    assert result.exit_code == 2
    assert "--diff shows changes, not findings" in result.output


# What is printed


def test_what_was_done_is_said(folder: Path) -> None:
    """In the summary, or on stderr where there is none; each with --verbose, nothing with --quiet."""
    for arguments, stdout, stderr in (
        ([], "Found 2 findings (2 fixed); none left in 1 file\n", ""),
        (["--quiet"], "", ""),
        (["--output-format", "concise"], "", "racelint: 2 findings fixed\n"),
        (["--output-format", "concise", "--quiet"], "", ""),
        (["--output-file", "out.txt", "--quiet"], "", ""),
        (["--statistics"], "", "racelint: 2 findings fixed\n"),
    ):
        (folder / "a.py").write_text(IDLE * 2)
        result = lint("--fix", "a.py", *arguments)
        assert (result.return_value, result.stdout, result.stderr) == (0, stdout, stderr), arguments
    (folder / "a.py").write_text(IDLE)
    assert "racelint: a.py:1: RL901 fixed\n" in lint("--fix", "a.py", "--verbose").stderr


def test_many_files_are_repaired(folder: Path) -> None:
    """Over several processes."""
    for number in range(70):
        (folder / f"a{number}.py").write_text(IDLE if number % 2 else "x = 2\n")
    assert lint("--fix", "--jobs", "2").stdout == "Found 35 findings (35 fixed); none left in 70 files\n"
    assert {path.read_text() for path in folder.iterdir()} == {"x = 1\n", "x = 2\n"}


# Repairs that need a look


def test_unsafe_fixes_are_made_only_when_asked_for(folder: Path) -> None:
    """Their number is told; the lock is made where the object is built."""
    file = folder / "a.py"
    file.write_text(RACE)
    kept = lint("--fix")
    assert file.read_text() == RACE
    assert "--fix repairs 0, 1 more with --unsafe-fixes" in lint().stdout
    assert kept.return_value == 1
    made = lint("--fix", "--unsafe-fixes")
    assert (made.return_value, made.stdout) == (0, "Found 1 race (1 fixed); none left in 1 file\n")
    assert "        self._lock = asyncio.Lock()\n" in file.read_text()
    assert "        async with self._lock:\n            total = self.total\n" in file.read_text()
    assert lint().stdout == ""


def test_fix_only_leaves_the_rest_unsaid(folder: Path) -> None:
    """It exits with 0 although a race is left."""
    (folder / "a.py").write_text(IDLE + RACE)
    result = lint("--fix-only")
    assert (result.return_value, result.stdout, result.stderr) == (0, "", "racelint: 1 finding fixed\n")
    assert (folder / "a.py").read_text() == "x = 1\n" + RACE


def test_fixes_are_listed_when_asked_for(folder: Path) -> None:
    """By file and rule."""
    (folder / "a.py").write_text(RACE)
    shown = lint("--fix", "--unsafe-fixes", "--show-fixes").stderr
    assert shown == "racelint: fixed 1:\nracelint:   a.py: RL102 stale-write: 1\n"


@pytest.mark.parametrize(("answer", "repaired"), [("y", True), ("n", False), ("q", False)])
def test_interactive_asks_before_each_fix(folder: Path, answer: str, repaired: bool) -> None:
    """The finding and its fix are shown first."""
    file = folder / "a.py"
    file.write_text(RACE)
    result = lint("--interactive", "--unsafe-fixes", stdin=f"{answer}\n")
    assert "+ async with self._lock:" in result.stdout
    assert "apply this fix?" in result.stderr
    assert (file.read_text() != RACE) is repaired


def test_the_frame_shows_the_fix(folder: Path) -> None:
    """As a small diff."""
    (folder / "a.py").write_text(RACE.replace("self.total = total + n", "self.total += await size(n)"))
    shown = lint().stdout
    assert "\n    │ - self.total += await size(n)\n    │ + value = await size(n)\n" in shown


def test_one_bad_fix_does_not_keep_the_others_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several repairs of a file that fail together are tried one by one."""
    (folder / "a.py").write_text(IDLE + RACE)
    fixing(monkeypatch, Edit(Span(12, 9, 12, 31), "self.total ="))
    result = lint("--fix")
    assert (folder / "a.py").read_text() == "x = 1\n" + RACE
    assert "a.py: not fixed: line 12 of the result: cannot parse" in result.stderr


# Helpers


GETTER = """\
import sqlite3
import threading

_database = None


def database():
    global _database
    if _database is None:
        _database = sqlite3.connect("a.db")
    return _database


def main():
    for _ in range(4):
        threading.Thread(target=database).start()
"""


def test_helpers_are_imported_from_where_the_project_has_them(folder: Path) -> None:
    """`runtime-module` says where; the copies that `vendor` makes work there, and racelint leaves them alone."""
    (folder / "app").mkdir()
    (folder / "app" / "__init__.py").write_text("")
    (folder / "app" / "data.py").write_text(GETTER)
    copied = CliRunner().invoke(cli, ["vendor", "app/safe"])
    assert copied.exit_code == 0
    assert 'runtime-module = "app.safe"' in copied.output
    result = lint("--config", "runtime-module = 'app.safe'", "--fix", "--unsafe-fixes", "app")
    assert (result.return_value, result.stdout) == (
        0,
        "Found 1 race (1 fixed); none left in " + result.stdout.split(" in ")[1],
    )
    assert "from app.safe import init_once\n" in (folder / "app" / "data.py").read_text()
    code = (
        "import app.data, sys; assert app.data.database() is app.data.database(); assert 'racelint' not in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    again = CliRunner().invoke(cli, ["vendor", "app/safe"])
    assert again.exit_code == 0


def test_vendor_overwrites_nothing_of_others(folder: Path) -> None:
    """A file that is there already stays, and nothing is written beside it."""
    (folder / "safe").mkdir()
    (folder / "safe" / "__init__.py").write_text("mine = 1\n")
    result = CliRunner().invoke(cli, ["vendor", "safe"])
    assert result.exit_code == 1
    assert "safe/__init__.py is there already" in result.output
    assert [path.name for path in (folder / "safe").iterdir()] == ["__init__.py"]


def test_a_runtime_module_must_be_a_name(folder: Path) -> None:
    """The error says what is wrong."""
    (folder / "racelint.toml").write_text('runtime-module = "a-b"\n')
    result = CliRunner().invoke(cli, ["."])
    assert "`runtime-module` is `a-b`, which is no dotted name of a module" in result.output


def test_only_changed_texts_are_looked_at_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found in the others is remembered; a text that was thrown away leaves nothing behind."""
    (folder / "a.py").write_text(RACE)
    (folder / "b.py").write_text(RACE)
    files, problems = discover(["."], Config())
    memory, looked = Memory(), []

    def find_races(source: Source, *rest: Any) -> list[Finding]:
        looked.append(source.path)
        return analyse.find_races(source, *rest)

    monkeypatch.setattr("racelint.run.find_races", find_races)
    first = lint_files(files, problems, Config(jobs=1), 0.0, memory=memory)
    path = next(file.path for file in files if file.shown == "b.py")
    clean = Source("b.py", "x = 1\n")
    second = lint_files(files, problems, Config(jobs=1), 0.0, memory=memory, given={path: clean})
    third = lint_files(files, problems, Config(jobs=1), 0.0, memory=memory)
    assert [finding.path for finding in first.findings] == ["a.py", "b.py"]
    assert [finding.path for finding in second.findings] == ["a.py"]
    assert third.findings == first.findings
    assert looked == ["a.py", "b.py"]


def test_between_repairs_only_what_changes_is_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is handed over again is known, with what was found in it; another one of the same file is not."""
    for name in ("a.py", "b.py"):
        (folder / name).write_text(RACE)
    files, problems = discover(["."], Config())
    memory, looked = Memory(with_given=True), []

    def find_races(source: Source, *rest: Any) -> list[Finding]:
        looked.append((source.path, source.text == RACE))
        return analyse.find_races(source, *rest)

    monkeypatch.setattr("racelint.run.find_races", find_races)
    paths = {file.shown: file.path for file in files}
    longer = {paths[name]: Source(name, RACE + "# more\n") for name in ("a.py", "b.py")}
    shorter = {paths["a.py"]: Source("a.py", RACE + "#\n"), paths["b.py"]: longer[paths["b.py"]]}
    lines = [
        [
            finding.path
            for finding in lint_files(files, problems, Config(jobs=1), 0.0, memory=memory, given=given).findings
        ]
        for given in ({}, longer, longer, shorter, {})
    ]
    assert lines == [["a.py", "b.py"]] * 5
    assert looked == [("a.py", True), ("b.py", True), ("a.py", False), ("b.py", False), ("a.py", False)]


def test_a_helper_of_another_module_is_read_there(folder: Path) -> None:
    """It takes the lock itself; what stands in the same lines of this module says nothing about it."""
    (folder / "base.py").write_text(
        "import asyncio\n\n\nclass Noted:\n    async def note(self):\n"
        "        async with self.gate:\n            await asyncio.sleep(0)\n"
    )
    text = RACE.replace("import asyncio\n", "import asyncio\n\nfrom base import Noted\n", 1)
    text = text.replace("class Counter:", "class Counter(Noted):").replace(
        "await asyncio.sleep(0)", "await self.note()"
    )
    text = text.replace("        self.total = 0\n", "        self.total = 0\n        self.gate = asyncio.Lock()\n")
    (folder / "a.py").write_text(text)
    assert "RL102" in lint(".", "--output-format", "concise").stdout
    assert lint("--diff", "--unsafe-fixes", ".").stdout == ""
