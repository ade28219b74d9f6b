"""Who an object refers back to: its maker handed itself over when it made it, as to a callback or a view of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from racelint.facts import CallSite, FunctionFacts


class Making(NamedTuple):
    """A call that makes an object, the class whose method makes it, and what the maker calls itself; "" outside of classes."""

    call: CallSite
    maker: str
    self_name: str


def maker_handed(makings: Iterable[Making], constructor: FunctionFacts, parameter: str) -> str:
    """The class whose `self` every place of the module that makes the object gives for the parameter; "" if they do not agree."""
    makers = {
        making.maker if making.maker and _argument(making.call, constructor, parameter) == making.self_name else ""
        for making in makings
    }
    return makers.pop() if len(makers) == 1 else ""


def _argument(call: CallSite, constructor: FunctionFacts, parameter: str) -> str:
    """What the call gives for a parameter of the constructor, as written; "" for nothing that is named."""
    names = [name for name, _ in constructor.params][1:]
    by_name = dict(a.split("=", 1) for a in call.arguments if "=" in a)
    if parameter in by_name or parameter not in names:
        return by_name.get(parameter, "")
    positional = [a for a in call.arguments if "=" not in a]
    place = names.index(parameter)
    before = positional[: place + 1]
    return before[place] if len(before) > place and not any(a.startswith("*") for a in before) else ""
