"""stop-signal-handled: the stop signal in force is the one that the program ends gracefully on."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import images, launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity
from seatrial.model.servers import GRACEFUL
from seatrial.model.service import signal_name, signal_number

NAME = "stop-signal-handled"
_PLAIN = frozenset({"debian", "ubuntu", "alpine", "fedora", "centos", "rockylinux", "almalinux", "amazonlinux"})
"""Images that set no stop signal."""
_OWN_PROGRAMS = {"nginx": "nginx", "postgres": "postgres", "httpd": "httpd"}


def _look(unit: Unit) -> Iterator[Wrong]:
    said = unit.service.stop_signal
    if said is not None and _name(said.value) in ("SIGKILL", "SIGSTOP"):
        message = f"the stop signal is {_name(said.value)}, which no program can handle: every stop is a kill"
        yield Wrong(message, said.place, "take it out, so that SIGTERM is sent", Severity.ERROR)
        return
    program, in_force = _program(unit), _in_force(unit)
    if program not in GRACEFUL or in_force is None or in_force != "SIGTERM":
        return
    wanted, happens = GRACEFUL[program]
    place = said.place if said else launch.command_place(unit)
    message = f"the stop signal is SIGTERM, on which {program} {happens}; it ends gracefully on {wanted}"
    yield Wrong(message, place, f"STOPSIGNAL {wanted}" if unit.dockerfile else f"stop_signal: {wanted}")


def _name(text: str) -> str:
    try:
        return signal_name(signal_number(text))
    except ValueError:
        return ""


def _in_force(unit: Unit) -> str | None:
    """The name of the signal that is sent, None where the image may set one that isn't known."""
    if unit.service.stop_signal is not None:
        return _name(unit.service.stop_signal.value)
    base = launch.base_image(unit)
    return "SIGTERM" if images.parse(base).repository in _PLAIN else None


def _program(unit: Unit) -> str:
    """The program that gets the signal, where nothing translates it on the way."""
    links = launch.chain(unit)
    if not links:
        repository = images.parse(launch.base_image(unit)).repository
        return _OWN_PROGRAMS.get(repository, "")
    if any("rewrite" in word or word == "-r" for word in links[0].argv[1:4]):
        return ""
    if any(link.by_shell and not link.execs for link in links):
        return ""  # a shell may be in front, and then no signal gets to the program at all
    program = launch.behind_inits(links)[-1].program
    return "php-fpm" if program.startswith("php-fpm") else program


_NGINX = 'FROM debian:12\nRUN apt-get install -y nginx\nCMD ["nginx", "-g", "daemon off;"]\n'
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="STOPSIGNAL (or compose's `stop_signal`) is the signal on which the program drains.",
    why="nginx, php-fpm and Apache take SIGTERM as the order to end at once and cut what is in flight; they drain on "
    "SIGQUIT and SIGWINCH. PostgreSQL waits on SIGTERM for clients that never leave, and ends properly on SIGINT. The "
    "official images set this; an image of one's own has to.",
    example=_NGINX,
    instead=_NGINX.replace("CMD", "STOPSIGNAL SIGQUIT\nCMD"),
    check=per_service(NAME, Severity.WARNING, _look),
    fix_safety=FixSafety.SAFE,
    fix_note="A STOPSIGNAL line is added, or the signal replaced.",
    sources=("https://nginx.org/en/docs/control.html", "https://www.postgresql.org/docs/current/server-shutdown.html"),
    consequence_of=("exec-form-command", "entrypoint-hands-over", "package-manager-as-pid1"),
    bad=(
        Bad({"Dockerfile": _NGINX}, "Dockerfile:3:5", "SIGQUIT"),
        Bad({"Dockerfile": "FROM nginx:1.27\nSTOPSIGNAL SIGTERM\n"}, "Dockerfile:2:12", "nginx"),
        Bad({"Dockerfile": 'FROM debian:12\nSTOPSIGNAL 9\nCMD ["a"]\n'}, "Dockerfile:2:12", "SIGKILL"),
        Bad(
            {"compose.yaml": "services:\n  db:\n    image: postgres:17\n    stop_signal: SIGTERM\n"},
            "compose.yaml:4:18",
            "SIGINT",
        ),
    ),
    good=(
        Good({"Dockerfile": "FROM nginx:1.27\nCOPY . /usr/share/nginx/html\n"}),
        Good({"Dockerfile": _NGINX + "STOPSIGNAL SIGQUIT\n"}),
        Good({"Dockerfile": 'FROM nginxinc/nginx-unprivileged:1.27\nCMD ["nginx"]\n'}, "the base's signal isn't known"),
        Good({"Dockerfile": 'FROM debian:12\nENTRYPOINT ["dumb-init", "-r", "15:3"]\nCMD ["nginx"]\n'}),
    ),
)
