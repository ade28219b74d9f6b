"""The code of a finding: whether the file is still as it was analysed, and what the fix makes of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from racelint.expressions import expression
from racelint.finding import Finding, Span
from racelint.rewrite import rewritten


def fix_diff(finding: Finding, lines: Sequence[str] | None, context: int = 0) -> list[str] | None:
    """The rows of a unified diff without its head; None if no fix is known for the file as it is."""
    if finding.fix is None or not finding.fix.edits or lines is None or not is_intact(finding, lines):
        return None
    old = "\n".join(lines)
    new = rewritten(old, finding.fix.edits)
    if new is None:
        return None
    return list(difflib.unified_diff(old.split("\n"), new.split("\n"), n=context, lineterm=""))[2:]


def is_intact(finding: Finding, lines: Sequence[str]) -> bool:
    """Whether the file still has what was analysed."""
    spans = [finding.span, *(step.span for step in finding.trace)]
    if not all(_is_inside(span, lines) for span in spans):
        return False
    return all(_same(_source(step.span, lines), step.text) for step in finding.trace)


def _is_inside(span: Span, lines: Sequence[str]) -> bool:
    if not 1 <= span.line <= span.end_line <= len(lines):
        return False
    return span.column <= len(lines[span.line - 1]) + 1 and span.end_column <= len(lines[span.end_line - 1]) + 1


def _source(span: Span, lines: Sequence[str]) -> str:
    if span.line == span.end_line:
        return lines[span.line - 1][span.column - 1 : span.end_column - 1]
    middle = lines[span.line : span.end_line - 1]
    return "\n".join(
        [lines[span.line - 1][span.column - 1 :], *middle, lines[span.end_line - 1][: span.end_column - 1]]
    )


def _same(source: str, text: str) -> bool:
    """Whether a step's text is that of the source, word by word as far as both go.

    The text is on one line, may be cut, and need not keep comments and commas.
    """
    here, there = _WORD.findall(_COMMENT.sub("", source)), _WORD.findall(_COMMENT.sub("", text))
    shared = min(len(here), len(there))
    if shared == 0:
        return not there
    last = shared - 1
    return here[:last] == there[:last] and here[last].startswith(there[last])


_WORD = expression(r"\w+")
_COMMENT = expression(r"#[^\n'\"]*$", re.MULTILINE)
