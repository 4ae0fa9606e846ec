"""What is done to the instance of each scenario: one table.

The stop scenario has no client that misbehaves: those have a scenario of their own, so that a stop which only they hold
up is told from one that any traffic does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from seatrial.load.interface import Plan
from seatrial.model.recording import Scenario
from seatrial.model.traffic import Target

ONE_BY_ONE = 500.0
"""So many new connections a second are recorded one by one; what is asked for beyond is counted."""
SECOND_AFTER = 0.15
"""Seconds between the two signals of the second-signal scenario."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A scenario's connections, and what is sent.

    `part` of the asked rate of new connections is used; `open_ones` is how many requests are in flight (held ones where
    no slow path is known); of WebSockets and HTTP/2 connections there are as many idle ones and busy ones. `signal`
    replaces the service's stop signal; `again` sends it a second time; new connections go on for `after` seconds after
    the end.
    """

    part: float = 0.0
    idle: int = 1
    never_used: int = 0
    open_ones: int = 0
    streams: int = 0
    keep_alive: int = 0
    slow_senders: int = 0
    slow_readers: int = 0
    unfinished: int = 0
    websockets: int = 0
    http2: int = 0
    lead: float = 0.1
    signal: str = ""
    again: bool = False
    after: float = 0.0


RECIPES: Mapping[Scenario, Recipe] = MappingProxyType(
    {
        Scenario.STOP: Recipe(part=1.0, idle=5, open_ones=3, streams=2, keep_alive=3, websockets=2, http2=2, lead=0.3),
        Scenario.SECOND_SIGNAL: Recipe(open_ones=3, again=True),
        Scenario.SLOW_CLIENTS: Recipe(never_used=2, slow_senders=2, slow_readers=1),
        Scenario.INTERRUPT: Recipe(part=0.2, idle=2, open_ones=2, signal="SIGINT"),
    }
)
"""ORPHAN has none: it needs no load and no stop."""

PROVED_BY: Mapping[str, tuple[Scenario, ...]] = MappingProxyType(
    {
        "second-signal-safe": (Scenario.SECOND_SIGNAL,),
        "slow-clients-bounded": (Scenario.SLOW_CLIENTS,),
        "handles-sigint": (Scenario.INTERRUPT,),
        "init-reaps-orphans": (Scenario.ORPHAN, Scenario.LOAD),
        "exit-code-clean": (Scenario.STOP, Scenario.OTHER_INIT),
        "readiness-flips-first": (Scenario.STOP,),
        "healthcheck-tool-present": (Scenario.FREEZE,),
        "healthcheck-port": (Scenario.FREEZE, Scenario.STAND_IN),
        "healthcheck-detects-failure": (Scenario.FREEZE, Scenario.STAND_IN),
        "exit-code-honest": (Scenario.CRASH, Scenario.EXCEPTION, Scenario.REJECTION),
        "dies-on-fatal-error": (Scenario.EXCEPTION, Scenario.REJECTION),
        "recovers-from-crash": (Scenario.RECOVERY, Scenario.CRASH),
        "no-crash-loop": (Scenario.PORT_TAKEN, Scenario.NO_SETTINGS, Scenario.NO_DEPENDENCY),
        "logs-to-stdout": (Scenario.LOAD,),
        "logs-structured": (Scenario.LOAD,),
        "logs-carry-correlation": (Scenario.LOAD,),
        "healthcheck-timing": (Scenario.LOAD, Scenario.STOP),
        "nofile-limit": (Scenario.LOAD,),
        "pids-limit": (Scenario.LOAD,),
        "liveness-is-shallow": (Scenario.DEPENDENCY,),
        "readiness-is-deep": (Scenario.DEPENDENCY,),
        "grace-period-fits": (Scenario.OVERTIME,),
        "rollout-drops-nothing": (Scenario.ROLLOUT,),
        "work-finished-or-returned": (Scenario.WORK,),
        "memory-limit": (Scenario.LOAD, Scenario.MEMORY, Scenario.MORE_MEMORY),
        "survives-memory-limit": (Scenario.LOAD,),
        "non-root-user": (Scenario.NON_ROOT, Scenario.LOAD),
        "read-only-root": (Scenario.READ_ONLY, Scenario.LOAD),
    }
)
"""The runs that prove a requirement, where it is not the stop."""

MEASURED_AT_WORK = frozenset(
    {"logs-to-stdout", "logs-structured", "memory-limit", "survives-memory-limit", "nofile-limit", "pids-limit"}
)
"""What the work run measures besides: a worker takes no requests, and has a job in hand instead."""


def plan(recipe: Recipe, target: Target, rate: float, timeout: float, crowd: int = 0) -> Plan:
    """The load of a recipe on a target; `crowd` is how many connections of a heavy load there are besides."""
    slow = bool(target.slow_path)
    return Plan(
        # Its length is known too late to be of use for aiming, and differs under load.
        target=replace(target, slow_seconds=0.0),
        rate=min(rate * recipe.part, ONE_BY_ONE),
        crowd_rate=max(0.0, rate * recipe.part - ONE_BY_ONE),
        crowd=crowd,
        idle=recipe.idle,
        never_used=recipe.never_used,
        in_flight=recipe.open_ones if slow else 0,
        held=0 if slow else recipe.open_ones,
        stream=recipe.streams if target.stream_path else 0,
        keep_alive=recipe.keep_alive,
        slow_sender=recipe.slow_senders,
        slow_reader=recipe.slow_readers,
        unfinished=recipe.unfinished,
        websocket=recipe.websockets,
        websocket_busy=recipe.websockets,
        http2=recipe.http2,
        http2_idle=recipe.http2,
        lead=recipe.lead,
        timeout=timeout,
    )
