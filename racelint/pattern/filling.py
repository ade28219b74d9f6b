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


def repeated_alike(pair: Pair) -> bool:
    """Whether who does the step once more changes nothing, and everybody who changes the text does just that:
    `address = address.replace("http://", "https://")`."""
    unit, write = pair.unit, pair.second
    step = unit.module.text(write.place)
    if write.how != "=" or not _changes_once(step):
        return False
    lines = unit.module.program.lines
    return all(
        "::" not in function.qualname and lines[change.line - 1].strip() == step
        for function, change in unit.module.concurrency.writers(write.resource)
    )


def _changes_once(step: str) -> bool:
    """Whether a statement makes of a text what it makes of the result, too."""
    found = _OF_ITSELF.fullmatch(step)
    if found is None or found["how"] != "replace":
        return found is not None
    given = _REPLACED.fullmatch(found["given"])
    return given is not None and given["old"] not in given["new"]


_OF_ITSELF = expression(r"([\w.]+) = \1\.(?P<how>replace|strip|lstrip|rstrip|lower|upper|casefold)\((?P<given>.*)\)")
_REPLACED = expression(r"""(["'])(?P<old>[^"']+)\1, (["'])(?P<new>[^"']*)\3""")
