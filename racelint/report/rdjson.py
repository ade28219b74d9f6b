"""reviewdog's diagnostic format (RDFormat): what `reviewdog -f=rdjson` posts to a pull request, with fixes as suggestions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from racelint.finding import Confidence, Edit, Finding, Problem, Span
from racelint.frozen import replace
from racelint.report.json_ import Json
from racelint.report.results import UNREADABLE, Options, Results, in_order
from racelint.report.words import harm_sentence, step_labels
from racelint.rewrite import rewritten

SEVERITIES = {Confidence.HIGH: "ERROR", Confidence.MEDIUM: "WARNING", Confidence.LOW: "INFO"}
MOST_LINES = 30
"""A suggestion is one piece of text; nobody reviews one that repeats half of a file for two small edits."""

Lines = Sequence[str] | None


def rdjson(results: Results, options: Options) -> Iterator[str]:
    """The whole object, findings and problems by path and place."""
    diagnostics: list[Json] = [_diagnostic(entry, options.read(entry.path)) for entry in in_order(results)]
    yield json.dumps({"source": {"name": "racelint"}, "diagnostics": diagnostics}, indent=1) + "\n"


def _diagnostic(entry: Finding | Problem, lines: Lines) -> Json:
    if isinstance(entry, Problem):
        place = Span(entry.line, entry.column, entry.line, entry.column)
        return {
            "message": entry.message,
            "location": _location(entry.path, place, lines),
            "severity": "ERROR",
            "code": {"value": UNREADABLE},
        }
    found: dict[str, Json] = {
        "message": f"{entry.name}: {entry.message}. {harm_sentence(entry)}",
        "location": _location(entry.path, entry.span, lines),
        "severity": SEVERITIES[entry.confidence],
        "code": {"value": entry.code},
    }
    if entry.trace:
        found["relatedLocations"] = [
            {"message": label, "location": _location(entry.path, step.span, lines)}
            for step, label in zip(entry.trace, step_labels(entry), strict=True)
        ]
    suggestion = _suggestion(entry, lines)
    return {**found, "suggestions": [suggestion]} if suggestion is not None else found


def _suggestion(finding: Finding, lines: Lines) -> Json:
    """The lines that the fix changes, as they are to be; None if they are far apart, or not at hand."""
    edits = finding.fix.edits if finding.fix is not None else ()
    if not edits or lines is None:
        return None
    first, last = min(edit.span.line for edit in edits), max(edit.span.end_line for edit in edits)
    if last - first >= MOST_LINES or last > len(lines):
        return None
    text = rewritten("\n".join(lines[first - 1 : last]), [_up(edit, first - 1) for edit in edits])
    if text is None:
        return None
    return {"range": _range(Span(first, 1, last, len(lines[last - 1]) + 1), lines), "text": text}


def _up(edit: Edit, lines: int) -> Edit:
    span = edit.span
    return replace(edit, span=replace(span, line=span.line - lines, end_line=span.end_line - lines))


def _location(path: str, span: Span, lines: Lines) -> Json:
    return {"path": path.replace("\\", "/").removeprefix("./"), "range": _range(span, lines)}


def _range(span: Span, lines: Lines) -> Json:
    return {"start": _position(span.line, span.column, lines), "end": _position(span.end_line, span.end_column, lines)}


def _position(line: int, column: int, lines: Lines) -> Json:
    """Columns count the bytes of UTF-8 here; without the line, one for each character is the best guess."""
    if lines is not None and line <= len(lines):
        column = len(lines[line - 1][: column - 1].encode("utf-8", "surrogatepass")) + 1
    return {"line": line, "column": column}
