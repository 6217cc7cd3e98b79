"""What every test shares: anyio's backend, private state, and no skipping in CI."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _private_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep journals and settings out of the user's own directories."""
    state: Path = tmp_path_factory.mktemp("state")
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("PODIUM_")]:
        del os.environ[name]
    os.environ["PODIUM_STATE_DIR"] = str(state)
    os.environ["XDG_CONFIG_HOME"] = str(state / "config")
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where CI runs: there, everything that a test needs is installed."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped in CI: {report.longreprtext}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many steps the simulation of edits made, so that the log of CI has it."""
    reports: list[pytest.TestReport] = terminalreporter.getreports("passed")
    named = [pair for report in reports for pair in report.user_properties if pair[0] == "simulated_steps"]
    n_steps = sum(int(str(value)) for _, value in named)
    if n_steps:
        terminalreporter.write_line(f"{n_steps:,} steps were simulated: no keystroke was lost or doubled")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-scenarios", action="store_true", help="rewrite what the files in tests/scenarios expect"
    )
