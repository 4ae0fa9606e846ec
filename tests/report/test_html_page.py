"""The page is one file that needs nothing, and nothing that a service writes becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from seatrial.model.recording import Event, EventKind, LogLine, ProcessSeen, Sample
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.comparison import Baseline
from seatrial.report.html.page import LARGEST, render
from seatrial.report.trial import prepare
from seatrial.report.words import requirement_page

from . import sample

DOCUMENTATION = requirement_page("").removesuffix("#")
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
        assert not any(name in attributes for _, attributes in tags.seen for name in ("src", "onclick", "style"))
        links = [(tag, attributes["href"] or "") for tag, attributes in tags.seen if "href" in attributes]
        assert {(tag, address.partition("#")[0]) for tag, address in links} <= {("a", ""), ("a", DOCUMENTATION)}
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
        if (address := attributes.get("href") or "").startswith("#"):
            assert address[1:] in names


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
    shown = page.partition('aria-label="Output of the stop run"')[2].partition("</ol>")[0]
    assert shown.count("<time>") == 200


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


def test_memory_and_processor_are_drawn_where_they_were_sampled() -> None:
    samples = tuple(Sample(0.05 * n, (20 + n) << 20, 0.02 * n) for n in range(40))
    page = render(prepare(replace(sample.GOOD, runs=(replace(sample.good_run(), samples=samples),)), ()))
    assert "peak 59 MiB" in page
    assert "peak 40% of a core, 0.78 s in all" in page
    assert page.count('class="area"') == 4
    assert 'class="area"' not in render(sample.good())


def test_the_log_around_an_event_stands_beside_it() -> None:
    page = render(sample.good())
    excerpt = page.partition("<b>SIGTERM</b>")[2].partition("</ol>")[0]
    assert "SIGTERM: draining 3 requests" in excerpt.partition('class="event"')[2]


def test_two_recordings_stand_side_by_side() -> None:
    before = Baseline("old.json", "api", "2026-01-01", sample.GOOD_VERDICTS, sample.GOOD)
    page = render(prepare(sample.TERRIBLE, sample.TERRIBLE_VERDICTS, baseline=before))
    table = page.partition('<h2 id="comparison">')[2].partition("</section>")[0]
    assert table.index("worse") < table.index("not in the baseline")
    assert "pass: 1.25 s of 10 s" in table
    assert "1.25 s → 10.01 s" in table
    assert "0 → 137 (128 + SIGKILL)" in table


def test_every_requirement_leads_to_its_page_and_tells_what_it_asks() -> None:
    page = render(sample.good())
    assert f'<a href="{requirement_page("stops-in-time")}"><code>stops-in-time</code></a>' in page
    assert "From the stop signal to the exit in less than the grace period" in page


def test_files_that_do_not_exist_are_not_said_to_be_written() -> None:
    command = replace(sample.GOOD, subject=replace(sample.GOOD.subject, argv_place=""))
    told = ["seatrial fix --from" in render(prepare(recording, ())) for recording in (sample.GOOD, command)]
    assert told == [True, False]


def test_processes_stand_below_their_parents() -> None:
    seen = (
        ProcessSeen(1, 0, ("tini",), 0.0, 2.0),
        ProcessSeen(9, 1, ("late",), 0.1, 2.0),
        ProcessSeen(8, 1, ("master",), 0.1, 2.0),
        ProcessSeen(10, 9, ("below-late",), 0.2, 2.0),
        ProcessSeen(30, 31, ("circle",), 0.2, 2.0),
        ProcessSeen(31, 30, ("circle-too",), 0.2, 2.0),
    )
    page = render(prepare(replace(sample.GOOD, runs=(replace(sample.good_run(), processes=seen),)), ()))
    names = re.findall(r'<text class="name"[^>]*>(?:[\s\u00a0]*└ )?\d+ ([\w-]+)</text>', page)
    assert names[:6] == ["tini", "late", "below-late", "master", "circle", "circle-too"]


def test_a_page_that_would_be_too_large_shows_less(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = render(sample.terrible())
    assert "This trial is long" not in whole
    monkeypatch.setattr("seatrial.report.html.page.LARGEST", len(whole.encode()) - 1)
    less = render(sample.terrible())
    assert len(less) < len(whole)
    assert "This trial is long" in less
    assert 'class="picture only"' in less


@pytest.mark.slow
def test_a_page_is_no_larger_than_a_megabyte_however_long_the_trial_was() -> None:
    base = sample.terrible_run(200)
    log = tuple(LogLine(0.001 * n, "stdout", "x" * 3000) for n in range(3000))
    run = replace(
        base,
        log=log,
        samples=tuple(Sample(0.02 * n, n << 20, 0.01 * n) for n in range(400)),
        processes=tuple(ProcessSeen(n, 1, ("worker",) * 30, 0.0, 9.0) for n in range(1, 200)),
        events=(*base.events, *(Event(0.01 * n, EventKind.WORK, "given", "y" * 200) for n in range(500))),
    )
    recording = replace(sample.TERRIBLE, runs=(run,) * 4)
    verdict = Verdict("stops-in-time", Ruling.FAIL, "s" * 5000, ("e" * 2000,) * 500)
    page = render(prepare(recording, [verdict] * 20))
    assert len(page.encode()) <= LARGEST
    assert "This trial is long" in page
