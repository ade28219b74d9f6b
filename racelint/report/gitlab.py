"""GitLab's code quality report: an array of issues, each with a fingerprint that stays when lines move."""

from __future__ import annotations

import json
from collections.abc import Iterator

from racelint.finding import Confidence, Finding, Problem
from racelint.report.identity import fingerprinted
from racelint.report.json_ import Json
from racelint.report.results import UNREADABLE, Options, Results, in_order

SEVERITIES = {Confidence.HIGH: "major", Confidence.MEDIUM: "minor", Confidence.LOW: "info"}


def gitlab(results: Results, options: Options) -> Iterator[str]:
    """The whole array; `[]` if there is nothing."""
    issues = [_issue(entry, fingerprint) for entry, fingerprint in fingerprinted(in_order(results))]
    yield json.dumps(issues, indent=1) + "\n"


def _issue(entry: Finding | Problem, fingerprint: str) -> Json:
    code, name = (UNREADABLE, UNREADABLE) if isinstance(entry, Problem) else (entry.code, entry.name)
    return {
        "description": f"{code} {entry.message}",
        "check_name": name,
        "fingerprint": fingerprint,
        "severity": "blocker" if isinstance(entry, Problem) else SEVERITIES[entry.confidence],
        "location": {
            "path": entry.path.replace("\\", "/").removeprefix("./"),
            "lines": {"begin": entry.line, "end": entry.line if isinstance(entry, Problem) else entry.span.end_line},
        },
    }
