"""What is promised about time and memory beside what is measured, each as a ratio to something that is run in the same minute.

    python benchmarks/budgets.py DIR [--rounds 3] [--flake8 PYTHON]

`speed.py` has the cold run against `ast.parse`, and says where the time goes; this has what takes processes of their own: the start,
an unchanged tree, two processes, memory, growth, and flake8 without and with the plugin. `--flake8` names a Python that has flake8 and
racelint. Medians of the rounds; nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

RACELINT = [sys.executable, "-m", "racelint", "--isolated", "--quiet", "--exit-zero", "--output-format", "concise"]
QUIET = "def double(n):\n    return 2 * n\n"
RACY = """\
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


@dataclass(frozen=True, slots=True)
class Used:
    """What a process and its children used: seconds by the clock and of the processor, and the most memory of one of them."""

    clock: float
    processor: float
    megabytes: float


def used(command: Sequence[str]) -> Used:
    """Runs a command to its end."""
    began = os.times()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return Used(os.times().elapsed - began.elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def in_turns(rounds: int, *commands: Sequence[str]) -> list[list[Used]]:
    """Each command as often as there are rounds, one after the other."""
    found: list[list[Used]] = [[] for _ in commands]
    for _ in range(rounds):
        for results, command in zip(found, commands, strict=True):
            results.append(used(command))
    return found


def ratio(ours: Sequence[Used], theirs: Sequence[Used], *, clock: bool = False) -> float:
    """The median of the ratios of the rounds, of the processor's time or of the clock's."""
    pairs = zip(ours, theirs, strict=True)
    return statistics.median((a.clock / b.clock) if clock else (a.processor / b.processor) for a, b in pairs)


def starts(folder: Path, rounds: int) -> Iterator[tuple[str, str, str]]:
    """How long it takes to start, against an interpreter that does nothing."""
    (folder / "quiet.py").write_text(QUIET, encoding="utf-8")
    (folder / "racy.py").write_text(RACY, encoding="utf-8")
    uncached = [*RACELINT, "--no-cache"]
    bare, version, quiet, racy = in_turns(
        4 * rounds,
        [sys.executable, "-c", "pass"],
        [sys.executable, "-m", "racelint", "--version"],
        [*uncached, str(folder / "quiet.py")],
        [*uncached, str(folder / "racy.py")],
    )
    yield "`--version`, against the bare interpreter", "2 x", f"{ratio(version, bare):.1f} x"
    yield "a file with nothing to nominate", "3 x", f"{ratio(quiet, bare):.1f} x"
    yield "a file with a finding", "8 x", f"{ratio(racy, bare):.1f} x"


def unchanged(directory: str, folder: Path, rounds: int) -> Iterator[tuple[str, str, str]]:
    """The same tree again, and with one file changed, against a cold run."""
    cache = folder / "cache"
    tree = folder / "tree"
    shutil.copytree(directory, tree, ignore=shutil.ignore_patterns("*.so", "*.js", "*.css", "*.html", "*.json"))
    run = [*RACELINT, "-j", "1", "--cache-dir", str(cache), str(tree)]
    cold, again, changed = [], [], []
    some = max(tree.rglob("*.py"), key=lambda path: path.stat().st_size)
    for number in range(rounds):
        shutil.rmtree(cache, ignore_errors=True)
        cold.append(used(run))
        again.append(used(run))
        with some.open("a", encoding="utf-8") as opened:
            opened.write(f"# {number}\n")
        changed.append(used(run))
    yield "nothing changed, against the cold run", "5 %", f"{100 * ratio(again, cold):.1f} %"
    yield "one file changed, whole tree, against the cold run", "-", f"{100 * ratio(changed, cold):.1f} %"
    yield from named(some, tree, folder, rounds)
    yield "most memory of the cold run, one process", "400 MB", f"{max(one.megabytes for one in cold):.0f} MB"


def named(file: Path, tree: Path, folder: Path, rounds: int) -> Iterator[tuple[str, str, str]]:
    """One file by its name, as pre-commit gives it, in its project against the same file with nothing around it."""
    (tree / "pyproject.toml").touch()
    alone = folder / "alone" / file.name
    alone.parent.mkdir()
    in_project = [*RACELINT, "-j", "1", "--cache-dir", str(folder / "cache"), str(file)]
    by_itself = [*RACELINT, "-j", "1", "--no-cache", str(alone)]
    used(in_project)
    again, changed, single = [], [], []
    for number in range(rounds):
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"# named {number}\n")
        shutil.copyfile(file, alone)
        changed.append(used(in_project))
        again.append(used(in_project))
        single.append(used(by_itself))
    yield "one file changed, named, against that file alone", "2 x", f"{ratio(changed, single):.2f} x"
    yield "nothing changed, named, against that file alone", "-", f"{ratio(again, single):.2f} x"


def processes(directory: str, rounds: int) -> Iterator[tuple[str, str, str]]:
    """Two processes against one, by the clock: it takes a machine that does nothing else."""
    one, two = in_turns(
        rounds,
        [*RACELINT, "--no-cache", "-j", "1", directory],
        [*RACELINT, "--no-cache", "-j", "2", directory],
    )
    yield "two processes against one", "1.7 x faster", f"{ratio(one, two, clock=True):.2f} x faster"


def growth(folder: Path, rounds: int) -> Iterator[tuple[str, str, str]]:
    """Twice the code against once, the start taken off."""
    branch = "        if self.total > {0}:\n            await asyncio.sleep({0})\n            self.total += 1\n"
    method = "    async def add{0}(self):\n        total = self.total\n        await asyncio.sleep(0)\n        self.total = total + 1\n\n"
    head = "import asyncio\n\n\nclass Counter:\n    def __init__(self):\n        self.total = 0\n\n"
    record = "\n\nclass Record{0}(formats.Record):\n    def __init__(self):\n        formats.Record.__init__(self)\n"
    record += "        self.head = formats.Record(4)\n        self.head.fill({0})\n        self.size = {0}\n"
    client = "_client = None\n\n\ndef client():\n    global _client\n    if _client is None:\n"
    client += "        _client = open('client')\n    return _client\n"
    kinds = {
        "methods in a class": (head, method, 400),
        "branches in a function": (head + "    async def add(self):\n", branch, 800),
        "functions in a file": (
            "import asyncio\n",
            "\n\nasync def add{0}(n):\n    await asyncio.sleep(n)\n    return n + {0}\n",
            10000,
        ),
        "classes of a generated file": (
            "import formats\n",
            record,
            2000,
        ),
        "public functions around a global": (
            "import threading\n\n_lock = threading.Lock()\n" + client,
            "\n\ndef ask{0}(name):\n    return client().read({0}, name)\n",
            1000,
        ),
    }
    for name, (top, part, count) in kinds.items():
        paths = []
        for times in (1, 2):
            path = folder / f"growth{times}.py"
            path.write_text(top + "".join(part.format(number) for number in range(times * count)), encoding="utf-8")
            paths.append(str(path))
        run = [*RACELINT, "--no-cache", "-j", "1"]
        start, once, twice = in_turns(rounds, [*run, str(folder / "racy.py")], [*run, paths[0]], [*run, paths[1]])
        pairs = zip(start, once, twice, strict=True)
        value = statistics.median((c.processor - a.processor) / (b.processor - a.processor) for a, b, c in pairs)
        yield f"twice the {name}", "2.1 x", f"{value:.2f} x"


def in_flake8(python: str, directory: str, rounds: int) -> Iterator[tuple[str, str, str]]:
    """flake8 with the plugin against flake8 without, and racelint against flake8."""
    flake8 = [python, "-m", "flake8", "--isolated", "-j", "1", "--select"]
    without, with_plugin, ours = in_turns(
        rounds,
        [*flake8, "E9,F", "--extend-ignore", "RL", directory],
        [*flake8, "E9,F,RL", directory],
        [*RACELINT, "--no-cache", "-j", "1", directory],
    )
    yield "flake8 with the plugin, against `--select E9,F`", "1.10 x", f"{ratio(with_plugin, without):.2f} x"
    yield "racelint against `flake8 --select E9,F`", "0.33 x", f"{ratio(ours, without):.2f} x"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", metavar="DIR")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (3)")
    parser.add_argument("--flake8", metavar="PYTHON", help="a Python that has flake8 and racelint")
    arguments = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled once, and not at each start
    print(f"{'what':<56}{'wanted':>14}{'measured':>16}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measures = [
            starts(folder, arguments.rounds),
            unchanged(arguments.directory, folder, arguments.rounds),
            processes(arguments.directory, arguments.rounds),
            growth(folder, arguments.rounds),
        ]
        if arguments.flake8:
            measures.append(in_flake8(arguments.flake8, arguments.directory, arguments.rounds))
        for measure in measures:
            for what, wanted, measured in measure:
                print(f"{what:<56}{wanted:>14}{measured:>16}", flush=True)


if __name__ == "__main__":
    main()
