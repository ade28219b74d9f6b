"""The same code is judged alike however it is written down, and whichever way it reaches racelint."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from racelint import lint_paths, lint_source
from racelint.cli.commands import cli
from racelint.config import Config
from racelint.finding import Confidence, Finding
from racelint.flake8_plugin import Plugin

EVERY = sorted(Path(__file__).parent.glob("fixtures/*/*/bad.py"))
FILES = EVERY[::8]
LOW = Config(min_confidence=Confidence.LOW, jobs=1)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Finding]]:
    """What is found in the files as they are, by name."""
    return found_in(tmp_path_factory.mktemp("usual"), lambda data: data)


def found_in(folder: Path, change: Callable[[bytes], bytes]) -> dict[str, list[Finding]]:
    """What is found in changed copies, each in a folder of its own; there is no problem with any."""
    found = {}
    for number, path in enumerate(FILES):
        copy = folder / f"p{number}" / "code.py"
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(change(path.read_bytes()))
        report = lint_paths([copy], LOW)
        assert report.problems == ()
        found[copy.parent.name] = list(report.findings)
    assert sum(map(len, found.values())) > len(FILES) / 2
    return found


def places(found: dict[str, list[Finding]]) -> dict[str, list[tuple[str, int, str]]]:
    """Code, line and what is said."""
    return {name: [(one.code, one.line, one.message) for one in findings] for name, findings in found.items()}


def meanings(found: dict[str, list[Finding]]) -> dict[str, Counter[tuple[str, str]]]:
    """Code and unit, for texts whose lines have moved."""
    return {name: Counter((one.code, one.symbol) for one in findings) for name, findings in found.items()}


def tabs(data: bytes) -> bytes:
    """Each step of indentation as a tab."""
    return re.sub(rb"(?m)^(?: {4})+", lambda match: b"\t" * (len(match[0]) // 4), data)


def feeds(data: bytes) -> bytes:
    """A form feed before each definition, where Python forgets the indentation and begins anew."""
    return re.sub(rb"(?m)^(?= *(?:async def|def|class|@|await|if|self)\b)", b" \x0c", data)


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "CR": lambda data: data.replace(b"\n", b"\r"),
    "byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "form feeds": lambda data: feeds(data),
    "no last line end": lambda data: data.rstrip(b"\n"),
    "tabs": tabs,
    "trailing blanks": lambda data: re.sub(rb"(?m)(?<=[:\w)])$", b"  ", data),
}


@pytest.mark.parametrize("way", WAYS)
def test_how_lines_are_written_changes_nothing(usual: dict[str, list[Finding]], tmp_path: Path, way: str) -> None:
    """The same findings on the same lines, with the same words."""
    assert places(found_in(tmp_path, WAYS[way])) == places(usual)


@pytest.mark.parametrize("formatter", ["ruff format --isolated", "black --config /dev/null"])
def test_formatters_change_nothing(usual: dict[str, list[Finding]], tmp_path: Path, formatter: str) -> None:
    """Statements on one line or on twenty are the same statements."""
    name, *options = formatter.split()
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"no {name}")
    found_in(tmp_path, lambda data: data)
    command = [sys.executable, "-m", name, *options, "-q", "--line-length", "40", tmp_path]
    subprocess.run(command, check=True)
    texts = {path.parent.name: path.read_bytes() for path in tmp_path.glob("*/code.py")}
    assert sum(texts[f"p{number}"] != path.read_bytes() for number, path in enumerate(FILES)) > len(FILES) / 2
    formatted = iter([texts[f"p{number}"] for number in range(len(FILES))])
    assert meanings(found_in(tmp_path, lambda data: next(formatted))) == meanings(usual)


def backwards(data: bytes) -> bytes:
    """The functions and classes of a module from the last to the first, as the cells of a notebook may stand; the rest before them."""
    body = ast.parse(data).body
    starts = [min([one.lineno, *(part.lineno for part in getattr(one, "decorator_list", []))]) for one in body]
    lines = data.splitlines(keepends=True)
    ends = [*(start - 1 for start in starts[1:]), None]
    parts = [b"".join(lines[start - 1 : end]) for start, end in zip(starts, ends, strict=True)]
    defines = [isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) for one in body]
    before = [part for part, is_definition in zip(parts, defines, strict=True) if not is_definition]
    return b"".join(
        [*before, *(part for part, is_one in zip(reversed(parts), reversed(defines), strict=True) if is_one)]
    )


def test_the_order_of_definitions_changes_nothing(usual: dict[str, list[Finding]], tmp_path: Path) -> None:
    """What is defined further down is as well known."""
    assert sum(backwards(path.read_bytes()) != path.read_bytes() for path in FILES) > len(FILES) / 2
    assert meanings(found_in(tmp_path, backwards)) == meanings(usual)


def test_a_text_is_judged_as_its_file(usual: dict[str, list[Finding]], tmp_path: Path) -> None:
    """Given as text, and by flake8 as a tree with lines."""
    for number, path in enumerate(FILES):
        text = path.read_text(encoding="utf-8")
        found = lint_source(text, str(tmp_path / "code.py"), LOW).findings
        assert [(one.code, one.line, one.message) for one in found] == places(usual)[f"p{number}"]
        shown = [(one.line, one.column - 1, one.code) for one in lint_source(text, str(tmp_path / "code.py")).findings]
        plugin = Plugin(ast.parse(text), str(tmp_path / "code.py"), text.splitlines(keepends=True))
        assert sorted((line, column, said[:5]) for line, column, said, _ in plugin.run()) == sorted(shown)


def test_standard_input_is_judged_as_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the same name, byte for byte the same report; also from a cache, and by several processes."""
    monkeypatch.chdir(tmp_path)
    for number, path in enumerate(EVERY[:60]):
        (tmp_path / f"m{number}.py").write_bytes(path.read_bytes())

    def said(*arguments: str, data: bytes | None = None) -> str:
        every = ["--isolated", "--output-format", "concise", "--min-confidence", "low", *arguments]
        result = CliRunner().invoke(cli, every, input=data, standalone_mode=False)
        assert result.exception is None
        return result.stdout

    for number in range(0, 60, 20):
        name = f"m{number}.py"
        data = (tmp_path / name).read_bytes()
        assert said("--no-cache", name) == said("--no-cache", "--stdin-filename", name, "-", data=data)
    alone = said("--no-cache", "-j", "1", ".")
    assert alone.count("\n") > 30
    assert said("--no-cache", "-j", "2", ".") == alone
    assert said(".") == alone
    assert said(".") == alone


def test_form_feeds_stay_where_they_are_in_repairs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is repaired is Python, and none is lost or added."""
    monkeypatch.chdir(tmp_path)
    arguments = ["--isolated", "--no-cache", "-q", "--fix", "--unsafe-fixes", "--min-confidence", "low", "-"]
    repaired = 0
    for path in FILES[::2]:
        data = path.read_bytes()
        paged = re.sub(rb"(?m)^(?=async def|def|class|@)", b"\x0c", data)
        fed = CliRunner().invoke(cli, arguments, input=paged, standalone_mode=False).stdout_bytes
        compile(fed, "fed", "exec")
        assert fed.count(b"\x0c") == paged.count(b"\x0c")
        repaired += fed != paged
    assert repaired > 2
