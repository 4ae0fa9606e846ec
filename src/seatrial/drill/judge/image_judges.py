"""The verdict about the image itself: image-size."""

from __future__ import annotations

from seatrial.drill.judge import remedy
from seatrial.drill.judge.view import skipped
from seatrial.model.recording import Recording
from seatrial.model.verdict import Ruling, Verdict

SIZE = "image-size"
MOST = 300_000_000
"""Bytes: most services fit, with a slim base and without their build tools."""
_MB = 1_000_000


def image_size(recording: Recording) -> Verdict:
    """Whether the image is below the size that most need, and what weighs most in it."""
    image = recording.subject.image
    if image is None:
        return skipped(SIZE, "this engine has no image to measure: --engine docker has")
    layers = {f"layer_{number}_bytes": float(one.size) for number, one in enumerate(image.layers, 1)}
    figures = {"image_bytes": float(image.size), **layers}
    evidence = tuple(f"{_megabytes(layer.size)}: {layer.made_by[:120]}" for layer in image.layers)
    summary = f"{image.name or 'the image'} is {_megabytes(image.size)} large"
    if image.size < MOST:
        return Verdict(SIZE, Ruling.PASS, summary, evidence, figures=figures)
    heaviest = f"; {_megabytes(image.layers[0].size)} of it by {image.layers[0].made_by[:60]}" if image.layers else ""
    summary = f"{summary}, more than the {_megabytes(MOST)} that most need{heaviest}"
    return Verdict(SIZE, Ruling.FAIL, summary, evidence, remedy.SMALLER, figures=figures)


def _megabytes(size: int) -> str:
    """Bytes as `docker images` shows them: "212 MB"."""
    return f"{size / _MB:.0f} MB" if size >= 10 * _MB else f"{size / _MB:.1f} MB"
