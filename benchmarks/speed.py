"""How fast racelint is, side by side with `ast.parse`, and where the time goes.

    python benchmarks/speed.py DIR [--rounds 5] [--against "flake8 --isolated -j 1 --select F"]

A round times `ast.parse` and a cold run of racelint (one process, nothing cached) over the same files, one right after
the other, in turns first; the medians are shown. Nothing is asserted: a busy machine must not fail anybody's tests.
benchmarks/README.md says how to read the result.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import shlex
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any
from unittest.mock import patch

from racelint.config import Config
from racelint.discovery import File, discover
from racelint.jobs import each
from racelint.models.loader import load_models
from racelint.need import Need, Nominee
from racelint.report import REPORTERS, Options
from racelint.resolve import Scope
from racelint.run import Report, lint_files
from racelint.source import Source, read_source

CONFIG = Config(jobs=1)

STAGES = (
    ("read", "racelint.run", "read_source"),
    ("ast.parse", "racelint.run", "parse"),
    ("facts", "racelint.run", "collect"),
    ("index", "racelint.run", "build_index"),
    ("nominate", "racelint.run", "nominated"),
    ("nominate", "racelint.nominate", "nominate"),
    ("trees", "racelint.flow.summaries", "Definition.__init__"),
    ("flow", "racelint.flow.statements", "Walker.walk"),
    ("rules", "racelint.run", "find_races"),
    ("positions", "racelint.flow.summaries", "Definition.span"),
    ("suppressions", "racelint.run", "apply_suppressions"),
)
"""What is timed, and where it is called from. Time in a stage that another one calls counts for the inner one."""


class Clock:
    """Time by stage, without that of the stages within, and by file."""

    def __init__(self) -> None:
        self.stages: Counter[str] = Counter({stage: 0 for stage, _, _ in STAGES})
        self.files: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._inside: list[str] = []
        self._since = 0

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with the clock running for the stage."""

        def run(*args: Any, **kwargs: Any) -> Any:
            began = self._turn()
            self._inside.append(stage)
            try:
                return function(*args, **kwargs)
            finally:
                ended = self._turn()
                self._inside.pop()
                self.calls[stage] += 1
                if not self._inside and stage != "index":
                    self.files[_file(*args)] += ended - began

        return run

    def _turn(self) -> int:
        """Counts the time since the last turn for the stage that is on."""
        now = time.process_time_ns()
        if self._inside:
            self.stages[self._inside[-1]] += now - self._since
        self._since = now
        return now


def _file(*args: Any) -> str:
    """The file that a stage is at: `read_source(path, shown)`, all others a source or facts first."""
    return str(args[1]) if isinstance(args[0], str) else str(args[0].path)


@contextmanager
def clocked() -> Iterator[Clock]:
    """A clock for what racelint does meanwhile."""
    clock = Clock()
    with ExitStack() as stack:
        for stage, module, name in STAGES:
            owner: Any = importlib.import_module(module)
            *classes, last = name.split(".")
            for one in classes:
                owner = getattr(owner, one)
            stack.enter_context(patch.object(owner, last, clock.timed(stage, getattr(owner, last))))
        yield clock


def parse(_: None, source: Source) -> None:
    """What racelint is compared with. In `each`, as racelint's own work: without the garbage collector."""
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        ast.parse(source.text)


def nothing(*_: object) -> None:
    """For what `each` tells and nobody wants to know."""


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def processor_seconds(work: Callable[[], object]) -> float:
    """How long it takes the processor: what else runs on the machine counts little."""
    began = time.process_time()
    work()
    return time.process_time() - began


def lint(files: Sequence[File]) -> Report:
    """A cold run: read, parse, analyse and join everything anew."""
    return lint_files(files, (), CONFIG, time.perf_counter())


def compare(files: Sequence[File], sources: Sequence[Source], rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of the processor for `ast.parse` and for racelint in each round."""
    parsed, linted = [], []

    def parse_all() -> None:
        took = processor_seconds(
            lambda: each(parse, None, sources, jobs=1, may_spawn=False, died=nothing, done=nothing)
        )
        parsed.append(took)

    def lint_all() -> None:
        linted.append(processor_seconds(lambda: lint(files)))

    for number in range(rounds):
        for work in (parse_all, lint_all) if number % 2 == 0 else (lint_all, parse_all):
            work()
    return parsed, linted


def nominates_all_that_holds_findings(files: Sequence[File]) -> bool:
    """Whether the same is found when every definition is parsed and walked; what is missing is printed."""

    def everything(scope: Scope, *_: object) -> list[Nominee]:
        ordered = sorted(scope.facts.functions, key=lambda function: (function.line, function.qualname))
        return [Nominee(function, frozenset(Need)) for function in ordered]

    nominated = set(lint(files).findings)
    with patch("racelint.nominate.nominate", everything):
        complete = set(lint(files).findings)
    for finding in sorted(nominated ^ complete, key=lambda finding: finding.sort_key):
        print(f"{'-' if finding in complete else '+'} {finding.path}:{finding.line}: {finding.code} {finding.message}")
    print(f"{len(complete)} findings in all definitions, {len(nominated)} in the nominated ones")
    return nominated == complete


def against(command: str, directory: str, rounds: int) -> None:
    """Another program and `racelint`, each as a process of its own over the same directory."""
    ours = [sys.executable, "-m", "racelint", "--isolated", "--no-cache", "-j", "1", "-q", directory]
    theirs = [*shlex.split(command), directory]
    times: dict[str, list[float]] = {"racelint": [], theirs[0]: []}
    for number in range(rounds):
        both = [("racelint", ours), (theirs[0], theirs)]
        for name, words in both if number % 2 == 0 else both[::-1]:
            times[name].append(seconds(partial(subprocess.run, words, stdout=subprocess.DEVNULL, check=False)))
    own, other = (statistics.median(values) for values in times.values())
    print(f"\nas processes of their own, with start: racelint -j 1 {own:.2f} s, {shlex.join(theirs)} {other:.2f} s")
    print(f"ratio                       {other / own:.2f} x racelint's time")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", metavar="DIR")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed (5)")
    parser.add_argument("--against", metavar="COMMAND", help="another program to time over DIR, such as flake8")
    parser.add_argument(
        "--complete", action="store_true", help="compare findings with those of all definitions instead"
    )
    arguments = parser.parse_args()
    files, _ = discover([arguments.directory], CONFIG)
    if arguments.complete:
        sys.exit(not nominates_all_that_holds_findings(files))
    read = [read_source(file.path, file.shown) for file in files]
    sources = [source for source in read if isinstance(source, Source)]
    if not sources:
        sys.exit(f"there are no Python files under {arguments.directory}")
    load_models(())  # tables and modules are loaded once, whatever the number of files
    for _, module, _ in STAGES:
        importlib.import_module(module)

    lines = sum(source.text.count("\n") for source in sources)
    size = sum(len(source.text.encode("utf-8", "replace")) for source in sources) / 1e6
    print(f"{len(files):,} files, {lines:,} lines, {size:.1f} MB, Python {sys.version.split()[0]}")
    parsed, linted = compare(files, sources, arguments.rounds)
    ratios = [lint_time / parse_time for parse_time, lint_time in zip(parsed, linted, strict=True)]
    print(f"ast.parse                 {statistics.median(parsed):8.2f} s {size / statistics.median(parsed):8.2f} MB/s")
    print(f"racelint, cold, 1 process {statistics.median(linted):8.2f} s {size / statistics.median(linted):8.2f} MB/s")
    print(f"ratio                     {statistics.median(ratios):8.2f} x ({min(ratios):.2f} to {max(ratios):.2f})")

    with clocked() as clock:
        began = time.process_time_ns()
        report = lint(files)
        whole = time.process_time_ns() - began
    lines_of = {file.shown: file.path for file in files}
    options = Options(color=False, width=100, ascii=False, quiet=False, read=lambda name: _lines(lines_of[name]))
    writing = seconds(lambda: "".join(REPORTERS["full"](report, options)))
    show_split(clock, whole, writing, report, statistics.median(parsed))
    print("\nslowest files")
    for path, spent in clock.files.most_common(10):
        print(f"{spent / 1e9:8.3f} s  {path}")
    if arguments.against:
        against(arguments.against, arguments.directory, arguments.rounds)


def show_split(clock: Clock, whole: int, writing: float, report: Report, parsing: float) -> None:
    """Where the time of one more run went; the clock itself costs a little."""
    print(f"\nwhere the time goes (one run of {whole / 1e9:.2f} s, {len(report.findings)} findings)")
    shown = [*clock.stages.items(), ("the rest", whole - sum(clock.stages.values()))]
    for stage, spent in shown:
        calls = f"{clock.calls[stage]:9,} calls" if stage in clock.calls else ""
        share = f"{spent / 1e9:8.2f} s {100 * spent / whole:5.1f} % {spent / 1e9 / parsing:6.2f} x ast.parse"
        print(f"  {stage:<13}{share} {calls}".rstrip())
    print(f"  {'report':<13}{writing:8.2f} s  (not part of the run)")


def _lines(path: str) -> list[str] | None:
    source = read_source(path)
    return [line.removesuffix("\n") for line in source.lines] if isinstance(source, Source) else None


if __name__ == "__main__":
    main()
