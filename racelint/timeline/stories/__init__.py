"""How each harm comes about: the name of a harm → the story that its findings tell.

A story puts the steps of a trace into the order that does the harm, and says of each what it sees. A harm has one story; where it
comes about in several ways, the words of the rule's message tell which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from racelint.finding import Role
from racelint.timeline.data import Timeline
from racelint.timeline.stories import checks, files, halves, locks, signals, updates
from racelint.timeline.telling import Telling

Story = Callable[[Telling], Timeline]

STORIES: Mapping[str, Story] = {
    "lost update": updates.lost_update,
    "lost entries": updates.lost_entries,
    "unread entries": updates.unread_entries,
    "old values written back": updates.old_values,
    "lost replacement": updates.lost_replacement,
    "number given twice": updates.number_twice,
    "last entry followed twice": updates.followed_twice,
    "row made twice": updates.row_twice,
    "each process has its own copy": updates.own_copies,
    "values of two calls are mixed": updates.mixed_calls,
    "done twice": checks.done_twice,
    "limit exceeded": checks.limit_exceeded,
    "double initialisation": checks.made_twice,
    "half-made object used": checks.used_half_made,
    "half-made state used": checks.used_half_ready,
    "leak": checks.begun_after_end,
    "use of something that is gone": checks.used_when_gone,
    "removal of what is gone": checks.removed_when_gone,
    "used before it is set": checks.used_before_set,
    "decision on old state": checks.decided_on_old_state,
    "half-done change": halves.half_done,
    "job before its row": halves.job_too_early,
    "torn pair": halves.torn_pair,
    "copies disagree": halves.copies_disagree,
    "half-filled collection seen": halves.half_filled,
    "iteration fails": halves.iteration_fails,
    "advanced by two": halves.advanced_by_two,
    "changed while iterated": halves.view_changes,
    "mixed statements": halves.mixed_statements,
    "mixed answers": halves.mixed_answers,
    "unguarded change": locks.unguarded,
    "nothing is excluded": locks.not_excluded,
    "half-written file": files.half_written,
    "link followed": files.link_followed,
    "secret readable": files.secret_readable,
    "step fails": files.step_fails,
    "lost announcement": signals.lost_announcement,
    "lost wake-up": signals.lost_wake_up,
    "lost waiter": signals.lost_waiter,
    "loop asleep": signals.loop_asleep,
    "completed twice": signals.completed_twice,
}


def plain(t: Telling) -> Timeline:
    """The steps as the finding has them, with the other unit at the switch: for a harm that has no story."""
    steps = [step for step in t.finding.trace if step.role is not Role.SWITCH]
    for step in steps[:-1]:
        t.a(step, step.role.value + "s")
    t.switch()
    t.other("changes what A relies on")
    t.a(t.last, t.last.role.value + "s", wrong=True)
    return t.told(t.finding.harm)
