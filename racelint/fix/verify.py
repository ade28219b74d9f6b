"""Why a new text must not be written: it cannot be, does not parse, or is found no better than the old one."""

from __future__ import annotations

import codecs
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from racelint.finding import Finding, Problem
from racelint.parse import parse
from racelint.source import Source, decode
from racelint.stack import with_deep_stack


def encode(source: Source) -> bytes:
    """The bytes of a source, as they were read. Raises UnicodeEncodeError."""
    return (codecs.BOM_UTF8 if source.bom else b"") + source.text.encode(source.encoding)


def objection_to_text(source: Source) -> str | None:
    """Why a text cannot be a file: it does not survive its own encoding, or does not parse."""
    try:
        read = decode(encode(source), source.path)
    except UnicodeEncodeError as error:
        return f"the result has {error.object[error.start]!a}, which {source.encoding} does not have"
    if isinstance(read, Problem):
        return _explained(read)
    if read != source:
        return "the result would be read in another encoding"
    with warnings.catch_warnings():  # of invalid escape sequences
        warnings.simplefilter("ignore")
        tree = with_deep_stack(lambda: parse(source))
    return _explained(tree) if isinstance(tree, Problem) else None


def _explained(problem: Problem) -> str:
    return f"line {problem.line} of the result: {problem.message}"


def objection_to_findings(
    before: Sequence[Finding], applied: Sequence[Finding], after: Sequence[Finding]
) -> str | None:
    """Why a file is no better than before: what was repaired is still found, or something is found that was not.

    All are findings of one file. Lines move when a text is edited, so findings are compared without them.
    """
    allowed = counted(before)
    allowed.subtract(counted(applied))
    worse = Counter(counted(after))
    worse.subtract(allowed)
    repaired = counted(applied)
    for finding in after:
        if worse[key_of(finding)] > 0:
            what = "is still found" if key_of(finding) in repaired else "is found instead"
            return f"{finding.code} {what} on line {finding.line} of the result"
    return None


Key: TypeAlias = tuple[str, str, str, str]
"""Code, unit, resource, and the message without numbers."""


def counted(findings: Iterable[Finding]) -> Counter[Key]:
    """How often each is found; lines do not matter."""
    return Counter(map(key_of, findings))


def key_of(finding: Finding) -> Key:
    """What tells a finding from the others of its file wherever its lines have moved."""
    return (finding.code, finding.symbol, finding.resource, re.sub(r"\b\d+\b", "0", finding.message))
