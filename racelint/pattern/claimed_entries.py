"""Entries of a store that are made because there were none: a mark, a claim, the answer to a request."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op, Sense, Shape, Switch
from racelint.finding import World
from racelint.paths import shared_word
from racelint.pattern.claimed_rows import done_by_job, refuses_second
from racelint.pattern.pair import Pair
from racelint.pattern.refused import entries_refused
from racelint.pattern.rights import LOCK_WORDS, asked, claimed_by_name, given_up
from racelint.pattern.seen import effects_of, is_seen
from racelint.pattern.unit import Unit, exactly
from racelint.words import first_word


def entries_marked(unit: Unit) -> Iterator[tuple[Pair, Access | Mark | Switch | None]]:
    """Entries of a store that are set to a constant because there were none, each with what else is done because of it.

    What is computed when a cache has none is computed twice without harm; a mark that says "taken" or "sent" keeps nobody out.
    """
    for write in unit.accesses(Op.WRITE, kinds=(Kind.STORE,)):
        if write.resource.owner != "store" or write.value.shape not in (Shape.CONSTANT, Shape.TRUE):
            continue
        for look in _missed(unit, write):
            if unit.only_after_error(look, write):
                continue  # says that it failed, and keeps nobody out who comes meanwhile
            because = (look.id, Sense.ABSENT)
            effect: Access | Mark | Switch | None = next(
                (e for e in effects_of(unit, write) if because in e.control), None
            )
            effect = effect or _paid(unit, look, write, Sense.ABSENT) or _awaited(unit, look, write, Sense.ABSENT)
            if effect is None and (
                shared_word(look.resource.key, unit.facts.qualname, only=LOCK_WORDS)
                or given_up(unit, write)
                or refuses_second(unit, look, write)
            ):
                effect = write
            effect = effect or done_by_job(unit, because)
            if effect is not None:
                yield Pair(unit, look, write), effect
            break
    yield from _answers_kept(unit)
    yield from _members_marked(unit)
    yield from _items_put(unit)
    yield from claimed_by_name(unit)
    yield from entries_refused(unit)


def _answers_kept(unit: Unit) -> Iterator[tuple[Pair, Mark | Switch]]:
    """Answers that a store keeps under the key of a request, so that what was done for it is not done again, each with what is done.

    Two requests with one key both find no answer. What only costs time may be done twice: it counts if somebody pays or gets it.
    """
    for write in unit.accesses(Op.WRITE, kinds=(Kind.STORE,)):
        if write.resource.owner != "store" or write.how not in ("set", "aset", "setex", "put"):
            continue
        for look in _missed(unit, write):
            paid = _paid(unit, look, write, Sense.ABSENT)
            if paid is not None:
                yield Pair(unit, look, write), paid
            break


def _missed(unit: Unit, write: Access) -> Iterator[Access]:
    """The looks that did not find the very entry, because of which it is written, with no lock over both; the first ones first."""
    for number, sense in sorted(write.control, key=lambda one: one[0]):
        look = unit.access(number)
        if look is None or sense is not Sense.ABSENT or not exactly(look.resource, write.resource):
            continue
        if look.op in (Op.READ, Op.CHECK) and not unit.guarded(look, write, World.PROCESSES):
            yield look


def _paid(unit: Unit, look: Access, write: Access, sense: Sense) -> Mark | Switch | None:
    """The call that moves money or goods because of the look, before the entry is made."""
    events: tuple[Mark | Switch, ...] = (*unit.marks("call", "slow", "helper"), *unit.switches())
    done = [e for e in events if look.id < e.id < write.id and (look.id, sense) in e.control]
    return next((e for e in done if first_word(e.callee if isinstance(e, Switch) else e.subject) in PAID), None)


def _awaited(unit: Unit, look: Access, write: Access, sense: Sense) -> Switch | None:
    """What is begun or sent by an awaited call because of the look, before the entry is made."""
    return next(
        (
            switch
            for switch in unit.switches()
            if look.id < switch.id < write.id and (look.id, sense) in switch.control and is_seen(unit, switch)
        ),
        None,
    )


PAID = frozenset(
    "charge refund pay capture transfer payout withdraw disburse settle deliver ship redeem award grant credit debit invoice".split()
)
"""First words of calls that move money or goods: twice is one time too many."""


def _items_put(unit: Unit) -> Iterator[tuple[Pair, None]]:
    """Items of DynamoDB that are put because there was none of their key, where another answer refuses the call.

    `put_item` replaces whatever is there by then, and who came first was told that the item is its own.
    """
    for write in unit.accesses(Op.WRITE, kinds=(Kind.STORE,)):
        if write.how != "put_item" or {"ConditionalCheckFailedException", "ClientError"} & write.handled:
            continue
        for number, sense in sorted(write.control, key=lambda one: one[0]):
            look = unit.access(number)
            if look is None or look.how != "get_item" or look.resource.path != write.resource.path:
                continue
            if sense not in (Sense.ABSENT, Sense.OTHERWISE) or unit.guarded(look, write, World.PROCESSES):
                continue
            if not any(call.id < write.id and _computes(call, (number, sense)) for call in unit.marks("call")):
                yield Pair(unit, look, write), None
            break


def _computes(call: Mark, seen: tuple[int, Sense]) -> bool:
    """Whether a call because nothing was found may make the value that is kept to save time, which does no harm twice."""
    first = call.subject.partition(".")[0].lower()
    return seen in call.control and first not in _STAMPS


_STAMPS = frozenset({"", "time", "datetime", "uuid", "log", "logger", "logging", "str", "int", "dict"})


def _members_marked(unit: Unit) -> Iterator[tuple[Pair, Access | Mark]]:
    """Members of a collection that are added because they were not in it, each with what else is done because of that."""
    for add in unit.accesses(Op.UPDATE, Op.WRITE, kinds=(Kind.STORE,)):
        if add.how not in ("sadd", "hset") or add.resource.owner != "store" or asked(unit, add):
            continue
        for number, sense in sorted(add.control, key=lambda one: one[0]):
            look = unit.access(number)
            if look is None or sense is not Sense.ABSENT or look.how not in ("sismember", "hexists"):
                continue
            if not exactly(look.resource, add.resource) or unit.guarded(look, add, World.PROCESSES):
                continue
            effect = next((e for e in effects_of(unit, add) if (number, sense) in e.control), None)
            effect = effect or done_by_job(unit, (number, sense))
            if effect is not None:
                yield Pair(unit, look, add), effect
                break
