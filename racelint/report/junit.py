"""JUnit's XML, which most build servers show: a suite for each file in which something was found, a failure for each finding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from racelint.finding import Finding, Problem
from racelint.report.results import UNREADABLE, Options, Results, clean, in_order
from racelint.report.words import harm_sentence


def junit(results: Results, options: Options) -> Iterator[str]:
    """The document; without findings one suite that passed, for servers that take no suite for an error."""
    count = len(results.findings) + len(results.problems)
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    yield f'<testsuites name="racelint" tests="{max(count, 1)}" failures="{count}" errors="0">\n'
    for path, group in groupby(in_order(results), key=lambda entry: entry.path):
        entries = list(group)
        yield f'  <testsuite name={_attribute(path)} tests="{len(entries)}" failures="{len(entries)}" errors="0">\n'
        yield from map(_case, entries)
        yield "  </testsuite>\n"
    if not count:
        yield '  <testsuite name="racelint" tests="1" failures="0" errors="0">\n'
        yield '    <testcase name="no races found" classname="racelint"/>\n  </testsuite>\n'
    yield "</testsuites>\n"


def _case(entry: Finding | Problem) -> str:
    code = UNREADABLE if isinstance(entry, Problem) else f"{entry.code} {entry.name}"
    name = f"{code} line {entry.line}"
    where = entry.path if isinstance(entry, Problem) or not entry.symbol else f"{entry.path}: {entry.symbol}"
    lines = [f"{entry.path}:{entry.line}:{entry.column}: {entry.message}"]
    if isinstance(entry, Finding):
        lines += [f"line {step.span.line} {step.role.value}: {step.text}" for step in entry.trace]
        lines += [f"harm: {harm_sentence(entry)}", f"evidence: {entry.evidence}"]
        lines += [f"write instead: {entry.fix.title}"] if entry.fix is not None else []
    body = "\n".join(_text(line) for line in lines)
    # No `line` attribute: the schema that Jenkins checks reports with has none.
    head = f"    <testcase name={_attribute(name)} classname={_attribute(where)}>\n"
    return f"{head}      <failure message={_attribute(entry.message)} type={_attribute(code)}>{body}</failure>\n    </testcase>\n"


def _text(text: str) -> str:
    return escape(_allowed(clean(text)))


def _attribute(text: str) -> str:
    return quoteattr(_allowed(clean(text)))


def _allowed(text: str) -> str:
    """XML has no way to write some characters."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)
