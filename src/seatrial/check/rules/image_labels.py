"""image-labels: an image that is published says its source, version and revision in OCI labels."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import builds, launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong
from seatrial.model.documents import Documents, Unit
from seatrial.model.finding import Confidence, Severity
from seatrial.model.patterns import pattern

NAME = "image-labels"
_OCI = "org.opencontainers.image."
_PUSHES = pattern(r"docker(?:\s+buildx)?\s+(?:image\s+)?push\b|--push\b|push:\s*(?:true|\$\{\{)|podman\s+push|kaniko")
_LABELS = pattern(r"metadata-action|--label|labels:|opencontainers")


def _look(unit: Unit, documents: Documents) -> Iterator[Wrong]:
    if not builds.is_service(unit):
        return
    labels = [each for each in builds.instructions(unit) if each.keyword == "LABEL"]
    names = [pair for each in labels for pair in each.assignments]
    if any(pair.name.strip("\"'").startswith(_OCI) or "$" in pair.name for pair in names):
        return
    old = next((pair for pair in names if pair.name.strip("\"'").startswith("org.label-schema.")), None)
    remedy = 'LABEL org.opencontainers.image.source="https://…", and version and revision by build arguments'
    if old is not None:
        yield Wrong("label-schema was replaced by OCI's labels in 2019, which tools read", old.place, remedy)
    elif _is_published(documents) and not any(_LABELS.search(text) for text in documents.pipelines.values()):
        message = "the image is pushed without labels: from it nobody can tell source, version and commit"
        yield Wrong(message, builds.last_place(unit), remedy, confidence=Confidence.MEDIUM)


def _is_published(documents: Documents) -> bool:
    """Whether CI pushes the one image that is built here."""
    built = [unit for unit in documents.units if unit.dockerfile and not launch.is_for_development(unit)]
    is_root = documents.repository == documents.directory
    return len(built) == 1 and is_root and any(_PUSHES.search(text) for text in documents.pipelines.values())


_END = 'CMD ["node", "a.js"]\n'
_CI = "jobs:\n  a:\n    steps:\n      - run: docker build -t a . && docker push a\n"
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="An image that is published has the OCI labels for source, version and revision.",
    why="When a container misbehaves, its image has to say which commit it was built from. Registries show these "
    "labels, scanners and update bots find the changes by them.",
    example="LABEL maintainer=me\n",
    instead='ARG REVISION\nLABEL org.opencontainers.image.source="https://example.org/app" \\\n'
    "      org.opencontainers.image.revision=$REVISION\n",
    check=builds.per_project(NAME, Severity.INFO, _look),
    fix_safety=FixSafety.UNSAFE,
    fix_note="The address of the repository has to be told.",
    sources=("https://github.com/opencontainers/image-spec/blob/main/annotations.md",),
    bad=(
        Bad({"Dockerfile": "FROM node:22\n" + _END, ".github/workflows/ci.yml": _CI}, "Dockerfile:2:5", "pushed"),
        Bad({"Dockerfile": "FROM node:22\nLABEL org.label-schema.name=a\n" + _END}, "Dockerfile:2:7", "2019"),
    ),
    good=(
        Good({"Dockerfile": "FROM node:22\n" + _END}, "nothing says that it is published"),
        Good(
            {
                "Dockerfile": "FROM node:22\nLABEL org.opencontainers.image.source=https://h/a\n" + _END,
                ".github/workflows/ci.yml": _CI,
            }
        ),
        Good(
            {
                "Dockerfile": "FROM node:22\n" + _END,
                ".github/workflows/ci.yml": _CI + "      - uses: docker/metadata-action@v5\n",
            },
            "CI sets them",
        ),
    ),
)
