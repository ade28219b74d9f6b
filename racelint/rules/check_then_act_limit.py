"""A limit or a balance is tested, and what the test allows is done in a separate step.

Several requests pass the test together: the limit is exceeded, the balance goes below zero, a parent is deleted under its child, the
last two of a kind that must not die out are both deleted.
A statement that only computes in the database (`F("balance") - amount`) does not help, because it does not test. A limit of a rate
is exceeded, too, where tasks compute from shared state how long to sleep and do not look again when they wake; and one place at
work is taken twice where threads test a busy flag and raise it in two steps. So is a name, a seat or a coupon that threads find free,
or still there, and take in another step, what is done again because nobody has noted yet that it was just done, and what two threads end
in two ways because both found it pending. The same goes for an entry of a cache, a set or a table of keys that says that something was
done or taken: looked for in one step and made in another, it lets two requests with one key through.

## Example
    from django.db import models

    class Team(models.Model):
        seats = models.IntegerField(default=5)

    class Seat(models.Model):
        team = models.ForeignKey(Team, on_delete=models.CASCADE)

    def take_seat(request, team):
        if Seat.objects.filter(team=team).count() < 5:
            Seat.objects.create(team=team)

## Use instead
    from django.db import models, transaction

    class Team(models.Model):
        seats = models.IntegerField(default=5)

    class Seat(models.Model):
        team = models.ForeignKey(Team, on_delete=models.CASCADE)

    def take_seat(request, team_id):
        with transaction.atomic():
            team = Team.objects.select_for_update().get(pk=team_id)
            if Seat.objects.filter(team=team).count() < 5:
                Seat.objects.create(team=team)

## Missed alarms
Limits that tasks keep in memory are reported as a stale check; those of threads only where the module itself starts several.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Event, Mark, Switch
from racelint.pattern.claimed_entries import entries_marked
from racelint.pattern.claiming import claimed_in_two_steps, filled_over_limit, places_taken
from racelint.pattern.constraints import parent_then_child
from racelint.pattern.deciding import locks_of_threads
from racelint.pattern.limits import (
    children_then_parent,
    counted_then_added,
    counted_then_changed,
    counted_then_removed,
    entries_drawn,
    entries_enlarged,
    others_left,
    summed_then_drawn,
    tested_then_drawn,
)
from racelint.pattern.lock_asked import asked_then_taken
from racelint.pattern.lone import believed
from racelint.pattern.module import Module
from racelint.pattern.own_lock import counted_under_own_lock
from racelint.pattern.pacing import slept_then_done
from racelint.pattern.put_after_end import put_after_end
from racelint.pattern.raised import raised_then_tested
from racelint.pattern.rows import row_evidence
from racelint.pattern.spent import handed_over_twice, spent_twice
from racelint.pattern.taken import ended_by_two, noted_too_late, taken_by_two
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Rows are counted and one is added, a column is tested and drawn from, a parent is found childless and deleted."""
    for unit in module.units:
        for count, new in counted_then_added(unit):
            name = new.resource.name
            yield report(
                unit,
                count,
                new,
                f"the rows of `{name}` are counted on line {module.line(count)} and one is added here; others that counted "
                "meanwhile add theirs, too",
                "lock the parent row before counting, or let one conditional statement count and add",
            )
        for total, act in summed_then_drawn(unit):
            yield report(
                unit,
                total,
                act,
                f"what rows of `{total.resource.name}` hold together is compared on line {module.line(total)} and one of them changed "
                "here; others that added up meanwhile change theirs, too",
                "lock the rows that are added up, or a row that stands for all of them, before adding",
            )
        for count, gone in counted_then_removed(unit):
            yield report(
                unit,
                count,
                gone,
                f"rows of `{count.resource.name}` are counted on line {module.line(count)} and one is deleted here because enough are "
                "left; others that counted meanwhile delete theirs, too",
                "lock the rows that are counted, or a row that stands for all of them, before counting",
            )
        for count, act in (*counted_then_changed(unit), *others_left(unit), *counted_under_own_lock(unit)):
            yield report(
                unit,
                count,
                act,
                f"rows of `{count.resource.name}` are counted on line {module.line(count)} and one is changed here so that it counts "
                "otherwise; others that counted meanwhile change theirs, too",
                "lock the rows that are counted, or a row that stands for all of them, before counting",
            )
        for check, act in entries_enlarged(unit):
            yield report(
                unit,
                check,
                act,
                f"`{check.resource.name}` is compared with a limit on line {module.line(check)} and made larger here in a "
                "separate step; others that compared meanwhile make it larger, too",
                "add first and compare what the step answers, or do both in a script on the server",
            )
        for check, act in entries_drawn(unit):
            yield report(
                unit,
                check,
                act,
                f"`{check.resource.name}` is compared on line {module.line(check)} and made smaller here in a separate step; others "
                "that compared meanwhile take from it, too",
                "take first and compare what the step answers, or do both in a script on the server",
            )
        for check, act in tested_then_drawn(unit):
            yield report(
                unit,
                check,
                act,
                f"`{check.resource.name}` is tested on line {module.line(check)} and drawn on here in a separate step; others "
                "that tested meanwhile draw on it, too",
                "test and draw in one conditional statement, or lock the row before it is read",
            )
        for check, new in parent_then_child(unit):
            yield report(
                unit,
                check,
                new,
                f"that a row of `{check.resource.name}` is there is tested on line {module.line(check)}, and a row of "
                f"`{new.resource.name}` that refers to it added here; no foreign key keeps the first from being deleted in between",
                "let the database enforce the foreign key, or lock the row that is referred to",
            )
        for check, gone in children_then_parent(unit):
            yield report(
                unit,
                check,
                gone,
                f"that `{check.resource.name}` has no rows is tested on line {module.line(check)} and `{gone.resource.name}` "
                "deleted here because of it; a row that is added in between loses what it refers to",
                "lock the row before its dependants are counted, or let a foreign key refuse the deletion and handle its error",
            )
        yield from counted_apart(unit)
        yield from found_missing(unit)
        yield from woken_together(unit)
        yield from between_threads(unit)
        yield from locks_asked(unit)


def counted_apart(unit: Unit) -> Iterable[Finding]:
    """Numbers that one step raises and the next one reads and compares."""
    for change, read, act in raised_then_tested(unit):
        name = change.resource.name
        yield unit.module.finding(
            RULE,
            unit,
            act,
            ((Role.WRITE, change), (Role.CHECK, read), (Role.ACT, act)),
            f"`{name}` is counted in one step on line {unit.module.line(change)} and read on line {unit.module.line(read)} in "
            "another; others count in between, so that what is done here is done twice, or by nobody",
            row_evidence(unit, change),
            World.PROCESSES,
            name,
            Fix("compare what the counting step itself answers (`INCR`, `RETURNING`), or do both under one row lock"),
            "decision on old state",
        )


def found_missing(unit: Unit) -> Iterable[Finding]:
    """Entries of a store that are made because there were none, at what is done twice: before the entry is made, or with it."""
    told: set[int] = set()
    line = unit.module.line
    for pair, effect in entries_marked(unit):
        look, note = pair.first, pair.second
        if note.id in told:
            continue
        told.add(note.id)
        name = note.resource.name
        early = done_before(unit, look, effect, note)
        act = early or note
        harm = (
            "does it, too"
            if early is not None
            else "makes it, too, and is not refused"
            if effect is None
            else "makes it, too, and goes on as if it were its own"
            if effect is note
            else f"makes it, too, and does what line {line(effect)} does again"
        )
        steps: list[tuple[Role, Event]] = [(Role.CHECK, look), (Role.WRITE, note)]
        if effect is not None and effect is not note and effect.id < note.id:
            steps.insert(1, (Role.ACT, effect))
        yield unit.module.finding(
            RULE,
            unit,
            act,
            steps,
            f"`{name}` is not there on line {line(look)}, and what is done here because of that is noted only on line {line(note)}; "
            f"another process that looks in between {harm}"
            if early is not None
            else f"`{name}` is not there on line {line(look)} and made here in a separate step; another process that looks in between "
            + harm,
            row_evidence(unit, note, look),
            World.PROCESSES,
            name,
            Fix(
                "begin with the one step that makes the entry and says whether it is new (`cache.add`, `SET … NX`, what `SADD` or "
                "`HSETNX` answers, a conditional put), and go on only if it is"
            ),
            "done twice",
        )


def done_before(unit: Unit, look: Access, effect: Event | None, note: Access) -> Event | None:
    """What the unit itself does because of the look, before the note of it is made."""
    if not isinstance(effect, (Access, Mark, Switch)) or not look.id < effect.id < note.id:
        return None
    place = effect.site if isinstance(effect, Switch) else effect.place
    return effect if place.unit == note.place.unit == unit.facts.qualname else None


def between_threads(unit: Unit) -> Iterable[Finding]:
    """Places in a collection, and the one place at work that a flag stands for, which several threads take at once."""
    line = unit.module.line
    for pair, evidence in claimed_in_two_steps(unit):
        name = pair.second.resource.shown
        yield unit.module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
            f"`{name}` is tested on line {line(pair.first)} and set to `{pair.second.value.text or 'busy'}` here with no lock over "
            "both; two threads can both find it free, and both do what it is to keep to one",
            evidence,
            World.THREADS,
            name,
            Fix("hold one lock over test and set, or let `acquire(blocking=False)` of a lock do both"),
            "done twice",
        )
    for pair, evidence in taken_by_two(unit):
        name = pair.second.resource.shown
        yield unit.module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
            f"`{name}` is found free on line {line(pair.first)} and taken here with no lock over both; two threads can both find it "
            "free, and the second takes it from the first",
            evidence,
            World.THREADS,
            name,
            Fix(
                "hold one lock over the look and the change, or take it in one step (`setdefault`) and look at the answer"
            ),
            "done twice",
        )
    for check, put, queue, closer, evidence in put_after_end(unit):
        yield unit.module.finding(
            RULE,
            unit,
            put,
            ((Role.CHECK, check), (Role.ACT, put)),
            f"`{check.resource.shown}` is tested on line {line(check)} and something put into `{queue}` here with no lock over both; "
            f"`{closer}` can put its end mark there in between, behind which nobody reads",
            evidence,
            World.THREADS,
            queue,
            Fix(f"hold one lock over the test and the put, and in `{closer}` over the flag and the end mark"),
            "decision on old state",
        )
    for pair, other, evidence in ended_by_two(unit):
        name = pair.second.resource.shown
        seen = next(iter(pair.first.related), "")
        yield unit.module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
            f"`{name}` is found to be `{seen}` on line {line(pair.first)} and set to `{pair.second.value.text}` here with no lock over "
            f"both; `{other}` in another thread can find it so, too, and each takes its own end for the only one",
            evidence,
            World.THREADS,
            name,
            Fix("hold one lock over the look and the change, in all functions that change it"),
            "decision on old state",
        )
    for pair, act, evidence in noted_too_late(unit):
        if locks_of_threads(unit, pair.second) and not locks_of_threads(unit, pair.first):
            continue  # tested outside of the lock: RL607
        name = pair.second.resource.shown
        yield unit.module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.CHECK, pair.first), (Role.ACT, act), (Role.WRITE, pair.second)),
            f"`{name}` is compared on line {line(pair.first)} and noted anew here, after `{act.subject}` on line {line(act)}, with no "
            "lock over all; threads that compared meanwhile do it, too",
            evidence,
            World.THREADS,
            name,
            Fix("hold one lock over the comparison and the note, and do the rest after it"),
            "done twice",
        )
    for check, act, removal, evidence in spent_twice(unit):
        name = removal.resource.shown
        yield unit.module.finding(
            RULE,
            unit,
            removal,
            ((Role.CHECK, check), (Role.ACT, act), (Role.WRITE, removal)),
            f"`{name}` is tested on line {line(check)}, used by `{act.subject}` on line {line(act)} and only then removed here, with "
            "no lock over all; two threads can both find it there, and both use it",
            evidence,
            World.THREADS,
            name,
            Fix(
                "remove it first, in one step that says whether it was there (`pop(key, None)`), and use what that gives"
            ),
            "done twice",
        )
    for check, act, forget, evidence in handed_over_twice(unit):
        name = forget.resource.shown
        yield unit.module.finding(
            RULE,
            unit,
            act,
            ((Role.CHECK, check), (Role.ACT, act), (Role.WRITE, forget)),
            f"`{name}` is tested on line {line(check)}, handed to `{act.subject}` here and only then set to `{forget.value.text}` on "
            f"line {line(forget)}, with no lock over all; two threads can both find it there, and both hand it over",
            evidence,
            World.THREADS,
            name,
            Fix(
                f"take it out first (`old, {name} = {name}, {forget.value.text}`) under a lock, and use what that gives"
            ),
            "done twice",
        )
    for pair, evidence in places_taken(unit):
        name = pair.second.resource.name
        yield unit.module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
            f"a free place in `{name}` is looked for on line {line(pair.first)} and taken here with no lock over both; two threads "
            "can both find it free, and the second takes it from the first",
            evidence,
            World.THREADS,
            name,
            Fix("hold one lock over the search and the entry, or keep the free places in a `queue.Queue`"),
            "done twice",
        )
    for pair, evidence in filled_over_limit(unit):
        name = pair.second.resource.name
        yield unit.module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
            f"the size of `{name}` is compared on line {line(pair.first)} and an entry added here with no lock over both; threads "
            "that compared meanwhile add theirs, too",
            evidence,
            World.THREADS,
            name,
            Fix("hold one lock over the comparison and the addition, or use a `queue.Queue` with a limit"),
        )


def locks_asked(unit: Unit) -> Iterable[Finding]:
    """A lock that is asked whether it is free, and taken in another step."""
    for asked in asked_then_taken(unit):
        lock, line = asked.lock.lock.name, unit.module.line
        steps: list[tuple[Role, Event]] = [(Role.CHECK, asked.check), (Role.ACT, asked.act)]
        if asked.switch is not None:
            steps.insert(1, (Role.SWITCH, asked.switch))
        yield unit.module.finding(
            RULE,
            unit,
            asked.act,
            steps,
            f"`{lock}` is asked on line {line(asked.check)} whether it is free, and taken on line {line(asked.lock)} in another "
            "step; who finds it free, too, waits for it then, and does the same again here",
            asked.evidence,
            World.THREADS if asked.switch is None else World.TASKS,
            lock,
            Fix(
                "let `acquire(blocking=False)` do both, and look at its answer"
                if asked.switch is None
                else "take it right after the question, with no await in between"
            ),
            "done twice",
        )


def woken_together(unit: Unit) -> Iterable[Finding]:
    """A wait for the next turn that all who came meanwhile compute alike, and after which none of them looks again."""
    for read, sleep, turn, evidence in slept_then_done(unit):
        name = read.resource.name
        steps: list[tuple[Role, Event]] = [(Role.READ, read), (Role.SWITCH, sleep), (Role.WRITE, turn)]
        yield unit.module.finding(
            RULE,
            unit,
            sleep,
            sorted(steps, key=lambda step: step[1].id),
            f"how long to wait is computed from `{name}` on line {unit.module.line(read)} and slept here; all tasks that came "
            "meanwhile wake together and go on, as none looks again",
            believed(unit, evidence, read, asked=True),
            World.TASKS,
            name,
            Fix("hold one lock over the look and the wait, or look again in a loop"),
        )


def report(unit: Unit, check: Access, act: Access, message: str, advice: str) -> Finding:
    """A finding at the act."""
    return unit.module.finding(
        RULE,
        unit,
        act,
        ((Role.CHECK, check), (Role.ACT, act)),
        message,
        row_evidence(unit, act, check),
        World.PROCESSES,
        act.resource.name,
        Fix(advice),
    )


RULE = Rule(
    "RL501",
    "check-then-act-limit",
    (World.PROCESSES, World.TASKS, World.THREADS),
    "limit exceeded",
    __doc__,
    find,
    needs=(
        Need.STORE_UPDATE,
        Need.ROW_CREATION,
        Need.ROW_TEST,
        Need.PACE,
        Need.QUEUE,
        Need.STATE_OF_THREADS,
        Need.LOCK_ASKED,
    ),
)
