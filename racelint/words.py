"""The words that names are made of."""

from __future__ import annotations

from functools import lru_cache

from racelint.expressions import expression


@lru_cache(maxsize=4096)
def first_word(name: str) -> str:
    """The first word of a function's name: `setup` of `Pool._async_setup_all`."""
    words = name.rpartition(".")[2].lower().split("_")
    return next((word for word in words if word and word not in ("async", "do", "a")), "")


def first_words(callee: str) -> set[str]:
    """The first words of the parts of a dotted name: `mailer` and `send` of `mailer.send_all`."""
    return {first_word(part) for part in callee.split(".")}


STAND_INS = "memory|fake|mock|dummy|stub|test|simple|null|dict"
"""Parts, in small letters, of the names of classes that keep in memory, or for show, what others keep elsewhere."""

EVERYWHERE = frozenset(
    "run start stop shutdown execute process handle send receive connect disconnect call put".split()
)
"""Methods that all sorts of objects have: what is not known is of a class of the module only if it is named after it."""


def named_after(name: str, class_name: str) -> bool:
    """Whether a name shares a word with that of a class, or the beginning of one: `conn` and `PooledConnection`."""
    mine, others = (
        [word.lower().rstrip("s") for word in WORD.findall(text)] for text in (name, class_name.rpartition(".")[2])
    )
    return any(
        min(len(one), len(other)) > 2 and (one.startswith(other) or other.startswith(one))
        for one in mine
        for other in others
    )


WORD = expression(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""A word of a name, whether words are joined by underscores or by capital letters."""


def names_cache(name: str) -> bool:
    """Whether a name says that what it stands for is kept only to be found faster: `self._page_cache`, `LRU`."""
    return any(word.lower().rstrip("s") in _KEPT_FOR_SPEED for word in WORD.findall(name))


_KEPT_FOR_SPEED = frozenset({"cache", "cached", "memo", "lru", "recent", "history"})


def names_token(name: str) -> bool:
    """Whether a name says that what it stands for lets somebody in for a while: a server gives as many as are asked for."""
    return TOKEN.search(name.rpartition(".")[2]) is not None


TOKEN = expression(r"(?i)(^|_)(token|bearer|jwt)(_cache|_cached|_data|_info)?$")

POOL_MAPS = frozenset({"map", "imap", "imap_unordered", "starmap", "map_async"})
"""Methods of pools that start a unit for each item; many other objects have a `map`."""

MAIN_LOOPS = frozenset({"run", "main", "serve", "loop", "mainloop"})
"""First words of functions that go on as long as their object or program does."""

MAKING_SURE = frozenset({"ensure", "migrate", "prepare", "provision", "seed"})
"""First words of functions that see to it that something has been done, besides those that bring up or take down."""

SPENDS = frozenset(
    "charge refund withdraw pay payout transfer grant award credit debit ship redeem capture settle disburse fulfil fulfill".split()
)
"""First words of calls after which money or goods are gone."""

TELLS = frozenset("send publish notify email mail dispatch deliver".split())
"""First words of functions that tell somebody, who hears it twice if they run twice."""

TAKEN = expression(r"Duplicate|AlreadyExists?(Error|Exception)?$|UniqueViolation|UniqueConstraint|IntegrityError")
"""Names that projects and libraries give to errors about a second such row."""

OVER = expression(
    r"(^|_)(shut_?down|closed|closing|stopp(ed|ing)|cancell?ed|aborted|terminat(ed|ing)|exit(ed|ing)"
    r"|(stop|exit|quit|shutdown|abort|kill|terminate)_(flag|requested))$"
)
"""Names of flags that tell others to go on no more."""

FREE = expression(r"(^|_)(free|available|idle|vacant|unused|unassigned|unclaimed|pending|queued)$")
"""Names of flags that are up as long as nobody has taken the thing."""

NUMBER = expression(
    r"(^|_)(next|seq|sequence|serial|number|ticket|last_id|next_id|msg_id|message_id|packet_id|request_id)(_id|_no|_num)?$"
)
"""Names of numbers of which each is given out once."""

PACES = expression(r"(^|_)(retry|retries|backoff|reconnects?|consecutive)(_|$)")
"""Names of numbers that say when, or how often, something is tried again: one more or less does no harm."""

SETTLES = frozenset(
    "set turn switch apply sync save store write persist put validate verify close stop cancel flush".split()
)
"""First words of calls that leave things as they are when they are made a second time."""

REFUSES_STALE = expression(
    r"(^|\.)_?([A-Z]\w*)?(Conflict|Stale|Outdated|Obsolete|Mismatch|Concurrent|Changed|Modified)(\w*(Error|Exception))?$"
)
"""Names of errors that say that what is to be saved rests on what is not new any more."""

SIGNED_IN = expression(r"^(current_|auth_|session_)?(user|account)(_id)?$")
"""Names of arguments and attributes that hold who is signed in, if something is asked of them: `account.id`, `request.user`."""

WRITERS_OF = {
    "gen_rlock": "gen_wlock",
    "read_lock": "write_lock",
    "reader_lock": "writer_lock",
    "reader": "writer",
    "for_reading": "for_writing",
}
"""How libraries call the half of a lock that several readers hold at once, and the other half, which one writer holds alone."""

_HALVES = frozenset((*WRITERS_OF, *WRITERS_OF.values()))


def whole_lock(path: str) -> str:
    """The lock that a path names a half of, for readers or for writers: `rw` of `rw.reader`; any other path as it is."""
    holder, _, name = path.removesuffix("()").rpartition(".")
    return holder if name in _HALVES and holder not in ("", "self", "cls") else path


CLOCKS = frozenset(
    "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns now utcnow today current_time".split()
)
"""Last names of calls that say what time it is: `time.monotonic`, `loop.time`, `datetime.now`, `date.today`, `anyio.current_time`."""

OF_ENTRY = ("[]", "append", "appendleft", "add", "setdefault", "del[]", "del", "pop", "popleft", "remove", "discard")
"""Changes of one entry of a collection."""

OF_SIZE = frozenset("count counter size total length len num number of n sum".split())
"""Words of the names of what says how much a collection holds: `count`, `num_rows`, `size`."""

REFERS = ("id", "pk", "key", "number", "no", "code", "uuid")
"""Last words of columns that refer to a row of the table which they are named after: `team_id`, `department_number`."""

CURRENT_USER = expression(r"(^|\.)(user|current_user)(\.(id|pk|username|email))?$")
"""Who makes a request: `request.user`, `user.id`."""

OF_AUDIT = expression(r"^(last_|updated|modified|changed|edited|touched)")
"""How columns are called that keep who was the last to change a row, whoever that is."""

HOLDERS = expression(
    r"(^|_)(owner|holder|worker|leader|assignee)(_id)?$"
    r"|^(locked|claimed|leased|held|taken|reserved|booked|accepted|picked)_by(_id)?$|^assigned_to(_id)?$"
)
"""How columns are called that say who has a lease, or whose a thing is now."""

UNTIL = expression(r"(^|_)(until|expires|expiry|expires_at|expires_on|expire_at|deadline)$")
"""How columns are called that say when a lease ends."""

SESSION_MAKERS = expression(r"(?i)(^\..*|session_?(local|maker|factory))$")
"""What is imported and not known, and may by its name make sessions: `app.db.SessionLocal`, anything of the project itself (`.db.Session`)."""

SCOPES = expression(r"(?i)session|scope|transaction|unit_?of_?work|uow|conn|cursor|commit|(^|[._])(db|tx)|db$")
"""Names of context managers of a project that may commit at their end what was done in a session that they lend."""

ONCE = frozenset(
    "otp totp nonce ticket voucher magic verification verify confirm confirmation invite invitation reset csrf challenge".split()
)
"""Words of keys and functions that say that what stands there may be used once."""

RIGHTS = ONCE | frozenset(
    "coupon gift giftcard redemption activation registration signup promo promotion claim".split()
)
"""Words in names of classes whose rows are rights that are given once."""

CODES = expression(r"(^|_)(token|code|key|secret|nonce|otp|hash|uuid)$")
"""Names of columns that hold what is handed out."""

ADVANCED = expression(r"(^|[._])(generator|iterator)$")
"""Names of attributes whose methods give what is made as it is asked for."""

STATES = frozenset({"status", "state"})
"""Last words of the names of columns and attributes that hold a state."""

FORMS = ("form", "serializer")
"""How what holds the data of a request is called, and saves it as a row."""

PROMISE = expression(
    r"^_*(a_?)?(put|set|add|insert|store|write|save|create|acquire|lock|claim)_?(if|unless|when)_?(is_)?(not_)?"
    r"(empty|absent|missing|none|new|unset|free|present|exists?|existing)$"
)
"""How functions are called that set something only if there is nothing yet, in one step: `put_if_absent`."""

_LOCKING = expression(r"(?i)(lock|mutex)$")
_TAKES = frozenset({"acquire", "try_acquire", "__enter__", "__aenter__"})


def promises_one_step(name: str, owner: str) -> bool:
    """Whether a function says that it looks and sets in one step: by its name, or because it takes what its class calls a lock."""
    return PROMISE.search(name) is not None or (name in _TAKES and _LOCKING.search(owner) is not None)


ENDING = frozenset("complete finish finalize finalise conclude".split())
"""First words of calls that end what is done in parts, when all of them are done."""

NUMBERING = frozenset("next allocate sequence serial number".split())
"""Words in names of functions that give out numbers."""


SENDS = frozenset({"send", "sendall", "sendto", "request", "publish", "transmit"})
"""First words of calls that ask another side, whose answer comes by another way."""

REQUESTS = SENDS | {"execute"}
"""The same of methods of the project, by which an object sends: `self.execute_command("UNSUBSCRIBE", name)`."""

WAITS_FOR_END = frozenset({"wait", "finished", "join"})
"""First words of methods that are awaited until what is under way has ended: `wait_closed`, `finished`."""

FLUSHES = frozenset({"drain", "flush"})
"""Names of methods of a stream that wait until what was written is on its way."""

NOTES = frozenset({"[]", "add", "append", "setdefault", "update"})
"""How an entry is put into a collection."""

ASKED = frozenset({"get", "instance", "current", "default", "shared", "global"})
"""First words of functions that give whoever asks the one object that there is."""

TAKES_ENTRY = frozenset({"del[]", "pop", "remove", "discard"})
"""How one entry is taken out of a collection."""

ENQUEUES = expression(r"(put|insert|enqueue|push)(?![a-z])")
"""How the names of methods begin that put something into a queue: `put_nowait`, `insertJob`."""

DEQUEUES = expression(r"(get|next|pop|take|dequeue)(?![a-z])")
"""How the names of methods begin that take something out of a queue."""

PUTS = frozenset({"append", "add", "appendleft", "[]"})
"""How one thing is put into a collection."""

ADDS_CALLBACK = frozenset({"add_callback", "add_errback", "add_done_callback", "addCallback", "addErrback", "addBoth"})
"""How a callback is added to something that calls it at once if it is done already."""

BEFORE = {
    "after": ("before",),
    "post": ("pre",),
    "finished": ("started",),
    "finish": ("start",),
    "ended": ("started", "began"),
    "end": ("start", "begin"),
    "completed": ("started",),
    "teardown": ("before",),
}
"""By word of a name that says "when the job is done" the words that say "before it is"."""

FOR_MANY = frozenset({"cache", "pool", "storage"})
"""Last words of the names of classes whose objects are there for all who want something of them."""

BRINGS_UP = frozenset(
    "setup init initialize initialise reinitialize reinitialise start startup connect open login bootstrap launch bind".split()
)
"""First words of names of methods by which an object comes into use."""

OPERATIONS = frozenset(
    "execute execute_command request send query call invoke fetch fetch_all fetch_one fetchrow command post get put delete publish".split()
)
"""Names of the one operation that an object is there for: each call is another one."""

_OF_REQUEST = expression(r"^(request|req|ctx)\.(app|application)(\.(state|ctx)\b|\[|$)")
"""What a request says its application has, as a path: `request.app["visits"]`, `request.app.state.visits`, `request.app["left"]["tea"]`."""


def of_application(path: str) -> bool:
    """Whether the path means what all requests of an application share, though each of them is handed its own request."""
    return _OF_REQUEST.search(path) is not None


TAKES_BACK = frozenset("disable unregister unsubscribe deactivate detach uninstall unmount unbind unload leave".split())
"""First words of functions that undo what another one has set up."""

CLOSES = frozenset({"close", "aclose", "disconnect", "stop", "abort", "terminate", "shutdown"})
"""Calls after which a connection is of no use any more."""

ORDERINGS = frozenset("order ordering position sort_order sort_key display_order list_order menu_order z_index".split())
"""Columns that say in which order rows are shown."""

COUNTERS = frozenset({"incr", "incrby", "incrbyfloat", "decr", "decrby"})
"""Calls of Redis and of caches that count the whole value of a key and tell what it is then."""

HANDS_ON = frozenset({"put", "put_nowait"})
"""Last names of calls that put something into a queue, where another task takes it out."""

TASK_GROUPS = frozenset({"TaskGroup", "create_task_group", "open_nursery"})
"""Last names of what makes a group of tasks, and waits for them at the end of its block."""

THREAD_CALLS = frozenset(["to_thread", "run_in_executor", "run_sync", "run_in_threadpool"])
"""Last names of calls that run an argument and wait for it: that is a helper, too."""

COUNTING = ("Semaphore", "BoundedSemaphore", "CapacityLimiter")
"""What lets as many in as it is made with: for any number but 1, it excludes nobody. With 0 it is a signal."""

MANY = "#many"
"""Behind the type of what lets several in."""

AFTER_FORK = expression(r"(?i)(after|post|at)_?fork|after_in_child")
"""Names of what a child process does when it has been forked, with no other thread yet: `_reset_after_fork`."""

LOOP_CALLS = frozenset({"create_task", "call_soon", "call_later", "call_at"})
"""Methods of an event loop that only its own thread may call: they do not wake it."""

OF_LOOP = {
    **dict.fromkeys(
        ("put_nowait", "get_nowait", "task_done"),
        frozenset({"asyncio.Queue", "asyncio.PriorityQueue", "asyncio.LifoQueue"}),
    ),
    "set": frozenset({"asyncio.Event"}),
    **dict.fromkeys(("set_result", "set_exception"), frozenset({"asyncio.Future"})),
    **dict.fromkeys(("notify", "notify_all"), frozenset({"asyncio.Condition"})),
    "release": frozenset({"asyncio.Lock", "asyncio.Semaphore", "asyncio.BoundedSemaphore", "asyncio.Condition"}),
}
"""Methods by which a task learns that it may go on, with the classes whose objects only the thread of their loop may use."""

OWN_LOOPS = frozenset({"run_until_complete", "run_forever", "new_event_loop", "set_event_loop"})
"""Last names of calls by which a thread has a loop of its own; so has who calls `asyncio.run`."""

ASKS_FOR_THREAD = frozenset({"get_running_loop", "_get_running_loop", "current_thread", "get_ident", "main_thread"})
"""Last names of calls that say in which thread they are made."""


def named_loop(path: str) -> bool:
    """Whether a dotted name is called after an event loop: `self._event_loop`."""
    return path.rpartition(".")[2].lower().endswith("loop")


REPLACED_AFTER = frozenset({"close", "disconnect", "quit", "terminate"})
"""Last names of calls that end a file, connection or process, after which another one takes its place."""
