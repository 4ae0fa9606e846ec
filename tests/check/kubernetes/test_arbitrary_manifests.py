"""Whatever manifests hold: findings or none, never an exception, and the same findings every time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ..test_arbitrary_text import check_text

HEAD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n"
    "    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: node:22\n"
)
SERVICE = (
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"
)
PARTS = st.sampled_from(
    [
        "        command: [gunicorn, --graceful-timeout, '99']",
        "        args: [sh, -c, 'while true; do node a.js; done']",
        "        env: [{name: PASSWORD, value: hunter2}, {name: NODE_OPTIONS, value: --max-old-space-size=9999}]",
        "        ports: [{containerPort: 80}, {containerPort: x}]",
        "        livenessProbe: {httpGet: {path: /, port: http}, initialDelaySeconds: 99}",
        "        readinessProbe: {httpGet: {path: /, port: http}}",
        "        startupProbe: {exec: {command: []}}",
        "        lifecycle: {preStop: {exec: {command: [sleep 9]}}}",
        "        lifecycle: {preStop: {exec: {}}}",
        "        lifecycle: {preStop: {sleep: {seconds: 99}}}",
        "        resources: {limits: {memory: 1, cpu: x}, requests: {memory: 2}}",
        "        securityContext: {runAsNonRoot: true, runAsUser: 0, privileged: true, capabilities: {add: [ALL]}}",
        "      - {name: other, image: 'x:latest'}",
        "      - {}",
        "      - 9",
        "      terminationGracePeriodSeconds: 0",
        "      restartPolicy: Never",
        "      securityContext: {runAsUser: -1}",
        "  replicas: 2",
        "  strategy: {type: Recreate, rollingUpdate: {maxUnavailable: 100%, maxSurge: 0}}",
        "  selector: null",
    ]
)


@given(st.lists(PARTS, max_size=10, unique=True).map("\n".join), st.sampled_from(["Deployment", "Job", "StatefulSet"]))
def test_any_workload(text: str, kind: str) -> None:
    check_text({"web.yaml": HEAD.replace("Deployment", kind) + text + "\n" + SERVICE})
