"""An interrupt ends the work in good order, and only then us."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

import pytest

from seatrial.cli.running import Interrupted, run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_the_work_and_waits_for_its_cleaning_up(number: signal.Signals) -> None:
    done = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            done.append("cleaned up")

    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught:
        run(work())
    assert caught.value.number == number
    assert str(caught.value) == number.name
    assert done == ["cleaned up"]
    assert signal.getsignal(number) in (before, signal.default_int_handler, signal.SIG_DFL)


def test_work_that_is_not_disturbed_gives_its_result() -> None:
    async def work() -> int:
        return 42

    assert run(work()) == 42


def test_an_error_of_the_work_is_raised_as_it_is() -> None:
    async def work() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        run(work())


def test_a_signal_that_our_caller_ignores_stays_ignored() -> None:
    async def work() -> str:
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0)
        return "went on"

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run(work()) == "went on"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_child_that_was_reaped_while_we_stopped_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        logging.getLogger("asyncio").warning("Unknown child process pid %d, will report returncode 255", 7)
        logging.getLogger("asyncio").warning("Executing took %.3f seconds", 3.0)

    run(work())
    assert caplog.messages == ["Executing took 3.000 seconds"]
