"""image-size: measured where an engine has the image, and nothing claimed where none has."""

from __future__ import annotations

from seatrial.drill.judge.image_judges import image_size
from seatrial.model.service import Image, Layer
from seatrial.model.verdict import Ruling
from tests.drill.recordings import all_good

LAYERS = (Layer(210_000_000, "RUN apt-get install -y build-essential"), Layer(95_000_000, "COPY . ."))


def test_an_image_below_the_limit_passes_and_its_layers_are_named() -> None:
    verdict = image_size(all_good(image=Image("api:1", 299_999_999, LAYERS)))
    assert (verdict.ruling, verdict.summary) == (Ruling.PASS, "api:1 is 300 MB large")
    assert verdict.evidence == ("210 MB: RUN apt-get install -y build-essential", "95 MB: COPY . .")


def test_a_large_image_fails_with_the_layer_that_weighs_most() -> None:
    verdict = image_size(all_good(image=Image("api:1", 305_000_000, LAYERS)))
    assert verdict.ruling is Ruling.FAIL
    assert verdict.summary == (
        "api:1 is 305 MB large, more than the 300 MB that most need; 210 MB of it by RUN apt-get install -y "
        "build-essential"
    )
    assert verdict.figures == {"image_bytes": 305e6, "layer_1_bytes": 210e6, "layer_2_bytes": 95e6}


def test_without_an_image_none_is_asked_for() -> None:
    verdict = image_size(all_good(image=None))
    assert (verdict.ruling, verdict.summary) == (
        Ruling.SKIPPED,
        "this engine has no image to measure: --engine docker has",
    )
