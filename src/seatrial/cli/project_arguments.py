"""The arguments of the commands on a compose project: names and meanings as in `docker compose`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

Parser = argparse.ArgumentParser


class Entry(NamedTuple):
    """One command: name, summary, usage below "seatrial NAME", module of `seatrial.cli`, and its own arguments."""

    name: str
    summary: str
    usage: str
    module: str
    add: Callable[[Parser], None]


def _which(parser: Parser, *names: str) -> None:
    """What every command on a project takes. `names` are those of --file, where -f means something else."""
    which = parser.add_argument_group("which project")
    names = names or ("-f", "--file")
    which.add_argument(*names, metavar="FILE", action="append", default=[], help="compose file (repeatable)")
    which.add_argument("-p", "--project-name", metavar="NAME", default="", help="another name for the project")
    which.add_argument("--project-directory", metavar="DIR", default=".", help="where the project is (default: here)")
    which.add_argument("--profile", metavar="NAME", action="append", default=[], help="compose profile (repeatable)")


def _services(parser: Parser, text: str = "these services alone (default: all)") -> None:
    parser.add_argument("services", metavar="SERVICE", nargs="*", help=text)


def _timeout(parser: Parser) -> None:
    parser.add_argument("-t", "--timeout", metavar="SECONDS", type=float, help="grace period instead of the service's")


def _up(parser: Parser) -> None:
    _services(parser)
    add = parser.add_argument
    add("-d", "--detach", action="store_true", help="leave them running and come back")
    add("--wait", action="store_true", help="come back when all run and are healthy (implies -d)")
    add("--wait-timeout", metavar="SECONDS", type=float, default=0.0, help="how long --wait waits at most")
    add("--scale", metavar="SERVICE=N", action="append", default=[], help="another number of instances (repeatable)")
    add("--no-deps", action="store_true", help="do not start what they depend on")
    add("--force-recreate", action="store_true", help="make their instances anew, whatever changed")
    add("--always-recreate-deps", action="store_true", help="make also what they depend on anew")
    add("--no-recreate", action="store_true", help="keep instances although the files changed")
    add("--remove-orphans", action="store_true", help="remove instances of services that the files know no more")
    add("-w", "--watch", action="store_true", help="restart services when their files change (develop.watch)")
    add("--menu", action="store_true", help="keys while it stays in a terminal: v view, w watch on/off, d detach")
    add("--no-start", action="store_true", help="make the instances, do not start them")
    add("--network", choices=("host", "own"), default="host", help="own: the project's, without a way out (root)")
    add("--docker-quirks", action="store_true", help="Docker's way also where it is a known bug (docs/contract.md)")
    ending = parser.add_argument_group("when to end")
    ending.add_argument("--abort-on-container-exit", action="store_true", help="stop all when one has ended")
    ending.add_argument("--abort-on-container-failure", action="store_true", help="stop all when one has failed")
    ending.add_argument("--exit-code-from", metavar="SERVICE", help="end with its code (implies abort on exit)")
    ending.add_argument("-t", "--timeout", metavar="SECONDS", type=float, help="grace period instead of the service's")
    shown = parser.add_argument_group("what to show")
    shown.add_argument("--attach", metavar="SERVICE", action="append", default=[], help="logs of these alone")
    shown.add_argument("--no-attach", metavar="SERVICE", action="append", default=[], help="not the logs of these")
    shown.add_argument("--timestamps", action="store_true", help="the time before each line")
    shown.add_argument("--no-log-prefix", action="store_true", help="no names before the lines")
    shown.add_argument("--no-color", action="store_true", help="no colours (also: NO_COLOR=1)")
    _which(parser)


def _down(parser: Parser) -> None:
    _services(parser)
    _timeout(parser)
    parser.add_argument("--remove-orphans", action="store_true", help="also what the files know no more")
    parser.add_argument("-v", "--volumes", action="store_true", help="forget the named volumes, too")
    _which(parser)


def _ps(parser: Parser) -> None:
    _services(parser)
    add = parser.add_argument
    add("-a", "--all", action="store_true", help="also those that do not run")
    add("-q", "--quiet", action="store_true", help="ids alone")
    add("--services", dest="only_services", action="store_true", help="names of services alone")
    add("--status", metavar="STATE", action="append", default=[], help="in this state alone (repeatable)")
    add("--format", choices=("table", "json"), default="table", help="a table, or an object a line")
    _which(parser)


def _stopping(parser: Parser) -> None:
    _services(parser)
    _timeout(parser)
    _which(parser)


def _restart(parser: Parser) -> None:
    parser.add_argument("--rolling", action="store_true", help="one by one, a new one first: nothing is lost")
    _stopping(parser)


def _start(parser: Parser) -> None:
    _services(parser)
    _which(parser)


def _kill(parser: Parser) -> None:
    _services(parser)
    parser.add_argument("-s", "--signal", metavar="SIGNAL", default="SIGKILL", help="another signal")
    _which(parser)


def _exec(parser: Parser) -> None:
    add = parser.add_argument
    add("service", metavar="SERVICE", help="where to run it")
    add("words", metavar="COMMAND", nargs=argparse.REMAINDER, help="the command and its arguments")
    add("--index", metavar="N", type=int, default=1, help="which of its instances (default: 1)")
    add("-t", "--tty", action="store_true", help="a terminal (the default where ours is one)")
    add("-T", "--no-tty", action="store_true", help="no terminal")
    add("-i", "--interactive", action="store_true", help="our stdin is the command's, which it always is")
    add("-e", "--env", metavar="NAME=VALUE", action="append", default=[], help="environment variable")
    add("-w", "--workdir", metavar="DIR", default="", help="directory (default: the service's)")
    add("-u", "--user", metavar="USER", choices=("root", "0"), help="root instead of the service's user")
    _which(parser)


def _events(parser: Parser) -> None:
    _services(parser)
    add = parser.add_argument
    add("--json", action="store_true", help="an object a line")
    add("--since", metavar="TIME", default="", help="also the kept ones from a time on")
    add("--until", metavar="TIME", default="", help="the kept ones up to a time, and end")
    _which(parser)


def _inspect(parser: Parser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="+", help="an instance, a service, or the beginning of an id")
    _which(parser)


def _stats(parser: Parser) -> None:
    _services(parser)
    add = parser.add_argument
    add("-a", "--all", action="store_true", help="also those that do not run")
    add("--no-stream", action="store_true", help="once, not again and again")
    add("--format", choices=("table", "json"), default="table", help="a table, or an object a line")
    _which(parser)


def _config(parser: Parser) -> None:
    add = parser.add_argument
    add("-q", "--quiet", action="store_true", help="check the files alone")
    for what in ("services", "volumes", "images", "profiles"):
        add(f"--{what}", dest="only", action="store_const", const=what, help=f"names of {what} alone")
    add("--format", choices=("yaml", "json"), default="yaml", help="how to print it")
    _which(parser)


def _top(parser: Parser) -> None:
    parser.add_argument("--once", action="store_true", help="print it once and end")
    parser.add_argument("--interval", metavar="SECONDS", type=float, default=1.0, help="how often (default: 1)")
    _which(parser)


def _logs(parser: Parser) -> None:
    from seatrial.cli.logs_arguments import add_arguments

    add_arguments(parser)
    _which(parser, "--file")


def _run(parser: Parser) -> None:
    add = parser.add_argument
    add("service", metavar="SERVICE", nargs="?", help="the service, where there are several")
    add("--project", metavar="PATH", default=".", help="directory, Dockerfile or compose file (default: here)")
    add("-f", "--file", metavar="FILE", action="append", default=[], help="compose file (repeatable)")
    add("--target", metavar="STAGE", help="build stage of the Dockerfile")
    add("--profile", metavar="NAME", action="append", default=[], help="compose profile (repeatable)")
    add("-q", "--quiet", action="store_true", help="say nothing about restarts and health")
    add("-i", "--interactive", action="store_true", help="our stdin is the service's")
    add("-t", "--tty", action="store_true", help="a terminal")
    add("-T", "--no-tty", action="store_true", help="no terminal, although the file says tty: true")
    how = parser.add_argument_group("how to run it")
    how.add_argument("-e", "--env", metavar="NAME[=VALUE]", action="append", default=[], help="environment variable")
    how.add_argument("--env-file", metavar="FILE", action="append", default=[], help="environment from a file")
    how.add_argument("-u", "--user", metavar="USER", default="", help="user, or user:group")
    how.add_argument("--network", choices=("host", "own"), default="host", help="own: a loopback that nobody else sees")
    how.add_argument("--init", action="store_true", help="an init as PID 1")
    how.add_argument("--read-only", action="store_true", help="a root file system that can't be written to")
    how.add_argument("--restart", metavar="POLICY", default="", help="no, always, unless-stopped, on-failure[:N]")
    how.add_argument("--docker-quirks", action="store_true", help="Docker's way also where it is a known bug")
    how.add_argument("--on-unhealthy", choices=("restart", "stop"), help="what to do when its health check fails")
    how.add_argument("-m", "--memory", metavar="SIZE", default="", help="memory limit, such as 512m")
    how.add_argument("--cpus", metavar="N", type=float, help="processor limit, in cores")
    how.add_argument("--pids-limit", metavar="N", type=int, help="how many processes and threads")
    how.add_argument("--stop-signal", metavar="SIGNAL", default="", help="signal to stop it with")
    how.add_argument("--stop-timeout", metavar="SECONDS", type=float, help="from the stop signal to SIGKILL")


ENTRIES = (
    Entry("run", "run one service in the foreground", "[SERVICE] [options] [-- COMMAND…]", "run_command", _run),
    Entry("up", "bring a compose project up, without an engine", "[SERVICE…] [options]", "up_command", _up),
    Entry("resume", "bring projects back", "", "resume_command", lambda _parser: None),
    Entry("down", "stop and remove its services", "[SERVICE…] [options]", "project_command", _down),
    Entry("ps", "list its instances", "[SERVICE…] [options]", "project_command", _ps),
    Entry("logs", "show what services have written", "[SERVICE…] [options]", "project_command", _logs),
    Entry("stop", "stop services", "[SERVICE…] [-t SECONDS]", "project_command", _stopping),
    Entry("start", "start services that were stopped", "[SERVICE…]", "project_command", _start),
    Entry("restart", "restart services", "[SERVICE…] [--rolling] [-t SECONDS]", "project_command", _restart),
    Entry("pause", "freeze services", "[SERVICE…]", "project_command", _start),
    Entry("unpause", "thaw services", "[SERVICE…]", "project_command", _start),
    Entry("kill", "send a signal to services", "[SERVICE…] [-s SIGNAL]", "project_command", _kill),
    Entry("exec", "run a command inside a service", "SERVICE COMMAND…", "project_command", _exec),
    Entry("events", "follow what happens to services", "[SERVICE…] [--json]", "project_command", _events),
    Entry("inspect", "show all that is known of instances", "NAME…", "project_command", _inspect),
    Entry("stats", "show what instances use", "[SERVICE…] [--no-stream]", "project_command", _stats),
    Entry("config", "print the project as it was understood", "[options]", "project_command", _config),
    Entry("top", "watch a project in the terminal", "[--once]", "top_command", _top),
)
