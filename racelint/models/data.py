"""What is known of libraries once their tables are read: calls, handlers, conversations, and all of it merged."""

from __future__ import annotations

from collections.abc import Iterable

from racelint.expressions import expression
from racelint.frozen import cached_property, dataclass, field
from racelint.words import POOL_MAPS, TAKEN

_CHANGING = frozenset(
    [
        "file-make",
        "file-remove",
        "file-copy",
        "file-name",
        "write",
        "update",
        "delete",
        "create",
        "save",
        "sql",
        "json-dump",
        "file-write",
        "commit",
        "add",
        "row-locked",
        "atomic",
        "transaction",
        "enqueue",
        "remove",
    ]
)
_EVERYWHERE = frozenset("append replace flush copy".split())
"""Names that lists and strings have: a unit that changes a store changes it in another way, too, or awaits it."""
_READING = frozenset(["read", "row", "exists", "file-read", "json-load", "open", "query-locked"])
_COMMON = frozenset(
    ["get", "first", "all", "count", "values", "keys", "read", "open", "last", "exists", "one", "load", "find"]
)
"""Names that too many other objects have, too: they count only where the rest says that a store is used."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a call does. Argument positions count from 0; `unless` names a keyword, or a position, that makes it atomic."""

    effect: str = "none"
    key: int | None = None
    value: int | None = None
    sql: int | None = None
    returns: str = ""
    world: str = "any"
    unless: tuple[str, ...] = ()
    named_key: str = ""
    """The keyword by which the key is given, if it is."""
    raises: bool = False
    """A lock whose `acquire` raises where it cannot be had, instead of answering."""


@dataclass(frozen=True, slots=True)
class Spawner:
    """A call that starts units of work: `many` if one call starts several; `world` they run in."""

    world: str
    many: bool = False
    once: bool = False
    """Starts a unit that runs alone with its starter waiting, such as `asyncio.run`."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that a framework calls for each request, message or job."""

    what: str
    world: str
    processes: bool = False
    """Runs in several worker processes in production."""
    shared: bool = False
    """All requests of a process are given to one object of the class, which others make anew for each."""
    on_loop: bool = False
    """A function that is no coroutine runs on the event loop, too, and not in a thread."""
    when: frozenset[str] = frozenset()
    """Last names of classes, one of which the module must use: a server that runs each request in a thread. Of what is assigned, of
    methods one of which must be called; of what is registered, of those one of which a new thread must run."""
    atomic: bool = False
    """Settings of the project may put each call into a transaction."""
    alone: bool = False
    """One thread makes all calls, one after the other."""
    each: bool = False
    """If `alone`: of each function, which has a thread of its own beside those of the others."""
    unless: frozenset[tuple[str, str]] = frozenset()
    """Last names of what makes the server, with an argument by which it calls nothing in threads: `SocketIO`, `async_mode='gevent'`."""
    methods: frozenset[str] = frozenset()
    """The only methods of a class that are called so, if not all public ones are."""
    own_machine: bool = False
    """Each of its processes works on a machine of its own, one call after the other."""
    anew: str = ""
    """An attribute of a class that is false where one object answers all requests of a process, instead of a new one each."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is said on a kind of connection, by methods' names: `alone` ask and take the answer, `asks` and `answers` do one of both."""

    made_by: frozenset[str]
    alone: frozenset[str]
    asks: frozenset[str]
    answers: frozenset[str]
    what: str = "connection"
    """What users call such an object."""


@dataclass()
class Models:
    """All tables, merged."""

    functions: dict[str, Call] = field(default_factory=dict)
    methods: dict[tuple[str, str], Call] = field(default_factory=dict)
    """By type and method name."""
    receivers: dict[str, list[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)
    """Untyped receiver names, each with types and the imports that make the guess admissible."""
    spawners: dict[str, Spawner] = field(default_factory=dict)
    """By dotted name, or `.method` for any receiver."""
    handler_decorators: list[tuple[str, Handler, tuple[str, ...]]] = field(default_factory=list)
    """Last names of decorators (`.get` for `@x.get`), with the imports they need."""
    registrations: list[tuple[str, Handler, tuple[str, ...]]] = field(default_factory=list)
    """Dotted names, or `.method` of any receiver, of calls that are given a handler, with the imports they need."""
    assigned: dict[str, Handler] = field(default_factory=dict)
    """Dotted names of attributes that a handler is assigned to: `paho.mqtt.client.Client.on_message`."""
    handler_bases: dict[str, Handler] = field(default_factory=dict)
    called_objects: list[tuple[tuple[str, ...], str, Handler]] = field(default_factory=list)
    """Names of the parameters of `__call__`, and of the constructor's first one, by which objects are known that are called so."""
    parameter_handlers: list[tuple[str, Handler, tuple[str, ...]]] = field(default_factory=list)
    """Name of the first parameter, with the imports."""
    answers: dict[str, Handler] = field(default_factory=dict)
    """Dotted names of methods of objects that a function makes, by which it is known to answer a request: `web.Response.prepare`."""
    types: set[str] = field(default_factory=set)
    parents: dict[str, str] = field(default_factory=dict)
    """A type whose methods another type shares."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Other names of a type."""
    constraint_errors: set[str] = field(default_factory=set)
    guards: list[str] = field(default_factory=list)
    """Substrings of decorator or context manager names that mean mutual exclusion."""
    idempotent: set[str] = field(default_factory=set)
    """Last names of calls that tolerate a second call."""
    beginnings: set[str] = field(default_factory=set)
    """First words of names of calls whose second run is seen: they open, start or send something."""
    hands_in: set[str] = field(default_factory=set)
    """Calls in the defaults or annotations of parameters that name a function which gives each call its argument."""
    serialised: set[str] = field(default_factory=set)
    by_one_process: set[str] = field(default_factory=set)
    """Methods, each with its class, that a framework calls in one process of a computation, while the others wait."""
    sent_by_tests: set[str] = field(default_factory=set)
    """Signals that only tests send, and the calls that connect a receiver with one."""
    refusing: set[str] = field(default_factory=set)
    """Classes of jobs that refuse a second one with the same arguments while the first one waits or runs."""
    awaited: set[str] = field(default_factory=set)
    """Packages all of whose calls are awaited, so that functions which are no coroutines do not use them."""
    one_at_a_time: set[str] = field(default_factory=set)
    """Functions that make connections which refuse a command while another one is under way."""
    ready_when_awaited: set[str] = field(default_factory=set)
    """Types whose objects are there at once, and ready when they have been awaited."""
    lifecycle: set[str] = field(default_factory=set)
    plain: set[str] = field(default_factory=set)
    """Packages whose classes are never rows."""
    looks: set[str] = field(default_factory=set)
    once: set[str] = field(default_factory=set)
    """Last words of names of fields that say that a right which is given once is gone."""
    libraries: set[str] = field(default_factory=set)
    """Packages whose tables describe stores."""
    row_methods: set[str] = field(default_factory=set)
    process_wide: set[str] = field(default_factory=set)
    """Dotted names of collections of the interpreter that any thread may resize."""
    process_settings: set[str] = field(default_factory=set)
    """Functions that set something of the whole process."""
    one_request: set[str] = field(default_factory=set)
    """Words in names of classes whose objects are of one request, though they are called as an application is."""
    slow: set[str] = field(default_factory=set)
    """Dotted names of calls that take long, and of modules all of whose calls do (with a dot at the end)."""
    exclusive: set[str] = field(default_factory=set)
    """Types whose objects one task at a time may use."""
    contexts: dict[str, str] = field(default_factory=dict)
    """Types whose objects are context managers with an effect: `with connection:` is a transaction."""

    conversations: dict[str, Conversation] = field(default_factory=dict)
    """Connections on which who asks takes the next answer, by type."""

    def conversation_of(self, maker: str) -> Conversation | None:
        """What is said on a connection that a call of this dotted name makes."""
        return self._by_maker.get(maker)

    @cached_property
    def said(self) -> frozenset[str]:
        """Last names of all methods that ask something on such a connection, or take an answer from it."""
        every = (name for one in self.conversations.values() for name in one.alone | one.asks | one.answers)
        return frozenset(name.rpartition(".")[2] for name in every)

    @cached_property
    def _by_maker(self) -> dict[str, Conversation]:
        return {maker: one for name, one in self.conversations.items() for maker in (name, *one.made_by)}

    @cached_property
    def external_methods(self) -> frozenset[str]:
        """Last names of all calls that change external state or start to."""
        names = {method for (_, method), call in self.methods.items() if call.effect in _CHANGING}
        names |= {name.rpartition(".")[2] for name, call in self.functions.items() if call.effect in _CHANGING}
        return frozenset(names - _EVERYWHERE)

    @cached_property
    def handler_endings(self) -> tuple[tuple[str, Handler], ...]:
        """The `handler_bases` of which only the end of the name is given."""
        return tuple((name[1:], handler) for name, handler in self.handler_bases.items() if name.startswith("*"))

    @cached_property
    def spawning_names(self) -> frozenset[str]:
        """Last names of all calls that start units."""
        return frozenset(name.rpartition(".")[2] for name in self.spawners) | POOL_MAPS

    @cached_property
    def effects(self) -> dict[str, frozenset[str]]:
        """The effects that methods of this name have, of whatever type."""
        found: dict[str, set[str]] = {}
        for (_, method), call in self.methods.items():
            found.setdefault(method, set()).add(call.effect)
        return {name: frozenset(effects) for name, effects in found.items()}

    @cached_property
    def sending_methods(self) -> frozenset[str]:
        """Last names of the calls that hand a job to workers, whatever they are called on."""
        names = {name for (_, name), call in self.methods.items() if call.effect == "enqueue"}
        return frozenset(
            names | {name.rpartition(".")[2] for name, call in self.functions.items() if call.effect == "enqueue"}
        )

    def sender(self, method: str, imports: frozenset[str]) -> str:
        """The type with a method of this name that hands a job to workers and is named as no other; "" if there is none."""
        if method not in self.sending_methods:
            return ""
        return next(
            (
                type_name
                for type_name, needed in self.receivers.get("*", ())
                if (call := self.methods.get((type_name, method))) is not None
                and call.effect == "enqueue"
                and (not needed or any(name in imports for name in needed))
            ),
            "",
        )

    @cached_property
    def exclusive_types(self) -> frozenset[str]:
        """`exclusive` with all names of the types."""
        return frozenset(self.exclusive | {name for name, of in self.aliases.items() if of in self.exclusive})

    @cached_property
    def reading_methods(self) -> frozenset[str]:
        """Last names of the calls that read external state and that hardly anything else is called."""
        names = {method for (_, method), call in self.methods.items() if call.effect in _READING}
        names |= {
            name.rpartition(".")[2] for name, call in self.functions.items() if call.effect in _READING and "." in name
        }
        return frozenset(names - _COMMON)

    def tells_taken(self, errors: Iterable[str]) -> bool:
        """Whether one of the errors is that of a database about a second row where there may be one: `DBDuplicateEntry`."""
        return any(error in self.constraint_errors or TAKEN.search(error) for error in errors)

    def names_lock(self, path: str) -> bool:
        """Whether something is called like what excludes others while it is held."""
        known = self._known_locks.get(path)
        if known is None:
            known = self._known_locks[path] = self._is_called_lock(path)
        return known

    @cached_property
    def _known_locks(self) -> dict[str, bool]:
        return {}

    def _is_called_lock(self, path: str) -> bool:
        lower = path.lower().replace("deadlock", "")  # what handles one is no lock
        return (
            any(part in lower for part in self.guards)
            or ("gate" in lower and _GATE.search(lower) is not None)
            or ("rw" in lower and _HALF.search(lower) is not None)
            or lower.endswith(_OF_QUEUE)
        )

    def may_reach_stores(self, name: str) -> bool:
        """Whether a call with this last name may do anything that a table tells of."""
        return name in self.effects or name in self._last_names

    @cached_property
    def all_effects(self) -> dict[str, frozenset[str]]:
        """The effects that calls with a last name have, be it a method's or a function's."""
        found = {name: set(effects) for name, effects in self.effects.items()}
        for name, call in self.functions.items():
            found.setdefault(name.rpartition(".")[2], set()).add(call.effect)
        return {name: frozenset(effects) for name, effects in found.items()}

    @cached_property
    def _last_names(self) -> frozenset[str]:
        return frozenset(
            name.rpartition(".")[2] for name, call in self.functions.items() if call.effect not in ("none", "stop")
        )

    def given_by(self, types: frozenset[str]) -> frozenset[str]:
        """The types of what methods of these types give, of what methods of those give, and so on."""
        found, todo = set(types), list(types)
        while todo:
            type_name = todo.pop()
            more = {*self._returned.get(type_name, ()), self.parents.get(type_name, "")} - found
            found |= more
            todo += more
        return frozenset(found)

    @cached_property
    def _returned(self) -> dict[str, set[str]]:
        """By type what its own methods give, and what its objects give when they are called."""
        found: dict[str, set[str]] = {
            name: {call.returns} for name, call in self.functions.items() if name in self.types and call.returns
        }
        for (type_name, _), call in self.methods.items():
            if call.returns:
                found.setdefault(type_name, set()).add(call.returns)
        return found

    def takes_long(self, name: str) -> bool:
        """Whether a call of this dotted name waits for something outside of the process."""
        return name in self.slow or (bool(name) and f"{name.partition('.')[0]}." in self.slow)

    def method(self, type_name: str, name: str) -> Call | None:
        """What `name` does on an object of the type, or of a type it inherits from."""
        while type_name:
            found = self.methods.get((type_name, name))
            if found is not None:
                return found
            type_name = self.parents.get(type_name, "")
        return None

    def guess(self, receiver: str, imports: frozenset[str], method: str = "") -> str:
        """The type that an untyped receiver of this name has in a module with these imports; "" if none is known.

        Types with the receiver `*` have methods that are named as no others: `method` alone tells them. Of several types that it may
        have, the first that has the method.
        """
        entry = _ENTRY.search(receiver) if receiver.endswith("]") else None  # `request.app["pool"]`
        named = self.receivers.get(entry[2] if entry is not None else receiver.rpartition(".")[2].lstrip("_"), [])
        fitting = [
            type_name
            for type_name, needed in (*named, *self._told_by_method.get(method, ()))
            if not needed or any(name in imports for name in needed)
        ]
        return next((name for name in fitting if self.method(name, method) is not None), fitting[0] if fitting else "")

    @cached_property
    def _told_by_method(self) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
        """By method: the types with the receiver `*` that have it themselves."""
        found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for entry in self.receivers.get("*", ()):
            for type_name, method in self.methods:
                if type_name == entry[0]:
                    found.setdefault(method, []).append(entry)
        return found


_ENTRY = expression(r"\[([\"'])_*(\w+)\1\]$")
"""An entry of a collection that is called by a name."""

_OF_QUEUE = (".not_empty", ".not_full", ".all_tasks_done")
"""The conditions of `queue.Queue`, which are all on its one lock."""
_GATE = expression(r"(^|[._])gate([._]|$)")
"""A word too short to be looked for within others, as in `aggregate`."""

_HALF = expression(r"(^|[._])rw\.(reader|writer|for_reading|for_writing)\b")
"""The half for readers, or for writers, of a lock that is named after both: `self._rw.reader`."""
