"""The Kubernetes side of no-secrets-in-image: credentials in manifests. Pure; no value is ever told."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import command_secrets, credentials
from seatrial.check.interface import Context, Wrong
from seatrial.check.kubernetes import Seen, listed
from seatrial.model.finding import Confidence, Severity
from seatrial.model.kubernetes import Container, Secret
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced

_FILLED_IN = pattern(r"\{\{|^<.*>$|^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$|-[A-Z]*(?:KEY|TOKEN|SECRET)$")
_SAMPLE_KEY = pattern(r"-----BEGIN [A-Z ]+-----(?!\s*[A-Za-z0-9+/=]{40})")
_REMEDY = "valueFrom: {secretKeyRef: …}, with a Secret that is made outside of the repository; change it now"


def look(seen: Seen) -> Iterator[Wrong]:
    """One finding a workload."""
    wrongs = (_environment(container) or _command(container) for container in seen.workload.pod.containers)
    yield from [each for each in wrongs if each][:1]


def secrets(context: Context) -> Iterator[Wrong]:
    """One finding a Secret that holds what has the shape of a real credential."""
    cluster = context.documents.cluster
    yield from (wrong for secret in (cluster.secrets if cluster else ()) if (wrong := _secret(secret)))


def holds(name: str, value: str) -> bool:
    """Whether a variable of this name with this value holds a credential."""
    if credentials.shape(value) or credentials.password_in_url(value):
        return True
    return credentials.is_secret_name(name) and credentials.is_literal(value) and not _FILLED_IN.search(value)


def _environment(container: Container) -> Wrong | None:
    found = [each for each in container.environment if each.value and holds(each.name, each.value.value)]
    if not found:
        return None
    is_sure = any(each.value and credentials.shape(each.value.value) for each in found)
    names = listed(dict.fromkeys(each.name for each in found[:3]))
    more = f" (and {len(found) - 3} more)" if found[3:] else ""
    message = f"{container.name}: the value of {names}{more} stands in the manifest itself"
    first = found[0]
    place = (first.value.place if first.value else None) or first.place
    related = tuple(Sourced(each.name, each.place) for each in found[1:3])
    return Wrong(message, place, _REMEDY, Severity.ERROR if is_sure else Severity.WARNING, related=related)


def _command(container: Container) -> Wrong | None:
    said = container.arguments or container.command
    what = command_secrets.what_of(container.argv)
    if said is None or not what:
        return None
    message = f"{container.name}: {what} stands in its command, which everybody who may look at the pod can see"
    return Wrong(message, said.place, _REMEDY, Severity.WARNING)


def _secret(secret: Secret) -> Wrong | None:
    for name, text in secret.values.items():
        kind = credentials.shape(text.value)
        if kind and not _SAMPLE_KEY.search(text.value):
            message = f"the Secret {secret.name} holds {kind} ({name}), which whoever can read the repository has"
            remedy = "make it outside of the repository, or encrypt it (SOPS, sealed-secrets); change it now"
            return Wrong(message, text.place, remedy, Severity.ERROR, Confidence.HIGH)
    return None
