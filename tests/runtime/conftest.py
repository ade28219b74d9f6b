"""One store of each kind, of its own for each test, and gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import makers
import pytest

from racelint.runtime.stores import Store

LOCAL = ["file", "sqlite"]
KINDS = ["memory", *LOCAL]
SHARED = LOCAL
"""Those that several processes can use."""


@pytest.fixture(params=KINDS)
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What `makers.make` makes a store of; a test can choose kinds by parameters of the same name."""
    return f"{request.param}:{tmp_path / 'store'}"


@pytest.fixture
def store(spec: str) -> Iterator[Store]:
    """A store that nobody else uses."""
    made = makers.make(spec)
    yield made
    made.close()
