"""The Kubernetes side of image-tag-unique and of non-root-user: which image runs, and as whom. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import images
from seatrial.check.interface import Wrong
from seatrial.check.kubernetes import Seen, is_placeholder, moved
from seatrial.model.finding import Confidence, Severity
from seatrial.model.kubernetes import Container
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced

_VERSION_IN_NAME = pattern(r"\d[.-]\d")
_STARTS_AS_ROOT = frozenset(
    {"nginx", "httpd", "redis", "postgres", "mysql", "mariadb", "mongo", "rabbitmq", "haproxy", "traefik", "node"}
    | {"python", "ruby", "golang", "php", "alpine", "debian", "ubuntu", "busybox", "fedora", "centos", "openjdk"}
    | {"eclipse-temurin", "amazoncorretto", "tomcat", "wordpress", "nextcloud", "ghost", "registry", "perl", "rust"}
)
"""Official images whose USER is root, also where their entrypoint gives it up later."""


def tag(seen: Seen) -> Iterator[Wrong]:
    """Images without a version; one finding a workload."""
    is_job = seen.workload.kind in ("Pod", "Job") and not seen.workload.is_long_running
    if seen.is_patched("image") or is_job or seen.is_bench or seen.workload.pod.is_windows:
        return
    for container in seen.workload.pod.containers:
        wrong = _tag_of(seen, container)
        if wrong is not None:
            yield wrong
            return


def _tag_of(seen: Seen, container: Container) -> Wrong | None:
    image = container.image
    if image is None or is_placeholder(image.value) or container.pull_policy == "Never":
        return None
    reference = images.parse(image.value)
    name = image.value.partition("@")[0].removesuffix(":latest")
    if reference.digest or reference.tag not in ("", "latest"):
        return None
    if {name, reference.repository} & seen.cluster.overridden_images or "chainguard" in reference.repository:
        return None  # kustomize or skaffold puts the tag there; some registries give no version tags away
    if not reference.tag and "/" not in name and not _is_published(name):
        return None  # the name of what is built for this cluster
    if not reference.tag and _VERSION_IN_NAME.search(reference.name):
        return None
    says = "the tag latest" if reference.tag else "no tag, which means latest"
    message = f"{seen.name}: {reference.repository} has {says}: each node runs what it happened to pull"
    return Wrong(message, image.place, f"image: {name}:VERSION, for one's own images the version or the commit")


def _is_published(name: str) -> bool:
    return name in _STARTS_AS_ROOT or images.family(name) is not None or name in ("memcached", "elasticsearch", "vault")


def user(seen: Seen) -> Iterator[Wrong]:
    """Users that Kubernetes refuses, and root where somebody asked for it; one finding a workload."""
    if seen.is_system or seen.is_patched("runAsNonRoot", "runAsUser", "securityContext", "image"):
        return
    for container in seen.workload.pod.containers:
        wrong = _user_of(seen, container)
        if wrong is not None:
            yield wrong
            return


def _user_of(seen: Seen, container: Container) -> Wrong | None:
    own, shared = container.security, seen.workload.pod.security
    number = own.run_as_user or shared.run_as_user
    said = own.run_as_non_root or shared.run_as_non_root
    must = said is not None and said.value
    if number is not None:
        return _numbered(seen, container, number, said if must else None)
    if said is None or not must or container.image is None:
        return None
    why, related = _of_image(seen, container)
    if not why:
        return None
    message = f"{container.name}: runAsNonRoot is true, and {why}: the container is never started"
    return Wrong(
        message, said.place, "runAsUser: 10001, or a numeric USER in the image", Severity.ERROR, related=related
    )


def _numbered(seen: Seen, container: Container, number: Sourced[int], said: Sourced[bool] | None) -> Wrong | None:
    if number.value != 0 or container.is_init:
        return None
    if said is not None:
        message = f"{container.name}: runAsUser is 0 and runAsNonRoot is true: the container is never started"
        related = (Sourced("runAsNonRoot", said.place),) if said.place else ()
        return Wrong(message, number.place, "runAsUser: 10001", Severity.ERROR, related=related)
    privileged = container.security.privileged
    if not seen.workload.is_long_running or (privileged is not None and privileged.value):
        return None  # that is told by itself
    message = f"{container.name}: runAsUser 0 is root, whatever the image says"
    return Wrong(message, number.place, "runAsUser: 10001", Severity.WARNING, Confidence.MEDIUM)


def _of_image(seen: Seen, container: Container) -> tuple[str, tuple[Sourced[str], ...]]:
    """Why Kubernetes can't be sure that the image isn't root, "" where it can or nothing is known."""
    found = seen.unit_of(container)
    if found is not None:
        written = found.unit.service.user
        where = moved(written.place, found.prefix) if written else None
        if written is None or where is None:
            return "", ()
        return _of_user(written.value), _named(where)
    reference = images.parse(container.image.value if container.image else "")
    if reference.is_official and reference.repository in _STARTS_AS_ROOT:
        return f"the image {reference.repository} starts as root", ()
    return "", ()


def _of_user(written: str) -> str:
    user = written.partition(":")[0].strip()
    if not user or "$" in user:
        return ""
    if user in ("root", "0"):
        return f"USER {user} of its Dockerfile is root"
    return "" if user.isdigit() else f"USER {user} of its Dockerfile is no number, which alone it can check"


def _named(place: Place) -> tuple[Sourced[str], ...]:
    return (Sourced("USER", place),)
