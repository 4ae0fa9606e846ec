"""The driver `gcplogs`: Google Cloud Logging, by google-cloud-logging (`pip install 'seatrial[logs-gcplogs]'`).

Entries go in batches with Docker's payload; each answer is waited for. The project comes from `gcp-project` or from
where the client finds it; credentials are the application default ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from seatrial.engine.logs.drivers.extras import client
from seatrial.engine.logs.interface import DeliveryError, LogRecord, Subject
from seatrial.engine.logs.options import COMMON, Check, Options, anything
from seatrial.engine.logs.tags import extra_attributes
from seatrial.model.errors import InputError

_LOG = "gcplogs-docker-driver"
_MOST_ENTRIES = 1000
_MOST_BYTES = 1024 * 1024
_SECOND = 10**9

OPTIONS: Mapping[str, Check] = {
    **{name: check for name, check in COMMON.items() if name != "tag"},
    "gcp-project": anything,
    "gcp-log-cmd": anything,
    "gcp-meta-zone": anything,
    "gcp-meta-name": anything,
    "gcp-meta-id": anything,
}


def check(options: Options) -> None:
    """There is nothing to say but what each option is."""


class GcpLogs:
    """Entries to the log of one project."""

    longest = 200 * 1024
    """An entry has at most 256 KB."""
    interval = 1.0
    refused = ""

    def __init__(self, logger: Any, payload: Mapping[str, Any], resource: Any) -> None:
        self._logger = logger
        self._payload = payload
        self._resource = resource
        self._entries: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._bytes = 0

    def write(self, record: LogRecord) -> None:
        """Add a line to the batch; a full one is sent."""
        whole, rest = divmod(record.time, _SECOND)
        moment = datetime.fromtimestamp(whole, UTC).replace(microsecond=rest // 1000)
        said: dict[str, Any] = {"timestamp": moment}
        if self._resource is not None:
            said["resource"] = self._resource
        self._entries.append(({**self._payload, "message": record.line}, said))
        self._bytes += len(record.line) + 200
        if len(self._entries) >= _MOST_ENTRIES or self._bytes >= _MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send the batch, and wait for the answer."""
        entries, self._entries, self._bytes = self._entries, [], 0
        if not entries:
            return
        try:
            batch = self._logger.batch()
            for payload, said in entries:
                batch.log_struct(payload, **said)
            batch.commit()
        except Exception as error:
            # The client's errors come from three libraries (its own, grpc, requests).
            raise DeliveryError(f"gcplogs {self._logger.name}: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        self._logger.client.close()


def open_driver(options: Options, subject: Subject) -> GcpLogs:
    """A driver by Docker's options."""
    cloud = client("google.cloud.logging", "google-cloud-logging", "logs-gcplogs")
    try:
        service = cloud.Client(project=options.get("gcp-project") or None)
    except Exception as error:
        raise InputError(f"log driver gcplogs: {error}", hint="gcp-project: my-project") from error
    return GcpLogs(service.logger(_LOG), payload_of(options, subject), _resource(cloud, options))


def payload_of(options: Options, subject: Subject) -> dict[str, Any]:
    """What each entry says besides its message."""
    container: dict[str, Any] = {
        "name": "/" + subject.name.removeprefix("/"),
        "id": subject.id,
        "imageName": subject.image_name,
        "imageId": subject.image_id,
        "created": datetime.fromtimestamp(subject.created, UTC).isoformat(),
        "metadata": extra_attributes(options, subject),
    }
    if options.get("gcp-log-cmd") == "true":
        container["command"] = subject.command
    payload = {"container": {name: value for name, value in container.items() if value}}
    if instance := _instance(options):
        payload["instance"] = instance
    return payload


def _instance(options: Options) -> dict[str, str]:
    named = {"zone": "gcp-meta-zone", "name": "gcp-meta-name", "id": "gcp-meta-id"}
    return {key: options[name] for key, name in named.items() if options.get(name)}


def _resource(cloud: Any, options: Options) -> Any:
    instance = _instance(options)
    if not instance:
        return None
    labels = {"instance_id": instance.get("id", ""), "zone": instance.get("zone", "")}
    return cloud.Resource(type="gce_instance", labels=labels)
