"""Patterns of paths match what git and ruff say they match, and in a time that does not depend on who wrote them."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from racelint.globs import IgnoreLine, compiled, read_ignore_line

PIECES = (
    *"a b A 1 - . * ? / / [ab] [!a] [a-c] [^b/] []a] [[:alpha:]] [c-a] [ \\a \\ # \\!".split(),
    *(" ", "/**/", "/**", "\\ "),
)


def ignored(line: IgnoreLine | None, path: str) -> bool:
    """Whether the only line of a file ignores a path or a folder it is in."""
    parts = path.split("/")
    return line is not None and any(
        (end < len(parts) or not line.folders_only) and line.names.fullmatch("/".join(parts[:end])) is not None
        for end in range(1, len(parts) + 1)
    )


def test_a_line_means_what_it_means_to_git(tmp_path: Path) -> None:
    """Of 400 lines at random, 60 paths each; git judges each line in a folder of its own."""
    choice = random.Random(20)
    paths = sorted(
        {
            "/".join("".join(choice.choices("aabbA1-. ]", k=choice.randint(1, 3))) for _ in range(choice.randint(1, 4)))
            for _ in range(60)
        }
    )
    paths = [path for path in paths if not {".", ".."} & set(path.split("/"))]
    lines = ["".join(choice.choices(PIECES, k=choice.randint(1, 6))) for _ in range(400)]
    # Two differences are left: `\/` at the end, whose lines are not asked for here, and `**` right behind letters, which git takes for
    # folders against its own documentation.
    lines = [line for line in lines if "\\/" not in line]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for number, line in enumerate(lines):
        (tmp_path / f"d{number}").mkdir()
        (tmp_path / f"d{number}" / ".gitignore").write_text(f"{line}\n")
    asked = [f"d{number}/{path}" for number in range(len(lines)) for path in paths]
    command = ["git", "-c", "core.excludesFile=", "check-ignore", "--no-index", "--stdin", "-z"]
    said = subprocess.run(command, cwd=tmp_path, input="\0".join(asked), capture_output=True, text=True, check=False)
    answers = set(said.stdout.split("\0")) - {""}
    assert len(answers) > 1_000
    for number, text in enumerate(lines):
        line = read_ignore_line(text)
        for path in paths:
            assert ignored(line, path) == (f"d{number}/{path}" in answers), (text, path)


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [("!keep.py", "keep.py", False), ("\\!odd.py", "!odd.py", True), ("\\#odd.py", "#odd.py", True)],
)
def test_a_line_may_take_back_what_another_says(text: str, path: str, says: bool) -> None:
    """If it begins with `!`, which a backslash makes a letter."""
    line = read_ignore_line(text)
    assert line is not None
    assert line.names.fullmatch(path)
    assert line.ignores is says


@pytest.mark.parametrize("line", ["", "   ", "# note", "!", "/", "//", "a\\", "[a", "[[:nothing:]]"])
def test_a_line_without_meaning_says_nothing(line: str) -> None:
    """As to git."""
    assert read_ignore_line(line) is None


STARS = ["*" + "a*" * 40 + "b", "**/a" * 40 + "/b", "a/**/" * 40 + "b", "*[ab]" * 40 + "c", "?*" * 40 + "/b"]


def test_no_pattern_takes_long() -> None:
    """Forty stars over a path of 4,000 letters: in another process, for nothing can interrupt an expression that is matched."""
    code = (
        "from racelint.globs import compiled, read_ignore_line\n"
        f"for pattern in {STARS!r}:\n"
        "    line = read_ignore_line(pattern)\n"
        "    for path in ('a' * 4_000, 'a/' * 2_000 + 'a'):\n"
        "        assert not compiled([pattern, '*.c']).fullmatch(path)\n"
        "        assert not line.names.fullmatch(path)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_stars_keep_their_meaning_side_by_side() -> None:
    """In one expression for several patterns, some of which match late."""
    some = compiled(["*a*b*c", "x/**/y/**/z*.py", "**/t?st_*_[ab]*"])
    assert some is not None
    for path in ("aabbc", "a/b/c", "x/y/z.py", "x/1/y/y/2/zz.py", "test_x_a", "q/r/t_test_tast_b_a"):
        assert bool(some.fullmatch(path)) == (path != "q/r/t_test_tast_b_a"), path
