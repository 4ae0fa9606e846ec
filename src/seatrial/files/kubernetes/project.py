"""The documents of `seatrial check` where manifests are: a directory's, or those of one file.

Raises nothing for what files hold, and gives None where there is no manifest.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seatrial.files import disk
from seatrial.files.kubernetes import Manifests, is_manifest, manifest_files, read_manifests
from seatrial.model.documents import Documents, Neighbour
from seatrial.model.values import replace


def manifests_at(path: Path) -> Manifests | None:
    """What the manifests below a directory say, or this one file."""
    if disk.is_directory(path):
        found = read_manifests(path.absolute(), manifest_files(path.absolute()))
    elif is_manifest(path):
        found = read_manifests(path.absolute().parent, (path.absolute(),))
    else:
        return None
    return found if found.texts or found.cluster.not_read else None


def with_manifests(documents: Documents, manifests: Manifests | None) -> Documents:
    """The same documents, with what the manifests beside them say."""
    if manifests is None:
        return documents
    texts = {**documents.texts, **manifests.texts}
    findings = (*documents.findings, *manifests.findings)
    return replace(documents, texts=texts, findings=findings, cluster=manifests.cluster)


def manifest_documents(root: Path, found: Manifests, neighbours: Iterable[Neighbour]) -> Documents | None:
    """The manifests below `root` (absolute) as documents of their own. `neighbours` are the services of the projects
    around, whose images the manifests may run."""
    if not found.texts:
        return None
    return replace(with_manifests(Documents(str(root)), found), neighbours=tuple(neighbours))
