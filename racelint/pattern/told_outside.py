"""Calls that another service sees when they are made twice."""

from __future__ import annotations

from racelint.events import Mark, Switch
from racelint.expressions import expression
from racelint.words import first_word


def is_told_outside(event: Mark | Switch) -> bool:
    """Whether a request that changes something is sent (`requests.post`), or a stub of another service is called.

    What only asks, and what does no harm when it is done twice, as a deletion, does not count.
    """
    if isinstance(event, Switch) or event.what not in ("call", "slow") or " " in event.subject:
        return False
    if _SENDS_REQUEST.search(event.subject):
        return True
    return _STUB.search(event.subject) is not None and first_word(event.subject) not in _HARMLESS


_SENDS_REQUEST = expression(r"(^|[._])(requests|httpx|http|session|client|api)\.(post|put|patch)$")
"""Calls of clients of HTTP by which something is changed."""

_STUB = expression(r"(?i)(^|[._])(rpc|rpc_?api|rpc_?client|(remote|api)_client|gateway)\.[A-Za-z]\w*$")
"""Calls of what is named after a service that is somewhere else."""

_HARMLESS = frozenset(
    "get list read fetch find load is has count check ping close set delete remove reset clear update sync refresh describe "
    "show search query log format parse build validate wait status lookup".split()
)
"""First words of names of calls that ask for something, or do no harm when they are made twice."""
