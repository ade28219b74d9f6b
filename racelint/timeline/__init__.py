"""A finding → its timeline: the bad order of the steps of two units, and how it ends.

    from racelint.timeline import timeline

    picture = timeline(finding)
    for row in picture.rows:
        print(picture.lanes[row.lane].title, row.line, row.says)
    print(picture.outcome)

Only data: what draws it, on a terminal or a page, is in `racelint.report`.
"""

from __future__ import annotations

from collections.abc import Sequence

from racelint.finding import Finding
from racelint.timeline.data import Lane, Row, Timeline
from racelint.timeline.stories import STORIES, plain
from racelint.timeline.telling import Telling

__all__ = ["STORIES", "Lane", "Row", "Timeline", "timeline"]


def timeline(finding: Finding, lines: Sequence[str] | None = None) -> Timeline | None:
    """The timeline of a finding; None of one that is no race, such as a suppression that silences nothing.

    With the lines of its file, steps are whole source lines, and values are numbers where the code says so.
    """
    if not finding.trace:
        return None
    return STORIES.get(finding.harm, plain)(Telling(finding, lines))
