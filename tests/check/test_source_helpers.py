"""Small judgements about programs: what may handle a signal, which route a probe means, what is read to find out."""

from __future__ import annotations

import pytest

from seatrial.check import source
from seatrial.check.table import rules_for
from seatrial.model.documents import Documents, Unit
from seatrial.model.place import Place, Sourced
from seatrial.model.service import Service
from seatrial.model.source import Amount, Program, Route, Server, SignalHandler, SourceFacts

HERE = Place("a.js", 1)


def program(*files: SourceFacts, external: frozenset[str] = frozenset(), open_: tuple[str, ...] = ()) -> Program:
    return Program("a.js", "node", files, {}, external, open_)


def facts(**fields: object) -> SourceFacts:
    return SourceFacts("a.js", "javascript", **fields)  # type: ignore[arg-type]


def test_a_program_that_was_read_whole_and_says_nothing_does_not_handle_the_signal() -> None:
    assert not source.may_handle(program(facts()), "SIGTERM")


@pytest.mark.parametrize(
    "made",
    [
        program(facts(), open_=("b.js is missing",)),
        program(facts(mentions=("SIGTERM",))),
        program(facts(handlers=(SignalHandler((), HERE, "process.on"),))),
        program(facts(servers=(Server("aiohttp", HERE, ("SIGTERM",)),))),
        program(facts(), external=frozenset({"@acme/graceful"})),
        program(facts(), external=frozenset({"http-terminator"})),
    ],
    ids=lambda each: each.open or sorted(each.external) or "facts",
)
def test_whatever_may_handle_the_signal_keeps_the_rule_quiet(made: Program) -> None:
    assert source.may_handle(made, "SIGTERM")


def test_the_standard_librarys_signal_module_is_no_sign_of_a_handler() -> None:
    assert not source.may_handle(program(facts(), external=frozenset({"signal", "signal.SIGINT"})), "SIGTERM")


def test_a_route_below_an_unknown_prefix_is_found_if_it_is_the_only_one() -> None:
    one = program(facts(routes=(Route("/health", HERE), Route("/other", HERE))))
    found = source.route_of(one, "/api/v1/health?full=1")
    assert found is not None and found[1].path == "/health"
    two = program(facts(routes=(Route("/health", HERE), Route("/v1/health", HERE))))
    assert source.route_of(two, "/api/v1/health") is None
    exact = source.route_of(two, "/health/")
    assert exact is not None and exact[1].path == "/health"


@pytest.mark.parametrize(
    ("amount", "value", "certain"),
    [
        (Amount(5.0), 5.0, True),
        (Amount(5.0, "T"), 5.0, False),
        (Amount(None, "SET", 0.001), 7.0, True),
        (Amount(None, "WRONG"), None, True),
        (Amount(None), None, True),
    ],
)
def test_an_amount_is_worked_out_with_the_services_variables(
    amount: Amount, value: float | None, certain: bool
) -> None:
    environment = {"SET": Sourced("7000"), "WRONG": Sourced("soon")}
    assert amount.resolved(environment) == value
    assert amount.is_certain(environment) is certain


def test_rules_about_source_are_not_loaded_where_there_is_none() -> None:
    service = Service("a", "/", None)
    without = set(rules_for(Documents("/", (Unit(service),))))
    with_source = set(rules_for(Documents("/", (Unit(service, has_source=True),))))
    assert "handles-sigterm" not in without and "handles-sigterm" in with_source
