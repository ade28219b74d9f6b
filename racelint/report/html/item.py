"""A finding as the page's script takes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from racelint.finding import Finding, Role, Span
from racelint.report.code import fix_diff, is_intact
from racelint.report.json_ import Json
from racelint.report.results import clean
from racelint.report.words import harm_sentence, step_labels
from racelint.timeline import Timeline, timeline

AROUND = 2
"""Lines of context before and behind a step."""
LONGEST = 12
"""Lines of one step that are shown."""
MOST_CHANGED = 200
"""Rows of a diff."""


def item(finding: Finding, lines: Sequence[str] | None, anchor: str) -> Json:
    """What the page shows of it: the head for the list, and what is drawn when it is opened."""
    intact = lines if lines is not None and is_intact(finding, lines) else None
    picture = timeline(finding, intact)
    return {
        "id": anchor,
        "code": finding.code,
        "name": finding.name,
        "path": clean(finding.path),
        "line": finding.line,
        "column": finding.column,
        "symbol": clean(finding.symbol),
        "confidence": finding.confidence.value,
        "message": clean(finding.message),
        "harm": clean(harm_sentence(finding)) if finding.trace else "",
        "evidence": clean(finding.evidence),
        "fix": _fix(finding, intact),
        "source": list(_source(finding, intact)),
        "timeline": None if picture is None else _timeline(picture),
    }


def _fix(finding: Finding, lines: Sequence[str] | None) -> Json:
    if finding.fix is None:
        return None
    diff = fix_diff(finding, lines, context=AROUND) or []
    return {
        "title": clean(finding.fix.title),
        "applicability": finding.fix.applicability.value,
        "diff": [_clean_code(row) for row in diff[:MOST_CHANGED]],
    }


def _timeline(picture: Timeline) -> Json:
    return {
        "lanes": [{"title": lane.title, "symbol": clean(lane.symbol)} for lane in picture.lanes],
        "rows": [
            {
                "lane": row.lane,
                "switch": row.role is Role.SWITCH,
                "line": row.line,
                "text": _clean_code(row.text),
                "says": clean(row.says),
                "wrong": row.wrong,
            }
            for row in picture.rows
        ],
        "outcome": clean(picture.outcome),
    }


def _source(finding: Finding, lines: Sequence[str] | None) -> Iterator[Json]:
    """The lines around the steps: number, text, and the places in it (first and last column from 0, role, label).

    Of a file that is not as it was analysed, the steps alone.
    """
    spans = [
        (step.span, step.role.value, label) for step, label in zip(finding.trace, step_labels(finding), strict=True)
    ]
    if lines is None:
        for (span, role, label), step in zip(spans, finding.trace, strict=True):
            text = _clean_code(" ".join(step.text.split()))
            yield {"line": span.line, "text": text, "marks": [[0, len(text), role, label]]}
        return
    if all(span != finding.span for span, _, _ in spans):
        spans.append((finding.span, "act", "by this call" if spans else finding.harm))
    shown: dict[int, list[tuple[int, int, str, str]]] = {}
    for span, _, _ in spans:
        for number in _lines(span):
            for near in range(max(number - AROUND, 1), min(number + AROUND, len(lines)) + 1):
                shown.setdefault(near, [])
    for span, role, label in spans:
        for number in _lines(span):
            shown[number].append(_mark(span, number, lines[number - 1], role, label))
    texts = {number: _clean_code(lines[number - 1]) for number in shown}
    wanted = [n for n in sorted(shown) if shown[n] or texts[n].strip() or (n - 1 in shown and n + 1 in shown)]
    indent = min((len(texts[n]) - len(texts[n].lstrip()) for n in wanted if texts[n].strip()), default=0)
    for number in wanted:
        marks: list[Json] = []
        for first, last, role, label in shown[number]:
            marks.append([max(first - indent, 0), max(last - indent, 0), role, label])
        yield {"line": number, "text": texts[number][indent:].rstrip(), "marks": marks}


def _lines(span: Span) -> range:
    return range(span.line, min(span.end_line, span.line + LONGEST - 1) + 1)


def _mark(span: Span, number: int, text: str, role: str, label: str) -> tuple[int, int, str, str]:
    """The part of a span in a line: first and last column from 0, role, label; the label stands in the first line."""
    first = span.column - 1 if number == span.line else len(text) - len(text.lstrip())
    last = span.end_column - 1 if number == span.end_line else len(text)
    # Cleaning and tabs may change how many characters there are before the place.
    shown_label = clean(label) if number == span.line else ""
    return len(_clean_code(text[:first])), len(_clean_code(text[:last])), role, shown_label


def _clean_code(text: str) -> str:
    return clean(text.replace("\t", "    "))
