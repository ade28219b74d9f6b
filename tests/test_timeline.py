"""Timelines: of every finding of every fixture, and some of them to the letter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from racelint import RULES, lint_paths, lint_source
from racelint.config import Config
from racelint.finding import Confidence, Finding, Role
from racelint.rule import Rule
from racelint.timeline import STORIES, Timeline, timeline

FIXTURES = Path(__file__).parent / "fixtures"
RACES = [rule for rule in RULES if rule.code < "RL900"]

OUTCOMES: Mapping[str, str] = {
    "lost update": r"B's update is lost",
    "lost entries": r"B's entry is lost|y is lost",
    "lost replacement": r"B's new one is dropped",
    "unread entries": r"nobody has read it",
    "old values written back": r"overwritten with the old value",
    "number given twice": r"8 is given twice",
    "last entry followed twice": r"two entries follow e",
    "row made twice": r"two rows",
    "each process has its own copy": r"B never sees",
    "values of two calls are mixed": r"call A goes on with the value of call B",
    "done twice": r"done twice|two of the tasks run|worked on twice|both write the file",
    "limit exceeded": r"the limit is exceeded|refers to one that is gone",
    "double initialisation": r"made twice|done twice",
    "half-made object used": r"before it is complete",
    "half-made state used": r"before the work is done",
    "leak": r"lives on",
    "use of something that is gone": r"A fails",
    "removal of what is gone": r"A's removal fails",
    "used before it is set": r"B fails",
    "decision on old state": r"no longer so|does not hold any more",
    "half-done change": r"one change without the other",
    "job before its row": r"the job runs on what nobody can see yet",
    "torn pair": r"torn|do not belong together",
    "copies disagree": r"two answers",
    "half-filled collection seen": r"takes for missing",
    "iteration fails": r"loop fails",
    "advanced by two": r"element that A never sees",
    "changed while iterated": r"in the middle of its loop",
    "mixed statements": r"mix in one session",
    "mixed answers": r"each other.s answers",
    "unguarded change": r"though A held the lock",
    "nothing is excluded": r"at once|the lock is gone|B has changed since|B's update is lost|worked on the state before",
    "half-written file": r"a part of the file|finds no file|mixes",
    "secret readable": r"has read the secret",
    "link followed": r"B's link leads to",
    "step fails": r"A fails",
    "lost announcement": r"erased|forgotten",
    "lost wake-up": r"waits for ever",
    "lost waiter": r"A waits for ever",
    "loop asleep": r"sleeps on",
    "completed twice": r"was done already",
}
"""What the timelines of a harm end with."""


@cache
def told() -> tuple[tuple[Finding, Timeline], ...]:
    """Every finding of the racy fixtures, with its timeline."""
    found = []
    files = sorted(FIXTURES.glob("*/*/bad.py"))
    for finding in lint_paths(files, Config(min_confidence=Confidence.LOW)).findings:
        picture = timeline(finding, Path(finding.path).read_text(encoding="utf-8").splitlines())
        if finding.code < "RL900":
            assert picture is not None
            found.append((finding, picture))
    return tuple(found)


def text(picture: Timeline) -> list[str]:
    """A row a line: its lane, its line, what it does; `!` where the harm is, `>` where the other goes on."""
    marks = ["!" if row.wrong else ">" if row.role is Role.SWITCH else " " for row in picture.rows]
    rows = [
        f"{picture.lanes[row.lane].letter}{mark} {row.line or '-':>2} {row.says}"
        for row, mark in zip(picture.rows, marks, strict=True)
    ]
    return [*rows, picture.outcome]


def of(rule: str, case: str, line: int) -> list[str]:
    """The timeline of a fixture's finding."""
    path = f"{rule}/{case}/bad.py"
    return next(text(picture) for finding, picture in told() if finding.path.endswith(path) and finding.line == line)


def test_every_harm_of_a_rule_has_a_story() -> None:
    """None is told by its roles alone, and none is kept that no rule names."""
    named = {rule.harm for rule in RACES} | {finding.harm for finding, _ in told()} | {"half-made object used"}
    assert named - set(STORIES) == set()
    assert set(STORIES) == set(OUTCOMES)
    assert set(STORIES) - named - {"removal of what is gone", "use of something that is gone"} == set()


@pytest.mark.parametrize("rule", RACES, ids=lambda rule: rule.name)
def test_every_finding_has_two_lanes_a_switch_and_an_outcome_that_fits_its_harm(rule: Rule) -> None:
    """Both units do something, one of them does or meets the harm, and the lines are those of the trace or of the partner."""
    seen = [(finding, picture) for finding, picture in told() if finding.code == rule.code]
    assert seen
    for finding, picture in seen:
        where = f"{finding.path}:{finding.line}"
        assert {row.lane for row in picture.rows} == {0, 1}, where
        assert any(row.role is Role.SWITCH for row in picture.rows), where
        assert any(row.wrong for row in picture.rows), where
        assert re.search(OUTCOMES[finding.harm], picture.outcome), (where, picture.outcome)
        assert all(row.says for row in picture.rows), where
        shown = {row.line for row in picture.rows} - {None}
        assert {step.span.line for step in finding.trace if step.role is not Role.SWITCH} <= shown, where


def test_errors_of_files_are_those_of_files() -> None:
    """Rows that are gone raise others."""
    files = {finding.code for finding, picture in told() if "FileNotFoundError" in picture.outcome}
    assert files == {"RL701"}


def test_whoever_waits_for_a_limit_wakes_with_the_others() -> None:
    """The harm is after the sleep, not at the look."""
    assert of("check-then-act-limit", "pace", 43)[2:] == [
        "B  41 has to wait as long",
        "A  44 wakes, goes on without a look",
        "B! 44 wakes then, too, and goes on",
        "all that have waited go on at once: the limit is exceeded",
    ]


def test_the_source_of_a_row_stands_in_the_file() -> None:
    """Whole lines where the file is at hand, without their comments; else the text of the step."""
    for finding, picture in told():
        source = " ".join(Path(finding.path).read_text(encoding="utf-8").split())
        for row in picture.rows:
            assert "# want" not in row.text
            words = "".join(row.text.split())[:40].rstrip(",)")
            assert words in "".join(source.split()) or row.text[:12] in source, (finding.path, row)


@pytest.mark.parametrize("rule", RACES, ids=lambda rule: rule.name)
def test_without_the_file_the_story_is_the_same(rule: Rule) -> None:
    """Only source and numbers may differ."""
    for finding, picture in told():
        if finding.code == rule.code:
            plain = timeline(finding)
            assert plain is not None
            assert [(row.lane, row.role, row.line, row.wrong) for row in plain.rows] == [
                (row.lane, row.role, row.line, row.wrong) for row in picture.rows
            ]


def test_a_lost_update_in_numbers() -> None:
    """Numbers where the code says that they are: it begins with one, and something is taken from it."""
    assert of("safe-shapes", "trio-lock", 12) == [
        "A  10 reads 100",
        "A> 11 waits, B runs",
        "B  10 reads 100, too",
        "B  12 writes 50",
        "A! 12 writes 70",
        "B's update is lost: 70, expected 20",
    ]


def test_a_lost_update_of_values_that_are_not_known() -> None:
    """Symbols for what each changes."""
    assert of("stale-write", "module-global", 20)[-1] == "B's update is lost: v + a, expected v + a + b"


def test_counting_by_a_literal() -> None:
    """The step of the code is the step of the numbers."""
    assert of("orm-lost-update", "fields", 27) == [
        "A  26 reads 100",
        "A>  - B runs in between",
        "B  26 reads 100, too",
        "B  27 saves 105",
        "A! 27 saves 105",
        "B's update is lost: 105, expected 110",
    ]


@pytest.mark.parametrize(
    ("statement", "outcome"),
    [
        ("self.n -= 1", "6, expected 5"),
        ("self.n += 2.5", "102.5, expected 105"),
        ("self.n = 3 + self.n", "10, expected 13"),
        ("self.n += size", "130, expected 180"),
        ("self.n += [size]", "v + a, expected v + a + b"),
        ("self.n += 'x'", "v + a, expected v + a + b"),
        ("self.n += True", "v + a, expected v + a + b"),
    ],
)
def test_values_follow_the_statement(statement: str, outcome: str) -> None:
    """The operator and its operand say what can be said of the values."""
    source = f"""\
import threading

class Shared:
    def __init__(self):
        self.n = 0

    def work(self, size):
        {statement}

    def start(self):
        for size in range(9):
            threading.Thread(target=self.work, args=(size,)).start()
"""
    found = [finding for finding in lint_source(source).findings if finding.harm == "lost update"]
    assert found
    picture = timeline(found[0], source.splitlines())
    assert picture is not None
    assert picture.outcome == f"B's update is lost: {outcome}"


def test_the_other_unit_is_named_if_the_finding_knows_it() -> None:
    """With the line at which it interferes, and the source there."""
    finding, picture = next(
        (finding, picture) for finding, picture in told() if finding.path.endswith("stale-write/entries/bad.py")
    )
    assert picture.lanes[1].symbol == "Outbox.add"
    assert [(row.line, row.text) for row in picture.rows if row.lane == 1] == [(14, "self.waiting.append(letter)")]
    assert finding.symbol == "Outbox.flush" == picture.lanes[0].symbol


def test_a_job_is_taken_by_a_worker() -> None:
    """The noun of a lane is what the world has: tasks, threads, processes; or who else interferes."""
    nouns = {(lane.title) for _, picture in told() for lane in picture.lanes}
    assert nouns == {"task A", "task B", "thread A", "thread B", "process A", "process B", "worker B", "event loop B"}


def test_the_one_who_holds_the_lock_is_a() -> None:
    """Of a change without the lock, the finding's unit is B."""
    assert of("inconsistent-guard", "reset-without-lock", 22) == [
        "A   - takes the lock, looks at it",
        "A>  - B runs in between",
        "B! 22 changes it without the lock",
        "A  14 goes on with what it saw",
        "one of the two changes is lost, or A's steps break, though A held the lock",
    ]


def test_a_suppression_that_silences_nothing_has_none() -> None:
    """It is no race."""
    finding = lint_source("x = 1  # racelint: ignore[RL102]\n").findings[0]
    assert timeline(finding) is None


def test_a_unit_of_another_file_has_no_line_in_this_one() -> None:
    """Its name is shown without its module, and its line, which would be wrong here, is not."""
    finding = next(finding for finding, _ in told() if finding.path.endswith("stale-write/entries/bad.py"))
    text = "line 26 starts it; `app/other::Outbox.refill` adds to it on line 14"
    picture = timeline(replace(finding, evidence=text))
    assert picture is not None
    assert picture.lanes[1].symbol == "Outbox.refill"
    assert [row.line for row in picture.rows if row.lane == 1] == [None]
