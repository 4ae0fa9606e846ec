"""A repository of many services, as one finds them: each planted fault is told at its place, once, and no secret is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seatrial.cli.arguments import dispatch
from seatrial.report.findings_values import FORMATS

from .conftest import write

FILES = {
    "compose.yaml": """\
services:
  api:
    build: ./services/api
    ports: ["3000:3000"]
    stop_grace_period: 5s
    environment:
      DATABASE_URL: postgres://shop:planted-1@db:5432/shop
    depends_on:
      - db
    restart: always
    mem_limit: 512m
    logging: {driver: local}
    healthcheck:
      test: ["CMD", "wget", "-qO-", "http://localhost:8080/healthz"]
  db:
    image: postgres:17.2
    environment:
      POSTGRES_PASSWORD: planted-2
    stop_signal: SIGTERM
    restart: unless-stopped
    mem_limit: 512m
    logging: {driver: local}
""",
    "services/api/Dockerfile": """\
FROM node:24.1.0-alpine
WORKDIR /app
ENV NODE_ENV=production JWT_SECRET=planted-3
COPY package.json package-lock.json ./
RUN npm ci --omit=dev && npm cache clean --force
COPY src ./src
USER node
EXPOSE 3000
CMD ["npm", "start"]
""",
    "services/api/package.json": '{\n  "name": "api",\n  "scripts": {\n    "start": "node src/index.js"\n  }\n}\n',
    "services/api/package-lock.json": '{"name": "api", "lockfileVersion": 3, "packages": {"": {"name": "api"}}}\n',
    "services/api/src/index.js": """\
const http = require("http");
const { Pool } = require("pg");
const pool = new Pool({ connectionString: "postgres://u:planted-4@db/shop" });
const server = http.createServer(async (request, response) => {
  await pool.query("select 1");
  response.end("ok");
});
server.listen(process.env.PORT || 3000);
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  setTimeout(() => process.exit(1), 30000).unref();
});
process.on("SIGINT", () => server.close(() => process.exit(0)));
""",
    "services/worker/Dockerfile": """\
FROM python:3.13.1-slim
WORKDIR /app
ENV PYTHONUNBUFFERED=1
COPY pyproject.toml worker.py entrypoint.sh ./
RUN pip install --no-cache-dir .
USER 10001
ENTRYPOINT ["./entrypoint.sh"]
CMD ["python", "worker.py"]
""",
    "services/worker/entrypoint.sh": '#!/bin/sh\nset -e\nexport SECRET_KEY=planted-5\n"$@"\n',
    "services/worker/pyproject.toml": '[project]\nname = "worker"\nversion = "1"\n',
    "services/worker/worker.py": "import time\nwhile True:\n    time.sleep(1)\n",
    "deploy/k8s/api.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  template:
    metadata: {labels: {app: api}}
    spec:
      terminationGracePeriodSeconds: 20
      containers:
        - name: api
          image: ghcr.io/acme/api:1.4.2
          env:
            - name: DB_PASSWORD
              value: planted-6
            - {name: API_TOKEN, value: planted-7}
          resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}
          securityContext:
            runAsNonRoot: true
            runAsUser: 1000
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          lifecycle: {preStop: {sleep: {seconds: 5}}}
          readinessProbe:
            httpGet: {path: /healthz, port: 8080}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec:
  selector: {app: api}
  ports: [{port: 80, targetPort: 3000}]
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {password: planted-8}
""",
    ".github/workflows/ci.yml": "on: push\njobs: {a: {steps: [{run: docker build services/api}]}}\n",
    "pyproject.toml": '[tool.seatrial]\nignore = ["cpu-limit", "pids-limit", "read-only-root"]\n',
}
EXPECTED = {
    ("dependencies-audited", ".github/workflows/ci.yml:1:1"),
    ("grace-period-fits", "compose.yaml:5:24"),
    ("no-secrets-in-image", "compose.yaml:7:21"),
    ("waits-for-dependencies", "compose.yaml:9:9"),
    ("healthcheck-port", "compose.yaml:14:13"),
    ("stop-signal-handled", "compose.yaml:19:18"),
    ("grace-period-fits", "deploy/k8s/api.yaml:8:38"),
    ("no-secrets-in-image", "deploy/k8s/api.yaml:14:22"),
    ("healthcheck-port", "deploy/k8s/api.yaml:25:45"),
    ("no-secrets-in-image", "services/api/Dockerfile:3:25"),
    ("package-manager-as-pid1", "services/api/Dockerfile:9:5"),
    ("entrypoint-hands-over", "services/worker/entrypoint.sh:4:1"),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = write(tmp_path / "shop", FILES)
    (directory / ".git").mkdir()
    monkeypatch.chdir(directory)
    return directory


def findings(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, str], dict[str, object]]:
    dispatch(["check", "--no-cache", "--format", "json"])
    told = json.loads(capsys.readouterr().out)["findings"]
    found = {(each["requirement"], "{file}:{line}:{column}".format(**each["place"])): each for each in told}
    assert len(found) == len(told), "something is told twice"
    return found


def test_each_planted_fault_is_told_at_its_place_and_nothing_else(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = findings(capsys)
    assert found.keys() == EXPECTED
    for place in ("compose.yaml:5:24", "deploy/k8s/api.yaml:8:38"):
        grace = json.dumps(found["grace-period-fits", place])
        assert "30 s" in grace and '"services/api/src/index.js", "line": 11' in grace
    for place in ("compose.yaml:14:13", "deploy/k8s/api.yaml:25:45"):
        port = json.dumps(found["healthcheck-port", place])
        assert "listens on 3000" in port and '"services/api/src/index.js", "line": 8' in port


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_tells_a_planted_secret(form: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dispatch(["check", "--cache-dir", "kept", "--format", form])
    shown = capsys.readouterr()
    assert "planted" not in shown.out + shown.err
    assert not any(b"planted" in each.read_bytes() for each in (here / "kept").rglob("*") if each.is_file())


def test_a_baseline_of_it_tells_no_secret_and_hides_it_all(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["check", "--write-baseline", "b.json"]) == 0
    assert "planted" not in (here / "b.json").read_text()
    assert dispatch(["check", "--no-cache", "--baseline", "b.json"]) == 0


def test_all_of_it_that_can_be_is_mended_in_one_go(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["fix", "--write", "--unsafe"]) == 0
    assert "planted" not in capsys.readouterr().err
    assert dispatch(["fix", "--unsafe"]) == 0
    left = {name for name, _ in findings(capsys)}
    assert left == {"dependencies-audited", "no-secrets-in-image", "healthcheck-port"}
