"""What holds for all tests."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# How fast a machine is says nothing about racelint.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that needs a server and finds none is skipped; where RACELINT_CI is set it fails, so that nobody is misled."""
    report = yield
    if report.skipped and item.get_closest_marker("server") and os.environ.get("RACELINT_CI"):
        report.outcome = "failed"
        report.longrepr = f"no server, and RACELINT_CI is set: {report.longrepr}"
    return report
