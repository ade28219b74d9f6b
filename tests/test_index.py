"""Imports are followed to the files of the project, and only to those."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from racelint.analyse import build_index, collect
from racelint.index import Index
from racelint.index.modules import Modules
from racelint.run import lint_source
from racelint.source import Source

PATHS = [
    "src/app/__init__.py",
    "src/app/models.py",
    "src/app/backends/__init__.py",
    "src/app/backends/redis.py",
    "src/app/json.py",
    "plugins/audit/hooks.py",
    "tests/test_app.py",
    "tool.py",
]

IMPORTS = [
    ("app.models.Order", "tests/test_app.py", ("src/app/models", "Order")),
    ("app", "tool.py", ("src/app", "")),
    (".models.Order", "src/app/__init__.py", ("src/app/models", "Order")),
    ("..models", "src/app/backends/redis.py", ("src/app/models", "")),
    (".redis.Client", "src/app/backends/__init__.py", ("src/app/backends/redis", "Client")),
    ("redis.Redis", "src/app/backends/redis.py", None),
    ("json.loads", "src/app/models.py", None),
    ("app.backends.redis", "tool.py", ("src/app/backends/redis", "")),
    ("audit.hooks.log", "plugins/audit/hooks.py", ("plugins/audit/hooks", "log")),
    ("plugins.audit.hooks.log", "tool.py", ("plugins/audit/hooks", "log")),
    ("tool.main", "tests/test_app.py", ("tool", "main")),
    ("....models", "src/app/models.py", None),
    ("backends.redis.Client", "src/app/models.py", ("src/app/backends/redis", "Client")),
]


@pytest.mark.parametrize(("origin", "importer", "expected"), IMPORTS)
def test_imports(origin: str, importer: str, expected: tuple[str, str] | None) -> None:
    """`src` layouts, packages, namespace packages and relative imports; libraries of the same last name are not mixed up."""
    assert Modules(PATHS).split(origin, importer) == expected


def test_two_projects_side_by_side() -> None:
    """Each sees its own package, and nothing of the other's where its own has no such module."""
    modules = Modules(["one/app/__init__.py", "one/app/views.py", "two/app/__init__.py", "two/app/models.py"])
    assert modules.split("app.models.Order", "one/app/views.py") == ("one/app", "models.Order")
    assert modules.split("app.models.Order", "two/app/__init__.py") == ("two/app/models", "Order")


def test_a_package_seen_from_inside() -> None:
    """Its absolute imports begin with the folders above the current one."""
    modules = Modules(["__init__.py", "models.py", "views/orders.py"], "/home/me/shop")
    assert modules.split("shop.models.Order", "views/orders.py") == ("models", "Order")
    assert modules.split("other.models.Order", "views/orders.py") is None


def index_of(**texts: str) -> Index:
    """The index of modules; `__` in a name stands for a slash."""
    sources = [Source(name.replace("__", "/") + ".py", text) for name, text in texts.items()]
    return build_index(collect(source, ast.parse(source.text)) for source in sources)


def test_re_exports_and_stars_are_followed() -> None:
    """What a package hands on means what the module of its origin defines."""
    index = index_of(
        app__init="",
        shop="from app.api import Order, make\n",
        app__api="from .models import *\nfrom .factory import make\n",
        app__models="class Order: ...\n",
        app__factory="def make(): ...\n",
    )
    order, made = index.resolve("app.api.Order", "shop.py"), index.resolve("app.api.make", "shop.py")
    assert order is not None
    assert (order.module.path, order.name) == ("app/models.py", "Order")
    assert made is not None
    assert (made.module.path, made.name) == ("app/factory.py", "make")
    assert index.resolve("app.api.missing", "shop.py") is None


def test_imports_in_a_circle_end() -> None:
    """Two modules that import a name from each other define it nowhere."""
    index = index_of(one="from two import x\n", two="from one import x\n")
    assert index.resolve("one.x", "two.py") is None


def test_command_that_locks() -> None:
    """A command for the terminal runs alone as a rule; one that takes a lock expects others, a migration does not."""
    text = dedent(
        """
        from django.db import transaction
        from shop.models import Order

        def close(pks):
            with transaction.atomic():
                locked = Order.objects.select_for_update().filter(pk__in=pks)
                Order.objects.filter(pk__in=pks, open=True).update(open=False)
        """
    )
    found = {
        path: [finding.code for finding in lint_source(text, path).findings]
        for path in ("shop/management/commands/close.py", "shop/migrations/0002_close.py")
    }
    assert found == {"shop/management/commands/close.py": ["RL604"], "shop/migrations/0002_close.py": []}


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Thread-safe.", True),
        ("A thread-safe cache.", True),
        ("``Store`` objects\n    are thread-safe.", True),
        ("Keeps values in a thread-safe way.", True),
        ("Safe to use from several threads.", True),
        ("Is *not* thread-safe.", False),
        ("Nothing about Store is guaranteed to be thread-safe!", False),
        ("None of the methods are thread-safe.", False),
        ("Uses a thread-safe queue.", False),
        ("Keeps them in a `deque`, which is thread-safe.", False),
        ("Waits as long as the thread-safe queue is full.", False),
        ("Thread-safe for reading; writes must be synchronised.", False),
        ("Stores are thread-safe, as long as one thread writes.", False),
        ("Stores are thread-safe. They keep one value only.", True),
    ],
)
def test_whose_thread_safety_is_documented(text: str, safe: bool) -> None:
    """Only what the documentation says of the class itself counts."""
    facts = collect(Source("app.py", f'class Store:\n    """{text}"""\n'))
    assert facts.classes[0].thread_safe is safe


@pytest.mark.parametrize(("receiver", "meant"), [("stage", True), ("import_step", True), ("loader", False)])
def test_a_method_that_all_objects_have_is_of_a_class_with_a_like_name(receiver: str, meant: bool) -> None:
    """`stage.run()` of something unknown may be the `run` of the only class that has one if that is a stage, too."""
    text = dedent(
        f"""
        import asyncio

        class ImportStage:
            def __init__(self):
                self.pending = []

            async def run(self):
                self.pending.append("row")
                await self.flush()

            async def flush(self):
                for name in self.pending:
                    await asyncio.sleep(len(name))
                await asyncio.sleep(0)
                self.pending.clear()

        async def step({receiver}):
            await {receiver}.run()

        async def main(those):
            await asyncio.gather(*(step(one) for one in those))
        """
    )
    assert [finding.code for finding in lint_source(text, "app.py").findings] == ["RL102"] * meant


def test_a_file_is_alone_where_nothing_of_its_project_is_there() -> None:
    """It imports none of the others, none imports it, and it lies in no package of theirs."""
    texts = {
        "alone.py": "import os\n",
        "also.py": "import asyncio\n",
        "users.py": "import used\n",
        "used.py": "",
        "app/__init__.py": "",
        "app/plugin.py": "import os\n",
        "tool/__init__.py": "import os\n",
    }
    modules = tuple(collect(Source(path, text)) for path, text in texts.items())
    alone = [path for path in texts if Index(modules).alone(path)]
    assert alone == ["alone.py", "also.py", "tool/__init__.py"]
    assert not Index(modules, whole=False).alone("alone.py")
