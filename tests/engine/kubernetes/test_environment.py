"""What is secret of a pod, by its template and by the Secrets that it names."""

from __future__ import annotations

import base64

from seatrial.engine.kubernetes.environment import kept_secrets, literal_secrets, named_secrets

POD = {
    "initContainers": [{"name": "migrate", "env": [{"name": "DB_PASSWORD", "value": "of-the-first"}]}],
    "containers": [
        {
            "name": "api",
            "env": [
                {"name": "DB_PASSWORD", "value": "of-the-second"},
                {"name": "CACHE", "value": "redis://me:of-a-url@cache"},
                {"name": "PORT", "value": "8080"},
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "one", "key": "token"}}},
                {"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            ],
            "envFrom": [{"configMapRef": {"name": "open"}}, {"secretRef": {"name": "two"}}],
        },
        {"name": "proxy"},
    ],
    "volumes": [
        {"name": "tls", "secret": {"secretName": "three"}},
        {"name": "all", "projected": {"sources": [{"secret": {"name": "one"}}, {"configMap": {"name": "open"}}]}},
        {"name": "scratch", "emptyDir": {}},
    ],
}


def test_values_of_the_template_are_known_for_each_container() -> None:
    assert list(literal_secrets(POD)) == ["of-the-first", "of-the-second", "of-a-url"]


def test_secrets_are_named_by_variables_and_volumes_each_once() -> None:
    assert named_secrets(POD) == ("one", "two", "three")
    assert named_secrets({}) == ()


def test_all_that_a_secret_holds_is_known() -> None:
    data = {"token": base64.b64encode(b"of-a-secret\n").decode(), "broken": "%", "nothing": None}
    assert list(kept_secrets({"data": data})) == ["of-a-secret"]
    assert list(kept_secrets({})) == []
