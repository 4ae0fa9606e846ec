"""Instances as values for those who ask: rows for `ps`, documents for `inspect`, in Docker's words and shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from seatrial.engine.contract.health import Status
from seatrial.engine.contract.lifecycle import State
from seatrial.model.redaction import is_secret_name
from seatrial.project.replica import Replica
from seatrial.project.shipping import plan_of

NEVER = "0001-01-01T00:00:00Z"


def row(replica: Replica, project: str) -> dict[str, Any]:
    """What `ps` shows of an instance."""
    known, service = replica.remembered, replica.deployment.service
    return {
        "ID": known.identity,
        "Name": known.name,
        "Service": known.service,
        "Project": project,
        "Image": service.image.value if service.image else f"{project}-{known.service}",
        "Argv": list(service.argv.value) if service.argv else [],
        "CreatedAt": moment(known.created),
        "CreatedAtSeconds": known.created,
        "StartedAt": known.started,
        "FinishedAt": known.finished,
        "State": replica.machine.state.value,
        "Health": _health(replica),
        "ExitCode": replica.machine.exit_code,
        "RestartCount": replica.machine.manager.count,
        "Labels": dict(replica.deployment.labels),
        "Publishers": [
            {
                "URL": "",
                "TargetPort": port.value.number,
                "PublishedPort": port.value.published or 0,
                "Protocol": port.value.protocol,
            }
            for port in service.ports
        ],
        "Problems": list(replica.problems),
        "IsPending": replica.is_pending,
        "IsLogReadable": plan_of(replica).is_readable,
    }


def document(replica: Replica, project: str) -> dict[str, Any]:
    """What `inspect` shows: the parts of Docker's document that mean something here. Values of variables that are
    named like secrets are not shown."""
    known, service, machine = replica.remembered, replica.deployment.service, replica.machine
    instance = replica.instance
    argv = service.argv.value if service.argv else ()
    return {
        "Id": known.identity,
        "Created": moment(known.created),
        "Path": argv[0] if argv else "",
        "Args": list(argv[1:]),
        "State": _state(replica),
        "Image": service.image.value if service.image else "",
        "Name": f"/{known.name}",
        "RestartCount": machine.manager.count,
        "LogPath": str(replica.berth.log),
        "HostConfig": {
            "RestartPolicy": {
                "Name": machine.terms.restart.word.value,
                "MaximumRetryCount": machine.terms.restart.attempts,
            },
            "NetworkMode": "host" if replica.deployment.network == "host" else f"{project}_default",
        },
        "Config": {
            "Env": [
                f"{name}={'…' if is_secret_name(name) else value.value}" for name, value in service.environment.items()
            ],
            "Cmd": list(argv),
            "WorkingDir": service.workdir.value,
            "User": service.user.value if service.user else "",
            "StopSignal": service.effective_stop_signal,
            "StopTimeout": service.effective_grace,
            "Labels": dict(replica.deployment.labels),
        },
        "Seatrial": {
            "Project": project,
            "Service": known.service,
            "Enforcement": list(instance.enforcement) if instance else [],
            "Approximations": list(instance.approximations) if instance else [],
            "Problems": list(replica.problems),
            "Log": shipped(replica),
        },
    }


def shipped(replica: Replica) -> dict[str, Any] | None:
    """How the log gets elsewhere; None where it doesn't. `Dropped` are the lines that `mode: non-blocking` gave up."""
    state, said = replica.shipped, replica.deployment.service.logging
    if state is None or said is None:
        return None
    return {
        "Driver": said.value.driver,
        "Delivered": state.delivered,
        "Dropped": state.dropped,
        "Failing": state.failing,
    }


def _health(replica: Replica) -> str:
    status = replica.machine.monitor.status
    return "" if status is Status.NONE else status.value


def _state(replica: Replica) -> dict[str, Any]:
    machine, known = replica.machine, replica.remembered
    state: dict[str, Any] = {
        "Status": machine.state.value,
        "Running": machine.is_running or machine.state is State.RESTARTING,
        "Paused": machine.state is State.PAUSED,
        "Restarting": machine.state is State.RESTARTING,
        "OOMKilled": machine.oom_killed,
        "Dead": machine.state is State.DEAD,
        "Pid": replica.pid(),
        "ExitCode": machine.exit_code,
        "Error": machine.error,
        "StartedAt": moment(known.started),
        "FinishedAt": moment(known.finished),
    }
    if machine.monitor.check is not None:
        state["Health"] = {
            "Status": machine.monitor.status.value,
            "FailingStreak": machine.monitor.streak,
            "Log": [
                {
                    "Start": moment(replica.wall_of(each.begun)),
                    "End": moment(replica.wall_of(each.ended)),
                    "ExitCode": each.code,
                    "Output": each.output,
                }
                for each in machine.monitor.log
            ],
        }
    return state


def moment(seconds: float) -> str:
    """Wall-clock seconds in RFC 3339, UTC; Docker's zero for never."""
    if not seconds:
        return NEVER
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
