"""non-root-user: what runs is not root, unless it is known to drop its privileges itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check import builds, launch, services
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, task
from seatrial.check.manifests import also, has_user, of_tasks
from seatrial.model.documents import Documents, Unit
from seatrial.model.finding import Severity
from seatrial.model.patterns import pattern

NAME = "non-root-user"
_ROOT = frozenset({"root", "0", "0:0", "root:root", "0:root", "root:0"})
_BASES_OF_ROOT = frozenset(
    {"node", "python", "ruby", "golang", "rust", "perl", "openjdk", "eclipse-temurin", "amazoncorretto", "debian"}
    | {"ubuntu", "alpine", "busybox", "fedora", "centos", "rockylinux", "almalinux", "amazonlinux", "oraclelinux"}
    | {"elixir", "erlang", "php", "gcc", "buildpack-deps", "maven", "gradle", "tomcat", "scratch", "oven/bun", "swift"}
    | {"haskell", "julia", "pypy", "r-base", "clojure", "dart", "denoland/deno"}
)
_RUNTIMES = frozenset({"node", "python", "ruby", "php", "openjdk", "eclipse-temurin", "elixir", "oven/bun", "tomcat"})
_NEEDS_ROOT = frozenset(
    {
        "nginx",
        "httpd",
        "apache2",
        "apachectl",
        "apache2ctl",
        "apache2-foreground",
        "httpd-foreground",
        "php-fpm",
        "sshd",
    }
    | {"cron", "crond", "dockerd", "supervisord", "haproxy", "systemd", "init", "s6-svscan", "my_init", "runsvdir"}
    | {"postgres", "mysqld", "mysqld_safe", "mariadbd", "dnsmasq", "named", "openvpn", "master", "dovecot", "rsyslogd"}
    | {"unbound", "smbd", "nmbd", "vsftpd", "proftpd", "squid", "bind", "wg-quick", "charon", "ipsec", "iptables"}
    | {
        "gparted",
        "strace",
        "wg",
        "nmap",
        "masscan",
        "tcpdump",
        "traceroute",
        "mount",
        "debootstrap",
        "shorewall",
        "perf",
    }
    | {"nsenter", "kubelet", "fluent-bit", "node_exporter", "ip", "sysctl", "modprobe", "virtualbox", "mtr", "arp-scan"}
    | {"openconnect", "pptpd", "xl2tpd", "ferm", "hostapd", "dhcpd", "keepalived", "nfsd", "wpa_supplicant", "stress"}
    | {"tailscaled", "wireguard-go", "zerotier-one", "n2n", "edge", "vpnc", "openvswitch", "frr", "bird", "kcptun"}
    | {"pure-ftpd", "in.tftpd", "rsync", "mosquitto", "tinyproxy", "sniproxy", "sockd", "icecast", "h2o", "distccd"}
    | {"ntopng", "kismet", "snort", "zeek", "bro", "dnsmonster", "passivedns", "sslsplit", "collectd", "cadvisor"}
    | {"ocserv", "tincd", "shadowvpn", "dsvpn", "hans", "iodined", "pdnsd", "pihole-FTL", "stunnel", "monit"}
    | {"memcached", "asterisk", "freeradius", "radiusd", "tor", "x11vnc", "supercronic", "runsv", "dbus-daemon"}
)
"""Programs that give up root themselves, or whose work needs it."""
_ENDS = frozenset({"build", "builder", "test", "tests"})
"""Names of scripts for which a container is the place to build or test something, and ends."""
_DROPS = pattern(
    r"\b(?:gosu|su-exec|setpriv|runuser|setuidgid|s6-setuidgid|chpst|start-stop-daemon|capsh|pid1)\b|\bsu\s+-|\bsudo\b"
    r"|\bsu\s+\S+\s+-c|s6-overlay|\bsu\s+-?c\b|userspec|fixuid"
)

_CHANGES_USER = pattern(r"\b(?:gosu|su-exec|s6-overlay|fixuid)\b")
_DAEMON = pattern(r"\b(?:openssh-server|supervisor|nginx|apache2|postfix|dovecot)\b")


def _look(unit: Unit, documents: Documents) -> Iterator[Wrong]:
    if not builds.is_service(unit):
        return
    user, base = unit.service.user, builds.final_base(unit)
    name = _repository(unit, base)
    if user is not None and user.value.strip() not in _ROOT:
        return
    if user is None and (name not in _BASES_OF_ROOT or (base is not None and "nonroot" in base.image)):
        return  # whose user isn't known
    if _drops(unit) or (unit.compose and services.is_job(unit, documents.units)):
        return
    if any(link.program.partition(".")[0] in _ENDS for link in launch.chain(unit)):
        return
    remedy = "RUN useradd --system --uid 10001 app, and USER 10001 before the command"
    if user is not None:
        yield Wrong(f"USER {user.value}: the program runs as root", user.place, remedy)
        return
    if has_user(documents, unit):
        return  # its manifest says it
    if name == "node":
        remedy = "write USER node (uid 1000, which the image has) before the command"
    message = "no USER is set: the program runs as root, and who breaks out of it is root"
    severity = Severity.WARNING if _serves(unit, name) else Severity.INFO
    yield Wrong(message, builds.last_place(unit), remedy, severity)


def _serves(unit: Unit, base: str) -> bool:
    """Whether it is surely run as a service, and no tool that somebody starts by hand."""
    service = unit.service
    is_runtime = base in _RUNTIMES and not service.entrypoint  # ENTRYPOINT ["tool"] is what tools have
    shows_help = service.command is not None and any(word.startswith("--help") for word in service.command.value)
    runs = unit.compose is not None or bool(service.ports) or service.healthcheck is not None or is_runtime
    return runs and not shows_help


def _repository(unit: Unit, base: builds.Base | None) -> str:
    if base is None:
        return "scratch" if unit.stages and unit.stages[-1].image == "scratch" else ""
    name = base.reference.repository
    if name.startswith("mcr.microsoft.com/dotnet/"):
        return "" if "chiseled" in base.image else "debian"
    if name.startswith("gcr.io/distroless/"):
        return "" if "nonroot" in base.image else "debian"
    if name == "php" and re.search(r"apache|fpm", base.reference.tag):
        return ""  # its workers are www-data
    return name


def _drops(unit: Unit) -> bool:
    """Whether somebody on the way from PID 1 to the program gives up root, or has to keep it."""
    if any(link.program in _NEEDS_ROOT or _is_told_its_user(link.argv) for link in launch.chain(unit)):
        return True
    if "UWSGI_UID" in unit.service.environment:
        return True
    texts = [" ".join(link.argv) for link in launch.chain(unit)]
    script = unit.entrypoint_script
    texts += [script.text] if script else []
    if any(_DROPS.search(text) for text in texts):
        return True
    installed = [builds.script(each) for each in builds.instructions(unit) if each.keyword in ("RUN", "COPY", "ADD")]
    if any(_CHANGES_USER.search(text) for text in installed):
        return True
    unknown = unit.service.entrypoint is not None and script is None and _is_script(unit)
    return unknown or _installs_a_daemon(installed)


def _is_told_its_user(argv: tuple[str, ...]) -> bool:
    """Whether an option says whom the server becomes: gunicorn --user, uwsgi --uid or its own file."""
    options = {word.partition("=")[0] for word in argv}
    if options & {"--user", "--uid", "-u"} and argv[0].rpartition("/")[2] in (
        "gunicorn",
        "uwsgi",
        "hypercorn",
        "celery",
    ):
        return True
    return argv[0].rpartition("/")[2] == "uwsgi" and any(
        word.endswith((".ini", ".yaml", ".yml", ".xml")) for word in argv
    )


def _is_script(unit: Unit) -> bool:
    """Whether the entrypoint is a program of the project that isn't known here, and may give up root."""
    argv = unit.service.entrypoint.value if unit.service.entrypoint else ()
    return bool(argv) and (argv[0].endswith(".sh") or "entrypoint" in argv[0] or argv[0] == "/init")


def _installs_a_daemon(texts: list[str]) -> bool:
    return any(_DAEMON.search(text) for text in texts)


_CMD = 'CMD ["node", "a.js"]\n'
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: IMAGE\n        securityContext: {SAYS}\n"
)


def _pod(image: str, says: str) -> str:
    return _POD.replace("IMAGE", image).replace("SAYS", says)


_MUST = "runAsNonRoot: true"
_NAMED = {"web/Dockerfile": "FROM node:22-slim\nUSER node\n" + _CMD, "compose.yaml": "services: {a: {build: web}}\n"}
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="The service runs as a user that is not root.",
    why="Root in a container is the host's root behind a fence of namespaces: a hole in the program can overwrite the "
    "program itself and everything mounted, and with one hole in the kernel or the engine the machine is gone. "
    "Kubernetes' runAsNonRoot refuses such an image, and can check a numeric USER alone.",
    example="FROM node:22-slim\n" + _CMD,
    instead="FROM node:22-slim\nUSER node\n" + _CMD,
    check=of_tasks(
        also(builds.per_project(NAME, Severity.WARNING, _look), NAME, Severity.WARNING, "identity.user"),
        NAME,
        Severity.WARNING,
        "user",
    ),
    fix_safety=FixSafety.UNSAFE,
    fix_note="The program may write to directories that belong to root, or listen below port 1024.",
    sources=("https://docs.docker.com/build/building/best-practices/#user",),
    bad=(
        Bad({"Dockerfile": "FROM node:22-slim\n" + _CMD}, "Dockerfile:2:5", "no USER"),
        Bad({"Dockerfile": "FROM node:22-slim\nUSER node\nUSER root\n" + _CMD}, "Dockerfile:3:6", "USER root"),
        Bad({"Dockerfile": 'FROM python:3.13 AS a\nUSER 1\nFROM a\nUSER 0\nCMD ["b"]\n'}, "Dockerfile:4:6", "USER 0"),
        Bad({"Dockerfile": 'FROM scratch\nCOPY a /a\nCMD ["/a"]\n', "a": ""}, "Dockerfile:3:5", "no USER"),
        Bad({"web.yaml": _pod("nginx:1.27", _MUST)}, "web.yaml:10:41", "starts as root"),
        Bad({"web.yaml": _pod("a.org/web:1", _MUST + ", runAsUser: 0")}, "web.yaml:10:58", "never started"),
        Bad({"web.yaml": _pod("a.org/web:1", "runAsUser: 0")}, "web.yaml:10:38", "is root"),
        Bad({**_NAMED, "k8s/web.yaml": _pod("a.org/web:1", _MUST)}, "k8s/web.yaml:10:41", "USER node of"),
        Bad(task('"user": "0:0"'), "task.json:3:9", "user 0:0 is root"),
    ),
    good=(
        Good({"web.yaml": _pod("nginx:1.27", _MUST + ", runAsUser: 101")}),
        Good({"web.yaml": _pod("a.org/web:1", _MUST)}, "an unknown image"),
        Good({**_NAMED, "k8s/web.yaml": _pod("a.org/web:1", _MUST + ", runAsUser: 1000")}),
        Good({"Dockerfile": "FROM node:22-slim\nUSER node\n" + _CMD}),
        Good({"Dockerfile": "FROM nginx:1.27\nCOPY a /a\n", "a": ""}, "its workers are no root"),
        Good({"Dockerfile": 'FROM alpine:3.22\nENTRYPOINT ["openconnect", "--config=/a"]\n'}, "makes interfaces"),
        Good({"Dockerfile": 'FROM debian:12\nENTRYPOINT ["pure-ftpd"]\nCMD ["/a.conf"]\n'}, "becomes who logs in"),
        Good({"Dockerfile": 'FROM gcr.io/distroless/static:nonroot\nCMD ["/a"]\n'}),
        Good({"Dockerfile": "FROM example.org/base:1\n" + _CMD}, "an unknown base"),
        Good(
            {
                "Dockerfile": 'FROM debian:12\nCOPY e.sh /\nENTRYPOINT ["/e.sh"]\n' + _CMD,
                "e.sh": '#!/bin/sh\nexec gosu app "$@"\n',
            },
            "the entrypoint changes the user",
        ),
        Good(
            {
                "Dockerfile": "FROM node:22-slim\n" + _CMD,
                "compose.yaml": "services:\n  web:\n    build: .\n    user: '1000'\n",
            },
            "compose says the user",
        ),
        Good(task('"user": "10001"')),
        Good(
            {"task.json": task('"user": "0"')["task.json"].replace("a.org/web", "aws-for-fluent-bit")},
            "it reads others' logs",
        ),
    ),
)
