"""How much time and memory the largest things take that anybody could give to racelint, and what it says of them.

    python benchmarks/limits.py [--only NAME ...] [--seconds 600] [--megabytes 4000] [--table]

Each case is made in a temporary folder and checked by a process of its own, which may take so many seconds of the processor and so
much memory. The exit status is 1 if one was not through, had an error of its own, or was silent about a limit that it met.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CLASS = "import asyncio\n\n\nclass C:\n    def __init__(self):\n        self.total = 0\n\n"
RACE = "    async def m{0}(self, n):\n        t = self.total\n{1}        await asyncio.sleep(0)\n        self.total = t + n\n\n"
MAIN = "async def main(c):\n    await asyncio.gather(*(c.m0(i) for i in range(9)))\n"


def one_race(steps: str) -> str:
    """A race with something between the read and the switch."""
    return CLASS + RACE.format(0, steps) + MAIN


def megabytes() -> str:
    """10 MB as a program writes them: functions, data, and a race at the end."""
    part = "".join(
        f"def f{i}(a, b={i}):\n    x = [a, b, {{'k': a}}]\n    return x[{i} % 3] if a else None\n\n\n"
        for i in range(120_000)
    )
    return part + one_race("")


def data() -> str:
    """A list of 500,000 strings at the top, and one of 50,000 within the race."""
    within = ", ".join(f"'{i:08d}'" for i in range(50_000))
    return "x = [" + ", ".join(f"'{i:08d}'" for i in range(500_000)) + "]\n" + one_race(f"        x = [{within}]\n")


def text() -> str:
    """A string of 10 MB that looks like comments."""
    return "x = '''" + "abc  # noqa: RL102  # racelint: ignore[RL102]\n" * 200_000 + "'''\n" + one_race("")


def comments() -> str:
    """100,000 lines with a suppression that silences nothing."""
    return "".join(f"x{i} = 1  # racelint: ignore[RL102] old\n" for i in range(100_000)) + one_race("")


def branches() -> str:
    """5,000 branches one behind the other between read and write."""
    return one_race("".join(f"        if n == {i}:\n            self.seen = {i}\n" for i in range(5_000)))


def chain() -> str:
    """900 branches of one `elif` chain."""
    return one_race(
        "        if n == 0:\n            pass\n"
        + "".join(f"        elif n == {i}:\n            self.seen = {i}\n" for i in range(900))
    )


def methods() -> str:
    """20,000 methods of one class, of which every tenth races on one attribute."""
    plain = "    def p{0}(self, n):\n        return n + {0}\n\n"
    return CLASS + "".join(RACE.format(i, "") if i % 10 == 0 else plain.format(i) for i in range(20_000)) + MAIN


def crowd() -> str:
    """2,000 methods that all race on one attribute."""
    return CLASS + "".join(RACE.format(i, "") for i in range(2_000)) + MAIN


def calls() -> str:
    """3,000 methods of which each calls the next."""
    body = "    async def m{0}(self, n):\n        await self.m{1}(n)\n        self.total += 1\n\n"
    return (
        CLASS
        + "".join(body.format(i, i + 1) for i in range(3_000))
        + "    async def m3000(self, n):\n        pass\n\n\n"
        + MAIN
    )


def deep() -> str:
    """An expression of 10,000 levels: one clear problem."""
    return one_race("        x = " + "1 + " * 10_000 + "1\n")


def strings() -> str:
    """20,000 neighbouring strings, which `ast` joins and libcst nests."""
    return one_race("        x = " + "'a' " * 20_000 + "\n")


def decorators() -> str:
    """5,000 decorators of the function that races."""
    return CLASS + "    @d\n" * 5_000 + RACE.format(0, "") + MAIN


def arguments() -> str:
    """A call with 20,000 arguments within the race."""
    return one_race("        f(" + ", ".join(f"a{i}={i}" for i in range(20_000)) + ")\n")


def globals_() -> str:
    """2,000 lazily made globals."""
    return "import threading\n" + "".join(
        f"g{i} = None\n\n\ndef get{i}():\n    global g{i}\n    if g{i} is None:\n        g{i} = object()\n    return g{i}\n\n\n"
        for i in range(2_000)
    )


def statements() -> str:
    """A function that builds and runs 2,000 statements, one that makes 2,000 rows by functions, and one that joins 2,000 threads."""
    built = "".join(f"    s{i} = delete(A{i}).where(A{i}.id == {i})\n    session.execute(s{i})\n" for i in range(2_000))
    made = "".join(f"    create_a{i}(session, n)\n" for i in range(2_000))
    started = "".join(f"    t{i} = threading.Thread(target=made)\n    t{i}.start()\n" for i in range(2_000))
    joined = "".join(f"    t{i}.join()\n" for i in range(2_000))
    return (
        "import threading\n\nfrom sqlalchemy import delete\n\n\n"
        f"def built(session):\n{built}\n\ndef made(session, n):\n{made}\n\ndef started():\n{started}{joined}\n\n"
    ) + one_race("")


def folder(at: Path) -> None:
    """100,000 small files in one folder, and a race in one."""
    for number in range(100_000):
        (at / f"m{number}.py").write_text(f"x = {number}\n")
    (at / "race.py").write_text(one_race(""))


@dataclass(frozen=True, slots=True)
class Case:
    """What is made, and what must be said of it."""

    make: Callable[[], str]
    said: str = "RL102"
    """A code that must be among what is reported, or words that must be in a problem."""


CASES = {
    "10 MB": Case(megabytes),
    "large lists": Case(data),
    "large string": Case(text),
    "100,000 comments": Case(comments, "RL901"),
    "5,000 branches": Case(branches, "RL902"),
    "900 elif": Case(chain),
    "20,000 methods": Case(methods),
    "2,000 rivals": Case(crowd),
    "3,000 calls deep": Case(calls, ""),
    "10,000 levels": Case(deep, "nested deeper than"),
    "20,000 strings": Case(strings, "RL902"),
    "5,000 decorators": Case(decorators, "RL902"),
    "20,000 arguments": Case(arguments),
    "2,000 globals": Case(globals_, ""),
    "2,000 statements, rows and threads": Case(statements),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks all cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*CASES, "100,000 files"], action="append")
    parser.add_argument("--seconds", type=int, default=600, help="of the processor, for one case")
    parser.add_argument("--megabytes", type=int, default=4_000, help="of memory, for one case")
    parser.add_argument("--table", action="store_true", help="print lines of a Markdown table")
    given = parser.parse_args(arguments)
    wrong = False
    for name in given.only or [*CASES, "100,000 files"]:
        with tempfile.TemporaryDirectory(prefix="racelint-limits-") as where:
            at = Path(where)
            said = "RL102"
            if name in CASES:
                (at / "case.py").write_text(CASES[name].make())
                said = CASES[name].said
            else:
                folder(at)
            wrong = not checked(name, at, said, given) or wrong
    return 1 if wrong else 0


def checked(name: str, at: Path, said: str, given: argparse.Namespace) -> bool:
    """Checks one case, and prints a line."""

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (given.seconds, given.seconds + 5))
        resource.setrlimit(resource.RLIMIT_AS, (given.megabytes * 2**20, given.megabytes * 2**20))

    size = sum(path.stat().st_size for path in at.iterdir())
    command = [
        sys.executable,
        "-m",
        "racelint",
        "--isolated",
        "--no-cache",
        "-j",
        "1",
        "--output-format",
        "json-lines",
        str(at),
    ]
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True, preexec_fn=bounded)
        assert process.stderr is not None
        errors = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        lines = out.read().splitlines() if process.returncode in (0, 1) else []
    entries = [json.loads(line) for line in lines]
    codes = Counter(str(entry["code"]) for entry in entries)
    told = any(said in (entry["code"], "") or said in entry["message"] for entry in entries) or not said
    good = process.returncode in (0, 1) and told and not any("internal error" in entry["message"] for entry in entries)
    listed = ", ".join(f"{count} {code}" for code, count in sorted(codes.items())) or "nothing"
    took = f"{used.ru_utime + used.ru_stime:.1f} s", f"{used.ru_maxrss / 1024:.0f} MB"
    if given.table:
        print(f"| {name} | {size / 1e6:.1f} MB | {took[0]} | {took[1]} | {listed if good else 'WRONG'} |", flush=True)
    else:
        print(
            f"{name}: {size / 1e6:.1f} MB, {took[0]} of the processor, {time.perf_counter() - started:.0f} s, {took[1]}: {listed}",
            flush=True,
        )
    if not good:
        print(f"  WRONG: status {process.returncode}; {errors[-500:]}", flush=True)
    return good


if __name__ == "__main__":
    sys.exit(main())
