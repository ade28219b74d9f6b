"""Helpers for code that runs concurrently: each cures a race that racelint reports. docs/runtime.md says what each promises.

    from racelint.runtime import LogWriter, init_once, update_atomic
    from racelint.runtime.stores import SQLiteStore

The standard library only, and nothing of the linter. Everything is imported when it is first used.
"""

TYPE_CHECKING = False  # as typing's, which takes a while to import
if TYPE_CHECKING:
    from racelint.runtime.atomic_file import atomic_write
    from racelint.runtime.claiming import Claim, ClaimLost, claim, claim_sync, enqueue, enqueue_sync
    from racelint.runtime.guards import GuardedBy, guarded_by
    from racelint.runtime.log_writer import LogWriter
    from racelint.runtime.once import init_once
    from racelint.runtime.rate import allow, allow_sync
    from racelint.runtime.reentry import ReEntered
    from racelint.runtime.update import Conflict, update_atomic, update_atomic_sync

__all__ = [
    "Claim",
    "ClaimLost",
    "Conflict",
    "GuardedBy",
    "LogWriter",
    "ReEntered",
    "allow",
    "allow_sync",
    "atomic_write",
    "claim",
    "claim_sync",
    "enqueue",
    "enqueue_sync",
    "guarded_by",
    "init_once",
    "update_atomic",
    "update_atomic_sync",
]

# No module is named like what it holds: an imported module becomes an attribute of its package, and would hide it.
_HOMES = {
    "Claim": "claiming",
    "ClaimLost": "claiming",
    "Conflict": "update",
    "GuardedBy": "guards",
    "LogWriter": "log_writer",
    "ReEntered": "reentry",
    "allow": "rate",
    "allow_sync": "rate",
    "atomic_write": "atomic_file",
    "claim": "claiming",
    "claim_sync": "claiming",
    "enqueue": "claiming",
    "enqueue_sync": "claiming",
    "guarded_by": "guards",
    "init_once": "once",
    "update_atomic": "update",
    "update_atomic_sync": "update",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
