"""What `--fix` does to real code: every file still parses, and a second run changes nothing.

    python benchmarks/fixing.py DIR ... [--safe] [--jobs 2] [--diff FOLDER] [--table]

Each DIR, say an unpacked wheel, is copied to a temporary folder; the copy is repaired with `--unsafe-fixes` and the lowest
confidence, every file that was changed is parsed, and racelint is run once more. `--diff FOLDER` keeps what was changed, for
reading: NAME.diff. `--table` prints the lines of the table in docs/fixes.md. The exit status is 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from racelint.fix import unified_diff

FIXED = re.compile(r"racelint:   (.*): (RL\d{3}) [a-z-]+: (\d+)$")
"""A line of `--show-fixes`."""
REFUSED = re.compile(r"racelint: (.*: not fixed: .*)$")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one tree."""

    name: str
    lines: int
    fixes: Mapping[str, int]
    """How many findings were repaired, by code."""
    files: int
    """How many files were changed."""
    refused: tuple[str, ...]
    """Why repairs were taken back: the result was found no better."""
    seconds: float
    wrong: tuple[str, ...]
    """What must not be: a file that does not parse any more, a traceback, a second run that changes something."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries all trees and prints what became of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", metavar="DIR", nargs="+", type=Path)
    parser.add_argument("--safe", action="store_true", help="only safe fixes")
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--diff", metavar="FOLDER", type=Path, help="keep the changes here")
    parser.add_argument("--table", action="store_true", help="print lines of a Markdown table")
    given = parser.parse_args(arguments)
    options = ["--jobs", given.jobs, *(() if given.safe else ("--unsafe-fixes",))]
    wrong = False
    for tree in given.trees:
        outcome = tried(tree, options, given.diff)
        print(row(outcome) if given.table else told(outcome), flush=True)
        wrong = wrong or bool(outcome.wrong)
    return 1 if wrong else 0


@dataclass(frozen=True, slots=True)
class Announced:
    """What the fixes of one file in a report say they will change."""

    fixes: int
    lines: Sequence[range]


def tried(
    tree: Path, options: Sequence[str], diffs: Path | None, announced: Mapping[str, Announced] | None = None
) -> Outcome:
    """Repairs a copy of a tree, and looks at it; with what was announced, at each changed line."""
    with tempfile.TemporaryDirectory(prefix="racelint-fixing-") as folder:
        copy = Path(folder) / tree.name
        shutil.copytree(tree, copy, ignore=lambda at, names: [one for one in names if one == ".git"])
        started = time.perf_counter()
        status, text = repaired(copy, options)
        seconds = time.perf_counter() - started
        wrong = complaints(status, text)
        changed = [path for path in sorted(copy.rglob("*.py")) if digest(path) != digest(tree / path.relative_to(copy))]
        wrong += [f"{path.relative_to(copy)} does not parse" for path in changed if not parses(path)]
        if announced is not None:
            wrong += [
                one for path in changed for one in unannounced(path.relative_to(copy), tree, copy, announced, text)
            ]
        if diffs is not None:
            keep(diffs / f"{tree.name}.diff", tree, copy, changed)
        after = {path: digest(path) for path in copy.rglob("*.py")}
        again = repaired(copy, options)
        moved = [path for path, old in after.items() if digest(path) != old]
        wrong += [f"{path.relative_to(copy)} is changed by a second run" for path in moved]
        wrong += [f"second run: {one}" for one in complaints(*again)]
        return Outcome(
            tree.name,
            sum(path.read_bytes().count(b"\n") for path in after),
            fixes_in(text),
            len(changed),
            tuple(re.findall(REFUSED.pattern, text, re.MULTILINE)),
            seconds,
            tuple(wrong),
        )


def announced_in(report: Iterable[str], tree: Path) -> dict[str, Announced]:
    """What a report in JSON lines says of the files of a tree, by path within it."""
    found: dict[str, Announced] = {}
    for line in report:
        entry = json.loads(line)
        edits = (entry.get("fix") or {}).get("edits") or ()
        if edits:
            path = str(Path(entry["path"]).resolve().relative_to(tree.resolve()))
            known = found.get(path, Announced(0, ()))
            lines = (range(edit["line"], edit["end_line"] + 1) for edit in edits)
            found[path] = Announced(known.fixes + 1, (*known.lines, *lines))
    return found


def unannounced(path: Path, old: Path, new: Path, announced: Mapping[str, Announced], said: str) -> list[str]:
    """The changed places of a file that no edit of the first report touches.

    What one repair makes possible for another is in no first report: a file in which more was repaired than announced is not
    looked at.
    """
    known = announced.get(str(path), Announced(0, ()))
    counts = [
        int(count) for name, _, count in re.findall(FIXED.pattern, said, re.MULTILINE) if name.endswith(str(path))
    ]
    if not counts:
        return [f"{path} is changed, and nothing says so"]
    if sum(counts) > known.fixes:
        return []
    before, after = ((root / path).read_bytes().splitlines() for root in (old, new))
    changes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [
        f"{path}:{start + 1} is changed, and no edit was reported for it"
        for what, start, end, _, _ in changes
        if what != "equal" and not any(lines.start - 1 <= end + 1 and start <= lines.stop for lines in known.lines)
    ]


def repaired(tree: Path, options: Sequence[str]) -> tuple[int, str]:
    """Runs `racelint --fix`; its status, what it says on stderr, and its own errors."""
    command = [
        sys.executable,
        "-m",
        "racelint",
        "--isolated",
        "--no-cache",
        "--fix",
        "--show-fixes",
        "--min-confidence",
        "low",
    ]
    rest = ["--output-format", "concise", "--no-respect-gitignore", *options, str(tree)]
    done = subprocess.run([*command, *rest], capture_output=True, text=True, check=False)
    errors = (line for line in done.stdout.splitlines(keepends=True) if "internal error" in line)
    return done.returncode, "".join((*errors, done.stderr))


def complaints(status: int, text: str) -> list[str]:
    """What a run must not say."""
    lines = [line for line in text.splitlines() if "internal error" in line or line.startswith("Traceback")]
    return [f"status {status}: {text[-2000:]}"] if status not in (0, 1) else lines


def digest(path: Path) -> bytes:
    """What tells whether a file is the same; empty for one that is not there."""
    return hashlib.sha256(path.read_bytes()).digest() if path.exists() else b""


def parses(path: Path) -> bool:
    """Whether Python takes the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
    return True


def keep(target: Path, old: Path, new: Path, changed: Sequence[Path]) -> None:
    """Writes the changes as one patch."""
    target.parent.mkdir(parents=True, exist_ok=True)
    names = [path.relative_to(new) for path in changed]
    target.write_bytes(
        b"".join(unified_diff(str(name), (old / name).read_bytes(), (new / name).read_bytes()) for name in names)
    )


def fixes_in(text: str) -> Counter[str]:
    """How many findings `--show-fixes` says were repaired, by code."""
    found: Counter[str] = Counter()
    for _, code, count in re.findall(FIXED.pattern, text, re.MULTILINE):
        found[code] += int(count)
    return found


def told(outcome: Outcome) -> str:
    """An outcome for people."""
    fixes = ", ".join(f"{code} {count}" for code, count in sorted(outcome.fixes.items())) or "none"
    head = (
        f"{outcome.name}: {sum(outcome.fixes.values())} fixes in {outcome.files} files of {outcome.lines:,} lines, "
        f"{len(outcome.refused)} refused, {outcome.seconds:.0f} s\n  {fixes}\n"
    )
    reasons = "".join(f"  refused: {one}\n" for one in outcome.refused)
    return head + reasons + "".join(f"  WRONG: {one}\n" for one in outcome.wrong)


def row(outcome: Outcome) -> str:
    """An outcome as a line of a Markdown table."""
    fixes = ", ".join(f"{code} {count}" for code, count in sorted(outcome.fixes.items()))
    return (
        f"| {outcome.name} | {outcome.lines:,} | {sum(outcome.fixes.values())} | {outcome.files} | {len(outcome.refused)} "
        f"| {len(outcome.wrong)} | {fixes} |"
    )


if __name__ == "__main__":
    sys.exit(main())
