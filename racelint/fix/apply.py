"""The edits of findings, applied to a text. What is outside the edits stays as it is, character for character."""

from __future__ import annotations

from collections.abc import Sequence

from racelint.finding import Applicability, Finding
from racelint.rewrite import Cut, Places, cut_text, cuts_of, touch
from racelint.source import Source


def apply_fixes(
    source: Source, findings: Sequence[Finding], applicability: Applicability = Applicability.SAFE
) -> tuple[str, tuple[Finding, ...]]:
    """One round: the new text, and the findings whose fixes, up to that applicability, are in it.

    `findings` are those of this source. Of fixes that touch each other only the first, in the order of the findings, is
    applied: what the others should be is for the rules to say when they see the new text. A fix is applied whole or not
    at all; one with a place that is not in the text is not.
    """
    places = Places(source.text)
    taken: list[Cut] = []
    applied: list[Finding] = []
    for finding in findings:
        allowed = finding.fix is not None and has_edits(finding, applicability)
        cuts = cuts_of(finding.fix.edits, places) if finding.fix is not None and allowed else []
        if cuts and not touch(cuts, taken):
            taken += cuts
            applied.append(finding)
    return cut_text(source.text, taken), tuple(applied)


def has_edits(finding: Finding, applicability: Applicability) -> bool:
    """Whether a fix of that applicability, or a safer one, can be applied by us."""
    return finding.fix is not None and finding.fix.applicability.within(applicability) and bool(finding.fix.edits)
