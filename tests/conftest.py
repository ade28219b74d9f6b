"""What holds for all tests."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# How fast a machine is says nothing about racelint.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds what another has kept, and none leaves a cache where it looks at what there is."""
    monkeypatch.setenv("RACELINT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


NEEDS = {"server": "RACELINT_CI", "browser": "RACELINT_BROWSER"}
"""What a marked test needs, and the variable that promises it."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that needs a server or a browser and finds none is skipped; where one is promised it fails: nobody is misled."""
    report = yield
    for marker, variable in NEEDS.items():
        if report.skipped and item.get_closest_marker(marker) and os.environ.get(variable):
            report.outcome = "failed"
            report.longrepr = f"no {marker}, and {variable} is set: {report.longrepr}"
    return report
