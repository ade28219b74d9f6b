"""Whatever lies in a folder, racelint says what is wrong with it, goes on with the rest, and never waits."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from racelint import edits, lint_paths, lint_source, run
from racelint.config import Config
from racelint.finding import Confidence, Problem
from racelint.flow import statements
from racelint.frozen import replace
from racelint.rules import RULES, stale_write
from racelint.run import Report

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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a race in `race.py`, which must be found whatever lies beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "race.py").write_text(RACE)
    return tmp_path


def problem(folder: Path, *paths: str) -> Problem:
    """The only problem of the folder; the race beside it is found all the same."""
    report = lint_paths(paths or [folder])
    assert [(finding.path, finding.code) for finding in report.findings] == [("race.py", "RL102")]
    assert report.internal_errors == 0
    (only,) = report.problems
    return only


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "racelint", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("x = 1\ndef f(:\n", 2, "cannot parse: invalid syntax; racelint runs on Python 3."),
        ("x = (1,\n", 1, "cannot parse: '(' was never closed"),
        ("if x:\n    pass\n  y = 1\n", 3, "cannot parse: unindent does not match any outer indentation level"),
        ("import os\nprint 'hello'\n", 2, "it looks like Python 2 and racelint reads Python 3"),
        ("try:\n    f()\nexcept IOError, e:\n    raise\n", 3, "it looks like Python 2"),
        ("exec 'x = 1'\n", 1, "it looks like Python 2"),
        ("x = 0777\n", 1, "it looks like Python 2"),
        ("x = 10L\n", 1, "it looks like Python 2"),
        ("x = `y`\n", 1, "it looks like Python 2"),
        ("if 1 <> 2: pass\n", 1, "it looks like Python 2"),
        ("raise E, 'message'\n", 1, "it looks like Python 2"),
    ],
)
def test_what_is_no_python_is_reported_with_its_line(folder: Path, text: str, line: int, message: str) -> None:
    """The parser's message and the likely reason; the rest is analysed."""
    if sys.version_info >= (3, 14) and "except IOError, e" in text:
        pytest.skip("this has become Python 3")
    (folder / "bad.py").write_text(text)
    found = problem(folder)
    assert (found.path, found.line, found.named) == ("bad.py", line, False)
    assert message in found.message


@pytest.mark.parametrize(
    ("text", "needed", "what"),
    [
        ("type X = int\n", (3, 12), "a `type` statement needs Python 3.12"),
        ("def first[T](items: list[T]) -> T: ...\n", (3, 12), "a list of type parameters needs Python 3.12"),
        ("x = f'{f'{1}'}'\n", (3, 12), "this f-string needs Python 3.12"),
        ("try:\n    f()\nexcept* OSError:\n    raise\n", (3, 11), "`except*` needs Python 3.11"),
        ("x = t'{y}'\n", (3, 14), "a t-string needs Python 3.14"),
    ],
)
def test_syntax_newer_than_the_interpreter_names_both_versions(
    folder: Path, text: str, needed: tuple[int, int], what: str
) -> None:
    """The user learns which Python to run racelint with."""
    if sys.version_info >= needed:
        pytest.skip("this Python reads it")
    (folder / "new.py").write_text(text)
    assert f"{what} and racelint runs on {sys.version_info[0]}.{sys.version_info[1]}: " in problem(folder).message


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"x = 1\nname = '\xe9'\n", 2, "byte 0xe9 on this line is not UTF-8; name the encoding"),
        (b"# coding: ascii\nname = '\xc3\xa9'\n", 2, "byte 0xc3 on this line is not ascii; correct the coding comment"),
        (b"#!/usr/bin/python\n# -*- coding: klingon -*-\n", 2, "`klingon` is no encoding that Python knows"),
        (b"# coding: hex\nx = 1\n", 1, "`hex` is no encoding that Python knows"),
        (b"# coding: undefined\nx = 1\n", 1, "the encoding `undefined` fails"),
        (b"\xef\xbb\xbf# coding: latin-1\n", 1, "begins with a UTF-8 byte order mark but says `latin-1`"),
        ("x = 1\n".encode("utf-16"), 1, "the file is UTF-16, which Python does not read; save it as UTF-8"),
        (b"x = 1\ny = '\0'\n", 2, "NUL byte"),
        (b"\x7fELF\x02\x01\x01\0\0\0", 1, "NUL byte"),
    ],
)
def test_what_cannot_be_decoded_is_reported_with_its_line(folder: Path, data: bytes, line: int, message: str) -> None:
    """Wrong and unknown encodings and binary files get a message that says what to do."""
    (folder / "bad.py").write_bytes(data)
    found = problem(folder)
    assert (found.path, found.line) == ("bad.py", line)
    assert message in found.message


@pytest.mark.parametrize(
    "data",
    [
        RACE.replace("total", "größe").encode("latin-1").replace(b"import", b"# coding: latin-1\nimport", 1),
        b"\xef\xbb\xbf" + RACE.encode(),
        b"\xef\xbb\xbf# coding: utf8\n" + RACE.encode(),
        b"\n# vim: set fileencoding=cp1252 :\n" + RACE.encode(),
        RACE.replace("\n", "\r\n").encode(),
        RACE.replace("\n", "\r").encode(),
        RACE.rstrip("\n").encode(),
    ],
    ids=["latin-1", "bom", "bom and cookie", "cookie on line 2", "crlf", "cr", "no final newline"],
)
def test_what_python_reads_is_read(tmp_path: Path, data: bytes) -> None:
    """Encodings that are declared, byte order marks and all line ends."""
    (tmp_path / "a.py").write_bytes(data)
    report = lint_paths([tmp_path])
    assert [finding.code for finding in report.findings] == ["RL102"]
    assert not report.problems


@pytest.mark.parametrize("data", [b"", b"\n", b"\xef\xbb\xbf", b"# only a comment", b"\f\n\t\n"])
def test_a_file_with_nothing_in_it_is_fine(tmp_path: Path, data: bytes) -> None:
    """An empty file is a Python module."""
    (tmp_path / "empty.py").write_bytes(data)
    report = lint_paths([tmp_path])
    assert (report.files, report.findings, report.problems) == (1, (), ())


def test_the_warnings_of_the_parser_stay_silent(folder: Path) -> None:
    """A wrong escape sequence is no business of ours, not even with warnings as errors."""
    (folder / "escape.py").write_text("x = '\\d'\nassert (x, 'always true')\n1 is 1\n")
    silent = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-m", "racelint", "escape.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")


# Size and depth


def nested(kind: str, depth: int) -> str:
    """An assignment, or a chain of branches, that is `depth` levels deep."""
    return {
        "sum": "x = " + "1 + " * depth + "1\n",
        "calls": "x = f" + "()" * depth + "\n",
        "attributes": "x = a" + ".b" * depth + "\n",
        "not": "x = " + "not " * depth + "1\n",
        "lambda": "x = " + "lambda: " * depth + "1\n",
        "conditional": "x = " + "1 if a else " * depth + "0\n",
        "lines": "x = (\n" + "1 +\n" * depth + "1)\n",
        "and": "x = a" + " and a" * depth + "\n",
        "elif": "if a:\n    pass\n" + "elif b:\n    pass\n" * depth,
        "brackets": "x = " + "[" * depth + "]" * depth + "\n",
    }[kind]


KINDS = ["sum", "calls", "attributes", "not", "lambda", "conditional", "lines", "and", "elif"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_900_deep_is_analysed(folder: Path, kind: str) -> None:
    """Deep code is code; even in a function that races."""
    deep = "".join(f"        {line}\n" for line in nested(kind, 900).splitlines())
    (folder / "race.py").write_text(RACE.replace("        await", f"{deep}        await", 1))
    report = lint_paths([folder])
    assert not report.problems
    assert [finding.code for finding in report.findings] == ["RL102"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [1_100, 20_000])
def test_what_is_deeper_is_one_clear_problem(folder: Path, kind: str, depth: int) -> None:
    """Neither a crash nor an internal error, however deep."""
    (folder / "deep.py").write_text(nested(kind, depth))
    assert "nested deeper than" in problem(folder).message


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_brackets_that_python_itself_refuses_are_one_clear_problem(folder: Path, depth: int) -> None:
    """CPython reads 200 brackets and 100 indentations, and says so."""
    (folder / "deep.py").write_text(nested("brackets", depth))
    assert "too many nested parentheses; Python reads no more" in problem(folder).message


def test_methods_that_call_each_other_are_followed_to_an_end(folder: Path) -> None:
    """Whether an object that is made anew is kept by nobody is asked of them in turns."""
    (folder / "reader.py").write_text(
        "import threading\n\n\n"
        "class Reader:\n"
        "    def __init__(self):\n        self.lines = 0\n        self.open()\n\n"
        "    def open(self):\n        self.retry()\n\n"
        "    def retry(self):\n        self.open()\n\n\n"
        "def work():\n    reader = Reader()\n    reader.lines += 1\n\n\n"
        "def main():\n    for _ in range(4):\n        threading.Thread(target=work).start()\n"
    )
    assert not lint_paths([folder / "reader.py"]).problems


def test_a_file_of_50_000_lines_is_read(folder: Path) -> None:
    """The race at its end is found."""
    (folder / "race.py").write_text("".join(f"def f{i}(a):\n    return a + {i}\n\n\n" for i in range(12_500)) + RACE)
    report = lint_paths([folder])
    assert [finding.line for finding in report.findings] == [50_011]


def test_what_looks_like_a_pattern_is_read_as_text(folder: Path) -> None:
    """Columns, keys and attributes go into regular expressions: `**{field: value}` names a column, `"c++"` a key."""
    (folder / "odd.py").write_text(
        """
import threading


def convert(md, model, field):
    for id, value in model.objects.exclude(**{field: ""}).values_list("id", field):
        model.objects.filter(id=id).update(**{field: md.convert(value)})


class Table:
    def open(self):
        made = {"(": None}
        self.made = made
        made["c++"] = connect()
        made["(["] = connect()

    def use(self):
        return self.made["c++"].go() or self.made["(["].go()

    def start(self):
        threading.Thread(target=self.open).start()
        threading.Thread(target=self.use).start()
"""
    )
    assert not lint_paths([folder / "odd.py"], Config(min_confidence=Confidence.LOW)).problems


# What is no file


def test_a_dangling_link_is_reported(folder: Path) -> None:
    """It may be a module that is missing."""
    (folder / "gone.py").symlink_to("nowhere.py")
    found = problem(folder)
    assert (found.path, found.named) == ("gone.py", False)
    assert "there is no such file (or it is a link to one that is gone)" in found.message


def test_links_that_lead_round_in_a_circle_do_no_harm(folder: Path) -> None:
    """Neither a folder that is linked into itself nor a link to itself."""
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to("..")
    (folder / "sub" / "out").symlink_to("../..")
    (folder / "self").symlink_to("self")
    assert not lint_paths([folder]).problems
    (folder / "circle.py").symlink_to("circle.py")
    assert "its links lead round in a circle" in problem(folder).message


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))  # the file stays when the socket is closed


@pytest.mark.parametrize("make", [os.mkfifo, make_socket])
def test_pipes_and_sockets_are_not_waited_for(folder: Path, make: Callable[[str], object]) -> None:
    """Found or named, they are told by their kind."""
    make("pipe.py")
    assert "cannot read: it is a " in problem(folder).message
    named = problem(folder, "race.py", "pipe.py")
    assert named.named
    shown = command("pipe.py", cwd=folder)
    assert shown.returncode == 2
    assert "it is a " in shown.stdout


def test_devices_are_not_waited_for(folder: Path) -> None:
    """Neither one that never ends nor one that never begins."""
    for device in ("/dev/zero", "/dev/tty", "/dev/full"):
        assert "device" in problem(folder, "race.py", device).message


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are different here")
def test_a_folder_and_a_file_without_permission_are_reported(folder: Path) -> None:
    """Permission is missing for somebody who is not root; what else there is gets analysed."""
    closed = folder / "closed"
    closed.mkdir()
    (folder / "secret.py").write_text("x = 1\n")
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import racelint.cli, racelint.report, racelint.discovery\n"
        "import racelint.flow.summaries, racelint.pattern, racelint.remembered, racelint.report.concise\n"
        "from racelint.models.loader import load_models; load_models()\n"
        "os.chmod('closed', 0); os.chmod('secret.py', 0)\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(racelint.cli.run(['--isolated', '--output-format', 'concise', *sys.argv[2:]]))"
    )
    folder.chmod(0o755)
    for above in folder.parents:
        if above.stat().st_uid == os.geteuid() and not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o001)
    root = str(Path(run.__file__).parent.parent)

    def lint(*paths: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, root, *paths], cwd=folder, capture_output=True, text=True, timeout=60
        )

    try:
        found = lint(".")
        assert found.returncode == 1, found.stderr
        for line in ("closed:1:1: RL900 cannot read: permission denied", "secret.py:1:1: RL900 cannot read: perm"):
            assert line in found.stdout
        assert "race.py:11:9: RL102" in found.stdout
        assert lint("closed").returncode == 2
        assert lint("secret.py", "race.py").returncode == 2
    finally:
        closed.chmod(0o700)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="file names are Unicode here")
def test_a_name_that_is_not_utf_8_is_shown_safely(folder: Path) -> None:
    """The bytes are escaped, in all formats; the file is analysed."""
    Path(os.fsdecode(b"caf\xe9.py")).write_text(RACE)
    Path("line\nbreak\x1b[31m.py").write_text("def f(:\n")
    for output_format in ("full", "concise", "json"):
        shown = command("--output-format", output_format, ".", cwd=folder)
        assert shown.returncode == 1, shown.stderr
        assert "caf\\xe9.py" in shown.stdout.replace("\\\\", "\\")
        assert "line\\nbreak\\x1b[31m.py" in shown.stdout.replace("\\\\", "\\")
        assert "\x1b" not in shown.stdout
    frame = command(os.fsdecode(b"caf\xe9.py"), cwd=folder).stdout
    assert "await asyncio.sleep(0)" in frame


@pytest.mark.parametrize("other", [None, "x = (\n"])
def test_a_file_that_disappears_or_breaks_while_we_run_is_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch, other: str | None
) -> None:
    """It was read for its facts; when its turn comes it is gone, or somebody has saved it half done."""
    (folder / "gone.py").write_text(RACE)
    build_index = run.build_index

    def and_change(modules: object) -> object:
        index = build_index(modules)  # type: ignore[arg-type]
        if other is None:
            (folder / "gone.py").unlink()
        else:
            (folder / "gone.py").write_text(other)
        return index

    monkeypatch.setattr(run, "build_index", and_change)
    found = problem(folder)
    assert found.path == "gone.py"
    assert ("cannot parse" if other else "cannot read") in found.message


def test_a_file_that_is_saved_while_we_run_is_read_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finding stands where the race is now."""
    build_index = run.build_index

    def and_change(modules: object) -> object:
        index = build_index(modules)  # type: ignore[arg-type]
        (folder / "race.py").write_text("\n\n" + RACE)
        return index

    monkeypatch.setattr(run, "build_index", and_change)
    assert [finding.line for finding in lint_paths([folder]).findings] == [13]


# Mistakes of our own


@pytest.mark.parametrize("stage", ["collect", "find_races"])
@pytest.mark.parametrize("error", [KeyError("x"), RecursionError("too deep"), MemoryError(), AssertionError()])
def test_a_mistake_in_one_file_is_a_problem_of_that_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stage: str, error: Exception
) -> None:
    """The others are analysed, and the exit status says that something went wrong."""
    (folder / "odd.py").write_text(RACE)
    usual = getattr(run, stage)

    def fails(source: object, *rest: object) -> object:
        if getattr(source, "path", "") == "odd.py":
            raise error
        return usual(source, *rest)

    monkeypatch.setattr(run, stage, fails)
    report: Report = lint_paths([folder])
    assert [finding.path for finding in report.findings] == ["race.py"]
    assert report.internal_errors == 1
    (found,) = report.problems
    assert found.path == "odd.py"
    assert found.message.startswith(f"internal error: {type(error).__name__}")
    assert "test_bad_input.py:" in found.message
    assert "please report it" in found.message


@pytest.mark.parametrize("part", ["rule", "repair", "definition"])
def test_a_mistake_costs_the_part_that_it_is_in(folder: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """What other rules find in the file, in other definitions, and what has no repair, is reported all the same."""
    race = (folder / "race.py").read_text()
    (folder / "race.py").write_text(race + OTHER_RACE)

    def fails(*_: object) -> None:
        raise KeyError("on purpose")

    if part == "rule":
        entry = next(rule for rule in RULES if rule.code == "RL102")
        monkeypatch.setitem(vars(entry), "rule", replace(stale_write.RULE, find=fails))
    elif part == "repair":
        monkeypatch.setitem(edits.REPAIRS, "RL102", (fails,))
    else:
        walk = statements.Walker.walk
        broken = "Other.raise_it"
        monkeypatch.setattr(
            statements.Walker, "walk", lambda self: fails() if self.definition.facts.qualname == broken else walk(self)
        )
    report: Report = lint_paths([folder])
    expected = {"rule": ["RL101"], "repair": ["RL102", "RL101"], "definition": ["RL102"]}
    assert [finding.code for finding in report.findings] == expected[part]
    assert report.internal_errors == 1
    (found,) = report.problems
    assert (found.path, found.message.partition(" at ")[0]) == ("race.py", "internal error: KeyError: 'on purpose'")


OTHER_RACE = """

class Other:
    def __init__(self):
        self.total = 0

    async def raise_it(self, feed):
        self.total += await feed.get()


async def raise_all(other, feeds):
    await asyncio.gather(*(other.raise_it(feed) for feed in feeds))
"""


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="the patched function is not seen in new processes")
def test_a_process_that_is_killed_costs_one_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file at which it happens is reported; what it would have done besides is done by others."""
    for number in range(60):
        (folder / f"m{number:02}.py").write_text(f"x = {number}\n")
    (folder / "killer.py").write_text("x = 0\n")
    collect = run.collect

    def dies(source: object, *rest: object) -> object:
        if getattr(source, "path", "") == "killer.py":
            os._exit(9)
        return collect(source, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "collect", dies)
    report = lint_paths([folder], Config(jobs=2))
    assert [(finding.path, finding.code) for finding in report.findings] == [("race.py", "RL102")]
    assert [found.path for found in report.problems] == ["killer.py"]
    assert report.internal_errors == 1


def test_text_that_is_no_file_is_treated_alike() -> None:
    """`lint_source` reports what cannot be parsed, too."""
    assert [finding.line for finding in lint_source("\ufeff" + RACE).findings] == [11]
    for text in ("x = '\ud800'\n", "x = '\0'\n", "x ="):
        (found,) = lint_source(text).problems
        assert found.message.startswith("cannot parse: ")
