"""How long a server lets its requests go on after the stop signal, by its own options and variables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seatrial.check import launch
from seatrial.model.documents import Unit
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced
from seatrial.model.servers import STOP_OPTION, option_seconds
from seatrial.model.values import dataclass

_SPRING = "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE"
_DURATION = pattern(r"(?:PT)?(\d{1,6})(ms|s|m|S|M)")
_SECONDS = {"ms": 0.001, "s": 1.0, "S": 1.0, "m": 60.0, "M": 60.0}


@dataclass(frozen=True, slots=True)
class Patience:
    """The seconds, and who says so."""

    seconds: float
    by: str
    place: Place | None


def of_unit(unit: Unit) -> Patience | None:
    """That of a service as it is started."""
    links = launch.chain(unit)
    if not links or launch.is_for_development(unit):
        return None
    return of_command(links[-1].argv, links[-1].place, unit.service.environment) or _of_source(unit)


def _of_source(unit: Unit) -> Patience | None:
    """That of the program's own handler of the stop signal."""
    if not unit.has_source:
        return None
    from seatrial.check.source import patience as by_source

    found = by_source.longest(unit)
    if found is None:
        return None
    seconds, timer, _is_certain = found
    return Patience(seconds, f"{timer.by} in the handler of the stop signal", timer.place)


def to_come(unit: Unit) -> Patience | None:
    """That of SIGINT's handler where nothing handles the stop signal: who mends this gives it that handler."""
    if not unit.has_source or launch.is_for_development(unit):
        return None
    from seatrial.check.source import patience as by_source

    found = by_source.of_sigint(unit)
    return Patience(found[0], f"{found[1].by} in the handler of SIGINT", found[1].place) if found else None


def of_command(argv: Sequence[str], place: Place | None, environment: Mapping[str, Sourced[str]]) -> Patience | None:
    """That of this command with these variables."""
    program = argv[0].rpartition("/")[2] if argv else ""
    if program.startswith("python") and argv[1:2] == ("-m",) and argv[2:3]:
        program = argv[2]
    option = STOP_OPTION.get(program)
    seconds = option_seconds(argv, option) if option else None
    if seconds is not None:
        return Patience(seconds, f"{program} {option}", place)
    return _of_variables(program, environment)


def _of_variables(program: str, environment: Mapping[str, Sourced[str]]) -> Patience | None:
    variable = environment.get("GUNICORN_CMD_ARGS") if program == "gunicorn" else None
    seconds = option_seconds(variable.value.split(), STOP_OPTION[program]) if variable else None
    if variable and seconds is not None:
        return Patience(seconds, "GUNICORN_CMD_ARGS", variable.place)
    spring = environment.get(_SPRING)
    found = _DURATION.fullmatch(spring.value.strip()) if spring else None
    if spring and found:
        return Patience(int(found.group(1)) * _SECONDS[found.group(2)], _SPRING, spring.place)
    return None
