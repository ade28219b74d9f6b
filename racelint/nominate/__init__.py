"""Facts say which definitions can hold a race at all; only those are parsed with libcst.

A necessary condition that errs only towards yes. Each rule says what it needs (`Rule.needs`), each need has one function in this
package (`HOLDS`), and a definition is nominated if it meets a need of a rule that is on, with the confidence that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy

from racelint.candidate import Candidate
from racelint.candidates import Candidates
from racelint.evidence import Concurrency
from racelint.evidence.conversations import can_talk
from racelint.evidence.sessions import keeps_session
from racelint.finding import Confidence
from racelint.meeting import RANKS
from racelint.need import Need, Nominee
from racelint.nominate import locks, memory, per_call, state, stores, tasks, threads
from racelint.resolve import Scope


def nominate(
    scope: Scope, concurrency: Concurrency, needs: Iterable[Need], least: Confidence = Confidence.LOW
) -> list[Nominee]:
    """The definitions that may hold what one of the needs asks for, with evidence of the wanted strength, by their lines.

    What is found in a test or a step of a migration has low confidence, whatever it is.
    """
    alone_here = scope.index.alone(scope.facts.path)
    module = Candidates(scope, concurrency, Confidence.LOW if alone_here else least)
    wanted = frozenset(needs)
    alone = wanted.intersection(EXPECTING) if concurrency.by_hand else frozenset()
    found: dict[str, tuple[Candidate, set[Need]]] = {}
    wanted -= out_of_question(module)
    for function in scope.facts.functions:
        if not function.stub:
            asking = alone if module.least and concurrency.unlikely_unit(function) else wanted
            if not asking:
                continue
            candidate = Candidate(module, function)
            met = {need for need in worth_asking(candidate) if need in asking and HOLDS[need](candidate)}
            if asking is alone and Need.FILE_STEPS in met and not stores.hides_files(candidate):
                met.discard(Need.FILE_STEPS)
            if met:
                found[function.qualname] = candidate, met
    if module.least:
        _add_homes(module, found)
    nominees = [Nominee(candidate.facts, frozenset(met)) for candidate, met in found.values()]
    return sorted(nominees, key=lambda nominee: (nominee.facts.line, nominee.facts.qualname))


def _add_homes(module: Candidates, found: dict[str, tuple[Candidate, set[Need]]]) -> None:
    """Adds helpers in which, by less evidence than their callers have, the same may be found: it is reported where it stands."""
    unsure = copy(module)
    unsure.least = RANKS[Confidence.LOW]
    own = module.scope.facts.path
    helpers: dict[str, Candidate] = {}
    for candidate, met in list(found.values()):
        for helper in candidate.functions[1:]:
            name = helper.qualname
            known, needs = found.get(name) or (None, set())
            if met <= needs or module.scope.names_in(name).facts.path != own:
                continue
            unsure_one = helpers.setdefault(name, Candidate(unsure, helper))
            asking = met - needs
            more = {need for need in worth_asking(unsure_one) if need in asking and HOLDS[need](unsure_one)}
            if more:
                found[name] = known or unsure_one, needs | more


def out_of_question(module: Candidates) -> set[Need]:
    """What no definition of a module can meet: each asks for something that the whole module lacks, as most modules do."""
    scope, concurrency = module.scope, module.concurrency
    found: set[Need] = set()
    if not scope.facts.guarded:
        found.add(Need.DECLARED_GUARD)
    if not module.grown:
        found.add(Need.STATE_OF_PROCESSES)
    if not module.changed_in_place:
        found.add(Need.HANDS_OUT)
    if not module.starts_threads:
        found.add(Need.THREAD_START)
    starts = any(concurrency.spawning_calls(function) for function in scope.facts.functions)
    if not starts:
        found.update((Need.TASK_START, Need.FILLED_BY_TASK))
    of_objects = starts and scope.reaches_out  # whose classes may stand in another module
    if not (module.stores.uses_stores or can_talk(scope) or keeps_session(concurrency) or of_objects):
        found.add(Need.SHARED_SESSION)
    return found


def worth_asking(candidate: Candidate) -> tuple[Need, ...]:
    """The needs that a definition may meet at all: most definitions lack what most needs ask for first."""
    lacks = (
        not candidate.suspends,
        not candidate.changes,
        not candidate.changes_stores,
        not candidate.module.concurrency.has_locks,
    )
    known = _WORTH.get(lacks)
    if known is None:
        out = frozenset().union(*(needs for lacking, needs in zip(lacks, _LACKING, strict=True) if lacking))
        known = _WORTH[lacks] = tuple(need for need in HOLDS if need not in out)
    return known


_WORTH: dict[tuple[bool, ...], tuple[Need, ...]] = {}

OF_COROUTINES = frozenset(
    {
        Need.STATE_OF_TASKS,
        Need.MADE_BY_TASKS,
        Need.FLAG_OF_TASKS,
        Need.ENDED,
        Need.TURN,
        Need.WAITER_SLOT,
        Need.ITERATION,
        Need.PACE,
    }
)
"""What only coroutines can meet that let others run."""

OF_CHANGES = frozenset(
    {
        Need.MADE_BY_TASKS,
        Need.ENDED,
        Need.SUCCESSOR,
        Need.PAIR,
        Need.REFILL,
        Need.PACE,
        Need.GUARDED_STATE,
        Need.GUARDED_BY_TASKS,
        Need.EMPTIED_BY_THREADS,
        Need.FLAG_IN_CONSTRUCTOR,
        Need.PER_CALL_STATE,
        Need.ROW_UPDATE,
        Need.ANNOUNCED,
        Need.SHOWN,
        Need.EARLY_FLAG,
    }
)
"""What only definitions can meet that change state, or call what does."""

OF_EFFECTS = frozenset(
    {
        Need.STORE_UPDATE,
        Need.VERSIONED_WRITE,
        Need.STORE_CHANGES,
        Need.COMMIT,
        Need.ROW_TEST,
        Need.SLOW_SAVE,
        Need.WHOLE_SAVE,
        Need.JOB,
        Need.ROW_LOCK,
        Need.QUEUE,
    }
)
"""What only definitions can meet of which some call may change a store."""

OF_LOCKS = frozenset(
    {
        Need.GUARDED_STATE,
        Need.GUARDED_BY_TASKS,
        Need.GUARDED_PAIR,
        Need.UNDER_LOCK,
        Need.USED_UNDER_LOCK,
        Need.TURN,
    }
)
"""What only definitions of modules can meet that make or take locks."""

_LACKING = (OF_COROUTINES, OF_CHANGES, OF_EFFECTS, OF_LOCKS)
"""In the order in which `worth_asking` looks."""

EXPECTING = (Need.ROW_LOCK, Need.FILE_STEPS)
"""What a command that somebody starts by hand may be wrong about, too: it takes a lock, because it expects others, or hides a file from
them."""

HOLDS: dict[Need, Callable[[Candidate], bool]] = {
    Need.ANYTHING: state.anything,
    Need.STATE_OF_TASKS: state.state_of_tasks,
    Need.MADE_BY_TASKS: state.made_by_tasks,
    Need.FLAG_OF_TASKS: state.flag_of_tasks,
    Need.ENDED: state.ended,
    Need.PAIR: state.pair,
    Need.STATE_AND_STORE: state.state_and_store,
    Need.ITERATION: state.iteration,
    Need.THREAD_ITERATION: memory.thread_iteration,
    Need.PROCESS_WIDE_ITERATION: threads.process_wide_iteration,
    Need.EMPTIED_BY_THREADS: threads.emptied_by_threads,
    Need.KEPT_BY_HOOK: threads.kept_by_hook,
    Need.PROCESS_SETTING: threads.process_setting,
    Need.REFILL: state.refill,
    Need.COMPLETION: state.completion,
    Need.WAKE_UP: state.wake_up,
    Need.TOLD_BY_THREAD: threads.told_by_thread,
    Need.TASK_START: state.task_start,
    Need.FIRST_STEP: state.first_step,
    Need.SUCCESSOR: tasks.successor,
    Need.FILLED_BY_TASK: tasks.filled_by_task,
    Need.HANDED_OVER: tasks.handed_over,
    Need.TURN: tasks.turn,
    Need.STATE_OF_THREADS: memory.state_of_threads,
    Need.GUARDED_STATE: locks.guarded_state,
    Need.GUARDED_BY_TASKS: locks.guarded_by_tasks,
    Need.GUARDED_PAIR: locks.guarded_pair,
    Need.UNDER_LOCK: locks.under_lock,
    Need.USED_UNDER_LOCK: locks.used_under_lock,
    Need.TAKEN_BY_THREADS: memory.taken_by_threads,
    Need.HANDS_OUT: locks.hands_out,
    Need.DECLARED_GUARD: locks.declared_guard,
    Need.OWN_LOCK: locks.own_lock,
    Need.FLAG_IN_CONSTRUCTOR: state.flag_in_constructor,
    Need.CACHED_RESOURCE: state.cached_resource,
    Need.PER_CALL_STATE: per_call.per_call_state,
    Need.WAITER_SLOT: per_call.waiter_slot,
    Need.STATE_OF_PROCESSES: memory.state_of_processes,
    Need.STORE_UPDATE: stores.store_update,
    Need.VERSIONED_WRITE: stores.versioned_write,
    Need.ROW_UPDATE: stores.row_update,
    Need.STORE_CHANGES: stores.store_changes,
    Need.COMMIT: stores.commit,
    Need.ROW_CREATION: stores.row_creation,
    Need.GET_OR_CREATE: stores.get_or_create,
    Need.ROW_TEST: stores.row_test,
    Need.PACE: stores.pace,
    Need.SLOW_SAVE: stores.slow_save,
    Need.SHARED_SESSION: stores.shared_session,
    Need.FILE_STEPS: stores.file_steps,
    Need.THREAD_START: memory.thread_start,
    Need.ANNOUNCED: state.announced,
    Need.SHOWN: threads.shown,
    Need.EARLY_FLAG: threads.early_flag,
    Need.LOCK_ASKED: locks.lock_asked,
    Need.GIVEN_BACK: locks.given_back,
    Need.JOINED_LOCKS: locks.joined,
    Need.CONDITION: locks.condition,
    Need.JOB: stores.job,
    Need.OBJECT_STATE: stores.object_state,
    Need.WHOLE_SAVE: stores.whole_save,
    Need.ROW_ASKED_FOR: stores.row_asked_for,
    Need.ROW_LOCK: stores.row_lock,
    Need.QUEUE: stores.queue,
    Need.PROMISE: stores.promise,
}
