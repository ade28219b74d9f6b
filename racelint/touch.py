"""What a function touches at all, by the names in its facts: what flows ask of helpers, and rules without needs of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from racelint.evidence import Concurrency
from racelint.evidence.starts import may_start
from racelint.facts import CallSite, FunctionFacts, Write, is_property
from racelint.paths import PATH_MOVES, PATH_OPENS, PATH_READS, PATH_STATS, PATH_STEPS, PATH_TESTS, PATH_WRITES
from racelint.resolve import CONSTRUCTORS, Scope, enclosing_self
from racelint.words import THREAD_CALLS, first_word

COMPLETIONS = frozenset({"set_result", "set_exception"})
"""Methods that complete a future, which fail if it is completed already."""

LIMITS = frozenset({"timeout", "timeout_at", "fail_after", "fail_at", "move_on_after", "move_on_at"})
"""Last names of the context managers of asyncio, anyio, trio and async_timeout that cancel what takes too long."""


ENDINGS = frozenset(
    "stop close aclose shutdown shut cleanup disconnect teardown unload terminate end exit finish cancel".split()
)
"""First words of functions that end an object."""


def looks_up_and_changes(function: FunctionFacts) -> bool:
    """Whether a plain function that is asked for something and answers it takes an entry out of a collection and puts one in."""
    if function.is_async or function.yields or not function.returned:
        return False
    asked = len(function.params) > bool(function.owner)
    takes = any(write.how in _TAKES_ONE or write.how == "popitem" for write in function.writes)
    return asked and takes and any(write.how == "[]" for write in function.writes)


_LOOKS = frozenset(["get", "find", "lookup", "look", "resolve", "search", "locate", "match", "is", "has", "in"])
"""First words of the names of functions that look something up."""
_LOOKS_BY_SYNTAX = frozenset({"__getitem__", "__getattr__", "__contains__", "__missing__", "__call__"})


def says_that_it_looks(function: FunctionFacts) -> bool:
    """Whether the name of a function says that it only looks something up."""
    return function.name in _LOOKS_BY_SYNTAX or first_word(function.name) in _LOOKS


def in_full(function: FunctionFacts, path: str) -> str:
    """A dotted path whose first name, if it is local and made in one way, is replaced by what it was made from."""
    for _ in range(3):
        root, dot, rest = path.partition(".")
        made = {write.built_from for write in function.writes if write.path == root and write.how == "="}
        if len(made) != 1 or root not in function.local_names or not all(made):
            break
        path = next(iter(made)) + dot + rest
    return path


def calls_entry(call: CallSite, function: FunctionFacts) -> bool:
    """Whether an awaited call runs what a loop of the function goes over, or a method of that by which it is told something."""
    root, dot, method = call.callee.partition(".")
    told = not dot or method.startswith(("on_", "handle", "notify", "emit", "callback", "dispatch", "__call__"))
    return call.awaited and told and root in function.loop_names


def runs_entries(function: FunctionFacts, names: frozenset[str]) -> bool:
    """Whether a plain function tells something to what one of these names, which loops bind, stands for: code of whoever put it there."""
    return any(call.callee in names and call.arguments and not call.awaited for call in function.calls)


def takes_entry_on(function: FunctionFacts, write: Write) -> bool:
    """Whether a change puts one entry into a collection in a public function by which a listener comes."""
    if write.how not in ("[]", "add", "setdefault", "append") or function.is_async or function.name in CONSTRUCTORS:
        return False
    return not function.name.startswith("_") and not _BEGINS_ONE.isdisjoint(function.name.lower().split("_"))


_BEGINS_ONE = frozenset({"add", "register", "subscribe", "on", "attach", "connect", "listen", "watch"})
"""Words in the names of functions by which a listener comes."""


def ends_entry(function: FunctionFacts, write: Write) -> bool:
    """Whether a change takes one entry out of a collection in a function by which that entry, as a listener, goes."""
    if write.how not in _TAKES_ONE or function.is_async or function.name in CONSTRUCTORS:
        return False
    if function.parent:
        return True
    return not function.name.startswith("_") and not _ENDS_ONE.isdisjoint(function.name.lower().split("_"))


_TAKES_ONE = ("del[]", "pop", "remove", "discard")
"""How one entry is taken out."""
_ENDS_ONE = frozenset(
    {"remove", "unsubscribe", "unregister", "off", "detach", "del", "delete", "discard", "unlisten", "disconnect"}
)
"""Words in the names of functions by which a listener goes."""


def comes_first(call: CallSite, caller: FunctionFacts) -> bool:
    """Whether the call is the first thing that the caller awaits, whatever happens."""
    return call.awaited and not call.arms and call.line == min(c.line for c in caller.calls if c.awaited)


def locks_next(caller: FunctionFacts, call: CallSite, scope: Scope) -> str:
    """The lock of its object that a method takes after an awaited call of another one, which it makes without it; "" if none."""
    is_lock = scope.is_lock
    if not (call.awaited and call.callee.startswith("self.") and caller.owner) or any(map(is_lock, call.within)):
        return ""
    for later in caller.calls:
        if later.line > call.line and later.arms[: len(call.arms)] == call.arms:
            taken = (*later.within, later.callee.removesuffix(".acquire") if later.callee.endswith(".acquire") else "")
            lock = next((path for path in taken if path.startswith("self.") and is_lock(path)), "")
            if lock:
                return lock
    return ""


COMMON = frozenset("add update delete set write create put remove insert send execute run get_or_create".split())
"""Names of calls that change stores, and that too many other objects have: they count where a store's library is imported."""

RUN = frozenset({"execute", "run"})
"""Those of them that send a statement of SQL, where the function holds one: whoever handed the cursor in imports the driver."""

STEPS = frozenset(
    "get first all one open count exists scalar scalars filter query select isfile isdir is_file is_dir last to_thread run_in_executor hasattr".split()
)
"""Names of calls that read stores or lead to such calls; alone they say nothing."""

_READ_VERBS = frozenset(["load", "read", "get", "fetch", "find", "retrieve", "download"])
_WRITE_VERBS = frozenset(["save", "set", "put", "write", "store", "dump", "update", "upload"])


def may_race(function: FunctionFacts, scope: Scope, concurrency: Concurrency) -> bool:
    if (
        function.is_async
        and function.suspends
        and (
            (changes_state(function, scope) and (_reads_what_it_writes(function) or _changes_two(function)))
            or touches_vanishing_state(function, scope)
            or _helpers_touch(function, scope, concurrency)
            or (bool(function.parent) and any(w.path in function.outer_names for w in function.writes))
        )
    ):
        return True
    names = frozenset(call.callee.rpartition(".")[2] for call in function.calls)
    if steps_on_paths(names | run_in_threads(function.calls)) or completes_futures(function, scope):
        return True
    if (calls_store(function, scope) and _has_two_steps(function, scope, concurrency)) or _starts_many(function, scope):
        return True
    if waits_for_condition(function, concurrency):
        return True
    if changes_state(function, scope):
        if may_start(concurrency, function):
            return True
        if function.name in CONSTRUCTORS:
            return _reads_what_it_writes(function)
        return (
            (concurrency.threaded and (concurrency.has_locks or _reads_what_it_writes(function)))
            or concurrency.surely_in_threads(function)
            or bool(function.global_names)
            or any(w.path.partition(".")[0] in ("cls", *scope.classes) for w in function.writes)
            or concurrency.runs_in_processes(function)
        )
    return any(decorator.rpartition(".")[2] in ("cache", "lru_cache") for decorator in function.decorators)


def waits_for_condition(function: FunctionFacts, concurrency: Concurrency) -> bool:
    """Whether the function takes something named like a condition variable, or of that type, and waits for it."""
    waited = {call.callee.removesuffix(".wait") for call in function.calls if call.callee.endswith(".wait")}
    if not waited:
        return False
    taken = {guard for call in function.calls for guard in call.within} | {
        call.callee.removesuffix(".acquire") for call in function.calls
    }
    return bool(waited & taken) or any(
        concurrency.receiver_type(path, function).endswith("Condition") for path in waited
    )


def made_future(built: str) -> bool:
    """Whether the dotted source is that of a call that makes a future, or of its class."""
    return built.rpartition(".")[2] in ("create_future", "Future")


def limited_waits(function: FunctionFacts, scope: Scope) -> Iterator[str]:
    """The names and paths that the function awaits only for a while: `wait_for(self.answer, 5)`, or under a limit."""
    named = [(call.callee.rpartition(".")[2], call.arguments[0]) for call in function.calls if call.arguments]
    shielded = {path for name, path in named if name == "shield"}
    yield from (path for name, path in named if name == "wait_for" and path and path not in shielded)
    for path, _, within in function.waits:
        if is_limited(within, scope):
            yield path


def is_limited(within: Iterable[str], scope: Scope) -> bool:
    """Whether one of the context managers cancels what takes too long."""
    return any(scope.canonical(guard).rpartition(".")[2] in LIMITS for guard in within)


def listed_futures(function: FunctionFacts) -> Iterator[tuple[str, str]]:
    """The collections into which the function puts a future that it has made, each with the local name of that."""
    made = {name for name, built in function.locals_built if made_future(built)}
    for write in function.writes if made else ():
        if write.how == "[]" and write.built_from in made:
            yield write.path, write.built_from
    for call in function.calls if made else ():
        path, _, method = call.callee.rpartition(".")
        if method in _LISTS:
            yield from ((path, name) for name in call.arguments if name in made)


_LISTS = frozenset({"append", "appendleft", "add", "setdefault"})
"""Methods of collections that put something in."""


def completes_futures(function: FunctionFacts, scope: Scope) -> bool:
    """Whether the function completes futures after a switch point or as a timer may, or hands that to the loop."""
    for call in function.calls:
        if any(argument.rpartition(".")[2] in COMPLETIONS for argument in call.arguments):
            return True
        if call.callee.rpartition(".")[2] in COMPLETIONS and (function.suspends or scope.has_timers):
            return True
    return False


def _helpers_touch(function: FunctionFacts, scope: Scope, concurrency: Concurrency, depth: int = 3) -> bool:
    """Whether a helper that the function calls touches changing state."""
    for call in function.calls:
        for helper in concurrency.target(call.callee, function):
            if helper is function:
                continue
            if changes_state(helper, scope) or touches_vanishing_state(helper, scope):
                return True
            if depth and _helpers_touch(helper, scope, concurrency, depth - 1):
                return True
    return False


def _changes_two(function: FunctionFacts) -> bool:
    """Whether the function sets two different attributes or globals, which may belong together."""
    return len({write.path for write in function.writes if "." in write.path or write.path in function.outer_names}) > 1


def _has_two_steps(function: FunctionFacts, scope: Scope, concurrency: Concurrency) -> bool:
    """Whether there can be a second access of a store: another such call, a helper, a row's field that is set, a path test."""
    models = scope.models
    steps = 0
    for call in function.calls:
        name = call.callee.rpartition(".")[2]
        verb = name.lstrip("_").partition("_")[0]
        known = (
            name in models.external_methods or name in models.reading_methods or name in STEPS or verb in _READ_VERBS
        )
        if known or concurrency.target(call.callee, function):
            steps += 1
    return (
        steps > 1
        or any("." in write.path for write in function.writes)
        or (steps == 1 and (bool(function.parent) or any(path.endswith(".DoesNotExist") for path in function.reads)))
    )


def tests_a_path(function: FunctionFacts) -> bool:
    """Whether a short helper says whether a path is there, or a function, somewhat longer, looks in a loop for one that is not."""
    return function.statements <= MOST_OF_A_SEARCH and any(
        call.callee.rpartition(".")[2] in ("exists", "isdir", "isfile", "lexists", "is_dir", "is_file")
        and (function.statements <= MOST_OF_A_TEST or (call.looped and not function.owner))
        for call in function.calls
    )


MOST_OF_A_TEST = 3
"""How many statements a helper has at most that only tests a path."""
MOST_OF_A_SEARCH = 6
"""How many one has that tries one name after the other."""


def run_in_threads(calls: Iterable[CallSite]) -> frozenset[str]:
    """The last names of what calls have a thread do and wait for: `await asyncio.to_thread(path.read_bytes)`."""
    handing = (call for call in calls if call.awaited and call.callee.rpartition(".")[2] in THREAD_CALLS)
    return frozenset(given.rpartition(".")[2] for call in handing for given in call.arguments[:2])


def steps_on_paths(names: frozenset[str]) -> bool:
    """Whether calls with these last names can test a path before a step on it, or write a file whose name says that others read it."""
    if "mktemp" in names or ("move" in names and any("temp" in name.lower() for name in names)):
        return True
    steps = names & PATH_STEPS
    if not steps:
        return False
    if names & PATH_TESTS and len(names & (PATH_TESTS | PATH_STEPS)) > 1:
        return True
    if names & PATH_STATS and names & (PATH_MOVES | PATH_READS):
        return True
    if len(steps & PATH_MOVES) > 1 or (("chmod" in steps) and steps & {"open", "write_text", "write_bytes"}):
        return True
    return bool(steps & PATH_OPENS and names & PATH_WRITES)


def _starts_many(function: FunctionFacts, scope: Scope) -> bool:
    """Whether a function of a module that uses a store starts several tasks, which may share its session."""
    if not function.is_async or not scope.libraries & scope.models.libraries:
        return False
    return any(
        call.callee.rpartition(".")[2]
        in ("gather", "create_task", "start_soon", "ensure_future", "wait", "as_completed")
        for call in function.calls
    )


def _reads_what_it_writes(function: FunctionFacts) -> bool:
    """Whether any state that the function sets is also read there, alone or through a part."""
    return any(".".join(write.path.split(".")[:2]) in function.reads for write in function.writes)


def touches_vanishing_state(function: FunctionFacts, scope: Scope) -> bool:
    """Whether the function reads an attribute or global that something sets to None or takes entries out of."""
    owner, self_name = enclosing_self(function, scope)
    for path in function.reads:
        root, dot, attribute = path.partition(".")
        if dot and root == self_name and owner:
            if scope.vanishes(owner, attribute) or is_property(scope.method(owner, attribute)):
                return True
        elif not dot and root in scope.vanishing_globals:
            return True
    return False


def changes_state(function: FunctionFacts, scope: Scope) -> bool:
    _, self_name = enclosing_self(function, scope)
    for write in function.writes:
        root, dot, _ = write.path.partition(".")
        if root in function.outer_names or (root not in function.local_names):
            return True
        if dot and (root in (self_name, "cls") or root in {name for name, _ in function.params}):
            return True
    return False


def touches_changing_state(function: FunctionFacts, scope: Scope) -> bool:
    owner, self_name = enclosing_self(function, scope)
    for path in function.reads:
        root, dot, attribute = path.partition(".")
        if dot and root == self_name and owner:
            if scope.changes_attribute(owner, attribute) or is_property(scope.method(owner, attribute)):
                return True
        elif root in scope.rebound_globals:
            return True
    return bool(function.parent)


def picks_one(function: FunctionFacts, scope: Scope) -> bool:
    """Whether a plain method goes through objects and looks at what others set on them: it may give the caller one of them."""
    if not function.loop_names or function.is_async or not function.owner:
        return False
    return any(
        root in function.loop_names and attribute in scope.set_on_others
        for root, dot, attribute in (path.partition(".") for path in function.reads)
    )


def takes_or_gives_lock(function: FunctionFacts) -> bool:
    """Whether what a helper does may decide what its caller holds: `self._lock.acquire()` stands in it."""
    return any(call.callee.endswith((".acquire", ".acquire_nowait", ".release")) for call in function.calls)


def calls_store(function: FunctionFacts, scope: Scope) -> bool:
    methods = scope.models.external_methods
    if not scope.libraries & scope.models.libraries:
        methods -= COMMON - RUN if function.sql else COMMON
        if any(call.callee.rpartition(".")[2] == "open" for call in function.calls):
            methods |= {"write"}
    reads = writes = False
    for call in function.calls:
        name = call.callee.rpartition(".")[2]
        if name in methods or any(
            argument.rpartition(".")[2] in methods for argument in call.arguments if "." in argument
        ):
            return True
        verb, _, noun = name.lstrip("_").partition("_")
        if noun or call.awaited:
            reads = reads or verb in _READ_VERBS
            writes = writes or verb in _WRITE_VERBS
    return reads and writes


def reads_store(function: FunctionFacts, scope: Scope) -> bool:
    """Whether a helper reads external state, so that what it returns stems from there."""
    methods = scope.models.reading_methods
    for call in function.calls:
        name = call.callee.rpartition(".")[2]
        verb, _, noun = name.lstrip("_").partition("_")
        if (
            name in methods
            or name in ("load", "open")
            or ((noun or call.awaited) and verb in _READ_VERBS and "." in call.callee)
        ):
            return True
        if any(argument.rpartition(".")[2] in methods for argument in call.arguments if "." in argument):
            return True
    return False
