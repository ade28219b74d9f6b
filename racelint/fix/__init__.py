"""Repairs: the edits of findings become new texts, which are looked at again before a file is replaced.

apply: edits → text, what overlaps is left for later · verify: why a text must not be written · rounds: apply, lint again,
verify, until nothing is left · write: a file is replaced in one step, or left as it is · diff: what would change.
"""

from racelint.fix.apply import apply_fixes
from racelint.fix.diff import unified_diff
from racelint.fix.rounds import Chosen, Lint, Original, Read, Repair, Repairs, Unfixed, decoded, repair
from racelint.fix.verify import key_of
from racelint.fix.write import Changed, replace_file

__all__ = [
    "Changed",
    "Chosen",
    "Lint",
    "Original",
    "Read",
    "Repair",
    "Repairs",
    "Unfixed",
    "apply_fixes",
    "decoded",
    "key_of",
    "repair",
    "replace_file",
    "unified_diff",
]
