"""Output formats: name → function(results, options) → pieces of text, ready to be written one after the other.

`results` is anything with `findings`, `problems`, `files` and `seconds`, such as `racelint.run.Report`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from racelint.report.concise import concise
from racelint.report.explained import explained
from racelint.report.github import github
from racelint.report.gitlab import gitlab
from racelint.report.html import html
from racelint.report.json_ import as_json
from racelint.report.json_lines import json_lines
from racelint.report.junit import junit
from racelint.report.markdown import markdown
from racelint.report.rdjson import rdjson
from racelint.report.results import Explained, Options, Results, drawable, statistics
from racelint.report.sarif import sarif
from racelint.report.text import full

Reporter = Callable[[Results, Options], Iterable[str]]

REPORTERS: Mapping[str, Reporter] = {
    "full": full,
    "concise": concise,
    "json": as_json,
    "json-lines": json_lines,
    "github": github,
    "gitlab": gitlab,
    "html": html,
    "junit": junit,
    "markdown": markdown,
    "rdjson": rdjson,
    "sarif": sarif,
}

__all__ = ["REPORTERS", "Explained", "Options", "Reporter", "Results", "drawable", "explained", "statistics"]
