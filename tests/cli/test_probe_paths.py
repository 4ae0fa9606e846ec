"""The paths that Kubernetes manifests ask for a service."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.cli.probe_paths import probe_paths
from seatrial.cli.workloads import manifests_of
from seatrial.model.service import Service

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: api
          image: api:1
          livenessProbe: {httpGet: {path: /alive, port: 3000}}
          readinessProbe: {httpGet: {path: /wants-requests, port: 3000}}
"""
OTHER = "        - {name: other, image: x, livenessProbe: {exec: {command: [x]}}}\n"


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        (MANIFEST, "api", (["/alive"], ["/wants-requests"])),
        (MANIFEST, "anything", (["/alive"], ["/wants-requests"])),
        (MANIFEST + OTHER, "api", (["/alive"], ["/wants-requests"])),
        (MANIFEST + OTHER, "other", ([], [])),
        (MANIFEST + OTHER, "anything", ([], [])),
        ("", "api", ([], [])),
    ],
)
def test_what_the_probes_of_the_container_ask(
    text: str, name: str, expected: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    if text:
        (tmp_path / "deployment.yaml").write_text(text, encoding="utf-8")
    found = probe_paths(Service(name, str(tmp_path), None), manifests_of(str(tmp_path)))
    assert tuple([each.path for each in paths] for paths in found) == expected


def test_a_path_says_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "deployment.yaml").write_text(MANIFEST, encoding="utf-8")
    alive, _ = probe_paths(Service("api", str(tmp_path), None), manifests_of(str(tmp_path)))
    assert alive[0].by == "livenessProbe in deployment.yaml:13"
    assert alive[0].health
