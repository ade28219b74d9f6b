"""`racelint repro`: the test that it writes fails on the racy version and passes on the repaired one, without editing."""

from __future__ import annotations

import importlib
import linecache
import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from racelint.config import Config
from racelint.finding import Confidence, Finding
from racelint.repro import Repro, write_repro
from racelint.run import lint_paths
from racelint.source import Source, read_source
from racelint.testing import RaceFound, Unfinished

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "tests" / "fixtures"

SHOWN = [
    ("append-by-rewrite/json-list", "RL104"),
    ("append-by-rewrite/read-write-helpers", "RL104"),
    ("await-in-update/attribute", "RL101"),
    ("await-in-update/module-global", "RL101"),
    ("check-then-insert/locks-by-key", "RL304"),
    ("check-then-insert/rooms-by-name", "RL304"),
    ("decided-under-lock/counter", "RL607"),
    ("decided-under-lock/pair", "RL607"),
    ("double-read/attribute", "RL111"),
    ("double-read/entry", "RL111"),
    ("file-check-then-use/folder-made", "RL701"),
    ("file-check-then-use/marker-removed", "RL701"),
    ("guard-declared/annotation", "RL801"),
    ("inconsistent-guard/compound", "RL601"),
    ("inconsistent-guard/reset-without-lock", "RL601"),
    ("ineffective-lock/async-lock-in-method", "RL602"),
    ("ineffective-lock/lock-in-call", "RL602"),
    ("init-flag-in-constructor/class-flag", "RL301"),
    ("init-flag-in-constructor/post-init", "RL301"),
    ("lazy-init-across-await/attribute", "RL303"),
    ("lazy-init-across-await/init-helper", "RL303"),
    ("load-transform-save/json-file", "RL103"),
    ("per-call-state/await", "RL109"),
    ("per-call-state/thread", "RL109"),
    ("reset-then-refill/refresh", "RL110"),
    ("shadow-state/dict-and-file", "RL401"),
    ("stale-check/claimed-too-late", "RL108"),
    ("stale-check/early-return", "RL108"),
    ("stale-check/flag-in-helper", "RL108"),
    ("stale-check/property", "RL108"),
    ("stale-write/dict-entry", "RL102"),
    ("stale-write/helper-methods", "RL102"),
    ("stale-write/lock-released-between", "RL102"),
    ("stale-write/entries", "RL102"),
    ("stale-write/threads", "RL102"),
    ("teardown-across-await/attribute", "RL305"),
    ("torn-pair/list-and-index", "RL403"),
    ("torn-pair/range", "RL403"),
    ("torn-pair/threads", "RL403"),
    ("unlocked-singleton/class-method", "RL302"),
    ("unlocked-singleton/new", "RL302"),
    ("unsynchronised-thread-write/counter", "RL801"),
]
"""Fixtures whose first finding of that rule is shown by a test that needs no editing."""


def findings(path: Path) -> list[Finding]:
    """The races of a file, of every confidence."""
    return [one for one in lint_paths([path], Config(min_confidence=Confidence.LOW)).findings if one.trace]


def written(path: Path, code: str = "") -> Repro:
    """The test for the first finding of a rule in a file, which is imported as `subject_of_repro`."""
    finding = next(one for one in findings(path) if code in ("", one.code))
    source = read_source(str(path))
    assert isinstance(source, Source)
    return write_repro(finding, source, "subject_of_repro", "racelint repro …")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Path], None]]:
    """Runs the text of a test with a file as its subject; raises what the test raises."""
    numbers = iter(range(100))

    def run_test(text: str, subject: Path) -> None:
        folder = tmp_path / f"run-{next(numbers)}"
        (folder / "tmp").mkdir(parents=True)
        shutil.copy(subject, folder / "subject_of_repro.py")
        sys.modules.pop("subject_of_repro", None)
        importlib.invalidate_caches()
        linecache.clearcache()
        with monkeypatch.context() as patched:
            patched.syspath_prepend(folder)
            generated = types.ModuleType("generated")
            exec(compile(text, "generated.py", "exec"), vars(generated))  # noqa: S102 - it is ours
            (test,) = [value for name, value in vars(generated).items() if name.startswith("test_")]
            test(folder / "tmp")

    yield run_test
    sys.modules.pop("subject_of_repro", None)


@pytest.mark.parametrize(("case", "code"), SHOWN, ids=[case for case, _ in SHOWN])
def test_it_fails_on_the_racy_and_passes_on_the_repaired_version(
    case: str, code: str, run: Callable[[str, Path], None]
) -> None:
    """Without editing: only the import is pointed at the other module."""
    repro = written(FIXTURES / case / "bad.py", code)
    assert repro.missing == ()
    with pytest.raises(RaceFound, match="one after the other, in either order, the two calls never end like that"):
        run(repro.text, FIXTURES / case / "bad.py")
    run(repro.text, FIXTURES / case / "good.py")
    if (fixed := FIXTURES / case / "fixed.py").exists():
        run(repro.text, fixed)


def test_it_shows_an_example(run: Callable[[str, Path], None]) -> None:
    """The farm is a stand-in, and the limit is set to one, so that two calls reach it."""
    repro = written(ROOT / "examples/racy/rate_limit.py")
    assert repro.missing == ()
    assert 'subject.RenderClient(StandIn("farm"), limit=1)' in repro.text
    with pytest.raises(RaceFound, match="limit exceeded"):
        run(repro.text, ROOT / "examples/racy/rate_limit.py")
    run(repro.text, ROOT / "examples/repaired/rate_limit.py")


def test_every_finding_gets_a_test() -> None:
    """It is Python, and what is missing in it is marked where it has to be filled in."""
    report = lint_paths([FIXTURES, ROOT / "examples" / "racy"], Config(min_confidence=Confidence.LOW, jobs=1))
    races = [one for one in report.findings if one.trace]
    assert len(races) > 200
    for finding in races:
        source = read_source(finding.path)
        assert isinstance(source, Source)
        repro = write_repro(finding, source, "package.subject", "racelint repro …")
        compile(repro.text, "test_race.py", "exec")
        assert "from package import subject as subject" in repro.text
        assert ("TODO(you)" in repro.text) == ("pytest.fail(" in repro.text) == bool(repro.missing)


@pytest.mark.parametrize("case", ["load-transform-save/sqlite-document", "await-in-update/captured-variable"])
def test_what_is_missing_fails(case: str, run: Callable[[str, Path], None]) -> None:
    """An unfinished test never passes: it says what to fill in."""
    repro = written(FIXTURES / case / "bad.py")
    assert repro.missing != ()
    with pytest.raises(pytest.fail.Exception, match="fill in"):
        run(repro.text, FIXTURES / case / "bad.py")


def test_values_that_show_nothing_fail(run: Callable[[str, Path], None]) -> None:
    """Where the guesses lose nothing the test does not pass as long as the module is the racy one."""
    path = FIXTURES / "stale-write/module-global/bad.py"
    repro = written(path)
    with pytest.raises(Unfinished, match="nothing is lost in 2 orders, but the module is as it was"):
        run(repro.text, path)


RACY = """\
class Account:
    def __init__(self, balance: int) -> None:
        self.balance = balance

    async def deposit(self, amount: int) -> None:
        balance = self.balance
        await self.audit(amount)
        self.balance = balance + amount

    async def audit(self, amount: int) -> None:
        await asyncio.sleep(0)
"""
BEFORE = "import asyncio\n\n\n"
AFTER = (
    "\n\nasync def both(account: Account) -> None:\n    await asyncio.gather(account.deposit(1), account.deposit(2))\n"
)


def racelint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, run in a folder."""
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=60
    )


def test_the_command_as_a_new_user_runs_it(tmp_path: Path) -> None:
    """The test is written beside the code, fails under pytest, and passes when the code is repaired."""
    bank = tmp_path / "bank.py"
    bank.write_text(BEFORE + RACY + AFTER)
    done = racelint(tmp_path, "racelint", "repro", "bank.py:11", "-o", "test_race.py")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "racelint: run it by: python -m pytest test_race.py\n"
    failing = racelint(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "test_race.py")
    assert failing.returncode == 1
    assert "shared.balance 3" in failing.stdout
    assert "held" not in failing.stdout  # our own frames are hidden
    bank.write_text(BEFORE + RACY.replace("balance = balance + amount", "balance += amount") + AFTER)
    passing = racelint(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "test_race.py")
    assert passing.returncode == 0, passing.stdout


def test_a_test_is_not_overwritten(tmp_path: Path) -> None:
    """What the user has filled in is his."""
    (tmp_path / "bank.py").write_text(BEFORE + RACY + AFTER)
    (tmp_path / "test_race.py").write_text("mine\n")
    done = racelint(tmp_path, "racelint", "repro", "bank.py:11", "-o", "test_race.py")
    assert done.returncode == 2
    assert "test_race.py exists" in done.stderr
    assert (tmp_path / "test_race.py").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bank.py"], "`bank.py` is not of the form PATH:LINE"),
        (["bank.py:1"], "nothing is found on line 1 of bank.py; nearest: RL102 stale-write on line 11"),
        (["bank.py:11", "--code", "RL999"], "`RL999` is not found on line 11; RL102 is"),
        (["none.py:1"], "none.py: cannot read: there is no such file"),
        (["my-bank.py:11"], "cannot be imported by its name"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, arguments: list[str], said: str) -> None:
    """With exit status 2, and without a traceback."""
    for name in ("bank.py", "my-bank.py"):
        (tmp_path / name).write_text(BEFORE + RACY + AFTER)
    done = racelint(tmp_path, "racelint", "repro", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_of_the_code_is_run(tmp_path: Path) -> None:
    """Writing a test does not import what it is for; a step of the trace will do as the place."""
    (tmp_path / "bank.py").write_text(BEFORE + RACY + AFTER + "\nraise SystemExit('imported')\n")
    done = racelint(tmp_path, "racelint", "repro", "bank.py:9:5")
    assert done.returncode == 0
    assert "import bank as subject" in done.stdout
