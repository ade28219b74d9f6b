"""`with`: locks, transactions, files and other contexts, and what ends with them."""

from __future__ import annotations

import re

import libcst as cst

from racelint.events import (
    OF_PROJECT,
    OF_THREAD,
    Kind,
    Place,
    Resource,
    Shape,
    Value,
)
from racelint.evidence.own_gates import gate_of, lets_in_many
from racelint.evidence.wrappers import OF_FUNCTION, is_lock_maker, is_own_lock, is_transaction, makes_own_lock
from racelint.expressions import expression
from racelint.facts import BEGUN, BEGUN_ALONE, FORGIVES, FunctionFacts
from racelint.facts.isolation import WORD
from racelint.flow.committing import commits_each
from racelint.flow.files import touched
from racelint.flow.leaving import Leaving
from racelint.flow.locks import is_lock, lock_given, lock_handed, lock_world
from racelint.flow.names import OWN_TO_THREAD
from racelint.flow.new_locks import new_lock_of
from racelint.flow.recording import NO_NAMES
from racelint.flow.row_locks import end_begun, end_row_locks
from racelint.flow.rows import write_row
from racelint.flow.scopes import begun_by_name, committing_scope, manager_of
from racelint.flow.summaries import source_of
from racelint.frozen import replace
from racelint.resolve import enclosing_self

_TEMPORARY = frozenset({"tempfile.NamedTemporaryFile", "tempfile.TemporaryFile", "tempfile.SpooledTemporaryFile"})
_WRITING = expression(r"""^(?:\w+\.)*open\(.*["'][wax]b?\+?["']""", re.DOTALL)
"""How a file is opened to be written."""

_DRAWN = expression(
    r"\b(uuid[14]|token_hex|token_urlsafe|token_bytes|getpid|get_ident|get_native_id|current_thread|current_process|mk[ds]?temp)\("
)
"""What draws a name that no other unit asks for, or tells the own process or thread."""

_NAMES = expression(r"(?<![\w.\"'])[A-Za-z_]\w*")

_STACKS = frozenset({"contextlib.ExitStack", "contextlib.AsyncExitStack"})
"""What leaves at its own end all that its `enter_context` has entered."""


class Contexts(Leaving):
    """Walks `with` statements."""

    def with_(self, node: cst.With) -> None:
        opened: list[int] = []
        suppressed = 0
        commits: list[tuple[cst.CSTNode, Value]] = []
        switching = stacked = False
        for item in node.items:
            testing, self.testing = self.testing, False
            value = self._context(item.item, node.asynchronous is not None)
            self.testing = testing
            stacked = stacked or value.type in _STACKS
            if self._commits_at_exit(item.item, value):
                made = ("target", replace(value, ref=None))
                value = Value(type="transaction", text=source_of(item.item), known=(made,))
            names = self._suppressed(item.item)
            if names:
                self.handled.append(names)
                self.forgiven.append(names)
                suppressed += 1
            number = self._enter(item, value, node)
            if number is not None:
                opened.append(number)
            elif (path := self._written_within(item, value)) is not None:
                opened.append(self.acquire(path, "open file", "any", self.place(item.item), False))
            if item.asname is None:
                touched(self, value)
            if value.type == "transaction":
                commits.append((item.item, value))
            elif (scope := committing_scope(self, item.item, not value.type)) is not None:
                commits.append((item.item, scope))
                value = replace(value, known=scope.known)
                if number is None or scope.part("alone") is not None:
                    opened += self._begin(scope.text, scope.part("alone") is not None, self.place(item.item))
            lock = number is not None
            if node.asynchronous is not None and not lock and not self._entered_at_once(item.item, value):
                self.switch(item.item, callee="async with", used=value.ref)
                switching = True
            if item.asname is not None:
                target = value.part("target")
                via = value.via if value.type == "cursor" else None  # the statement that it was made by
                self.store(item.asname.name, target or replace(value, ref=None, via=via), item.item)
        entering = [(len(loop.breaks), len(loop.continues)) for loop in self.loops]
        depth, returns, begin = len(self.loops), len(self.returns), self.next_id
        self.block(node.body)
        del self.handled[len(self.handled) - suppressed :]
        del self.forgiven[len(self.forgiven) - suppressed :]
        jumped = [
            s
            for loop, (b, c) in zip(self.loops[:depth], entering, strict=False)
            for s in (*loop.breaks[b:], *loop.continues[c:])
        ]
        left = (*jumped, *self.returns[returns:], self.state)
        if stacked:
            held = frozenset().union(*(state.held for state in left))
            opened += [guard.id for guard in self.acquisitions(held) if guard.what == "lock" and guard.id >= begin]
        inner = frozenset(guard.id for guard in self.acquisitions(frozenset(opened)) if guard.what == "transaction")
        for state in left:
            end_begun(self, state, inner)
            state.held -= frozenset(opened)
            if state is not self.state:
                end_row_locks(self, state, inner)
        if self.state.dead:
            return
        for where, value in commits:
            self._commit_at_end(where, value)
        end_row_locks(self, self.state, inner)
        if switching:
            self.switch(node.items[0].item, callee="async with exit")

    def _begin(self, text: str, alone: bool, place: Place) -> list[int]:
        """The acquisitions of a transaction that code of the project begins; `alone` is whether it lets no other writer in."""
        name = Resource(Kind.TABLE, "transaction", text, text)
        return [self.acquire(name, what, "processes", place) for what in ("transaction", "row lock")[: 1 + alone]]

    def _entered_at_once(self, expression: cst.BaseExpression, value: Value) -> bool:
        """Whether nobody else runs while the own context manager of an `async with` is entered and left: neither awaits anything."""
        if isinstance(expression, cst.Call) and (known := manager_of(self, expression)) is not None:
            return self.program.yields_only(known[0])
        if not value.type.startswith(":"):
            return False
        steps = [self.scope.method(value.type[1:], name) for name in ("__aenter__", "__aexit__")]
        return all(step is not None and step.is_async and not self.program.may_suspend(step) for step in steps)

    def _commits_at_exit(self, node: cst.BaseExpression, value: Value) -> bool:
        """Whether the block is a transaction of a connection: those of psycopg commit, too, where the block makes them."""
        if self.models.contexts.get(value.type) != "transaction":
            return False
        if value.type == "psycopg.Connection":
            return not commits_each(self)
        return not isinstance(node, cst.Call)

    def _context(self, node: cst.BaseExpression, asynchronous: bool) -> Value:
        if isinstance(node, cst.Call) and asynchronous:
            return self.call(node)
        return self.evaluate(node)

    def _asks_to_be_serializable(self) -> bool:
        """Whether the function says so of its own connection: `connection.isolation_level = IsolationLevel.SERIALIZABLE`."""
        if WORD not in self.program.source.text:
            return False
        lines = self.program.lines_of(self.function)[self.function.first - 1 : self.function.last]
        return any(WORD in line.partition("#")[0] for line in lines)

    def _enter(self, item: cst.WithItem, value: Value, node: cst.With) -> int | None:
        """The acquisition that a context manager makes, if it makes one."""
        expression = item.item
        text = source_of(expression)
        if value.type == "transaction":
            if node.asynchronous is not None:
                self.switch(expression, callee="begin")
            if self.scope.facts.serializable & self.function.reads or self._asks_to_be_serializable():
                text = f"serializable {text}"
            return self.acquire(
                Resource(Kind.TABLE, "transaction", text, text), "transaction", "processes", self.place(expression)
            )
        if value.type == "lock-context":
            shared = _DRAWN.search(text) is None
            return self.acquire(Resource(Kind.STORE, "lock", text, text), "lock", "any", self.place(expression), shared)
        if self._locks_rows(expression):
            return self.acquire(
                Resource(Kind.TABLE, "transaction", text, text), "row lock", "processes", self.place(expression)
            )
        own = self._enter_own(expression)
        if own is not None:
            return own
        given = lock_given(self, expression)
        if given is not None and is_lock(self, given[0]):
            lock = given[0].ref or Resource(Kind.STORE, "", text, text)
            if node.asynchronous is not None:
                self.switch(expression, callee="acquire")
            return self.acquire(lock, "lock", lock_world(self, given[0]), self.place(expression), not given[1])
        made = new_lock_of(self, text) if isinstance(expression, cst.Name) and value.ref is None else None
        if made is not None:
            if node.asynchronous is not None:
                self.switch(expression, callee="acquire")
            world = lock_world(self, Value(type=made.type))
            lock = Resource(Kind.STORE, "", text, text)
            return self.acquire(lock, "lock", world, made.made or self.place(expression), False)
        if value.ref is None and not value.type and (handed := lock_handed(self, text)) is not None:
            value = handed
        named = replace(value, text=value.text or text)
        if isinstance(expression, cst.Call) and not value.type:
            named = replace(value, text=text.partition("(")[0])
        if not is_lock(self, named):
            return None
        local = (
            value.shape is Shape.NEW
            and self.models.functions.get(value.type) is not None
            and (isinstance(expression, cst.Call) or self._kept_to_itself(expression))
        )
        lock = value.ref or Resource(Kind.STORE, "", text, text, "")
        if value.ref is None and self._of_thread(expression):
            return self.acquire(
                replace(lock, owner=OF_THREAD), "lock", lock_world(self, value), self.place(expression), False
            )
        if node.asynchronous is not None:
            self.switch(expression, callee="acquire")
        own = is_own_lock(value.type, lock_world(self, value))
        if local and not own:  # a lock by name, such as a file: others meet on it unless the name is drawn, too
            own = self._is_drawn(expression, value)
        return self.acquire(lock, "lock", lock_world(self, value), self.place(expression), not (local and own))

    def _of_thread(self, expression: cst.BaseExpression) -> bool:
        """Whether a lock is an attribute of what has its own in each thread or request: `g.lock`, `local.lock`."""
        if not isinstance(expression, cst.Attribute) or not isinstance(expression.value, cst.Name):
            return False
        holder = expression.value.value
        known = self.scope.names_in(self.function.qualname)
        made = known.built_type(known.assigned.get(holder, "")) or known.canonical(holder)
        return holder not in self.function.local_names and made in OWN_TO_THREAD

    def _suppressed(self, expression: cst.BaseExpression) -> frozenset[str]:
        """Last names of the exceptions that a context manager keeps from those outside: `suppress(OSError)`, or one of the project."""
        if not isinstance(expression, cst.Call):
            return NO_NAMES
        if source_of(expression.func).rpartition(".")[2] == "suppress":
            return frozenset(source_of(a.value).rpartition(".")[2] for a in expression.args)
        known = manager_of(self, expression)
        around = known[0].yields_within if known is not None else ()
        return frozenset(guard.removeprefix(FORGIVES) for guard in around if guard.startswith(FORGIVES))

    def _is_drawn(self, expression: cst.BaseExpression, lock: Value) -> bool:
        """Whether the name by which a lock is made is another one in each process, thread or call."""
        text = source_of(expression) if isinstance(expression, cst.Call) else lock.origin
        known = (self.state.env.get(name) for name in _NAMES.findall(text))
        return any(map(_DRAWN.search, (text, *(value.origin for value in known if value is not None))))

    def _enter_own(self, expression: cst.BaseExpression) -> int | None:
        """The lock that a context manager of the project, written as a generator, holds while it yields, or that `with self` takes."""
        owner, self_name = enclosing_self(self.function, self.scope)
        if not isinstance(expression, cst.Call):
            own = owner and isinstance(expression, cst.Name) and expression.value == self_name
            return self._enter_self(owner, self_name, expression) if own else None
        known = manager_of(self, expression)
        if known is None:
            return None
        manager, of_module = known
        anew = [guard for guard in manager.yields_within if self._made_there(manager, guard)]
        if any(self._made_by_each(manager, guard, of_module) for guard in anew):
            text = source_of(expression)  # of a lock that each call makes
            return self.acquire(Resource(Kind.STORE, "lock", text, text), "lock", "any", self.place(expression), False)
        if of_module and (not manager.owner or source_of(expression.func).rpartition(".")[0] == self_name):
            entered = (
                self._enter_guard(guard, owner, self_name, self.place(expression))
                for guard in manager.yields_within
                if guard not in anew
            )
            number = next((number for number in entered if number is not None), None)
            if number is not None:
                return number
        if (gate := self._enter_gate(manager, expression)) is not None:
            return gate
        if not self.program.concurrency.takes_lock(manager):
            return None
        text = source_of(expression)
        lock = Resource(Kind.STORE, "lock", text, text, OF_PROJECT)
        return self.acquire(lock, "lock", "any", self.place(expression))

    def _enter_gate(self, manager: FunctionFacts, call: cst.Call) -> int | None:
        """The lock of an object of the project that its context manager holds, or by which it counts who is inside."""
        path = gate_of(self.scope, manager)
        gate = path.partition(".")[2]
        if not gate or not isinstance(call.func, cst.Attribute):
            return None
        holder = source_of(call.func.value)
        first = holder.partition(".")[0]
        kind = Kind.ARGUMENT if first in self.function.local_names else Kind.GLOBAL
        kind = Kind.ATTRIBUTE if first == enclosing_self(self.function, self.scope)[1] else kind
        lock = Resource(kind, self.scope.defining_class(manager.owner, gate), gate, f"{holder}.{gate}")
        world = lock_world(self, Value(type=self.scope.attribute_type(manager.owner, gate)))
        number = self.acquire(lock, "lock", world, self.place(call))
        if lets_in_many(manager, path):
            self.with_others.add(number)
        return number

    def _made_there(self, manager: FunctionFacts, guard: str) -> list[str]:
        """What makes the lock that a context manager holds, if it makes it itself and does not take one that is there already."""
        given = [write for write in manager.writes if write.path == guard]
        makers = [write.built_from for write in given] or [guard]
        return makers if all(is_lock_maker(self.scope, maker) for maker in makers) else []

    def _made_by_each(self, manager: FunctionFacts, guard: str, of_module: bool) -> bool:
        """Whether others cannot meet on a lock that a context manager makes: it has no name, or another one each time."""
        if any(makes_own_lock(self.scope, maker) for maker in self._made_there(manager, guard)):
            return True
        return of_module and _DRAWN.search("".join(self.program.lines[manager.first - 1 : manager.last])) is not None

    def _enter_self(self, owner: str, self_name: str, expression: cst.BaseExpression) -> int | None:
        """The lock of its own object that the class's `__enter__` acquires."""
        for class_ in self.scope.lineage(owner):
            enter = self.scope.methods.get(class_.qualname, {}).get("__enter__")
            for call in enter.calls if enter is not None else ():
                receiver, _, method = call.callee.rpartition(".")
                if method == "acquire" and enter is not None and receiver.count(".") == 1:
                    guard = f"{self_name}.{receiver.partition('.')[2]}"
                    return self._enter_guard(guard, owner, self_name, self.place(expression))
        return None

    def enter_held(self, guard: str, owner: str, self_name: str, place: Place) -> None:
        """Takes what every caller of the unit holds: a guard, or a transaction that it or a context manager of its object begins."""
        if guard in (BEGUN, BEGUN_ALONE):
            what = "transaction" if guard == BEGUN else "row lock"
            self.acquire(Resource(Kind.TABLE, "transaction", "BEGIN", "BEGIN"), what, "processes", place)
            return
        if self._enter_guard(guard, owner, self_name, place) is None and guard.startswith("self."):
            alone = begun_by_name(self, guard, self.scope.names_in(self.function.qualname).facts, self.function)
            if alone is not None:
                self._begin(guard, alone, place)

    def _enter_guard(self, guard: str, owner: str, self_name: str, place: Place) -> int | None:
        """The acquisition of what is held around the code at a place, by its source; None for what is no guard."""
        if guard.startswith(OF_FUNCTION):
            return self.acquire(Resource(Kind.GLOBAL, "", guard, guard), "lock", "any", place)
        names = self.scope.names_in(self.function.qualname)
        call = self.models.functions.get(names.canonical(guard))
        if call is not None and call.effect == "transaction":
            return self.acquire(Resource(Kind.TABLE, "transaction", guard, guard), "transaction", "processes", place)
        first, _, rest = guard.partition(".")
        if first in (self_name, "self") and rest and owner:
            holder, dot, last = rest.rpartition(".")
            if dot and (kept := self.scope.attribute_type(owner, holder)).startswith(":"):
                owner, rest = kept[1:], last  # a lock of an object that this one has
            value = Value(type=self.scope.attribute_type(owner, rest), text=guard)
        else:
            value = Value(type=names.built_type(names.assigned.get(guard, "")), text=guard)
        if is_lock(self, value):
            kind, home = (
                (Kind.ATTRIBUTE, self.scope.defining_class(owner, rest)) if rest and owner else (Kind.GLOBAL, "")
            )
            return self.acquire(Resource(kind, home, rest or guard, guard), "lock", lock_world(self, value), place)
        if is_transaction(guard):
            return self.acquire(Resource(Kind.TABLE, "transaction", guard, guard), "transaction", "processes", place)
        return None

    def _written_within(self, item: cst.WithItem, value: Value) -> Resource | None:
        """The file that is open for writing while the body runs, under the name that the body has for it; None for anything else."""
        call = item.item
        if item.asname is None or not isinstance(item.asname.name, cst.Name) or not isinstance(call, cst.Call):
            return None
        if value.type not in _TEMPORARY and not _WRITING.search(source_of(call)):
            return None
        path = value.part("path")
        return Resource(Kind.FILE, "file", path.text if path is not None else "", item.asname.name.value)

    def _kept_to_itself(self, expression: cst.BaseExpression) -> bool:
        """Whether a local name is neither handed to any call nor seen by a nested function."""
        if not isinstance(expression, cst.Name) or expression.value not in self.function.local_names:
            return False
        name = expression.value
        if any(
            name in (argument, argument.rpartition("=")[2])
            for call in self.function.calls
            for argument in call.arguments
        ):
            return False
        inner = self.function.qualname + "."
        return not any(f.qualname.startswith(inner) and name in f.reads for f in self.scope.facts.functions)

    def _locks_rows(self, expression: cst.BaseExpression) -> bool:
        """Whether the context manager is a function of the module that takes a lock of the database before it yields."""
        if not isinstance(expression, cst.Call) or not isinstance(expression.func, cst.Name):
            return False
        facts = self.scope.functions.get(expression.func.value)
        if facts is None or not any("contextmanager" in decorator for decorator in facts.decorators):
            return False
        body = "".join(self.program.lines[facts.first - 1 : facts.last]).lower()
        return any(
            words in body for words in ("begin immediate", "begin exclusive", "advisory", "for update", "lock table")
        )

    def _commit_at_end(self, where: cst.CSTNode, value: Value) -> None:
        waiting = () if value.text == "transaction" and "django" in self.scope.libraries else sorted(self.state.written)
        for index in waiting:  # Django saves when it is told to, not at the commit
            home, node = self.assigned.get(index, (self.definition, where))
            write_row(self, node if home is self.definition else where, index, "commit")
        if not any(guard.what == "transaction" for guard in self.acquisitions(self.state.held)):
            self.mark("commit", where, value.text)  # else the end of a savepoint
