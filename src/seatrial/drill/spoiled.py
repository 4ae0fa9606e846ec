"""Which runs a busy machine kept from proving anything, so that they are run again. It looks at the recording alone."""

from __future__ import annotations

from seatrial.drill.acts.table import ACTS
from seatrial.drill.judge.signal_judges import second_signal_safe
from seatrial.drill.judge.traffic_judges import in_flight_finish
from seatrial.model.recording import Recording, Scenario
from seatrial.model.verdict import Ruling

BUSY = ("load generator", "was busy", "in time", "did not listen", "could not be frozen", "could not be killed")
"""What an act says that a busy machine may have brought about: such a run is repeated."""


def spoiled_runs(recording: Recording) -> list[tuple[Scenario, str]]:
    """The runs that a busy machine kept from proving anything, each with the reason: the load generator was late, or a
    request of a known slow path was over before its signal came."""
    acts = [run for run in recording.runs if run.scenario in ACTS and run.readiness.ready and run.disturbed]
    late = [(run.scenario, run.disturbed) for run in acts if any(words in run.disturbed for words in BUSY)]
    return [*_spoiled_stops(recording), *late]


def _spoiled_stops(recording: Recording) -> list[tuple[Scenario, str]]:
    found = []
    stop = recording.run(Scenario.STOP)
    if stop is None or not stop.readiness.ready or stop.target is None or stop.outside is not None:
        return []
    held_up = bool(stop.target.slow_path)
    finish = in_flight_finish(recording)
    if stop.disturbed:
        found.append((Scenario.STOP, stop.disturbed))
    elif held_up and finish.ruling is Ruling.NOT_PROVED:
        found.append((Scenario.STOP, finish.summary))
    if recording.run(Scenario.SECOND_SIGNAL) is not None and held_up and finish.ruling is Ruling.PASS:
        verdict = second_signal_safe(recording)
        if verdict.ruling is Ruling.NOT_PROVED and not verdict.cause:
            found.append((Scenario.SECOND_SIGNAL, verdict.summary))
    return found
