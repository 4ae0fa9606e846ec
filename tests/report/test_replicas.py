"""A service that an engine replaced: its replicas are drawn, and nothing is advised that was not measured."""

from __future__ import annotations

from seatrial.drill.judge import judge
from seatrial.report.html import page
from seatrial.report.html.timeline import timeline
from seatrial.report.trial import prepare
from tests.drill.judge.test_replica_judges import OLD, run, told


def test_replicas_have_a_lane_and_what_was_asked_for_a_marker() -> None:
    picture = timeline(run(), 900.0)
    lane = next(lane for lane in picture.lanes if lane.label == "replicas")
    assert (lane.note, [bar.kind for bar in lane.bars]) == ("2 replicas", ["process", "busy", "process"])
    assert "to stop since +1.000 s" in lane.bars[1].title and "with 0" in lane.bars[0].title
    labels = [marker.label for marker in picture.markers]
    assert labels == ["asked: rolling update (stop-first)", "settled: rolling update (stop-first)"]


def test_of_many_replicas_the_first_are_drawn() -> None:
    many = timeline(run(replicas=(OLD,) * 30), 900.0)
    lane = next(lane for lane in many.lanes if lane.label == "replicas")
    assert lane.note == "30 replicas, 10 more not shown"


def test_the_page_gives_no_advice() -> None:
    recording = told(run())
    text = page.render(prepare(recording, judge(recording)))
    assert "Measured advice" not in text and "api.1.old" in text
