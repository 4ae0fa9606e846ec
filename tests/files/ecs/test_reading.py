"""Task definitions of ECS: what is read of them, where it stands, and what is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.check.run import run
from seatrial.files.documents import read_documents
from seatrial.files.ecs import read_task
from seatrial.model.documents import Documents
from seatrial.model.ecs import Task
from seatrial.model.finding import Finding
from seatrial.model.kubernetes import Cluster
from seatrial.model.place import Place, Sourced

TASK = """\
{
  "family": "shop",
  "requiresCompatibilities": ["FARGATE"],
  "memory": "1 GB",
  "containerDefinitions": [
    {
      "name": "web",
      "image": "a.org/web:1",
      "memory": 256,
      "stopTimeout": 45,
      "user": "10001",
      "readonlyRootFilesystem": true,
      "command": ["node", "a.js"],
      "environment": [{"name": "PORT", "value": "3000"}, {"name": "KEY", "value": "${KEY}"}],
      "linuxParameters": {"initProcessEnabled": true},
      "dependsOn": [{"containerName": "db", "condition": "HEALTHY"}],
      "healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost:3000/ || exit 1"], "interval": 20}
    },
    {"name": "db", "image": "postgres:17", "essential": false}
  ]
}
"""


def read(text: str) -> Task:
    found = read_task(text.encode(), "task.json", [])
    assert isinstance(found, Task)
    return found


def test_a_container_is_a_service_with_places() -> None:
    task = read(TASK)
    web, db = task.containers
    service = web.unit.service
    assert (task.family, task.is_fargate, task.memory) == (
        "shop",
        True,
        Sourced(1 << 30, Place("task.json", 4, 13, 4, 19)),
    )
    assert service.stop_grace == Sourced(45.0, Place("task.json", 10, 22, 10, 24))
    assert service.limits.memory == Sourced(256 << 20, Place("task.json", 9, 17, 9, 20))
    assert service.argv is not None and service.argv.value == ("node", "a.js")
    assert service.healthcheck is not None and service.healthcheck.interval.value == 20
    assert [command.words[0] for command in web.unit.health] == ["curl", "exit"]
    assert service.init is not None and service.init.value and service.read_only is not None
    assert [wait.value.service for wait in service.depends_on] == ["db"]
    assert (web.is_essential, db.is_essential, web.effective_stop, db.effective_stop) == (True, False, 45, 30)


def test_what_somebody_fills_in_is_not_said() -> None:
    assert list(read(TASK).containers[0].unit.service.environment) == ["PORT"]
    assert read(TASK.replace("256", '"${MEMORY}"')).containers[0].unit.service.limits.memory == Sourced(
        0, Place("task.json", 9, 17, 9, 28)
    )


def test_the_answer_of_the_api_is_read_too() -> None:
    assert read(f'{{"taskDefinition": {TASK}}}').family == "shop"


def test_a_template_is_named_and_broken_json_is_a_finding() -> None:
    findings: list[Finding] = []
    template = read_task(TASK.replace("256", "${MEMORY}").encode(), "task.json", findings)
    assert template == Sourced("is a template, and not read", Place("task.json", 1)) and not findings
    broken = TASK.replace("256,", "256").replace("${KEY}", "a")
    assert read_task(broken.encode(), "task.json", findings) is None
    assert [str(each.place) for each in findings] == ["task.json:10:7"]


@pytest.mark.parametrize(
    "text", ['{"family": "a"}', '{"containerDefinitions": []}', "[]", '{"family": 1, "containerDefinitions": 2}']
)
def test_other_json_is_none_of_ours(text: str) -> None:
    assert read_task(text.encode(), "task.json", []) is None


def test_a_task_is_joined_with_the_image_that_is_built_beside_it(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "compose.yaml").write_text("services:\n  web:\n    build: web\n")
    command = '["gunicorn", "--graceful-timeout", "90", "a:b"]'
    (tmp_path / "web/Dockerfile").write_text(f"FROM python:3.13-slim\nCMD {command}\n")
    (tmp_path / "task.json").write_text(TASK.replace('"command": ["node", "a.js"],', ""))
    found = [each for each in run(read_documents(tmp_path, environment={})).findings if each.place.file == "task.json"]
    told = {each.requirement: each for each in found}
    assert "gives requests 90 s to end, and stopTimeout is 45 s" in told["grace-period-fits"].message
    assert [str(each.place) for each in told["grace-period-fits"].related] == ["web/Dockerfile:2:5"]
    assert "waits-for-dependencies" in told


def test_a_task_alone_is_a_project(tmp_path: Path) -> None:
    (tmp_path / "task.json").write_text(TASK)
    for path in (tmp_path, tmp_path / "task.json"):
        documents = read_documents(path, environment={})
        assert documents.cluster is not None and [task.family for task in documents.cluster.tasks] == ["shop"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "image",
                    "memory",
                    "command",
                    "healthCheck",
                    "environment",
                    "ulimits",
                    "user",
                    "logConfiguration",
                    "options",
                    "value",
                    "interval",
                    "stopTimeout",
                    "dependsOn",
                    "portMappings",
                    "containerPort",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES, VALUES)
def test_neither_the_reader_nor_a_rule_raises(container: object, memory: object, family: object) -> None:
    text = json.dumps({"family": family, "memory": memory, "containerDefinitions": [container]})
    found = read_task(text.encode(), "task.json", [])
    if isinstance(found, Task):
        run(Documents("/", cluster=Cluster(tasks=(found,))))
    else:
        assert found is None
