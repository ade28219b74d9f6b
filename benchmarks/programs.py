"""Programs at random that are full of what racelint looks at: units that interleave, state, locks, stores, every statement.

Grammars of the whole language make hardly any `async` code; these make little else. All randomness is that of the
`random.Random` that is given, so a seed, or hypothesis, decides.
"""

from __future__ import annotations

import random
from collections.abc import Callable

HEAD = """\
import asyncio, threading, json, os, functools, collections, queue, pathlib
from django.db import models, transaction
from django.db.models import F
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy import select
import redis.asyncio as redis
import aiosqlite
"""
ATTRIBUTES = (
    "total",
    "items",
    "_lock",
    "_session",
    "ready",
    "cond",
    "sem",
    "queue",
    "_thread",
    "count",
    "client",
    "rows",
)
VALUES = (
    "0", "None", "{}", "[]", "set()", "False", "asyncio.Lock()", "threading.Lock()", "threading.RLock()", "asyncio.Event()",
    "asyncio.Condition()", "asyncio.Semaphore(1)", "asyncio.Queue()", "queue.Queue()", "collections.defaultdict(list)",
    "redis.Redis()", "threading.Thread(target=self.run)", "asyncio.get_event_loop().create_future()", "'é\\u202e'", "open('f')",
)  # fmt: skip
CALLS = (
    "asyncio.sleep(0)", "self._load({a})", "self._save({a}, {b})", "client.get({a})", "client.set('k', {a})", "client.incr('k')",
    "session.execute(select(Row).where(Row.id == {a}))", "session.commit()", "session.rollback()", "session.add({a})",
    "Row.objects.get(pk={a})", "Row.objects.filter(n={a}).update(n=F('n') + 1)", "Row.objects.select_for_update().get(pk={a})",
    "row.save()", "row.save(update_fields=['n'])", "json.load(open({a}))", "json.dump({a}, open('f', 'w'))", "os.path.exists({a})",
    "os.remove({a})", "os.rename({a}, {b})", "pathlib.Path({a}).read_text()", "db.execute(f'UPDATE t SET n = {{n}} WHERE id = 1')",
    "db.execute('SELECT n FROM t WHERE id = ?', ({a},))", "self.queue.get()", "self.queue.put({a})", "self.cond.wait()",
    "self.cond.notify_all()", "fut.set_result({a})", "task.delay(({a}).id)", "asyncio.gather(self.run({a}), self.run({b}))",
    "asyncio.create_task(self.run({a}))", "loop.run_in_executor(None, self.run, {a})", "super().run({a})", "self.helper({a})",
    "len(self.items)", "self.items.pop({a}, None)", "self.items.append({a})", "self.items.setdefault({a}, [])", "print({a})",
)  # fmt: skip
DEEPEST = 4
"""Levels of an expression."""
SPAWNS = (
    "await asyncio.gather(*(c.{m}(i) for i in range(9)))",
    "async with asyncio.TaskGroup() as group:\n        [group.create_task(c.{m}(i)) for i in range(3)]",
    "threading.Thread(target=c.{m}, args=(1,)).start()",
    "for i in range(3):\n        asyncio.create_task(c.{m}(i))",
)


class Maker:
    """Makes parts of programs; what it makes parses, as a rule."""

    def __init__(self, choice: random.Random, size: int = 40) -> None:
        """`size` is about how many statements a program may have."""
        self._r = choice
        self._left = size

    def program(self) -> str:
        """A module."""
        r = self._r
        parts = [HEAD]
        for number in range(r.randint(1, 3)):
            parts.append(self.klass(number))
        if r.random() < 0.5:
            parts.append("cache = {}\n_instance = None\n_lock = threading.Lock()\n" + self.function("", "get_instance"))
        parts.append("async def main(c):\n    " + r.choice(SPAWNS).format(m=r.choice("run add helper".split())) + "\n")
        return "\n\n".join(parts)

    def klass(self, number: int) -> str:
        """A class whose constructor makes its state."""
        r = self._r
        base = r.choice(("", "(Base)", "(models.Model)", "(C0)" if number else "", "(threading.Thread)"))
        lines = [f"class C{number}{base}:"]
        if r.random() < 0.3:
            lines.append(f"    {r.choice(ATTRIBUTES)} = {r.choice(VALUES[:6])}")
        lines.append("    def __init__(self):")
        lines += [f"        self.{name} = {r.choice(VALUES)}" for name in r.sample(ATTRIBUTES, r.randint(1, 6))]
        lines.append(self.function("    ", "run") + self.function("    ", "add") + self.function("    ", "helper"))
        return "\n".join(lines)

    def function(self, indent: str, name: str) -> str:
        """A method, or a function of a module."""
        r = self._r
        is_async = r.random() < 0.75
        decorator = r.choice(
            ("", "", "", "@transaction.atomic\n", "@functools.lru_cache\n", "@property\n", "@app.get('/')\n")
        )
        head = f"{'async ' * is_async}def {name}({'self, ' if indent else ''}n, session: AsyncSession = None, *args, **kw):"
        body = self.block(indent + "    ", is_async, r.randint(1, 7))
        return f"{indent if decorator else ''}{decorator}{indent}{head}\n{body}\n"

    def block(self, indent: str, is_async: bool, count: int, depth: int = 0) -> str:
        """Statements on lines of their own."""
        self._left -= count
        return "".join(self.statement(indent, is_async, depth) for _ in range(max(count, 1)))

    def statement(self, indent: str, is_async: bool, depth: int) -> str:
        """One, with what stands in it."""
        r, e = self._r, self.expression
        inner: Callable[[], str] = lambda: self.block(indent + "    ", is_async, r.randint(1, 3), depth + 1)  # noqa: E731
        wait = "async " if is_async and r.random() < 0.5 else ""
        simple = (
            lambda: f"{self.target()} = {e(is_async)}",
            lambda: f"{self.target()} {r.choice(('+=', '-=', '|=', '//='))} {e(is_async)}",
            lambda: f"{self.call(is_async)}",
            lambda: f"x = {self.call(is_async)}",
            lambda: f"x, self.{r.choice(ATTRIBUTES)} = {self.state()}, {e(is_async)}",
            lambda: f"return {e(is_async)}" if r.random() < 0.5 else "return",
            lambda: f"del self.items[{e(False)}]",
            lambda: "global cache, _instance; _instance = cache",
            lambda: f"assert {e(False)}, 'no'",
            lambda: "raise ValueError(n) from None",
            lambda: "pass  # racelint: ignore[RL102] why" if r.random() < 0.5 else "...  # noqa: RL1",
            lambda: f"x: int = {e(is_async)}; y = x",
            lambda: f"yield {e(False)}",
        )
        if depth > 4 or self._left < 0 or r.random() < 0.6:
            return f"{indent}{r.choice(simple)()}\n"
        old, other = self.state(), self.state()
        wait_here = f"await {self.call(False)}" if is_async else self.call(False)
        compound = (
            lambda: f"old = {old}\n{indent}{wait_here}\n{indent}{old} = old + {e(False)}\n",
            lambda: f"if {old} is None:\n{indent}    {old} = {wait_here}\n{indent}return {old}\n",
            lambda: f"if {old}:\n{indent}    {wait_here}\n{indent}    {old} = None\n{indent}{old}.close()\n",
            lambda: f"{old} = []\n{indent}{wait_here}\n{indent}{other} = {{n: {old}}}\n",
            lambda: (
                f"row = {'await ' * is_async}Row.objects.get(pk=n)\n{indent}{wait_here}\n{indent}row.n = row.n + 1\n{indent}row.save()\n"
            ),
            lambda: f"if {e(is_async)}:\n{inner()}",
            lambda: f"if not {self.state()}:\n{inner()}{indent}elif {e(False)}:\n{inner()}{indent}else:\n{inner()}",
            lambda: f"while {e(is_async)}:\n{inner()}{indent}    {r.choice(('break', 'continue', 'pass'))}\n",
            lambda: (
                f"{wait}for x in {e(False)}:\n{inner()}" + (f"{indent}else:\n{inner()}" if r.random() < 0.3 else "")
            ),
            lambda: f"{wait}with {self.state()}{r.choice(('', ' as x', ', session.begin() as y'))}:\n{inner()}",
            lambda: (
                f"try:\n{inner()}{indent}except (KeyError, Row.DoesNotExist) as error:\n{inner()}{indent}finally:\n{inner()}"
            ),
            lambda: f"try:\n{inner()}{indent}except Exception:\n{inner()}{indent}else:\n{inner()}",
            lambda: (
                f"match {e(False)}:\n{indent}    case {{'a': [x, *_], **rest}} if x:\n{self.statement(indent + '        ', is_async, 9)}"
                f"{indent}    case C0(total=0) | None:\n{indent}        pass\n"
            ),
            lambda: f"{wait}def inner(x=n):\n{self.block(indent + '    ', bool(wait), 2, depth + 1)}",
            lambda: f"class Inner:\n{indent}    x = {e(False)}\n",
            lambda: (
                "await self._lock.acquire()\n"
                f"{indent}try:\n{inner()}{indent}finally:\n{indent}    self._lock.release()\n"
                if is_async
                else f"with self._lock: self.count += 1; x = {self.state()}\n"
            ),
        )
        return f"{indent}{r.choice(compound)()}"

    def target(self) -> str:
        """What can be assigned to."""
        r = self._r
        return r.choice(
            (self.state(), "x", f"self.items[{self.expression(False, 3)}]", "row.n", "cache[n]", "self.client.x", "n")
        )

    def state(self) -> str:
        """Something that others reach."""
        return f"self.{self._r.choice(ATTRIBUTES)}"

    def call(self, is_async: bool) -> str:
        """A call of what racelint has a model of, or of a helper."""
        r = self._r
        text = r.choice(CALLS).format(a=self.expression(False, DEEPEST), b=self.expression(False, DEEPEST))
        return f"await {text}" if is_async and r.random() < 0.6 else text

    def expression(self, is_async: bool, depth: int = 0) -> str:
        """An expression that fits anywhere; an `await` in it only where that may stand."""
        r = self._r
        leaves = (
            "x",
            "n",
            "1",
            "'k'",
            "None",
            self.state(),
            self.state(),
            "cache",
            "_instance",
            "b'\\x00'",
            "f'{n!r:>{x}}'",
            "...",
        )
        if depth >= DEEPEST or r.random() < 0.45:
            return r.choice(leaves)
        a, b = (self.expression(is_async, depth + 1) for _ in range(2))
        p, q = (self.expression(False, depth + 1) for _ in range(2))
        return r.choice(
            (
                f"({a} + {b})", f"({a} if {b} else {a})", f"[{a}, *({b},)]", f"{{{a}: {b}, **{p}}}", f"({a} and not {b})",
                f"(y := {a})", f"[x for x in {p} if {q}]", f"{{x: y for x, y in {p}}}", f"(lambda: {p})", f"{p}[{q}:{q}]".replace("...", "n"),
                f"({a} in self.items)", f"self.items.get({p})", f"({self.call(is_async)})", f"-{a}", "f'{self.total} {n}'",
            )
        )  # fmt: skip
