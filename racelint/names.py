"""Names that carry meaning: what racelint reads from a name alone. All other names can be changed without changing a finding."""

from __future__ import annotations

import re
from functools import cache

from racelint.frozen import dataclass
from racelint.models.loader import load_models
from racelint.paths import (
    CONFIGURED,
    ENSURED,
    FILE_LOCK,
    FIRST,
    FOLDERS,
    KEPT_WORDS,
    OWN_WORDS,
    SHARED_WORDS,
    words_of_name,
)
from racelint.words import (
    ADVANCED,
    AFTER_FORK,
    BEFORE,
    CLOCKS,
    CODES,
    ENDING,
    EVERYWHERE,
    FLUSHES,
    FORMS,
    FREE,
    HOLDERS,
    MAIN_LOOPS,
    MAKING_SURE,
    NUMBER,
    OF_SIZE,
    OVER,
    PROMISE,
    REFERS,
    REFUSES_STALE,
    RIGHTS,
    SETTLES,
    SIGNED_IN,
    TAKEN,
    TAKES_BACK,
    TOKEN,
    UNTIL,
    WORD,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a kind of name says, how it is shown in the documentation, and the expression that it matches."""

    names: str
    says: str
    pattern: str


MEANINGS = (
    Meaning(
        "`load_x`/`save_x`, `read_x`/`write_x`, `get_x`/`set_x`, `fetch`, `find`, `retrieve`, `download`, `store`, `put`, `dump`, "
        "`update`, `upload`, as the first word or the last: `metadata_get`/`metadata_set`",
        "read and write a document whose code cannot be seen",
        r"^_*(load|save|read|write|get|set|fetch|find|retrieve|download|store|put|dump|update|upload)(_|$)"
        r"|_(load|save|read|write|get|set|fetch|find|retrieve|download|store|put|dump|update|upload)$",
    ),
    Meaning(
        "`lock`, `mutex`, `semaphore`, `cond`, `limiter`, `exclusive`, `synchronized`, `linearizer`, `single_flight` in a name, `gate` as a word of it, `reader` and `writer` of what is named `rw`, `not_empty`, `not_full` and `all_tasks_done` of a queue",
        "something that excludes others while it is held",
        r"(?i)lock|mutex|semaphore|exclusive|synchroni|critical_section|linearizer|one_at_a_time|single_?flight|_serial|limiter|"
        r"(^|_)gate(_|$)|(^|_)rw$|^(not_empty|not_full|all_tasks_done)$|"
        r"cond(ition)?$|_?sem$|_cv$",
    ),
    Meaning(
        "`_locked`, `_under_lock`, `_with_lock`, `_holding_lock`, `_unsafe`, `_nolock`, `_unlocked` at the end",
        "the caller holds the lock, if one of the callers does",
        r"(_locked|under_lock|with_lock|holding_lock|_unsafe|_nolock|_no_lock|_unlocked)$",
    ),
    Meaning(
        "`urlpatterns`, `urls`, `routes`, `handlers` at the end of the name of a collection of the module; `get`, `post`, `on_get`, … of "
        "an object that a call adds to the routes",
        "which objects answer all requests of a process, and by which methods",
        r"(?i)(^|_)(urlpatterns|urls|routes|handlers)$|^(on_)?(get|post|put|patch|delete|head|options)(_|$)",
    ),
    Meaning(
        "`after_fork`, `post_fork`, `at_fork`, `after_in_child` in the name of a function",
        "what a child process does while it still has one thread: callers do not run it at once",
        AFTER_FORK.pattern,
    ),
    Meaning(
        "`ctx`, `context`",
        "what one run of something is handed, with a store of its own: low confidence",
        r"^(ctx|context)$",
    ),
    Meaning(
        "`refresh_token`, handed over or as the end of what is called: `trade_refresh_token`",
        "a server takes it once, and gives another one",
        r"(?i)refresh_?token$",
    ),
    Meaning(
        "`token`, `bearer`, `jwt` as the last word of what is kept, also before `cache`, `data`, `info`",
        "lets somebody in for a while, and is asked for as often as one likes, unless a refresh token is traded in for it",
        TOKEN.pattern,
    ),
    Meaning(
        "`ensure`, `convert`, `resolve`, `normalize`, `parse`, `validate`, `check`, `into`, `to` as the first word of an awaited call that is handed what its answer replaces",
        "brings a value into shape: two that do so get the same",
        r"^_*(ensure|convert|resolve|normali[sz]e|parse|validate|check|into|to)(_|$)",
    ),
    Meaning(
        "`Conflict`, `Stale`, `Outdated`, `Obsolete`, `Mismatch`, `Concurrent`, `Changed`, `Modified` in the name of an error that a "
        "function makes which saves a document",
        "whoever saves what is not new any more is refused",
        REFUSES_STALE.pattern,
    ),
    Meaning(
        "`configure` at the beginning of the name of a method",
        "completes a row before others use it",
        r"^_*configure(_|$)",
    ),
    Meaning(
        "`View`, `ViewSet`, `Mixin` at the end of a class", "`get_object` of it fetches a row", r"(View|ViewSet|Mixin)$"
    ),
    Meaning("the name of a column of a statement, for a variable", "what the statement reads from it", r"(?!)"),
    Meaning(
        'the name of a class of the module, for what an application keeps: `request.app["front_desk"]`, `app.state.front_desk`',
        "an object of that class is kept there",
        r"(?!)",
    ),
    Meaning(
        "`sender`, `instance` and `created` together, as the arguments of a function",
        "Django's `post_save` calls it",
        r"^(sender|instance|created)$",
    ),
    Meaning(
        "`environ` and `start_response` as the arguments of `__call__`, `get_response` as that of the constructor",
        "a server calls the object for each request",
        r"(?!)",
    ),
    Meaning(
        "`XResponse`, `XException`, `XError`, `XRedirect`",
        "an object of one request, though it is called as an application is",
        rf"({'|'.join(sorted(load_models().one_request))})",
    ),
    Meaning(
        "`process_request`, `process_view`, `process_response`, `process_exception`, `process_template_response`",
        "a server calls these methods of a middleware one after the other for each request",
        r"^process_(request|view|response|exception|template_response)$",
    ),
    Meaning(
        "`start`, `connect`, `open`, `setup`, `close`, `stop`, `shutdown` and their kin as the first word",
        "runs before or after all others",
        rf"^_*({'|'.join(sorted(load_models().lifecycle))})(_|$)",
    ),
    Meaning(
        "`run`, `main`, `serve`, `loop`, `mainloop` as the first word of a function without arguments",
        "goes on as long as its object or program does, and does not run twice at once",
        rf"^_*({'|'.join(sorted(MAIN_LOOPS))})(_|$)",
    ),
    Meaning(
        f"{', '.join(f'`{word}`' for word in sorted(MAKING_SURE))} as the first word of a function",
        "sees to it that something has been done, once",
        rf"^_*({'|'.join(sorted(MAKING_SURE))})(_|$)",
    ),
    Meaning(
        "`Duplicate`, `AlreadyExists`, `UniqueViolation`, `UniqueConstraint`, `IntegrityError` in the name of an error",
        "the database already has such a row",
        TAKEN.pattern,
    ),
    Meaning(
        "`user`, `account`, `current_user` in the handler of a request, if something is asked of it: `user.id`, `request.user`",
        "who is signed in",
        SIGNED_IN.pattern,
    ),
    Meaning(
        "`put_if_absent`, `set_if_empty` and their kin; `acquire`, `__enter__` of a class whose name ends in `Lock` or `Mutex`",
        "looks and sets in one step",
        rf"{PROMISE.pattern}|(?i:(lock|mutex)$)",
    ),
    Meaning(
        f"{', '.join(f'`{word}`' for word in sorted(ENDING))} as the first word of a call",
        "ends what several have done in parts",
        rf"^_*({'|'.join(sorted(ENDING))})(_|$)",
    ),
    Meaning(
        "`until`, `expires`, `expires_at`, `expiry`, `deadline`, as a column or the end of its name",
        "when a lease ends",
        UNTIL.pattern,
    ),
    Meaning(
        "`owner`, `holder`, `worker`, `leader`, `locked_by`, `claimed_by`, as a column of such a row",
        "who has the lease",
        HOLDERS.pattern,
    ),
    Meaning(
        "`websocket`, as all that a public coroutine method is given",
        "a server runs it for each connection",
        r"^websocket$",
    ),
    Meaning("`main` as the name of a function", "somebody starts it at a terminal", r"^main$"),
    Meaning("`lifespan`, `startup`, `shutdown`", "runs once", r"(^|_)(lifespan|startup|shutdown)(_|$)"),
    Meaning(
        "`register`, `connect`, `listen`, `track`, `subscribe`, `attach`, `on_x`, `add_x_callback`",
        "keeps a function to call it later",
        r"register|connect|listen|track|subscribe|attach|^on_|(add|set)_.*(callback|handler|listener|hook)",
    ),
    Meaning(
        "`version`, `revision`, `etag`, `generation`, `expected`",
        "a version; comparing it in the write makes the write conditional",
        r"(?i)version|revision|(^|_)rev(_|$)|etag|generation|expect|if_match|cas\b",
    ),
    Meaning(
        f"{', '.join(f'`{word}`' for word in sorted(OF_SIZE))} in a name, besides words of the name of a collection",
        "what the collection holds, counted",
        r"(?!)",
    ),
    Meaning(
        f"{', '.join(f'`{word}`' for word in sorted(CLOCKS))} as the last name of a call",
        "says what time it is",
        rf"^({'|'.join(sorted(CLOCKS))})$",
    ),
    Meaning(
        "`close`, `stop`, `cancel`, `flush`, `release`, `cleanup` and their kin", "tolerates a second call", r"(?!)"
    ),
    Meaning(
        "`connect`, `open`, `start`, `create`, `send`, `publish`, `charge`, `submit` and their kin as the first word",
        "begins or sends something: a second run is seen",
        r"(?!)",
    ),
    Meaning(
        "`stop`, `close`, `shutdown`, `unload`, `end`, `finish` and their kin as the first word of a function",
        "ends the object",
        r"(?i)^_*(async_)?(stop|close|aclose|shutdown|cleanup|disconnect|teardown|unload|terminate|end|exit|finish|cancel)(_|$)",
    ),
    Meaning(
        "`disable`, `unregister`, `unsubscribe`, `detach`, `unmount` and their kin as the first word of a function",
        "undoes what another one has set up: the flag that it lowers says how things are, not that there is work to do",
        rf"^_*({'|'.join(sorted(TAKES_BACK))})(_|$)",
    ),
    Meaning(
        "`closed`, `stopped`, `shutdown`, `aborted`, `exit_flag`, `stop_requested` as the last word, or words, of a flag",
        "tells others to go on no more",
        OVER.pattern,
    ),
    Meaning(
        "`next`, `seq`, `sequence`, `serial`, `number`, `ticket`, `msg_id` as the last word of what is counted up",
        "each number is given out once",
        NUMBER.pattern,
    ),
    Meaning(
        "`free`, `available`, `idle`, `pending`, `queued` as the last word of a flag that is lowered",
        "nobody has taken the thing yet",
        FREE.pattern,
    ),
    Meaning(
        f"{', '.join(f'`{word}`' for word in sorted(SETTLES))} as the first word of what is awaited before a thing is marked",
        "leaves things as they are when it is done a second time",
        rf"^_*({'|'.join(sorted(SETTLES))})(_|$)",
    ),
    Meaning(
        "`execute`, `request`, `send`, `query`, `call`, `fetch`, `publish` and their kin, for a function",
        "the one operation that an object is there for: each call is another one. As the first word of what is awaited before an "
        "event is cleared: asks for an answer",
        r"^_*(execute|request|send|query|call|invoke|fetch|command|post|get|put|delete|publish|write|emit|notify|transmit)(_|$)",
    ),
    Meaning(
        "`remove`, `unsubscribe`, `unregister`, `off`, `detach` and their kin in the name of a function",
        "by it a listener goes",
        r"(?i)(^|_)(remove|unsubscribe|unregister|off|detach|del|delete|discard|unlisten|disconnect)(_|$)",
    ),
    Meaning(
        "`on_x`, `handle_x`, `notify_x`, `emit_x`, `callback`, `dispatch` of what a loop goes over",
        "code of a listener, which may end its own subscription",
        r"^(on_|handle|notify|emit|callback|dispatch)",
    ),
    Meaning(
        ", ".join(f"`{word}`" for word in sorted(load_models().once)) + " as the last word of a field, `_at` aside",
        "a right that is given once is gone",
        rf"(?i)(^|_)({'|'.join(sorted(load_models().once))})(_(at|on|by))?$",
    ),
    Meaning(
        "`Event`, `Log`, `Entry`, `Audit`, `History`, `Record`, `Cleanup`, `Outbox`, `Archive`, `Snapshot`, `Tombstone` as the last word of a class of rows",
        "tells what has been, and stays when what it tells of is gone",
        r"(Events?|Logs?|Entry|Audits?|History|Histories|Record|Cleanups?|Outbox|Archives?|Snapshots?|Tombstones?)$",
    ),
    Meaning(
        "`owner`, `lease`, `lock`, `claim`, `holder`, `worker`, `author`, `user` in the name of a column that is compared with what a caller says",
        "says who has the row, not what is in it",
        r"(^|_)(owners?|leases?|lock(s|ed)?|claim(s|ed)?|holders?|workers?|authors?|users?)(_|$)",
    ),
    Meaning("`test_x`, `TestX`, `XTest`", "a test, which runs alone", r"^(test_|Test)|Tests?$|TestCase$"),
    Meaning("`for_update`, `advisory`", "locks rows", r"(?i)for_?update|advisory"),
    Meaning("`pool`, `executor`", "an object whose `map` starts jobs in threads", r"(?i)pool|executor"),
    Meaning(
        f"{', '.join(f'`{word}`' for word in sorted(SHARED_WORDS))} in a path, or in the name of its function, class or module",
        "processes share the file; of a word in the path alone, where something shows that several run",
        r"(?!)",
    ),
    Meaning(
        f"{', '.join(f'`{word}`' for word in sorted(CONFIGURED))} in the same places; {', '.join(f'`{word}`' for word in sorted(ENSURED))} where the function ensures",
        "every start of the program makes the file if it is missing",
        r"(?!)",
    ),
    Meaning(
        "`mkdir`, `mkdirs`, `makedirs`, `mkpath`, or `ensure`, `make`, `create`, `prepare`, `check` with `dir`, `directory`, `folder`, `path` in the name of a function; `symlink`",
        "anybody's folders or links are made there, also for several processes at once",
        r"(?i)mk_?dirs?|mk_?path|(ensure|make|create|prepare|check)_?(dir|folder|path)|sym_?link|hardlink",
    ),
    Meaning(
        f"{', '.join(f'`{word}`' for word in sorted(KEPT_WORDS | FOLDERS))} in the same places",
        "runs of the program share the file or folder, mostly one after the other: low confidence",
        r"(?!)",
    ),
    Meaning(
        f"{', '.join(f'`{word}`' for word in OWN_WORDS)}, `tmp_dir`, `tmp_path`, `temp_file`, `pid` in a path",
        "one run has the file for itself",
        "|".join(OWN_WORDS) + r"|te?mp|workspace|scratch|pid",
    ),
    Meaning(
        "`FileLock`, `lock_file`, `flock` and their kin, called in a module",
        "processes are kept apart there, so that several run it",
        FILE_LOCK.pattern,
    ),
    Meaning("`convert`, `migrate`, `upgrade` in the name of a function", "runs once", r"(?i)convert|migrat|upgrade"),
    Meaning("`atomic`, `atomically`", "what is written is put in place for others", r"(?i)atomic"),
    Meaning(
        "`main_process`, `is_master`, `rank_zero`, `get_rank` and their kin",
        "one process of several does it alone",
        FIRST.pattern,
    ),
    Meaning(
        "`x_dir()`, `x_folder()`, `x_home()`, `x_root()`, `X_DIR` in the path of a folder that is made",
        "one place for all processes",
        r"(?i)dir|folder|home|root|^[A-Z][A-Z0-9]*_[A-Z0-9_]*$",
    ),
    Meaning("`XStorage`, `XPersistence`", "a class whose files processes share", r"(?i)(storage|persistence)$"),
    Meaning("`build`, `builds` in a path", "one build has the file for itself", r"(?i)builds?"),
    Meaning(
        "`poetry.lock`, `dependencies_lock` and their kin",
        "a list of pinned dependencies, which is no lock",
        r"(?i)(dependenc(y|ies)|requirements|packages?|poetry|uv|pdm|cargo|pipfile|conda|yarn|npm)[._-]?lock(file)?",
    ),
    Meaning("`acquire_x` that is handed a lock", "takes the lock", r"(?i)acquire"),
    Meaning("`pidfile`, `pid_file` that is removed", "the process that made the file removes it", r"(?i)pid_?file"),
    Meaning("`backup`, `bak` in a path that is replaced", "nobody reads the file meanwhile", r"(?i)backup|bak"),
    Meaning(
        "`path`, `filename`, `target` and their kin",
        "says nothing of which file it is: another function's is another file",
        r"(?i)path|file|target|dest|source|src|dst",
    ),
    Meaning(
        "`setUp`, `_`, `cls`, `self` and names that begin or end with two underscores",
        "what Python says",
        r"^(setUp|_)$",
    ),
    Meaning("`pk`, `id`, `uuid`, `x_id`", "the key of a row", r"^_?(uuid|pk|id|\w+_(uuid|pk|id))$"),
    Meaning(
        f"{', '.join(f'`x_{word}`' for word in REFERS)}, where `X` is a table",
        "refers to a row of that table",
        rf"^\w+_({'|'.join(REFERS)})$",
    ),
    Meaning(
        "`instance`, `serializer`, `perform_create`, `XViewSet`, `XSerializer`",
        "what Django's signals and REST framework hand over and call",
        r"^(instance|serializer|perform_\w+|\w*ViewSet|\w+Serializer)$",
    ),
    Meaning(
        "`x_repo`, `x_repository`, `x_dao`, `crud`, and `db`, `session`, `conn`, `cursor` as arguments",
        "a function named `find_x` or `create_x` of it, or that is handed it, looks rows up or makes them",
        r"(?i)(^|_)(repos?|repositor(y|ies)|dao|crud|db|session|conn|connection|cursor|cur|tx|uow)$|(Repo|Repository|DAO)$",
    ),
    Meaning(
        "`models`, `model`, `entities`, `orm`, `tables` in the name of a module",
        "its classes are models, and an argument of one of them is a row",
        r"(?i)^(models?|entit(y|ies)|orm|tables?)$",
    ),
    Meaning(
        "`unique`, `unused`, `free`, `available` in the name of a function that is handed a model",
        "it looks for a value that no row has yet",
        r"(?i)uniqu|unused|_free_|^free_|available",
    ),
    Meaning(
        "`status`, `state` as the last word of a column",
        "a row that a function of other code has looked up leaves a state",
        r"(^|_)(status|state)$",
    ),
    Meaning(
        "`token`, `nonce`, `otp`, `secret`, `code` in the name of a column by which a row is asked for",
        "what is handed out once, and is gone when somebody has shown it",
        r"(?i)token|nonce|otp|secret|(^|_)code$",
    ),
    Meaning(
        "`create_x`, `insert_x`, `add_x`, `register_x` of a model's class",
        "makes a row of the model",
        r"^_*(create|insert|add|register)(_|$)",
    ),
    Meaning(
        "`importer`, `importers`, `data_importer` as a part of the path of a module",
        "whoever administers the application reads in one batch: low confidence of what it does to rows",
        r"(?!)",
    ),
    Meaning(
        "`form` and `serializer` at the end of the name of a variable",
        "holds the data of a request, and saves it as a row",
        rf"({'|'.join(FORMS)})$",
    ),
    Meaning(
        "`Invitation`, `Voucher`, `Coupon`, `GiftCard`, `Verification` and their kin in the name of a class, `token`, `code`, `key` and "
        "their kin at the end of the name of a column",
        "a right that is given once, to whoever shows its code",
        rf"(?i)({'|'.join(sorted(RIGHTS))})|{CODES.pattern}",
    ),
    Meaning("`x_queryset`, `x_qs`", "a query set of the rows `x`", r"_(queryset|qs)$"),
    Meaning(
        "`closing`, `_reconnecting` and other flags whose names end in `ing`",
        "say that something is under way, and differ meanwhile from what tells of it",
        r"ing$",
    ),
    Meaning(
        "`run`, `start`, `stop`, `send`, `handle` and other methods that all sorts of objects have",
        "called on something unknown, is that of a class which shares a word with the name of what it is called on",
        rf"^({'|'.join(sorted(EVERYWHERE))})$",
    ),
    Meaning(
        "`before_x` and `after_x`, `pre_x` and `post_x`, `x_started` and `x_finished` and the like, of two methods that are registered",
        "run one after the other for each job",
        rf"(^|_)({'|'.join(sorted({*BEFORE, *(first for firsts in BEFORE.values() for first in firsts)}))})(_|$)",
    ),
    Meaning(
        "`drain` and `flush` in the name of a method of a protocol",
        "whoever writes to its connection waits by it",
        rf"(?i)(^|_)({'|'.join(sorted(FLUSHES))})(_|$)",
    ),
    Meaning("`loop` at the end of what a task or a call is handed to", "an event loop", r"(?i)loop$"),
    Meaning(
        "`generator` and `iterator` at the end of the name of an attribute",
        "a loop over what a method of it gives takes one element after the other from what all share",
        ADVANCED.pattern,
    ),
    Meaning("`guarded_by`", "declares the lock of an attribute", r"^guarded_by$"),
)
"""What is read from names, in the order of the documentation."""


@cache
def _said() -> tuple[frozenset[str], frozenset[str], tuple[re.Pattern[str], ...]]:
    """Names and words that the tables of models know, and the expressions of `MEANINGS`."""
    models = load_models()
    calls = {name.rpartition(".")[2] for name in (*models.functions, *models.spawners)} | {
        method for _, method in models.methods
    }
    handlers = {name for name, _, _ in models.parameter_handlers} | {
        name.rpartition(".")[2] for name, _, _ in models.handler_decorators
    }
    handlers |= {name for signature, made_with, _ in models.called_objects for name in (*signature, made_with)}
    handlers |= {name for handler in models.handler_bases.values() for name in handler.methods}
    whole = calls | handlers | set(models.receivers) | set(models.row_methods) | models.idempotent
    return frozenset(whole), frozenset(models.beginnings), tuple(re.compile(m.pattern) for m in MEANINGS)


def says_something(name: str) -> bool:
    """Whether the name, or a word in it, is one that racelint reads something from."""
    whole, beginnings, expressions = _said()
    words = [word.lower() for word in WORD.findall(name)]
    return (
        name.lstrip("_") in whole
        or name in whole
        or bool(words and words[0] in beginnings)
        or not OF_SIZE.isdisjoint(words)
        or not (SHARED_WORDS | KEPT_WORDS | FOLDERS | CONFIGURED | ENSURED).isdisjoint(words_of_name(name))
        or any(expression.search(name) for expression in expressions)
    )
