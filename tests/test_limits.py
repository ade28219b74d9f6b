"""What is too large or too deep to be followed is said, and what is large but plain is looked at in time."""

from __future__ import annotations

import pytest

from racelint import lint_source, suppress
from racelint.config import Config
from racelint.evidence.overlap import Concurrency
from racelint.finding import Confidence
from racelint.flow.graph import Builder

RACE = """\
import asyncio


class Counter:
    def __init__(self):
        self.total = 0

    async def add(self, n):
        total = self.total
{steps}
        await asyncio.sleep(0)
        self.total = total + n


async def main(counter):
    await asyncio.gather(*(counter.add(i) for i in range(9)))
"""


def found(steps: str) -> list[tuple[str, int]]:
    """The codes and lines of what is found, of nothing that is wrong with racelint itself."""
    report = lint_source(RACE.format(steps=steps))
    assert report.problems == ()
    return [(finding.code, finding.line) for finding in report.findings]


def test_a_function_of_more_steps_than_are_followed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The race behind the steps cannot be seen, so silence would be wrong."""
    monkeypatch.setattr(Builder, "MOST_EVENTS", 300)  # 3,000 take long
    steps = "\n".join(f"        if n == {i}:\n            self.seen = {i}" for i in range(300))
    assert found(steps) == [("RL902", 8)]


@pytest.mark.parametrize("part", ["'b'", "f'{n}'"])
def test_what_is_flat_for_python_but_deep_for_libcst_is_told(part: str) -> None:
    """Neighbouring strings are one constant in `ast`, so nothing tells that libcst nests them and refuses."""
    assert found(f"        text = {' '.join([part] * 5_000)}") == [("RL902", 8)]


def test_a_function_within_the_limits_is_not_told() -> None:
    """The race is."""
    steps = "\n".join(f"        if n == {i}:\n            self.seen = {i}" for i in range(100))
    assert "RL902" not in {code for code, _ in found(steps)}


def test_it_can_be_left_out_like_any_other() -> None:
    """By a comment at the head of the function; then it is used, too."""
    text = RACE.format(steps="        text = " + " ".join(["'b'"] * 5_000))
    head = "async def add(self, n):"
    assert lint_source(text.replace(head, f"{head}  # racelint: ignore[RL902] generated")).findings == ()


@pytest.mark.parametrize("operator", ["**", "//", "<<", "&", "^", "@"])
def test_a_chain_of_any_operator_is_followed(operator: str) -> None:
    """Its text is put together of its parts' once for each, not printed anew by libcst at each level."""
    assert ("RL102", 12) in found(f"        power = {f' {operator} '.join(['n'] * 300)}")


def test_no_lock_is_held_over_hundreds_of_lines() -> None:
    """Such a race has advice only; a short one has a repair."""
    for length, repaired in ((20, True), (400, False)):
        report = lint_source(RACE.format(steps="\n".join(f"        print({i})" for i in range(length))))
        assert [bool(finding.fix and finding.fix.edits) for finding in report.findings] == [repaired]


def crowd(methods: int, body: str) -> str:
    """A class all of whose methods change one attribute."""
    imports = "import asyncio, threading" if "async" in body else "import threading"
    head = f"{imports}\n\n\nclass Crowd:\n    def __init__(self):\n        self.total = 0\n        self._lock = threading.Lock()\n"
    tail = "\n    def run(self):\n        with self._lock:\n            self.total += 1\n        threading.Thread(target=self.m1).start()\n"
    return head + "".join(body.format(number) for number in range(methods)) + tail


@pytest.mark.parametrize(
    "body",
    [
        "    async def m{}(self, n):\n        t = self.total\n        await asyncio.sleep(0)\n        self.total = t + n\n",
        "    def m{}(self, n):\n        self.total += n\n",
    ],
    ids=["tasks", "threads"],
)
def test_work_grows_with_a_class_and_not_with_its_square(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Each of many methods that change one attribute is compared with some of the others, not with all."""
    asked: list[str] = []
    overlap, looked = Concurrency.overlap, Concurrency._looked_for_guards
    monkeypatch.setattr(Concurrency, "overlap", lambda self, one, *rest: asked.append(one) or overlap(self, one, *rest))
    monkeypatch.setattr(
        Concurrency, "_looked_for_guards", lambda self, *rest: asked.append("guards") or looked(self, *rest)
    )
    counts = []
    for methods in (150, 300):
        asked.clear()
        report = lint_source(crowd(methods, body), config=Config(min_confidence=Confidence.LOW))
        assert len(report.findings) >= methods
        assert report.problems == ()
        assert asked.count("guards") < 10
        counts.append(len(asked))
    assert counts[1] < 2.2 * counts[0]


def test_all_of_a_large_crowd_is_found() -> None:
    """Also what comes behind those that are compared."""
    body = "    async def m{}(self, n):\n        t = self.total\n        await asyncio.sleep(0)\n        self.total = t + n\n"
    runs = ", ".join(f"crowd.m{number}(1)" for number in range(250))
    text = f"{crowd(250, body)}\n\nasync def main(crowd: Crowd):\n    await asyncio.gather({runs})\n"
    found = {finding.symbol for finding in lint_source(text).findings if finding.code == "RL102"}
    assert found == {f"Crowd.m{number}" for number in range(250)}


def test_thousands_of_comments_are_compared_with_few_findings_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the same lines; all that silence nothing are told."""
    compared: list[int] = []
    covers = suppress._covers
    monkeypatch.setattr(suppress, "_covers", lambda one, *rest: compared.append(1) or covers(one, *rest))
    lines = [f"x{number} = 1  # racelint: ignore[RL102] old" for number in range(1_000)]
    report = lint_source(
        "\n".join([*lines, RACE.format(steps="").replace("+ n", "+ n  # racelint: ignore[RL102] why")])
    )
    assert [finding.code for finding in report.findings] == ["RL901"] * 1_000
    assert len(compared) < 3_000


def test_a_function_of_more_decorators_than_are_followed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are steps, too."""
    monkeypatch.setattr(Builder, "MOST_EVENTS", 300)
    text = RACE.format(steps="").replace("    async def add", "    @d\n" * 400 + "    async def add")
    report = lint_source(text)
    assert report.problems == ()
    assert [finding.code for finding in report.findings] == ["RL902"]
