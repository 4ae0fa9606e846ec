"""The cases in which the pure machine and a real Docker engine are compared: programs, promises, and what is done.

Each step waits for something that happens (never for a time), so that a slow machine changes nothing but the duration.
`differs` says why seatrial does otherwise by default; with `docker_quirks` it does as Docker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from seatrial.engine.contract import commands as c
from seatrial.engine.contract.commands import Happening
from seatrial.engine.contract.health import Check, Kind
from seatrial.engine.contract.instance import Terms
from seatrial.engine.contract.restarting import parse

from .simulation import Behaviour

HUP, INT, KILL, USR1, TERM = 1, 2, 9, 10, 15
LATE = 300.0


@dataclass(frozen=True)
class Seen:
    """Wait until there were so many events of an action; "ready" is a start whose program has set its traps."""

    action: str
    times: int = 1


@dataclass(frozen=True)
class Ask:
    """Ask for something, and wait for the answer unless `later`."""

    wish: Happening
    later: bool = False


@dataclass(frozen=True)
class Case:
    """What is promised and what is done. `program` replaces the shell script that the behaviours are written as."""

    name: str
    steps: tuple[Seen | Ask, ...]
    behaviours: tuple[Behaviour, ...] = (Behaviour(lasts=0.0),)
    restart: str = "no"
    stop_signal: str = ""
    grace: float = LATE
    check: Check | None = None
    remove_at_end: bool = False
    memory: int = 0
    program: tuple[str, ...] = ()
    differs: str = ""
    exact_health: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    def terms(self, *, docker_quirks: bool = True) -> Terms:
        from seatrial.model.service import signal_number

        return Terms(
            restart=parse(self.restart),
            check=self.check,
            stop_signal=signal_number(self.stop_signal or "TERM"),
            stop_signal_said=bool(self.stop_signal),
            grace=self.grace,
            remove_at_end=self.remove_at_end,
            docker_quirks=docker_quirks,
        )


START = Ask(c.StartAsked())
STOP = Ask(c.StopAsked())
PAUSE, UNPAUSE = Ask(c.PauseAsked()), Ask(c.UnpauseAsked())
REMOVE, FORCE = Ask(c.RemoveAsked()), Ask(c.RemoveAsked(force=True))
READY = Seen("ready")
DIED = Seen("die")
POLITE = Behaviour(handles={TERM: (0.0, 7), INT: (0.0, 8), USR1: (0.0, 9), HUP: (0.0, 10)})
SLOW = Behaviour(handles={TERM: (0.5, 7)})
DEAF = Behaviour()
FAILS = Behaviour(lasts=0.0, code=1)
ENDS = Behaviour(lasts=0.0, code=0)


def ends(code: int) -> Case:
    return Case(f"exit {code}", (START, DIED), (Behaviour(lasts=0.0, code=code),))


def kill(number: int) -> Ask:
    return Ask(c.KillAsked(signal=number))


def probed(*codes: int, interval: float = 0.3, retries: int = 2, start_period: float = 0.0) -> dict[str, Any]:
    check = Check(Kind.EXECUTE, ("probe",), interval, 30.0, start_period, 5.0, retries)
    return {"check": check, "behaviours": (Behaviour(handles=POLITE.handles, probes=codes),)}


EXITS = [
    *(ends(code) for code in (0, 3, 255)),
    Case("command is not there", (START,), (Behaviour(fails_to_start=127),), program=("/nope",)),
    Case("command is a directory", (START,), (Behaviour(fails_to_start=126),), program=("/bin",)),
    Case(
        "command vanishes before the restart",
        (START, DIED),
        (Behaviour(lasts=0.0, code=3), Behaviour(fails_to_start=127)),
        "always",
        program=("vanishing",),
    ),
]
POLICIES = [
    Case("on-failure, exit 0", (START, DIED), (ENDS,), "on-failure"),
    Case("on-failure:1", (START, Seen("die", 2)), (FAILS,), "on-failure:1"),
    Case("on-failure:3", (START, Seen("die", 4)), (FAILS,), "on-failure:3"),
    Case("on-failure until it succeeds", (START, Seen("die", 3)), (FAILS, FAILS, ENDS), "on-failure"),
    Case("on-failure:1 started again", (START, Seen("die", 2), START, Seen("die", 4)), (FAILS,), "on-failure:1"),
    Case("always, five times, then stays", (START, Seen("ready", 6)), (FAILS,) * 5 + (POLITE,), "always"),
    Case("always, exit 0", (START, Seen("ready", 3)), (ENDS, ENDS, POLITE), "always"),
    Case("unless-stopped, exit 1", (START, Seen("ready", 3)), (FAILS, FAILS, POLITE), "unless-stopped"),
]
BETWEEN_RUNS = [
    Case("stop between two runs", (START, Seen("die", 5), STOP), (FAILS,), "always"),
    Case("kill between two runs", (START, Seen("die", 5), kill(KILL)), (FAILS,), "always"),
    Case("removal between two runs", (START, Seen("die", 5), FORCE), (FAILS,), "always"),
    Case(
        "restart between two runs",
        (START, Seen("die", 5), Ask(c.RestartAsked()), Seen("ready", 6)),
        (FAILS,) * 5 + (POLITE,),
        "always",
    ),
]
STOPS = [
    Case("stop", (START, READY, STOP), (POLITE,)),
    Case("stop that takes a while", (START, READY, STOP), (SLOW,)),
    Case("stop, always", (START, READY, STOP), (POLITE,), "always"),
    Case("stop of a deaf one", (START, READY, Ask(c.StopAsked(grace=1.0))), (DEAF,), "always"),
    Case("stop with no grace", (START, READY, Ask(c.StopAsked(grace=0.0))), (DEAF,)),
    Case("stop signal USR1 as a number", (START, READY, STOP), (POLITE,), stop_signal="10"),
    Case("stop, start, stop", (START, READY, STOP, START, Seen("ready", 2), STOP), (POLITE,), "unless-stopped"),
    Case(
        "kill during a stop",
        (START, READY, Ask(c.StopAsked(), later=True), Seen("kill"), kill(KILL), Seen("stop")),
        (DEAF,),
    ),
    Case("restart", (START, READY, Ask(c.RestartAsked()), Seen("ready", 2)), (POLITE,)),
    Case("restart of a deaf one", (START, READY, Ask(c.RestartAsked(grace=1.0)), Seen("ready", 2)), (DEAF,)),
    Case("restart of what has ended", (START, DIED, Ask(c.RestartAsked()), Seen("ready", 2)), (ENDS, POLITE)),
    Case("restart of what was never started", (Ask(c.RestartAsked()), READY), (POLITE,)),
    Case(
        "restart puts the count back",
        (START, Seen("ready", 3), Ask(c.RestartAsked()), Seen("ready", 4)),
        (FAILS, FAILS, POLITE),
        "always",
    ),
]
WHY_SIGNALS = "a signal that isn't the stop signal is no stop by hand (moby#11065, #41302, #47792)"
KILLS = [
    Case("kill", (START, READY, kill(KILL), DIED), (POLITE,)),
    Case("kill, always", (START, READY, kill(KILL), DIED), (DEAF,), "always"),
    Case("kill, on-failure", (START, READY, kill(KILL), DIED), (DEAF,), "on-failure"),
    Case("kill TERM, always", (START, READY, kill(TERM), DIED), (POLITE,), "always"),
    Case("kill HUP, no policy", (START, READY, kill(HUP), DIED), (POLITE,)),
    Case("kill HUP, always", (START, READY, kill(HUP), DIED), (POLITE,), "always", differs=WHY_SIGNALS),
    Case(
        "kill HUP, always, stop signal said",
        (START, READY, kill(HUP), Seen("ready", 2)),
        (POLITE,),
        "always",
        stop_signal="TERM",
    ),
    Case(
        "kill HUP, unless-stopped, stop signal said",
        (START, READY, kill(HUP), DIED),
        (POLITE,),
        "unless-stopped",
        stop_signal="TERM",
        differs=WHY_SIGNALS,
    ),
    Case("kill with an ignored signal", (START, READY, kill(USR1), STOP), (SLOW,), "always"),
    Case("kill, then start", (START, READY, kill(KILL), DIED, START, Seen("ready", 2)), (POLITE,), "always"),
]
REFUSED = [
    Case("refused before the first start", (STOP, kill(TERM), PAUSE, REMOVE)),
    Case("refused while it runs", (START, READY, START, REMOVE, STOP), (POLITE,)),
    Case("refused while it is paused", (START, READY, PAUSE, START, PAUSE, REMOVE, UNPAUSE, STOP), (POLITE,)),
    Case("refused between two runs", (START, Seen("die", 5), START, PAUSE, REMOVE, STOP), (FAILS,), "always"),
    Case("refused after the end", (START, DIED, STOP, kill(TERM), PAUSE), (ENDS,)),
    Case("refused after the removal", (REMOVE, START, STOP, kill(TERM), REMOVE)),
]
OTHERS = [
    Case("stop of a paused one", (START, READY, PAUSE, STOP), (POLITE,)),
    Case("kill of a paused one", (START, READY, PAUSE, kill(KILL), DIED), (POLITE,), "always"),
    Case("removal of a paused one", (START, READY, PAUSE, FORCE), (POLITE,)),
    Case("forced removal", (START, READY, FORCE), (POLITE,), "always"),
    Case("removal of an ended one", (START, DIED, REMOVE), (FAILS,)),
    Case("removal of what was never started", (REMOVE,)),
    Case("removal twice", (REMOVE, REMOVE)),
    Case("--rm, exit", (START, Seen("destroy")), (FAILS,), remove_at_end=True),
    Case("--rm, stop", (START, READY, STOP, Seen("destroy")), (POLITE,), remove_at_end=True),
]
HEALTH = [
    Case("healthy", (START, Seen("health_status: healthy")), **probed(0), exact_health=False),
    Case("unhealthy", (START, Seen("health_status: unhealthy")), **probed(1), exact_health=False),
    Case("exit 2 is a failure", (START, Seen("health_status: unhealthy")), **probed(2), exact_health=False),
    Case(
        "unhealthy, then healthy",
        (START, Seen("health_status: healthy")),
        **probed(1, 1, 1, 0),
        exact_health=False,
    ),
    Case(
        "healthy, then unhealthy",
        (START, Seen("health_status: unhealthy")),
        **probed(0, 1, 1, 1),
        exact_health=False,
    ),
    Case("one failure is not enough", (START, Seen("health_status: healthy")), **probed(1, 0), exact_health=False),
    Case(
        "failures in the start period don't count",
        (START, Seen("health_status: healthy")),
        **probed(1, 1, 1, 1, 0, start_period=100.0),
        exact_health=False,
    ),
    Case(
        "failures count once it was healthy, in the start period, too",
        (START, Seen("health_status: unhealthy")),
        **probed(0, 1, start_period=100.0),
        exact_health=False,
    ),
    Case("stop of a healthy one", (START, READY, Seen("health_status: healthy"), STOP), **probed(0)),
    Case("stop before the first probe", (START, READY, STOP), **probed(0, interval=LATE)),
    Case("starting", (START, READY), **probed(0, interval=LATE)),
    Case(
        "restart begins with starting",
        (START, READY, Seen("health_status: healthy"), Ask(c.RestartAsked()), Seen("health_status: healthy", 2)),
        **probed(0),
        exact_health=False,
    ),
    Case(
        "health check and its pause",
        (START, READY, Seen("health_status: healthy"), PAUSE),
        **probed(0),
    ),
    Case(
        "healthy again after a pause",
        (
            START,
            READY,
            Seen("health_status: healthy"),
            PAUSE,
            UNPAUSE,
            Seen("health_status: healthy", 2),
        ),
        **probed(0),
        exact_health=False,
    ),
]
MEMORY = [
    Case(
        "killed for memory",
        (START, DIED),
        (Behaviour(lasts=0.0, code=137, oom_kills=1),),
        memory=16 << 20,
        program=("sh", "-c", "exec tail -c 200m /dev/zero"),
    ),
]
CASES = [*EXITS, *POLICIES, *BETWEEN_RUNS, *STOPS, *KILLS, *REFUSED, *OTHERS, *HEALTH, *MEMORY]
