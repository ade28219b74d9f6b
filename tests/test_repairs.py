"""What the fixes of rules make of code: the race is gone, and nothing else has changed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fixtures import COMMENT, FIXTURES

from racelint.config import Config
from racelint.finding import Applicability, Confidence
from racelint.fix import Repairs, decoded, repair
from racelint.fix.rounds import Original
from racelint.run import Report, lint_read
from racelint.source import Source

FIXED = sorted(FIXTURES.glob("*/*/fixed.py"))
EVERYTHING = Config(min_confidence=Confidence.LOW)


def repaired(text: str, applicability: Applicability = Applicability.UNSAFE) -> Repairs:
    """What becomes of a text."""
    original = decoded("case.py", text.encode(), "case.py")
    assert isinstance(original, Original)

    def lint(given: Mapping[str, Source]) -> Report:
        return lint_read(given.get("case.py", original.source), EVERYTHING, time.perf_counter())

    return repair(lint({}), lambda name: original, lint, applicability)


def text_of(done: Repairs, before: str) -> str:
    """The text after the repairs."""
    return done.repairs[0].data.decode() if done.repairs else before


def unmarked(path: Path) -> str:
    """A fixture without the comments that say what is found in it."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(
        line[: line.index("# ")].rstrip() + "\n" if COMMENT.search(line) and "# " in line else line for line in lines
    )


@pytest.mark.parametrize("path", FIXED, ids=lambda path: path.parent.relative_to(FIXTURES).as_posix())
def test_fixed_is_what_the_fix_makes_of_bad(path: Path) -> None:
    """Letter by letter; nothing is found in it any more, and a second run leaves it alone."""
    bad = unmarked(path.with_name("bad.py"))
    done = repaired(bad)
    fixed = path.read_text(encoding="utf-8")
    assert text_of(done, bad) == fixed
    assert done.report.findings == ()
    assert repaired(fixed).repairs == ()


CLASS = """\
import asyncio


class Meter:
    def __init__(self):
        self.total = 0

{method}

async def main(meter):
    await asyncio.gather(*(meter.add(n) for n in range(9)))
"""


def method(text: str) -> str:
    """A module whose class has this method."""
    return CLASS.format(method="".join(f"    {line}\n" if line else "\n" for line in text.splitlines()))


AWAITED_FIRST = {
    "comments stay where they are": (
        "async def add(self, n):\n    # before\n    self.total += await size(n)  # behind\n    # after",
        "async def add(self, n):\n    # before\n    value = await size(n)\n    self.total += value  # behind\n    # after",
    ),
    "a one-line suite": (
        "async def add(self, n):\n    if n: self.total += await size(n)",
        "async def add(self, n):\n    if n: value = await size(n); self.total += value",
    ),
    "a statement behind another": (
        "async def add(self, n):\n    n += 1; self.total += await size(n)",
        "async def add(self, n):\n    n += 1; value = await size(n); self.total += value",
    ),
    "two updates on one line": (
        "async def add(self, n):\n    self.total += await size(n); self.total += await size(2)  # both",
        "async def add(self, n):\n    value = await size(n)\n    self.total += value; value = await size(2); self.total += value  # both",
    ),
    "over several lines": (
        "async def add(self, n):\n    self.total += await size(\n        n,  # one\n    )",
        "async def add(self, n):\n    value = await size(\n        n,  # one\n    )\n    self.total += value",
    ),
    "names that are taken": (
        "async def add(self, value):\n    result = 1\n    self.total += await size(value) + result",
        "async def add(self, value):\n    result = 1\n    result_2 = await size(value) + result\n    self.total += result_2",
    ),
    "a noun in the call's name": (
        "async def add(self, n):\n    self.total = self.total + await self.fetch_size(n)",
        "async def add(self, n):\n    size = await self.fetch_size(n)\n    self.total = self.total + size",
    ),
    "a decorated method": (
        "@logged  # why\nasync def add(self, n: int) -> None:\n    self.total += await size(n)",
        "@logged  # why\nasync def add(self, n: int) -> None:\n    value = await size(n)\n    self.total += value",
    ),
    "in a match": (
        "async def add(self, n):\n    match n:\n        case 1:\n            self.total += await size(n)",
        "async def add(self, n):\n    match n:\n        case 1:\n            value = await size(n)\n            self.total += value",
    ),
}


@pytest.mark.parametrize("case", AWAITED_FIRST)
def test_the_await_comes_first(case: str) -> None:
    """And nothing else moves."""
    bad, good = map(method, AWAITED_FIRST[case])
    assert text_of(repaired(bad, Applicability.SAFE), bad) == good


@pytest.mark.parametrize(
    "statement",
    [
        "self.total = first() + self.total + await size(n)",  # `first()` would run after the await
        "self.total = self.total + (await size(n) if n else 0)",  # it need not be awaited
        "self.total = self.total + await size(n) + await size(n)",
    ],
)
def test_an_order_that_matters_is_kept(statement: str) -> None:
    """What ran before the await would run after it: such a fix is not safe."""
    bad = method(f"async def add(self, n):\n    {statement}")
    done = repaired(bad, Applicability.SAFE)
    assert [finding.code for finding in done.report.findings] == ["RL101"]
    assert done.repairs == ()


UPDATE = "async def add(self, n):\n    total = self.total\n    await asyncio.sleep(0)\n    self.total = total + n"

OWNERS = {
    "a constructor with a base": (
        "class Meter(Base):\n    def __init__(self):\n        super().__init__()\n        self.total = 0\n",
        "class Meter(Base):\n    def __init__(self):\n        super().__init__()\n        self._total_lock = asyncio.Lock()\n        self.total = 0\n",
    ),
    "a docstring in the constructor": (
        'class Meter:\n    def __init__(self):\n        """Empty."""\n        self.total = 0\n',
        'class Meter:\n    def __init__(self):\n        """Empty."""\n        self._lock = asyncio.Lock()\n        self.total = 0\n',
    ),
    "no constructor": (
        "class Meter:\n    total = 0\n",
        "class Meter:\n    total = 0\n\n    def __init__(self) -> None:\n        self._lock = asyncio.Lock()\n",
    ),
    "a lock that is there": (
        "class Meter:\n    def __init__(self):\n        self.total = 0\n        self.gate = asyncio.Lock()\n",
        "class Meter:\n    def __init__(self):\n        self.total = 0\n        self.gate = asyncio.Lock()\n",
    ),
    "slots": (
        'class Meter:\n    __slots__ = ("total",)\n\n    def __init__(self):\n        self.total = 0\n',
        'class Meter:\n    __slots__ = ("total", "_lock")\n\n    def __init__(self):\n        self._lock = asyncio.Lock()\n        self.total = 0\n',
    ),
    "a dataclass with slots": (
        "@dataclass(slots=True)\nclass Meter:\n    total: int = 0\n",
        "@dataclass(slots=True)\nclass Meter:\n    total: int = 0\n    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False, compare=False)\n",
    ),
    "a dataclass": (
        "@dataclass\nclass Meter:\n    total: int = 0\n",
        "@dataclass\nclass Meter:\n    total: int = 0\n    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False, compare=False)\n",
    ),
}

HEAD = "import asyncio\nfrom dataclasses import dataclass, field\n\n\n"
TAIL = "\n\nasync def main(meter):\n    await asyncio.gather(*(meter.add(n) for n in range(9)))\n"


@pytest.mark.parametrize("case", OWNERS)
def test_a_lock_is_made_where_the_object_is_built(case: str) -> None:
    """Never in the call; one that is there already is used."""
    before, after = OWNERS[case]
    lock = next(name for name in ("gate", "_total_lock", "_lock") if name in after)
    old = "".join(f"    {line}\n" for line in UPDATE.splitlines())
    body = [f"    {line}\n" for line in UPDATE.splitlines()]
    new = body[0] + f"        async with self.{lock}:\n" + "".join(f"    {line}" for line in body[1:])
    bad = HEAD + before + "\n" + old + TAIL
    assert text_of(repaired(bad), bad) == HEAD + after + "\n" + new + TAIL


@pytest.mark.parametrize(
    "head",
    [
        "class Meter:\n    __slots__ = NAMES\n\n    def __init__(self):\n        self.total = 0\n",
        "class Meter(Base):\n    total = 0\n",
        "class Meter:\n    def __init__(self):\n        self.total = 0\n        self.a = asyncio.Lock()\n        self.b = asyncio.Lock()\n",
    ],
    ids=["slots that are computed", "a base that builds it", "two locks"],
)
def test_no_lock_is_made_where_it_is_not_clear_how(head: str) -> None:
    """Then it is only said what to do."""
    bad = HEAD + head + "\n" + "".join(f"    {line}\n" for line in UPDATE.splitlines()) + TAIL
    done = repaired(bad)
    assert done.repairs == ()
    assert [finding.code for finding in done.report.findings] == ["RL102"]


def test_a_lock_that_a_helper_takes_is_not_held_around_it() -> None:
    """It would wait for itself for ever."""
    bad = method(
        "async def note(self):\n    async with self.gate:\n        pass\n\n"
        "async def add(self, n):\n    total = self.total\n    await self.note()\n    self.total = total + n"
    ).replace("self.total = 0\n", "self.total = 0\n        self.gate = asyncio.Lock()\n")
    assert repaired(bad).repairs == ()


def test_a_nested_function_keeps_its_indentation() -> None:
    """One level is that of the function, however deep it stands."""
    head = "import os\n\n\ndef serve(pid_file):\n    def forget():\n        "
    bad = head + "if os.path.exists(pid_file):\n            os.remove(pid_file)\n\n    return forget\n"
    good = bad.replace("if os.path.exists(pid_file):", "with suppress(FileNotFoundError):")
    assert text_of(repaired(bad), bad) == good.replace("import os\n", "import os\nfrom contextlib import suppress\n")


def test_what_a_helper_still_uses_is_not_taken_away_from_it() -> None:
    """A swap would leave it with nothing."""
    bad = method(
        "async def add(self, n):\n    self.total.note()\n    await self.drain()\n    await self.total.close()\n    self.total = None\n\n"
        "async def drain(self):\n    await self.total.drain()\n\n"
        "def renew(self):\n    self.total = object()"
    )
    done = repaired(bad, Applicability.SAFE)
    assert "RL305" in [finding.code for finding in done.report.findings]
    assert done.repairs == ()


NAMES = st.sampled_from(["total", "count", "items", "state", "value", "size"])
NOISE = st.sampled_from(["", "# noted\n", "log(1)  # kept\n", 'text = """a\n  b"""\n', "if log: pass\n", "\n"])


@st.composite
def modules(draw: st.DrawFn) -> str:
    """Classes with updates across an await among statements that do not matter, in all kinds of layout."""
    name, step = draw(NAMES), draw(st.sampled_from(["    ", "  ", "\t"]))
    update = draw(
        st.sampled_from(
            [
                f"self.{name} += await fetch_size()\n",
                f"old = self.{name}\nawait asyncio.sleep(0)\nself.{name} = old + 1\n",
                f"if self.{name} is None:\n    self.{name} = await connect()\n",
                f"if self.{name}:\n    await self.{name}.close()\n    self.{name} = None\n",
            ]
        )
    )
    body = draw(NOISE) + update + draw(NOISE)
    lines = ["import asyncio", "", "class Thing:", "    def __init__(self):", f"        self.{name} = None", ""]
    lines += ["    async def act(self):", *(f"        {line}" if line else "" for line in body.splitlines())]
    lines += [f"    def renew(self): self.{name} = object()"] if draw(st.booleans()) else []
    lines += ["", "async def main(thing):", "    await asyncio.gather(*(thing.act() for _ in range(2)))"]
    text = "\n".join(line.replace("    ", step) for line in lines)
    return text + draw(st.sampled_from(["\n", "", "\n\n# end\n"]))


@given(modules())
@settings(max_examples=60)
def test_fixing_twice_is_fixing_once(text: str) -> None:
    """What was repaired is not found again, the second run changes nothing, and each line that stays is as it was."""
    done = repaired(text)
    after = text_of(done, text)
    codes = {finding.code for one in done.repairs for finding in one.findings}
    assert not codes & {finding.code for finding in done.report.findings}
    assert repaired(after).repairs == ()
    assert [line for line in text.splitlines() if "noted" in line or "# end" in line] == [
        line for line in after.splitlines() if "noted" in line or "# end" in line
    ]


CLOSURE = """\
import threading


class State:
    def __init__(self):
        self._mutex = threading.{kind}()
        self.count = 0

    def reset(self):
        with self._mutex:
            self.count = 0

    def clear(self):
        with self._mutex:
            self.count = 0

    @property
    def note(self):
        return self._make()

    def event(self):
        with self._mutex:
            return self.note()

    def _make(self):
        def note():
            self.count += 1

        return note


def main(state):
    for _ in range(2):
        threading.Thread(target=state.event).start()
        threading.Thread(target=state._make()).start()
"""


def test_a_lock_that_a_caller_may_hold_is_not_taken() -> None:
    """A function that another one hands out is called by whoever gets it, here under the lock: it would wait for ever."""
    done = repaired(CLOSURE.format(kind="Lock"))
    assert "RL601" in [finding.code for finding in done.report.findings]
    assert done.repairs == ()


def test_a_lock_that_the_finding_does_not_name_is_neither_taken_nor_made() -> None:
    """`take the lock` means the one that guards the attribute elsewhere, in a base of which the class is derived."""
    bad = (
        "import threading\n\n\nclass Base:\n    def __init__(self):\n        self.gate = threading.Lock()\n        self._link = None\n\n"
        "    def close(self):\n        with self.gate:\n            self._link = None\n\n"
        "    def drop(self):\n        with self.gate:\n            self._link = None\n\n\n"
        "class Derived(Base):\n    def __init__(self):\n        super().__init__()\n\n    def renew(self):\n        self._link = object()\n\n\n"
        "def main(link: Derived):\n    for _ in range(2):\n        threading.Thread(target=link.renew).start()\n"
    )
    after = text_of(repaired(bad), bad)
    assert after.count("Lock()") == 1


@pytest.mark.parametrize(
    "extra",
    [
        "    def __getstate__(self):\n        return {}\n",
        "    def __deepcopy__(self, memo):\n        return self\n",
        "class Special(Meter):\n    def __init__(self):\n        self.total = 1\n",
    ],
    ids=["pickled", "copied", "built without the constructor"],
)
def test_no_lock_is_made_in_objects_that_may_lack_it(extra: str) -> None:
    """Nor in those that must not have one: a lock can be neither copied nor pickled."""
    separator = "\n\n" if extra.startswith("class") else "\n"
    head = "class Meter:\n    def __init__(self):\n        self.total = 0\n\n"
    bad = HEAD + head + "".join(f"    {line}\n" for line in UPDATE.splitlines()) + separator + extra + TAIL
    done = repaired(bad)
    assert "RL102" in [finding.code for finding in done.report.findings]
    assert done.repairs == ()


READ_TWICE = """\
import threading


class Tracer:
    def __init__(self):
        self.span = None

    def note(self):
        {body}

    def close(self):
        self.span = None


def main(tracer: Tracer):
    for _ in range(2):
        threading.Thread(target=tracer.note).start()
        threading.Thread(target=tracer.close).start()
"""


def test_a_test_that_leaves_and_the_use_behind_it_read_once() -> None:
    """`if x is None: return`, then a use of `x`."""
    bad = READ_TWICE.format(body="if self.span is None:\n            return None\n        return self.span.flush()")
    good = READ_TWICE.format(
        body="span = self.span\n        if span is None:\n            return None\n        return span.flush()"
    )
    assert text_of(repaired(bad, Applicability.SAFE), bad) == good


def test_a_use_further_down_is_left_alone() -> None:
    """What stands between may be meant to change it."""
    bad = READ_TWICE.format(
        body="if self.span is None:\n            return\n        prepare(self)\n        self.span.flush()"
    )
    assert repaired(bad).repairs == ()


def test_a_queue_that_is_emptied_by_others_is_not_read_once() -> None:
    """Its entry is gone, whatever name the queue has."""
    bad = """
import queue
from concurrent.futures import ThreadPoolExecutor

crew = ThreadPoolExecutor(4)
letters = queue.Queue()

def take():
    if not letters.empty():
        return letters.get_nowait()

def take_all():
    return [crew.submit(take) for _ in range(4)]
"""
    assert repaired(bad).repairs == ()


def test_a_lock_under_which_anything_may_be_called_is_not_taken() -> None:
    """Unless whoever holds it may take it once more."""
    bad = (
        CLOSURE.format(kind="Lock")
        .replace("return self.note()", "return 1")
        .replace("self.count += 1", "self.count = 2")
    )
    bad = bad.replace(
        "        def note():\n            self.count = 2\n\n        return note\n", "        self.count = 2\n"
    )
    bad = bad.replace("state._make())", "state._make)")
    given = bad.replace(
        "    def event(self):\n",
        "    def freeze(self, call):\n        with self._mutex:\n            call()\n\n    def event(self):\n",
    )
    assert "with self._mutex:\n            self.count = 2" in text_of(repaired(bad), bad)
    assert repaired(given).repairs == ()
    assert "self.count = 2" in given
    again = given.replace("threading.Lock()", "threading.RLock()")
    assert "with self._mutex:\n            self.count = 2" in text_of(repaired(again), again)


ROWS = """\
from app.models import Seat, Ticket


def buy(request, alias):
    {first}
    {second}
"""


@pytest.mark.parametrize(
    ("first", "repaired_"),
    [
        ("Ticket.objects.create(seat=request.seat)", True),
        ("Ticket.objects.using(alias).create(seat=request.seat)", False),
    ],
    ids=["the default database", "another database"],
)
def test_a_transaction_is_of_the_database_that_is_changed(first: str, repaired_: bool) -> None:
    """`atomic()` without a name opens one in the default database only."""
    second = "Seat.objects.filter(pk=request.seat).update(taken=True)"
    bad = "from django.http import HttpRequest\n" + ROWS.format(first=first, second=second)
    bad = bad.replace("request, alias", "request: HttpRequest, alias")
    done = repaired(bad)
    assert ("with transaction.atomic():" in text_of(done, bad)) is repaired_


@pytest.mark.parametrize(
    ("update", "expression"),
    [("row.n += 1", True), ("row.n += step", True), ("row.n += f'_{step}'", False), ("row.n = row.n + 'x'", False)],
)
def test_only_numbers_are_added_by_an_expression(update: str, expression: bool) -> None:
    """`F("n") + "x"` is no concatenation."""
    bad = (
        "from app.models import Row\nfrom django.http import HttpRequest\n\n\n"
        f"def view(request: HttpRequest, pk, step):\n    row = Row.objects.get(pk=pk)\n    {update}\n    row.save()\n"
    )
    assert ('F("n")' in text_of(repaired(bad), bad)) is expression


BRANCHES = {
    "unlink": (
        "from pathlib import Path\n\n\ndef reset(cache: Path, text: str) -> None:\n"
        "    if text:\n        print(text)\n    elif cache.exists():\n        cache.unlink()\n"
    ),
    "setdefault": (
        "import threading\n\n\nclass Locks:\n    def __init__(self):\n        self.locks = {}\n\n"
        "    def lock(self, key, skip):\n        if skip:\n            return None\n"
        "        elif key not in self.locks:\n            self.locks[key] = threading.Lock()\n        return self.locks.get(key)\n\n\n"
        "LOCKS = Locks()\nthreading.Thread(target=LOCKS.lock, args=(1, False)).start()\n"
        "threading.Thread(target=LOCKS.lock, args=(1, False)).start()\n"
    ),
}


@pytest.mark.parametrize("case", BRANCHES)
def test_what_stands_behind_elif_stays_there(case: str) -> None:
    """Without the test it would be done in the other branches, too: what was written there would be removed."""
    branch = BRANCHES[case]
    alone = branch.replace("elif", "if")
    assert text_of(repaired(alone), alone) != alone
    assert "elif" in text_of(repaired(branch), branch)


LATE = """\
import asyncio


class Counter:
    def __init__(self):
        self.total = 0

    async def start(self):
        self.lock = asyncio.Lock()
        total = self.total
        await asyncio.sleep(0)
        self.total = total + 1


async def main(counter):
    await asyncio.gather(*(counter.start() for _ in range(9)))
"""


def test_a_lock_is_not_taken_where_it_is_made() -> None:
    """It would be a new one for each; made in the constructor it is taken."""
    assert text_of(repaired(LATE), LATE) == LATE
    line = "        self.lock = asyncio.Lock()\n"
    early = LATE.replace(line, "").replace("        self.total = 0\n", "        self.total = 0\n" + line)
    assert "async with self.lock:" in text_of(repaired(early), early)


@pytest.mark.parametrize(("test", "safe"), [("exists", True), ("is_file", False), ("is_dir", True)])
def test_a_test_that_tells_folders_from_files_is_dropped_only_on_request(test: str, safe: bool) -> None:
    """A folder of that name was left alone by one task; without the test, its removal as a file fails."""
    act = "rmdir" if test == "is_dir" else "unlink"
    text = f"from pathlib import Path\n\n\ndef reset(cache: Path) -> None:\n    if cache.{test}():\n        cache.{act}()\n"
    assert (text_of(repaired(text, Applicability.SAFE), text) != text) is safe
    assert text_of(repaired(text), text) != text
