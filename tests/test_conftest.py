"""A missing server is an excuse on a developer's machine only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """\
import pytest

@pytest.mark.server
def test_store():
    pytest.skip("PostgreSQL does not answer")

@pytest.mark.server
@pytest.mark.skipif(True, reason="no Redis")
def test_other_store():
    pass

def test_platform():
    pytest.skip("not on this system")
"""


@pytest.mark.parametrize(("ci", "outcome"), [("", "3 skipped"), ("1", "1 failed, 1 skipped, 1 error")])
def test_tests_that_need_a_server(tmp_path: Path, ci: str, outcome: str) -> None:
    """They are skipped without one, and fail if RACELINT_CI is set; other skips stay skips."""
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_stores.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = server\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "RACELINT_CI": ci, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert outcome in run.stdout.splitlines()[-1], run.stdout
