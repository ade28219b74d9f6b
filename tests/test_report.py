"""What reporters print: the JSON object, lines, frames and statistics."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from racelint.finding import Applicability, Confidence, Edit, Finding, Fix, Problem, Role, Span, Step, World
from racelint.report import REPORTERS, Options, drawable, statistics
from racelint.report.results import width

SOURCE = """\
class Counter:
    async def add(self, amount):
        total = self.total
        await self.audit(amount)
        # one
        # two
        self.total = total + amount
"""


@dataclass(frozen=True)
class Results:
    """The results of a run, made by hand."""

    findings: Sequence[Finding] = ()
    problems: Sequence[Problem] = ()
    files: int = 1
    seconds: float = 0.25


def span(source: str, line: int, text: str) -> Span:
    """Where `text` stands in a line."""
    column = source.split("\n")[line - 1].index(text) + 1
    return Span(line, column, line, column + len(text))


def steps(source: str, *places: tuple[Role, int, str]) -> tuple[Step, ...]:
    """A trace by line and text."""
    return tuple(Step(role, span(source, line, text), text) for role, line, text in places)


def finding(trace: tuple[Step, ...], **changes: object) -> Finding:
    """A stale write with this trace."""
    made = Finding(
        code="RL102",
        name="stale-write",
        path="app/counter.py",
        symbol="Counter.add",
        span=trace[-1].span,
        world=World.TASKS,
        resource="self.total",
        confidence=Confidence.HIGH,
        message="`self.total` is read on line 3 and written back here; "
        "another task may write it at the await on line 4",
        harm="lost update",
        evidence="`Counter.add` is started by `asyncio.gather` on line 48",
        trace=trace,
        fix=Fix("read `self.total` after the await"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


STALE_WRITE = finding(
    steps(
        SOURCE,
        (Role.READ, 3, "self.total"),
        (Role.SWITCH, 4, "await self.audit(amount)"),
        (Role.WRITE, 7, "self.total = total + amount"),
    )
)


def shown(source: str, *findings: Finding, columns: int = 80, ascii: bool = False, color: bool = False) -> str:
    """What `full` prints without its summary."""
    options = Options(color=color, width=columns, ascii=ascii, quiet=True, read=lambda path: source.split("\n"))
    return "".join(REPORTERS["full"](Results(findings), options))


def frame(source: str, *findings: Finding, columns: int = 80) -> str:
    """The code frames only: from the place to the timeline."""
    text = shown(source, *findings, columns=columns)
    rows = text[text.index("╭─ ") : text.index("│ timeline ")].splitlines()
    return dedent("\n".join(rows[1:-1]))


def test_a_frame_tells_the_race() -> None:
    """Place, steps with labels, how two units do it, harm, evidence, fix and confidence, readable without colour."""
    assert shown(SOURCE, STALE_WRITE) == dedent("""\
        RL102 stale-write: `self.total` is read on line 3 and written back here;
          another task may write it at the await on line 4
           ╭─ app/counter.py:7:9 in Counter.add
           │
         2 │ async def add(self, amount):
         3 │     total = self.total
           │             ────────── read here
         4 │     await self.audit(amount)
           │     ──────────────────────── other tasks run here
           ┆
         7 │     self.total = total + amount
           │     ━━━━━━━━━━━━━━━━━━━━━━━━━━━ writes back the old value
           │
           │ timeline         task A             task B
           │                3 reads v
           │                4 waits, B runs
           │                                   3 reads v, too
           │                                   7 writes v + b
           │                7 writes v + a ✗
           │                B's update is lost: v + a, expected v + a + b
           │
           │ harm           lost update: what another task writes to `self.total` in
           │                between is overwritten
           │ evidence       `Counter.add` is started by `asyncio.gather` on line 48
           │ write instead  read `self.total` after the await
           ╰ confidence     high
        """)


def test_a_frame_in_ascii() -> None:
    """Where the output cannot show lines, nothing but ASCII is drawn."""
    text = shown(SOURCE, STALE_WRITE, ascii=True)
    assert text.isascii()
    assert "7 writes v + a x\n" in text
    assert "   |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^ writes back the old value\n" in text


def test_a_timeline_in_little_room() -> None:
    """Where two lanes do not fit beside each other, each row has the letter of its lane."""
    rows = [row.partition("│ ")[2] for row in shown(SOURCE, STALE_WRITE, columns=50, ascii=False).splitlines()]
    first = next(number for number, row in enumerate(rows) if row.startswith("timeline"))
    assert [row.removeprefix("timeline").strip() for row in rows[first : first + 7]] == [
        "A 3 reads v",
        "A 4 waits, B runs",
        "B 3 reads v, too",
        "B 7 writes v + b",
        "A 7 writes v + a ✗",
        "B's update is lost: v + a,",
        "expected v + a + b",
    ]


def test_colour_adds_nothing_but_escapes() -> None:
    """The coloured text without its escapes is the plain text."""
    coloured = shown(SOURCE, STALE_WRITE, color=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(SOURCE, STALE_WRITE)


def test_steps_on_one_line_have_their_own_labels() -> None:
    """Overlapping places are underlined one below the other, and numbered as they do not run from left to right."""
    source = "self.n += await f()\n"
    text = frame(
        source,
        finding(
            steps(source, (Role.READ, 1, "self.n"), (Role.SWITCH, 1, "await f()"), (Role.WRITE, 1, source.strip())),
            symbol="",
        ),
    )
    assert text == dedent("""\
           │
         1 │ self.n += await f()
           │ ──┬───    ───────── 2. other tasks run here
           │   ╰─ 1. read here
           │ ━━━━━━━━━━━━━━━━━━━ 3. writes back the old value
           │""")


def test_the_same_place_twice_gets_both_labels() -> None:
    """A place that is read and written is underlined once."""
    source = "self.n += await f()\n"
    text = frame(
        source,
        finding(
            steps(source, (Role.READ, 1, "self.n"), (Role.SWITCH, 1, "await f()"), (Role.WRITE, 1, "self.n")), symbol=""
        ),
    )
    assert "  ╰─ 1. read here, 3. writes back the old value\n" in text


def test_steps_over_several_lines_are_bracketed() -> None:
    """A bracket holds the lines together; the middle of a long step is left out."""
    call_lines = "new = await self.post(\n    a,\n    b,\n    c,\n    d,\n    e,\n)\n"
    source = f"old = self.cache\n{call_lines}self.cache = {{\n    **old\n}}\n"
    call = Step(Role.SWITCH, Span(2, 7, 8, 2), "await self.post( a, b, c, d, e, )")
    write = Step(Role.WRITE, Span(9, 1, 11, 2), "self.cache = { **old }")
    trace = (*steps(source, (Role.READ, 1, "self.cache")), call, write)
    assert frame(source, finding(trace, symbol="")) == dedent("""\
            │
          1 │   old = self.cache
            │         ────────── read here
          2 │ ╭ new = await self.post(
          3 │ │     a,
            ┆ │
          8 │ │ )
            │ ╰─ other tasks run here
          9 │ ╭ self.cache = {
         10 │ │     **old
         11 │ │ }
            │ ╰─ writes back the old value
            │""")


def test_overlapping_brackets_stand_side_by_side() -> None:
    """The outer one is on the left."""
    source = "a(\n    b(\n        c\n    )\n)\n"
    outer, inner = Step(Role.SWITCH, Span(1, 1, 5, 2), "a(b(c))"), Step(Role.ACT, Span(2, 5, 4, 6), "b(c)")
    assert frame(source, finding((outer, inner), symbol="", harm="x")) == dedent("""\
           │
         1 │ ╭   a(
         2 │ │ ╭     b(
         3 │ │ │         c
         4 │ │ │     )
           │ │ ╰─ acts on the old answer
         5 │ │   )
           │ ╰─ other tasks run here
           │""")


def test_tabs_and_wide_characters_keep_labels_in_place() -> None:
    """Columns count characters in a finding and cells on the screen."""
    source = 'def f():\n\tself.a["漢字"] = await g("é", x)  # 日本\n'
    text = frame(source, finding(steps(source, (Role.SWITCH, 2, 'await g("é", x)')), symbol="f"))
    row, marks = text.splitlines()[2:4]
    assert row == '2 │     self.a["漢字"] = await g("é", x)  # 日本'
    assert width(marks[: marks.index("━")]) == width(row[: row.index("await")])
    assert marks.count("━") == len('await g("é", x)')


def test_long_lines_are_cut_around_the_labels() -> None:
    """No row is wider than the terminal, and the labelled code is seen."""
    source = "value = " + "some_function(argument) + " * 20 + "self.total + await f(x)" + " + more" * 30 + "\n"
    trace = steps(source, (Role.READ, 1, "self.total"), (Role.SWITCH, 1, "await f(x)"))
    text = shown(source, finding(trace, symbol=""))
    (row,) = [line for line in text.splitlines() if "await f(x)" in line]
    assert row.startswith(" 1 │ …")
    assert "self.total + await f(x) + more" in row
    assert row.endswith("…")
    assert all(width(line) <= 80 for line in text.splitlines())


@pytest.mark.parametrize(
    "trick", ["\x1b[2J", "\x1b]8;;http://x\x07", "\x9b31m", "\u202e", "\u2066", "\r", "\x00", "\udc80"]
)
def test_source_cannot_drive_the_terminal(trick: str) -> None:
    """Escapes, controls and marks that turn the direction of writing are made visible, wherever they come from."""
    source = f'x = "{trick}"  # {trick}\n'
    spiked = finding(
        (Step(Role.ACT, Span(1, 1, 1, 2), "x"),),
        message=f"`self[{trick!s}]` is stale",
        resource=f"self[{trick}]",
        path=f"a{trick}.py",
        symbol=f"f{trick}",
        evidence=trick,
        fix=Fix(trick),
    )
    problem = Problem(f"a{trick}.py", 1, f"bad {trick}")
    options = Options(read=lambda path: source.split("\n"))
    for name in ("full", "concise"):
        text = "".join(REPORTERS[name](Results([spiked], [problem]), options))
        assert trick not in text
        text.encode()


@pytest.mark.parametrize(
    "lines",
    [None, [], ["x"], SOURCE.replace("audit", "other").split("\n"), SOURCE.replace("total =", "t =").split("\n")],
)
def test_a_file_that_changed_or_vanished_is_shown_by_its_steps(lines: list[str] | None) -> None:
    """The steps keep their labels; no line of the new file is shown as if it were the old one."""
    options = Options(width=80, quiet=True, read=lambda path: lines)
    text = "".join(REPORTERS["full"](Results([STALE_WRITE]), options))
    assert " 4 │ await self.audit(amount)     other tasks run here\n" in text
    assert "(the file is not as it was analysed)" in text
    assert "confidence     high" in text


def test_the_steps_of_a_vanished_file_are_cut_at_the_width() -> None:
    """So that each stays on its row."""
    long = replace(STALE_WRITE.trace[1], text="await " + "x" * 300)
    trace = (STALE_WRITE.trace[0], long, STALE_WRITE.trace[2])
    text = "".join(
        REPORTERS["full"](Results([replace(STALE_WRITE, trace=trace)]), Options(width=80, read=lambda path: None))
    )
    assert "xxx…  other tasks run here\n" in text
    assert all(width(row) <= 80 for row in text.split("\n")[:12])


def test_the_text_of_a_step_may_be_cut_and_lack_comments_and_commas() -> None:
    """It still counts as that of the file."""
    source = 'await save(  # now\n    "UPDATE a SET n = ?",\n    (n,),  # one\n)\n'
    for text in ('await save( "UPDATE a SET n = ?", (n))', 'await save( "UPDATE a SE'):
        assert "the file is not" not in shown(source, finding((Step(Role.ACT, Span(1, 1, 4, 2), text),), symbol=""))


def test_a_file_is_read_again(tmp_path: object) -> None:
    """Without lines handed over the path is read; a path that is not there is no error."""
    path = f"{tmp_path}/counter.py"
    gone = "".join(REPORTERS["full"](Results([replace(STALE_WRITE, path=path)]), Options()))
    with open(path, "w") as file:
        file.write(SOURCE)
    there = "".join(REPORTERS["full"](Results([replace(STALE_WRITE, path=path)]), Options()))
    assert "is not as it was" in gone
    assert "async def add" in there
    assert "is not as it was" not in there


def test_a_finding_without_steps_shows_its_place() -> None:
    """RL901 points at the comment and has neither evidence nor confidence to weigh."""
    source = "x = 1  # racelint: ignore[RL102]\n"
    unused = replace(STALE_WRITE, trace=(), span=span(source, 1, "# racelint: ignore[RL102]"), evidence="")
    unused = replace(unused, code="RL901", name="unused-suppression", harm="hidden findings", symbol="")
    text = shown(source, unused)
    assert "━━━━ hidden findings\n" in text
    assert "confidence" not in text


def test_words_follow_world_and_harm() -> None:
    """Between threads and processes there is no switch to point at, so the first label says that others run."""
    source = "if not self.ready:\n    self.ready = True\n"
    trace = steps(source, (Role.CHECK, 1, "self.ready"), (Role.WRITE, 2, "self.ready = True"))
    known = finding(trace, symbol="", resource="self.ready", harm="double initialisation", world=World.THREADS)
    text = shown(source, known)
    assert "────────── checked here, then other threads run\n" in text
    assert "━━━━━━━━━━━━━━━━━ set only now\n" in text
    assert "harm           double initialisation: two threads both find it not done" in text
    text = shown(source, replace(known, harm="a new harm", world=World.PROCESSES))
    assert "checked here, then other processes run\n" in text
    assert "━ written here\n" in text
    assert "harm           a new harm\n" in text


def test_a_write_in_a_helper_is_shown_with_the_call_that_does_it() -> None:
    """A finding points at the call in its unit; the frame shows the functions of all steps, in the order they run."""
    source = dedent("""\
        class Odometer:
            def _show(self, metres):
                self._metres = metres

            async def drive(self, metres):
                start = self._metres
                await road()
                self._show(start + metres)
        """)
    trace = steps(
        source,
        (Role.READ, 6, "self._metres"),
        (Role.SWITCH, 7, "await road()"),
        (Role.WRITE, 3, "self._metres = metres"),
    )
    text = frame(source, replace(finding(trace), span=span(source, 8, "self._show(start + metres)")))
    assert text == dedent("""\
          │
        2 │ def _show(self, metres):
        3 │     self._metres = metres
          │     ───────────────────── 3. writes back the old value
        4 │
        5 │ async def drive(self, metres):
        6 │     start = self._metres
          │             ──────────── 1. read here
        7 │     await road()
          │     ──────────── 2. other tasks run here
        8 │     self._show(start + metres)
          │     ━━━━━━━━━━━━━━━━━━━━━━━━━━ by this call
          │""")


def test_a_problem_is_shown_in_its_place() -> None:
    """A file that cannot be parsed is an RL900 with the line, if it can be shown."""
    options = Options(quiet=True, read=lambda path: ["x = 1", 'print "x"'])
    problems = [Problem("a.py", 2, "cannot be parsed: invalid syntax", column=7), Problem("b.py", 99, "no")]
    assert "".join(REPORTERS["full"](Results((), problems), options)) == dedent("""\
        RL900 unreadable-file: cannot be parsed: invalid syntax
           ╭─ a.py:2:7
           │
         2 │ print "x"
           │       ━

        RL900 unreadable-file: no
            ╭─ b.py:99:1
        """)


def test_the_summary_counts() -> None:
    """One line at the end says what was found and what --fix can do; nothing is said of nothing."""
    safe = replace(STALE_WRITE, fix=Fix("x", Applicability.SAFE), confidence=Confidence.MEDIUM)
    results = Results([STALE_WRITE, safe], [Problem("b.py", 1, "gone")], files=3)
    last = list(REPORTERS["full"](results, Options()))[-1]
    assert last == (
        "\n2 findings (1 high, 1 medium) in 3 files, 1 problem reading them; "
        "--fix repairs 1; more: racelint rule RL102\n"
    )
    assert "findings" not in "".join(REPORTERS["full"](results, Options(quiet=True)))
    assert "".join(REPORTERS["full"](Results(), Options())) == ""


def test_concise_is_a_line_each() -> None:
    """Findings and problems by path and place, in the form that editors and scoring scripts read."""
    results = Results([STALE_WRITE], [Problem("app/bad.py", 3, "cannot be parsed: no", column=5)])
    lines = list(REPORTERS["concise"](results, Options()))
    assert lines == [
        "app/bad.py:3:5: RL900 cannot be parsed: no\n",
        f"app/counter.py:7:9: RL102 {STALE_WRITE.message}\n",
    ]
    form = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+)(?::\d+)?:\s*(?P<code>[A-Z]+\d+)")
    assert all(form.match(line) for line in lines)
    assert "".join(REPORTERS["concise"](Results(), Options())) == ""


def test_json_is_the_documented_object() -> None:
    """Exactly these keys in this order: other programs build on them."""
    edit = Edit(Span(4, 9, 4, 10), "x")
    fixed = replace(STALE_WRITE, fix=Fix("re-read", Applicability.SAFE, (edit,)))
    results = Results(
        [fixed, replace(STALE_WRITE, fix=None)], [Problem("bad.py", 3, "cannot parse: …", column=9)], files=12
    )
    text = "".join(REPORTERS["json"](results, Options()))
    document = json.loads(text)
    trace = [
        {"role": "read", "line": 3, "column": 17, "text": "self.total"},
        {"role": "switch", "line": 4, "column": 9, "text": "await self.audit(amount)"},
        {"role": "write", "line": 7, "column": 9, "text": "self.total = total + amount"},
    ]
    expected = {
        "code": "RL102",
        "name": "stale-write",
        "path": "app/counter.py",
        "symbol": "Counter.add",
        "line": 7,
        "column": 9,
        "end_line": 7,
        "end_column": 36,
        "world": "tasks",
        "resource": "self.total",
        "confidence": "high",
        "message": STALE_WRITE.message,
        "harm": "lost update",
        "evidence": STALE_WRITE.evidence,
        "trace": trace,
        "fix": {
            "applicability": "safe",
            "title": "re-read",
            "edits": [{"line": 4, "column": 9, "end_line": 4, "end_column": 10, "text": "x"}],
        },
        "url": "docs/rules.md#rl102",
    }
    assert document == {
        "version": 1,
        "summary": {"files": 12, "findings": 2, "fixable": 1, "seconds": 0.25},
        "errors": [{"path": "bad.py", "line": 3, "message": "cannot parse: …"}],
        "findings": [expected, {**expected, "fix": None}],
    }
    assert list(document) == ["version", "summary", "errors", "findings"]
    assert list(document["findings"][0]) == list(expected)
    assert list(document["findings"][0]["fix"]) == ["applicability", "title", "edits"]


def test_json_of_nothing_is_an_object_too() -> None:
    """And a path that is not UTF-8 can be written to any output."""
    assert json.loads("".join(REPORTERS["json"](Results(), Options())))["findings"] == []
    text = "".join(REPORTERS["json"](Results([replace(STALE_WRITE, path="a\udc80.py")]), Options()))
    text.encode("ascii")
    assert json.loads(text)["findings"][0]["path"] == "a\udc80.py"


def test_statistics_count_by_rule() -> None:
    """Most frequent first, with a mark for rules whose findings can all be fixed."""
    other = replace(STALE_WRITE, code="RL305", name="teardown-across-await", fix=Fix("x", Applicability.SAFE))
    results = Results([STALE_WRITE] * 11 + [other], [Problem("bad.py", 3, "no")])
    assert "".join(statistics(results)) == dedent("""\
        11  RL102  [ ] stale-write
         1  RL305  [*] teardown-across-await
         1  RL900  [ ] unreadable-file
        [*] repaired with `racelint --fix`
        """)
    assert "".join(statistics(Results([STALE_WRITE]))) == "1  RL102  stale-write\n"
    assert "".join(statistics(Results())) == ""


def test_drawable_knows_encodings() -> None:
    """Frames are drawn with lines only where they can be written."""
    assert drawable("utf-8")
    assert not drawable("ascii")
    assert not drawable("cp1252")
    assert not drawable(None)


LINE = st.text(st.characters(codec=None, exclude_characters="\n\r"), max_size=200)


@given(
    lines=st.lists(LINE, min_size=1, max_size=8),
    places=st.lists(
        st.tuples(
            st.sampled_from(Role), st.integers(1, 8), st.integers(1, 200), st.integers(0, 3), st.integers(1, 200)
        ),
        min_size=1,
        max_size=5,
    ),
    columns=st.integers(1, 200),
    ascii=st.booleans(),
)
def test_any_frame_is_drawn(
    lines: list[str], places: list[tuple[Role, int, int, int, int]], columns: int, ascii: bool
) -> None:
    """Whatever lines and spans come, nothing crashes, and the code never leaves the terminal's width."""
    trace = []
    for role, line, column, more, end_column in places:
        last = min(line, len(lines))
        end = min(last + more, len(lines))
        start, stop = min(column, len(lines[last - 1]) + 1), min(end_column, len(lines[end - 1]) + 1)
        if end == last:
            start, stop = sorted((start, stop))
        trace.append(Step(role, Span(last, start, end, stop), ""))
    text = shown("\n".join(lines), finding(tuple(trace), symbol="", path="a.py"), columns=columns, ascii=ascii)
    assert "(the file is not" not in text
    rows = [row for row in text.split("\n") if re.match(r"^ *\d* [│|┆:] ", row)]
    assert rows
    assert all(width(row) <= max(columns, 50) for row in rows)
