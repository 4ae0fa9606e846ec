"""The table of judges: one for each requirement that a drill can prove, in the order of a report.

Judges are pure: the same recording gives the same verdicts, on any machine and at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from seatrial.drill.judge import remedy
from seatrial.drill.judge.announcing import announces_close
from seatrial.drill.judge.confined_judges import non_root_user, read_only_root
from seatrial.drill.judge.crash_judges import dies_on_fatal_error, exit_code_honest, recovers_from_crash
from seatrial.drill.judge.declared_judges import healthcheck_port, healthcheck_tool_present, stop_signal_handled
from seatrial.drill.judge.dependency_judges import liveness_is_shallow, readiness_is_deep
from seatrial.drill.judge.exit_judges import exit_code_clean, slow_clients_bounded, stops_in_time
from seatrial.drill.judge.grace_judges import grace_period_fits
from seatrial.drill.judge.health_judges import healthcheck_detects_failure
from seatrial.drill.judge.image_judges import image_size
from seatrial.drill.judge.late_judges import refuses_late_connections, tolerates_lb_lag
from seatrial.drill.judge.limit_judges import nofile_limit, pids_limit
from seatrial.drill.judge.log_judges import logs_carry_correlation, logs_structured, logs_to_stdout
from seatrial.drill.judge.memory_judges import memory_limit, survives_memory_limit
from seatrial.drill.judge.misfit_judges import no_crash_loop
from seatrial.drill.judge.outside import by_whose_load
from seatrial.drill.judge.process_judges import children_stopped, init_reaps_orphans, logs_flushed
from seatrial.drill.judge.proxied import without_proxy
from seatrial.drill.judge.readiness_judges import readiness_flips_first
from seatrial.drill.judge.replica_judges import BY_REPLICA
from seatrial.drill.judge.rollout_judges import rollout_drops_nothing
from seatrial.drill.judge.signal_judges import handles_sigint, handles_sigterm, launched, second_signal_safe
from seatrial.drill.judge.timing_judges import healthcheck_timing
from seatrial.drill.judge.traffic_judges import in_flight_finish, keep_alive_drained
from seatrial.drill.judge.view import killed_for_memory, memory_kills, skipped
from seatrial.drill.judge.work_judges import work_finished_or_returned
from seatrial.drill.scenarios import MEASURED_AT_WORK, PROVED_BY
from seatrial.model.recording import Recording, Scenario
from seatrial.model.verdict import Ruling, Verdict

JUDGES: Mapping[str, Callable[[Recording], Verdict]] = MappingProxyType(
    {
        "handles-sigterm": handles_sigterm,
        "stop-signal-handled": stop_signal_handled,
        "stops-in-time": stops_in_time,
        "grace-period-fits": grace_period_fits,
        "exit-code-clean": exit_code_clean,
        "in-flight-finish": by_whose_load("in-flight-finish", in_flight_finish),
        "keep-alive-drained": by_whose_load("keep-alive-drained", keep_alive_drained),
        "announces-close": by_whose_load("announces-close", announces_close),
        "refuses-late-connections": by_whose_load("refuses-late-connections", refuses_late_connections),
        "tolerates-lb-lag": by_whose_load("tolerates-lb-lag", tolerates_lb_lag),
        "readiness-flips-first": readiness_flips_first,
        "rollout-drops-nothing": rollout_drops_nothing,
        "work-finished-or-returned": work_finished_or_returned,
        "slow-clients-bounded": slow_clients_bounded,
        "second-signal-safe": second_signal_safe,
        "children-stopped": children_stopped,
        "init-reaps-orphans": init_reaps_orphans,
        "logs-flushed": logs_flushed,
        "handles-sigint": handles_sigint,
        "healthcheck-detects-failure": healthcheck_detects_failure,
        "healthcheck-tool-present": healthcheck_tool_present,
        "healthcheck-port": healthcheck_port,
        "healthcheck-timing": healthcheck_timing,
        "liveness-is-shallow": liveness_is_shallow,
        "readiness-is-deep": readiness_is_deep,
        "exit-code-honest": exit_code_honest,
        "dies-on-fatal-error": dies_on_fatal_error,
        "recovers-from-crash": recovers_from_crash,
        "no-crash-loop": no_crash_loop,
        "logs-to-stdout": logs_to_stdout,
        "logs-structured": logs_structured,
        "logs-carry-correlation": logs_carry_correlation,
        "memory-limit": memory_limit,
        "survives-memory-limit": survives_memory_limit,
        "nofile-limit": nofile_limit,
        "pids-limit": pids_limit,
        "non-root-user": non_root_user,
        "read-only-root": read_only_root,
        "image-size": image_size,
    }
)


def judge(recording: Recording) -> tuple[Verdict, ...]:
    """All verdicts on a recording. A command that goes through a shell, script or package manager gets one more; of
    a service that a distributed engine replaced there are those on its replicas."""
    if any(run.replicas for run in recording.runs):
        return tuple(each(recording) for each in BY_REPLICA.values())
    on_launcher = launched(recording)
    judged = (_with_memory(_if_asked(each(recording), recording), recording) for each in JUDGES.values())
    verdicts = tuple(without_proxy(verdict, recording) for verdict in judged)
    return (on_launcher, *verdicts) if on_launcher else verdicts


_OF_REQUESTS = frozenset(
    {
        "in-flight-finish",
        "keep-alive-drained",
        "announces-close",
        "refuses-late-connections",
        "tolerates-lb-lag",
        "readiness-flips-first",
        "slow-clients-bounded",
        "second-signal-safe",
    }
)
"""What is asked of a service that takes requests: one that can't be loaded for that reason takes none."""


def _if_asked(verdict: Verdict, recording: Recording) -> Verdict:
    """The verdict, or that this is not asked: nothing was proved, and none of the runs that could prove it applies."""
    name = verdict.requirement
    if verdict.ruling is not Ruling.NOT_PROVED or verdict.cause:
        return verdict
    runs = (Scenario.LOAD,) if name in _OF_REQUESTS else PROVED_BY.get(name, (Scenario.STOP,))
    runs += (Scenario.WORK,) if name in MEASURED_AT_WORK else ()
    if not all(recording.does_not_apply(scenario) for scenario in runs):
        return verdict
    return skipped(name, recording.why_skipped(runs[0]))


_OF_THE_STOP = frozenset(
    name for name in JUDGES if PROVED_BY.get(name, (Scenario.STOP,))[0] is Scenario.STOP and name != "image-size"
)


def _with_memory(verdict: Verdict, recording: Recording) -> Verdict:
    """Say it where the kernel killed for memory during the stop's run. If it killed PID 1, that is the cause of
    whatever else went wrong, and more memory its remedy."""
    run = recording.run(Scenario.STOP)
    if run is None or verdict.requirement not in _OF_THE_STOP or not (kills := memory_kills(run)):
        return verdict
    verdict = replace(verdict, evidence=(*verdict.evidence, f"{kills} while it ran"))
    if verdict.ruling is not Ruling.FAIL or not killed_for_memory(run):
        return verdict
    own = verdict.requirement == "exit-code-clean"
    return replace(verdict, remedy=remedy.MEMORY, cause=verdict.cause or ("" if own else "exit-code-clean"))
