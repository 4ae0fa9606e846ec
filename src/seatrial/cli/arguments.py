"""The table of commands and their arguments. A command's own module is imported when it runs."""

from __future__ import annotations

import argparse
import gc
import math
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from seatrial.cli import check_arguments, fix_arguments, history_arguments
from seatrial.model.values import dataclass

# argparse asks gettext for each of its words, whose first answer costs two milliseconds. All of ours are English.
vars(argparse)["_"] = lambda text: text

EPILOG = """\
exit codes: 0 good; 1 findings, failed drills (see --fail-on) or nothing proved at all; 2 usage or unreadable input;
3 nothing found; 4 this machine cannot; 70 a bug of ours; 130, 143 interrupted, with everything cleaned up
"""


DISTRIBUTED = ("swarm", "kubernetes")
"""Of the engines those on which a service runs already: the names of `rollouts.ENGINES`."""
ENGINES = ("native", "docker", *DISTRIBUTED)
"""What `--engine` takes. The others are the names of `engines.ENGINES`; both are imported only for a trial."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `module` has a function `run` that takes the arguments and gives the exit code."""

    name: str
    summary: str
    usage: str
    module: str
    add_arguments: Callable[[argparse.ArgumentParser], None]


def dispatch(argv: Sequence[str]) -> int:
    """Read the arguments and run the command."""
    own, command = (list(argv), None) if argv[:1] == ["exec"] else _split(argv)
    parser = _parser([named] if own and (named := _command(own[0])) else ())
    arguments, unknown_words = parser.parse_known_args(own)
    if unknown_words:
        arguments.refuse(f"unrecognized arguments: {' '.join(unknown_words)}")
    if arguments.command is None:
        parser.print_help()
        return 0
    if command is not None and arguments.command.name not in ("drill", "run"):
        arguments.refuse(f"unexpected arguments after --: {' '.join(command)}")
    if command == []:
        arguments.refuse("there is no command after --")
    arguments.service_command = tuple(command or ())
    command_module = import_module(f"seatrial.cli.{arguments.command.module}")
    gc.enable()
    code: int = command_module.run(arguments)
    return code


def _split(argv: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """What stands before the first `--`, and the command after it (None without one)."""
    words = list(argv)
    if "--" not in words:
        return words, None
    place = words.index("--")
    return words[:place], words[place + 1 :]


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        # argparse makes a formatter for each argument, and asks shutil for the width, whose import is slow.
        super().__init__(prog, max_help_position=28, width=columns() - 2)


@cache
def columns() -> int:
    """The width of the terminal, by the rules of `shutil.get_terminal_size`."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80 if sys.__stdout__ else 80
    except (OSError, ValueError):
        return 80


class _Parser(argparse.ArgumentParser):
    """Complains as all of us do: `error: …`, then a hint."""

    def error(self, message: str) -> Any:
        from seatrial.cli.streams import complain
        from seatrial.report.words import clean

        complain(f"error: {clean(message)}")
        meant = self._meant(message)
        complain(f"hint: {f'did you mean {meant}? ' if meant else ''}{self.prog} --help")
        self.exit(2)

    def _meant(self, message: str) -> str:
        """The option of this very command that an unknown one is close to."""
        words = message.removeprefix("unrecognized arguments: ").split() if message.startswith("unrec") else []
        wrong = [word.partition("=")[0] for word in words if word.startswith("--")]
        if not wrong:
            return ""
        from difflib import get_close_matches

        known = [name for action in self._actions for name in action.option_strings]
        return next(iter(get_close_matches(wrong[0], known, n=1)), "")


def _command(name: str) -> Command | None:
    own = next((command for command in COMMANDS if command.name == name), None)
    return own or next((command for command in _on_projects() if command.name == name), None)


def _on_projects() -> tuple[Command, ...]:
    """The commands on a compose project; a module of their own, so that the others start without it."""
    from seatrial.cli.project_arguments import ENTRIES

    return tuple(
        Command(entry.name, entry.summary, f"seatrial {entry.name} {entry.usage}", entry.module, entry.add)
        for entry in ENTRIES
    )


def _parser(known: Sequence[Command] = ()) -> argparse.ArgumentParser:
    """The parser of these commands, by default of all; dispatch wants one alone, for a quick start."""
    parser = _Parser(
        prog="seatrial",
        description="The sea trial for services in containers: prove what a stop really does.",
        epilog=EPILOG,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="store_true", help="print the version")
    parser.set_defaults(command=None, refuse=parser.error)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", prog="seatrial")
    for command in known or (*COMMANDS, *_on_projects()):
        sub = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.summary[0].upper() + command.summary[1:] + ".",
            usage=command.usage,
            epilog=EPILOG if command.name == "drill" else None,
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        command.add_arguments(sub)
        sub.set_defaults(command=command, refuse=sub.error)
    return parser


def _add_drill(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "project",
        metavar="PATH",
        nargs="?",
        help="directory, Dockerfile, compose file (default: here), image or service",
    )
    what = parser.add_argument_group("what to drill")
    what.add_argument("--service", metavar="NAME", help="the service, where there are several")
    what.add_argument("-f", "--file", metavar="FILE", action="append", default=[], help="compose file (repeatable)")
    what.add_argument("--target", metavar="STAGE", help="build stage of the Dockerfile")
    what.add_argument("--profile", metavar="NAME", action="append", default=[], help="compose profile (repeatable)")
    what.add_argument("--engine", choices=ENGINES, default="native", help="what runs it (default: native)")
    what.add_argument("-e", "--env", metavar="NAME[=VALUE]", action="append", default=[], help="environment variable")
    what.add_argument("--env-file", metavar="FILE", action="append", default=[], help="environment from a file")
    what.add_argument("--port", metavar="N", type=_port, help="port to load, where it listens on several")
    _add_drill_where(parser.add_argument_group("a service that runs on Swarm or Kubernetes, replaced there under load"))
    _add_drill_how(parser.add_argument_group("how to drill it"))
    _add_drill_output(parser.add_argument_group("what to do with the result"))


def _add_drill_where(where: argparse._ArgumentGroup) -> None:
    add = where.add_argument
    add("--url", metavar="URL", help="where its clients come in (Swarm: default is the port that it publishes)")
    add("--update-order", choices=("start-first", "stop-first"), help="Swarm: not its own order, for this update")
    add("-n", "--namespace", metavar="NAME", help="Kubernetes: by default the context's")
    add("--context", metavar="NAME", help="Kubernetes: of the kubeconfig, by default the current one")


def _add_drill_how(how: argparse._ArgumentGroup) -> None:
    add = how.add_argument
    add("--only", metavar="NAMES", type=_names, help="these requirements or runs alone, separated by commas")
    add("--skip", metavar="NAMES", type=_names, help="all but these")
    add("--rate", metavar="N", type=_rate, help="new connections a second (default: 50)")
    add("--connections", metavar="N", type=_connections, help="keep-alive connections that send as fast as they can")
    add("--load-from", metavar="COMMAND", help="its load in the place of ours during the stop: 'wrk -d60s {url}'")
    add("--path", dest="quick_path", metavar="PATH", type=_path, help="request target of quick requests")
    add("--slow-path", metavar="PATH", type=_path, help="one that takes a second or so")
    add("--stream-path", metavar="PATH", type=_path, help="one whose response goes on")
    add("--ws-path", dest="websocket_path", metavar="PATH", type=_path, help="where it accepts WebSockets")
    add("--grace", metavar="SECONDS", type=_seconds, help="from the stop signal to SIGKILL")
    add("--lag", metavar="SECONDS", type=_seconds, help="how long a load balancer goes on sending")
    add("--ready-timeout", metavar="SECONDS", type=_positive_seconds, help="how long to wait for readiness")
    add("--job", metavar="COMMAND", help="shell line that gives a queue worker a job")
    add("--job-state", metavar="COMMAND", help="one that prints what became of it: waiting, taken, done or twice")


def _add_drill_output(out: argparse._ArgumentGroup) -> None:
    add = out.add_argument
    add("--report", metavar="FILE", help="write an HTML page")
    add("--json", metavar="FILE", nargs="?", const="-", help="write a JSON report (default: to stdout)")
    add("--junit", metavar="FILE", help="write JUnit XML")
    add("--markdown", metavar="FILE", help="write Markdown, for a pull request's comment")
    add("--compare", metavar="FILE", help="a recording or JSON report of before: only what got worse makes the code 1")
    keep = history_arguments.DEFAULT
    add("--history", metavar="FILE", nargs="?", const=keep, help="add the verdicts to a history (seatrial history)")
    add("--save", metavar="FILE", help="save the recording, which holds the service's own output")
    add("--replay", metavar="FILE", help="judge a saved recording again; nothing is run")
    levels = ("fail", "not-proved", "never")
    add("--fail-on", choices=levels, default="fail", help="what makes the exit code 1 (default: fail)")
    add("-q", "--quiet", action="store_true", help="no progress, and only what did not pass")
    add("-v", "--verbose", action="store_true", help="all evidence and numbers")
    add("--no-color", action="store_true", help="no colours (also: NO_COLOR=1)")


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--drilled", action="store_true", help="only what `seatrial drill` gives a verdict on")


def _add_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a requirement, as `seatrial list` names it")


COMMANDS = (
    Command("check", check_arguments.SUMMARY, check_arguments.USAGE, "check_command", check_arguments.add_arguments),
    Command("fix", fix_arguments.SUMMARY, fix_arguments.USAGE, "fix_command", fix_arguments.add_arguments),
    Command(
        "drill",
        "start, load, stop and kill a service; report what happened",
        "seatrial drill [PATH] [options] [-- COMMAND…]",
        "drill",
        _add_drill,
    ),
    Command(
        "history",
        history_arguments.SUMMARY,
        history_arguments.USAGE,
        "history_command",
        history_arguments.add_arguments,
    ),
    Command("list", "list the requirements", "seatrial list [--drilled]", "listing", _add_list),
    Command("explain", "explain a requirement", "seatrial explain NAME", "explain", _add_explain),
)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return number


def _seconds(text: str) -> float:
    number = _number(text.removesuffix("s"))
    if not 0 <= number <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 86400 seconds")
    return number


def _positive_seconds(text: str) -> float:
    number = _seconds(text)
    if number == 0:
        raise argparse.ArgumentTypeError("0 seconds leave no time")
    return number


def _rate(text: str) -> float:
    number = _number(text)
    if not 0 < number <= 20_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0 and at most 20000 connections a second")
    return number


def _connections(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= 4000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of connections (1 to 4000)")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return int(text)


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} does not begin with /: write {'/' + text!r}")
    if not all("!" <= character <= "~" for character in text):
        raise argparse.ArgumentTypeError(f"{text!r} holds white space or characters that must be percent-encoded")
    return text


def selectable() -> tuple[str, ...]:
    """All names that --only and --skip take: drilled requirements, and runs."""
    from seatrial.model import catalogue
    from seatrial.model.recording import Scenario

    return (*(each.name for each in catalogue.REQUIREMENTS if each.drilled), *(each.value for each in Scenario))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name for part in text.split(",") if (name := part.strip()))
    if not names:
        raise argparse.ArgumentTypeError("no name is given")
    for name in names:
        if name not in selectable():
            raise argparse.ArgumentTypeError(unknown(name, selectable()))
    return names


def unknown(name: str, known: Sequence[str]) -> str:
    """The complaint about an unknown name, with what may have been meant."""
    from difflib import get_close_matches

    from seatrial.model import catalogue

    close = get_close_matches(name, known, n=3, cutoff=0.5)
    if catalogue.find(name):
        return f"{name!r} is not proved by running (seatrial list --drilled)"
    return f"{name!r} is unknown" + (f"; did you mean {' or '.join(close)}?" if close else " (seatrial list --drilled)")
