"""What tells findings apart wherever their lines have moved: for formats whose readers follow a finding over many runs."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Problem
from racelint.report.results import UNREADABLE


def fingerprinted(entries: Iterable[Finding | Problem]) -> Iterator[tuple[Finding | Problem, str]]:
    """Each entry with its fingerprint: 32 hexadecimal digits, unique among the entries.

    It is made of the rule, the path, the unit, the resource and the texts of the steps, without lines and columns; of equal
    ones in one unit the first, the second and so on have different ones.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    for entry in entries:
        key = _key(entry)
        seen[key] += 1
        yield entry, hashlib.sha256("\0".join((*key, str(seen[key]))).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _key(entry: Finding | Problem) -> tuple[str, ...]:
    if isinstance(entry, Problem):
        return (UNREADABLE, entry.path)
    steps = (f"{step.role.value} {''.join(step.text.split())}" for step in entry.trace)
    return (entry.code, entry.path, entry.symbol, entry.resource, *steps)
