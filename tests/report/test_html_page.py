"""The page is one file that needs nothing, and nothing that a service writes becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from seatrial.model.recording import LogLine
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.html.page import render
from seatrial.report.trial import prepare

from . import sample

VOID = {"meta", "link", "br", "img", "input", "hr"}
SELF_CLOSING = {"path", "rect", "circle"}


class Tags(HTMLParser):
    """Every start tag with its attributes; fails where tags do not nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_asks_for_nothing() -> None:
    for trial in (sample.good(), sample.terrible(), prepare(sample.GOOD, ())):
        page = render(trial)
        tags = Tags(page)
        assert tags.open == []
        assert {"script", "link", "img", "iframe", "base", "object"}.isdisjoint(tag for tag, _ in tags.seen)
        assert not any(
            name in attributes for _, attributes in tags.seen for name in ("src", "href", "onclick", "style")
        )
        assert re.findall(r"url\((?!#)", page) == []
        assert "@import" not in page
        assert "default-src 'none'" in page


def test_identifiers_are_unique_and_references_lead_somewhere() -> None:
    tags = Tags(render(sample.terrible())).seen
    names = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(names) == len(set(names))
    for _, attributes in tags:
        for name in (attributes.get("aria-labelledby") or "").split():
            assert name in names


def test_pictures_have_a_title_and_a_description() -> None:
    page = render(sample.terrible())
    images = [attributes for tag, attributes in Tags(page).seen if attributes.get("role") == "img"]
    assert len(images) == 4
    assert all(len((image["aria-labelledby"] or "").split()) == 2 for image in images)
    assert "in flight: after the signal 3 closed without an answer (FIN)." in page


def test_what_a_service_wrote_is_text() -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=y>\x1b[31m\u202e"
    run = replace(sample.good_run(), log=(LogLine(1.0, "stderr", evil),))
    verdict = Verdict(evil, Ruling.FAIL, evil, (evil,), evil, figures={evil: 1.0})
    subject = replace(sample.GOOD.subject, name=evil, argv=(evil,), argv_place=evil)
    page = render(prepare(replace(sample.GOOD, subject=subject, runs=(run,)), [verdict], sample.FINDINGS))
    assert {"script", "img"}.isdisjoint(tag for tag, _ in Tags(page).seen)
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page


def test_failures_are_open_and_consequences_are_folded_under_their_cause() -> None:
    page = render(sample.terrible())
    assert page.index("handles-sigterm") < page.index("explains 2 more") < page.index("in-flight-finish")
    assert page.count('<article class="card') == 4


def test_ten_thousand_requests_stay_light() -> None:
    trial = prepare(replace(sample.TERRIBLE, runs=(sample.terrible_run(1000),)), sample.TERRIBLE_VERDICTS)
    assert sum(len(connection.exchanges) for connection in trial.recording.runs[0].connections) > 9_000
    assert len(render(trial)) < 250_000


def test_a_long_log_is_cut_and_says_so() -> None:
    page = render(sample.terrible())
    assert "the last 200 lines; 215 left out" in page
    assert page.count("<time>") == 201


def test_the_same_trial_gives_the_same_page() -> None:
    assert render(sample.terrible()) == render(sample.terrible())


def test_no_secret_is_on_the_page() -> None:
    assert "hunter2" not in render(sample.terrible())


def test_the_page_says_where_the_load_went_and_that_nothing_outside_reaches_it() -> None:
    run = replace(sample.TERRIBLE.runs[0], target=replace(sample.TARGET, loopback_only=True))
    page = render(prepare(replace(sample.TERRIBLE, runs=(run,)), ()))
    assert "http://127.0.0.1:3000, quick / (default)" in page
    assert "nothing outside reaches it" in page
    assert "nothing outside reaches it" not in render(sample.terrible())
