"""`racelint explain PATH:LINE`: one finding at large."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from test_cli import RACE

from racelint.cli.commands import cli
from racelint.finding import Finding
from racelint.report import Options
from racelint.report.explained import explained
from racelint.run import lint_source

PICTURE = """\
    task A                                         task B
    Counter.add                                    Counter.add
    │                                              │
  9 │ total = self.total                           │
    │   reads 100                                  │
 10 │ await asyncio.sleep(0)                       │
    │─ waits, B runs ─────────────────────────────→│
  9 │                                              │ total = self.total
    │                                              │   reads 100, too
 11 │                                              │ self.total = total + n
    │                                              │   writes 150
    │←─────────────────────────────────────────────│
 11 │ self.total = total + n                       │
    │ ✗ writes 130                                 │

 ✗ B's update is lost: 130, expected 180
"""

NARROW = """\
    task A: Counter.add
    task B: Counter.add

  9 A total = self.total
        reads 100
 10 A await asyncio.sleep(0)
        waits, B runs
  9 B total = self.total
        reads 100, too
 11 B self.total = total + n
        writes 150
 11 A self.total = total + n
      ✗ writes 130

 ✗ B's update is lost: 130, expected 180
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a race in line 11 of `race.py`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "race.py").write_text(RACE)
    return tmp_path


def explain(*arguments: str) -> Result:
    """`racelint explain` in this process."""
    return CliRunner().invoke(cli, ["explain", *arguments], standalone_mode=False)


def finding() -> Finding:
    """The race of `RACE`."""
    return lint_source(RACE, "race.py").findings[0]


def at_large(columns: int, *, ascii: bool = False) -> str:
    """It, explained on a terminal of some width."""
    return "".join(explained(finding(), Options(width=columns, ascii=ascii, read=lambda path: RACE.split("\n"))))


def test_it_shows_code_timeline_and_rule(project: Path) -> None:
    """The finding as `check` shows it, then the picture with the source, then what the rule says."""
    run = explain("race.py:11")
    assert run.exception is None
    head, _, rest = run.stdout.partition(PICTURE)
    assert head.startswith("RL102 stale-write: `self.total` is read on line 9")
    assert "confidence     high" in head
    assert "timeline" not in head
    assert rest.endswith("racelint rule RL102 has an example, and what to write instead.\n")
    assert "Another unit can write the value in between" in rest


@pytest.mark.parametrize("place", ["race.py:11:9", "./race.py:10", "race.py:9"])
def test_any_line_of_the_race_leads_to_it(project: Path, place: str) -> None:
    """A column may follow, and the line may be that of the read or the switch."""
    assert explain(place).stdout.count("\nRL102") + explain(place).stdout.startswith("RL102") == 1


def test_where_nothing_is_it_says_what_is_near(project: Path) -> None:
    """The findings that are nearest, if there are any; no traceback."""
    assert str(explain("race.py:3").exception) == (
        "nothing is found on line 3 of race.py; nearest: RL102 stale-write on line 11"
    )
    (project / "clean.py").write_text("x = 1\n")
    assert str(explain("clean.py:1").exception) == "nothing is found on line 1 of clean.py, nor elsewhere in it"


@pytest.mark.parametrize("place", ["race.py", "race.py:", ":3", "race.py:x"])
def test_a_place_has_a_path_and_a_line(project: Path, place: str) -> None:
    """Anything else is wrong usage."""
    assert "is not of the form PATH:LINE" in str(explain(place).exception)


def test_two_lanes_do_not_fit_on_a_narrow_terminal() -> None:
    """Then each step has the letter of its unit."""
    assert NARROW in at_large(50)


def test_lanes_are_as_wide_as_there_is_room() -> None:
    """Source that is longer is cut; no line sticks out."""
    for columns in (60, 72, 100, 200):
        rows = at_large(columns).splitlines()
        picture = rows[rows.index("") + 1 : len(rows) - rows[::-1].index("")]
        assert max(map(len, picture)) <= columns


def test_ascii_on_request(project: Path) -> None:
    """Every line of it."""
    text = explain("race.py:11", "--ascii").stdout
    assert text.isascii()
    assert " 11 | self.total = total + n                       |\n    | x writes 130" in text
    assert "    |- waits, B runs ----------------------------->|\n" in text
    assert " x B's update is lost: 130, expected 180\n" in text


def test_colour_adds_nothing_but_escapes(project: Path) -> None:
    """It can be read without."""
    assert "\x1b[" in explain("race.py:11", "--color", "always").output
    assert "\x1b[" not in explain("race.py:11").output
