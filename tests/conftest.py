"""What tests of several folders share: the settings of all property tests, and a real Docker engine.

Property tests take the same examples every time, have no limit of time on a slow machine, and save nothing.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .docker_engine import DockerEngine, EngineError, missing
from .requirements import require

settings.register_profile(
    "project",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("project")

# What is started in the background of a shell ignores SIGINT, and so would all that tests start and then interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _a_cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing that tests run keeps its answers in the cache of whoever runs the tests."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the tests that recorded a number of tries above one: what passes at the third try is worth a look."""
    passed = terminalreporter.getreports("passed")
    tried = [
        (report.nodeid, dict(report.user_properties).get("tries", 1)) for report in passed if report.when == "call"
    ]
    if many := [f"{tries} tries: {test}" for test, tries in tried if tries > 1]:
        terminalreporter.write_sep("=", "passed, and not at the first try")
        terminalreporter.write_line("\n".join(many))


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """A real Docker engine, started once; skips with the reason where there is none, and fails if CI is set."""
    require(missing())
    folder = Path(tempfile.mkdtemp(prefix="docker-for-tests-"))  # short: a socket's path has 107 bytes at most
    try:
        engine = DockerEngine(folder)
    except EngineError as error:
        shutil.rmtree(folder, ignore_errors=True)
        require(str(error))
    yield engine
    engine.close()
