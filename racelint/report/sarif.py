"""SARIF 2.1.0, as GitHub's code scanning takes it.

Each result points at the write or the act, has the other steps as related locations, its timeline as a thread flow for each of
the two units in one order of execution, fingerprints that stay when lines move, and its fix.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from racelint.finding import Confidence, Finding, Fix, Problem, Span
from racelint.report.identity import fingerprinted
from racelint.report.json_ import Json
from racelint.report.results import UNREADABLE, Explained, Options, Results, in_order
from racelint.report.words import harm_sentence, step_labels
from racelint.timeline import Row, Timeline, timeline

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: Mapping[Confidence, str] = {Confidence.HIGH: "error", Confidence.MEDIUM: "warning", Confidence.LOW: "note"}
LONGEST = 1000
"""Characters of a message or a description; code scanning cuts messages there, and takes no descriptions over 1024."""
ROOT = "%SRCROOT%"
"""What relative addresses are relative to; the name is a convention of those who read the format."""


def sarif(results: Results, options: Options) -> Iterator[str]:
    """One run with its rules, results and notifications."""
    entries = list(fingerprinted(in_order(results)))
    findings = [(entry, mark) for entry, mark in entries if isinstance(entry, Finding)]
    rules = sorted({(finding.code, finding.name): finding for finding, _ in findings}.items())
    places = {code: number for number, ((code, _), _) in enumerate(rules)}
    driver: dict[str, Json] = {
        "name": "racelint",
        "rules": [_rule(finding, options.explained(finding.code)) for _, finding in rules],
    }
    if options.version:
        driver["version"] = driver["semanticVersion"] = options.version
    run: dict[str, Json] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The folder in which racelint was run."}}},
        "invocations": [
            {
                "executionSuccessful": not results.problems,
                "toolExecutionNotifications": [_notification(problem) for problem in results.problems],
            }
        ],
        "results": [
            _result(finding, mark, places[finding.code], options.read(finding.path)) for finding, mark in findings
        ],
    }
    yield json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(finding: Finding, explained: Explained | None) -> Json:
    rule: dict[str, Json] = {
        "id": finding.code,
        "name": finding.name,
        "shortDescription": {"text": f"{finding.name}: {finding.harm}" if finding.harm else finding.name},
        "help": {"text": f"`racelint rule {finding.code}` explains it."},
        "properties": {"tags": ["concurrency", "race-condition"]},
    }
    if explained is not None:
        rule["shortDescription"] = {"text": explained.summary[:LONGEST]}
        rule["fullDescription"] = {"text": explained.harm[:LONGEST]}
        rule["help"] = {"text": explained.text, "markdown": explained.markdown}
    return rule


def _result(finding: Finding, fingerprint: str, rule: int, lines: Sequence[str] | None) -> Json:
    text = f"{finding.message}. {harm_sentence(finding)}. Evidence: {finding.evidence}"
    labels = list(step_labels(finding))
    result: dict[str, Json] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": LEVELS[finding.confidence],
        "message": {"text": text[:LONGEST]},
        "locations": [_location(finding.path, _one_line(finding.span))],
        # The first is the only one that code scanning looks at; it would make its own out of the lines that follow.
        "partialFingerprints": {"primaryLocationLineHash": f"{fingerprint[:16]}:1", "racelint/v1": fingerprint},
        "properties": {"world": finding.world.value, "resource": finding.resource, "symbol": finding.symbol},
    }
    if finding.trace:
        result["relatedLocations"] = [
            {"id": number, **_location(finding.path, step.span, label)}
            for number, (step, label) in enumerate(zip(finding.trace, labels, strict=True), 1)
        ]
    picture = timeline(finding, lines)
    if picture is not None:
        flows = [_flow(finding, picture, lane) for lane in (0, 1)]
        result["codeFlows"] = [{"message": {"text": picture.outcome}, "threadFlows": [one for one in flows if one]}]
    if finding.fix is not None and finding.fix.edits:
        result["fixes"] = [_fix(finding.path, finding.fix)]
    return result


def _flow(finding: Finding, picture: Timeline, lane: int) -> Json:
    """What one of the two units does; the order of execution counts through both."""
    unit = picture.lanes[lane]
    steps: list[Json] = []
    line = finding.line
    for number, row in enumerate(picture.rows, 1):
        line = row.line or line  # what happens somewhere is shown where the other unit has got to
        if row.lane == lane:
            steps.append(
                {
                    "location": _location(finding.path, _place(finding, row, line), row.says),
                    "executionOrder": number,
                    "importance": "essential" if row.wrong else "important",
                }
            )
    title = f"{unit.title}: {unit.symbol}" if unit.symbol else unit.title
    return {"id": unit.letter, "message": {"text": title}, "locations": steps} if steps else None


def _place(finding: Finding, row: Row, line: int) -> Span | int:
    """The step of the finding that is shown, or else the line alone."""
    return next((s.span for s in finding.trace if s.span.line == row.line and s.role is row.role), line)


def _one_line(span: Span) -> Span:
    """The first line of a place: code scanning marks one line."""
    return span if span.line == span.end_line else Span(span.line, span.column, span.line, span.column + 1)


def _location(path: str, place: Span | int, message: str = "") -> dict[str, Json]:
    region: Json = {"startLine": place} if isinstance(place, int) else _region(place)
    found: dict[str, Json] = {"physicalLocation": {"artifactLocation": _artifact(path), "region": region}}
    return {**found, "message": {"text": message}} if message else found


def _region(span: Span) -> dict[str, Json]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _artifact(path: str) -> Json:
    """A path as an address: relative to where racelint was run, but for what lies elsewhere."""
    path = path.replace("\\", "/").removeprefix("./")
    if path.startswith("/"):
        return {"uri": f"file://{quote(path, errors='surrogatepass')}"}
    if path[1:3] == ":/":  # of Windows
        return {"uri": f"file:///{quote(path, safe='/:', errors='surrogatepass')}"}
    return {"uri": quote(path, errors="surrogatepass"), "uriBaseId": ROOT}


def _fix(path: str, fix: Fix) -> Json:
    replacements: list[Json] = [
        {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}} for edit in fix.edits
    ]
    change: Json = {"artifactLocation": _artifact(path), "replacements": replacements}
    return {"description": {"text": fix.title}, "artifactChanges": [change]}


def _notification(problem: Problem) -> Json:
    place = Span(problem.line, problem.column, problem.line, problem.column + 1)
    return {
        "descriptor": {"id": UNREADABLE},
        "level": "error",
        "message": {"text": problem.message},
        "locations": [_location(problem.path, place)],
    }
