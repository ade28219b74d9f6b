"""`--add-ignore`: comments that silence what is found, and change nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from racelint.cli.commands import cli

ROOT = Path(__file__).parent.parent

HEAD = """\
import asyncio


class Counter:
    def __init__(self):
        self.total = 0

    async def add(self, n):
        total = self.total
        await asyncio.sleep(0)
"""
TAIL = """\


async def main(counter):
    await asyncio.gather(*(counter.add(i) for i in range(9)))
"""
WRITE = "        self.total = total + n\n"


def lint(*arguments: str, stdin: str | bytes | None = None) -> Result:
    """`racelint` in this process."""
    return CliRunner().invoke(cli, arguments, input=stdin, standalone_mode=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where racelint runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ignored(folder: Path, body: str, *options: str) -> str:
    """What becomes of the lines between HEAD and TAIL; nothing is reported in the result, no idle comment either."""
    file = folder / "race.py"
    file.write_text(HEAD + body + TAIL)
    assert lint("race.py").return_value == 1, "there is something to ignore"
    result = lint(*(options or ("--add-ignore",)), "race.py")
    assert result.exception is None, result.output
    assert result.return_value == 0
    assert lint("race.py", "--min-confidence", "low").output == ""
    text = file.read_text()
    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(HEAD + body + TAIL))
    assert text.startswith(HEAD)
    assert text.endswith(TAIL)
    return text[len(HEAD) : -len(TAIL)]


def test_a_short_line_gets_the_comment_behind_it(folder: Path) -> None:
    """With the reason, if one is given."""
    assert ignored(folder, WRITE) == "        self.total = total + n  # racelint: ignore[RL102]\n"
    assert ignored(folder, WRITE, "--add-ignore=one task only") == (
        "        self.total = total + n  # racelint: ignore[RL102] one task only\n"
    )


@pytest.mark.parametrize(
    "body",
    [
        "        self.total = (\n            total + n\n        )\n",
        "        self.total = total \\\n            + n\n",
        '        self.total = total + len("""\n# no comment\n""") + n\n',
        WRITE.replace("\n", "  # type: ignore\n"),
        "        self.total = total + n + " + " + ".join(["n"] * 20) + "\n",
        "        # why\n        self.total = total + (n  # all\n        )\n",
    ],
    ids=["brackets", "backslash", "string", "comment", "long", "comment inside"],
)
def test_others_get_it_above(folder: Path, body: str) -> None:
    """Where a comment behind the first line would be wrong, too long, or get in the way of another tool's."""
    lines = ignored(folder, body).splitlines(keepends=True)
    comment = "        # racelint: ignore[RL102]\n"
    assert comment in lines
    lines.remove(comment)
    assert "".join(lines) == body


def test_an_existing_comment_gets_another_code(folder: Path) -> None:
    """Behind the statement or above it; its reason stays."""
    for old, new in [
        ("        # racelint: ignore[RL999] they\n" + WRITE, "        # racelint: ignore[RL999, RL102] they\n" + WRITE),
        (
            WRITE.replace("\n", "  # racelint: ignore[RL103]  why # noqa: E501\n"),
            WRITE.replace("\n", "  # racelint: ignore[RL103, RL102]  why # noqa: E501\n"),
        ),
    ]:
        file = folder / "race.py"
        file.write_text(HEAD + old + TAIL)
        lint("--add-ignore", "race.py", "--ignore", "RL901")
        assert file.read_text() == HEAD + new + TAIL


def test_statements_with_several_findings_get_one_comment(folder: Path) -> None:
    """With all codes, and a header is a statement."""
    (folder / "race.py").write_text(HEAD + WRITE + TAIL)
    twice = ROOT / "tests" / "fixtures" / "guard-declared" / "annotation" / "bad.py"
    for path in (*(ROOT / "examples" / "racy").glob("*.py"), twice):
        (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    found = len(lint("--output-format", "concise").stdout.splitlines())
    result = lint("--add-ignore=known")
    assert result.stderr.startswith(f"racelint: {found} findings in ")
    assert lint("--min-confidence", "low", "--select", "RL901").output == ""
    assert lint().output == ""
    assert "# racelint: ignore[RL603, RL801] known" in (folder / "bad.py").read_text()
    before = {path: path.read_bytes() for path in folder.glob("*.py")}
    assert lint("--add-ignore").stderr == "racelint: 0 findings in 0 files ignored now\n"
    assert {path: path.read_bytes() for path in folder.glob("*.py")} == before


def test_a_compound_statement_and_a_header(folder: Path) -> None:
    """Above `if` and `for`, a comment is in its place."""
    one_line = "        if n: self.total = total + n; print('" + "x" * 60 + "')\n"
    assert ignored(folder, one_line) == "        # racelint: ignore[RL102]\n" + one_line
    fixture = ROOT / "tests" / "fixtures" / "mutated-while-iterated" / "broadcast" / "bad.py"
    header = "        for peer in self.peers:"
    text = fixture.read_text(encoding="utf-8").replace("  # want: RL802", "  # seen:")
    file = folder / "race.py"
    file.write_text(text, encoding="utf-8")
    assert lint("--add-ignore", "race.py").return_value == 0
    assert f"        # racelint: ignore[RL802]\n{header}" in file.read_text(encoding="utf-8")


def test_bytes_outside_of_the_comments_stay(folder: Path) -> None:
    """Line ends, byte order mark, encoding and mode; a link stays one."""
    text = "\ufeff# -*- coding: utf-8 -*-\n# é\n" + HEAD + "        self.total = (\n            total + n)\n" + TAIL
    data = text.replace("\n", "\r\n").encode()
    file = folder / "real.py"
    file.write_bytes(data)
    file.chmod(0o640)
    (folder / "race.py").symlink_to("real.py")
    assert lint("--add-ignore", "race.py").return_value == 0
    comment = b"        # racelint: ignore[RL102]\r\n"
    assert file.read_bytes().replace(comment, b"") == data
    assert file.read_bytes().count(comment) == 1
    assert file.stat().st_mode & 0o777 == 0o640
    assert (folder / "race.py").is_symlink()


def test_a_diff_changes_nothing(folder: Path) -> None:
    """It shows the comments; git could apply it."""
    (folder / "race.py").write_text(HEAD + WRITE + TAIL)
    result = lint("--add-ignore=why", "--diff")
    assert (
        "-        self.total = total + n\n+        self.total = total + n  # racelint: ignore[RL102] why\n"
        in result.stdout
    )
    assert result.stderr == "racelint: 1 finding in 1 file would be ignored\n"
    assert (folder / "race.py").read_text() == HEAD + WRITE + TAIL


def test_standard_input_comes_back_with_comments(folder: Path) -> None:
    """For editors."""
    result = lint("-", "--stdin-filename", "race.py", "--add-ignore", stdin=HEAD + WRITE + TAIL)
    assert result.stdout == HEAD + WRITE.replace("\n", "  # racelint: ignore[RL102]\n") + TAIL


def test_what_a_baseline_knows_gets_no_comment(folder: Path) -> None:
    """Only what is new does."""
    (folder / "race.py").write_text(HEAD + WRITE + TAIL)
    lint("--baseline", "known.json", "--update-baseline")
    (folder / "new.py").write_text(HEAD + WRITE.replace("+", "-") + TAIL)
    lint("--baseline", "known.json", "--add-ignore")
    assert (folder / "race.py").read_text() == HEAD + WRITE + TAIL
    assert "# racelint" in (folder / "new.py").read_text()


def test_what_cannot_be_written_is_said(folder: Path) -> None:
    """A reason that the file's encoding does not have leaves the file as it is."""
    data = (b"# -*- coding: latin-1 -*-\n" + (HEAD + WRITE + TAIL).encode()).replace(
        b"import asyncio", b"import asyncio  # \xe9"
    )
    (folder / "race.py").write_bytes(data)
    result = lint("--add-ignore=für 漢字")
    assert result.return_value == 1
    assert "race.py: no comment written: the result has" in result.stderr
    assert (folder / "race.py").read_bytes() == data


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--add-ignore=a\nb"], "a reason is one line of text"),
        (["--add-ignore", "--fix"], "--add-ignore writes comments and shows no findings"),
        (["--add-ignore", "-o", "json:-"], "--add-ignore writes comments and shows no findings"),
    ],
)
def test_wrong_usage(folder: Path, arguments: list[str], message: str) -> None:
    """Is told before anything is read."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
