"""Importing the runtime costs production next to nothing, and the public names are there."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from functools import partial, wraps
from typing import Annotated, get_type_hints
from unittest.mock import AsyncMock, Mock

import pytest

import racelint.runtime
import racelint.runtime.stores
from racelint.runtime import guarded_by
from racelint.runtime.functions import is_coroutine_function


def imported_by(code: str) -> set[str]:
    """The modules that are there after `code`, but not in a bare interpreter."""
    report = "import sys, json; before = set(sys.modules)\n{}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", report.format(code)], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "code",
    [
        "from racelint.runtime import *",
        "from racelint.runtime.stores import MemoryStore, FileStore, SQLiteStore",
    ],
)
def test_nothing_of_the_linter_is_imported(code: str) -> None:
    """Nor anything that is not in the standard library, nor asyncio before it is needed."""
    modules = imported_by(code)
    ours = {name for name in modules if name.partition(".")[0] == "racelint"}
    assert {name for name in ours if not f"{name}.".startswith("racelint.runtime.")} == {"racelint"}
    others = {name.partition(".")[0] for name in modules - ours}
    assert {name for name in others if name not in sys.stdlib_module_names and not name.startswith("_")} == set()
    assert "asyncio" not in others


def test_update_atomic_is_imported_in_no_time() -> None:
    """Without what takes longer than all of it."""
    slow = {"asyncio", "concurrent", "inspect", "logging", "random", "threading", "typing"}
    assert not imported_by("from racelint.runtime import update_atomic") & slow


def test_the_package_alone_imports_nothing() -> None:
    """Each helper comes when it is asked for."""
    assert imported_by("import racelint.runtime, racelint.runtime.stores") == {
        "racelint",
        "racelint.runtime",
        "racelint.runtime.stores",
    }


@pytest.mark.parametrize("module", [racelint.runtime, racelint.runtime.stores])
def test_public_names(module: object) -> None:
    """All that is promised is there, under its own name, and nothing else is."""
    names = module.__all__  # type: ignore[attr-defined]
    assert sorted(names) == sorted(module._HOMES)  # type: ignore[attr-defined]
    assert set(names) <= set(dir(module))
    for name in names:
        assert getattr(module, name).__name__ in (name, "GuardedBy")
    with pytest.raises(AttributeError, match="nothing"):
        module.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_a_helper_is_not_hidden_by_a_module() -> None:
    """No module of the package has the name of a helper, in whatever order they are imported."""
    code = "import racelint.runtime.update, racelint.runtime.once\nfrom racelint.runtime import update_atomic, init_once\nassert callable(update_atomic) and callable(init_once)"
    assert "racelint.runtime.update" in imported_by(code)


async def coroutine_function() -> None:
    """One of them."""


def plain_function() -> None:
    """None of them."""


@pytest.mark.parametrize(
    "function",
    [
        coroutine_function,
        plain_function,
        partial(coroutine_function),
        wraps(coroutine_function)(lambda: None),
        AsyncMock(),
        Mock(),
        len,
        str,
    ],
)
def test_coroutine_functions_are_known_without_inspect(function: object) -> None:
    """As by `inspect`."""
    assert is_coroutine_function(function) == inspect.iscoroutinefunction(function)


def test_guarded_by_is_an_annotation() -> None:
    """It says which lock, and does nothing."""

    class Account:
        balance: Annotated[int, guarded_by("_lock")] = 0

    hint = get_type_hints(Account, include_extras=True)["balance"]
    assert hint.__metadata__ == (guarded_by("_lock"),)
    assert hint.__metadata__[0].lock == "_lock"
    assert repr(guarded_by("_lock")) == "guarded_by('_lock')"
    assert len({guarded_by("a"), guarded_by("a"), guarded_by("b")}) == 2
