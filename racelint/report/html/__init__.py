"""One page for a browser: everything inline, nothing fetched.

The findings stand in the page as JSON; its script lists them and draws what is opened. So a thousand of them open at once, and text
from the code under analysis never is markup: JSON has no `<` here, and the script sets text, never HTML.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from racelint.finding import Finding, Problem
from racelint.report.html.item import item
from racelint.report.identity import fingerprinted
from racelint.report.json_ import Json
from racelint.report.results import UNREADABLE, Options, Results, clean, in_order

SCRIPTS = ("dom.js", "timeline.js", "details.js", "list.js")
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
"""What the browser is told: nothing from anywhere. The one style and the scripts stand in the page."""


def html(results: Results, options: Options) -> Iterator[str]:
    """The page, a piece for each finding."""
    yield _head()
    yield '<script type="application/json" id="data">\n{"summary":'
    yield _inline(_summary(results))
    yield ',"rules":'
    yield _inline(_rules(results, options))
    yield ',"findings":['
    separator = "\n"
    path, lines = None, None
    for entry, fingerprint in fingerprinted(in_order(results)):
        if isinstance(entry, Finding):
            if entry.path != path:
                path, lines = entry.path, options.read(entry.path)
            yield separator + _inline(item(entry, lines, fingerprint[:12]))
            separator = ",\n"
    yield "]}\n</script>\n"
    for name in SCRIPTS:
        yield f"<script>\n{_part(name)}</script>\n"
    yield "</body>\n</html>\n"


def _head() -> str:
    head = _part("page.html")
    return head.replace("POLICY", POLICY).replace("STYLE", _part("page.css"))


def _part(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _inline(value: Json) -> str:
    """JSON that can stand in a script element: no text in it ends the element, or begins a comment."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _summary(results: Results) -> Json:
    return {
        "files": results.files,
        "problems": [_problem(problem) for problem in results.problems],
    }


def _problem(problem: Problem) -> Json:
    return {"code": UNREADABLE, "path": clean(problem.path), "line": problem.line, "message": clean(problem.message)}


def _rules(results: Results, options: Options) -> Json:
    """The documentation of the rules that found something, by their codes, as Markdown."""
    codes = sorted({finding.code for finding in results.findings})
    return {code: {"text": known.markdown} for code in codes if (known := options.explained(code)) is not None}
