"""What is advised where requests were cut: a server's own limit is named where it ended them, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial.drill.judge.rollout_judges import rollout_drops_nothing
from seatrial.drill.judge.traffic_judges import in_flight_finish
from seatrial.model.recording import Exit, Recording, Run
from seatrial.model.verdict import Ruling

from ..recordings import KILL, PID_ONE, SIGNAL, O, P, changed, recording, rollout, slow

OTHER = "on the signal stop accepting"


def cut(command: str, after: float, *, seen: str = "", **changes: Any) -> Recording:
    """Three slow requests end so many seconds after the signal, and the service soon after."""
    end = SIGNAL + after
    processes = (replace(PID_ONE, argv=tuple((seen or command).split())),)
    losses = [slow(O.FIN, end, number=number) for number in range(3)]
    values: dict[str, Any] = {"exit": Exit(end + 0.05, 0), "processes": processes, "rate": 0.0, **changes}
    run: Run = changed(without=[*P], plus=losses, **values)
    return recording(run, argv=tuple(command.split()))


def cure(found: Recording) -> str:
    verdict = in_flight_finish(found)
    assert verdict.ruling is Ruling.FAIL
    return verdict.remedy


@pytest.mark.parametrize(
    ("command", "after", "said"),
    [
        ("gunicorn --graceful-timeout 1 app:app", 1.01, "`--graceful-timeout 1`"),
        ("gunicorn --graceful-timeout=1 app:app", 1.9, "`--graceful-timeout 1`"),
        ("python3 /usr/bin/gunicorn --graceful-timeout 1 app:app", 1.0, "`--graceful-timeout 1`"),
        ("uvicorn app:app --timeout-graceful-shutdown 2", 2.15, "`--timeout-graceful-shutdown 2`"),
        ("hypercorn app:app", 3.1, "3 s where `--graceful-timeout` says none"),
        ("granian --interface asgi --workers-kill-timeout 1 app:app", 1.0, "`--workers-kill-timeout 1`"),
    ],
)
def test_the_servers_own_limit_is_named_where_it_ended_them(command: str, after: float, said: str) -> None:
    told = cure(cut(command, after))
    assert told.startswith(f"its own limit ({said}) ended them {after:.2f} s after SIGTERM: set `--")
    assert told.endswith("above the slowest request (1.20 s when tried), and the grace period (10 s) above both")


@pytest.mark.parametrize(
    ("command", "after"),
    [
        ("gunicorn --graceful-timeout 30 app:app", 1.0),
        ("gunicorn --graceful-timeout 2 app:app", 1.0),
        ("gunicorn --graceful-timeout 2 app:app", 5.0),
        ("uvicorn app:app", 0.01),
        ("python3 -m hypercorn app:app", 0.01),
        ("ruby server.rb", 1.0),
    ],
)
def test_no_limit_is_blamed_for_what_ended_at_another_time(command: str, after: float) -> None:
    assert cure(cut(command, after)).startswith(OTHER)


def test_where_the_limit_is_not_known_the_option_is_named_without_a_cause() -> None:
    told = cure(cut("gunicorn -c conf.py app:app", 1.0, seen="gunicorn: master [app:app]"))
    assert told.startswith("give it time: set `--graceful-timeout` above the slowest request")


def test_the_options_are_read_off_the_command_where_the_process_shows_a_title() -> None:
    found = cut("gunicorn --graceful-timeout 1 app:app", 1.0, seen="gunicorn: master [app:app]")
    assert cure(found).startswith("its own limit (`--graceful-timeout 1`)")


def test_what_sigkill_ended_needs_a_limit_below_the_grace_period() -> None:
    killed = Exit(KILL + 0.02, 137, 9, killed=True)
    assert cure(cut("gunicorn --graceful-timeout 30 app:app", KILL - SIGNAL + 0.02, exit=killed)) == (
        "set `--graceful-timeout` to less than the grace period"
    )


def test_a_replaced_instance_is_told_the_same() -> None:
    command = ("gunicorn", "--graceful-timeout", "1", "app:app")
    run = rollout(slow(O.FIN, SIGNAL + 1.0), processes=(replace(PID_ONE, argv=command),))
    found = recording(run, argv=command)
    assert rollout_drops_nothing(found).remedy.startswith("its own limit (`--graceful-timeout 1`)")
