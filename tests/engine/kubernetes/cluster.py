"""An API server that speaks the wire format of Kubernetes, over a cluster of one node that is played.

What it speaks is real: lists with a resourceVersion, watches as chunked lines of JSON from a resourceVersion on, with
bookmarks, `410 Gone` as an ERROR event, strategic merge patches, and refusals as Status objects. What it plays is
small: a deployment's controller (one new pod, then one old, in turn), endpoint slices, and a kubelet whose pods are
processes of `replica.py`; fields and their order in time follow the API's reference. It can forget its history and
break its watches when told to, as real ones do.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import itertools
import json
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPLICA = Path(__file__).parent.parent / "replica.py"
NAMESPACE = "shop"
STRATEGIC = "application/strategic-merge-patch+json"
BOOKMARK_EVERY = 0.5
PODS, SLICES, DEPLOYMENTS, SECRETS = "pods", "endpointslices", "deployments", "secrets"
KINDS = {
    PODS: ("v1", "Pod"),
    SLICES: ("discovery.k8s.io/v1", "EndpointSlice"),
    DEPLOYMENTS: ("apps/v1", "Deployment"),
    SECRETS: ("v1", "Secret"),
}
_PATH = re.compile(r"/api(?:s/[\w.]+)?/v1/namespaces/(?P<space>[\w-]+)/(?P<kind>\w+)(?:/(?P<name>[\w.-]+))?$")

Object = dict[str, Any]


def stamp(moment: datetime | None = None) -> str:
    """A moment as the API writes it: whole seconds."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


class GoneError(Exception):
    """The history that is asked for is forgotten."""


class Store:
    """All objects, each change of them with its version, and who waits for changes."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.version = 1000
        self.forgotten = 0
        self.broken = 0
        self.objects: dict[tuple[str, str], Object] = {}
        self.history: list[tuple[int, str, str, Object]] = []

    def put(self, kind: str, told: Object) -> None:
        """Create or change an object."""
        with self.changed:
            name = told["metadata"]["name"]
            word = "MODIFIED" if (kind, name) in self.objects else "ADDED"
            self._note(kind, word, told)
            self.objects[kind, name] = told

    def remove(self, kind: str, name: str) -> None:
        with self.changed:
            self._note(kind, "DELETED", self.objects.pop((kind, name)))

    def _note(self, kind: str, word: str, told: Object) -> None:
        self.version += 1
        told["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, kind, word, copy.deepcopy(told)))
        self.changed.notify_all()

    def get(self, kind: str, name: str) -> Object | None:
        with self.changed:
            return copy.deepcopy(self.objects.get((kind, name)))

    def list(self, kind: str) -> tuple[str, list[Object]]:
        with self.changed:
            return str(self.version), [copy.deepcopy(one) for (of, _), one in self.objects.items() if of == kind]

    def since(self, kind: str, version: int, within: float) -> list[tuple[int, str, Object]]:
        """What happened after a version, as soon as something did. GoneError where that is forgotten."""
        with self.changed:
            self.changed.wait_for(lambda: self.version > version, within)
            if version < self.forgotten:
                raise GoneError
            return [(at, word, told) for at, of, word, told in self.history if at > version and of == kind]

    def forget(self) -> None:
        """Compact the history, and break all watches: whoever comes back with an old version is told so."""
        with self.changed:
            self.forgotten = self.version + 1
            self._break()

    def disturb(self) -> None:
        """Break all watches in the middle."""
        with self.changed:
            self._break()

    def _break(self) -> None:
        self.broken += 1
        self.version += 1
        self.changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    """One connection to the API."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *words: object) -> None:
        """Say nothing."""

    # --- answers ---

    def _answer(self, code: int, told: Mapping[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, code: int, reason: str, message: str) -> None:
        self._answer(code, status(code, reason, message))

    def _asked(self) -> tuple[str, str, dict[str, str]] | None:
        """Kind, name and parameters; None where that was answered already."""
        parts = urlsplit(self.path)
        found = _PATH.match(parts.path)
        if self.headers.get("Authorization") != f"Bearer {self.server.cluster.token}":
            self._refuse(401, "Unauthorized", "Unauthorized")
        elif found is None or found["kind"] not in KINDS:
            self._refuse(404, "NotFound", "the server could not find the requested resource")
        elif found["space"] != NAMESPACE:
            user = "system:serviceaccount:shop:drill"
            self._refuse(
                403, "Forbidden", f'{found["kind"]} is forbidden: User "{user}" cannot do this in another place'
            )
        else:
            values = {name: each[-1] for name, each in parse_qs(parts.query).items()}
            self.server.cluster.asked.append((self.command, found["kind"], values))
            return found["kind"], found["name"] or "", values
        return None

    # --- requests ---

    def do_GET(self) -> None:
        if (asked := self._asked()) is None:
            return
        kind, name, values = asked
        store = self.server.cluster.store
        if name:
            told = store.get(kind, name)
            if told is None:
                self._refuse(404, "NotFound", f'{kind}.apps "{name}" not found')
            else:
                self._answer(200, told)
        elif values.get("watch") in ("true", "True", "1"):
            self._watch(kind, values)
        else:
            version, items = store.list(kind)
            api, word = KINDS[kind]
            found = [one for one in items if _is_selected(one, values.get("labelSelector", ""))]
            self._answer(
                200,
                {"kind": f"{word}List", "apiVersion": api, "metadata": {"resourceVersion": version}, "items": found},
            )

    def _watch(self, kind: str, values: Mapping[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        store, version = self.server.cluster.store, int(values.get("resourceVersion") or 0)
        broken = store.broken
        with contextlib.suppress(OSError):
            while not self.server.cluster.is_over.is_set():
                try:
                    news = store.since(kind, version, BOOKMARK_EVERY)
                except GoneError:
                    message = f"too old resource version: {version} ({store.version})"
                    self._line("ERROR", status(410, "Expired", message))
                    self._chunk(b"")
                    return
                for at, word, told in news:
                    version = at
                    if _is_selected(told, values.get("labelSelector", "")):
                        self._line(word, told)
                if store.broken != broken:
                    return  # in the middle: no last chunk
                if not news and values.get("allowWatchBookmarks") in ("true", "True"):
                    version = max(version, store.version)
                    api, name = KINDS[kind]
                    told = {"metadata": {"resourceVersion": str(version), "creationTimestamp": None}}
                    self._line("BOOKMARK", {"kind": name, "apiVersion": api, **told, "spec": {}, "status": {}})

    def _line(self, word: str, told: Mapping[str, Any]) -> None:
        """One event. Chunks and lines need not agree: an event may come in pieces."""
        line = json.dumps({"type": word, "object": told}).encode() + b"\n"
        self._chunk(line[: len(line) // 2])
        self._chunk(line[len(line) // 2 :])

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _body(self) -> Any:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return json.loads(raw) if raw else None

    def do_PATCH(self) -> None:
        body = self._body()
        if (asked := self._asked()) is None:
            return
        kind, name, _ = asked
        if self.headers.get("Content-Type") != STRATEGIC:
            self._refuse(415, "UnsupportedMediaType", f"the body of the request was in an unknown format: {STRATEGIC}")
        elif (told := self.server.cluster.patched(kind, name, body)) is None:
            self._refuse(404, "NotFound", f'{kind}.apps "{name}" not found')
        else:
            self._answer(200, told)

    def do_DELETE(self) -> None:
        self._body()
        if (asked := self._asked()) is None:
            return
        kind, name, _ = asked
        told = self.server.cluster.store.get(kind, name)
        if told is None:
            self._refuse(404, "NotFound", f'{kind} "{name}" not found')
        else:
            self.server.cluster.end(name)
            self._answer(200, self.server.cluster.store.get(kind, name) or told)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    cluster: Cluster


def status(code: int, reason: str, message: str) -> Object:
    """A refusal in the API's own words."""
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**head, "message": message, "reason": reason, "code": code}


def _is_selected(told: Object, selector: str) -> bool:
    labels = told["metadata"].get("labels") or {}
    return all(
        labels.get(name) == value for name, _, value in (part.partition("=") for part in selector.split(",") if part)
    )


def _merged(told: Any, patch: Any) -> Any:
    """A merge patch of objects; lists, whose strategy differs by field, are not patched here."""
    if not isinstance(patch, dict) or not isinstance(told, dict):
        return patch
    return {**told, **{name: _merged(told.get(name), value) for name, value in patch.items()}}


@dataclass
class Process:
    """A pod's process and its port."""

    port: int
    popen: subprocess.Popen[bytes]


@dataclass
class Manner:
    """How the pods of the deployment behave: `manner` of replica.py, and the seconds of a preStop sleep. `variables`
    are those of its container, `secrets` what Secrets hold."""

    manner: str = "drains"
    pre_stop: int = 0
    grace: int = 10
    variables: tuple[Object, ...] = ()
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass
class Cluster:
    """The cluster that is played; `ports` are those that its pods may take."""

    ports: tuple[int, ...]
    how: Manner = field(default_factory=Manner)
    size: int = 2
    token: str = "a-token-of-the-tests"

    def __post_init__(self) -> None:
        self.store = Store()
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.is_over = threading.Event()
        self._processes: dict[str, Process] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.cluster = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    # --- what a user sees ---

    def kubeconfig(self, folder: Path) -> Path:
        """A file that leads to it."""
        file = folder / "kubeconfig"
        server = f"http://127.0.0.1:{self._server.server_port}"
        file.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "played",
                    "clusters": [{"name": "played", "cluster": {"server": server}}],
                    "users": [{"name": "drill", "user": {"token": self.token}}],
                    "contexts": [
                        {"name": "played", "context": {"cluster": "played", "user": "drill", "namespace": NAMESPACE}}
                    ],
                }
            )
        )
        return file

    def begin(self) -> None:
        """Have the deployment running."""
        labels = {"app": "api"}
        container: Object = {"name": "api", "image": "api:1.4.2", "command": ["python3", "replica.py", self.how.manner]}
        container["env"] = list(self.how.variables)
        for name, values in self.how.secrets.items():
            data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
            metadata = {"name": name, "namespace": NAMESPACE}
            self.store.put(SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
        if self.how.pre_stop:
            container["lifecycle"] = {"preStop": {"sleep": {"seconds": self.how.pre_stop}}}
        spec = {"terminationGracePeriodSeconds": self.how.grace, "containers": [container]}
        self._template = {"metadata": {"labels": labels}, "spec": spec}
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "api", "namespace": NAMESPACE, "uid": "d-1", "generation": 1},
            "spec": {
                "replicas": self.size,
                "selector": {"matchLabels": labels},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "template": self._template,
            },
            "status": {},
        }
        self.store.put(DEPLOYMENTS, deployment)
        for _ in range(self.size):
            self._start()
        self.report(1, self.size)

    def patched(self, kind: str, name: str, patch: Any) -> Object | None:
        """Merge a patch; a new template begins a rollout."""
        told = self.store.get(kind, name)
        if told is None:
            return None
        new: Object = _merged(told, patch)
        if new["spec"] != told["spec"]:
            new["metadata"]["generation"] += 1
            threading.Thread(target=self._roll, args=(new["metadata"]["generation"],), daemon=True).start()
        self.store.put(kind, new)
        return self.store.get(kind, name)

    # --- the controller ---

    def _roll(self, generation: int) -> None:
        olds = [
            one["metadata"]["name"] for one in self.store.list(PODS)[1] if "deletionTimestamp" not in one["metadata"]
        ]
        self.report(generation, 0)
        for number, old in enumerate(olds, 1):
            self._start()
            self.end(old, is_replaced=True)
            self.report(generation, number)

    def report(self, generation: int, updated: int) -> None:
        """What the controller says of the deployment."""
        told = self.store.get(DEPLOYMENTS, "api")
        assert told is not None
        there = [one for one in self.store.list(PODS)[1] if "deletionTimestamp" not in one["metadata"]]
        told["status"] = {
            "observedGeneration": generation,
            "replicas": len(there),
            "updatedReplicas": updated,
            "readyReplicas": len(there),
            "availableReplicas": len(there),
            "conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}],
        }
        self.store.put(DEPLOYMENTS, told)

    def _route(self) -> None:
        """The endpoint slice, by the pods as they are."""
        endpoints = []
        for pod in self.store.list(PODS)[1]:
            is_ending = "deletionTimestamp" in pod["metadata"]
            is_ready = any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"])
            target = {"kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
            conditions = {"ready": is_ready and not is_ending, "serving": is_ready, "terminating": is_ending}
            endpoints.append({"addresses": ["127.0.0.1"], "conditions": conditions, "targetRef": target})
        labels = {"kubernetes.io/service-name": "api"}
        metadata = {"name": "api-x7k2p", "namespace": NAMESPACE, "labels": labels}
        head = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "ports": []}
        self.store.put(SLICES, {**head, "metadata": metadata, "endpoints": endpoints})

    # --- the kubelet ---

    def _start(self) -> None:
        """A pod from its making to its readiness."""
        number = next(self._numbers)
        name, uid = f"api-7d9c4-{number:05d}", f"0000000{number}-aaaa"
        metadata = {"name": name, "namespace": NAMESPACE, "uid": uid, "labels": {"app": "api"}}
        pod: Object = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**metadata, "creationTimestamp": stamp()},
            "spec": copy.deepcopy(self._template["spec"]) | {"nodeName": "node-1"},
            "status": {"phase": "Pending", "conditions": [], "containerStatuses": []},
        }
        self.store.put(PODS, pod)
        with self._lock:
            taken = {process.port for process in self._processes.values()}
            port = next(port for port in self.ports if port not in taken)
            argv = [sys.executable, str(REPLICA), self.how.manner]
            popen = subprocess.Popen(argv, env={"PORTS": str(port)}, stdin=subprocess.DEVNULL)
            self._processes[name] = Process(port, popen)
        self._say(name, {"running": {"startedAt": stamp()}}, is_ready=False)
        _wait_healthy(port)
        self._say(name, {"running": {"startedAt": stamp()}}, is_ready=True)
        self._route()

    def _say(self, name: str, state: Object, *, is_ready: bool) -> None:
        pod = self.store.get(PODS, name)
        assert pod is not None
        ready = "True" if is_ready else "False"
        container = {"name": "api", "image": "api:1.4.2", "imageID": "", "ready": is_ready, "restartCount": 0}
        pod["status"] = {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [{**container, "state": state}],
        }
        self.store.put(PODS, pod)

    def end(self, name: str, *, is_replaced: bool = False) -> None:
        """Tell a pod to stop; it ends in its own time, and another takes its place unless it is there already."""
        pod = self.store.get(PODS, name)
        if pod is None or "deletionTimestamp" in pod["metadata"]:
            return
        pod["metadata"]["deletionTimestamp"] = stamp(datetime.now(UTC) + timedelta(seconds=self.how.grace))
        pod["metadata"]["deletionGracePeriodSeconds"] = self.how.grace
        self.store.put(PODS, pod)
        self._route()
        threading.Thread(target=self._terminate, args=(name,), daemon=True).start()
        if not is_replaced:
            threading.Thread(target=self._start, daemon=True).start()

    def _terminate(self, name: str) -> None:
        begun = time.monotonic()
        process = self._processes[name].popen
        time.sleep(self.how.pre_stop)
        process.terminate()
        try:
            code = process.wait(max(begun + self.how.grace - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        ended = {"exitCode": code if code >= 0 else 128 - code, "reason": "Error" if code else "Completed"}
        self._say(name, {"terminated": {**ended, "finishedAt": stamp()}}, is_ready=False)
        with self._lock:
            del self._processes[name]
        self.store.remove(PODS, name)
        self._route()

    def close(self) -> None:
        """End everything."""
        self.is_over.set()
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            processes = [one.popen for one in self._processes.values()]
        for popen in processes:
            popen.kill()
        for popen in processes:
            popen.wait(10)


def _wait_healthy(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5),
        ):
            return
        assert time.monotonic() < deadline, f"nothing listens on {port}"
        time.sleep(0.02)


@contextlib.contextmanager
def cluster(ports: tuple[int, ...], how: Manner) -> Iterator[Cluster]:
    """A cluster with its deployment running."""
    played = Cluster(ports, how)
    try:
        played.begin()
        yield played
    finally:
        played.close()
