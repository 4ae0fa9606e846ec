"""Several files, `!reset`, `!override`."""

from __future__ import annotations

import pytest

from seatrial.files.compose import ComposeService
from seatrial.files.compose.fields import plain, unique_names
from seatrial.files.compose.merging import merge
from seatrial.files.compose.problems import Problems
from seatrial.files.compose.yaml_tree import read_documents
from seatrial.model.finding import Severity
from seatrial.model.place import Sourced

from .conftest import Read

HEAD = "services:\n  a:\n    image: i\n"


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.split("\n"))


def merged(read: Read, first: str, second: str) -> ComposeService:
    files = {"a.yaml": HEAD + indented(first), "b.yaml": "services:\n  a:\n" + indented(second)}
    project = read(files, use=["a.yaml", "b.yaml"])
    assert [str(finding) for finding in project.findings] == []
    return project.services["a"]


@pytest.mark.parametrize(
    ("first", "second", "attribute", "expected"),
    [
        ("command: one", "command: [two, three]", "command", ("two", "three")),
        ("command: one", "command: []", "command", ()),
        ("command: one", "command: ''", "command", ()),
        ("command: one", "command:", "command", None),
        ("entrypoint: [a, b]", "entrypoint: c d", "entrypoint", ("c", "d")),
        ("hostname: a", "hostname: b", "hostname", "b"),
        ("hostname: a", "hostname:", "hostname", "a"),
        ("init: true", "init: false", "init", False),
        ("stop_grace_period: 5s", "stop_grace_period: !reset", "stop_grace_period", None),
        ("mem_limit: 1g", "mem_limit: 536870912", "mem_limit", None),
    ],
)
def test_single_values_replace(read: Read, first: str, second: str, attribute: str, expected: object) -> None:
    service = merged(read, first, second)
    if attribute == "mem_limit":
        assert service.limits.memory is not None
        assert service.limits.memory.value == 512 * 1024 * 1024
        return
    said = getattr(service, attribute)
    assert (said.value if said else None) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("environment: [A=1, B=1]", "environment: {B: 2, C: 3}", {"A": "1", "B": "2", "C": "3"}),
        ("environment: {A: 1, B: true}", "environment: [B=2]", {"A": "1", "B": "2"}),
        ("environment: {A: 1}", "environment: !override {B: 2}", {"B": "2"}),
        ("environment: [A=1, B=1]", "environment:\n  A: !reset", {"B": "1"}),
        ("environment: {A: 1}", "environment: !reset", {}),
        ("environment: {A: 1}", "environment: [A]", {"A": None}),
        ("environment: {A: 1}", "environment:", {"A": "1"}),
        ("environment: [A=1, A=2]", "environment: {}", {"A": "2"}),
    ],
)
def test_environments_merge_by_name_in_either_form(
    read: Read, first: str, second: str, expected: dict[str, str | None]
) -> None:
    found = merged(read, first, second).environment
    assert {name: said.value for name, said in found.items()} == expected


def test_lists_append_and_keep_each_item_once(read: Read) -> None:
    service = merged(
        read,
        'cap_add: [A, B]\ntmpfs: /one\nports: ["80:8080", "81:8081"]\nexpose: [1]\nprofiles: []',
        'cap_add: [B, C]\ntmpfs: [/two]\nports: ["80:8080", 9000]\nexpose: ["1", 2]',
    )
    assert [said.value for said in service.cap_add] == ["A", "B", "C"]
    assert [mount.value.target for mount in service.volumes] == ["/one", "/two"]
    assert [(port.value.published, port.value.number) for port in service.ports] == [
        (80, 8080),
        (81, 8081),
        (None, 9000),
    ]
    assert [port.value.number for port in service.expose] == [1, 2]


def test_a_list_is_emptied_by_reset_and_replaced_by_override(read: Read) -> None:
    service = merged(read, 'ports: ["80:80"]\ncap_add: [A]', "ports: !reset []\ncap_add: !override [B]")
    assert service.ports == ()
    assert [said.value for said in service.cap_add] == ["B"]


def test_volumes_of_the_same_target_are_replaced_in_place(read: Read) -> None:
    first = "volumes: [/a:/data, /b:/other]"
    second = "volumes:\n  - {type: bind, source: /c, target: /data, read_only: true}"
    service = merged(read, first, second)
    found = [(mount.value.source, mount.value.target, mount.value.read_only) for mount in service.volumes]
    assert found == [("/c", "/data", True), ("/b", "/other", False)]


def test_health_checks_merge_by_field_but_the_test_is_replaced(read: Read) -> None:
    service = merged(
        read,
        "healthcheck: {test: [CMD, a, b], interval: 5s, retries: 2}",
        "healthcheck: {test: c d, timeout: 1s, retries: 4}",
    )
    check = service.healthcheck
    assert check is not None
    assert check.test is not None
    assert check.interval is not None
    assert check.timeout is not None
    assert check.retries is not None
    assert check.test.value == ("CMD-SHELL", "c d")
    assert (check.interval.value, check.timeout.value, check.retries.value) == (5.0, 1.0, 4)


def test_builds_merge_from_either_form(read: Read) -> None:
    build = merged(read, "build: ./dir", "build: {target: prod, args: [A=1]}").build
    assert build is not None
    assert build.target is not None
    assert build.context.value.endswith("/dir")
    assert (build.target.value, build.args["A"].value) == ("prod", "1")


def test_the_short_form_of_depends_on_overrides_a_condition(read: Read) -> None:
    files = {
        "a.yaml": """\
            services:
              a: {image: i, depends_on: {b: {condition: service_healthy}}}
              b: {image: i}
              c: {image: i}
            """,
        "b.yaml": "services: {a: {depends_on: [b, c]}}",
    }
    project = read(files, use=["a.yaml", "b.yaml"])
    conditions = {said.value.service: said.value.condition for said in project.services["a"].depends_on}
    assert conditions == {"b": "service_started", "c": "service_started"}


@pytest.mark.parametrize(
    ("second", "driver", "options"),
    [
        ("logging: {options: {b: 2}}", "local", {"a": "1", "b": "2"}),
        ("logging: {driver: local, options: {a: 3}}", "local", {"a": "3"}),
        ("logging: {driver: json-file, options: {b: 2}}", "json-file", {"b": "2"}),
    ],
)
def test_logging_options_stay_only_with_their_driver(
    read: Read, second: str, driver: str, options: dict[str, str]
) -> None:
    logging = merged(read, "logging: {driver: local, options: {a: 1}}", second).logging
    assert logging is not None
    assert (logging.value.driver, dict(logging.value.options)) == (driver, options)


def test_a_ulimit_is_replaced_whole(read: Read) -> None:
    first = "ulimits: {nofile: {soft: 1, hard: 2}, nproc: 5}"
    service = merged(read, first, "ulimits: {nofile: 9, core: {soft: 0, hard: 0}}")
    found = {said.value.name: (said.value.soft, said.value.hard) for said in service.limits.ulimits}
    assert found == {"nofile": (9, 9), "nproc": (5, 5), "core": (0, 0)}


def test_values_know_the_file_that_said_them_last(read: Read) -> None:
    service = merged(read, "init: true\nhostname: a\nenvironment: [A=1, B=1]", "hostname: b\nenvironment: {B: 2}")
    assert service.init is not None
    assert service.hostname is not None
    assert str(service.init.place) == "a.yaml:4:11"
    assert str(service.hostname.place) == "b.yaml:3:15"
    assert str(service.environment["A"].place) == "a.yaml:6:21"
    assert str(service.environment["B"].place) == "b.yaml:4:22"


def test_what_can_not_be_merged_is_told_and_the_earlier_value_stays(read: Read) -> None:
    files = {
        "a.yaml": "services: {a: {image: i, ports: ['80:80']}}",
        "b.yaml": "services:\n  a:\n    ports: {a: 1}\n    hostname: h\n",
    }
    project = read(files, use=["a.yaml", "b.yaml"])
    (finding,) = project.findings
    assert finding.severity is Severity.ERROR
    assert str(finding.place) == "b.yaml:3:12"
    assert project.services["a"].ports[0].value.number == 80
    assert project.services["a"].hostname is not None


def test_a_second_document_overrides_the_first(read: Read) -> None:
    project = read("services: {a: {image: i, hostname: one}}\n---\nservices: {a: {hostname: two}, b: {image: j}}\n")
    assert list(project.services) == ["a", "b"]
    assert project.services["a"].hostname is not None
    assert project.services["a"].hostname.value == "two"


def test_a_shared_anchor_resets_wherever_it_is_used(read: Read) -> None:
    files = {
        "a.yaml": "services: {a: {image: i, ports: [1]}, b: {image: i, ports: [2]}}",
        "b.yaml": "x-r: &r {ports: !reset []}\nservices: {a: {<<: *r}, b: *r}",
    }
    project = read(files, use=["a.yaml", "b.yaml"])
    assert [service.ports for service in project.services.values()] == [(), ()]
    assert project.findings == ()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("/foo", "[/bar, /baz, /foo]", ["/foo", "/bar", "/baz"]),
        ("[/bar, /foo]", "/foo", ["/bar", "/foo"]),
        ("[/foo]", "/bar", ["/foo", "/bar"]),
        ('["/foo:size=1m", /bar]', '["/foo:size=2m"]', ["/foo size=2m", "/bar"]),
    ],
)
def test_a_tmpfs_that_is_said_again_is_one(read: Read, first: str, second: str, expected: list[str]) -> None:
    mounts = [said.value for said in merged(read, f"tmpfs: {first}", f"tmpfs: {second}").volumes]
    assert [f"{mount.target} {mount.options}".strip() for mount in mounts] == expected


def merged_value(first: str, second: str) -> object:
    """What two whole files become together, as plain values."""
    problems = Problems()
    (base,), (over,) = (read_documents(text.encode(), "compose.yaml", "/p") for text in (first, second))
    result = plain(merge(base, over, problems))
    assert [str(finding) for finding in problems.findings] == []
    return result


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("[a=1.2.3.4]", "[b=5.6.7.8, a=1.2.3.4, a=4.3.2.1]", ["a=1.2.3.4", "b=5.6.7.8", "a=4.3.2.1"]),
        ("{a: 1.2.3.4}", "[b=5.6.7.8, a=1.2.3.4, a=4.3.2.1]", ["a=1.2.3.4", "b=5.6.7.8", "a=4.3.2.1"]),
        ("[a=1.2.3.4]", "{b: 5.6.7.8, a: [1.2.3.4, 4.3.2.1]}", ["a=1.2.3.4", "b=5.6.7.8", "a=4.3.2.1"]),
        ("{a: 1.2.3.4}", "{a: [1.2.3.4, 4.3.2.1]}", ["a=1.2.3.4", "a=4.3.2.1"]),
        ("[a=1.2.3.4]", "!override {b: 5.6.7.8}", {"b": "5.6.7.8"}),
        ("{a: 1.2.3.4}", "", {"a": "1.2.3.4"}),
    ],
)
@pytest.mark.parametrize("shape", ["{{extra_hosts: {}}}", "{{build: {{extra_hosts: {}}}}}"])
def test_hosts_are_added_in_either_form(shape: str, first: str, second: str, expected: object) -> None:
    texts = [f"services: {{a: {shape.format(text)}}}" for text in (first, second)]
    found = merged_value(*texts)["services"]["a"]  # type: ignore[index]
    hosts = found["build"]["extra_hosts"] if "build" in found else found["extra_hosts"]
    assert hosts == expected


@pytest.mark.parametrize("section", ["networks", "volumes"])
@pytest.mark.parametrize("second", ["{b: two, c: ''}", "[b=two, c=]"])
@pytest.mark.parametrize("first", ["{a: one, b: one}", "[a=one, b=one]"])
def test_labels_of_networks_and_volumes_merge_by_name(section: str, first: str, second: str) -> None:
    texts = [f"{section}: {{n: {{labels: {text}}}}}" for text in (first, second)]
    found = merged_value(*texts)[section]["n"]["labels"]  # type: ignore[index]
    assert found == {"a": "one", "b": "two", "c": ""}


def test_several_files_in_different_forms_are_no_error(read: Read) -> None:
    files = {
        "a.yaml": HEAD + "    extra_hosts: [a=1.2.3.4]\nnetworks: {n: {labels: [a=b]}}\n",
        "b.yaml": "services: {a: {extra_hosts: {b: 5.6.7.8}}}\nnetworks: {n: {labels: {c: d}}}\n",
    }
    assert read(files, use=["a.yaml", "b.yaml"]).findings == ()
    assert read(files, use=["b.yaml", "a.yaml"]).findings == ()


def test_a_link_of_the_same_name_replaces_the_earlier_one(read: Read) -> None:
    files = {
        "a.yaml": "services: {a: {image: i, links: [b, 'c:old']}, b: {image: i}, c: {image: i}}",
        "b.yaml": "services: {a: {links: [b, 'c:old', 'c:new']}}",
    }
    project = read(files, use=["a.yaml", "b.yaml"])
    assert project.findings == ()
    assert [said.value.service for said in project.services["a"].depends_on] == ["b", "c"]
    assert [name.value for name in unique_names(Sourced(word) for word in ("b", "c", "b=x"))] == ["b=x", "c"]
