"""One `ast` pass over a module: what exists and who touches it, as plain data that can be cached and merged."""

from racelint.facts.collector import collect_facts
from racelint.facts.data import (
    FORGIVES,
    NO_GUARD,
    SECOND_ROW_HANDLED,
    CallSite,
    ClassFacts,
    FunctionFacts,
    ModuleFacts,
    Write,
    is_property,
)
from racelint.facts.declared import ATOMIC_REQUESTS, LEFT_OUT
from racelint.facts.source_text import BEGUN, BEGUN_ALONE, CALLED, gives_back

__all__ = [
    "ATOMIC_REQUESTS",
    "BEGUN",
    "BEGUN_ALONE",
    "CALLED",
    "FORGIVES",
    "LEFT_OUT",
    "NO_GUARD",
    "SECOND_ROW_HANDLED",
    "CallSite",
    "ClassFacts",
    "FunctionFacts",
    "ModuleFacts",
    "Write",
    "collect_facts",
    "gives_back",
    "is_property",
]
