"""Every fixture tells the truth, and racelint sees it.

The explorer judges the fixtures, the comments in the fixtures judge racelint:

* `# want: RL102 "regex"`: a finding of this code on this line, whose message the regex (if there is one) finds something in;
* `# missed: RL102 why`: a race racelint does not see yet; fails when it does, and then becomes a `want`;
* `# false alarm: RL102 why`: a finding that is wrong; fails when it is gone, and then the comment goes too.

A finding without a comment fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import explorer
import pytest
from explorer import Outcome

from racelint.finding import Finding

FIXTURES = Path(__file__).parent / "fixtures"
FILES = sorted(FIXTURES.glob("*/*/*.py"))
PROJECTS = sorted(path for stem in ("bad", "good") for path in FIXTURES.glob(f"*/*/{stem}") if path.is_dir())
"""Cases of several modules: `bad` and `good` are folders."""
COMMENT = re.compile(
    r"""(?P<kind>want|missed|false\ alarm):\s(?P<code>RL\d{3})(?:\s"(?P<message>(?:[^"\\]|\\.)*)")?""", re.VERBOSE
)
SAFE_SHAPES = "safe-shapes"


def name(path: Path) -> str:
    return path.relative_to(FIXTURES).with_suffix("").as_posix()


def executable(path: Path) -> bool:
    return "def scenario(" in path.read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Expectation:
    """One comment of a fixture."""

    line: int
    kind: str
    code: str
    message: str


def expectations(path: Path) -> list[Expectation]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        Expectation(number, match["kind"], match["code"], match["message"] or "")
        for number, line in enumerate(lines, 1)
        for match in COMMENT.finditer(line.partition("# ")[2] and line[line.index("# ") :])
    ]


# --- the fixtures are true -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path in FILES if executable(path)], ids=name)
def test_explorer_agrees_with_the_fixture(path: Path) -> None:
    """A bad scenario has a schedule that breaks it; a good or fixed one has none, and all were run."""
    verdict = explorer.explore(path)
    expected = Outcome.VIOLATED if path.stem == "bad" else Outcome.EXPLORED
    assert verdict.outcome is expected, str(verdict)


@pytest.mark.parametrize("path", [path for path in FILES if path.stem == "bad"], ids=name)
def test_bad_fixture_says_what_is_wrong(path: Path) -> None:
    """A bad fixture marks at least one line, a fixture of a rule with that rule's code; a good or fixed twin marks none."""
    assert any(expected.kind in ("want", "missed") for expected in expectations(path))
    assert (path.parent / "good.py").exists() or (path.parent / "good").is_dir()  # what only its project makes good
    for twin in (path.parent / "good.py", path.parent / "fixed.py"):
        assert not twin.exists() or all(expected.kind == "false alarm" for expected in expectations(twin))


@pytest.mark.parametrize("rule", sorted({path.parent.parent.name for path in FILES} - {SAFE_SHAPES}), ids=str)
def test_each_rule_has_a_race_that_was_seen(rule: str) -> None:
    """A rule whose bad example cannot be made to fail is not a rule."""
    assert any(executable(path) for path in (FIXTURES / rule).glob("*/bad.py"))


# --- the explorer itself ---------------------------------------------------------------------------------------------

SCENARIOS = {
    "fails one after another": (
        "async def scenario():\n    assert False\n",
        Outcome.BROKEN,
    ),
    "tasks wait for each other": (
        """
import asyncio
async def take(first, second):
    async with first:
        await asyncio.sleep(0)
        async with second:
            pass
async def scenario():
    a, b = asyncio.Lock(), asyncio.Lock()
    await asyncio.gather(take(a, b), take(b, a))
""",
        Outcome.VIOLATED,
    ),
    "threads wait for each other": (
        """
import threading
a, b = threading.Lock(), threading.RLock()
def take(first, second):
    with first, second:
        pass
def scenario():
    units = [threading.Thread(target=take, args=pair) for pair in ((a, b), (b, a))]
    for unit in units:
        unit.start()
    for unit in units:
        unit.join()
""",
        Outcome.VIOLATED,
    ),
    "a task spins": (
        """
import asyncio
async def scenario():
    while True:
        await asyncio.sleep(0)
""",
        Outcome.LIMIT,
    ),
    "an uncontended lock does not suspend": (
        """
import asyncio
class Count:
    def __init__(self):
        self.lock, self.value = asyncio.Lock(), 0
    async def add(self):
        value = self.value
        async with self.lock:
            pass
        self.value = value + 1
async def scenario():
    count = Count()
    await asyncio.gather(count.add(), count.add())
    assert count.value == 2
""",
        Outcome.EXPLORED,
    ),
    "a queue hands over between threads": (
        """
import queue
import threading
def scenario():
    jobs, done = queue.Queue(), []
    units = [threading.Thread(target=lambda: done.append(jobs.get())), threading.Thread(target=jobs.put, args=(1,))]
    for unit in units:
        unit.start()
    for unit in units:
        unit.join()
    assert done == [1]
""",
        Outcome.EXPLORED,
    ),
    "membership in a dictionary": (
        """
from concurrent.futures import ThreadPoolExecutor
known, made = {}, []
def get(key):
    if key not in known:
        made.append(key)
        known[key] = object()
    return known[key]
def scenario():
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(get, "aa"))
    assert len(made) == 1
""",
        Outcome.VIOLATED,
    ),
    "a pool of one thread": (
        """
from concurrent.futures import ThreadPoolExecutor
total = 0
def add(amount):
    global total
    before = total
    total = before + amount
def scenario():
    with ThreadPoolExecutor(1) as pool:
        list(pool.map(add, (1, 2)))
    assert total == 3
""",
        Outcome.EXPLORED,
    ),
    "two readers want to write": (
        """
import sqlite3
from multiprocessing import Process
def add(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    (n,) = connection.execute("SELECT n FROM t").fetchone()
    connection.execute("UPDATE t SET n = ?", (n + 1,))
    connection.execute("COMMIT")
    connection.close()
def scenario(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (n)")
        connection.execute("INSERT INTO t VALUES (0)")
    connection.close()
    units = [Process(target=add, args=(path,)) for _ in range(2)]
    for unit in units:
        unit.start()
    for unit in units:
        unit.join()
""",
        Outcome.VIOLATED,  # "database is locked", as SQLite says
    ),
    "who waits is joined after all others have ended": (
        """
import threading
def scenario():
    units = [threading.Thread(target=target) for target in (int, threading.Event().wait)]
    for unit in units:
        unit.start()
    for unit in units:
        unit.join()
""",
        Outcome.BROKEN,  # a deadlock, whoever is first
    ),
    "a waiter cancels what all wait for": (
        """
import asyncio
async def scenario():
    made = asyncio.get_running_loop().create_future()
    async def make():
        await asyncio.sleep(0)
        if not made.done():
            made.set_result(1)
    async def wait():
        await made
    async def impatient():
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await asyncio.gather(make(), wait(), impatient())
""",
        Outcome.VIOLATED,
    ),
}


@pytest.mark.parametrize(("text", "outcome"), SCENARIOS.values(), ids=SCENARIOS)
def test_explorer_knows(text: str, outcome: Outcome, tmp_path: Path) -> None:
    """Small scenarios whose outcome is known from the documentation of Python and SQLite."""
    path = tmp_path / "fixture.py"
    path.write_text(text)
    verdict = explorer.explore(path)
    assert verdict.outcome is outcome, str(verdict)


def test_replay_repeats_the_violation() -> None:
    """The call that a verdict prints fails in the same way."""
    path = FIXTURES / "stale-write/attribute/bad.py"
    verdict = explorer.explore(path)
    with pytest.raises(AssertionError):
        explorer.replay(path, verdict.choices)
    assert f"explorer.replay({str(path)!r}" in str(verdict)


# --- racelint sees what the fixtures say -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=name)
def test_findings(path: Path) -> None:
    """Exactly the findings that the comments say."""
    from racelint.run import lint_source

    report = lint_source(path.read_text(encoding="utf-8"), f"{name(path)}.py")
    problems = disagreements(path, list(report.findings))
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize("folder", PROJECTS, ids=name)
def test_findings_in_several_modules(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly the findings that the comments say, when the modules are looked at together."""
    from racelint.run import lint_paths

    monkeypatch.chdir(folder)
    report = lint_paths(["."])
    assert not report.problems
    problems = []
    for path in sorted(folder.rglob("*.py")):
        found = [finding for finding in report.findings if finding.path == path.relative_to(folder).as_posix()]
        problems += disagreements(path, found)
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize("folder", [path for path in PROJECTS if path.name == "bad"], ids=name)
def test_bad_project_says_what_is_wrong(folder: Path) -> None:
    """A bad folder marks at least one line in one of its modules; its good twin marks none."""
    marks = {
        stem: [mark for path in (folder.parent / stem).rglob("*.py") for mark in expectations(path)]
        for stem in ("bad", "good")
    }
    assert any(mark.kind in ("want", "missed") for mark in marks["bad"])
    assert all(mark.kind == "false alarm" for mark in marks["good"])


def disagreements(path: Path, findings: list[Finding]) -> list[str]:
    """What the comments of a file and the findings in it do not agree on."""
    unmatched = list(findings)
    problems = []
    for expected in expectations(path):
        matching = [
            finding
            for finding in unmatched
            if (finding.line, finding.code) == (expected.line, expected.code)
            and re.search(expected.message, finding.message)
        ]
        for finding in matching:
            unmatched.remove(finding)
        if expected.kind == "missed" and matching:
            problems.append(f"{path}:{expected.line}: {expected.code} is no longer missed: make it a `want`")
        elif expected.kind == "want" and not matching:
            problems.append(f"{path}:{expected.line}: {expected.code} {expected.message} not found")
        elif expected.kind == "false alarm" and not matching:
            problems.append(f"{path}:{expected.line}: {expected.code} is no longer a false alarm: remove the comment")
    problems += [f"{path}:{finding.line}: unexpected {finding.code} {finding.message}" for finding in unmatched]
    return problems
