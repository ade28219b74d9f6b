"""One store of each kind, of its own for each test, and gone afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import makers
import pytest

from racelint.runtime.stores import PostgresStore, Store

SERVERS = {"postgres": "PostgreSQL", "redis": "Redis"}
SHARED = ["file", "sqlite", *(pytest.param(kind, marks=pytest.mark.server) for kind in SERVERS), "dynamodb"]
"""Those that several processes can use."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with `spec` or `store` runs for all stores; with a mark `shared`, for those that processes can share."""
    chosen = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "spec" in metafunc.fixturenames and not any("spec" in names for names in chosen):
        shared = metafunc.definition.get_closest_marker("shared")
        metafunc.parametrize("spec", SHARED if shared else ["memory", *SHARED], indirect=True)


@cache
def answers(kind: str) -> bool:
    """Asked once."""
    return makers.answers(kind)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The port of a DynamoDB that moto plays."""
    command = [sys.executable, Path(__file__).parent / "moto_server.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        assert port.isdigit()
        yield port
        server.communicate()


@pytest.fixture(scope="session")
def tables() -> Iterator[str]:
    """The name of tables of PostgreSQL that are there as long as the tests run; each test leaves them empty."""
    name = f"test_{uuid4().hex[:12]}"
    store = PostgresStore(makers.POSTGRES, table=name)
    store.create_tables()
    yield name
    for table in makers.TABLES:
        store._rows(f"DROP TABLE {{t}}_{table}")
    store.close()


@pytest.fixture
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """What `makers.make` makes a store of."""
    kind, name = request.param, f"test_{uuid4().hex[:12]}"
    if kind in SERVERS and not answers(kind):
        pytest.skip(f"{SERVERS[kind]} does not answer")
    if kind == "dynamodb":
        name = f"{request.getfixturevalue('moto')}/{name}"
    elif kind == "postgres":
        name = request.getfixturevalue("tables")
    elif kind not in SERVERS:
        name = str(tmp_path / "store")
    spec = f"{kind}:{name}"
    makers.create(made := makers.make(spec))
    made.close()
    yield spec
    makers.drop(makers.make(spec))


@pytest.fixture
def store(spec: str) -> Iterator[Store]:
    """A store that nobody else uses."""
    made = makers.make(spec)
    yield made
    made.close()
