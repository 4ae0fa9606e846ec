"""The JSON report keeps to its schema, and the docs to both."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from seatrial.model.recording import Charged, Exit, Scenario
from seatrial.model.traffic import Bulk, Outcome, Outside, Population, Seen
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report import json_report, summary
from seatrial.report.trial import Trial, prepare

from ..drill import recordings
from . import sample

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("trial", [sample.good(), sample.terrible(), prepare(sample.GOOD, ())])
def test_real_reports_keep_to_the_schema(trial: Trial) -> None:
    text = json_report.render(trial)
    assert text.isascii()
    jsonschema.Draft202012Validator(json_report.schema()).validate(json.loads(text))


def test_the_schema_is_one_and_can_fail() -> None:
    jsonschema.Draft202012Validator.check_schema(json_report.schema())
    document = json_report.document(sample.good())
    del document["runs"][0]["exit"]["code"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_report.schema()).validate(document)


def test_every_field_is_in_the_schema() -> None:
    def undocumented(value: object, schema: dict[str, object], path: str) -> list[str]:
        choices = [schema, *schema.get("anyOf", [])]  # type: ignore[misc]
        if isinstance(value, list):
            return [name for item in value for name in undocumented(item, schema["items"], f"{path}[]")]  # type: ignore[arg-type]
        described = next((each["properties"] for each in choices if "properties" in each), None)
        if not isinstance(value, dict) or described is None:
            return []
        extra = [f"{path}.{name}" for name in value if name not in described]
        return extra + [
            name
            for key in value
            if key in described
            for name in undocumented(value[key], described[key], f"{path}.{key}")
        ]

    assert undocumented(json_report.document(sample.terrible()), json_report.schema(), "") == []


def test_the_words_of_the_schema_are_those_of_the_model() -> None:
    runs = json_report.schema()["properties"]["runs"]["items"]["properties"]
    assert runs["scenario"]["enum"] == [scenario.value for scenario in Scenario]
    population = runs["populations"]["items"]["properties"]
    assert population["population"]["enum"] == [each.value for each in Population]
    assert population["after_signal"]["propertyNames"]["enum"] == [each.value for each in Outcome]


def test_numbers_are_those_of_the_recording() -> None:
    document = json_report.document(sample.terrible())
    stop, interrupt = document["runs"]
    assert document["result"] == "fail"
    assert document["counts"] == {"fail": 4, "not proved": 1, "pass": 1}
    assert stop["exit"] == {"seconds": 11.01, "code": 137, "signal": 9, "killed": True, "oom_kills": 0}
    assert stop["stop_seconds"] == pytest.approx(10.01)
    assert (interrupt["stop_seconds"], interrupt["target"]) == (None, None)
    flown = next(each for each in stop["populations"] if each["population"] == "in flight")
    assert flown["after_signal"] == {"closed without an answer (FIN)": 3}


def test_a_figure_that_is_no_number_is_left_out() -> None:
    verdict = Verdict("stops-in-time", Ruling.PASS, "x", figures={"a": float("nan"), "b": 1.0})
    assert json.loads(json_report.render(prepare(sample.GOOD, [verdict])))["verdicts"][0]["figures"] == {"b": 1.0}


def test_the_docs_are_those_of_the_schema() -> None:
    page = runpy.run_path(str(ROOT / "tools" / "report_json_docs.py"))["page"]()
    assert (ROOT / "docs" / "report-json.md").read_text(encoding="utf-8") == page


def test_a_run_without_any_load_is_reported() -> None:
    trial = prepare(replace(sample.GOOD, runs=(sample.never_ready_run(),)), ())
    assert json_report.document(trial)["runs"][0]["populations"] == []


def test_warnings_are_in_the_report() -> None:
    assert json_report.document(sample.terrible())["warnings"] == []
    run = replace(sample.TERRIBLE.runs[0], target=replace(sample.TARGET, loopback_only=True))
    document = json_report.document(prepare(replace(sample.TERRIBLE, runs=(run,)), ()))
    assert len(document["warnings"]) == 1
    assert document["runs"][0]["target"]["loopback_only"] is True
    jsonschema.Draft202012Validator(json_report.schema()).validate(document)


def test_a_run_at_a_limit_of_the_drills_says_which_and_what_the_kernel_charged_to_it() -> None:
    at = recordings.at_limit(96, charged=Charged(80 << 20, 7), exit=Exit(1.5, 137, 9, oom_kills=1))
    of = recordings.recording(recordings.load(), at)
    load, memory = json_report.document(prepare(of, ()))["runs"]
    names = ("memory_limit_bytes", "charged_memory_bytes", "times_at_memory_limit")
    assert [load[name] for name in names] == [None, None, None]
    assert [memory[name] for name in names] == [96 << 20, 80 << 20, 7]
    said = summary.sentence(at)
    assert said.startswith("with 96 MiB of memory, ready after")
    assert said.endswith(", 1 out-of-memory kill"), said
    assert "memory" not in summary.sentence(recordings.load())


def test_a_counted_load_and_one_that_is_not_ours_keep_to_the_schema() -> None:
    bulk = Bulk(Population.KEEP_ALIVE, True, 0.5, 64, 9, 5, 4, 1, 1, 1, 2, (0.001, 0.002, 0.004, 0.009), 0.25)
    outside = Outside(("wrk", "--header", "Authorization: Bearer abc123"), None, "", Seen(early=7, open=3, busy=2))
    run = replace(sample.good_run(), bulk=(bulk,), outside=outside)
    document = json_report.document(prepare(replace(sample.GOOD, runs=(run,)), ()))
    jsonschema.Draft202012Validator(json_report.schema()).validate(document)
    (told,) = document["runs"]
    assert told["counted"][0]["latency_seconds"] == {"p50": 0.001, "p90": 0.002, "p99": 0.004, "p99.9": 0.009}
    assert (told["counted"][0]["requests"], told["counted"][0]["lost"]) == (9, 2)
    assert told["outside_load"]["connections"]["busy"] == 2
    assert told["outside_load"]["exit_code"] is None
    assert "abc123" not in json.dumps(document)
