"""State that is given a value only where it has none: `self.name = self.name or default()`."""

from __future__ import annotations

from racelint.events import Shape
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.pattern.made import makes_known_resource
from racelint.pattern.module import here
from racelint.pattern.pair import Pair
from racelint.pattern.unit import Unit


def filled_alike(pair: Pair) -> bool:
    """Whether the write keeps what was read if anything was there, and else puts there what every thread would put.

    Not a new collection or object: who changes the one that is replaced has changed something that nobody sees again.
    """
    unit, write = pair.unit, pair.second
    kept, filling = write.value.part("kept"), write.value.part("filling")
    if kept is None or filling is None or kept.via != pair.first.id:
        return False
    if filling.shape in (Shape.EMPTY, Shape.NEW, Shape.SPAWNED) or makes_known_resource(unit, write):
        return False
    function = unit.module.scope.functions.get(write.place.unit, unit.facts)
    span = unit.module.span(here(write))
    calls = (call for call in function.calls if span.line <= call.line <= span.end_line)
    return all(_always_the_same(unit, call, function) for call in calls)


def _always_the_same(unit: Unit, call: CallSite, caller: FunctionFacts, depth: int = 3) -> bool:
    """Whether a call changes nothing and gives each thread the same."""
    if call.callee in _SAME or ("." in call.callee and call.callee.rpartition(".")[2] in _SAME_OF_TEXT):
        return True
    targets = unit.module.concurrency.target(call.callee, caller) if depth else []
    return bool(targets) and all(
        not target.is_async
        and not target.yields
        and not any("." in write.path or write.path in target.outer_names for write in target.writes)
        and all(_always_the_same(unit, inner, target, depth - 1) for inner in target.calls)
        for target in targets
    )


_SAME = frozenset(
    "str int float bool len tuple frozenset bytes repr abs round min max sum hash ord chr type id os.getpid os.getcwd os.getenv "
    "os.cpu_count os.environ.get os.path.join os.path.abspath os.path.dirname os.path.expanduser socket.gethostname "
    "platform.node platform.system".split()
)
"""Calls that give the same for the same arguments, wherever they run in one process, and nothing that changes."""

_SAME_OF_TEXT = frozenset("strip lower upper title split rsplit partition rpartition format join encode decode".split())
"""Methods of texts."""


def kept_short(pair: Pair) -> bool:
    """Whether all that is done is to throw the oldest entries of a list away: `recent = recent[-100:]`.

    What another thread adds in the one step in between is lost, but so are all that are older, before long.
    """
    unit, write = pair.unit, pair.second
    return write.how == "=" and _NEWEST.fullmatch(unit.module.text(write.place)) is not None


_NEWEST = expression(r"([\w.]+) = \1\[-[\w.]+:\]")
