"""What instances use: memory, processor time, processes. Read from /proc; what can't be read is None.

Memory is the sum of the resident pages of the processes (shared ones count in each), because that can be read
everywhere, without a cgroup and without root.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seatrial.engine.contract.health import Status
from seatrial.project.replica import Replica

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


def usage(replica: Replica) -> dict[str, Any]:
    """What one instance uses now. `CPUSeconds` since its start; bytes of memory; `MemoryLimit` None for none."""
    limit = replica.deployment.service.limits.memory
    base: dict[str, Any] = {
        "ID": replica.berth.identity,
        "Name": replica.name,
        "Service": replica.deployment.name,
        "Memory": None,
        "MemoryLimit": limit.value if limit else None,
        "CPUSeconds": None,
        "PIDs": None,
        "LogLinesDropped": replica.shipped.dropped if replica.shipped else 0,
    }
    if replica.instance is None or not replica.machine.is_running:
        return base
    pids = [process.host_pid for process in replica.instance.processes()]
    return {
        **base,
        "Memory": sum(map(_resident, pids)),
        "CPUSeconds": round(sum(map(_processor, pids)), 3),
        "PIDs": len(pids),
    }


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _processor(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICK  # its own and that of the children that it waited for: proc(5)
    except (OSError, IndexError, ValueError):
        return 0.0


_GAUGES = (
    ("seatrial_instance_up", "Whether the instance runs."),
    ("seatrial_instance_healthy", "Whether its health check says so; 1 without one while it runs."),
    ("seatrial_instance_restarts_total", "Restarts by the policy since it was started."),
    ("seatrial_instance_memory_bytes", "Resident memory of its processes."),
    ("seatrial_instance_cpu_seconds_total", "Processor time of its processes."),
    ("seatrial_instance_processes", "Its processes."),
    ("seatrial_instance_log_lines_dropped_total", "Lines that the log driver's buffer had no place for."),
    ("seatrial_instance_exit_code", "How it ended, while it doesn't run."),
)


def prometheus(project: str, replicas: Sequence[Replica]) -> str:
    """All instances in Prometheus's text format, version 0.0.4."""
    values = [(replica, _values(replica)) for replica in replicas]
    lines: list[str] = []
    for name, text in _GAUGES:
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        for replica, shown in values:
            if (value := shown[name]) is not None:
                labels = f'project="{project}",service="{replica.deployment.name}",instance="{replica.name}"'
                lines.append(f"{name}{{{labels}}} {value:g}")
    return "\n".join(lines) + "\n"


def _values(replica: Replica) -> dict[str, float | None]:
    used, machine = usage(replica), replica.machine
    healthy = machine.is_running and machine.monitor.status in (Status.HEALTHY, Status.NONE)
    figures = (
        float(machine.is_running),
        float(healthy),
        float(machine.manager.count),
        used["Memory"],
        used["CPUSeconds"],
        used["PIDs"],
        used["LogLinesDropped"],
        None if machine.is_running or not machine.run else float(machine.exit_code),
    )
    return {name: figure for (name, _), figure in zip(_GAUGES, figures, strict=True)}
