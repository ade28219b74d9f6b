"""Entries of a store that stand for a right: a lock, or something that may be done once."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op, Sense
from racelint.expressions import expression
from racelint.finding import World
from racelint.paths import shared_word
from racelint.pattern.branches import told
from racelint.pattern.pair import Pair
from racelint.pattern.unit import Unit, exactly
from racelint.words import ONCE, WORD


def rights_spent(unit: Unit) -> Iterator[tuple[Pair, None]]:
    """Entries that may be used once and are found, each with their removal, of which nobody asks whether it removed anything.

    Who finds none is refused; two that come at once both find it: a code, a ticket or a token is good twice.
    """
    for gone in unit.accesses(Op.DELETE, kinds=(Kind.STORE,)):
        if gone.resource.owner != "store" or gone.how not in ("delete", "unlink", "adelete"):
            continue
        if gone.value.part("unasked") is None:
            continue
        for number, sense in gone.control:
            look = unit.access(number)
            if look is None or look.how not in ("get", "aget", "exists") or not exactly(look.resource, gone.resource):
                continue
            if sense is Sense.ABSENT or unit.guarded(look, gone, World.PROCESSES) or not _once(unit, look):
                continue
            if told(unit, look, gone) or _goes_on(unit, gone, (number, sense)):
                yield Pair(unit, look, gone), None
                break


def _goes_on(unit: Unit, gone: Access, seen: tuple[int, Sense]) -> bool:
    """Whether something is called for those who found the entry alone, once it is gone: `return login(user)`."""
    return any(
        mark.id > gone.id and seen in mark.control and not _LOGS.search(mark.subject) for mark in unit.marks("call")
    )


_LOGS = expression(r"(?i)(^|\.)(log|logger|logging|messages|flash)(\.|$)|(^|\.)(debug|info|warning|print)$")


def _once(unit: Unit, look: Access) -> bool:
    """Whether the key or the function says that the right is given once."""
    texts = (look.resource.key, unit.facts.qualname.rpartition(".")[2])
    return any(word.lower() in ONCE for text in texts for word in WORD.findall(text))


def taken_unasked(unit: Unit) -> Iterator[tuple[Access, Mark]]:
    """Locks that a store gives to the first alone, each with the work that is done whoever got it.

    `redis.set(key, 1, nx=True)` says whether the lock was free; nobody asks.
    """
    for take in unit.accesses(Op.UPDATE, kinds=(Kind.STORE,)):
        first_only = take.how in ("setnx", "add", "aadd") or (take.how == "set" and "nx" in take.assigned)
        if not first_only or take.resource.owner != "store" or take.value.part("unasked") is None:
            continue
        if not (_is_lock(unit, take) or given_up(unit, take)) or asked(unit, take):
            continue
        works = unit.marks("call", "slow", "enqueue", "spawn")
        work = next((m for m in works if m.id > take.id and m.control == take.control and is_work(m.subject)), None)
        if work is not None:
            yield take, work
            return


def _is_lock(unit: Unit, take: Access) -> bool:
    """Whether the key says that it is a lock, or the value who holds it."""
    if shared_word(take.resource.key, only=LOCK_WORDS):
        return True
    return _HOLDER.search(unit.module.text(take.place)) is not None


_HOLDER = expression(r"getpid\(|gethostname\(|uuid4\(|worker_id|owner_token")
"""Values that say who has taken something."""

LOCK_WORDS = frozenset({"lock", "locks", "locked", "acquire", "mutex", "running", "once"})
"""Words of keys and functions that say that an entry is meant to keep others out."""


def given_up(unit: Unit, take: Access) -> bool:
    """Whether the unit removes the entry again when it is done: it is there to keep others out meanwhile."""
    return any(
        exactly(removal.resource, take.resource) and unit.before(take.id, removal.id)
        for removal in unit.accesses(Op.DELETE, kinds=(Kind.STORE,))
    )


def claimed_by_name(unit: Unit) -> Iterator[tuple[Pair, Access]]:
    """Entries in which a unit notes that something is its own because it found no note there.

    What is noted was known before, as a cache's content is not; and the key, or what is noted, says that it is about who has something,
    or the note is there only while the unit works.
    """
    known = {name for name, _ in unit.facts.params}
    for write in unit.accesses(Op.WRITE, kinds=(Kind.STORE,)):
        if write.resource.owner != "store" or write.how not in ("set", "aset", "setex", "put"):
            continue
        parts = {name.partition(".")[0] for name in write.related - {write.resource.key}}
        holder = _HOLDER.search(unit.module.text(write.place)) is not None
        kept = any(word in _KEEPING for word in _WORD.findall(_PUT_IN.sub("", write.resource.key).lower()))
        noted = not write.value.stems and (holder or (kept and bool(parts) and parts <= known))
        if not noted and not _while_working(unit, write):
            continue
        for number, sense in sorted(write.control, key=lambda one: one[0]):
            look = unit.access(number)
            if look is None or sense is not Sense.ABSENT or not exactly(look.resource, write.resource):
                continue
            if look.op in (Op.READ, Op.CHECK) and not unit.guarded(look, write, World.PROCESSES):
                yield Pair(unit, look, write), write
                break


def _while_working(unit: Unit, write: Access) -> bool:
    """Whether the unit does something between the note and its removal, and does not look at what it noted.

    What comes from a store is kept to be found by others.
    """
    if any((read := unit.access(number)) is not None and read.resource.kind.external for number in write.value.stems):
        return False
    for removal in unit.accesses(Op.DELETE, kinds=(Kind.STORE,)):
        if not exactly(removal.resource, write.resource) or not unit.before(write.id, removal.id):
            continue
        between = range(write.id + 1, removal.id)
        lines = range(unit.module.line(write) + 1, unit.module.line(removal))
        works = any(
            mark.id in between and is_work(mark.subject) for mark in unit.marks("call", "slow", "enqueue", "spawn")
        )
        works = works or any(call.line in lines and is_work(call.callee) for call in unit.facts.calls)
        looks = (a for a in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.STORE,)) if a.id in between)
        return works and not any(exactly(look.resource, write.resource) for look in looks)
    return False


_KEEPING = frozenset(
    "owner holder lock locked claim claimed claims leader lease worker taken assigned assignee".split()
)
"""Words of keys under which it stands who has something."""
_WORD = expression(r"[a-z]+")
_PUT_IN = expression(r"\{[^{}]*\}")


def is_work(called: str) -> bool:
    """Whether a call may be work: not one that converts a value, logs, or tells the time."""
    last = called.rpartition(".")[2]
    return bool(last) and last not in _TRIFLES and not last[:1].isupper()


_TRIFLES = frozenset(
    "str int float dumps loads debug info warning error time now utcnow getpid uuid4 expire get sleep".split()
)


def asked(unit: Unit, act: Access) -> bool:
    """Whether what the step answers decides anything."""
    return any(
        act.id in (event.controlled_by if isinstance(event, Access) else dict(event.control))
        for event in unit.events
        if isinstance(event, (Access, Mark))
    )
