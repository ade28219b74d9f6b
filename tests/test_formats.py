"""What the formats for other programs say: each is read back as its reader would."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_report import SOURCE, STALE_WRITE, Results, span

from racelint.finding import Applicability, Edit, Finding, Fix, Problem, Span, Step
from racelint.report import REPORTERS, Options

PROBLEM = Problem("app/broken.py", 3, "cannot parse: invalid syntax", 7)
FIX = Fix("await first", Applicability.SAFE, (Edit(span(SOURCE, 7, "total + amount"), "0"),))
FIXABLE = replace(STALE_WRITE, fix=FIX)


def shown(name: str, *findings: Finding, problems: tuple[Problem, ...] = ()) -> str:
    """The whole output of a format."""
    return "".join(REPORTERS[name](Results(findings, problems), Options()))


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
    """Two findings that are alike differ; moved lines and other layout change nothing."""

    def prints(*findings: Finding) -> list[str]:
        found = json.loads(shown(name, *findings))
        if name == "gitlab":
            return [issue["fingerprint"] for issue in found]
        return [result["partialFingerprints"]["racelint/v1"] for result in found["runs"][0]["results"]]

    twice = prints(STALE_WRITE, moved(STALE_WRITE, 20))
    assert len(set(twice)) == 2
    assert prints(moved(STALE_WRITE, 5)) == twice[:1]
    spaced = replace(
        STALE_WRITE, trace=tuple(replace(step, text=step.text.replace(" ", "  ")) for step in STALE_WRITE.trace)
    )
    assert prints(spaced) == twice[:1]
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
    assert place["artifactLocation"] == {"uri": "app/counter.py", "uriBaseId": "ROOT"}
    assert place["region"] == {"startLine": 7, "startColumn": 9, "endLine": 7, "endColumn": 36}
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["executionOrder"] for step in steps] == [1, 2, 3]
    assert [step["location"]["physicalLocation"]["region"]["startLine"] for step in steps] == [3, 4, 7]
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


@given(st.text(), st.text(), st.text())
def test_any_text_is_written_so_that_it_can_be_read(path: str, message: str, source: str) -> None:
    """Control characters, surrogates and quotes included."""
    trace = tuple(Step(step.role, step.span, source) for step in STALE_WRITE.trace)
    finding = replace(STALE_WRITE, path=path, message=message, trace=trace)
    for name in ("gitlab", "sarif"):
        json.loads(shown(name, finding))
    assert len(shown("json-lines", finding).splitlines()) >= 1
    ElementTree.fromstring(shown("junit", finding).encode("utf-8"))
    assert shown("github", finding).startswith("::error file=")
