"""Rows that belong to whoever is signed in, in which a request sets nothing but constants."""

from __future__ import annotations

from racelint.expressions import expression
from racelint.pattern.pair import Pair
from racelint.pattern.unit import Unit
from racelint.words import SIGNED_IN


def switched_by_owner(unit: Unit, pair: Pair) -> bool:
    """Whether a handler loads a row by who is signed in, and only turns something in it on or off.

    What meets there are two requests of one person, and whichever is saved last leaves what was asked for.
    """
    concurrency = unit.module.concurrency
    roots = (concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ()))
    if not any(root.handler and root.unit == unit.facts.qualname for root in roots):
        return False
    name = pair.second.value.text
    changes = [write for write in unit.facts.writes if write.path.partition(".")[0] == name and "." in write.path]
    plain = bool(changes) and all(write.how == "=" and write.shape in _PLAIN for write in changes)
    return plain and _by_owner(unit, unit.module.text(pair.first.place))


_PLAIN = frozenset({"true", "false", "none", "constant"})


def _by_owner(unit: Unit, look: str) -> bool:
    """Whether the text of a look-up asks something of who is signed in; a bare `user_id` may be anybody's."""
    params = {name for name, _ in unit.facts.params}
    for path in _PATHS.findall(look):
        first, *rest = path.split(".")
        if SIGNED_IN.match(first) and rest and first in params:
            return True
        if first in params and any(map(SIGNED_IN.match, rest)):
            return True
    return False


_PATHS = expression(r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)+")
