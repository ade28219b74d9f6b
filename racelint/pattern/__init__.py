"""What rules are written with: a module's units, and the questions that tell a race from a safe shape.

Rules see neither syntax nor libraries. A `Unit` (`pattern.unit`) knows its events, their order and what guards them; the other
questions are functions of a unit, a file for each topic: what a write stems from, which rows it saves, which transaction is open,
what it makes, who else changes the resource and how sure it is that they run at once. A rule imports them from the file of their
topic, so that a run loads what the rules that it needs ask for, and nothing else. Here stand only the words that all of them use.
"""

from racelint.events import Access, Acquire, Event, Ids, Kind, Mark, Op, Place, Resource, Sense, Shape, Switch
from racelint.evidence import Evidence
from racelint.finding import Confidence
from racelint.paths import CONFIGURED, ENSURED
from racelint.resolve import CONSTRUCTORS
from racelint.touch import calls_entry, ends_entry, made_future
from racelint.words import first_word

__all__ = (
    "CONFIGURED",
    "CONSTRUCTORS",
    "ENSURED",
    "Access",
    "Acquire",
    "Confidence",
    "Event",
    "Evidence",
    "Ids",
    "Kind",
    "Mark",
    "Op",
    "Place",
    "Resource",
    "Sense",
    "Shape",
    "Switch",
    "calls_entry",
    "ends_entry",
    "first_word",
    "made_future",
)
