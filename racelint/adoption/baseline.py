"""Known findings: a file of them, and which findings of a run are among them.

An entry is what a finding means, without lines and layout. It also knows its finding again after that has moved: to another
file, or into a function or class of another name. What is matched is taken, so a second race like it is new.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from racelint.finding import Confidence, Finding
from racelint.frozen import dataclass, replace
from racelint.report.identity import Meaning, meaning_of

VERSION = 1
MOST_ALIKE = 10_000
"""How often an entry may count: each time takes memory."""


class BaselineError(Exception):
    """A file that is no baseline, with the reason."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding that is known."""

    meaning: Meaning
    """Its path is relative to the folder of the baseline, with slashes."""
    confidence: Confidence
    """That it was found with: a run that asks for more says nothing about it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The findings of a run beside the known ones."""

    new: tuple[Finding, ...]
    known: tuple[Finding, ...]
    unmatched: tuple[Entry, ...]
    """Entries that are not among the findings, each as often as it is missing."""


def entry_of(finding: Finding, folder: str) -> Entry:
    """A finding as an entry of a baseline in `folder`."""
    meaning = meaning_of(finding)
    return Entry(replace(meaning, path=_relative(finding.path, folder)), finding.confidence)


def _relative(path: str, folder: str) -> str:
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # another drive
        return os.path.abspath(path).replace(os.sep, "/")


def compare(
    findings: Sequence[Finding], entries: Iterable[Entry], folder: str, may_have_moved: Callable[[Entry], bool]
) -> Comparison:
    """Which findings are known.

    First those that are just like an entry. Of the rest, those that would be like one in another file, or else in another
    function, or else in both; but only if it `may_have_moved`, because it is no longer where it was.
    """
    left = list(entries)
    own = {id(finding): entry_of(finding, folder).meaning for finding in findings}
    new = list(findings)
    for key in (_whole, _without_path, _without_symbol, _without_both):
        waiting: dict[Meaning, list[Entry]] = {}
        for entry in left:
            if key is _whole or may_have_moved(entry):
                waiting.setdefault(key(entry.meaning), []).append(entry)
        taken: set[int] = set()
        still_new = []
        for finding in new:
            matches = waiting.get(key(own[id(finding)]))
            if matches:
                taken.add(id(matches.pop()))
            else:
                still_new.append(finding)
        new, left = still_new, [entry for entry in left if id(entry) not in taken]
    fresh = {id(finding) for finding in new}
    return Comparison(tuple(new), tuple(one for one in findings if id(one) not in fresh), tuple(left))


def _whole(meaning: Meaning) -> Meaning:
    return meaning


def _without_path(meaning: Meaning) -> Meaning:
    return replace(meaning, path="")


def _without_symbol(meaning: Meaning) -> Meaning:
    return replace(meaning, symbol="")


def _without_both(meaning: Meaning) -> Meaning:
    """A race in a helper is told of one of its callers, and which one that is may change with their order."""
    return replace(meaning, path="", symbol="")


# The file


def written(entries: Iterable[Entry]) -> str:
    """The text of a baseline: an entry a line, sorted, so that versions of it are easily compared and merged."""
    counts = Counter(entries)
    lines = [json.dumps(_as_json(entry, counts[entry]), ensure_ascii=False) for entry in sorted(counts, key=_order)]
    body = "[\n  " + ",\n  ".join(lines) + "\n ]" if lines else "[]"
    return f'{{"version": {VERSION},\n "findings": {body}}}\n'


def _order(entry: Entry) -> tuple[str, str, str, str, tuple[str, ...], int]:
    one = entry.meaning
    return (one.path, one.code, one.symbol, one.resource, one.statements, entry.confidence.rank)


def _as_json(entry: Entry, count: int) -> dict[str, object]:
    meaning = entry.meaning
    return {
        "path": meaning.path,
        "code": meaning.code,
        "symbol": meaning.symbol,
        "resource": meaning.resource,
        "statements": list(meaning.statements),
        "confidence": entry.confidence.value,
        **({"count": count} if count > 1 else {}),
    }


def read(text: str) -> list[Entry]:
    """The entries of a baseline, each as often as it counts. Raises BaselineError."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise BaselineError(f"line {error.lineno}: it is not JSON: {error.msg}") from None
    except RecursionError:
        raise BaselineError("it is nested too deep") from None
    except ValueError as error:  # a number of thousands of digits
        raise BaselineError(f"it is not JSON that can be read: {error}") from None
    version = document.get("version") if isinstance(document, dict) else None
    if version != VERSION:
        found = f"of version {version}" if isinstance(version, int) else "without a version"
        raise BaselineError(f"it is {found}, and this racelint reads version {VERSION}")
    findings = document.get("findings")
    if not isinstance(findings, list):
        raise BaselineError("it has no list of `findings`")
    return [entry for number, item in enumerate(findings, 1) for entry in _entries(number, item)]


def _entries(number: int, item: object) -> list[Entry]:
    fields = item if isinstance(item, dict) else {}
    path, code, symbol, resource = (fields.get(name) for name in ("path", "code", "symbol", "resource"))
    statements, count, confidence = fields.get("statements"), fields.get("count", 1), fields.get("confidence")
    levels = {level.value: level for level in Confidence}
    if (
        not (isinstance(path, str) and isinstance(code, str) and isinstance(symbol, str) and isinstance(resource, str))
        or not (isinstance(statements, list) and all(isinstance(one, str) for one in statements))
        or not (isinstance(count, int) and 0 < count <= MOST_ALIKE)
        or confidence not in levels
    ):
        raise BaselineError(f"finding {number} is not as racelint writes them; write it anew with --update-baseline")
    return [Entry(Meaning(code, path, symbol, resource, tuple(statements)), levels[confidence])] * count
