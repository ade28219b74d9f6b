"""What racelint does to any Python there is: it never fails, and what it repairs stays Python.

    python benchmarks/robustness.py [DIR ...] [--jobs 2] [--timeout 1800] [--no-fix] [--table]

Without DIR it takes the library of the Python that runs it, with its test suite, which holds files that are broken or exotic on
purpose. Each tree is checked at the lowest confidence, with a report in every format; then a copy is repaired as
`benchmarks/fixing.py` does it. The exit status is 1 if there was a traceback, an internal error, a run over the time, a
report that is no JSON or XML where it should be, a file that was changed by a check, a change outside the edits that were
reported, or a repair that is wrong.
`--table` prints lines for docs/robustness.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from fixing import Announced, announced_in, complaints, digest, tried

from racelint.config import OUTPUT_FORMATS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one tree."""

    name: str
    files: int
    lines: int
    findings: int
    unreadable: int
    """Files that are no Python for this interpreter: each is one clear problem."""
    seconds: float
    fixes: int | None
    """How many repairs were made in a copy; None if that was not tried."""
    wrong: tuple[str, ...]
    """What must not be."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries all trees and prints what became of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", metavar="DIR", nargs="*", type=Path)
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--timeout", type=float, default=1800, metavar="SECONDS", help="for one check")
    parser.add_argument("--no-fix", action="store_true", help="check only")
    parser.add_argument("--table", action="store_true", help="print lines of a Markdown table")
    given = parser.parse_args(arguments)
    trees = given.trees or [Path(sysconfig.get_path("stdlib"))]
    failed = False
    with tempfile.TemporaryDirectory(prefix="racelint-robustness-") as folder:
        for number, tree in enumerate(trees):
            copy = Path(folder) / str(number) / tree.name
            shutil.copytree(tree, copy, ignore=left_out, symlinks=True)
            outcome = looked_at(copy, given.jobs, given.timeout, fix=not given.no_fix)
            print(row(outcome) if given.table else told(outcome), flush=True)
            failed = failed or bool(outcome.wrong)
    return 1 if failed else 0


def left_out(at: str, names: list[str]) -> list[str]:
    """What is not part of a tree's own code."""
    return [name for name in names if name in (".git", "__pycache__", "site-packages", "dist-packages")]


def looked_at(tree: Path, jobs: str, timeout: float, *, fix: bool) -> Outcome:
    """Checks a tree that nobody else uses, and repairs a copy of it."""
    files = sorted(path for path in tree.rglob("*.py") if path.is_file())
    before = {path: digest(path) for path in files}
    with tempfile.TemporaryDirectory(prefix="racelint-reports-") as folder:
        outputs = {name: Path(folder) / name for name in OUTPUT_FORMATS}
        command = [sys.executable, "-m", "racelint", "--isolated", "--no-cache", "--no-respect-gitignore", "--quiet"]
        options = ["--min-confidence", "low", "--jobs", jobs]
        reports = [part for name, path in outputs.items() for part in ("-o", f"{name}:{path}")]
        started = time.perf_counter()
        try:
            done = subprocess.run(
                [*command, *options, *reports, str(tree)], capture_output=True, text=True, check=False, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            return Outcome(tree.name, len(files), 0, 0, 0, timeout, None, (f"not through after {timeout:.0f} s",))
        seconds = time.perf_counter() - started
        wrong = complaints(done.returncode, done.stderr)
        findings, unreadable, told_of = read_reports(outputs)
        announced = (
            dict[str, Announced]() if told_of else announced_in(outputs["json-lines"].open(encoding="utf-8"), tree)
        )
    wrong += told_of
    wrong += [f"{path.relative_to(tree)} is changed by a check" for path, old in before.items() if digest(path) != old]
    repaired = tried(tree, ["--jobs", jobs, "--unsafe-fixes"], None, announced) if fix else None
    return Outcome(
        tree.name,
        len(files),
        sum(path.read_bytes().count(b"\n") for path in files),
        findings,
        unreadable,
        seconds,
        sum(repaired.fixes.values()) if repaired is not None else None,
        (*wrong, *(repaired.wrong if repaired is not None else ())),
    )


def read_reports(outputs: dict[str, Path]) -> tuple[int, int, list[str]]:
    """How many findings and unreadable files the reports tell of, and what is wrong with the reports."""
    wrong: list[str] = []
    entries: list[dict[str, object]] = []
    for name, path in outputs.items():
        try:
            text = path.read_text(encoding="utf-8")
            if name == "json-lines":
                entries = [json.loads(line) for line in text.splitlines()]
            elif name in ("json", "sarif", "gitlab"):
                json.loads(text)
            elif name == "junit":
                ElementTree.fromstring(text)
        except (OSError, ValueError, ElementTree.ParseError) as error:
            wrong.append(f"{name}: {error}")
        else:
            if "\x1b" in text:
                wrong.append(f"{name}: an escape sequence is in it")
    wrong += [str(entry) for entry in entries if "internal error" in str(entry.get("message"))]
    unreadable = sum(entry.get("code") == "RL900" for entry in entries)
    return len(entries) - unreadable, unreadable, wrong


def told(outcome: Outcome) -> str:
    """An outcome for people."""
    fixes = "" if outcome.fixes is None else f", {outcome.fixes} repairs in a copy"
    head = (
        f"{outcome.name}: {outcome.files:,} files, {outcome.lines:,} lines, {outcome.findings:,} findings, "
        f"{outcome.unreadable} unreadable, {outcome.seconds:.0f} s{fixes}"
    )
    return "\n".join([head, *(f"  WRONG: {one}" for one in outcome.wrong)])


def row(outcome: Outcome) -> str:
    """An outcome as a line of a Markdown table."""
    fixes = "-" if outcome.fixes is None else f"{outcome.fixes:,}"
    return (
        f"| {outcome.name} | {outcome.files:,} | {outcome.lines:,} | {outcome.findings:,} | {outcome.unreadable} | {fixes} "
        f"| {len(outcome.wrong)} |"
    )


if __name__ == "__main__":
    sys.exit(main())
