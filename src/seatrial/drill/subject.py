"""What was drilled, as far as verdicts and reports need it: read off the service, its options and what was found out.

No value of an environment variable gets into it.
"""

from __future__ import annotations

from seatrial.drill.acts.health import check_of
from seatrial.drill.options import DrillOptions
from seatrial.drill.paths import Found
from seatrial.model.recording import Health, Subject
from seatrial.model.service import Service, signal_name, signal_number


def subject_of(
    service: Service,
    options: DrillOptions,
    paths: Found | None,
    *,
    init: str,
    dependencies: tuple[str, ...],
) -> Subject:
    """The service under these options; `paths`, `init` and what its `dependencies` were came to light while it ran."""
    assert service.argv is not None
    last = service.hops[-1] if service.hops else None
    check = service.healthcheck
    return Subject(
        name=service.name,
        argv=service.argv.value,
        argv_place=str(service.argv.place or ""),
        final_argv=last.argv if last else (),
        final_place=str(last.by.place or "") if last else "",
        shell_form=service.shell_form,
        init=init,
        stop_signal=signal_name(signal_number(service.effective_stop_signal)),
        grace=service.effective_grace if options.grace is None else options.grace,
        user=service.user.value if service.user else "",
        healthcheck=check.test.value if check else (),
        start_period=check.start_period.value if check else 0.0,
        lag=options.lag,
        accepted_codes=options.accepted_codes,
        made=service.made,
        health=_health(service),
        restart=service.restart.value if service.restart else "",
        memory=service.limits.memory.value if service.limits.memory else 0,
        read_only=bool(service.read_only and service.read_only.value),
        kept_paths=tuple(mount.value.target for mount in service.mounts),
        composed=service.compose_file is not None,
        image=service.measured,
        pids=service.limits.pids.value if service.limits.pids else 0,
        nofile=next((each.value.soft for each in service.limits.ulimits if each.value.name == "nofile"), 0),
        dependencies=dependencies,
        liveness=paths.liveness if paths is not None else "",
        readiness=paths.readiness if paths is not None else "",
        workload=service.workload.value if service.workload else "",
    )


def _health(service: Service) -> Health | None:
    check = check_of(service)
    return Health(check.interval, check.timeout, check.retries, check.start_period) if check is not None else None
