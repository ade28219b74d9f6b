"""All rules, in the order of docs/rules.md."""

from __future__ import annotations

from racelint.rule import Rule
from racelint.rules import (
    append_by_rewrite,
    await_in_update,
    commit_between_mutations,
    init_flag_in_constructor,
    lazy_init_across_await,
    load_transform_save,
    mutations_without_transaction,
    orm_lost_update,
    process_local_state,
    shadow_state,
    stale_check,
    stale_write,
    teardown_across_await,
    torn_pair,
    unlocked_singleton,
    unreadable_file,
    unused_suppression,
    version_checked_outside_write,
)

RULES: tuple[Rule, ...] = (
    await_in_update.RULE,
    stale_write.RULE,
    load_transform_save.RULE,
    append_by_rewrite.RULE,
    orm_lost_update.RULE,
    version_checked_outside_write.RULE,
    stale_check.RULE,
    mutations_without_transaction.RULE,
    commit_between_mutations.RULE,
    init_flag_in_constructor.RULE,
    unlocked_singleton.RULE,
    lazy_init_across_await.RULE,
    teardown_across_await.RULE,
    shadow_state.RULE,
    process_local_state.RULE,
    torn_pair.RULE,
    unreadable_file.RULE,
    unused_suppression.RULE,
)
