"""The picture of a stop: where things lie, how they are told apart, and how light it stays."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from seatrial.model.traffic import Outcome
from seatrial.report.html.marks import MARKS, mark_of
from seatrial.report.html.picture import Picture, axis_of
from seatrial.report.html.timeline import timeline

from . import sample


def lane(picture: Picture, label: str):
    return next(lane for lane in picture.lanes if lane.label == label)


def drawn(picture: Picture) -> int:
    return sum(len(one.bars) + len(one.dots) + sum(len(s.pieces) for s in one.stacks) for one in picture.lanes)


def test_every_population_has_a_lane_and_so_have_processes_listener_and_log() -> None:
    labels = [lane.label for lane in timeline(sample.good_run(), 1000).lanes]
    assert labels == [
        "idle keep-alive",
        "never used",
        "in flight",
        "new connections",
        "busy keep-alive",
        "listening",
        "processes",
        "log",
    ]


def test_lanes_follow_each_other_without_overlap() -> None:
    for run in (sample.good_run(), sample.terrible_run(), sample.never_ready_run()):
        picture = timeline(run, 330)
        for before, after in pairwise(picture.lanes):
            assert before.y + before.height <= after.y
        assert picture.lanes[-1].y + picture.lanes[-1].height <= picture.foot < picture.height


@pytest.mark.parametrize("width", [330.0, 1000.0])
def test_everything_lies_within_the_picture(width: float) -> None:
    picture = timeline(sample.terrible_run(), width)
    for one in picture.lanes:
        assert all(bar.x >= 0 and bar.x + bar.width <= width for bar in one.bars)
        assert all(0 <= dot.x <= width for dot in one.dots)
        assert all(stack.x >= 0 and stack.x + stack.width <= width for stack in one.stacks)
        for stack in one.stacks:
            assert all(one.y <= p.y and p.y + p.height <= one.y + one.height + 0.7 for p in stack.pieces)
    assert all(0 <= marker.x <= width for marker in picture.markers)


def test_the_signal_the_kill_and_the_exit_are_marked_in_order() -> None:
    picture = timeline(sample.terrible_run(), 1000)
    labels = [marker.label for marker in picture.markers]
    assert labels == ["SIGTERM", "SIGKILL", "exit 137"]
    assert [marker.x for marker in picture.markers] == sorted(marker.x for marker in picture.markers)


def test_labels_of_markers_do_not_overlap() -> None:
    for run in (sample.good_run(), sample.terrible_run()):
        markers = timeline(run, 330).markers
        rows = [(marker.text_y, marker.text_x, marker.anchor, len(marker.label) * 6.4) for marker in markers]
        spans = sorted((y, x if a == "start" else x - w, x + w if a == "start" else x) for y, x, a, w in rows)
        for (y1, _, end), (y2, begin, _) in pairwise(spans):
            assert y1 != y2 or end <= begin


def test_answers_stand_above_the_line_and_losses_below() -> None:
    one = lane(timeline(sample.terrible_run(), 1000), "new connections")
    assert one.baseline is not None
    for stack in one.stacks:
        for piece in stack.pieces:
            above = piece.y + piece.height <= one.baseline + 0.7
            assert above if piece.mark.above else piece.y >= one.baseline - 0.05


def test_ten_thousand_requests_are_as_light_as_a_few_hundred() -> None:
    few, many = timeline(sample.terrible_run(50), 1000), timeline(sample.terrible_run(1000), 1000)
    assert "10399 requests" in lane(many, "new connections").note
    assert drawn(many) <= drawn(few) + 200


def test_few_connections_are_drawn_one_by_one_with_their_ends() -> None:
    one = lane(timeline(sample.terrible_run(), 1000), "in flight")
    assert [dot.mark.name for dot in one.dots] == ["fin"] * 3
    assert "/slow: closed without an answer (FIN), -0.300 s to +0.020 s" in one.dots[0].title


def test_every_outcome_has_a_mark_of_its_own_kind_and_no_two_marks_look_alike() -> None:
    for outcome in Outcome:
        assert mark_of(outcome) in MARKS
    assert len({mark.shape for mark in MARKS if mark.name != "refused"}) == len(MARKS) - 1


def test_the_picture_is_told_in_words_too() -> None:
    description = timeline(sample.terrible_run(), 1000).description
    assert "exit code 137" in description
    assert "in flight: after the signal 3 closed without an answer (FIN)." in description


def test_a_run_that_never_got_to_a_signal_begins_at_its_start() -> None:
    axis = axis_of(sample.never_ready_run(), 1000)
    assert (axis.begin, axis.zero) == (0.0, 0.0)
    assert axis.end > 0.2


def test_a_run_in_which_nothing_happened_can_be_drawn() -> None:
    empty = replace(sample.never_ready_run(), events=(), processes=(), log=(), exit=None)
    assert timeline(empty, 330).lanes == ()


def test_ticks_are_round_and_fit() -> None:
    for width in (330.0, 1000.0):
        ticks = timeline(sample.good_run(), width).ticks
        assert 2 <= len(ticks) <= width / 40
        assert "0" in [label for _, label in ticks]
