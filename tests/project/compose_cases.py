"""The cases in which docker compose with a real engine and `seatrial up` get the same files and the same commands.

Two kinds. `PROGRAMS`: what a program finds when it runs and what is seen of its end, one service each, all in one
project. `PLAYS`: what the commands do with a project, one project each. Each step waits for something that happens,
never for a time.
`differs` is one of DIFFERENCES: the two sides must differ there, and nowhere else. docs/contract.md lists them.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

IMAGE = "seatrial-busybox"
WAITS = "trap 'exit 7' TERM; trap 'exit 8' USR1; echo ready; while :; do sleep 1000 & wait $$!; done"
"""A program that says when it is there, and ends at once when it is told to."""
DEAF = "trap '' TERM; echo ready; while :; do sleep 1000; done"


@dataclass(frozen=True)
class Difference:
    """What docker compose does, what seatrial does, and why."""

    docker: str
    seatrial: str
    why: str


DIFFERENCES = {
    "configs": Difference("1.29 knows `configs` for Swarm alone", "files, as the specification says", "compose 2, too"),
    "tty": Difference("`tty: true` makes a terminal", "there is none", "`up` shows logs; `run -t` and `exec` make one"),
    "working_dir": Difference(
        "the directory is made, and empty", "the project is there", "it stands for what the image would hold"
    ),
    "words": Difference(
        "1.29 hands `>`, `;` and `&` in a `command` that is a string on as words",
        "what stands behind them is dropped, with a warning",
        "compose 2 drops it, and says nothing",
    ),
    "created": Difference(
        "1.29 makes an instance when it starts it",
        "all are made first: a failed `up` leaves some as created",
        "compose 2 does so, too",
    ),
    "anew": Difference(
        "a new instance is made under another name before the old one is removed",
        "it is made after that",
        "its name, its log and its port are free by then",
    ),
    "bare": Difference(
        "`logs` of one service has its name before each line", "as `docker logs`", "it can be piped; stderr is stderr"
    ),
    "down": Difference(
        "`down` of what was never up is no error", "exit code 3, and a hint", "it is the wrong directory, mostly"
    ),
    "key": Difference(
        "a key that compose doesn't know is an error", "a warning", "files for other versions of compose load"
    ),
}


@dataclass(frozen=True)
class Program:
    """A service whose shell line says what it finds. `more` are further lines of the service."""

    name: str
    line: str
    more: str = ""
    differs: str = ""

    def service(self) -> str:
        """Its lines of the compose file, for any name."""
        own = f"entrypoint: [sh, -c]\ncommand: [{quoted(self.line)}]\n" if self.line else ""
        return body(own + self.more)


@dataclass(frozen=True)
class Play:
    """A project and what is done with it.

    `steps` are commands of both sides, or `until SERVICE STATE` (a state, a health, `restarts=N` or `gone`), or `note
    WHAT`: what is compared at this moment (`states`, `restarts`, `health`, `ids`, `logs`). `!` before a command: it is
    to fail. `compares` is what is compared of all of it: exit codes, the order of events, what commands print.
    """

    name: str
    compose: str
    steps: tuple[str, ...]
    compares: tuple[str, ...] = ("codes", "events")
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    only: str = ""
    """The services whose events are in an order that both promise, separated by spaces; "" is all."""
    differs: str = ""
    compatibility: bool = False
    """compose 1.29 reads `deploy` with --compatibility alone."""
    quick: bool = False
    """It is among those that are always compared; the others are if SEATRIAL_ALL_CASES is set."""


def quoted(line: str) -> str:
    return json.dumps(line)


def body(more: str) -> str:
    return textwrap.indent(f"image: {IMAGE}\nnetwork_mode: none\n{textwrap.dedent(more).rstrip()}", "    ") + "\n"


def service(name: str, line: str = WAITS, more: str = "") -> str:
    """A service of a play."""
    return f"  {name}:\n" + body(f"entrypoint: [sh, -c]\ncommand: [{quoted(line)}]\nstop_grace_period: 20s\n" + more)


def project(*services: str, rest: str = "") -> str:
    return "services:\n" + "".join(one if one.endswith("\n") else one + "\n" for one in services) + rest


HEALTHY = "healthcheck: {test: [CMD, 'true'], interval: 200ms, retries: 3}\n"
SICK = "healthcheck: {test: [CMD, 'false'], interval: 200ms, retries: 2}\n"

PROGRAMS = [
    *(Program(f"exit {code}", f"exit {code}") for code in (0, 1, 3, 42, 126, 127, 130, 143, 255)),
    Program("stdout and stderr are both kept", "echo out; echo err >&2"),
    Program("a line without its end", "printf 'no end'"),
    Program("empty lines", "echo; echo; echo end"),
    Program("stdin is empty", "read x; echo $$?"),
    Program("the first process", "echo $$$$"),
    Program("init: the command is not the first", "test $$$$ -gt 1 && echo higher", "init: true"),
    Program("init: killed by a signal", "kill -TERM $$$$", "init: true"),
    Program("init: killed hard", "kill -KILL $$$$", "init: true"),
    Program("entrypoint and command", "", "entrypoint: [sh, -c, 'echo $$0 $$*']\ncommand: [a, 'b c', d]"),
    Program("entrypoint alone", "", "entrypoint: [echo, hello]"),
    Program("entrypoint as a string", "", "entrypoint: echo 'one two'  three\n"),
    Program("command as a string", "", "entrypoint: [printf, '<%s>']\ncommand: a 'b c' \"d e\" f\\ g"),
    Program("command as a string runs no shell", "", "entrypoint: [echo]\ncommand: $$HOME > x", differs="words"),
    Program("environment as a list", "echo $$A-$$B-$$C", "environment: ['A=1', 'B=two words', 'C=']"),
    Program("environment as a mapping", "echo $$A-$$B-$$C", "environment: {A: 1, B: 'x=y', C: ''}"),
    Program("environment from the shell", "echo $${FROM_SHELL}-$${UNSET-none}", "environment: [FROM_SHELL, UNSET]"),
    Program(
        "environment without a value", "echo $${FROM_SHELL}-$${UNSET-none}", "environment: {FROM_SHELL: , UNSET: }"
    ),
    Program("env_file", "echo $$ONE-$$TWO-$$QUOTED-$$SPACE", "env_file: one.env"),
    Program("of two env_files the later wins", "echo $$ONE-$$TWO-$$THREE", "env_file: [one.env, two.env]"),
    Program("environment wins over env_file", "echo $$ONE-$$TWO", "env_file: [one.env]\nenvironment: {ONE: here}"),
    Program("an empty environment wins, too", 'echo "<$$ONE>"', "env_file: [one.env]\nenvironment: {ONE: ''}"),
    Program("PATH", "echo $$PATH"),
    Program("HOME of root", "echo $$HOME"),
    Program("variable of .env", "echo ${FROM_DOTENV}"),
    Program("the shell wins over .env", "echo ${FROM_BOTH}"),
    Program("default for what is empty", "echo ${EMPTY:-a}-${EMPTY-b}-${UNSET:-c}-${UNSET-d}"),
    Program("a default within a default", "echo ${UNSET:-${ALSO_UNSET:-deep}}"),
    Program("a dollar", "echo '$$HOME'"),
    Program("what is said wins over the default", "echo ${FROM_SHELL:-x}-${FROM_SHELL-y}"),
    Program("required and there", "echo ${FROM_SHELL:?missing}-${FROM_SHELL?missing}"),
    Program("user by number", "id -u; id -g", "user: '1234'"),
    Program("user and group by number", "id -u; id -g", "user: '1234:2345'"),
    Program("user of root's group", "id -G", "user: '1234:0'"),
    Program("group_add", "id -G", "user: '1234:2345'\ngroup_add: ['777', '778']"),
    Program("working_dir", "pwd", "working_dir: /tmp"),
    Program("working_dir that is made", "pwd; ls", "working_dir: /some/where", differs="working_dir"),
    Program("hostname", "cat /etc/hostname; hostname", "hostname: somebody"),
    Program("extra_hosts", "grep example /etc/hosts | tr '\\t' ' '", "extra_hosts: ['api.example:10.1.2.3']"),
    Program(
        "tmpfs",
        "echo x > /scratch/x && cat /scratch/x; grep ' /scratch ' /proc/mounts | cut -d ' ' -f 3",
        "tmpfs: [/scratch]",
    ),
    Program(
        "tmpfs with a size",
        "dd if=/dev/zero of=/scratch/x bs=1k count=200 2>/dev/null; wc -c < /scratch/x",
        "tmpfs: ['/scratch:size=64k']",
    ),
    Program("tmpfs can't be executed in", "grep ' /scratch ' /proc/mounts | grep -o noexec", "tmpfs: [/scratch]"),
    Program("read_only", "(echo x > /new) 2>/dev/null || echo refused", "read_only: true"),
    Program("read_only with a tmpfs", "echo x > /scratch/x; echo $$?", "read_only: true\ntmpfs: /scratch"),
    Program(
        "ulimits",
        "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc",
        "ulimits: {nofile: {soft: 100, hard: 200}, core: 0}",
    ),
    Program("oom_score_adj", "cat /proc/self/oom_score_adj", "oom_score_adj: 321"),
    Program("cpuset", "grep Cpus_allowed_list /proc/self/status | tr '\\t' ' '", "cpuset: '0'"),
    Program("capabilities", "grep CapEff /proc/self/status | tr '\\t' ' '"),
    Program("cap_drop", "grep CapEff /proc/self/status | tr '\\t' ' '", "cap_drop: [ALL]"),
    Program(
        "cap_add", "grep CapEff /proc/self/status | tr '\\t' ' '", "cap_drop: [ALL]\ncap_add: [NET_BIND_SERVICE, CHOWN]"
    ),
    Program(
        "no-new-privileges",
        "grep NoNewPrivs /proc/self/status | tr '\\t' ' '",
        "security_opt: ['no-new-privileges:true']",
    ),
    Program("shm_size", "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2", "shm_size: 8m"),
    Program("shm by default", "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2"),
    Program("umask", "umask"),
    # But for signal 32, which is libc's own: Docker hands on what whoever started dockerd left ignored.
    Program(
        "signals that are ignored", "grep SigIgn /proc/self/status | tr '\\t' ' ' | sed 's/ 000000008/ 000000000/'"
    ),
    Program("secret", "cat /run/secrets/word; ls -l /run/secrets/word | cut -c 1-10", "secrets: [word]"),
    Program("secret with a target", "cat /run/secrets/other", "secrets: [{source: word, target: other}]"),
    Program(
        "secret with a path as its target", "cat /etc/app/word", "secrets: [{source: word, target: /etc/app/word}]"
    ),
    Program(
        "a secret can't be written", "(echo x >> /run/secrets/word) 2>/dev/null || echo refused", "secrets: [word]"
    ),
    Program("config", "cat /page", "configs: [page]", differs="configs"),
    Program("bind", "cat /in/one.env | head -n 1", "volumes: ['.:/in']"),
    Program("bind, read-only", "(echo x > /in/x) 2>/dev/null || echo refused", "volumes: ['.:/in:ro']"),
    Program("bind of a file", "cat /one.env | head -n 1", "volumes: ['./one.env:/one.env:ro']"),
    Program(
        "bind in the long form",
        "cat /in/one.env | head -n 1",
        "volumes: [{type: bind, source: ., target: /in, read_only: true}]",
    ),
    Program("named volume", "echo x > /data/x; cat /data/x", "volumes: ['data:/data']"),
    Program("volume without a name", "echo x > /data/x; cat /data/x", "volumes: [/data]"),
    Program(
        "tmpfs as a volume", "grep ' /fast ' /proc/mounts | cut -d ' ' -f 3", "volumes: [{type: tmpfs, target: /fast}]"
    ),
    Program("tty", "test -t 0 && echo in; test -t 1 && echo out", "tty: true", differs="tty"),
]

BASE = project(
    service("base"), service("middle", more="depends_on: [base]\n"), service("top", more="depends_on: [middle]\n")
)
PLAYS = [
    Play("started in order, stopped in reverse", BASE, ("up -d", "note states", "stop", "down"), quick=True),
    Play("down stops and removes in reverse", BASE, ("up -d", "down", "note states")),
    Play("one service brings what it needs", BASE, ("up -d middle", "note states")),
    Play("one service alone", BASE, ("up -d --no-deps middle", "note states")),
    Play("stop of one leaves the others", BASE, ("up -d", "stop base", "note states", "start base", "note states")),
    Play(
        "stop and start keep the instances",
        BASE,
        ("up -d", "note ids", "stop", "start", "note ids", "note states"),
        quick=True,
    ),
    Play("restart", project(service("web")), ("up -d", "note ids", "restart", "note ids", "note states")),
    Play("up again changes nothing", BASE, ("up -d", "note ids", "up -d", "note ids")),
    Play("up starts again what has ended", project(service("web")), ("up -d", "note ids", "stop", "up -d", "note ids")),
    Play(
        "--force-recreate",
        project(service("web")),
        ("up -d", "note ids", "up -d --force-recreate", "note ids"),
        differs="anew",
    ),
    Play("--no-start", project(service("web")), ("up --no-start", "note states", "start", "note states")),
    Play(
        "what waits until it is healthy",
        project(service("db", more=HEALTHY), service("web", more="depends_on: {db: {condition: service_healthy}}\n")),
        ("up -d", "until db healthy", "note states", "note health"),
        quick=True,
    ),
    Play(
        "what waits until it is done",
        project(
            service("job", "exit 0"),
            service("web", more="depends_on: {job: {condition: service_completed_successfully}}\n"),
        ),
        ("up -d", "note states"),
    ),
    Play(
        "a job that fails",
        project(
            service("job", "exit 3"),
            service("web", more="depends_on: {job: {condition: service_completed_successfully}}\n"),
        ),
        ("! up -d", "note states"),
        quick=True,
        differs="created",
    ),
    Play(
        "a dependency that gets unhealthy",
        project(service("db", more=SICK), service("web", more="depends_on: {db: {condition: service_healthy}}\n")),
        ("! up -d", "note states", "note health"),
        differs="created",
    ),
    Play(
        "a dependency that ends before it is healthy",
        project(
            service("db", "exit 1", more=HEALTHY),
            service("web", more="depends_on: {db: {condition: service_healthy}}\n"),
        ),
        ("! up -d", "note states"),
        differs="created",
    ),
    Play(
        "a dependency without a health check",
        project(service("db"), service("web", more="depends_on: {db: {condition: service_healthy}}\n")),
        ("! up -d",),
        ("codes",),
    ),
    Play(
        "abort when one ends",
        project(service("job", "sleep 1; exit 0", "depends_on: [web]\n"), service("web")),
        ("up --abort-on-container-exit", "note states"),
        ("codes",),
    ),
    Play(
        "abort when one fails",
        project(service("job", "sleep 1; exit 3", "depends_on: [web]\n"), service("web")),
        ("= up --abort-on-container-exit", "note states"),
        ("codes",),
    ),
    Play(
        "--exit-code-from",
        project(service("job", "sleep 1; exit 9", "depends_on: [web]\n"), service("web")),
        ("= up --exit-code-from job", "note states"),
        ("codes",),
    ),
    Play(
        "--exit-code-from one that was stopped",
        project(service("job", "sleep 1; exit 9", "depends_on: [web]\n"), service("web")),
        ("= up --exit-code-from web", "note states"),
        ("codes",),
        quick=True,
    ),
    Play(
        "up ends when all have ended",
        project(service("a", "exit 0"), service("b", "exit 4")),
        ("= up", "note states"),
        ("codes",),
    ),
    Play("stop signal", project(service("web", more="stop_signal: SIGUSR1\n")), ("up -d", "stop", "note states")),
    Play(
        "stop signal as a number", project(service("web", more="stop_signal: '10'\n")), ("up -d", "stop", "note states")
    ),
    Play(
        "grace period", project(service("web", DEAF).replace("20s", "1s")), ("up -d", "stop", "note states"), quick=True
    ),
    Play("stop -t", project(service("web", DEAF)), ("up -d", "stop -t 1", "note states")),
    Play("down -t", project(service("web", DEAF)), ("up -d", "down -t 1", "note states")),
    Play("kill", project(service("web")), ("up -d", "kill", "until web exited", "note states")),
    Play("kill -s", project(service("web")), ("up -d", "kill -s USR1", "until web exited", "note states")),
    Play("pause", project(service("web")), ("up -d", "pause", "note states", "unpause", "note states")),
    Play(
        "restart: always, then stop",
        project(service("web", "exit 5", "restart: always\n")),
        ("up -d", "until web restarts=3", "stop", "note states"),
        ("codes",),
    ),
    Play(
        "restart: on-failure with a number",
        project(
            service("web", "exit 5", "restart: on-failure:2\n"), service("good", "exit 0", "restart: on-failure\n")
        ),
        ("up -d", "until web restarts=2", "until web exited", "note states", "note restarts"),
        only="web",
        quick=True,
    ),
    Play(
        "restart: no, and unless-stopped",
        project(service("a", "exit 5", "restart: 'no'\n"), service("b", "exit 0", "restart: unless-stopped\n")),
        ("up -d", "until b restarts=2", "until a exited", "stop", "note states"),
        ("codes",),
    ),
    Play(
        "deploy.restart_policy with an end",
        project(
            service("web", "exit 5", "deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}\n"),
            service("never", "exit 5", "restart: always\ndeploy: {restart_policy: {condition: none}}\n"),
        ),
        ("up -d", "until web restarts=2", "until web exited", "until never exited", "note states", "note restarts"),
        ("codes",),
        compatibility=True,
    ),
    Play(
        "deploy.restart_policy with a delay",
        project(
            service(
                "web",
                "exit 5",
                "deploy: {restart_policy: {condition: on-failure, max_attempts: 2, delay: 2s, window: 60s}}\n",
            )
        ),
        ("up -d", "until web restarts=2", "until web exited", "note states", "note restarts"),
        ("codes",),
        compatibility=True,
    ),
    Play(
        "health: well, ill, well",
        project(service("web", more="healthcheck: {test: '! test -e /ill', interval: 300ms, retries: 3}\n")),
        (
            "up -d",
            "until web healthy",
            "exec -T web touch /ill",
            "until web unhealthy",
            "exec -T web rm /ill",
            "until web healthy",
        ),
        quick=True,
    ),
    Play(
        "health: what is stopped is ill",
        project(service("web", more=HEALTHY)),
        ("up -d", "until web healthy", "stop", "note health"),
    ),
    Play("health: disabled", project(service("web", more="healthcheck: {disable: true}\n")), ("up -d", "note health")),
    Play("health: NONE", project(service("web", more="healthcheck: {test: [NONE]}\n")), ("up -d", "note health")),
    Play(
        "scale",
        project(service("web")),
        ("up -d --scale web=3", "note states", "up -d --scale web=1", "note states"),
        ("codes",),
    ),
    Play(
        "replicas",
        project(service("web", more="deploy: {replicas: 2}\n")),
        ("up -d", "note states"),
        ("codes",),
        compatibility=True,
    ),
    Play(
        "scale to none", project(service("web"), service("other")), ("up -d --scale web=0", "note states"), ("codes",)
    ),
    Play(
        "profiles",
        project(service("web"), service("debug", more="profiles: [debug]\n")),
        ("up -d", "note states", "down"),
        ("codes",),
    ),
    Play(
        "a profile by its variable",
        project(
            service("web"), service("debug", more="profiles: [debug, all]\n"), service("x", more="profiles: [x]\n")
        ),
        ("up -d", "note states", "down"),
        ("codes",),
        environment={"COMPOSE_PROFILES": "debug"},
    ),
    Play(
        "a service's own profile",
        project(service("web"), service("debug", more="profiles: [debug]\ndepends_on: [web]\n")),
        ("up -d debug", "note states"),
        quick=True,
    ),
    Play(
        "an override file",
        project(service("web", more="environment: {A: base, B: base}\n").replace(WAITS, "echo $$A-$$B")),
        ("up -d", "until web exited", "note logs"),
        ("codes",),
        files={"compose.override.yaml": "services: {web: {environment: {B: over}}}\n"},
    ),
    Play(
        "lists and mappings of an override file",
        project(
            service("web", more="environment: {A: base, B: base}\ntmpfs: [/one]\n").replace(
                WAITS, "echo $$A-$$B-$$C; ls -d /one /two"
            )
        ),
        ("up -d", "until web exited", "note logs"),
        ("codes",),
        files={"compose.override.yaml": "services: {web: {environment: ['B=over', 'C=new'], tmpfs: [/two]}}\n"},
        quick=True,
    ),
    Play(
        "extends",
        project(
            service("base", "exit 0"),
            "  web:\n    extends: {service: base}\n    command: [echo $$A]\n    environment: {A: own}\n",
        ),
        ("up -d web", "until web exited", "note logs", "note states"),
        ("codes",),
    ),
    Play(
        "extends of another file",
        project("  web:\n    extends: {file: common/base.yaml, service: base}\n    environment: {A: own}\n"),
        ("up -d", "until web exited", "note logs"),
        ("codes",),
        files={
            "common/base.yaml": project(
                service("base", "echo $$A-$$B-$$ONE", "env_file: ../one.env\nenvironment: {A: x, B: y}\n")
            )
        },
        quick=True,
    ),
    Play(
        "anchors and merge keys",
        "x-all: &all\n"
        + body("entrypoint: [sh, -c]\nenvironment: &env {A: 1, B: 2}\n").replace("    ", "  ")
        + "services:\n  web:\n    <<: *all\n    command: ['echo $$A-$$B']\n    environment: {<<: *env, B: 3}\n",
        ("up -d", "until web exited", "note logs"),
        ("codes",),
    ),
    Play(
        "a change makes one anew",
        project(service("a"), service("b", more="environment: {X: '${X}'}\n")),
        ("up -d", "note ids", "with X=2", "up -d", "note ids"),
        ("codes",),
        environment={"X": "1"},
        quick=True,
    ),
    Play(
        "a named volume outlives down",
        project(
            service("web", "cat /data/x 2>/dev/null || echo none; echo kept > /data/x", "volumes: ['data:/data']\n"),
            rest="volumes: {data: {}}\n",
        ),
        (
            "up -d",
            "until web exited",
            "note logs",
            "down",
            "up -d",
            "until web exited",
            "note logs",
            "down -v",
            "up -d",
            "until web exited",
            "note logs",
        ),
        ("codes",),
        quick=True,
    ),
    Play(
        "exec",
        project(service("web")),
        (
            "up -d",
            "= exec -T web sh -c 'exit 6'",
            "print exec -T web echo hello",
            "= exec -T -e A=1 web sh -c 'exit $A'",
        ),
        ("codes", "out"),
    ),
    Play("exec where nothing runs", project(service("web")), ("up -d", "stop", "! exec -T web true"), ("codes",)),
    Play("ps -q and services", BASE, ("up -d", "stop top", "print config --services"), ("codes", "out")),
    Play(
        "logs",
        project(service("web", "for i in 1 2 3 4 5; do echo line $$i; done"), service("longer-name", "echo other")),
        (
            "up -d",
            "until web exited",
            "until longer-name exited",
            "print logs --no-log-prefix web",
            "print logs --no-log-prefix --tail 2 web",
            "print logs --no-log-prefix --tail=0 web",
            "print logs --no-log-prefix --tail all web",
            "lines logs --no-color",
            "stamps logs --no-log-prefix -t web",
        ),
        ("codes", "out"),
        quick=True,
    ),
    Play(
        "logs of one service",
        project(service("web", "echo one; echo two >&2")),
        ("up -d", "until web exited", "print logs --no-color web"),
        ("codes", "out"),
        differs="bare",
    ),
    Play(
        "a variable that is required",
        project("  web: {image: '${NOT_THERE:?is needed}'}"),
        ("! config -q",),
        ("codes",),
    ),
    Play(
        "a cycle",
        project(service("a", more="depends_on: [b]\n"), service("b", more="depends_on: [a]\n")),
        ("! config -q",),
        ("codes",),
    ),
    Play(
        "a dependency that is not defined",
        project(service("a", more="depends_on: [b]\n")),
        ("! config -q",),
        ("codes",),
    ),
    Play(
        "a key that does not exist",
        project(service("a", more="comand: x\n")),
        ("= config -q",),
        ("codes",),
        differs="key",
    ),
    Play("a service that does not exist", project(service("a")), ("! up -d nobody", "! stop nobody"), ("codes",)),
    Play(
        "a command that is not there",
        project(service("a", more="").replace("[sh, -c]", "[/nope]")),
        ("! up -d",),
        ("codes",),
    ),
    Play(
        "a program that can't be executed",
        project(service("a").replace("[sh, -c]", "[/etc]")),
        ("! up -d",),
        ("codes",),
    ),
    Play("down of nothing", project(service("a")), ("= down",), ("codes",), differs="down"),
]
