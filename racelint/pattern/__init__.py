"""What rules are written with: a module's units, and the questions that tell a race from a safe shape.

Rules see neither syntax nor libraries. A `Unit` knows its events, their order and what guards them; the other questions are
functions of a unit, a file for each topic: what a write stems from, which rows it saves, which transaction is open, what it makes,
who else changes the resource and how sure it is that they run at once.
"""

from racelint.events import Access, Acquire, Event, Ids, Kind, Mark, Op, Place, Resource, Row, Sense, Shape, Switch
from racelint.evidence import Evidence
from racelint.facts import Write
from racelint.finding import Confidence, Role, World
from racelint.paths import CONFIGURED, ENSURED
from racelint.pattern.added import INSERTS, added_without_lock, kept_apart
from racelint.pattern.announced import EVENTS, announced_too_early
from racelint.pattern.answered import answered_by_application, second_refused_by_database
from racelint.pattern.apart import computed_from_itself, made_apart, of_other_entries
from racelint.pattern.asked_by_name import measured_then_opened, named_by_request, rights_then_opened
from racelint.pattern.asked_twice import asked_then_fetched
from racelint.pattern.assumed import assumed_at_start, assumed_set
from racelint.pattern.beside import key_kept_late
from racelint.pattern.branches import told_apart
from racelint.pattern.called_at_once import read_after_callback
from racelint.pattern.claimed_late import is_busy, is_field, marked_late
from racelint.pattern.claiming import adds_entry, claimed_in_two_steps, filled_over_limit, is_not_full, places_taken
from racelint.pattern.columns_alone import columns_overwritten
from racelint.pattern.compounds import broken_compounds, broken_sections
from racelint.pattern.constraints import (
    loosely_constrained,
    parent_then_child,
    refusal_handled,
    refused_on_the_way,
    unconstrained,
)
from racelint.pattern.copies import counted_beside, forgotten_too_early, sizes_kept, taken_out_too_early
from racelint.pattern.counted_under_lock import counted_then_tested
from racelint.pattern.counters import counted_by_starter, numbered, own_to_task, own_to_thread
from racelint.pattern.deciding import ADDING, COUNTING, decided_under_lock, entry_before_lock, limit_before_lock
from racelint.pattern.declared import unguarded_accesses
from racelint.pattern.dependence import (
    adds_up,
    chained_entries,
    claimed_first,
    decided,
    entries_updated,
    extremes,
    in_transaction,
    numbered_by_size,
    one_document,
    stale_writes,
    store_updates,
    thread_updates,
)
from racelint.pattern.doubts import Doubts
from racelint.pattern.drained import drained_by_threads
from racelint.pattern.early_flags import raised_too_early
from racelint.pattern.emptied import emptied_after_await
from racelint.pattern.emptied_entries import emptied_then_removed
from racelint.pattern.ended import added_after_end, begun_after_end, raised_to_end, tells_of_end
from racelint.pattern.escaping import escapes
from racelint.pattern.files import (
    copied,
    forgiven,
    made_after_any_test,
    missed_by_nobody,
    moved_once,
    named_temporary,
    pid_file_of_one,
    put_there,
    refuses_if_there,
    removed_elsewhere,
    removed_then_made,
    same_content,
    tested_before_lock,
    tested_then_done,
    written_in_place,
)
from racelint.pattern.filled_whole import cached_again, filled_between, filled_whole
from racelint.pattern.filling import filled_alike, kept_short
from racelint.pattern.fixed_names import replaced_from_fixed_name
from racelint.pattern.forgotten import awaited_change, emptied_after_reading, forgotten_once, steps
from racelint.pattern.given_up import given_up, nobody_cancels
from racelint.pattern.half_made import published_half_made
from racelint.pattern.half_ready import ready_too_early, taken_back
from racelint.pattern.halves_late import kept_late
from racelint.pattern.handed import (
    counted_by_processes,
    counted_in_shared_memory,
    emptied_by_each,
    entry_in_shared_memory,
    in_shared_memory,
)
from racelint.pattern.handed_over import changed_after
from racelint.pattern.held_outside import after_the_first, locked_for_some, locked_outside, readers_wait
from racelint.pattern.hidden import holds_secret, written_then_hidden
from racelint.pattern.hooks import kept_by_hooks
from racelint.pattern.indexing import gone_through_by_number
from racelint.pattern.iterating import VIEWS, changed_by_requests, iterated_by_threads, process_wide
from racelint.pattern.jobs import early_jobs, sends_on_commit
from racelint.pattern.kept import kept_under_lock
from racelint.pattern.kept_new import built_for_later
from racelint.pattern.kept_together import read_apart
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
from racelint.pattern.links import links_refused
from racelint.pattern.listings import awaited_then_read, listed_then_used
from racelint.pattern.locked_next import keeps_lock, locked_next
from racelint.pattern.locking import useless_locks
from racelint.pattern.lookups import (
    COUNTS,
    added_again,
    by_generated_key,
    by_locked_row,
    by_new_row,
    constraint_handled,
    drawn_at_random,
    raises_if_none,
    same_rows,
)
from racelint.pattern.lowered import lowered_late
from racelint.pattern.made import (
    begins_because,
    begins_something,
    calls_resource,
    claims_too_late,
    has_side_effects,
    has_threads,
    made_at_import,
    made_for_threads,
    makes_known_resource,
    makes_resource,
    only_found_faster,
    opened_between,
    opened_by,
    opened_for,
    paid_out,
    spent_between,
    torn_down,
    works_first,
    works_under,
)
from racelint.pattern.makers import other_maker
from racelint.pattern.markers import MADE_EMPTY, says_at_work
from racelint.pattern.module import Module
from racelint.pattern.needing import started_unset
from racelint.pattern.numbered_late import counted_after_use, sized_before_await
from racelint.pattern.numbers import found_names, free_names, next_numbers, only_orders, own_numbers
from racelint.pattern.object_states import object_states, states_kept_by_others
from racelint.pattern.only_new import only_for_new_rows
from racelint.pattern.outlived import TIMES, counted_when_gone
from racelint.pattern.overwrites import (
    emptied_before_lock,
    emptied_in_place,
    moved_from_elsewhere,
    removed_then_replaced,
)
from racelint.pattern.own_entry_gone import own_entry_gone
from racelint.pattern.own_lock import counted_under_own_lock
from racelint.pattern.own_paths import made_for_one_call
from racelint.pattern.own_rows import switched_by_owner
from racelint.pattern.own_steps import in_one_step_of_a_loop, own_failure_cleaned
from racelint.pattern.pacing import slept_then_done
from racelint.pattern.pair import INTERNAL, Pair, at_their_calls
from racelint.pattern.past_transactions import sent_past
from racelint.pattern.per_call import mixed_calls
from racelint.pattern.promised import promises_broken
from racelint.pattern.pruned import pruned
from racelint.pattern.published import checked_outside, finished_later, under_one_lock
from racelint.pattern.queues import Taken, of_several, seen_twice, unclaimed_items, worked_on
from racelint.pattern.raised import raised_then_given, raised_then_tested
from racelint.pattern.read_back import found_again
from racelint.pattern.records import filled_by_several
from racelint.pattern.redeemed import rows_redeemed
from racelint.pattern.refilled import refilled_by_tasks
from racelint.pattern.refused import entries_refused, is_taken
from racelint.pattern.removed_late import removed_late
from racelint.pattern.removing import moved_by_others, removed_by_others
from racelint.pattern.reopened import reopened_by_two
from racelint.pattern.replaced import replaced_meanwhile
from racelint.pattern.rereading import fails_when_gone, rereads, takes_found, takes_from_queue
from racelint.pattern.reset_at_start import awaited_by_starter, reset_at_start
from racelint.pattern.revived import revived_in_vain
from racelint.pattern.rights import taken_unasked
from racelint.pattern.rivals import (
    begun_twice,
    called_by_timer,
    copied_to_each,
    copied_to_processes,
    in_processes,
    made_sure_by_all,
    made_sure_by_each,
    only_in_own_process,
    only_started,
    read_meanwhile,
    rival,
    rivals,
    run_by_many,
    stronger,
    with_itself,
)
from racelint.pattern.row_locks import idle_locks
from racelint.pattern.rows import (
    added_to,
    kept_by_default,
    merged_unseen,
    recomputed,
    recounted,
    row_evidence,
    row_updates,
    store_rival,
    surely_in_processes,
    table_updates,
    whole_saves,
)
from racelint.pattern.same_entry import named_anew, owner_made_anew, said_by_all
from racelint.pattern.seldom import seldom_run
from racelint.pattern.sent_early import sent_before_noted
from racelint.pattern.sessions import connection_of_object, session_of_module, sessions_handed_out, talked_at_once
from racelint.pattern.settings import set_for_all
from racelint.pattern.sharing import (
    asks_somebody,
    linked_by_others,
    looked_for_by_threads,
    made_by_others,
    of_a_command,
    threads_handed_alike,
    used_by_others,
)
from racelint.pattern.shown import shown_half_built
from racelint.pattern.shown_only import only_shown
from racelint.pattern.spent import spent_twice
from racelint.pattern.split_holds import split_holds
from racelint.pattern.stamps import stamped_late
from racelint.pattern.started import started_before_claimed
from racelint.pattern.starting import late_writes, shown_too_early
from racelint.pattern.states import entries_marked, released_unseen, state_changes, statements_after_test
from racelint.pattern.successors import successor_taken_out, taken_out_by_callback
from racelint.pattern.surrounding import receives_any, surrounded
from racelint.pattern.swept_late import swept_late
from racelint.pattern.taken import ended_by_two, noted_too_late, taken_by_two
from racelint.pattern.torn_reads import torn_reads
from racelint.pattern.transactions import (
    COMMITTING,
    halves,
    has_parts,
    in_one_breath,
    moved_at_once,
    one_change,
    related,
    row_locked_at,
    row_locked_since,
    table_of,
    tables_handed_in,
    transactions_at,
)
from racelint.pattern.turns import looked_before_turn
from racelint.pattern.two_stores import written_to_both
from racelint.pattern.unfilled import filled_by_task
from racelint.pattern.unit import Unit, exactly, same
from racelint.pattern.upserts import changed_or_made, counted_by_one
from racelint.pattern.validated import looked_for_then_saved
from racelint.pattern.waiting import Mistake, Wait, wrong_waits
from racelint.resolve import CONSTRUCTORS
from racelint.touch import calls_entry, ends_entry, made_future
from racelint.words import first_word

__all__ = [
    "ADDING",
    "COMMITTING",
    "CONFIGURED",
    "CONSTRUCTORS",
    "COUNTING",
    "COUNTS",
    "ENSURED",
    "EVENTS",
    "INSERTS",
    "INTERNAL",
    "MADE_EMPTY",
    "TIMES",
    "VIEWS",
    "Access",
    "Acquire",
    "Confidence",
    "Doubts",
    "Event",
    "Evidence",
    "Ids",
    "Kind",
    "Mark",
    "Mistake",
    "Module",
    "Op",
    "Pair",
    "Place",
    "Resource",
    "Role",
    "Row",
    "Sense",
    "Shape",
    "Switch",
    "Taken",
    "Unit",
    "Wait",
    "World",
    "Write",
    "added_after_end",
    "added_again",
    "added_to",
    "added_without_lock",
    "adds_entry",
    "adds_up",
    "after_the_first",
    "announced_too_early",
    "answered_by_application",
    "asked_then_fetched",
    "asks_somebody",
    "assumed_at_start",
    "assumed_set",
    "at_their_calls",
    "awaited_by_starter",
    "awaited_change",
    "awaited_then_read",
    "begins_because",
    "begins_something",
    "begun_after_end",
    "begun_twice",
    "broken_compounds",
    "broken_sections",
    "built_for_later",
    "by_generated_key",
    "by_locked_row",
    "by_new_row",
    "cached_again",
    "called_by_timer",
    "calls_entry",
    "calls_resource",
    "chained_entries",
    "changed_after",
    "changed_by_requests",
    "changed_or_made",
    "checked_outside",
    "children_then_parent",
    "claimed_first",
    "claimed_in_two_steps",
    "claims_too_late",
    "columns_overwritten",
    "computed_from_itself",
    "connection_of_object",
    "constraint_handled",
    "copied",
    "copied_to_each",
    "copied_to_processes",
    "counted_after_use",
    "counted_beside",
    "counted_by_one",
    "counted_by_processes",
    "counted_by_starter",
    "counted_in_shared_memory",
    "counted_then_added",
    "counted_then_changed",
    "counted_then_removed",
    "counted_then_tested",
    "counted_under_own_lock",
    "counted_when_gone",
    "decided",
    "decided_under_lock",
    "drained_by_threads",
    "drawn_at_random",
    "early_jobs",
    "emptied_after_await",
    "emptied_after_reading",
    "emptied_before_lock",
    "emptied_by_each",
    "emptied_in_place",
    "emptied_then_removed",
    "ended_by_two",
    "ends_entry",
    "entries_drawn",
    "entries_enlarged",
    "entries_marked",
    "entries_refused",
    "entries_updated",
    "entry_before_lock",
    "entry_in_shared_memory",
    "escapes",
    "exactly",
    "extremes",
    "fails_when_gone",
    "filled_alike",
    "filled_between",
    "filled_by_several",
    "filled_by_task",
    "filled_over_limit",
    "filled_whole",
    "finished_later",
    "first_word",
    "forgiven",
    "forgotten_once",
    "forgotten_too_early",
    "found_again",
    "found_names",
    "free_names",
    "given_up",
    "gone_through_by_number",
    "halves",
    "has_parts",
    "has_side_effects",
    "has_threads",
    "holds_secret",
    "idle_locks",
    "in_one_breath",
    "in_one_step_of_a_loop",
    "in_processes",
    "in_shared_memory",
    "in_transaction",
    "is_busy",
    "is_field",
    "is_not_full",
    "is_taken",
    "iterated_by_threads",
    "keeps_lock",
    "kept_apart",
    "kept_by_default",
    "kept_by_hooks",
    "kept_late",
    "kept_short",
    "kept_under_lock",
    "key_kept_late",
    "late_writes",
    "limit_before_lock",
    "linked_by_others",
    "links_refused",
    "listed_then_used",
    "locked_for_some",
    "locked_next",
    "locked_outside",
    "looked_before_turn",
    "looked_for_by_threads",
    "looked_for_then_saved",
    "loosely_constrained",
    "lowered_late",
    "made_after_any_test",
    "made_apart",
    "made_at_import",
    "made_by_others",
    "made_for_one_call",
    "made_for_threads",
    "made_future",
    "made_sure_by_all",
    "made_sure_by_each",
    "makes_known_resource",
    "makes_resource",
    "marked_late",
    "measured_then_opened",
    "merged_unseen",
    "missed_by_nobody",
    "mixed_calls",
    "moved_at_once",
    "moved_by_others",
    "moved_from_elsewhere",
    "moved_once",
    "named_anew",
    "named_by_request",
    "named_temporary",
    "next_numbers",
    "nobody_cancels",
    "noted_too_late",
    "numbered",
    "numbered_by_size",
    "object_states",
    "of_a_command",
    "of_other_entries",
    "of_several",
    "one_change",
    "one_document",
    "only_for_new_rows",
    "only_found_faster",
    "only_in_own_process",
    "only_orders",
    "only_shown",
    "only_started",
    "opened_between",
    "opened_by",
    "opened_for",
    "other_maker",
    "others_left",
    "own_entry_gone",
    "own_failure_cleaned",
    "own_numbers",
    "own_to_task",
    "own_to_thread",
    "owner_made_anew",
    "paid_out",
    "parent_then_child",
    "pid_file_of_one",
    "places_taken",
    "process_wide",
    "promises_broken",
    "pruned",
    "published_half_made",
    "put_there",
    "raised_then_given",
    "raised_then_tested",
    "raised_to_end",
    "raised_too_early",
    "raises_if_none",
    "read_after_callback",
    "read_apart",
    "read_meanwhile",
    "readers_wait",
    "ready_too_early",
    "receives_any",
    "recomputed",
    "recounted",
    "refilled_by_tasks",
    "refusal_handled",
    "refused_on_the_way",
    "refuses_if_there",
    "related",
    "released_unseen",
    "removed_by_others",
    "removed_elsewhere",
    "removed_late",
    "removed_then_made",
    "removed_then_replaced",
    "reopened_by_two",
    "replaced_from_fixed_name",
    "replaced_meanwhile",
    "rereads",
    "reset_at_start",
    "revived_in_vain",
    "rights_then_opened",
    "rival",
    "rivals",
    "row_evidence",
    "row_locked_at",
    "row_locked_since",
    "row_updates",
    "rows_redeemed",
    "run_by_many",
    "said_by_all",
    "same",
    "same_content",
    "same_rows",
    "says_at_work",
    "second_refused_by_database",
    "seen_twice",
    "seldom_run",
    "sends_on_commit",
    "sent_before_noted",
    "sent_past",
    "session_of_module",
    "sessions_handed_out",
    "set_for_all",
    "shown_half_built",
    "shown_too_early",
    "sized_before_await",
    "sizes_kept",
    "slept_then_done",
    "spent_between",
    "spent_twice",
    "split_holds",
    "stale_writes",
    "stamped_late",
    "started_before_claimed",
    "started_unset",
    "state_changes",
    "statements_after_test",
    "states_kept_by_others",
    "steps",
    "store_rival",
    "store_updates",
    "stronger",
    "successor_taken_out",
    "summed_then_drawn",
    "surely_in_processes",
    "surrounded",
    "swept_late",
    "switched_by_owner",
    "table_of",
    "table_updates",
    "tables_handed_in",
    "taken_back",
    "taken_by_two",
    "taken_out_by_callback",
    "taken_out_too_early",
    "taken_unasked",
    "takes_found",
    "takes_from_queue",
    "talked_at_once",
    "tells_of_end",
    "tested_before_lock",
    "tested_then_done",
    "tested_then_drawn",
    "thread_updates",
    "threads_handed_alike",
    "told_apart",
    "torn_down",
    "torn_reads",
    "transactions_at",
    "unclaimed_items",
    "unconstrained",
    "under_one_lock",
    "unguarded_accesses",
    "used_by_others",
    "useless_locks",
    "whole_saves",
    "with_itself",
    "worked_on",
    "works_first",
    "works_under",
    "written_in_place",
    "written_then_hidden",
    "written_to_both",
    "wrong_waits",
]
