"""What a statement of SQL does: verb, table, and whether the database itself makes it atomic."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERB = re.compile(
    r"\s*(?:with\b.*?\)\s*)?(select|insert|update|delete|replace|begin|commit|rollback|start|merge|lock|end)\b",
    re.IGNORECASE | re.DOTALL,
)
_TABLE = re.compile(r"\b(?:from|into|update|table)\s+(?:only\s+)?[\"`\[]?([\w.]+|\{[^}]*\})", re.IGNORECASE)
_SET = re.compile(r"\bset\b(.*?)(?:\bwhere\b|\breturning\b|$)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """`effect` is `read`, `write`, `update` (atomic), `create`, `delete`, `begin`, `commit`, `rollback`, `lock` or ""."""

    effect: str
    table: str = ""
    locking: bool = False
    """Takes a row lock (`FOR UPDATE`) or is conditional (`ON CONFLICT`)."""
    conditional: bool = False
    keys: frozenset[str] = frozenset()
    """Literals that the statement's condition compares with."""


def classify(text: str) -> Statement:
    """Classify one statement; an empty effect means that it is not understood."""
    match = _VERB.match(text)
    if match is None:
        return Statement("")
    verb = match.group(1).lower()
    table_match = _TABLE.search(text)
    table = table_match.group(1).lower() if table_match else ""
    lowered = text.lower()
    if verb == "select":
        locking = (
            " for update" in lowered
            or " for share" in lowered
            or "for no key update" in lowered
            or "advisory" in lowered
        )
        return Statement("read", table, locking)
    if verb in ("begin", "start"):
        return Statement("begin")
    if verb in ("commit", "end"):
        return Statement("commit")
    if verb == "rollback":
        return Statement("rollback")
    if verb == "lock":
        return Statement("lock")
    if verb in ("insert", "replace", "merge"):
        if verb == "replace" or "or replace" in lowered or ("do update" in lowered and "excluded" in lowered):
            return Statement("write", table)
        conditional = (
            "on conflict" in lowered or "on duplicate" in lowered or "or ignore" in lowered or verb != "insert"
        )
        return Statement("create", table, conditional=conditional)
    if verb == "delete":
        return Statement("delete", table, keys=_keys(lowered))
    assignments = _SET.search(text)
    relative = False
    if assignments:
        for part in assignments.group(1).split(","):
            left, equals, right = part.partition("=")
            column = left.strip().strip('"`').rpartition(".")[2]
            if equals and column and re.search(rf"\b{re.escape(column)}\b", right):
                relative = True
    return Statement(
        "update" if relative else "write",
        table,
        conditional=" and " in lowered.partition("where")[2],
        keys=_keys(lowered),
    )


def _keys(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"=\s*(\d+|'[^']*')", text.partition("where")[2]))
