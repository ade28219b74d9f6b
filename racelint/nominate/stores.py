"""What needs ask of stores: databases, documents, queues and files, by what calls may do to them."""

from __future__ import annotations

import re
from functools import lru_cache

from racelint.candidate import Candidate
from racelint.evidence.conversations import talks
from racelint.evidence.kept_sessions import sessions_of_objects
from racelint.evidence.sessions import shared_sessions, used_by_all
from racelint.expressions import expression
from racelint.facts import CallSite
from racelint.finding import Confidence, World
from racelint.helpers import HELPER_DEPTH
from racelint.index import Index
from racelint.meeting import RANKS
from racelint.paths import (
    ATOMIC,
    CONFIGURED,
    ENSURED,
    FILE_LOCK,
    KEY,
    PARENT,
    PATH_STEPS,
    PATH_TESTS,
    PROCESS_LIBRARIES,
    ROOTED,
    SHARED_WORDS,
    SYSTEM,
    is_command,
    is_of_one_run,
    is_storage,
    makes_any_folder,
    makes_any_link,
    words_of_name,
    words_of_paths,
)
from racelint.store_calls import READ, WRITE, asks_class, makes_asked
from racelint.store_types import keeps_rows
from racelint.touch import run_in_threads, steps_on_paths
from racelint.words import COUNTERS, SCOPES, STATES, first_word, promises_one_step

_READS = ("read", "row", "row-locked", "exists", "query", "query-locked", "sql", "json-load", "file-read")
WRITES = ("write", "sql", "sql-write", "json-dump", "file-write")
_LOOKS = ("named-read", "look", "row", "row-locked", "refresh", "exists", "read", "query", "query-locked", "sql")
_CREATIONS = ("create", "add", "save", "sql", "commit", "transaction", "begin")
_CHANGES = ("write", "update", "delete", "create", "save", "add", "sql", "atomic", "commit", "transaction", "begin")
_SAVES = ("save", "commit", "transaction", "begin")
_VERSION = expression(r"version|revision|rev|etag|generation", re.IGNORECASE)
_DIGEST = expression(r"digest|sha_?\d|md5|blake2|crc32|checksum|fingerprint|etag|hash", re.IGNORECASE)


def _others_reach_stores(c: Candidate) -> bool:
    """Whether there is evidence that other runs reach the same store: for a coroutine any, as it is part of a service."""
    least = RANKS[Confidence.LOW] if c.facts.is_async else c.module.least
    return any(c.rank(world) >= least for world in World)


def store_update(c: Candidate) -> bool:
    """Whether a store is read and written."""
    writes = WRITES if c.called.isdisjoint(_SETTERS) else (*WRITES, "update")
    reads = _READS if c.called.isdisjoint(COUNTERS) else (*_READS, "atomic")
    by_tables = bool(c.does(*reads)) and bool(c.does(*writes)) and c.does(*reads, *writes) > 1
    if by_tables and c.does(*_SERVED):  # whoever is connected reaches the same entry
        return True
    return (by_tables or _named_alike(c)) and _others_reach_stores(c)


_SETTERS = frozenset({"update_one", "update_many"})
"""Updates that may be told the new value, instead of how the old one changes: `{"$set": …}`."""

_SERVED = ("read", "write", "sql", "exists")
"""Effects on what a server keeps, or several processes at least."""


def _named_alike(c: Candidate) -> bool:
    """Whether the same is loaded and saved by calls that are named so."""
    names = {name for effects in c.effects for name in effects}
    loaded = {name.removeprefix(READ) for name in names if name.startswith(READ + " ")}
    return any(name.removeprefix(WRITE) in loaded for name in names if name.startswith(WRITE + " "))


def versioned_write(c: Candidate) -> bool:
    """Whether a version is looked at and a store is written."""
    return (
        bool(c.does(WRITE, *WRITES, *_SAVES))
        and (any(_VERSION.search(key) for key in c.reads) or any(_DIGEST.search(name) for name in c.called))
        and _others_reach_stores(c)
    )


def row_update(c: Candidate) -> bool:
    """Whether a field is looked at and set, and rows are saved."""
    saved = c.does(*_SAVES) or any(call.callee.endswith("bulk_update") for call in c.calls)
    return bool(saved) and any(key.startswith(".") and key in c.reads for key in c.changes)


def object_state(c: Candidate) -> bool:
    """Whether the state of an object is looked at, and an object is saved of which it is set, or the record of one updated."""
    if not any(map(_keeps_objects, c.called)):
        return False
    words = STATES | c.module.scope.models.once
    if not any(path.rpartition(".")[2].rpartition("_")[2] in words for f in c.functions for path in f.reads):
        return False
    return any(name.endswith("_update") for name in c.called) or any(
        write.path.rpartition(".")[2].rpartition("_")[2] in words
        and not write.path.startswith(("self.", "cls."))  # a record is somebody else's
        for f in c.functions
        for write in f.writes
    )


@lru_cache(maxsize=4096)
def _keeps_objects(name: str) -> bool:
    return name.endswith("_update") or first_word(name) in _KEEPS


_KEEPS = frozenset("save update persist store put".split())


def store_changes(c: Candidate) -> bool:
    """Whether stores are changed twice, or a key is changed and told when it ends, or counted on where it was found."""
    return _mutations(c) > 1 or bool(c.does("expire")) or bool(c.does("exists") and c.does("atomic"))


def commit(c: Candidate) -> bool:
    """Whether stores are changed twice, and something is committed."""
    return bool(c.does("commit", "transaction", "begin", "sql")) and _mutations(c) > 1


_MUTATES = ("write", "update", "delete", "create", "save", "add", "remove", "sql", "atomic")
_ENDS = ("commit", "transaction", "begin")


def _mutations(c: Candidate) -> int:
    """How many calls may change rows; a commit does if fields of objects are set, which may be rows."""
    found = c.does(*_MUTATES)
    return found + c.does(*_ENDS) if _sets_fields(c) else found


def _sets_fields(c: Candidate) -> bool:
    return any(key.startswith(".") for key in c.changes)


def row_creation(c: Candidate) -> bool:
    """Whether rows are looked up and a row is made."""
    maps_rows = c.module.keys.maps_rows
    if (_keeps_new_row(c) or _sets_own_column(c)) and c.does(*_LOOKS):
        return True
    if not c.changes_stores and not any(_says_creation(c, name) for name in c.called):
        return False  # most definitions; what follows looks at each call
    counted = {call.callee.rpartition(".")[0] for call in c.calls if call.callee.endswith((".count", ".acount"))}
    own = any(
        _OWN_CREATION.search(call.callee)
        or _creates_unseen(c, call)
        or (maps_rows and _finds_free(call))
        or (call.callee.endswith((".add", ".aadd")) and call.callee.rpartition(".")[0] in counted)
        for call in c.calls
        if _says_creation(c, call.callee.rpartition(".")[2])
    )
    if not (own or c.does("create", "add", "save", "sql") or (c.changes and c.does(*_ENDS))):
        return False
    libraries = c.module.scope.libraries
    if any(
        (maps_rows and (asks_class(call.callee) or _finds_free(call)))
        or (call.callee == "hasattr" and "django" in libraries)
        for call in c.calls
    ):
        return True
    if any(path.endswith(".DoesNotExist") for function in c.functions for path in function.reads):
        return True
    looks = (*_LOOKS, "update")  # which says whether there was a row
    return bool(c.does(*looks)) and (own or c.does(*_CREATIONS, *looks) > 1)


def _sets_own_column(c: Candidate) -> bool:
    """Whether a method sets a field of its own object, which a session of SQLAlchemy may save."""
    scope, owner = c.module.scope, c.facts.owner
    return bool(owner) and "sqlalchemy" in scope.libraries and _sets_fields(c) and scope.is_mapped(owner)


def _keeps_new_row(c: Candidate) -> bool:
    """Whether a method keeps what a class was called for, and handles that a row is missing."""
    facts = c.facts
    built = bool(facts.owner) and any(w.path.startswith("self.") and _CLASS.search(w.built_from) for w in facts.writes)
    return built and any(path.endswith(".DoesNotExist") for path in facts.reads)


_CLASS = expression(r"(^|\.)[A-Z]\w*$")


def _says_creation(c: Candidate, name: str) -> bool:
    """Whether a call with this last name may be one of `_OWN_CREATION`, `_creates_unseen` or `_finds_free`, or `add` one."""
    known = c.module.creating.get(name)
    if known is None:
        verb = name.lstrip("_").startswith(("create", "acreate", "insert", "add", "aadd", "register"))
        known = c.module.creating[name] = verb or _FREE.search(name) is not None
    return known


def _creates_unseen(c: Candidate, call: CallSite) -> bool:
    """Whether a call is named after a creation: of a model's class, or of a repository, or handed a session, that was asked before."""
    if _UNSEEN_CREATION.search(call.callee) is None or not call.arguments:
        return False
    receiver = call.callee.rpartition(".")[0].rpartition(".")[2]
    if receiver[:1].isupper() or receiver in ("cls", "super"):
        return c.module.keys.maps_rows
    if not receiver and any(makes_asked(call.callee, other.callee) for other in c.calls):
        return c.module.keys.maps_rows
    if not keeps_rows(receiver) and not any(_SESSION.search(argument) for argument in call.arguments):
        return False
    return receiver in c.asked


_UNSEEN_CREATION = expression(r"(^|\.)_*(create|insert|add|register)(_\w+)?$")
_FREE = expression(r"(?i)uniqu|unused|_free_|^free_|available")
"""Names of functions that find what no row has yet."""


def _finds_free(call: CallSite) -> bool:
    """Whether a function that is named so is handed a model."""
    if _FREE.search(call.callee.rpartition(".")[2]) is None:
        return False
    models = (argument.rpartition("=")[2].rpartition(".")[2] for argument in call.arguments)
    return any(model[:1].isupper() and not model.isupper() for model in models)


_SESSION = expression(r"(^|[._=])(db|session|conn|connection|cursor|cur|tx|uow)$")
_OWN_CREATION = expression(r"\.objects\.a?create_\w+$")
"""A method that a project gives a manager: `User.objects.create_user`."""


def get_or_create(c: Candidate) -> bool:
    """Whether a row is looked up and made by one call of a mapper."""
    return any(name.endswith("_or_create") for name in c.called) and any(
        call.callee.endswith("_or_create") for call in c.calls
    )


def row_test(c: Candidate) -> bool:
    """Whether rows are looked up, and rows are updated or deleted by a statement."""
    changed = c.does("update", "delete", "sql", "save") or (_sets_fields(c) and c.does(*_ENDS))
    return bool(changed) and bool(c.does(*_LOOKS)) and c.does(*_LOOKS, *_CHANGES) > 1


def row_asked_for(c: Candidate) -> bool:
    """Whether it is asked whether there is a row, and a row is got: a query is asked by a method of such a name, by its truth or by SQL.

    Also whether rows are added up.
    """
    if not c.called.isdisjoint(_ADDS_UP):
        return True
    if c.does("exists", "read", "row") < 2 or not c.does("row"):
        return False
    asks = not (c.called.isdisjoint(_ASKS) and c.unnamed.isdisjoint(_ASKS))
    return asks or bool(c.does("query", "query-locked", "sql"))


_ADDS_UP = frozenset({"aggregate", "aaggregate"})
_ASKS = frozenset("exists aexists count acount first afirst last alast one_or_none scalar get_or_none".split())
"""How it is asked whether there is a row, as the rule has it: what fails where there is none says so itself."""


def slow_save(c: Candidate) -> bool:
    """Whether something slow is called, and rows are saved."""
    scope = c.module.scope
    return bool(c.does(*_SAVES)) and any(scope.models.takes_long(scope.canonical(call.callee)) for call in c.calls)


def whole_save(c: Candidate) -> bool:
    """Whether a row is looked up and all of it is saved, in a project that computes columns in statements."""
    return (
        bool(c.does("save"))
        and bool(c.does("row"))
        and _sets_fields(c)
        and "update" in c.module.scope.index.calls
        and "F" in c.module.scope.index.calls
    )


def pace(c: Candidate) -> bool:
    """Whether a coroutine sleeps and changes state."""
    return (
        c.suspends
        and bool(c.changes)
        and bool(c.reads)
        and any(call.awaited and call.callee.rpartition(".")[2] == "sleep" for call in c.calls)
        and c.runs_twice(World.TASKS) >= c.module.least
    )


def shared_session(c: Candidate) -> bool:
    """Whether tasks are started that share a session of the function, or its object makes a connection for one command at a time.

    Or whether threads of the module run the function, which commits a session that all of them share, or whether it asks something on
    a connection.
    """
    module, facts = c.module, c.facts
    if not facts.is_async and any(talks(module.concurrency, facts)):
        return True
    if any(used_by_all(module.concurrency, facts)) and (facts.is_async or module.concurrency.surely_in_threads(facts)):
        return True
    calls = module.concurrency
    if any(sessions_of_objects(calls, facts)):
        return True
    if not module.stores.uses_stores:
        return False
    return facts.owner in module.with_connections or any(shared_sessions(calls, facts))


def job(c: Candidate) -> bool:
    """Whether a job is sent."""
    return bool(c.does("enqueue"))


_ROW_LOCK = expression(r"for_?update|advisory|lock", re.IGNORECASE)


def row_lock(c: Candidate) -> bool:
    """Whether rows are locked, or a lock is taken where rows are changed."""
    if c.does("query-locked", "row-locked"):
        return True
    if not c.does(*_CHANGES):
        return False
    return any(
        _ROW_LOCK.search(call.callee) or any(_ROW_LOCK.search(argument) for argument in call.arguments)
        for call in c.calls
    ) or bool(
        c.does("lock-context", "sql")
        or (_in_transaction(c) and any(_may_lock(c, name) for call in c.calls for name in call.within))
    )


def _may_lock(c: Candidate, entered: str) -> bool:
    """Whether what a `with` enters may be a lock: not what is named like a transaction, a session or a file."""
    plain = SCOPES.search(entered) is not None or entered.rpartition(".")[2] in ("atomic", "begin", "open")
    return not plain or c.module.is_guard(entered)


def _in_transaction(c: Candidate) -> bool:
    """Whether a transaction is opened, or a decorator stands there that may do so."""
    return bool(c.does("transaction", "commit")) or any(function.decorators for function in c.functions)


def queue(c: Candidate) -> bool:
    """Whether rows or entries are read and changed or removed."""
    if c.does("atomic", "write") and any(_for_the_first(call) for call in c.calls):
        return True
    if not (_mutations(c) and c.does("write", *_READS)):  # who sets an entry where there was none knows what was there
        return False
    return c.does(*_READS, *_CHANGES, "remove") > 1 or bool(c.does("sql"))  # one statement of SQL may do both


def promise(c: Candidate) -> bool:
    """Whether the function says by its name that it looks and sets in one step, and calls two things."""
    return len(c.calls) > 1 and promises_one_step(c.facts.name, c.facts.owner)


def _for_the_first(call: CallSite) -> bool:
    """Whether a call may set an entry for the first alone who does so."""
    last = call.callee.rpartition(".")[2]
    return last in ("setnx", "add", "aadd") or "nx=" in call.arguments


def file_steps(c: Candidate) -> bool:
    """Whether a path is tested and used, or a file is written that others read.

    That others do is certain only if a handler runs the definition, if all users of the machine are concerned, or if names say so;
    commands and functions of one run share paths with the whole machine alone.
    """
    if PATH_STEPS.isdisjoint(c.called):
        return _writes_unnamed(c)
    imports = c.module.scope.imports
    names = frozenset(
        name
        for call in c.calls
        for root, _, rest in (call.callee.partition("."),)
        for name in (rest.rpartition(".")[2] or root,)
        if (imports[root] not in _OF_OBJECTS if root in imports else name not in OF_MODULES)
        and (name != "replace" or root in imports or len(call.arguments) == 1)
    )
    handed = {a.rpartition(".")[2] for call in c.calls for a in call.arguments if a.startswith("key=os.path.")}
    unnamed = sum(not call.callee for call in c.calls)
    if unnamed > 1 or (unnamed and not names.isdisjoint(PATH_STEPS)):
        names |= c.unnamed  # `(ROOT / name).exists()`
    if not names.isdisjoint(_PUTS) and "__exit__" in c.module.scope.methods.get(c.facts.owner, {}):
        return True  # a context that puts a file in its place
    if not steps_on_paths(names | handed | run_in_threads(c.calls)):
        return False
    if not c.module.least or c.module.concurrency.handled_in_processes(c.facts.qualname) is not None:
        return True
    if _started(c):
        return True
    if not names.isdisjoint(EVERYBODYS) or (not names.isdisjoint(PATH_TESTS) and _waits(c)):
        return True
    if not names.isdisjoint(PATH_TESTS | {"open"}) and any(FILE_LOCK.search(call.callee) for call in c.calls):
        return True
    if not names.isdisjoint(PATH_TESTS) and (
        "getpid" in c.called or ("touch" in names and not names.isdisjoint(_GONE))
    ):
        return True  # a file that says that somebody is at work
    facts = c.module.scope.facts
    alone = is_command(facts.path, facts.script) or is_of_one_run(c.facts.owner)
    if _in_threads(c) and not names.isdisjoint(OF_THREADS):
        return True  # which meet on a path that they are all handed, or that the module has a name for
    return not alone and _says_shared(c, names)


def hides_files(c: Candidate) -> bool:
    """Whether a file may be made private, here or by what is called: of what commands do with files nothing else is sure."""
    return not _hiding(c.module.scope.index).isdisjoint(c.called | c.unnamed)


@lru_cache(maxsize=2)
def _hiding(index: Index) -> frozenset[str]:
    """The last names of what may make a file private: that itself, and the functions of the project that lead to it."""
    used = [
        (f.name, f.unnamed.union(path.rpartition(".")[2] for path in (*f.references, *(c.callee for c in f.calls))))
        for module in index.modules
        for f in module.functions
    ]
    found = frozenset({"chmod"})
    for _ in range(HELPER_DEPTH):
        found |= {name for name, names in used if not found.isdisjoint(names)}
    return found


def _writes_unnamed(c: Candidate) -> bool:
    """Whether a handler calls methods of what has no name, which may be paths: `(ROOT / name).write_text(text)`."""
    return ("pathlib.Path" in c.module.scope.imports.values() or "pathlib" in c.module.scope.imports) and (
        any(not call.callee for call in c.calls)
        and c.module.concurrency.handled_in_processes(c.facts.qualname) is not None
    )


_GONE = frozenset({"unlink", "remove"})
_PUTS = frozenset({"replace", "rename", "move"})


def _started(c: Candidate) -> bool:
    """Whether the module itself starts the definition beside others."""
    concurrency = c.module.concurrency
    roots = (concurrency.roots[number] for number in concurrency.reached.get(c.facts.qualname, ()))
    return any(not (root.public or root.called) for root in roots)


def _says_shared(c: Candidate, names: frozenset[str]) -> bool:
    """Whether anything says that other processes use a path: the text of the definition, or what it, its class or module is called."""
    module = c.module.scope.facts.path.replace("\\", "/").removesuffix(".py").split("/")[-2:]
    if not ATOMIC.isdisjoint(words_of_name(c.facts.qualname)) and not _PUTS.isdisjoint(names):
        return True
    words = words_of_paths(" ".join([c.facts.qualname, *module])).union(*(f.path_words for f in c.functions))
    meant = SHARED_WORDS | {SYSTEM}
    if not names.isdisjoint(PATH_TESTS):
        meant |= CONFIGURED | ENSURED | {KEY}
    if not names.isdisjoint(MAKES):
        if makes_any_folder(c.facts.name) or makes_any_link(c.facts.name) or _in_processes(c) or _in_threads(c):
            return True
        if not names.isdisjoint(PATH_TESTS):
            meant |= {PARENT, ROOTED}
    return is_storage(c.facts.owner) or not meant.isdisjoint(words)


def _in_threads(c: Candidate) -> bool:
    """Whether the module itself starts threads that run the definition."""
    return c.module.concurrency.surely_in_threads(c.facts)


def _in_processes(c: Candidate) -> bool:
    """Whether the module takes a lock between processes, or imports what runs it in several."""
    facts = c.module.scope.facts
    if any(FILE_LOCK.search(call.callee) for f in facts.functions for call in f.calls):
        return True
    return any(f"{o}.".startswith(f"{name}.") for o in c.module.scope.imports.values() for name in PROCESS_LIBRARIES)


OF_THREADS = frozenset({"replace", "rename", "renames", "move", "open", "write_text", "write_bytes"})
"""Steps of which threads of one module are told by what the module itself does with the path."""

MAKES = frozenset("mkdir makedirs mkfifo symlink link copytree symlink_to hardlink_to".split())
"""Steps that make something that is no file."""

EVERYBODYS = frozenset({"chmod", "mktemp"})
"""Steps that concern all users of the machine."""


def _waits(c: Candidate) -> bool:
    """Whether a path may be tested again and again until it is there."""
    return any(call.looped and call.callee.rpartition(".")[2] in PATH_TESTS for call in c.calls)


_OF_OBJECTS = frozenset({"copy", "copy.copy"})
"""What copies objects, where `shutil` copies files."""

OF_MODULES = PATH_STEPS & frozenset(
    "makedirs remove rmtree move copy copy2 copyfile copytree utime getmtime getsize dump".split()
)
"""Steps that only functions of modules make: methods of these names are those of collections and texts."""
