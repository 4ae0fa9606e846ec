"""The table of judges: one for each requirement that a stop can prove, in the order of a report.

Judges are pure: the same recording gives the same verdicts, on any machine and at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from seatrial.drill.judge.exit_judges import exit_code_clean, slow_clients_bounded, stops_in_time
from seatrial.drill.judge.process_judges import children_stopped, init_reaps_orphans, logs_flushed
from seatrial.drill.judge.signal_judges import handles_sigint, handles_sigterm, launched, second_signal_safe
from seatrial.drill.judge.traffic_judges import (
    announces_close,
    in_flight_finish,
    keep_alive_drained,
    refuses_late_connections,
    tolerates_lb_lag,
)
from seatrial.model.recording import Recording
from seatrial.model.verdict import Verdict

JUDGES: Mapping[str, Callable[[Recording], Verdict]] = MappingProxyType(
    {
        "handles-sigterm": handles_sigterm,
        "stops-in-time": stops_in_time,
        "exit-code-clean": exit_code_clean,
        "in-flight-finish": in_flight_finish,
        "keep-alive-drained": keep_alive_drained,
        "announces-close": announces_close,
        "refuses-late-connections": refuses_late_connections,
        "tolerates-lb-lag": tolerates_lb_lag,
        "slow-clients-bounded": slow_clients_bounded,
        "second-signal-safe": second_signal_safe,
        "children-stopped": children_stopped,
        "init-reaps-orphans": init_reaps_orphans,
        "logs-flushed": logs_flushed,
        "handles-sigint": handles_sigint,
    }
)


def judge(recording: Recording) -> tuple[Verdict, ...]:
    """All verdicts on a recording. A command that goes through a shell, script or package manager gets one more."""
    on_launcher = launched(recording)
    verdicts = tuple(judged(recording) for judged in JUDGES.values())
    return (on_launcher, *verdicts) if on_launcher else verdicts
