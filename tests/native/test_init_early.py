"""No stop is lost in the first milliseconds. The full number of tries is bench/init.py's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .native_programs import NAMESPACE

DRIVER = Path(__file__).resolve().parents[2] / "bench" / "init_driver.c"

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("needs_pid_1")]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = str(tmp_path_factory.mktemp("driver") / "driver")
    subprocess.run(["cc", "-O2", "-o", target, str(DRIVER)], check=True)
    return target


@pytest.mark.parametrize("how", ["pid1+held", "plain+held", "plain+open", "pid1+child"])
@pytest.mark.parametrize("options", [["-s"], ["-s", "-g"], ["-c"], ["--setsid"]], ids=" ".join)
def test_no_early_stop_is_lost(start, driver, how, options):
    command = [
        *NAMESPACE,
        driver,
        "early",
        "100",
        "2000",
        how,
        *start.command("seatrial-init"),
        *options,
        driver,
        "obey",
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=110, env=start.environment(), check=False)
    assert result.stdout == "100 honoured, 0 lost, 0 failed\n", result
