"""Suppression comments: what they silence, and what RL901 says of those that silence nothing."""

from __future__ import annotations

import pytest

from racelint.finding import Applicability, Confidence, Edit, Finding, Span, World
from racelint.source import Source, split_lines
from racelint.suppress import apply_suppressions

KNOWN = {
    "RL102": "stale-write",
    "RL108": "stale-check",
    "RL303": "lazy-init-across-await",
    "RL900": "unreadable-file",
    "RL901": "unused-suppression",
}


def finding(line: int, code: str = "RL102", end_line: int | None = None) -> Finding:
    """A finding of which only place and code matter here."""
    return Finding(
        code=code,
        name=KNOWN[code],
        path="a.py",
        symbol="f",
        span=Span(line, 1, end_line or line, 2),
        world=World.TASKS,
        resource="self.n",
        confidence=Confidence.LOW,
        message="`self.n` is stale",
        harm="lost update",
        evidence="",
        trace=(),
    )


def suppressed(
    text: str, *findings: Finding, enabled: frozenset[str] = frozenset(KNOWN), noqa: bool = True
) -> list[tuple[str, int]]:
    """Code and line of what is left."""
    return [(f.code, f.line) for f in left(text, *findings, enabled=enabled, noqa=noqa)]


def left(text: str, *findings: Finding, enabled: frozenset[str] = frozenset(KNOWN), noqa: bool = True) -> list[Finding]:
    """What is reported in the end."""
    return apply_suppressions(Source("a.py", text), findings, enabled=enabled, known=KNOWN, noqa=noqa)


def edited(text: str, edits: tuple[Edit, ...]) -> str:
    """The text after one edit."""
    (edit,) = edits
    lines = split_lines(text)
    first, last = lines[edit.span.line - 1], [*lines, ""][edit.span.end_line - 1]
    before = "".join(lines[: edit.span.line - 1]) + first[: edit.span.column - 1]
    return before + edit.text + last[edit.span.end_column - 1 :] + "".join(lines[edit.span.end_line :])


@pytest.mark.parametrize(
    "comment",
    [
        "# racelint: ignore[RL102]",
        "# racelint: ignore[RL102] the caller holds the lock",
        "# racelint: ignore[stale-write]",
        "# racelint: ignore[ stale-write ,RL102]",
        "# racelint: ignore[rl102]",
        "# racelint: ignore",
        "# racelint: ignore because of [this]",
        "#racelint:ignore[RL102]",
        "# type: ignore  # racelint: ignore[RL102]",
        "# noqa",
        "# NOQA: rl102",
        "# noqa:E501,RL102",
        "# noqa: E501 RL102 and why",
        "# noqa: RL1",
    ],
)
def test_a_comment_on_the_line_silences(comment: str) -> None:
    """Every spelling in either syntax silences a finding on its line and no other line."""
    text = f"x = 1\nself.n = n  {comment}\ny = 1\n"
    assert suppressed(text, finding(2)) == []
    assert ("RL102", 3) in suppressed(text, finding(2), finding(3))


@pytest.mark.parametrize(
    "comment",
    [
        "# racelint: ignore[RL108]",
        "# racelint: ignored",
        "# racelint: ignore-me",
        "# see racelint: ignore",
        "# racelint: ignore[RL102",
        "# racelint: ignore[]",
        "# noqa: E501",
        "# noqa: RL108",
        "# noqatall",
    ],
)
def test_a_comment_about_something_else_does_not_silence(comment: str) -> None:
    """Other codes, other words and broken brackets leave the finding."""
    assert ("RL102", 1) in suppressed(f"self.n = n  {comment}\n", finding(1))


def test_text_in_a_string_is_no_comment() -> None:
    """Only what the tokenizer calls a comment counts."""
    text = 'self.n = "# racelint: ignore[RL102]"\nself.n = """\n# noqa: RL102\n"""\n'
    assert suppressed(text, finding(1), finding(3)) == [("RL102", 1), ("RL102", 3)]


def test_comments_above_the_statement_silence_it() -> None:
    """A run of comment lines right above counts as a whole; a blank line or code ends it."""
    above = "# racelint: ignore[RL102] for\n# this reason\nself.n = n\n"
    assert suppressed(above, finding(3)) == []
    assert ("RL102", 4) in suppressed("# racelint: ignore[RL102]\n# why\n\nself.n = n\n", finding(4))
    assert ("RL102", 2) in suppressed("x = 1  # racelint: ignore[RL102]\nself.n = n\n", finding(2))


def test_noqa_above_the_statement_is_not_read() -> None:
    """As in flake8, `# noqa` must stand on the line itself."""
    assert ("RL102", 2) in suppressed("# noqa: RL102\nself.n = n\n", finding(2))


@pytest.mark.parametrize("comment", ["racelint: ignore[RL102]", "noqa: RL102"])
@pytest.mark.parametrize("line", [1, 2, 3])
def test_any_line_of_a_statement_may_carry_the_comment(comment: str, line: int) -> None:
    """Formatters move comments within a statement; it stays silenced, as in flake8."""
    lines = ["self.n = merge(", "    n,", ")", "x = 1"]
    lines[line - 1] += f"  # {comment}"
    assert suppressed("\n".join(lines), finding(2)) == []
    assert ("RL102", 4) in suppressed("\n".join(lines), finding(2), finding(4))


def test_a_comment_above_a_statement_covers_its_inner_lines() -> None:
    """The finding may stand inside a call that spreads over lines."""
    assert suppressed("# racelint: ignore[RL102]\nsave(\n    n,\n)\n", finding(3)) == []


def test_the_last_line_of_a_block_may_carry_the_comment() -> None:
    """A finding that spans statements is silenced on its last line too."""
    assert suppressed("if not self.x:\n    self.x = 1  # racelint: ignore[RL102]\n", finding(1, end_line=2)) == []


def test_a_file_is_silenced_at_its_top() -> None:
    """Before the first statement, a docstring may come first; later the comment counts for nothing."""
    text = '#!/usr/bin/python\n"""Doc."""\n# racelint: ignore-file[stale-write] generated\nimport a\nself.n = n\n'
    assert suppressed(text, finding(5)) == []
    assert suppressed(text, finding(5, "RL108")) == [("RL901", 3), ("RL108", 5)]
    assert suppressed("# racelint: ignore-file\nself.n = n\n", finding(2, "RL108")) == []
    assert suppressed("import a\n# racelint: ignore-file[RL102]\nself.n = n\n", finding(3)) == [
        ("RL901", 2),
        ("RL102", 3),
    ]


def test_noqa_can_be_left_to_flake8() -> None:
    """With `noqa=False` no `# noqa` silences and none is called unused."""
    assert suppressed("self.n = n  # noqa: RL102\nx = 1  # noqa: RL108\n", finding(1), noqa=False) == [("RL102", 1)]


@pytest.mark.parametrize(
    ("text", "message", "after"),
    [
        (
            "x = 1  # racelint: ignore[RL102] old reason\ny = 2\n",
            "`RL102` is not reported here, so nothing is silenced",
            "x = 1\ny = 2\n",
        ),
        (
            "    # racelint: ignore[RL102]\nx = 1\n",
            "`RL102` is not reported here, so nothing is silenced",
            "x = 1\n",
        ),
        (
            "x = 1\n# racelint: ignore[RL102]",
            "`RL102` is not reported here, so nothing is silenced",
            "x = 1\n",
        ),
        (
            "x = 1  # racelint: ignore[RL102, stale-check] why\n",
            "`RL102` and `stale-check` are not reported here, so nothing is silenced",
            "x = 1\n",
        ),
        (
            "x = 1  # racelint: ignore\n",
            "nothing is reported here that this comment could silence",
            "x = 1\n",
        ),
        (
            "x = 1  # racelint: ignore[stale-wriet]\n",
            "`stale-wriet` is no rule (did you mean `stale-write`?)",
            "x = 1\n",
        ),
        (
            "x = 1  # racelint: ignore[]\n",
            "the list of codes is empty, so nothing is silenced",
            "x = 1\n",
        ),
        (
            "x = 1  # noqa: RL102\n",
            "`RL102` is not reported here, so nothing is silenced",
            "x = 1\n",
        ),
        (
            "x = 1  # noqa: E501, rl102 long\n",
            "`rl102` is not reported here, so nothing is silenced",
            "x = 1  # noqa: E501 long\n",
        ),
        (
            "x = 1  # racelint: ignore[RL102] why  # type: ignore\n",
            "`RL102` is not reported here, so nothing is silenced",
            "x = 1  # type: ignore\n",
        ),
        (
            "x = 1  # type: ignore  # racelint: ignore[RL102] why\n",
            "`RL102` is not reported here, so nothing is silenced",
            "x = 1  # type: ignore\n",
        ),
        (
            "x = 1\ny = 2  # racelint: ignore-file[RL102]\n",
            "`ignore-file` counts only before the first statement of a file",
            "x = 1\ny = 2\n",
        ),
    ],
)
def test_a_comment_that_silences_nothing_is_reported_and_removed(text: str, message: str, after: str) -> None:
    """RL901 names the code; its safe fix takes out the comment and leaves other tools' parts alone."""
    (unused,) = left(text)
    assert unused.code == "RL901"
    assert unused.message == message
    assert unused.fix is not None
    assert unused.fix.applicability is Applicability.SAFE
    assert edited(text, unused.fix.edits) == after
    assert left(after) == []


def test_only_the_idle_code_is_removed() -> None:
    """A code that silences stays, with its reason."""
    text = "self.n = n  # racelint: ignore[RL303, RL102, nonsense] why\n"
    (unused,) = left(text, finding(1))
    assert unused.message == "`nonsense` is no rule; `RL303` is not reported here, so nothing is silenced"
    assert unused.fix is not None
    assert edited(text, unused.fix.edits) == "self.n = n  # racelint: ignore[RL102] why\n"


def test_an_unclosed_list_is_reported_but_left_to_the_reader() -> None:
    """Nobody knows where the list was meant to end, so nothing is removed."""
    (unused, _) = sorted(left("self.n = n  # racelint: ignore[RL102\n", finding(1)), key=lambda f: f.code, reverse=True)
    assert unused.fix is not None
    assert unused.fix.applicability is Applicability.MANUAL
    assert unused.fix.edits == ()


@pytest.mark.parametrize(
    "text",
    [
        "x = 1  # noqa\n",
        "x = 1  # noqa: E501\n",
        "x = 1  # noqa: RL\n",
        "x = 1  # noqa: RL777\n",
        "x = 1  # racelint: ignore[RL102, RL901] kept for the next release\n",
        "# racelint: ignore-file\nx = 1\n",
        'x = "# racelint: ignore[RL102]"\n',
    ],
)
def test_some_comments_are_never_called_unused(text: str) -> None:
    """Bare `# noqa`, other tools' codes, what says that it may be idle, and strings."""
    assert left(text) == []


def test_rules_that_did_not_run_do_not_make_comments_unused() -> None:
    """A suppression of a deselected rule is not our business in this run; a wrong name is."""
    enabled = frozenset({"RL102", "RL901"})
    assert suppressed("x = 1  # racelint: ignore[RL108]\n", enabled=enabled) == []
    assert suppressed("x = 1  # noqa: RL108\n", enabled=enabled) == []
    assert suppressed("x = 1  # racelint: ignore\n", enabled=enabled) == []
    assert suppressed("x = 1  # racelint: ignore[RL102]\n", enabled=enabled) == [("RL901", 1)]
    assert suppressed("x = 1  # racelint: ignore[RL777]\n", enabled=enabled) == [("RL901", 1)]
    assert suppressed("x = 1  # racelint: ignore[RL102]\n", enabled=frozenset({"RL102"})) == []


def test_what_the_tokenizer_refuses_is_still_silenced() -> None:
    """Then comments are guessed line by line and none is called unused."""
    text = "self.n = n  # racelint: ignore[RL102]\nx = 1  # racelint: ignore[RL108]\ny = (\n"
    assert suppressed(text, finding(1), finding(3)) == [("RL102", 3)]


def test_columns_count_characters() -> None:
    """An RL901 points at the comment whatever stands before it."""
    (unused,) = left("x = '漢字é'  # racelint: ignore[RL102]\n")
    assert unused.span == Span(1, 12, 1, 37)
