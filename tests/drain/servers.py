"""The same application under each server, bare and with drain: what the stop drill finds of them."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from seatrial.drill.judge import judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.trial import drill
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Recording, Scenario
from seatrial.model.service import Mount, Service
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
    """A row of the table."""

    lost: int
    code: int | None
    seconds: float
    failed: tuple[str, ...]
    told: tuple[str, ...]


SCENARIOS = frozenset({Scenario.STOP, Scenario.INTERRUPT, Scenario.SECOND_SIGNAL, Scenario.SLOW_CLIENTS})
QUEUE_RACE = 2
LOSSES = {
    "in-flight-finish": "lost",
    "keep-alive-drained": "lost",
    "refuses-late-connections": "unserved",
    "tolerates-lb-lag": "lost",
}


def tried(argv: tuple[str, ...], name: str, *, lag: float, only: frozenset[Scenario] = SCENARIOS) -> Outcome:
    """Drill a server once."""
    grace = lag + 4.0
    slow = Candidates(slow=(Candidate("/slow", "tests"),))
    options = DrillOptions(candidates=slow, lag=lag, only=only, grace=grace)
    subject = service(name, argv, lag=lag, grace=grace)
    recording = asyncio.run(drill(subject, NativeEngine(), options, lambda _: None))
    return outcome(recording, judge(recording))


def _is_race(verdict: Verdict) -> bool:
    """Whether it is about no more than what a closing listener has in its queue: nobody can help it. The drill excuses
    it at the moment when PID 1 closes the listener, and can't see that worker processes keep theirs for the lag."""
    return 0 < verdict.figures.get("unserved", 0) <= QUEUE_RACE


def outcome(recording: Recording, verdicts: tuple[Verdict, ...]) -> Outcome:
    """What a recording says for the table."""
    run = recording.run(Scenario.STOP)
    ended = run.exit if run is not None else None
    wrong = [v for v in verdicts if v.ruling is Ruling.FAIL and not _is_race(v)]
    lost = sum(int(v.figures.get(LOSSES[v.requirement], 0)) for v in wrong if v.requirement in LOSSES)
    failed = tuple(v.requirement for v in wrong)
    told = tuple(f"{v.requirement}: {v.ruling.value}: {v.summary} {v.evidence}" for v in verdicts)
    took = ended.time - (run.signalled or 0.0) if run is not None and ended is not None else 0.0
    return Outcome(lost, ended.code if ended else None, took, failed, told)


def main() -> None:
    """Print the table: `python -m tests.drain.servers [RUNS] [NAME]…`; what failed goes to stderr."""
    runs = next((int(word) for word in sys.argv[1:] if word.isdigit()), 1)
    chosen = [name for name in sys.argv[1:] if name in SERVERS] or list(SERVERS)
    print("| server | lag | bare: lost, exit | with drain: lost, exit, seconds |\n| --- | --- | --- | --- |")
    for name in chosen:
        bare, drained = SERVERS[name]
        for lag in (0.0, 3.0):
            before = tried(bare, name, lag=lag, only=frozenset({Scenario.STOP}))
            after = [tried(drained, name, lag=lag, only=frozenset({Scenario.STOP})) for _ in range(runs)]
            codes = "/".join(sorted({str(got.code) for got in after}))
            lost, took = "+".join(str(got.lost) for got in after), max(got.seconds for got in after)
            lost = lost if any(got.lost for got in after) else "0"
            print(f"| {name} | {lag:g} s | {before.lost}, {before.code} | {lost}, {codes}, {took:.1f} |", flush=True)
            for got in (got for got in after if got.failed):
                print(name, lag, *got.told, sep="\n    ", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
