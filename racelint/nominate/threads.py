"""What needs ask of state that threads share, for the rarer shapes."""

from __future__ import annotations

from racelint.candidate import Candidate
from racelint.evidence.hooks import kept_for_later
from racelint.finding import World


def process_wide_iteration(c: Candidate) -> bool:
    """Whether a collection of the interpreter, which any thread may resize, is looked at in a function with a loop."""
    scope = c.module.scope
    return bool(c.facts.loop_names) and any(
        known == name or known.startswith(name + ".")
        for name in {scope.canonical(path) for path in c.facts.reads if "." in path}
        for known in scope.models.process_wide
    )


def emptied_by_threads(c: Candidate) -> bool:
    """Whether something is looked at and emptied, or set to nothing, that a thread adds to."""
    if c.facts.is_async:
        return False
    return any(
        key in c.reads
        and any(write.how == "clear" or write.shape in ("empty", "constant") for write in writes)
        and c.meets(key, c.module.changing, World.THREADS) >= c.module.least
        for key, writes in c.changes.items()
    )


def kept_by_hook(c: Candidate) -> bool:
    """Whether a hook reads what an earlier hook of the same object sets for each job."""
    return any(
        evidence.strength.rank >= c.module.least for *_, evidence in kept_for_later(c.module.concurrency, c.facts)
    )
