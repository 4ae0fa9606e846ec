"""Kustomizations: what belongs together, and what patches touch."""

from __future__ import annotations

from pathlib import Path

from .conftest import DEPLOYMENT, SERVICE, read

PATCH = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {hostPID: true}}}\n"


def test_a_service_of_another_directory_is_joined_by_a_kustomization(tmp_path: Path) -> None:
    files = {"a/web.yaml": DEPLOYMENT, "b/service.yaml": SERVICE}
    apart = read(tmp_path / "1", files).cluster
    assert apart.services_of(apart.workloads[0]) == ()
    joined = read(tmp_path / "2", {**files, "kustomization.yaml": "resources: [a/web.yaml, b/service.yaml]"}).cluster
    assert joined.services_of(joined.workloads[0]) == joined.services


def test_bases_are_followed_through_others(tmp_path: Path) -> None:
    files = {
        "base/web.yaml": DEPLOYMENT,
        "base/kustomization.yaml": "resources: [web.yaml]",
        "more/kustomization.yaml": "resources: [../base]",
        "over/kustomization.yaml": "resources: [../more, service.yaml]",
        "over/service.yaml": SERVICE,
    }
    found = read(tmp_path, files).cluster
    assert found.services_of(found.workloads[0]) == found.services


def test_kustomizations_that_name_each_other_end(tmp_path: Path) -> None:
    files = {"a/kustomization.yaml": "resources: [../b, .]", "b/kustomization.yaml": "resources: [../a, ../../..]"}
    assert read(tmp_path, {**files, "a/web.yaml": DEPLOYMENT}).cluster.workloads[0].name == "web"


def test_a_patch_is_named_and_what_it_touches_known(tmp_path: Path) -> None:
    files = {
        "base/web.yaml": DEPLOYMENT,
        "base/kustomization.yaml": "resources: [web.yaml]",
        "o/kustomization.yaml": "resources: [../base]\npatches: [{path: p.yaml}]",
        "o/p.yaml": PATCH,
    }
    found = read(tmp_path, files).cluster
    assert [each.patched for each in found.workloads] == [
        frozenset({"apiVersion", "kind", "metadata", "name", "spec", "template", "hostPID"})
    ]
    assert [each.place.file for each in found.not_read if each.place] == ["o/p.yaml"]


def test_inline_and_json_patches_are_looked_into(tmp_path: Path) -> None:
    patch = (
        "resources: [web.yaml]\npatches:\n- target: {kind: Deployment, name: web}\n  patch: |\n"
        "    - {op: replace, path: /spec/replicas, value: 2}\n"
    )
    found = read(tmp_path, {"web.yaml": DEPLOYMENT, "kustomization.yaml": patch}).cluster
    assert "replicas" in found.workloads[0].patched
    other = read(tmp_path, {"kustomization.yaml": patch.replace("name: web", "name: other")}).cluster
    assert other.workloads[0].patched == frozenset()


def test_images_of_kustomize_and_skaffold_are_known(tmp_path: Path) -> None:
    files = {
        "web.yaml": DEPLOYMENT,
        "kustomization.yaml": "images: [{name: a.org/web, newTag: '2'}]",
        "skaffold.yaml": "apiVersion: skaffold/v4beta1\nkind: Config\n"
        "build: {artifacts: [{image: b, context: src/b}]}\n",
    }
    found = read(tmp_path, files).cluster
    assert found.overridden_images == {"a.org/web", "b"} and found.built_images == {"b": "src/b"}
