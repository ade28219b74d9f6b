"""The tables of library models load, say what the libraries do, and reject what they cannot mean."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest

from racelint.analyse import build_index, collect
from racelint.events import Access, Acquire, Flow, Mark, Switch
from racelint.evidence import Concurrency
from racelint.flow.refusals import ERRORS
from racelint.flow.statements import Walker
from racelint.flow.summaries import Program
from racelint.models import bundled
from racelint.models.data import Models
from racelint.models.loader import ModelError, load_models
from racelint.resolve import Scope
from racelint.source import Source

DOCS = Path(__file__).parent.parent / "docs" / "models.md"
TABLES = sorted(Path(bundled.HERE).glob("*.toml"))


def scope_of(code: str, models: Models) -> Scope:
    source = Source("app/module.py", code)
    facts = collect(source)
    return Scope(facts, build_index([facts]), models)


def flow_of(code: str, models: Models | None = None, unit: str = "f") -> Flow:
    """The flow of one function of a module."""
    scope = scope_of(code, models or load_models())
    program = Program(Source("app/module.py", code), scope, Concurrency(scope))
    definition = program.definition(unit)
    assert definition is not None
    return Walker(program, definition).walk()


def told(flow: Flow) -> list[str]:
    """What a flow does to the world outside of it, one line an event, with the accesses that a written value stems from."""
    lines = []
    for event in flow.events:
        match event:
            case Access():
                stems = [e.how for e in flow.events if isinstance(e, Access) and e.id in event.value.stems and e.how]
                of = f" from {', '.join(stems)}" if stems else ""
                lines.append(f"{event.op.value} {event.resource.kind.value} {event.resource.name}{of}")
            case Switch():
                lines.append("switch")
            case Acquire() if event.what != "open file":  # which guards nothing
                lines.append(f"take {event.what}")
            case Mark() if event.what in ("commit", "rollback", "spawn", "enqueue", "expire"):
                lines.append(event.what)
            case _:
                pass
    return lines


# tables


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.stem)
def test_a_table_loads_by_itself(table: Path) -> None:
    """Every bundled table follows the format when it is read after the others once more."""
    assert load_models((str(table),)).functions


def test_every_type_that_is_returned_is_described() -> None:
    """A result of an unknown type would silence the guesses from its name."""
    models = load_models()
    described = models.types | models.functions.keys() | {"django.F"}
    calls = [*models.functions.values(), *models.methods.values()]
    returned = {call.returns for call in calls if call.returns and call.effect != "statement"}
    assert not returned - described


def test_every_parent_is_described() -> None:
    """`like` and `aliases` lead to a type with methods."""
    models = load_models()
    described = {name for name, _ in models.methods} | set(models.parents)
    assert not {parent for parent in models.parents.values() if parent not in described and parent not in models.types}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[functions]\n"a.b" = "wrtie"', r"mine\.toml: functions\.'a\.b': unknown effect 'wrtie'"),
        ('[functions]\n"a.b" = { effect = "read", kee = 0 }', r"mine\.toml: functions\.'a\.b': unknown key 'kee'"),
        ('[functions]\n"a.b" = 1', r"mine\.toml: functions\.'a\.b': expected an effect"),
        ('[types.T.methods]\nm = "wrtie"', r"mine\.toml: types\.'T'\.methods\.m: unknown effect 'wrtie'"),
        ("functions = 1", r"mine\.toml: functions must be a table"),
        ("imports = 1", r"mine\.toml: expected a list of strings"),
        ("handlers = 1", r"mine\.toml: handlers must be an array"),
        ("[functions", r"mine\.toml"),
        ("x = " + "1" * 5_000, r"mine\.toml"),
        ("x = " + "[" * 5_000, r"mine\.toml"),
        ("[[handlers]]\nworld = 'tasks'", r"mine\.toml: handlers: `what` is missing"),
        ("[spawners]\nx = {many = true}", r"mine\.toml: spawners\.'x': `world` is missing"),
        ("[types.A]\nlike = 'B'\n[types.B]\naliases = ['C']\nlike = 'A'", r"mine\.toml: types\.'A' is like itself"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path: Path, table: str, message: str) -> None:
    """The error names the file and the entry."""
    path = tmp_path / "mine.toml"
    path.write_text(table)
    with pytest.raises(ModelError, match=message):
        load_models((str(path),))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(ModelError, match=r"absent\.toml"):
        load_models((str(tmp_path / "absent.toml"),))


# effects


@dataclass(frozen=True, slots=True)
class Case:
    """A function `f` with what it needs above it, and what it does."""

    body: str
    does: tuple[str, ...]
    parameters: str = ""
    above: str = ""
    definition: str = "def"

    def run(self) -> tuple[str, ...]:
        """What `f` is found to do."""
        lines = "".join(f"    {line}\n" for line in self.body.splitlines())
        return tuple(told(flow_of(f"{self.above}\n{self.definition} f({self.parameters}):\n{lines}")))


DJANGO = (
    "from django.core.cache import cache\nfrom django.db import models, transaction\nclass Account(models.Model): pass"
)
SQLALCHEMY = "from sqlalchemy import delete, insert, select, update\nfrom sqlalchemy.orm import Session\nfrom app.models import User"
REDIS = "from redis import Redis\nr = Redis()"
SQLITE = "import sqlite3"

EFFECTS_AT_WORK = {
    "read": Case("return r.get('k')", ("read store r['k']",), above=REDIS),
    "exists": Case("return r.exists('k')", ("check store r['k']",), above=REDIS),
    "write": Case(
        "v = r.get('k')\nr.set('k', v + 1)", ("read store r['k']", "write store r['k'] from get"), above=REDIS
    ),
    "atomic": Case("r.incr('k')", ("update store r['k']",), above=REDIS),
    "delete": Case("r.delete('k')", ("delete store r['k']",), above=REDIS),
    "update": Case("Account.objects.filter(pk=pk).update(n=1)", ("update table Account",), "pk", DJANGO),
    "query": Case("return Account.objects.filter(pk=pk).order_by('n').first()", ("read table Account",), "pk", DJANGO),
    "query-locked": Case(
        "return Account.objects.select_for_update().filter(pk=pk).get()",
        ("read table Account", "take row lock"),
        "pk",
        DJANGO,
    ),
    "row": Case(
        "return get_object_or_404(Account, pk=1)",
        ("read table Account",),
        above=DJANGO + "\nfrom django.shortcuts import get_object_or_404",
    ),
    "save": Case(
        "a = Account.objects.get(pk=1)\na.n = a.n + 1\na.save()",
        ("read table Account", "read row a.n", "write row a from get"),
        above=DJANGO,
    ),
    "create": Case("Account.objects.create(n=1)", ("create table Account",), above=DJANGO),
    "refresh": Case("session.refresh(user)", ("read table user",), "session: Session, user", SQLALCHEMY),
    "add": Case("session.add(user)", ("create table user",), "session: Session, user", SQLALCHEMY),
    "statement": Case(
        "session.execute(update(User).where(User.id == 1).values(n=1))",
        ("write table User",),
        "session: Session",
        SQLALCHEMY,
    ),
    "sql": Case(
        "c.execute('SELECT n FROM t')\nc.execute('UPDATE t SET n = 1')",
        ("read table t", "write table t"),
        "c: sqlite3.Connection",
        SQLITE,
    ),
    "transaction": Case("with transaction.atomic():\n    pass", ("take transaction", "commit"), above=DJANGO),
    "begin": Case(
        "with c.begin():\n    c.cursor().execute('DELETE FROM t')",
        ("take transaction", "delete table t", "commit"),
        above="import pymysql\nc = pymysql.connect()",
    ),
    "commit": Case(
        "u = session.get(User, 1)\nu.n = 1\nsession.commit()",
        ("read table User", "write row u", "commit"),
        "session: Session",
        SQLALCHEMY,
    ),
    "rollback": Case(
        "u = session.get(User, 1)\nu.n = 1\nsession.rollback()",
        ("read table User", "rollback"),
        "session: Session",
        SQLALCHEMY,
    ),
    "lock": Case("with LOCK:\n    pass", ("take lock",), above="import threading\nLOCK = threading.Lock()"),
    "lock-context": Case(
        "with cache.lock('k'):\n    cache.delete('k')", ("take lock", "delete store cache['k']"), above=DJANGO
    ),
    "file-check": Case("return os.path.exists(path)", ("check file path",), "path", "import os"),
    "file-make": Case("os.mkdir(path)\nos.makedirs(path, exist_ok=True)", ("create file path",), "path", "import os"),
    "file-remove": Case("Path(path).unlink()", ("delete file path",), "path", "from pathlib import Path"),
    "open": Case(
        "with open(path) as file:\n    return json.load(file)",
        ("use file path", "read file path"),
        "path",
        "import json",
    ),
    "path": Case("path = Path('a')\nreturn path.read_text()", ("read file path",), above="from pathlib import Path"),
    "json-load": Case(
        "return pickle.load(open(path, 'rb'))", ("use file path", "read file path"), "path", "import pickle"
    ),
    "json-dump": Case(
        "with open(path, 'w') as file:\n    json.dump({}, file)",
        ("use file path", "write file path"),
        "path",
        "import json",
    ),
    "file-read": Case("with open(path) as file:\n    return file.read()", ("use file path", "read file path"), "path"),
    "file-write": Case(
        "with open(path, 'w') as file:\n    file.write('')", ("use file path", "write file path"), "path"
    ),
    "open-flags": Case(
        "with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT), 'w') as file:\n    file.write('')",
        ("use file path", "write file path"),
        "path",
        "import os",
    ),
    "open-mode": Case(
        "with made.open('wb') as file:\n    file.write(b'')",
        ("use file made", "write file made"),
        "made",
        "import pathlib",
    ),
    "file-handle": Case(
        "file = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL))", ("create file path",), "path", "import os"
    ),
    "file-use": Case("return os.stat(path)", ("use file path",), "path", "import os"),
    "file-list": Case("return Path(path).iterdir()", ("use file path",), "path", "from pathlib import Path"),
    "file-move": Case(
        "Path(new).replace(path)", ("use file new", "write file path"), "new, path", "from pathlib import Path"
    ),
    "file-copy": Case("shutil.copy(old, new)", ("use file old", "write file new"), "old, new", "import shutil"),
    "file-join": Case(
        "a = os.path.join(folder, 'a')\nos.remove(a)\n(Path(folder) / 'a').unlink()",
        ("delete file a", "delete file Path(folder) / 'a'"),
        "folder",
        "import os\nfrom pathlib import Path",
    ),
    "file-name": Case("name = tempfile.mktemp()", ("check file tempfile.mktemp()",), above="import tempfile"),
    "acquire": Case(
        "with open(path, 'r+') as file:\n    fcntl.flock(file, fcntl.LOCK_EX)\n    file.write('')",
        ("use file path", "take lock", "write file path"),
        "path",
        "import fcntl",
    ),
    "release": Case("portalocker.unlock(file)", (), "file", "import portalocker"),
    "resource": Case("C.client = Redis()", ("write attribute C.client",), above=REDIS + "\nclass C: client = None"),
    "same": Case(
        "session.execute(text('DELETE FROM t'))\nwith closing(sqlite3.connect('t')) as c:\n    c.execute('DELETE FROM u')",
        ("delete table t", "delete table u"),
        "session: Session",
        SQLALCHEMY + "\nimport sqlite3\nfrom contextlib import closing\nfrom sqlalchemy import text",
    ),
    "pure": Case(
        "n = c.execute('SELECT n FROM t').fetchone()\nc.execute('UPDATE t SET n = ?', (n,))",
        ("read table t", "write table t from execute"),
        "c: sqlite3.Connection",
        SQLITE,
    ),
    "remove": Case("r.lrem('k', 1, 'a')", ("delete store r['k']",), above=REDIS),
    "expire": Case("r.set('k', 1)\nr.expire('k', 60)", ("write store r['k']", "expire"), above=REDIS),
    "stop": Case(
        "n = r.get('k')\nif n:\n    abort(404)\nr.incr('k')",
        ("check store r['k']", "update store r['k']"),
        above=REDIS + "\nfrom flask import abort",
    ),
    "enqueue": Case(
        "with transaction.atomic():\n    a = Account.objects.create()\n    notify.delay(a.pk)",
        ("take transaction", "create table Account", "read row a.pk", "enqueue", "commit"),
        above=DJANGO + "\nfrom app.tasks import notify",
    ),
    "none": Case(
        "async with pool.acquire() as c:\n    await c.execute('DELETE FROM t')",
        ("switch", "delete table t", "switch", "switch"),
        "pool: asyncpg.Pool",
        "import asyncpg",
        "async def",
    ),
}


@pytest.mark.parametrize("effect", EFFECTS_AT_WORK)
def test_effect(effect: str) -> None:
    """Each effect becomes the events that docs/models.md says."""
    case = EFFECTS_AT_WORK[effect]
    assert case.run() == case.does


def test_every_effect_is_at_work() -> None:
    """No table uses an effect that nothing above shows."""
    models = load_models()
    assert {call.effect for call in (*models.functions.values(), *models.methods.values())} == EFFECTS_AT_WORK.keys()


def test_every_effect_is_documented() -> None:
    """docs/models.md has a line for each effect that the tables use."""
    text = DOCS.read_text(encoding="utf-8")
    assert [effect for effect in EFFECTS_AT_WORK if f"`{effect}`" not in text] == []


def test_a_made_resource_is_known_as_one() -> None:
    """Rules about things made twice ask for it."""
    flow = flow_of(EFFECTS_AT_WORK["resource"].above + "\ndef f():\n    C.client = Redis()\n")
    (write,) = flow.accesses
    assert write.value.part("resource") is not None
    assert write.value.type == "redis.Redis"


# libraries

LIBRARIES = {
    "append mode adds only": Case("with open(path, 'a') as file:\n    file.write('')", ("use file path",), "path"),
    "aiofiles": Case(
        "async with aiofiles.open(path) as file:\n    text = await file.read()",
        ("use file path", "switch", "read file path", "switch", "switch"),
        "path",
        "import aiofiles",
        "async def",
    ),
    "django exists": Case(
        "if not Account.objects.filter(pk=pk).exists():\n    Account.objects.create(pk=pk)",
        ("check table Account", "create table Account"),
        "pk",
        DJANGO,
    ),
    "django cache": Case(
        "n = cache.get('n')\ncache.set('n', n + 1)\ncache.incr('n')",
        ("read store cache['n']", "write store cache['n'] from get", "update store cache['n']"),
        above=DJANGO,
    ),
    "django cursor": Case(
        "with connection.cursor() as cursor:\n    cursor.execute('UPDATE t SET n = n + 1')",
        ("update table t",),
        above="from django.db import connection",
    ),
    "sqlalchemy tasks": Case(
        "await session.execute(select(User).where(User.id == 1).with_for_update())\nawait session.commit()",
        ("read table User", "take row lock", "switch", "commit", "switch"),
        "session: AsyncSession",
        SQLALCHEMY + "\nfrom sqlalchemy.ext.asyncio import AsyncSession",
        "async def",
    ),
    "sqlalchemy factory": Case(
        "with Make() as session:\n    u = session.query(User).filter_by(id=1).first()\n    u.n = u.n + 1\n    session.commit()",
        ("read table User", "read row u.n", "write row u from first", "commit"),
        above=SQLALCHEMY + "\nfrom sqlalchemy.orm import sessionmaker\nMake = sessionmaker()",
    ),
    "sqlalchemy upsert": Case(
        "session.execute(insert(User).values(id=1))\nsession.execute(delete(User))",
        ("create table User", "delete table User"),
        "session: Session",
        SQLALCHEMY,
    ),
    "aiosqlite": Case(
        "async with aiosqlite.connect(path) as db:\n    await db.execute('DELETE FROM t')\n    await db.commit()",
        ("switch", "delete table t", "switch", "commit", "switch", "switch"),
        "path",
        "import aiosqlite",
        "async def",
    ),
    "asyncpg": Case(
        "n = await pool.fetchval('SELECT n FROM t')\nasync with pool.acquire() as c, c.transaction():\n    await c.execute('UPDATE t SET n = $1', n)",
        (
            "read table t",
            "switch",
            "switch",
            "switch",
            "take transaction",
            "write table t from fetchval",
            "switch",
            "commit",
            "switch",
        ),
        "pool: asyncpg.Pool",
        "import asyncpg",
        "async def",
    ),
    "psycopg": Case(
        "with psycopg.connect() as c, c.cursor() as cursor:\n    cursor.execute('SELECT n FROM t FOR UPDATE')",
        ("take transaction", "read table t", "take row lock", "commit"),
        above="import psycopg",
    ),
    "databases": Case(
        "await database.execute('DELETE FROM t')",
        ("delete table t", "switch"),
        above="from databases import Database\ndatabase = Database()",
        definition="async def",
    ),
    "sqlite3 connection": Case(
        "with c:\n    n = c.execute('SELECT n FROM t').fetchone()\n    c.execute('UPDATE t SET n = ?', n)",
        ("take transaction", "read table t", "write table t from execute", "commit"),
        "c: sqlite3.Connection",
        SQLITE,
    ),
    "sqlite3 cursor": Case(
        "cursor = c.cursor()\ncursor.execute('SELECT n FROM t')\nc.execute('UPDATE t SET n = ?', cursor.fetchone())",
        ("read table t", "write table t from execute"),
        "c: sqlite3.Connection",
        SQLITE,
    ),
    "a statement of an unknown receiver": Case("runner.execute('DELETE FROM t')", ("delete table t",), "runner"),
    "django made or found": Case(
        "a, made = Account.objects.get_or_create(pk=1)\na.n = a.n + 1\na.save()\na.delete()",
        ("update table Account", "read row a.n", "write row a from get_or_create", "delete table Account"),
        above=DJANGO,
    ),
    "django loop": Case(
        "for a in Account.objects.filter(n=1):\n    a.n = a.n + 1\n    a.save()",
        ("read table Account", "read row a.n", "write row a from for"),
        above=DJANGO,
    ),
    "sqlalchemy scope of a transaction": Case(
        "with Make.begin() as session:\n    for u in session.scalars(select(User)).all():\n        session.delete(u)",
        ("take transaction", "read table User", "delete table User", "commit"),
        above=SQLALCHEMY + "\nfrom sqlalchemy.orm import sessionmaker\nMake = sessionmaker()",
    ),
    "flask-sqlalchemy": Case(
        "u = User.query.filter_by(id=1).first()\nu.n = u.n + 1\ndb.session.commit()",
        ("read table User", "read row u.n", "write row u from first", "commit"),
        above="import sqlalchemy\nfrom app import db\nfrom app.models import User",
    ),
    "peewee": Case(
        "u = User.get_by_id(1)\nu.n = u.n + 1\nu.save()",
        ("read table User", "read row u.n", "write row u from get_by_id"),
        above="import peewee\nclass User(peewee.Model): pass",
    ),
    "Tortoise": Case(
        "u = await User.get(id=1)\nawait User.filter(id=1).update(n=u.n + 1)",
        ("read table User", "switch", "read row u.n", "update table User from get", "switch"),
        above="from tortoise.models import Model\nclass User(Model): pass",
        definition="async def",
    ),
    "pymongo": Case(
        "d = db.users.find_one({'_id': 1})\ndb.users.replace_one({'_id': 1}, d)",
        ("read store db.users[{'_id': 1}]", "write store db.users[{'_id': 1}] from find_one"),
        above="from app import db",
    ),
    "DynamoDB": Case(
        "d = table.get_item(Key={'id': 1})\ntable.put_item(Item=d, ConditionExpression='n = :n')",
        ("read store table[{'id': 1}]", "update store table from get_item"),
        above="import boto3\ntable = boto3.resource('dynamodb').Table('t')",
    ),
    "redis only if absent": Case("r.set('k', 1, nx=True)", ("update store r['k']",), above=REDIS),
    "replaced file": Case(
        "with open(path) as file:\n    d = json.load(file)\nwith open(new, 'w') as file:\n    json.dump(d, file)\nos.replace(new, path)",
        (
            "use file path",
            "read file path",
            "use file new",
            "write file new from load",
            "use file new",
            "write file path from load",
        ),
        "path, new",
        "import json, os",
    ),
    "redis pipeline": Case(
        "with r.pipeline() as pipe:\n    pipe.watch('k')\n    n = pipe.get('k')\n    pipe.multi()\n    pipe.set('k', n)\n    pipe.execute()",
        (),
        above=REDIS,
    ),
    "redis tasks": Case(
        "await redis.rpush('k', 1)\nawait redis.hset('h', 'f', 1)",
        ("update store redis['k']", "switch", "write store redis['h']", "switch"),
        "redis: Redis",
        "from redis.asyncio import Redis",
        "async def",
    ),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_library(library: str) -> None:
    """What users of a library write is understood."""
    case = LIBRARIES[library]
    assert case.run() == case.does


# handlers

HANDLERS = {
    "FastAPI": (
        "from fastapi import FastAPI\napp = FastAPI()\n@app.post('/')\nasync def f(): pass",
        "a web handler",
        "tasks",
        True,
    ),
    "Flask": (
        "from flask import Flask\napp = Flask('')\n@app.route('/')\ndef f(): pass",
        "a web handler",
        "threads",
        True,
    ),
    "aiohttp": ("from aiohttp import web\nasync def f(request): pass", "a web handler", "tasks", True),
    "Django": ("from django.http import HttpResponse\ndef f(request): pass", "a Django view", "threads", True),
    "DRF": (
        "from rest_framework.viewsets import ModelViewSet\nclass V(ModelViewSet):\n    def create(self, request): pass",
        "a Django view",
        "threads",
        True,
    ),
    "Celery": ("from celery import shared_task\n@shared_task\ndef f(): pass", "a job", "processes", True),
    "Celery application": (
        "from app.celery import app\n@app.task(bind=True)\ndef f(self): pass",
        "a job",
        "processes",
        True,
    ),
    "arq": ("import arq\nasync def f(ctx): pass", "a job", "tasks", True),
    "discord.py": (
        "from discord.ext import commands\nclass C(commands.Cog):\n    @commands.command()\n    async def f(self, ctx): pass",
        "a bot's event handler",
        "tasks",
        False,
    ),
    "Lambda": ("import boto3\ndef f(event, context): pass", "an AWS Lambda handler", "processes", True),
}


@pytest.mark.parametrize("framework", HANDLERS)
def test_handler(framework: str) -> None:
    """A function that a framework calls is known to run many times at once."""
    code, what, world, processes = HANDLERS[framework]
    roots = Concurrency(scope_of(code, load_models())).roots
    assert (what, world, processes) in {
        (root.text.partition(" is ")[2], root.world, root.processes) for root in roots if root.many
    }


def test_a_decorator_needs_its_import() -> None:
    """`@cache.get` of an unknown library is no web handler."""
    roots = Concurrency(scope_of("import cachelib\n@cachelib.get('/')\nasync def f(): pass", load_models())).roots
    assert not [root for root in roots if "handler" in root.text]


# documentation


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    """Its table makes the events that it promises of its function."""
    blocks = DOCS.read_text(encoding="utf-8").split("```")
    table, code, wanted = (
        next(block.partition("\n")[2] for block in blocks if block.startswith(language) and mark in block)
        for language, mark in (("toml", "diskcache.Cache"), ("python", "diskcache"), ("text", "cache"))
    )
    path = tmp_path / "diskcache.toml"
    path.write_text(table)
    assert told(flow_of(code, load_models((str(path),)), "count_visit")) == wanted.split("\n")[:-1]


def test_tables_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of them is what stands in them, and no more is kept than the compiled modules are."""
    monkeypatch.setattr(bundled, "HERE", str(tmp_path))
    (tmp_path / "one.toml").write_text('imports = ["one"]\n')
    kept = Path(importlib.util.cache_from_source(str(tmp_path / "any.py"))).with_name(bundled.KEPT)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    expected = [(str(tmp_path / "one.toml"), {"imports": ["one"]})]
    assert bundled.tables() == expected
    assert not kept.exists()
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert bundled.tables() == expected
    assert not kept.exists()
    kept.parent.mkdir(parents=True)
    assert bundled.tables() == bundled.tables() == expected
    assert kept.exists()
    for broken in ("", "{", "[]", "[1, 2, 3]", kept.read_text().replace("one.toml", "two.toml")):
        kept.write_text(broken)
        assert bundled.tables() == expected
    (tmp_path / "one.toml").write_text('imports = ["one", "two"]\n')
    assert bundled.tables() == [(str(tmp_path / "one.toml"), {"imports": ["one", "two"]})]


def test_bundled_types_are_like_others() -> None:
    """None of them is like itself, over others or not."""
    models = load_models()
    for name in models.parents:
        seen = [name]
        while parent := models.parents.get(seen[-1], ""):
            assert parent not in seen
            seen.append(parent)


def test_all_statuses_of_errors_are_refusals() -> None:
    """Whatever Python calls them."""
    names = {name for name, status in HTTPStatus.__members__.items() if status >= 400}
    assert names
    assert names <= ERRORS
    assert not ERRORS & {name for name, status in HTTPStatus.__members__.items() if status < 400}
