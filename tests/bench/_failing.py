"""A pytest plugin that writes the ids of the tests that failed, as JSON, to the file `FAILING_REPORT`."""

import json
import os
from pathlib import Path

import pytest

_failed: dict[str, None] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what failed."""
    if report.failed:
        _failed[report.nodeid] = None


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Keep what could not even be read."""
    if report.failed:
        _failed[report.nodeid] = None


def pytest_sessionfinish() -> None:
    """Write the file."""
    Path(os.environ["FAILING_REPORT"]).write_text(json.dumps(list(_failed)), encoding="utf-8")
