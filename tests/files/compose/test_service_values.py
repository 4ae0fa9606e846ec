"""What each key of a service means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.files.compose import ComposeProject, ComposeService
from seatrial.files.compose.mounts import parse_mount
from seatrial.files.compose.ports import parse_port
from seatrial.files.compose.shellwords import split
from seatrial.model.finding import Finding, Severity
from seatrial.model.service import Mount, Port

Read = Callable[..., ComposeProject]


def service(read: Read, text: str) -> tuple[ComposeService, tuple[Finding, ...]]:
    body = "".join(f"    {line}\n" for line in text.split("\n"))
    project = read(f"volumes: {{vol: {{}}}}\nservices:\n  a:\n    image: i\n{body}")
    return project.services["a"], project.findings


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("node server.js", ("node", "server.js")),
        ("  a\t b\n c ", ("a", "b", "c")),
        ("""a "b c" 'd e'f g\\ h""", ("a", "b c", "d ef", "g h")),
        ("""a "" ''""", ("a", "", "")),
        ("""a "it's" '"x"' "q\\"q" 'b\\s'""", ("a", "it's", '"x"', 'q"q', "b\\s")),
        ("", ()),
        ("sh -c 'a && b'", ("sh", "-c", "a && b")),
        ("echo `date +x` $(date -u)", ("echo", "`date +x`", "$(date -u)")),
        ("a\\tb c\\nd\\r 'e\\n'", ("atb", "cndr", "e\\n")),
        ("`a 'b c'`", ("`a b c`",)),
        ("a \\; b", ("a", ";", "b")),
    ],
)
def test_a_command_line_is_split_without_a_shell(text: str, argv: tuple[str, ...]) -> None:
    assert (split(text).argv, split(text).dropped) == (argv, "")


@pytest.mark.parametrize(
    ("text", "argv", "dropped"),
    [
        ("a b && c", ("a", "b"), "&& c"),
        ("a;b", ("a",), ";b"),
        ("a | b", ("a",), "| b"),
        ("a > f", ("a",), "> f"),
        ("a 2> f", ("a",), "> f"),
        ("a2> f", ("a2",), "> f"),
    ],
)
def test_a_shell_operator_ends_the_command(text: str, argv: tuple[str, ...], dropped: str) -> None:
    assert (split(text).argv, split(text).dropped) == (argv, dropped)


@pytest.mark.parametrize("text", ["a 'b", 'a "b', "a \\", "a `b", "a (b)", "a b)", "a $(b", "a)b)"])
def test_an_unfinished_command_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"closed|parenthesis"):
        split(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("command: node 'a b'", ("node", "a b")),
        ("command: [node, a b]", ("node", "a b")),
        ("command: []", ()),
        ("command: ''", ()),
        ("command:", None),
        ("command: null", None),
        ("hostname: h", None),
    ],
)
def test_an_empty_command_resets_and_none_says_nothing(read: Read, text: str, expected: tuple[str, ...] | None) -> None:
    said, findings = service(read, text)
    assert (said.command.value if said.command else None) == expected
    assert findings == ()


def test_what_compose_drops_from_a_command_is_told(read: Read) -> None:
    said, (finding,) = service(read, "command: npm run build && npm start")
    assert said.command is not None
    assert said.command.value == ("npm", "run", "build")
    assert (finding.severity, str(finding.place)) == (Severity.WARNING, "compose.yaml:5:14")
    assert "&& npm start" in finding.message


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("3000", [("", Port(3000))]),
        ("80:8080", [("", Port(8080, "tcp", 80))]),
        ("53:53/UDP", [("", Port(53, "udp", 53))]),
        ("127.0.0.1:80:8080", [("127.0.0.1", Port(8080, "tcp", 80))]),
        ("127.0.0.1::8080", [("127.0.0.1", Port(8080))]),
        ("[::1]:80:8080", [("[::1]", Port(8080, "tcp", 80))]),
        ("3000-3001", [("", Port(3000)), ("", Port(3001))]),
        ("90-91:80-81", [("", Port(80, "tcp", 90)), ("", Port(81, "tcp", 91))]),
        ("90-99:80", [("", Port(80))]),
    ],
)
def test_ports_in_the_short_form(text: str, ports: list[tuple[str, Port]]) -> None:
    assert parse_port(text) == ports


@pytest.mark.parametrize(
    "text", ["", "a", "80:", "70000", "0", "5-1", "1-2:1-3", "80/xyz", "host:80:80", "1:2:3:4:5", "-1", "٣"]
)
def test_other_texts_are_no_ports(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_port(text)


def test_ports_in_the_long_form(read: Read) -> None:
    said, findings = service(
        read,
        'ports:\n  - {target: 80, published: "8080", protocol: udp, host_ip: 127.0.0.1, mode: host}\n  - target: "81"\n'
        "expose: [9000, '9001-9002/udp', '9000']",
    )
    assert findings == ()
    assert [port.value for port in said.ports] == [Port(80, "udp", 8080, "127.0.0.1"), Port(81)]
    assert [port.value for port in said.expose] == [Port(9000), Port(9001, "udp"), Port(9002, "udp")]
    assert str(said.ports[1].place) == "compose.yaml:7:9"


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("/data", Mount("volume", "", "/data")),
        ("vol:/data", Mount("volume", "vol", "/data")),
        ("vol:/data:ro,nocopy", Mount("volume", "vol", "/data", True, "nocopy")),
        ("./x:/data/../d/", Mount("bind", "/p/x", "/d")),
        ("../x:/d:rw", Mount("bind", "/x", "/d")),
        (".:/d:ro,rw", Mount("bind", "/p", "/d")),
        ("/abs//x:/d:z,ro", Mount("bind", "/abs/x", "/d", True, "z")),
        ("/d", Mount("volume", "", "/d")),
        ("a", Mount("volume", "", "a")),
        ("v:/d", Mount("volume", "", "v:/d")),  # compose takes any single letter for a Windows drive
        ("C:\\data:/d", Mount("bind", "C:\\data", "/d")),
    ],
)
def test_volumes_in_the_short_form(text: str, mount: Mount) -> None:
    assert parse_mount(text, "/p") == mount


@pytest.mark.parametrize("text", ["", "aa::b", ":/d", "vol:/d:", "aa:bb:cc:dd"])
def test_other_texts_are_no_volumes(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_mount(text, "/p")


def test_volumes_in_the_long_form_and_tmpfs(read: Read, tmp_path: Path) -> None:
    said, findings = service(
        read,
        """\
volumes:
  - {type: bind, source: ./x, target: /x, read_only: true, bind: {propagation: rslave}}
  - {type: volume, source: vol, target: /v/, volume: {nocopy: true, subpath: s}}
  - {type: tmpfs, target: /t, tmpfs: {size: 64m, mode: 0o1777}}
tmpfs: [/run, "/tmp:size=1m,ro"]
""",
    )
    assert findings == ()
    assert [mount.value for mount in said.volumes] == [
        Mount("bind", str(tmp_path / "x"), "/x", True, "rslave"),
        Mount("volume", "vol", "/v", False, "nocopy,volume-subpath=s"),
        Mount("tmpfs", "", "/t", False, "size=67108864,mode=1777"),
        Mount("tmpfs", "", "/run"),
        Mount("tmpfs", "", "/tmp", True, "size=1m,ro"),
    ]


def test_a_grace_period_is_kept_and_cut_to_whole_seconds_as_docker_does(read: Read) -> None:
    said, _ = service(read, "stop_grace_period: 1m1.9s\nstop_signal: SIGUSR1")
    assert said.stop_grace_period is not None
    assert said.stop_grace is not None
    assert said.stop_signal is not None
    assert (said.stop_grace_period.value, said.stop_grace.value) == (61.9, 61.0)
    assert said.stop_grace.place == said.stop_grace_period.place
    assert said.stop_signal.value == "SIGUSR1"


def test_limits_come_from_deploy_and_from_the_older_keys(read: Read) -> None:
    said, findings = service(
        read,
        """\
mem_reservation: 64m
memswap_limit: -1
cpu_shares: 512
cpuset: 0-1
pids_limit: "100"
shm_size: 1g
oom_score_adj: -500
deploy:
  replicas: 2
  resources:
    limits: {cpus: "0.5", memory: 256M}
    reservations: {cpus: 0.25, memory: 64M}
  restart_policy: {condition: on-failure, max_attempts: 3, delay: 5s}
""",
    )
    limits = said.limits
    assert findings == ()
    values = {name: getattr(limits, name).value for name in ("memory", "memory_swap", "memory_reservation", "cpus")}
    assert values == {"memory": 256 << 20, "memory_swap": -1, "memory_reservation": 64 << 20, "cpus": 0.5}
    values = {
        name: getattr(limits, name).value for name in ("cpu_shares", "cpuset", "pids", "shm_size", "oom_score_adj")
    }
    assert values == {"cpu_shares": 512, "cpuset": "0-1", "pids": 100, "shm_size": 1 << 30, "oom_score_adj": -500}
    assert said.reserved_cpus is not None
    assert said.replicas is not None
    assert said.restart is not None
    assert said.restart_policy is not None
    assert (said.reserved_cpus.value, said.replicas.value, said.restart.value) == (0.25, 2, "on-failure:3")
    assert said.restart_policy.value.delay == 5.0


def test_the_older_restart_wins_over_the_policy_of_deploy(read: Read) -> None:
    said, _ = service(read, "restart: no\ndeploy: {restart_policy: {condition: any}}")
    assert said.restart is not None
    assert said.restart.value == "no"


def test_a_health_check_is_read_by_field(read: Read) -> None:
    said, findings = service(
        read,
        "healthcheck: {test: curl -f http://x, interval: 1m30s, start_period: 5s, start_interval: 500ms, retries: '3'}",
    )
    check = said.healthcheck
    assert check is not None
    assert check.test is not None
    assert check.interval is not None
    assert check.start_interval is not None
    assert check.retries is not None
    assert findings == ()
    assert check.test.value == ("CMD-SHELL", "curl -f http://x")
    assert (check.interval.value, check.start_interval.value, check.retries.value) == (90.0, 0.5, 3)
    assert check.timeout is None
    assert not check.is_disabled


@pytest.mark.parametrize("text", ["{disable: true}", "{test: [NONE]}", "{disable: 'yes'}"])
def test_a_health_check_is_switched_off(read: Read, text: str) -> None:
    said, _ = service(read, f"healthcheck: {text}")
    assert said.healthcheck is not None
    assert said.healthcheck.is_disabled


def test_lists_and_flags(read: Read) -> None:
    said, findings = service(
        read,
        """\
init: "true"
tty: on
read_only: true
user: "1000:1000"
group_add: [audio, 1001]
security_opt: ["no-new-privileges:true"]
sysctls: ["net.core.somaxconn=1024"]
logging: {driver: json-file, options: {max-size: 10m, max-file: 3}}
""",
    )
    assert said.init is not None
    assert said.tty is not None
    assert said.logging is not None
    assert (said.init.value, said.tty.value, said.no_new_privileges) == (True, True, True)
    assert [group.value for group in said.group_add] == ["audio", "1001"]
    assert said.sysctls["net.core.somaxconn"].value == "1024"
    assert dict(said.logging.value.options) == {"max-size": "10m", "max-file": "3"}
    assert [finding.severity for finding in findings] == [Severity.INFO]


@pytest.mark.parametrize(
    ("text", "place", "message", "remedy"),
    [
        ("stop_grace_perod: 5s", "5:5", "has no key 'stop_grace_perod'", "did you mean stop_grace_period?"),
        ("helthcheck: {}", "5:5", "has no key 'helthcheck'", "did you mean healthcheck?"),
        ("Restart: always", "5:5", "has no key 'Restart'", "did you mean restart?"),
        ("nonsense_altogether: 1", "5:5", "has no key", "remove it"),
        ("healthcheck: {intervall: 5s}", "5:19", "healthcheck has no key 'intervall'", "did you mean interval?"),
        ("deploy: {resources: {limit: {}}}", "5:26", "resources has no key 'limit'", "did you mean limits?"),
        ("stop_grace_period: 10", "5:24", "must be a duration with a unit, this is a number", "write 10s"),
        ("stop_grace_period: soon", "5:24", "'soon' is not a duration", ""),
        ("stop_signal: SIGNOPE", "5:18", "'SIGNOPE' is not a signal", ""),
        ("restart: false", "5:14", "must be a string, this is a boolean", 'write "false"'),
        ("restart: sometimes", "5:14", "'sometimes' is no policy", "unless-stopped"),
        ("user: 1000", "5:11", "must be a string, this is a number", 'write "1000"'),
        ("cpus: .nan", "5:11", "must be a number, this is nan", ""),
        ("init: maybe", "5:11", "must be true or false, this is a string", ""),
        ("mem_limit: lots", "5:16", "'lots' is not a size", ""),
        ("mem_limit: 1m", "5:16", "below 6 MiB", ""),
        ("mem_limit: 1g\ndeploy: {resources: {limits: {memory: 2g}}}", "6:43", "different things", "remove mem_limit"),
        ("scale: 2\ncontainer_name: cc", "6:21", "can't be shared by 2 replicas", "remove container_name"),
        ("deploy: {replicas: -1}", "5:24", "can't be negative", ""),
        ("ports: {a: 1}", "5:12", "must be a list, this is a mapping", ""),
        ("ports: ['80:web']", "5:13", "'web' is not a port", ""),
        ("ports: [1.5]", "5:13", "must be a port", "quotes"),
        ("ports: [{published: 80}]", "5:13", "needs its target", ""),
        ("volumes: [data:/d]", "5:15", "the volume 'data' is not defined", "./data"),
        ("volumes: [{type: bind, target: /d}]", "5:15", "needs a source", ""),
        ("volumes: [{type: magic, target: /d}]", "5:22", "'magic' is no type", ""),
        ("volumes: [vol:/d]\ntmpfs: /d", "6:12", "already mounted, at compose.yaml:5:15", ""),
        ("environment: text", "5:18", "must be a mapping or a list of name=value", ""),
        ("environment: [{A: 1}]", "5:19", "must be a mapping or a list of name=value", ""),
        ("environment: ['A =1']", "5:23", "ends with a space", ""),
        ("command: 'a \"b'", "5:14", "never closed", ""),
        ("command: [a, 1]", "5:18", "must be a string, this is a number", 'write "1"'),
        ("command: {a: 1}", "5:14", "must be a string, this is a mapping", ""),
        ("healthcheck: {test: [curl, -f]}", "5:25", "must start with CMD", '["CMD", "curl", …]'),
        ("healthcheck: {start_interval: 1s}", "5:35", "start_interval needs a start_period", "add start_period"),
        ("ulimits: {nofile: {soft: 5}}", "5:23", "needs soft and hard", ""),
        ("ulimits: {nofile: {soft: 5, hard: 2}}", "5:30", "above the hard one", ""),
        ("depends_on: {b: {condition: healthy}}", "5:33", "'healthy' is no condition", ""),
        ("tmpfs: 5", "5:12", "must be a string", ""),
        ("depends_on: {b: {required: false}}", "5:21", "needs a condition", "add condition: service_started"),
        ("secrets: [none]", "5:15", "the secret 'none' is not defined", "top-level secrets"),
        ("networks: [backend]", "5:16", "the network 'backend' is not defined", "top-level networks"),
        ("container_name: a b", "5:21", "is no name", ""),
        ("group_add: [a, a]", "5:20", "has 'a' twice", ""),
        ("healthcheck: {retries: 1.5}", "5:28", "1.5 is cut to 1", ""),
        ("mem_limit: 1.5", "5:16", "ignores a fraction", ""),
        ("ports: ['0:0']", "5:13", "from 1 to 65535", ""),
        ("cap_add: [[A]]", "5:15", "must be a string, this is a list", ""),
        ("cap_add: [A,]\ngroup_add: [null]", "6:17", "has an empty item", ""),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_remedy(
    read: Read, text: str, place: str, message: str, remedy: str
) -> None:
    said, findings = service(read, text)
    found = [finding for finding in findings if "'b'" not in finding.message]
    assert [str(finding.place) for finding in found] == [f"compose.yaml:{place}"]
    assert message in found[0].message
    assert remedy in found[0].remedy
    assert found[0].requirement == "syntax"
    assert said.image is not None


def test_a_service_without_anything_to_start_is_told(read: Read) -> None:
    (finding,) = read("services:\n  a: {hostname: h}\n").findings
    assert (str(finding.place), finding.severity) == ("compose.yaml:2:3", Severity.ERROR)
    assert "neither an image nor a build" in finding.message


@pytest.mark.parametrize(
    ("text", "context", "is_remote"),
    [
        ("build: .", "", False),
        ("build: {target: t}", "", False),
        ("build: ./app", "app", False),
        ("build: {context: app}", "app", False),
        ("build: https://github.com/a/b.git#main", "https://github.com/a/b.git#main", True),
        ("build: git@github.com:a/b", "git@github.com:a/b", True),
    ],
)
def test_a_build_context_is_absolute_or_remote(
    read: Read, tmp_path: Path, text: str, context: str, is_remote: bool
) -> None:
    said, findings = service(read, text)
    assert said.build is not None
    assert said.build.context.value == (context if is_remote else str(tmp_path / context))
    assert said.build.is_remote is is_remote
    assert findings == ()


def test_build_arguments_without_a_value_come_from_the_environment(read: Read) -> None:
    project = read("services: {a: {build: {args: [A, B, C=1]}}}", {"A": "env"})
    build = project.services["a"].build
    assert build is not None
    assert {name: said.value for name, said in build.args.items()} == {"A": "env", "B": None, "C": "1"}


def test_how_swarm_replaces_a_service_is_read(read: Read) -> None:
    said, findings = service(
        read,
        "ports: ['80:80']\ndeploy: {update_config: {order: start-first, parallelism: 2, failure_action: rollback}}",
    )
    rollout = said.rollout
    assert findings == () and rollout is not None
    assert [each.value for each in (rollout.order, rollout.parallelism, rollout.failure_action) if each] == [
        "start-first",
        2,
        "rollback",
    ]
    assert not rollout.is_bound


@pytest.mark.parametrize(
    "bound",
    ["ports: [{target: 80, mode: host}]\ndeploy: {update_config: {}}", "deploy: {mode: global, update_config: {}}"],
)
def test_what_can_have_no_second_one_beside_it_is_bound(bound: str, read: Read) -> None:
    said, _ = service(read, bound)
    assert said.rollout is not None and said.rollout.is_bound
