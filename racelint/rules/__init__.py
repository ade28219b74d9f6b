"""All rules, in the order of docs/rules.md."""

from __future__ import annotations

from racelint.rule import Rule
from racelint.rules import stale_write, unreadable_file, unused_suppression

RULES: tuple[Rule, ...] = (
    stale_write.RULE,
    unreadable_file.RULE,
    unused_suppression.RULE,
)
