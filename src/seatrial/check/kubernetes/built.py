"""Which Dockerfile of the project the image of a manifest or a task definition is built from. Pure.

That is what joins a pod with the source behind it. Surest first: skaffold or compose say it; the Dockerfile's directory
is called like the image; the one at the root is, by the folder's or the package's name; it is the only Dockerfile, and
the image the only one that can't be public. What is joined wrongly makes wrong findings: a name that says nothing, or
is that of a public image, joins nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator

from seatrial.check import images, launch
from seatrial.model.documents import Documents, Neighbour, Unit
from seatrial.model.kubernetes import Cluster
from seatrial.model.patterns import pattern
from seatrial.model.remembered import remembered

_NOT, _ONLY, _NAMED, _SAID = range(4)
_PLAIN = ("Dockerfile", "Containerfile", "dockerfile")
_NO_NAMES = frozenset(
    {"app", "apps", "src", "source", "code", "work", "workspace", "repo", "repository", "project", "build", "builds"}
    | {"data", "home", "root", "tmp", "mnt", "srv", "checkout", "docker"}
)
"""Folders in which a project merely lies."""
_LOCAL = pattern(r"[a-z0-9][a-z0-9._-]*")
_PRIVATE = pattern(r"\d+\.dkr\.ecr\.[\w.-]+\.amazonaws\.com(\.cn)?/|[\w-]+\.azurecr\.io/|(localhost|127\.0\.0\.1):\d+/")
"""Registries of which nobody pulls other people's images."""


def built_here(documents: Documents, cluster: Cluster, image: str) -> Neighbour | None:
    """The service whose Dockerfile this image is built from."""
    own = tuple(Neighbour("", unit) for unit in documents.units)
    found, surest = None, _NOT
    for each in (*own, *documents.neighbours) if image else ():
        sureness = _sureness(documents, documents.directory, cluster, each, image)
        if sureness > surest:
            found, surest = each, sureness
        if surest == _SAID:
            break
    return found


def is_built_from(documents: Documents, cluster: Cluster, unit: Unit) -> Callable[[str], bool]:
    """Says of an image whether it is built from the Dockerfile of this service of the documents."""
    root = posixpath.join(documents.directory, posixpath.relpath(".", documents.prefix or "."))
    here = Neighbour(documents.prefix, unit)
    return lambda image: _sureness(documents, root, cluster, here, image) > _NOT


def _sureness(documents: Documents, root: str, cluster: Cluster, neighbour: Neighbour, image: str) -> int:
    unit, reference = neighbour.unit, images.parse(image)
    if not unit.dockerfile:
        return _NOT
    directory = posixpath.normpath(posixpath.join(neighbour.prefix, posixpath.dirname(unit.service.dockerfile or "")))
    built = cluster.built_images.get(image.partition("@")[0]) or cluster.built_images.get(reference.repository)
    if built is not None:
        return _SAID if directory == posixpath.normpath(built) else _NOT
    if unit.compose and unit.compose.image and unit.compose.has_build:
        return _SAID if images.parse(unit.compose.image.value).repository == reference.repository else _NOT
    if directory != ".":
        is_called = posixpath.basename(directory) == reference.name
        return _SAID if is_called and not _is_somebodys(reference) else _NOT
    if not _is_for_production(unit) or images.is_published(reference.name):
        return _NOT
    if _plain(reference.name) in _names_of(unit, posixpath.basename(posixpath.normpath(root))):
        return _NAMED
    return _ONLY if documents.is_alone and _own_images(cluster) == {reference.repository} else _NOT


def _is_somebodys(reference: images.Reference) -> bool:
    """Whether a directory called like this image may as well hold what is only like it: `nginx` for bitnami/nginx,
    `grafana` for grafana/grafana."""
    if _PRIVATE.match(reference.repository):
        return False
    owner = reference.repository.split("/")[-2:-1]
    return reference.is_official or images.is_published(reference.name) or owner == [reference.name]


def _is_for_production(unit: Unit) -> bool:
    """Whether the image is what its Dockerfile says: compose adds no command, and it is no Dockerfile for one more
    purpose."""
    is_plain = posixpath.basename(unit.service.dockerfile or "") in _PLAIN
    is_own = unit.compose is None or (unit.compose.command is None and unit.compose.target is None)
    return is_plain and is_own and not launch.is_for_development(unit) and not launch.is_fixture(unit)


def _names_of(unit: Unit, folder: str) -> frozenset[str]:
    """What the project at the root is called."""
    found = [folder] if folder not in _NO_NAMES else []
    for manifest in unit.manifests:
        for path in (("name",), ("project", "name"), ("tool", "poetry", "name")):
            said = manifest.text(*path)
            found += [said.value.rpartition("/")[2]] if said else []
    return frozenset(_plain(name) for name in found if name)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


@remembered
def _own_images(cluster: Cluster) -> frozenset[str]:
    """The repositories of what runs here and can't be pulled by just anybody: names without a registry that Docker Hub
    doesn't have, and registries of one's own."""
    return frozenset(images.parse(image).repository for image in _images(cluster) if _is_own(image))


def _images(cluster: Cluster) -> Iterator[str]:
    for workload in cluster.workloads:
        yield from (each.image.value for each in workload.pod.containers if each.image)


def _is_own(image: str) -> bool:
    reference = images.parse(image)
    if _LOCAL.fullmatch(reference.repository):
        return not images.is_published(reference.repository)
    return _PRIVATE.match(reference.repository) is not None
