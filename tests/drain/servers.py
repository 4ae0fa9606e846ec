"""The same application under each server, bare and with drain: what the stop drill finds of them.

`bench/drain.py` prints the table of docs/drain.md from it.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from seatrial.drill.judge import judge
from seatrial.drill.judge.view import Pair, in_flight, is_crossing, is_failure, is_unserved, new_connections, pairs
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.trial import drill
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.service import Mount, Service
from seatrial.model.traffic import Connection, Population
from seatrial.model.traffic import Outcome as Outcomes
from seatrial.model.verdict import Ruling, Verdict

APPS = Path(__file__).parent / "apps"
SOURCES = Path(__file__).parents[2] / "src"
LIBRARY = "/srv/library"
PYTHON = sys.executable
BIND = ("-b", "127.0.0.1:3000")
DRAIN = (PYTHON, "-m", "seatrial.drain", "--")
HOOKS = ("-c", "python:seatrial.drain.gunicorn")
UVICORN = ("asgi_app:app", "--port", "3000", "--log-level", "warning")
GUNICORN = ("-m", "gunicorn", "--log-level", "warning")
WORKER = ("-k", "uvicorn_worker.UvicornWorker", "-w", "2")

SERVERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "uvicorn": ((PYTHON, "-m", "uvicorn", *UVICORN), (PYTHON, "uvicorn_drained.py")),
    "uvicorn, unchanged command": ((PYTHON, "-m", "uvicorn", *UVICORN), (*DRAIN, "uvicorn", *UVICORN)),
    "uvicorn --workers 2, unchanged command": (
        (PYTHON, "-m", "uvicorn", *UVICORN, "--workers", "2"),
        (*DRAIN, "uvicorn", *UVICORN, "--workers", "2"),
    ),
    "hypercorn": ((PYTHON, "-m", "hypercorn", "asgi_app:app", *BIND), (PYTHON, "hypercorn_drained.py")),
    "granian": ((PYTHON, "granian_bare.py"), (PYTHON, "granian_drained.py")),
    "gunicorn sync": (
        (PYTHON, *GUNICORN, "wsgi_app:app", *BIND, "-w", "6"),
        (PYTHON, *GUNICORN, *HOOKS, "wsgi_app:app", *BIND, "-w", "6"),
    ),
    "gunicorn gthread": (
        (PYTHON, *GUNICORN, "wsgi_app:app", *BIND, "-w", "2", "--threads", "8"),
        (*DRAIN, "gunicorn", "--log-level", "warning", "wsgi_app:app", *BIND, "-w", "2", "--threads", "8"),
    ),
    "gunicorn uvicorn worker": (
        (PYTHON, *GUNICORN, "asgi_app:app", *BIND, *WORKER),
        (PYTHON, *GUNICORN, *HOOKS, "asgi_app:app", *BIND, *WORKER),
    ),
    "waitress": ((PYTHON, "waitress_bare.py"), (PYTHON, "waitress_drained.py")),
    "aiohttp": ((PYTHON, "aiohttp_bare.py"), (PYTHON, "aiohttp_drained.py")),
    "http.server": ((PYTHON, "http_server_bare.py"), (PYTHON, "http_server_drained.py")),
}  # fmt: skip
"""The commands without and with drain, run in the folder `apps`."""

NEEDS = ("uvicorn", "hypercorn", "granian", "gunicorn", "waitress", "aiohttp")


def missing(name: str) -> str:
    """What this machine lacks to run a server, or nothing."""
    package = name.split()[0].rstrip(",")
    return f"{package} is not installed" if package in NEEDS and find_spec(package) is None else ""


def service(name: str, argv: tuple[str, ...], *, lag: float, grace: float) -> Service:
    """A server as a service."""
    environment = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "PORT": "3000"}
    environment |= {"SEATRIAL_LAG": f"{lag:g}", "SEATRIAL_GRACE": f"{grace:g}", "PYTHONPATH": LIBRARY}
    return Service(
        name=name,
        context=str(APPS),
        argv=Sourced(argv),
        workdir=Sourced("/srv/trial"),
        environment={key: Sourced(value) for key, value in environment.items()},
        init=Sourced(False),
        stop_grace=Sourced(grace),
        # Wherever this checkout lies: an editable install points to a place that the instance may not see.
        mounts=(Sourced(Mount("bind", str(SOURCES), LIBRARY, read_only=True)),),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one drill came to. `lost` excuses nothing but a request that crossed the close of a reused connection."""

    lost: int
    code: int | None
    seconds: float
    answered: int
    """Responses that began a quarter of a second after the signal, or later, or said the close before."""
    announced: int
    """Those of them that said `Connection: close`."""
    came: int
    """New connections in the lag."""
    served: int
    failed: tuple[str, ...]
    told: tuple[str, ...]
    disturbed: str = ""


SCENARIOS = frozenset({Scenario.STOP, Scenario.INTERRUPT, Scenario.SECOND_SIGNAL, Scenario.SLOW_CLIENTS})


def tried(argv: tuple[str, ...], name: str, *, lag: float, only: frozenset[Scenario] = SCENARIOS) -> Outcome:
    """Drill a server once."""
    grace = lag + 4.0
    slow = Candidates(slow=(Candidate("/slow", "tests"),))
    options = DrillOptions(candidates=slow, lag=lag, only=only, grace=grace)
    subject = service(name, argv, lag=lag, grace=grace)
    recording = asyncio.run(drill(subject, NativeEngine(), options, lambda _: None))
    return outcome(recording, judge(recording), lag)


def losses(run: Run, lag: float) -> list[Pair]:
    """Every request that got no answer and no refusal, or none in the lag. The judges excuse what a closing listener
    has in its queue; here it counts, for drain empties the queue first."""
    reused = [(c, e) for c, e in pairs(run, Population.KEEP_ALIVE) if e.reused and e.begun > (run.signalled or 0.0)]
    found = [
        (c, e) for c, e in [*in_flight(run), *reused] if is_failure(run, e) and e.outcome is not Outcomes.ABANDONED
    ]
    found = [(c, e) for c, e in found if not is_crossing(run, e) and e.outcome is not Outcomes.REFUSED]
    new = new_connections(run)
    found += [(c, e) for c, e in new if is_unserved(run, e) or (is_in_lag(run, c, lag) and is_failure(run, e))]
    return list({id(exchange): (connection, exchange) for connection, exchange in found}.values())


def is_in_lag(run: Run, connection: Connection, lag: float) -> bool:
    """Whether a connection began in the lag."""
    return run.signalled is not None and connection.begun <= run.signalled + lag


def outcome(recording: Recording, verdicts: tuple[Verdict, ...], lag: float) -> Outcome:
    """What a recording says for the table."""
    run = recording.run(Scenario.STOP)
    if run is None or run.exit is None or run.signalled is None:
        return Outcome(-1, None, 0.0, 0, 0, 0, 0, ("the drill did not come to the signal",), ())
    lost = losses(run, lag)
    figures = next((v.figures for v in verdicts if v.requirement == "announces-close"), {})
    late = [(c, e) for c, e in new_connections(run) if is_in_lag(run, c, lag)]
    told = tuple(f"{v.requirement}: {v.ruling.value}: {v.summary} {v.evidence}" for v in verdicts)
    told += tuple(
        f"lost: {c.population.value} {e.outcome.value} from {c.begun - run.signalled:+.3f} s" for c, e in lost
    )
    announced = int(figures.get("announced", 0))
    return Outcome(
        lost=len(lost),
        code=run.exit.code,
        seconds=run.exit.time - run.signalled,
        answered=announced + int(figures.get("silent", 0)),
        announced=announced,
        came=len(late),
        served=sum(not is_failure(run, e) for _, e in late),
        failed=tuple(v.requirement for v in verdicts if v.ruling is Ruling.FAIL),
        told=told,
        disturbed=run.disturbed,
    )
