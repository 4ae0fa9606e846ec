"""A workload of a cluster: it is restarted as `kubectl rollout restart` does it, one of its pods is deleted, and both
are watched until they are over.

Nothing else of it is changed, and nothing is put back: the restart leaves its date in an annotation, as kubectl's does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

from seatrial.engine.distributed import Described
from seatrial.engine.docker.client import Calls, post
from seatrial.engine.kubernetes.environment import kept_secrets, literal_secrets, named_secrets
from seatrial.engine.kubernetes.pods import Pods
from seatrial.engine.kubernetes.progress import KINDS, Object, order_of, why_not
from seatrial.engine.kubernetes.watching import Follower, read
from seatrial.model.errors import InputError, SeatrialError, UnsupportedError
from seatrial.model.recording import Machine, Replica

RESTART, DELETION = "rollout restart", "pod deletion"
PACE = 0.3
"""Seconds between two looks at the workload's own status."""
GRACE = 30.0
"""Where a pod says none (terminationGracePeriodSeconds)."""
RESTARTED = "kubectl.kubernetes.io/restartedAt"
MANAGER = "seatrial"
FORBIDDEN, NOT_FOUND = 403, 404
EXAMPLE = "seatrial drill --engine kubernetes deployment/api -n NAMESPACE --url http://…"


class Workload:
    """A deployment, stateful set or daemon set by the name that kubectl takes ("deployment/api"). `namespace` and
    `context` None take the kubeconfig's own."""

    def __init__(self, name: str, namespace: str | None = None, context: str | None = None) -> None:
        kind, slash, self._name = name.rpartition("/")
        if not slash or not self._name or kind not in KINDS:
            words = ", ".join(dict.fromkeys(kind.name.replace("_", "") for kind in KINDS.values()))
            raise InputError(f"{name!r} names no workload ({words})", hint=EXAMPLE)
        self._kind = KINDS[kind]
        self._api, self._namespace = _client(namespace, context)
        self._calls: Calls | None = None
        self._pods = Pods(are_paired=self._kind.name == "stateful_set")
        self._workload: Object = {}
        self._followers: list[Follower] = []
        self._watching: asyncio.Task[None] | None = None
        self._step = ""
        self._kept: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """A restart by the workload's own strategy, and what a drained node or an eviction does to a pod."""
        return f"{RESTART} ({order_of(self._workload)})", DELETION

    @property
    def left(self) -> str:
        """What an end in the middle leaves behind, once something was asked for."""
        if not self._step:
            return ""
        see = f"kubectl rollout status {self._kind.name.replace('_', '')}/{self._name} -n {self._namespace}"
        return f"the cluster goes on with the {self._step} of {self._name}, see {see}"

    # --- finding it ---

    async def __aenter__(self) -> Self:
        self._calls = Calls(self._api)
        await self._refresh()
        if why := why_not(self._workload):
            raise InputError(f"{self._name} {why}: a restart replaces nothing", hint=EXAMPLE)
        if (progress := self._kind.progress(self._workload)) != "":
            why = progress or "it is being rolled out, or not all of its pods are available"
            raise InputError(f"{self._name} is not well before it is replaced: {why}", hint="kubectl rollout status")
        self._kept = await self._read_secrets()
        self._follow()
        try:
            for follower in self._followers:
                await self._ask(follower.start, "watch its pods and endpoint slices")
        except BaseException:
            self._stop_following()
            raise
        self._watching = asyncio.create_task(self._watch())
        return self

    async def _read_secrets(self) -> tuple[str, ...]:
        """What its pods get from Secrets, as far as we may read them: it must not be shown."""
        from kubernetes.client import CoreV1Api

        found: list[str] = []
        for name in named_secrets(self._workload["spec"]["template"]["spec"]):
            with contextlib.suppress(InputError):
                found += await self._ask(partial(_kept, CoreV1Api(self._api), name, self._namespace), "read a secret")
        return tuple(found)

    def _follow(self) -> None:
        from kubernetes.client import CoreV1Api, DiscoveryV1Api

        loop, pods = asyncio.get_running_loop(), self._pods
        selected = {"namespace": self._namespace, "label_selector": selector(self._workload["spec"]["selector"])}

        def pod(kind: str, told: Object) -> None:
            post(loop, pods.deleted if kind == "DELETED" else pods.changed, told, time.monotonic())

        def slice_(kind: str, told: Object) -> None:
            endpoints = () if kind == "DELETED" else told.get("endpoints") or ()
            post(loop, pods.routed, told["metadata"]["name"], endpoints, time.monotonic())

        def slices(found: list[Mapping[str, Any]]) -> None:
            named = [(one["metadata"]["name"], one.get("endpoints") or ()) for one in found]
            post(loop, pods.all_routed, named, time.monotonic())

        def listed(found: list[Mapping[str, Any]]) -> None:
            post(loop, pods.listed, found, time.monotonic())

        self._followers = [
            Follower(CoreV1Api(self._api).list_namespaced_pod, selected, listed, pod),
            Follower(
                DiscoveryV1Api(self._api).list_namespaced_endpoint_slice,
                {"namespace": self._namespace},
                slices,
                slice_,
            ),
        ]

    def described(self) -> Described:
        """What was found. Where it is reached only its users know."""
        spec = self._workload["spec"]["template"]["spec"]
        first = (spec.get("containers") or [{}])[0]
        argv = (*(first.get("command") or ()), *(first.get("args") or ()))
        grace = spec.get("terminationGracePeriodSeconds")
        return Described(
            name=self._name,
            machine=Machine(engine="kubernetes", kernel="", cores=0, rootless=False),
            argv=tuple(map(str, argv)) or (str(first.get("image", "")),),
            grace=GRACE if grace is None else float(grace),
            secrets=(*literal_secrets(spec), *self._kept),
        )

    # --- replacing it ---

    async def perform(self, step: str) -> None:
        """Ask for a restart, or for the deletion of one pod. InputError where the cluster refuses."""
        before, self._step = self._step, step
        try:
            await (self._delete() if step == DELETION else self._restart())
        except SeatrialError:
            self._step = before
            raise

    async def _restart(self) -> None:
        from kubernetes.client import AppsV1Api

        patch = {
            "spec": {
                "template": {"metadata": {"annotations": {RESTARTED: datetime.now(UTC).isoformat("T", "seconds")}}}
            }
        }
        change = getattr(AppsV1Api(self._api), f"patch_namespaced_{self._kind.name}")
        self._workload = await self._ask(
            lambda: read(change(self._name, self._namespace, patch, field_manager=MANAGER, _preload_content=False)),
            "restart it",
        )

    async def _delete(self) -> None:
        from kubernetes.client import CoreV1Api

        ready = [pod for pod in self._pods.seen.values() if pod.is_ready and pod.told is None]
        if not ready:
            raise InputError(f"no pod of {self._name} is ready, so none can be deleted", hint=EXAMPLE)
        name, core = ready[0].name.partition(" ")[0], CoreV1Api(self._api)
        begun = time.monotonic()
        await self._ask(
            lambda: core.delete_namespaced_pod(name, self._namespace, _preload_content=False), "delete a pod"
        )
        ready[0].told = begun  # the watch may tell it later, and the step is not over before

    def settled(self) -> str | None:
        """Whether the step is over: by the workload's own status, and all pods that were told to stop are gone."""
        progress = self._kind.progress(self._workload)
        pods = self._pods.seen.values()
        told = [pod for pod in pods if pod.told is not None]
        ready = sum(pod.is_ready and pod.told is None for pod in pods)
        if progress:
            return progress
        is_over = bool(told) and all(pod.is_gone for pod in told) and ready >= self._kind.size(self._workload)
        return progress if is_over else None

    def replicas(self) -> tuple[Replica, ...]:
        """All pods that were seen."""
        return self._pods.replicas()

    # --- watching it ---

    async def _refresh(self) -> None:
        from kubernetes.client import AppsV1Api

        get = getattr(AppsV1Api(self._api), f"read_namespaced_{self._kind.name}")
        self._workload = await self._ask(
            lambda: read(get(self._name, self._namespace, _preload_content=False)), "read it"
        )

    async def _watch(self) -> None:
        """Look at the workload's status until cancelled. One look that fails is followed by another."""
        while True:
            await asyncio.sleep(PACE)
            with contextlib.suppress(SeatrialError):
                await self._refresh()

    async def _ask(self, call: Callable[[], Any], what: str) -> Any:
        """What the cluster answers. InputError where it refuses, UnsupportedError where it can't be reached."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        assert self._calls is not None
        try:
            return await self._calls(call)
        except ApiException as error:
            where = f"{self._kind.name.replace('_', '')}/{self._name} in namespace {self._namespace}"
            hint = "kubectl auth can-i --list" if error.status == FORBIDDEN else EXAMPLE
            if error.status == NOT_FOUND:
                raise InputError(f"there is no {where}", hint=EXAMPLE) from error
            raise InputError(f"the cluster refused to {what} ({where}): {_said(error)}", hint=hint) from error
        except HTTPError as error:
            raise UnsupportedError(f"the cluster does not answer: {error}", hint="kubectl cluster-info") from error

    def _stop_following(self) -> None:
        for follower in self._followers:
            follower.stop()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Watch no more."""
        assert self._calls is not None
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        self._stop_following()
        await self._calls.settle()


def _client(namespace: str | None, context: str | None) -> tuple[Any, str]:
    """The official client for a context of the kubeconfig, or for the cluster that we run in; and the namespace."""
    try:
        from kubernetes import config
        from kubernetes.config.config_exception import ConfigException
    except ImportError:
        message = "the kubernetes engine needs Kubernetes' client for Python, which is not installed"
        raise UnsupportedError(message, hint="pip install 'seatrial[kubernetes]'") from None
    try:
        contexts, active = config.list_kube_config_contexts()
        named = next((one for one in contexts if one["name"] == context), None) if context else active
        if context and named is None:
            names = ", ".join(str(one["name"]) for one in contexts) or "none"
            raise InputError(f"the kubeconfig has no context {context!r}", hint=f"there are: {names}")
        own = ((named or {}).get("context") or {}).get("namespace")
        return config.new_client_from_config(context=context), namespace or own or "default"
    except ConfigException as error:
        return _inside(namespace, error)


def _inside(namespace: str | None, why: Exception) -> tuple[Any, str]:
    from kubernetes import client, config
    from kubernetes.config.config_exception import ConfigException

    try:
        config.load_incluster_config()
    except ConfigException:
        message = f"no cluster is configured here: {' '.join(str(why).split())}"
        raise UnsupportedError(message, hint="KUBECONFIG=FILE, or --context NAME") from None
    return client.ApiClient(), namespace or "default"


def _kept(core: Any, name: str, namespace: str) -> tuple[str, ...]:
    return tuple(kept_secrets(read(core.read_namespaced_secret(name, namespace, _preload_content=False))))


def _said(error: Any) -> str:
    """What the cluster said, in one line."""
    try:
        message = json.loads(error.body)["message"]
    except (ValueError, TypeError, KeyError):
        message = error.reason
    return f"{error.status} {message}"


def selector(told: Object) -> str:
    """A workload's selector as a list of pods takes it."""
    operators = {"In": "in", "NotIn": "notin"}
    parts = [f"{name}={value}" for name, value in (told.get("matchLabels") or {}).items()]
    for one in told.get("matchExpressions") or ():
        if one["operator"] in operators:
            parts.append(f"{one['key']} {operators[one['operator']]} ({','.join(one.get('values') or ())})")
        else:
            parts.append(one["key"] if one["operator"] == "Exists" else f"!{one['key']}")
    return ",".join(parts)
