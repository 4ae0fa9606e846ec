"""Which Dockerfile an image is taken to be built from, where neither skaffold nor compose says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.check.run import Options
from seatrial.cli.check_projects import Checked, check_path

from ..conftest import write

POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n"
    "    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: IMAGE\n"
    "        ports: [{containerPort: 80}]\n        readinessProbe: {tcpSocket: {port: 80}}\n"
)
DOCKERFILE = 'FROM node:24.1.0-slim\nCOPY a.js .\nUSER node\nEXPOSE 80\nCMD ["node", "a.js"]\n'
PATIENT = (
    "const server = require('http').createServer(f).listen(80)\nprocess.on('SIGTERM', () => {\n"
    "  server.close(() => process.exit(0))\n  setTimeout(() => process.exit(1), 45000).unref()\n})\n"
)
SKAFFOLD = "apiVersion: skaffold/v4beta1\nkind: Config\nbuild: {artifacts: [{image: acme/shop, context: b}]}\n"
PATIENTLY = "    stop_grace_period: 60s\n"


def files(image: str, more: dict[str, str]) -> dict[str, str]:
    return {"deploy/web.yaml": POD.replace("IMAGE", image), "Dockerfile": DOCKERFILE, "a.js": PATIENT, **more}


def told(root: Path, *select: str) -> set[str]:
    checked = Checked()
    check_path(root, Options(select), checked)
    return {finding.requirement for outcome in checked.outcomes for finding in outcome.findings}


@pytest.mark.parametrize(
    ("folder", "image", "more"),
    [
        ("shop", "ghcr.io/acme/shop:1.0.0", {}),
        ("Shop_Web", "ghcr.io/acme/shop-web:1.0.0", {}),
        ("shop", "shop:1.0.0", {"tools/Dockerfile": DOCKERFILE}),
        ("src", "ghcr.io/acme/shop:1", {"package.json": '{"name": "@acme/shop"}'}),
        ("src", "ghcr.io/acme/shop:1", {"pyproject.toml": '[project]\nname = "shop"\n'}),
        ("src", "web-server:1", {}),
        ("src", "1234.dkr.ecr.eu-west-1.amazonaws.com/team/web:1", {}),
        ("src", "web-server:1", {"deploy/db.yaml": POD.replace("web", "db").replace("IMAGE", "postgres:17.2")}),
    ],
)
def test_the_image_is_joined_with_the_dockerfile_at_the_root(
    folder: str, image: str, more: dict[str, str], tmp_path: Path
) -> None:
    root = write(tmp_path / folder, files(image, more))
    assert told(root, "grace-period-fits", "healthcheck-present") - ({"healthcheck-present"} if more else set()) == {
        "grace-period-fits"
    }


@pytest.mark.parametrize(
    ("folder", "image", "more"),
    [
        ("checkout-42", "ghcr.io/acme/shop:1", {}),
        ("src", "ghcr.io/acme/src:1", {}),
        ("redis", "bitnami/redis:7.2", {}),
        ("nginx", "nginx:1.29.0", {}),
        ("src", "IMAGE_NAME", {}),
        ("src", "web-server:1", {"tools/Dockerfile": DOCKERFILE}),
        ("src", "web-server:1", {"deploy/b.yaml": POD.replace("IMAGE", "web-worker:1")}),
        ("src", "web-server:1", {"compose.yaml": "services:\n  a:\n    build: .\n    image: acme/other\n" + PATIENTLY}),
        (
            "shop",
            "acme/shop:1",
            {"compose.yaml": "services:\n  a:\n    build: .\n    command: node b.js\n" + PATIENTLY},
        ),
        ("src", "bitnami/nginx:1.29", {"nginx/Dockerfile": DOCKERFILE, "nginx/a.js": PATIENT}),
        ("src", "quay.io/keycloak/keycloak:26.1", {"keycloak/Dockerfile": DOCKERFILE, "keycloak/a.js": PATIENT}),
        ("shop", "acme/shop:1", {"skaffold.yaml": SKAFFOLD, "b/Dockerfile": "FROM debian:12.11-slim\n"}),
    ],
)
def test_what_may_be_somebody_elses_is_joined_with_nothing(
    folder: str, image: str, more: dict[str, str], tmp_path: Path
) -> None:
    assert not told(write(tmp_path / folder, files(image, more)), "grace-period-fits")


@pytest.mark.parametrize("image", ["ghcr.io/acme/web:1", "1234.dkr.ecr.eu-west-1.amazonaws.com/nginx:1"])
def test_the_image_is_joined_with_the_directory_of_its_name(image: str, tmp_path: Path) -> None:
    below = {f"{name}/{file}": text for name in ("web", "nginx") for file, text in files(image, {}).items()}
    root = {"deploy/web.yaml": POD.replace("IMAGE", image)}
    only = {path: text for path, text in below.items() if not path.endswith(".yaml")}
    assert told(write(tmp_path / "src", {**root, **only}), "grace-period-fits")


def test_a_directory_of_the_images_name_is_surer_than_the_name_of_the_root(tmp_path: Path) -> None:
    quick = {"web/shop/Dockerfile": DOCKERFILE, "web/shop/a.js": PATIENT.replace("45000", "1000")}
    assert not told(write(tmp_path / "shop", files("acme/shop:1", quick)), "grace-period-fits")


def test_a_dockerfile_for_something_else_is_not_the_images(tmp_path: Path) -> None:
    found = files("acme/shop:1", {"Dockerfile.dev": DOCKERFILE, "tools.Dockerfile": DOCKERFILE})
    del found["Dockerfile"]
    assert not told(write(tmp_path / "shop", found), "grace-period-fits")
