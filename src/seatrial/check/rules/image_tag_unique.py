"""image-tag-unique: what compose deploys has a tag of its own, not latest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seatrial.check import builds, images, services
from seatrial.check.interface import Bad, Context, Good, Rule, Wrong, finding, task
from seatrial.check.manifests import also, of_tasks
from seatrial.model.documents import Unit
from seatrial.model.finding import Finding, Severity

NAME = "image-tag-unique"


def _check(context: Context) -> Iterator[Finding]:
    entries = [unit.compose for unit in context.units if unit.compose]
    built = {entry.image.value for entry in entries if entry.has_build and entry.image}
    dev_files = builds.files_for_development(context)
    for unit in services.production(context.units):
        wrong = _look(unit, context.documents.texts, built, dev_files)
        made = finding(NAME, Severity.WARNING, wrong, unit.service.name) if wrong else None
        if made is not None:
            yield made


def _look(unit: Unit, texts: Mapping[str, str], built: set[str], dev_files: frozenset[str]) -> Wrong | None:
    entry = unit.compose
    if entry is None or entry.image is None or "$" in entry.image.value or not entry.image.value:
        return None
    reference = images.parse(entry.image.value)
    if reference.digest or reference.tag not in ("", "latest"):
        return None
    if reference.is_official and not images.is_published(reference.repository):
        return None  # nobody publishes it: built beforehand on this very machine
    if not reference.tag and "image" in entry.open_keys:
        return None  # whoever runs it says which
    if entry.image.value in built and (not entry.has_build or "/" not in reference.repository):
        return None  # the name of what is built on this very machine
    says = "the tag latest" if reference.tag else "no tag, which means latest"
    shown = reference.repository
    if "image" in entry.open_keys and entry.image.place is not None:
        shown = builds.written(texts, entry.image.place).strip("\"'").removesuffix(":latest") or shown
    message = f"{entry.name}: {shown} has {says}: what runs is decided by the day of the pull"
    remedy = f"image: {shown}:VERSION, for one's own images the version or the commit"
    is_minor = entry.has_build or entry.file in dev_files
    return Wrong(message, entry.image.place, remedy, Severity.INFO if is_minor else Severity.WARNING)


_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: IMAGE\n"
)
_BARE = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: web\n    image: a.org/web:1\n"
)
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="An image is deployed by the tag of a version or a commit, or by its digest.",
    why="With `latest` two machines run different programs under one name, a restart after a crash can bring a new "
    "major version of a database, and there is nothing to go back to: the old image has the same name as the new one.",
    example="services:\n  db:\n    image: postgres\n",
    instead="services:\n  db:\n    image: postgres:17.2\n",
    check=of_tasks(also(_check, NAME, Severity.WARNING, "identity.tag"), NAME, Severity.WARNING, "tag"),
    sources=("https://docs.docker.com/compose/how-tos/production/",),
    many="{count} services run images without a version: {names}",
    bad=(
        Bad({"compose.yaml": "services:\n  db:\n    image: postgres\n"}, "compose.yaml:3:12", "no tag"),
        Bad({"compose.yaml": "services:\n  db:\n    image: a.org/b/c:latest\n"}, "compose.yaml:3:12", "the tag latest"),
        Bad({"compose.yaml": "services:\n  a:\n    image: $HUB/b:latest\n"}, "compose.yaml:3:12", "a: $HUB/b has"),
        Bad(
            {"compose.yaml": "services:\n  a:\n    image: redis\n  b:\n    image: postgres\n"},
            "compose.yaml:3:12",
            "2 services",
        ),
        Bad({"web.yaml": _POD.replace("IMAGE", "a.org/web")}, "web.yaml:9:16", "no tag"),
        Bad({"web.yaml": _POD.replace("IMAGE", "nginx:latest")}, "web.yaml:9:16", "the tag latest"),
        Bad({"pod.yaml": _BARE.replace("web:1", "web:latest")}, "pod.yaml:7:12", "the tag latest"),
        Bad(
            {"task.json": task('"essential": true')["task.json"].replace("web:1", "web:latest")},
            "task.json:2:28",
            "latest",
        ),
    ),
    good=(
        Good({"web.yaml": _POD.replace("IMAGE", "a.org/web:1.2")}),
        Good({"pod.yaml": _BARE.replace("a.org/web:1", "ko://a.org/web")}, "ko puts it there"),
        Good({"web.yaml": _POD.replace("IMAGE", "web")}, "the name of what is built for this cluster"),
        Good({"web.yaml": _POD.replace("IMAGE", "gcr.io/PROJECT_ID/web")}, "somebody fills it in"),
        Good(
            {
                "web.yaml": _POD.replace("IMAGE", "a.org/web"),
                "kustomization.yaml": "resources: [web.yaml]\nimages: [{name: a.org/web, newTag: v2}]\n",
            },
            "kustomize puts it there",
        ),
        Good(
            {
                "web.yaml": _POD.replace("IMAGE", "a.org/web"),
                "skaffold.yaml": "apiVersion: skaffold/v4beta1\nkind: Config\n"
                "build: {artifacts: [{image: a.org/web}]}\n",
            },
            "skaffold puts it there",
        ),
        Good({"compose.yaml": "services:\n  db:\n    image: postgres:17.2\n"}),
        Good({"compose.yaml": "services:\n  db:\n    image: postgres@sha256:" + "a" * 64 + "\n"}),
        Good({"compose.yaml": "services:\n  a:\n    build: .\n    image: web\n", "Dockerfile": "FROM scratch\n"}),
        Good({"compose.yaml": "services:\n  a:\n    image: h/a:${TAG:-1.0}\n"}),
        Good({"compose.yaml": "services:\n  a:\n    image: postgres:${TAG}\n"}, "whoever runs it says which"),
        Good({"compose.yaml": "services:\n  a:\n    image: shop-db\n"}, "built beforehand"),
        Good(task('"essential": true')),
        Good(
            {"task.json": task('"essential": true')["task.json"].replace("a.org/web:1", "<IMAGE1_NAME>")}, "filled in"
        ),
    ),
)
