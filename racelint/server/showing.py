"""Findings as the protocol has them: diagnostics, hovers."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol.types import (
    Diagnostic,
    DiagnosticRelatedInformation,
    DiagnosticSeverity,
    DiagnosticTag,
    Hover,
    Location,
    MarkupContent,
    MarkupKind,
    Position,
    Range,
)

from racelint.explain import rule_markdown
from racelint.finding import Confidence, Finding, Problem
from racelint.report.lanes import large
from racelint.report.results import Options
from racelint.report.words import harm_sentence, step_labels
from racelint.rules import RULES
from racelint.server.places import Places, overlap
from racelint.server.project import Judged
from racelint.suppress import UNREADABLE, UNUSED
from racelint.timeline import timeline

WIDTH = 76
"""Columns of a timeline in a hover."""


def diagnostics(judged: Judged, uri: str, places: Places) -> list[Diagnostic]:
    """What an editor underlines, in order."""
    return [
        *(_problem(problem, places) for problem in judged.problems),
        *(_finding(finding, uri, places) for finding in judged.findings),
    ]


def _finding(finding: Finding, uri: str, places: Places) -> Diagnostic:
    unused = finding.code == UNUSED
    sure = finding.confidence is not Confidence.LOW and not unused
    return Diagnostic(
        places.range(finding.span),
        finding.message,
        severity=DiagnosticSeverity.Warning if sure else DiagnosticSeverity.Information,
        code=finding.code,
        source="racelint",
        tags=[DiagnosticTag.Unnecessary] if unused else None,
        related_information=[*_steps(finding, uri, places)] or None,
    )


def _steps(finding: Finding, uri: str, places: Places) -> Iterator[DiagnosticRelatedInformation]:
    """The read, the switch and the write, each with what it does."""
    for step, label in zip(finding.trace, step_labels(finding), strict=True):
        yield DiagnosticRelatedInformation(Location(uri, places.range(step.span)), f"{label}: {step.text}")


def _problem(problem: Problem, places: Places) -> Diagnostic:
    place = places.position(problem.line, problem.column)
    return Diagnostic(
        Range(place, place), problem.message, severity=DiagnosticSeverity.Error, code=UNREADABLE, source="racelint"
    )


def hover(judged: Judged, position: Position, places: Places) -> Hover | None:
    """What is to be said of the findings at a place: of those that are reported there, else of those that pass there."""
    at = Range(position, position)
    there = [one for one in judged.findings if overlap(places.range(one.span), at)]
    there = there or [one for one in judged.findings if any(overlap(places.range(step.span), at) for step in one.trace)]
    if not there:
        return None
    text = "\n\n---\n\n".join(_told(finding, judged) for finding in there)
    return Hover(MarkupContent(MarkupKind.Markdown, text), places.range(there[0].span) if len(there) == 1 else None)


def _told(finding: Finding, judged: Judged) -> str:
    lines = [f"**{finding.code} {finding.name}** · confidence {finding.confidence.value}", f"{finding.message}."]
    picture = timeline(finding, [line.removesuffix("\n") for line in judged.source.lines])
    if picture is not None:
        drawn = "\n".join(large(picture, Options(width=WIDTH)))
        lines.append(f"```text\n{drawn}\n```")
        lines.append(f"*Harm:* {harm_sentence(finding)}")
    if finding.evidence:
        lines.append(f"*Evidence:* {finding.evidence}")
    if finding.fix is not None:
        lines.append(f"*Write instead:* {finding.fix.title}")
    rule = next((one for one in RULES if one.code == finding.code), None)
    if rule is not None:
        lines.append(rule_markdown(rule))
    return "\n\n".join(lines)
