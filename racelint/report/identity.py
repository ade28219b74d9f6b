"""What tells findings apart wherever their lines have moved: for baselines, and for readers who follow a finding over many runs."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from racelint.expressions import expression
from racelint.finding import Finding, Problem, Role
from racelint.frozen import dataclass
from racelint.report.results import UNREADABLE

LONGEST = 60
"""Characters of a statement that count: a trace cuts long ones, and where it does depends on how they are laid out."""

_SEAM = expression(r"""(["'])\s+[bfruBFRU]{0,2}\1""")
_LAYOUT = expression(r"""[\s(),'"\\]+""")
_AROUND = expression(r" ?([^\w ]) ?")


@dataclass(frozen=True, slots=True)
class Meaning:
    """A finding without its place: the same after its file was reformatted, or its function moved down."""

    code: str
    path: str
    """As the finding has it."""
    symbol: str
    resource: str
    """Squeezed, as the statements are."""
    statements: tuple[str, ...]
    """The accesses. Which switch point between them is named may change with any line that is added, so it does not count."""


def meaning_of(finding: Finding) -> Meaning:
    """What the finding says, without lines, columns and layout."""
    accesses = [step.text for step in finding.trace if step.role is not Role.SWITCH]
    return Meaning(
        finding.code,
        finding.path,
        finding.symbol,
        squeezed(finding.resource),
        tuple(map(squeezed, accesses or [re.sub(r"\d+", "", finding.message)])),
    )


def squeezed(text: str) -> str:
    """Source without what formatters add, take away or choose: blanks, parentheses, commas, quotes, seams of strings."""
    return _AROUND.sub(r"\1", _LAYOUT.sub(" ", _SEAM.sub("", text)).strip())[:LONGEST].rstrip()


def fingerprinted(entries: Iterable[Finding | Problem]) -> Iterator[tuple[Finding | Problem, str]]:
    """Each entry with its fingerprint: 32 hexadecimal digits, unique among the entries.

    It is made of what the finding means; of equal ones the first, the second and so on have different ones.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    for entry in entries:
        key = _key(entry)
        seen[key] += 1
        yield entry, hashlib.sha256("\0".join((*key, str(seen[key]))).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _key(entry: Finding | Problem) -> tuple[str, ...]:
    if isinstance(entry, Problem):
        return (UNREADABLE, entry.path)
    meaning = meaning_of(entry)
    return (meaning.code, meaning.path, meaning.symbol, meaning.resource, *meaning.statements)
