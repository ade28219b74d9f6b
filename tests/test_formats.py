"""What the formats for other programs say: each is read back as its reader would."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from test_report import SOURCE, STALE_WRITE, Results, span

from racelint import RULES
from racelint.cli.showing import explained
from racelint.finding import Applicability, Edit, Finding, Fix, Problem, Span, Step
from racelint.report import REPORTERS, Options

PROBLEM = Problem("app/broken.py", 3, "cannot parse: invalid syntax", 7)
FIX = Fix("await first", Applicability.SAFE, (Edit(span(SOURCE, 7, "total + amount"), "0"),))
FIXABLE = replace(STALE_WRITE, fix=FIX)

SARIF_SCHEMA = Path(__file__).parent / "data" / "sarif-schema-2.1.0.json"
"""As published by OASIS: github.com/oasis-tcs/sarif-spec, sarif-2.1/schema/sarif-schema-2.1.0.json."""
CODE_SCANNING = {"shortDescription": 1024, "fullDescription": 1024}
"""Characters that GitHub allows in the texts of a rule."""


def shown(name: str, *findings: Finding, problems: tuple[Problem, ...] = ()) -> str:
    """The whole output of a format."""
    return "".join(REPORTERS[name](Results(findings, problems), Options(read=lambda path: None)))


def moved(finding: Finding, lines: int) -> Finding:
    """The same finding further down."""

    def down(place: Span) -> Span:
        return replace(place, line=place.line + lines, end_line=place.end_line + lines)

    return replace(
        finding, span=down(finding.span), trace=tuple(replace(step, span=down(step.span)) for step in finding.trace)
    )


def test_json_lines_are_objects_of_the_json_format() -> None:
    """One a line; a file that cannot be read is RL900."""
    lines = [json.loads(line) for line in shown("json-lines", STALE_WRITE, problems=(PROBLEM,)).splitlines()]
    whole = json.loads(shown("json", STALE_WRITE, problems=(PROBLEM,)))
    assert lines == [{"code": "RL900", **whole["errors"][0]}, whole["findings"][0]]


def test_github_has_a_command_a_finding() -> None:
    """With its place and its rule as the title."""
    assert shown("github", STALE_WRITE, problems=(PROBLEM,)) == (
        "::error file=app/broken.py,line=3,col=7,title=RL900::cannot parse: invalid syntax\n"
        "::error file=app/counter.py,line=7,col=9,endLine=7,endColumn=36,title=RL102 stale-write::"
        "`self.total` is read on line 3 and written back here; another task may write it at the await on line 4\n"
    )


def test_github_commands_cannot_be_broken_out_of() -> None:
    """What would end a property or a command is escaped."""
    nasty = replace(STALE_WRITE, path="a,b:c%.py", message="100 %\n::set-output name=x::y")
    text = shown("github", nasty)
    assert text.startswith("::error file=a%2Cb%3Ac%25.py,line=7,")
    assert text.count("\n") == 1


def test_gitlab_has_an_issue_a_finding() -> None:
    """With what GitLab asks for; nothing found is an empty array."""
    (problem, issue) = json.loads(shown("gitlab", STALE_WRITE, problems=(PROBLEM,)))
    assert issue["check_name"] == "stale-write"
    assert issue["severity"] == "major"
    assert issue["location"] == {"path": "app/counter.py", "lines": {"begin": 7, "end": 7}}
    assert problem["severity"] == "blocker"
    assert json.loads(shown("gitlab")) == []


@pytest.mark.parametrize("name", ["gitlab", "sarif"])
def test_fingerprints_are_unique_and_stay(name: str) -> None:
    """Two findings that are alike differ; moved lines, other layout and another switch point change nothing."""

    def prints(*findings: Finding) -> list[str]:
        found = json.loads(shown(name, *findings))
        if name == "gitlab":
            return [issue["fingerprint"] for issue in found]
        marks = [result["partialFingerprints"] for result in found["runs"][0]["results"]]
        assert [mark["primaryLocationLineHash"] for mark in marks] == [
            f"{mark['racelint/v1'][:16]}:1" for mark in marks
        ]
        return [mark["racelint/v1"] for mark in marks]

    def reading(*texts: str) -> Finding:
        steps = zip(STALE_WRITE.trace, texts, strict=True)
        return replace(STALE_WRITE, trace=tuple(replace(step, text=text) for step, text in steps))

    twice = prints(STALE_WRITE, moved(STALE_WRITE, 20))
    assert len(set(twice)) == 2
    assert prints(moved(STALE_WRITE, 5)) == twice[:1]
    assert prints(reading("self.total", "await other()", "self.total = ( total+amount, )")) == twice[:1]
    assert prints(reading("self.total", "await self.audit(amount)", "self.total = total - amount")) != twice[:1]
    assert prints(replace(STALE_WRITE, symbol="Counter.take")) != twice[:1]


def test_junit_has_a_failure_a_finding() -> None:
    """In a suite for each file; nothing found is a test that passed."""
    root = ElementTree.fromstring(shown("junit", STALE_WRITE, problems=(PROBLEM,)).encode())
    assert root.attrib["failures"] == "2"
    assert [suite.attrib["name"] for suite in root] == ["app/broken.py", "app/counter.py"]
    failure = root[1][0][0]
    assert failure.attrib["type"] == "RL102 stale-write"
    assert "line 4 switch: await self.audit(amount)" in (failure.text or "")
    passed = ElementTree.fromstring(shown("junit").encode())
    assert (passed.attrib["tests"], passed.attrib["failures"]) == ("1", "0")


def test_sarif_points_at_the_write_and_tells_the_steps() -> None:
    """In the order of execution, with relative addresses, and the fix as replacements."""
    log = json.loads(shown("sarif", FIXABLE, problems=(PROBLEM,)))
    (run,) = log["runs"]
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert log["version"] == "2.1.0"
    assert place["artifactLocation"] == {"uri": "app/counter.py", "uriBaseId": "%SRCROOT%"}
    assert run["originalUriBaseIds"].keys() == {"%SRCROOT%"}
    assert place["region"] == {"startLine": 7, "startColumn": 9, "endLine": 7, "endColumn": 36}
    (flow,) = result["codeFlows"]
    assert [one["message"]["text"] for one in flow["threadFlows"]] == ["task A: Counter.add", "task B: Counter.add"]
    steps = [(step["executionOrder"], one["id"], step) for one in flow["threadFlows"] for step in one["locations"]]
    steps.sort(key=lambda step: step[0])
    assert [number for number, _, _ in steps] == list(range(1, len(steps) + 1))
    assert [letter for _, letter, _ in steps] == ["A", "A", "B", "B", "A"]
    assert steps[0][2]["location"]["physicalLocation"]["region"] == {
        "startLine": 3,
        "startColumn": 17,
        "endLine": 3,
        "endColumn": 27,
    }
    assert steps[-1][2]["importance"] == "essential"
    assert flow["message"]["text"].startswith("B's update is lost")
    assert result["relatedLocations"][0]["message"]["text"] == "read here"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "RL102"
    assert result["level"] == "error"
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"] == {"text": "0"}
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == PROBLEM.message


def test_sarif_marks_one_line() -> None:
    """A place of several lines is marked in its first."""
    tall = replace(STALE_WRITE, span=Span(3, 9, 7, 36))
    region = json.loads(shown("sarif", tall))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["endLine"]) == (3, 3)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("./a b/ä.py", {"uri": "a%20b/%C3%A4.py", "uriBaseId": "%SRCROOT%"}),
        ("/srv/a.py", {"uri": "file:///srv/a.py"}),
        ("C:\\src\\a.py", {"uri": "file:///C:/src/a.py"}),
    ],
)
def test_sarif_addresses(path: str, address: dict[str, str]) -> None:
    """Relative to where racelint was run; what lies elsewhere is named in full."""
    (run,) = json.loads(shown("sarif", replace(STALE_WRITE, path=path)))["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"] == address


def schema_errors(log: object) -> Iterator[str]:
    """What the official schema says against a document."""
    schema = json.loads(SARIF_SCHEMA.read_text(encoding="utf-8"))
    return (error.message for error in Draft4Validator(schema).iter_errors(log))


def test_sarif_is_valid() -> None:
    """By the official schema, with findings, fixes, problems and without anything; and the schema does find mistakes."""
    for text in (shown("sarif"), shown("sarif", FIXABLE, moved(STALE_WRITE, 9), problems=(PROBLEM,))):
        assert list(schema_errors(json.loads(text))) == []
    assert list(schema_errors({"version": "2.1.0", "runs": [{"results": []}]})) == ["'tool' is a required property"]


def test_sarif_explains_its_rules() -> None:
    """Every rule's documentation is valid, as text and Markdown, within what code scanning takes."""
    every = [replace(STALE_WRITE, code=rule.code, name=rule.name) for rule in RULES]
    options = Options(explained=explained, version="1.2.3")
    log = json.loads("".join(REPORTERS["sarif"](Results(every), options)))
    driver = log["runs"][0]["tool"]["driver"]
    assert list(schema_errors(log)) == []
    assert driver["semanticVersion"] == "1.2.3"
    assert [rule["id"] for rule in driver["rules"]] == [rule.code for rule in RULES]
    for rule in driver["rules"]:
        assert all(0 < len(rule[key]["text"]) <= most for key, most in CODE_SCANNING.items())
        assert rule["name"] in rule["help"]["text"]
        assert "\n### Example\n" in rule["help"]["markdown"]


def test_rdjson_has_a_diagnostic_a_finding() -> None:
    """With columns in bytes, as reviewdog counts them, and an end behind the last character."""
    lines = SOURCE.replace("self.total = total + amount", "é; self.total = total + amount").split("\n")
    late = replace(STALE_WRITE, span=replace(STALE_WRITE.span, column=12, end_column=39))
    options = Options(read=lambda path: lines)
    document = json.loads("".join(REPORTERS["rdjson"](Results([late], [PROBLEM]), options)))
    problem, diagnostic = document["diagnostics"]
    assert document["source"] == {"name": "racelint"}
    assert problem["code"] == {"value": "RL900"}
    assert diagnostic["code"] == {"value": "RL102"}
    assert diagnostic["severity"] == "ERROR"
    assert diagnostic["location"] == {
        "path": "app/counter.py",
        "range": {"start": {"line": 7, "column": 13}, "end": {"line": 7, "column": 40}},
    }
    assert [other["message"] for other in diagnostic["relatedLocations"]] == [
        "read here",
        "other tasks run here",
        "writes back the old value",
    ]


def test_rdjson_suggests_the_lines_of_the_fix() -> None:
    """One suggestion for all edits, for each suggestion is applied alone; none if they are far apart or cannot be made."""
    two = Edit(span(SOURCE, 3, "self.total"), "0")

    def suggested(*edits: Edit, source: str | None = SOURCE) -> list[object]:
        finding = replace(STALE_WRITE, fix=Fix("x", Applicability.SAFE, edits))
        lines = None if source is None else source.split("\n")
        text = "".join(REPORTERS["rdjson"](Results([finding]), Options(read=lambda path: lines)))
        return json.loads(text)["diagnostics"][0].get("suggestions", [])

    assert suggested(two, FIX.edits[0]) == [
        {
            "range": {"start": {"line": 3, "column": 1}, "end": {"line": 7, "column": 36}},
            "text": "\n".join(SOURCE.split("\n")[2:7]).replace("self.total\n", "0\n").replace("total + amount", "0"),
        }
    ]
    assert suggested(two, source=None) == []
    assert suggested(two, Edit(Span(60, 1, 60, 1), ""), source="\n" * 80) == []
    assert suggested(Edit(Span(3, 300, 3, 301), "")) == []


def test_markdown_draws_each_finding() -> None:
    """A table, then each finding folded, with a sequence diagram and its fix as a diff."""
    options = Options(read=lambda path: SOURCE.split("\n"))
    text = "".join(REPORTERS["markdown"](Results([FIXABLE], [PROBLEM], files=2), options))
    assert text.startswith(
        "### racelint: 1 finding (1 high) in 2 files\n\n"
        "| rule | where | what goes wrong | confidence |\n| --- | --- | --- | --- |\n"
        "| RL900 | `app/broken.py:3` | cannot parse: invalid syntax |  |\n"
        "| RL102 stale-write | `app/counter.py:7` in `Counter.add` | lost update: what another task writes to "
        "`self.total` in between is overwritten | high |\n"
        "\n<details><summary>app/counter.py:7: RL102 stale-write</summary>\n\n`self.total` is read on line 3"
    )
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)
    assert diagram.splitlines()[:6] == [
        "sequenceDiagram",
        "    participant A as task A<br/>Counter.add",
        "    participant S as self.total",
        "    participant B as task B<br/>Counter.add",
        "    S-->>A: reads v (line 3)",
        "    Note over A: waits, B runs (line 4)",
    ]
    assert "    A-xS: writes" in diagram
    assert "-        self.total = total + amount\n+        self.total = 0\n" in text
    assert "- **write instead**: await first\n" in text
    assert text.endswith("\n</details>\n")
    assert shown("markdown") == "### racelint: no races found in 1 file\n"


def test_markdown_cannot_be_broken_out_of() -> None:
    """Names and source stay text: no tags, no names that get told, no end of a diagram or of its statements."""
    spiked = replace(
        STALE_WRITE,
        path="a|b.py",
        message="<img src=x> @somebody *x* `a|b <c>`",
        resource="d[';#<b>`']",
        symbol="f",
        trace=tuple(replace(step, text="x``` ; %% #") for step in STALE_WRITE.trace),
    )
    text = shown("markdown", spiked)
    assert "<img" not in text
    assert "@somebody" not in text
    assert "&#64;somebody \\*x\\* `a|b <c>`." in text
    assert "| `a\\|b.py:7` in `f` |" in text
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)
    assert not re.search(r"[;#`]|<(?!br/)", diagram)


def test_markdown_fits_a_comment() -> None:
    """What has no room is counted."""
    many = [moved(STALE_WRITE, number) for number in range(400)]
    text = shown("markdown", *many)
    assert len(text.encode()) < 65_536
    shown_findings = text.count("<details>")
    assert text.endswith(f"\nThe details of {400 - shown_findings} more are too long for a comment.\n")
    assert "\n… and 300 more.\n" in text


@given(st.text(), st.text(), st.text())
def test_any_text_is_written_so_that_it_can_be_read(path: str, message: str, source: str) -> None:
    """Control characters, surrogates and quotes included."""
    trace = tuple(Step(step.role, step.span, source) for step in STALE_WRITE.trace)
    finding = replace(STALE_WRITE, path=path, message=message, trace=trace)
    for name in ("gitlab", "rdjson", "sarif"):
        json.loads(shown(name, finding))
    assert shown("markdown", finding).count("\n```mermaid\n") == 1
    assert len(shown("json-lines", finding).splitlines()) >= 1
    ElementTree.fromstring(shown("junit", finding).encode("utf-8"))
    assert shown("github", finding).startswith("::error file=")
