"""A small, fixed part of `benchmarks/fuzz.py`: the same stages on the same cases, and programs that hypothesis chooses."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from racelint.config import Config
from racelint.finding import Confidence
from racelint.run import lint_source

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    """The program, as a module."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import fuzz
    finally:
        sys.path.remove(str(BENCHMARKS))
    return fuzz


@pytest.fixture(scope="module")
def texts() -> list[bytes]:
    """What mutants are made of."""
    return [path.read_bytes() for path in sorted(Path(__file__).parent.glob("fixtures/*/*/bad.py"))[::9]]


@pytest.mark.parametrize(
    ("stage", "cases"),
    [
        ("programs", 6),
        ("mutants", 25),
        ("comments", 8),
        ("configuration", 25),
        ("baseline", 40),
        ("cache", 3),
        ("editor", 1),
    ],
)
def test_no_case_of_a_stage_fails(
    fuzz: ModuleType, texts: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, cases: int
) -> None:
    """Each case raises if racelint does what it must not: an error of its own, a repair that is no Python, other findings."""
    monkeypatch.chdir(tmp_path)
    for number in range(cases):
        fuzz.STAGES[stage](random.Random(f"test {stage} {number}"), texts, tmp_path)


@settings(max_examples=8)
@given(seed=st.integers())
def test_any_program_is_judged_and_repaired(fuzz: ModuleType, seed: int) -> None:
    """Nothing fails, and what is repaired still compiles."""
    from programs import Maker

    fuzz.looked_at(fuzz.decode(Maker(random.Random(seed), 25).program().encode("utf-8", "surrogatepass"), "case.py"))


def test_programs_are_programs(fuzz: ModuleType) -> None:
    """All of them parse, and races are found in most: a fuzzer of syntax errors would look at nothing."""
    from programs import Maker

    from racelint import lint_source
    from racelint.config import Config
    from racelint.finding import Confidence

    codes = set()
    for number in range(20):
        text = Maker(random.Random(number), 60).program()
        compile(text, "program", "exec", flags=1024, dont_inherit=True)  # the tree alone: a `return` may stand anywhere
        report = lint_source(text, config=Config(min_confidence=Confidence.LOW))
        codes |= {finding.code for finding in report.findings}
    assert len(codes) > 5


def test_a_failing_case_is_kept_and_told(tmp_path: Path) -> None:
    """Also one that hangs: it is ended, and the others go on."""
    code = (
        f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import fuzz\n"
        "def programs(r, texts, folder):\n"
        "    (folder / 'case').write_bytes(b'seen')\n"
        "    if r.random() < 2:\n"
        "        while True: pass\n"
        "fuzz.STAGES['programs'] = programs\n"
        "sys.exit(fuzz.main())\n"
    )
    program = tmp_path / "program.py"
    program.write_text(code.replace("import fuzz\n", f"import fuzz; fuzz.__file__ = {str(program)!r}\n"))
    command = [
        sys.executable,
        str(program),
        "--seconds",
        "3",
        "--limit",
        "1",
        "--only",
        "programs",
        "--keep",
        str(tmp_path / "kept"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "programs:0 failed, status -" in done.stdout
    assert (tmp_path / "kept" / "programs-0-0.case").read_bytes() == b"seen"
    assert "in programs" in (tmp_path / "kept" / "programs-0-0.txt").read_text()


ONCE_FAILED = {
    "a use that is decided by a test of what is no access": """\
class C1:
    async def add(self, n, session: AsyncSession = None, *args, **kw):
        raise ValueError(n) from None
        if not self.total:
            pass
        elif cache:
            pass
        else:
            async for x in -self.total:
                await task.delay(self.total.id)
                try:
                    try:
                        yield 1
                    except Exception:
                        raise ValueError(n) from None
                    else:
                        async with self.queue, session.begin() as y:
                            pass
                    row.n = -self.total
                except (KeyError, Row.DoesNotExist) as error:
                    pass
        if self.total:
            await self.queue.get()
            self.total = None
""",
}


@pytest.mark.parametrize("case", ONCE_FAILED)
def test_what_once_failed_is_judged(case: str) -> None:
    """Programs that the fuzzer has found, made smaller."""
    report = lint_source(ONCE_FAILED[case], "case.py", Config(min_confidence=Confidence.LOW, jobs=1))
    assert report.problems == ()
