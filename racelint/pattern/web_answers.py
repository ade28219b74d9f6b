"""Errors that a web handler raises to answer with, which the failure of a step would not be."""

from __future__ import annotations

from racelint.events import Mark
from racelint.expressions import expression
from racelint.pattern.unit import Unit


def answers_request(unit: Unit, raised: Mark) -> bool:
    """Whether what is raised is an answer to a request (`raise HTTPNotFound()`), where a failing step is an error of the server."""
    if unit.module.concurrency.handled_in_processes(unit.facts.qualname) is None:
        return False
    made = next(
        (
            m
            for m in unit.marks("call", "slow")
            if m.statement == raised.statement and m.place.unit == raised.place.unit
        ),
        None,
    )
    return made is not None and _ANSWER.search(made.subject.rpartition(".")[2]) is not None


_ANSWER = expression(r"^(HTTP[A-Z]\w*|Http404|Http[A-Z]\w*Error|(Resource|File)?NotFound)$")
"""Names of errors that frameworks turn into answers."""
