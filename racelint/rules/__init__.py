"""All rules, in the order of docs/rules.md.

The table says what a run has to know of a rule before anything is nominated; the rule itself, `RULE` of the file of its name, is
imported when it is to find something. A test holds that both say the same.
"""

from __future__ import annotations

from racelint.need import Need
from racelint.rule import Listed, Rule

RULES: tuple[Rule, ...] = (
    Listed("RL101", "await-in-update", Need.STATE_OF_TASKS),
    Listed(
        "RL102", "stale-write", Need.STATE_OF_TASKS, Need.STATE_OF_THREADS, Need.EMPTIED_BY_THREADS, Need.HANDED_OVER
    ),
    Listed("RL103", "load-transform-save", Need.STORE_UPDATE),
    Listed("RL104", "append-by-rewrite", Need.STORE_UPDATE),
    Listed("RL105", "orm-lost-update", Need.ROW_UPDATE, Need.ROW_TEST, Need.GET_OR_CREATE),
    Listed("RL106", "stale-row-save", Need.SLOW_SAVE, Need.WHOLE_SAVE),
    Listed(
        "RL107",
        "version-checked-outside-write",
        Need.STORE_UPDATE,
        Need.VERSIONED_WRITE,
        Need.ROW_UPDATE,
        Need.QUEUE,
        Need.PROMISE,
        Need.OBJECT_STATE,
    ),
    Listed("RL108", "stale-check", Need.STATE_OF_TASKS, Need.TASK_START, Need.FIRST_STEP, Need.ENDED, Need.TURN),
    Listed(
        "RL109",
        "per-call-state",
        Need.PER_CALL_STATE,
        Need.WAITER_SLOT,
        Need.KEPT_BY_HOOK,
        Need.PROCESS_SETTING,
        Need.STORE_UPDATE,
    ),
    Listed("RL110", "reset-then-refill", Need.REFILL),
    Listed("RL111", "double-read", Need.TAKEN_BY_THREADS),
    Listed("RL201", "mutations-without-transaction", Need.STORE_CHANGES),
    Listed("RL202", "commit-between-mutations", Need.COMMIT),
    Listed("RL203", "session-shared-by-tasks", Need.SHARED_SESSION),
    Listed("RL204", "enqueued-before-commit", Need.JOB),
    Listed("RL301", "init-flag-in-constructor", Need.FLAG_IN_CONSTRUCTOR),
    Listed("RL302", "unlocked-singleton", Need.STATE_OF_THREADS, Need.CACHED_RESOURCE),
    Listed("RL303", "lazy-init-across-await", Need.STATE_OF_TASKS, Need.MADE_BY_TASKS, Need.FLAG_OF_TASKS),
    Listed("RL304", "check-then-insert", Need.STATE_OF_TASKS, Need.MADE_BY_TASKS, Need.STATE_OF_THREADS),
    Listed("RL305", "teardown-across-await", Need.STATE_OF_TASKS, Need.SUCCESSOR),
    Listed(
        "RL306",
        "started-before-ready",
        Need.THREAD_START,
        Need.ANNOUNCED,
        Need.SHOWN,
        Need.EARLY_FLAG,
        Need.FILLED_BY_TASK,
    ),
    Listed("RL401", "shadow-state", Need.STATE_AND_STORE),
    Listed("RL402", "process-local-state", Need.STATE_OF_PROCESSES),
    Listed("RL403", "torn-pair", Need.PAIR),
    Listed(
        "RL501",
        "check-then-act-limit",
        Need.STORE_UPDATE,
        Need.ROW_CREATION,
        Need.ROW_TEST,
        Need.PACE,
        Need.QUEUE,
        Need.STATE_OF_THREADS,
        Need.LOCK_ASKED,
    ),
    Listed("RL502", "unclaimed-queue-item", Need.QUEUE),
    Listed("RL503", "get-or-create-by-hand", Need.ROW_CREATION, Need.GET_OR_CREATE),
    Listed("RL504", "next-number-by-hand", Need.ROW_CREATION, Need.ROW_TEST),
    Listed("RL505", "exists-then-get", Need.ROW_ASKED_FOR),
    Listed("RL506", "check-then-take", Need.TAKEN_BY_THREADS, Need.STATE_OF_THREADS, Need.QUEUE),
    Listed(
        "RL601",
        "inconsistent-guard",
        Need.GUARDED_STATE,
        Need.USED_UNDER_LOCK,
        Need.GUARDED_BY_TASKS,
        Need.GUARDED_PAIR,
    ),
    Listed("RL602", "ineffective-lock", Need.OWN_LOCK, Need.UNDER_LOCK, Need.GIVEN_BACK, Need.JOINED_LOCKS),
    Listed("RL603", "guard-declared", Need.DECLARED_GUARD),
    Listed("RL604", "ineffective-row-lock", Need.ROW_LOCK),
    Listed("RL605", "lost-wake-up", Need.WAKE_UP, Need.TOLD_BY_THREAD, Need.STATE_OF_TASKS, Need.STATE_OF_THREADS),
    Listed("RL606", "completed-twice", Need.COMPLETION),
    Listed("RL607", "decided-under-lock", Need.STATE_OF_THREADS, Need.GUARDED_STATE),
    Listed("RL608", "view-escapes-lock", Need.HANDS_OUT),
    Listed("RL609", "waited-outside-condition", Need.CONDITION),
    Listed("RL701", "file-check-then-use", Need.FILE_STEPS),
    Listed("RL702", "non-atomic-overwrite", Need.FILE_STEPS),
    Listed("RL801", "unsynchronised-thread-write", Need.STATE_OF_THREADS),
    Listed("RL802", "mutated-while-iterated", Need.ITERATION, Need.THREAD_ITERATION, Need.PROCESS_WIDE_ITERATION),
    Listed("RL900", "unreadable-file"),
    Listed("RL901", "unused-suppression"),
    Listed("RL902", "analysis-limit"),
)
