"""Numbers that a thread of the module counts in beside a coroutine, which runs in the thread of its loop."""

from __future__ import annotations

from collections.abc import Iterable

from racelint.evidence.data import Evidence
from racelint.evidence.overlap import Concurrency
from racelint.facts import FunctionFacts, Write
from racelint.finding import Confidence
from racelint.words import first_word


def counted_on_loop(
    concurrency: Concurrency, function: FunctionFacts, changes: Iterable[tuple[FunctionFacts, Write]]
) -> Evidence | None:
    """That a coroutine, too, counts in what the function does, which only threads run that nobody waits for; None if none does.

    Who has started the thread, begins or ends the object may do so before or after it.
    """
    if function.is_async or not function.owner:
        return None
    roots = [concurrency.roots[number] for number in concurrency.reached.get(function.qualname, ())]
    told = [root for root in roots if not root.public]
    if not told or any(
        root.world != "threads" or root.waited or root.called or root.strength is not Confidence.HIGH for root in told
    ):
        return None
    names = {root.unit.rpartition(".")[2] for root in told}
    for other, write in changes:
        if not other.is_async or write.how not in ("+=", "[]+=") or write.within:
            continue
        starts = any(argument.rpartition(".")[2] in names for call in other.calls for argument in call.arguments)
        if not starts and first_word(other.name) not in concurrency.scope.models.lifecycle:
            text = f"{told[0].text}; `{other.qualname}` changes it too, in the thread of its loop"
            return Evidence(text, Confidence.MEDIUM, "threads")
    return None
