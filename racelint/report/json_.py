"""The object that other programs read. Its keys and their order are fixed; version 1 gets no others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from racelint.finding import Edit, Finding, Fix, Problem, Span, Step
from racelint.report.results import Options, Results, is_fixable

Json: TypeAlias = "str | int | float | Mapping[str, Json] | Sequence[Json] | None"


def as_json(results: Results, options: Options) -> Iterator[str]:
    """One line a finding, so that a long report can be written, and cut, piece by piece."""
    summary: Json = {
        "files": results.files,
        "findings": len(results.findings),
        "fixable": sum(map(is_fixable, results.findings)),
        "seconds": round(results.seconds, 3),
    }
    yield f'{{"version": 1,\n "summary": {json.dumps(summary)},\n "errors": ['
    yield from _items(map(problem_as_json, results.problems))
    yield '],\n "findings": ['
    yield from _items(map(finding_as_json, results.findings))
    yield "]}\n"


def _items(values: Iterable[Json]) -> Iterator[str]:
    separator = "\n  "
    for value in values:
        yield separator + json.dumps(value)
        separator = ",\n  "


def problem_as_json(problem: Problem) -> dict[str, Json]:
    """A file that could not be read."""
    return {"path": problem.path, "line": problem.line, "message": problem.message}


def finding_as_json(finding: Finding) -> dict[str, Json]:
    """A finding as one object."""
    return {
        "code": finding.code,
        "name": finding.name,
        "path": finding.path,
        "symbol": finding.symbol,
        **_span(finding.span),
        "world": finding.world.value,
        "resource": finding.resource,
        "confidence": finding.confidence.value,
        "message": finding.message,
        "harm": finding.harm,
        "evidence": finding.evidence,
        "trace": [_step(step) for step in finding.trace],
        "fix": None if finding.fix is None else _fix(finding.fix),
        "url": finding.url,
    }


def _span(span: Span) -> dict[str, int]:
    return {"line": span.line, "column": span.column, "end_line": span.end_line, "end_column": span.end_column}


def _step(step: Step) -> Json:
    return {"role": step.role.value, "line": step.span.line, "column": step.span.column, "text": step.text}


def _fix(fix: Fix) -> Json:
    return {
        "applicability": fix.applicability.value,
        "title": fix.title,
        "edits": [_edit(edit) for edit in fix.edits],
    }


def _edit(edit: Edit) -> Json:
    return {**_span(edit.span), "text": edit.text}
