"""A trial as JUnit XML and as Markdown."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from seatrial.model.verdict import Ruling, Verdict
from seatrial.report import json_report, trial_junit, trial_markdown
from seatrial.report.comparison import Baseline
from seatrial.report.html import page as html_page
from seatrial.report.trial import Trial, prepare

from . import sample

ALLOWED = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        {"name", "tests", "failures", "errors"},
        {"properties", "testcase"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "testcase": ({"name", "time", "classname"}, {"name"}, {"skipped", "failure"}),
    "skipped": ({"type", "message"}, set(), set()),
    "failure": ({"type", "message"}, set(), set()),
}
"""What the schema of Jenkins' xUnit plug-in allows, of what is used here: attributes, needed ones, children."""


def compared() -> Trial:
    before = Baseline("old.json", "api", "2026-01-01", sample.GOOD_VERDICTS, sample.GOOD)
    return prepare(sample.TERRIBLE, sample.TERRIBLE_VERDICTS, baseline=before)


def test_the_xml_is_what_the_common_schema_allows() -> None:
    for trial in (sample.good(), sample.terrible(), compared(), prepare(sample.GOOD, ())):
        for element in ElementTree.fromstring(trial_junit.render(trial)).iter():
            attributes, needed, children = ALLOWED[element.tag]
            assert needed <= set(element.attrib) <= attributes
            assert {child.tag for child in element} <= children


def test_the_counts_of_the_suite_are_those_of_its_cases() -> None:
    suite = ElementTree.fromstring(trial_junit.render(sample.terrible()))[0]
    cases = suite.findall("testcase")
    assert int(suite.attrib["tests"]) == len(cases) == 6
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure")) == 4
    assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped")) == 1


def test_what_is_skipped_is_told_from_what_was_not_proved() -> None:
    told = [Verdict("a", Ruling.SKIPPED, "no image"), Verdict("b", Ruling.NOT_PROVED, "too late")]
    trial = prepare(sample.GOOD, [*told, Verdict("c", Ruling.PASS, "good")])
    suite = ElementTree.fromstring(trial_junit.render(trial))[0]
    assert suite.attrib["skipped"] == "2"
    assert [each.attrib["message"] for each in suite.iter("skipped")] == ["no image", "not proved: too late"]
    text = trial_markdown.render(trial)
    assert "<summary>1 skipped</summary>" in text
    assert "no image" not in text
    assert "1 not proved, 1 passed, 1 skipped" in text
    page = html_page.render(trial)
    assert page.index("<h3>Skipped") > page.index('class="card pass"')
    assert "no image" in page
    counted = json_report.document(trial)
    assert counted["counts"] == {"skipped": 1, "not proved": 1, "pass": 1}
    assert counted["result"] == "not proved"


def test_a_failure_says_what_happened_and_what_to_do() -> None:
    root = ElementTree.fromstring(trial_junit.render(sample.terrible()))
    failure = root.find(".//testcase[@name='in-flight-finish']/failure")
    assert failure is not None
    assert failure.attrib["message"] == "3 of 3 requests in flight were cut"
    assert "instead: close the listener" in (failure.text or "")


def test_what_a_service_wrote_is_neither_markup_nor_a_secret() -> None:
    evil = 'a</failure>"&\x00\x1b|<b>*x*\npassword=hunter2hunter2'
    trial = prepare(
        replace(sample.GOOD, subject=replace(sample.GOOD.subject, name=evil)),
        [Verdict(evil, Ruling.FAIL, evil, (evil,), evil)],
    )
    ElementTree.fromstring(trial_junit.render(trial))
    text = trial_markdown.render(trial)
    assert "hunter2" not in text + trial_junit.render(trial)
    assert "<b>" not in text
    assert all(line.count("|") - line.count("\\|") in (0, 5) for line in text.splitlines() if "❌" in line)


def test_markdown_says_first_what_got_worse() -> None:
    text = trial_markdown.render(compared())
    assert text.startswith("## Sea trial of api: 2 failed")
    assert text.splitlines()[2].startswith("**Compared with old.json**")
    assert "- **worse**: `in-flight-finish` (pass → fail): 3 of 3 requests in flight were cut" in text
    assert "close the listener, wait for open requests, then exit" in text
    assert text.index("worse") < text.index("❌ fail") < text.index("1 passed</summary>")


def test_a_comment_stays_far_below_what_github_takes() -> None:
    verdicts = [Verdict(f"n{n}", Ruling.FAIL, "w" * 5000, remedy="r" * 5000) for n in range(200)]
    before = Baseline("old.json", "api", "", tuple(replace(each, ruling=Ruling.PASS) for each in verdicts))
    text = trial_markdown.render(prepare(sample.GOOD, verdicts, baseline=before))
    assert len(text) < 40_000
    assert text.count("… and 180 more") == 2
