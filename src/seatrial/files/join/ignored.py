"""What a compose file says and seatrial does not do, each with the reason: nothing is left out in silence. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seatrial.files.compose import ComposeService
from seatrial.model.finding import Finding, Severity

_NETWORK = "services use this machine's network"
_DEVICES = "an instance has the usual devices alone (/dev/null, /dev/tty and their like)"
_NAMESPACES = "each instance has namespaces of its own"
_IMAGE = "no image is pulled or built"
WITHOUT_EFFECT: Mapping[str, str] = {
    "blkio_config": "there is no limit for block devices",
    "cgroup": "seatrial chooses the cgroups",
    "cgroup_parent": "seatrial chooses the cgroups",
    "cpu_rt_period": "there are no real-time limits",
    "cpu_rt_runtime": "there are no real-time limits",
    "credential_spec": "it is for Windows",
    "device_cgroup_rules": _DEVICES,
    "devices": _DEVICES,
    "dns": _NETWORK,
    "dns_opt": _NETWORK,
    "dns_search": _NETWORK,
    "domainname": _NETWORK,
    "external_links": _NETWORK,
    "gpus": _DEVICES,
    "ipc": _NAMESPACES,
    "isolation": "it is for Windows",
    "mac_address": _NETWORK,
    "mem_swappiness": "the machine's own is in force",
    "models": "no model is run",
    "oom_kill_disable": "what has no memory left is killed",
    "pid": _NAMESPACES,
    "platform": "the programs of this machine are run",
    "privileged": "an instance has the capabilities that cap_add and cap_drop leave it",
    "provider": "no provider is started",
    "pull_policy": _IMAGE,
    "pull_refresh_after": _IMAGE,
    "runtime": "seatrial is the runtime",
    "storage_opt": "the writable layer is in memory",
    "sysctls": "they would be those of this machine",
    "use_api_socket": "there is no engine with an API",
    "userns_mode": _NAMESPACES,
    "uts": _NAMESPACES,
    "volumes_from": "name the volumes in both services",
}


def without_effect(service: ComposeService) -> Iterator[Finding]:
    """A warning for each key of a service that changes nothing here."""
    for key, place in service.keys.items():
        if reason := WITHOUT_EFFECT.get(key):
            message = f"{service.name}: {key} has no effect here: {reason}"
            yield Finding("syntax", Severity.WARNING, message, place, service=service.name)
