"""An object a line: what the `findings` of the JSON format hold, for programs that read while racelint writes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from racelint.finding import Problem
from racelint.report.json_ import finding_as_json, problem_as_json
from racelint.report.results import UNREADABLE, Options, Results, in_order


def json_lines(results: Results, options: Options) -> Iterator[str]:
    """Findings and problems by path and place; a problem has the code RL900."""
    for entry in in_order(results):
        if isinstance(entry, Problem):
            yield json.dumps({"code": UNREADABLE, **problem_as_json(entry)}) + "\n"
        else:
            yield json.dumps(finding_as_json(entry)) + "\n"
