"""The commands on a project that was brought up: `down`, `ps`, `logs`, `stop`, `start`, `restart`, `kill`, `exec`,
`events`, `inspect`, `stats`, `config`. Each asks the supervisor and prints its answer; none decides anything.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from seatrial.cli import codes
from seatrial.cli.project_client import NeverUpError, ask, followed, known, name_before_lines, show_steps
from seatrial.cli.streams import complain, emit
from seatrial.model.deployment import Fleet
from seatrial.model.errors import InputError
from seatrial.model.service import signal_number
from seatrial.project.client import Client

Row = Mapping[str, Any]


def run(arguments: argparse.Namespace) -> int:
    """Run the command that the arguments name."""
    return _COMMANDS[arguments.command.name](arguments)


def _client(arguments: argparse.Namespace) -> Client:
    fleet, layout = known(arguments)
    _refuse_unknown(fleet, getattr(arguments, "services", ()))
    return ask(fleet, layout)


def _refuse_unknown(fleet: Fleet, names: list[str] | tuple[str, ...]) -> None:
    present = [deployment.name for deployment in fleet.deployments]
    for name in names:
        if name not in present:
            raise InputError(f"no such service: {name}", hint=f"there are {', '.join(present)}")


def _rows(client: Client, arguments: argparse.Namespace) -> list[Row]:
    rows: list[Row] = client.get("instances")
    return [row for row in rows if not arguments.services or row["Service"] in arguments.services]


def _work(name: str, arguments: argparse.Namespace, **values: Any) -> int:
    show_steps(_client(arguments).post(name, values={"names": arguments.services, **values}))
    return codes.GOOD


def _down(arguments: argparse.Namespace) -> int:
    try:
        client = _client(arguments)
    except NeverUpError as error:
        complain(f'warning: No resource found to remove for project "{error.project}".')  # compose's words
        return codes.GOOD
    values = {"names": arguments.services, "timeout": arguments.timeout, "remove_orphans": arguments.remove_orphans}
    show_steps(client.post("down", values={**values, "volumes": arguments.volumes}))
    return codes.GOOD


def _kill(arguments: argparse.Namespace) -> int:
    try:
        number = signal_number(arguments.signal)
    except ValueError as error:
        raise InputError(str(error), hint="-s SIGTERM") from None
    return _work("kill", arguments, signal=number)


def _ps(arguments: argparse.Namespace) -> int:
    from seatrial.report.instances import ps_json, ps_table

    try:
        rows = _rows(_client(arguments), arguments)
    except NeverUpError:
        rows = []
    if not arguments.all and not arguments.status:
        rows = [row for row in rows if row["State"] in ("running", "paused", "restarting")]
    rows = [row for row in rows if not arguments.status or row["State"] in arguments.status]
    if arguments.quiet:
        emit("".join(f"{row['ID']}\n" for row in rows))
    elif arguments.only_services:
        emit("".join(f"{name}\n" for name in dict.fromkeys(row["Service"] for row in rows)))
    else:
        emit((ps_json if arguments.format == "json" else ps_table)(rows, time.time()))
    return codes.GOOD


def _logs(arguments: argparse.Namespace) -> int:
    from seatrial.cli.logs_command import show
    from seatrial.engine.logs.interface import LogSource

    fleet, layout = known(arguments)
    _refuse_unknown(fleet, arguments.services)
    client = ask(fleet, layout)

    def is_over(name: str) -> Callable[[], bool]:
        # As `docker compose logs -f`: the end of one run is not the end while a restart is due.
        return lambda: all(row["State"] in ("exited", "dead") for row in client.get("instances") if row["Name"] == name)

    rows = _rows(client, arguments)
    for row in rows:
        if not row["IsLogReadable"]:
            complain(f"warning: {row['Name']}: configured logging driver does not support reading")
    sources = [
        LogSource(name_before_lines(row), layout.log(row["Name"], row["ID"]), is_over(row["Name"]))
        for row in rows
        if row["IsLogReadable"]
    ]
    return show(sources, arguments)


def _exec(arguments: argparse.Namespace) -> int:
    from seatrial.cli.entering import enter

    if not arguments.words:
        raise InputError("exec needs a command", hint="seatrial exec SERVICE COMMAND")
    arguments.services = [arguments.service]
    rows = [row for row in _rows(_client(arguments), arguments) if row["State"] in ("running", "paused")]
    if not 0 < arguments.index <= len(rows):
        raise InputError(f"service {arguments.service} has {len(rows)} running instances", hint="seatrial ps -a")
    if rows[arguments.index - 1]["State"] == "paused":
        raise InputError(f"{rows[arguments.index - 1]['Name']} is paused", hint=f"seatrial unpause {arguments.service}")
    _, layout = known(arguments)
    return enter(layout.instance(rows[arguments.index - 1]["Name"]), arguments)


def _events(arguments: argparse.Namespace) -> int:
    client = _client(arguments)
    query = {name: text for name in ("since", "until") if (text := _moment(getattr(arguments, name), f"--{name}"))}
    try:
        for event in followed(client, **query):
            attributes = event["Actor"]["Attributes"]
            if arguments.services and attributes.get("com.docker.compose.service") not in arguments.services:
                continue
            emit((json.dumps(event) if arguments.json else _event_line(event)) + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        return codes.SIGNALLED + 2
    return codes.GOOD


def _moment(text: str, option: str) -> str:
    if not text:
        return ""
    from seatrial.engine.logs.moments import Now, parse_moment

    return f"{parse_moment(text, Now.here(), option) / 1e9:.9f}"


def _event_line(event: Row) -> str:
    """As `docker compose events` prints it."""
    attributes = event["Actor"]["Attributes"]
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["time"]))
    micros = event["timeNano"] % 1_000_000_000 // 1000
    shown = ", ".join(f"{name}={value}" for name, value in attributes.items() if not name.startswith("com.docker."))
    return f"{moment}.{micros:06d} container {event['Action']} {event['Actor']['ID']} ({shown})"


def _inspect(arguments: argparse.Namespace) -> int:
    client = _client(arguments)
    found = [document for name in arguments.names for document in client.get("instances", name)]
    emit(json.dumps(found, indent=4, ensure_ascii=False) + "\n")
    return codes.GOOD


def _stats(arguments: argparse.Namespace) -> int:
    from seatrial.report.instances import stats_json, stats_table

    client = _client(arguments)
    try:
        for rows in sampled(client, 1.0):
            chosen = [row for row in rows if not arguments.services or row["Service"] in arguments.services]
            chosen = [row for row in chosen if arguments.all or row["PIDs"] is not None]
            if arguments.format == "json":
                emit(stats_json(chosen))
            else:
                emit(("" if arguments.no_stream or not sys.stdout.isatty() else "\x1b[2J\x1b[H") + stats_table(chosen))
            sys.stdout.flush()
            if arguments.no_stream:
                return codes.GOOD
    except KeyboardInterrupt:
        return codes.SIGNALLED + 2
    return codes.GOOD


def sampled(client: Client, interval: float) -> Iterator[list[dict[str, Any]]]:
    """What the instances use, again and again, with the share of a core that they used since the sample before."""
    before: dict[str, tuple[float, float]] = {}
    while True:
        now = time.monotonic()
        rows = client.get("stats")
        for row in rows:
            used, last = row["CPUSeconds"], before.get(row["ID"])
            row["CPUPercent"] = None
            if used is not None:
                if last is not None and now > last[0]:
                    row["CPUPercent"] = max(0.0, 100 * (used - last[1]) / (now - last[0]))
                before[row["ID"]] = (now, used)
        if any(row["CPUPercent"] is not None for row in rows) or not before:
            yield rows
        time.sleep(interval)


def _config(arguments: argparse.Namespace) -> int:
    from seatrial.cli.project_config import shown

    emit(shown(arguments))
    return codes.GOOD


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "down": _down,
    "ps": _ps,
    "logs": _logs,
    "stop": lambda arguments: _work("stop", arguments, timeout=arguments.timeout),
    "start": lambda arguments: _work("start", arguments),
    "restart": lambda arguments: _work("restart", arguments, timeout=arguments.timeout, rolling=arguments.rolling),
    "pause": lambda arguments: _work("pause", arguments),
    "unpause": lambda arguments: _work("unpause", arguments),
    "kill": _kill,
    "exec": _exec,
    "events": _events,
    "inspect": _inspect,
    "stats": _stats,
    "config": _config,
}
