"""SARIF 2.1.0, as GitHub's code scanning takes it.

Each result points at the write or the act, has the other steps as related locations and as a thread flow in the order of
execution, a fingerprint that stays when lines move, and its fix.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from racelint.finding import Confidence, Finding, Fix, Problem, Span, Step
from racelint.report.identity import fingerprinted
from racelint.report.json_ import Json
from racelint.report.results import UNREADABLE, Options, Results, in_order
from racelint.report.words import harm_sentence, step_labels

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: Mapping[Confidence, str] = {Confidence.HIGH: "error", Confidence.MEDIUM: "warning", Confidence.LOW: "note"}
LONGEST = 1000
"""Characters of a message; code scanning cuts longer ones."""


def sarif(results: Results, options: Options) -> Iterator[str]:
    """One run with its rules, results and notifications."""
    entries = list(fingerprinted(in_order(results)))
    findings = [(entry, mark) for entry, mark in entries if isinstance(entry, Finding)]
    rules = sorted({(finding.code, finding.name): finding for finding, _ in findings}.items())
    places = {code: number for number, ((code, _), _) in enumerate(rules)}
    run: dict[str, Json] = {
        "tool": {"driver": {"name": "racelint", "rules": [_rule(finding) for _, finding in rules]}},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"ROOT": {"description": {"text": "Where racelint was run."}}},
        "invocations": [
            {
                "executionSuccessful": not results.problems,
                "toolExecutionNotifications": [_notification(problem) for problem in results.problems],
            }
        ],
        "results": [_result(finding, mark, places[finding.code]) for finding, mark in findings],
    }
    yield json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(finding: Finding) -> Json:
    return {
        "id": finding.code,
        "name": finding.name,
        "shortDescription": {"text": f"{finding.name}: {finding.harm}" if finding.harm else finding.name},
        "help": {"text": f"`racelint rule {finding.code}` explains it."},
        "properties": {"tags": ["concurrency", "race-condition"]},
    }


def _result(finding: Finding, fingerprint: str, rule: int) -> Json:
    text = f"{finding.message}. {harm_sentence(finding)}. Evidence: {finding.evidence}"
    labels = list(step_labels(finding))
    result: dict[str, Json] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": LEVELS[finding.confidence],
        "message": {"text": text[:LONGEST]},
        "locations": [_location(finding.path, _one_line(finding.span))],
        "partialFingerprints": {"racelint/v1": fingerprint},
        "properties": {"world": finding.world.value, "resource": finding.resource, "symbol": finding.symbol},
    }
    if finding.trace:
        result["relatedLocations"] = [
            {"id": number, **_location(finding.path, step.span, label)}
            for number, (step, label) in enumerate(zip(finding.trace, labels, strict=True), 1)
        ]
        result["codeFlows"] = [{"threadFlows": [{"locations": _steps(finding.path, finding.trace, labels)}]}]
    if finding.fix is not None and finding.fix.edits:
        result["fixes"] = [_fix(finding.path, finding.fix)]
    return result


def _steps(path: str, trace: Sequence[Step], labels: Sequence[str]) -> Json:
    return [
        {"location": _location(path, step.span, label), "executionOrder": number}
        for number, (step, label) in enumerate(zip(trace, labels, strict=True), 1)
    ]


def _one_line(span: Span) -> Span:
    """The first line of a place: code scanning marks one line."""
    return span if span.line == span.end_line else Span(span.line, span.column, span.line, span.column + 1)


def _location(path: str, span: Span, message: str = "") -> dict[str, Json]:
    found: dict[str, Json] = {
        "physicalLocation": {"artifactLocation": {"uri": _uri(path), "uriBaseId": "ROOT"}, "region": _region(span)}
    }
    return {**found, "message": {"text": message}} if message else found


def _region(span: Span) -> dict[str, Json]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _uri(path: str) -> str:
    return quote(path.replace("\\", "/").removeprefix("./").lstrip("/"), errors="surrogatepass")


def _fix(path: str, fix: Fix) -> Json:
    replacements: list[Json] = [
        {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}} for edit in fix.edits
    ]
    change: Json = {"artifactLocation": {"uri": _uri(path), "uriBaseId": "ROOT"}, "replacements": replacements}
    return {"description": {"text": fix.title}, "artifactChanges": [change]}


def _notification(problem: Problem) -> Json:
    place = Span(problem.line, problem.column, problem.line, problem.column + 1)
    return {
        "descriptor": {"id": UNREADABLE},
        "level": "error",
        "message": {"text": problem.message},
        "locations": [_location(problem.path, place)],
    }
