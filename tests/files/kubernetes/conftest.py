"""Manifests written to disk and read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from seatrial.files.kubernetes import Manifests, manifest_files, read_manifests

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 3
  strategy:
    rollingUpdate: {maxUnavailable: 25%, maxSurge: 1}
  template:
    metadata:
      labels: {app: web}
    spec:
      terminationGracePeriodSeconds: 45
      securityContext: {runAsUser: 1000}
      containers:
      - name: web
        image: a.org/web:1
        command: [node]
        args: ["a.js"]
        env:
        - {name: MODE, value: fast}
        - name: TOKEN
          valueFrom: {secretKeyRef: {name: web, key: token}}
        ports: [{name: http, containerPort: 3000}]
        livenessProbe:
          httpGet: {path: /alive, port: http}
          periodSeconds: 5
        readinessProbe:
          exec: {command: [cat, /ready]}
        lifecycle:
          preStop: {sleep: {seconds: 5}}
        resources:
          requests: {cpu: 250m}
          limits: {memory: 1.5Gi}
        securityContext: {capabilities: {drop: [ALL]}}
      volumes: [{name: data, emptyDir: {}}]
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
"""


def read(directory: Path, files: Mapping[str, str | bytes]) -> Manifests:
    """What the manifests with these names and texts say."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_manifests(directory, manifest_files(directory))
