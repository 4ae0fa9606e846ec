"""`healthcheck`: the fields that compose says; the rest is the image's."""

from __future__ import annotations

from seatrial.files.compose import keys
from seatrial.files.compose.fields import Fields
from seatrial.files.compose.nodes import Scalar
from seatrial.files.compose.types import ComposeHealthcheck
from seatrial.model.place import Sourced

_WORDS = ("CMD", "CMD-SHELL", "NONE")


def read_healthcheck(service: Fields) -> ComposeHealthcheck | None:
    """The health check of a service; None where it says nothing."""
    fields = service.sub("healthcheck")
    if fields is None:
        return None
    fields.check_keys(keys.HEALTHCHECK)
    check = ComposeHealthcheck(
        place=fields.table.place,
        test=_test(fields),
        interval=fields.duration("interval"),
        timeout=fields.duration("timeout"),
        start_period=fields.duration("start_period"),
        start_interval=fields.duration("start_interval"),
        retries=fields.integer("retries"),
        disable=fields.boolean("disable"),
    )
    _judge(fields, check)
    return check


def _test(fields: Fields) -> Sourced[tuple[str, ...]] | None:
    node = fields.node("test")
    if node is None:
        return None
    if isinstance(node, Scalar):
        line = fields.text("test")
        return Sourced(("CMD-SHELL", line.value), line.place) if line else None
    words = tuple(text.value for text in fields.texts("test"))
    if words and words[0] not in _WORDS:
        remedy = f'write ["CMD", "{words[0]}", …]' if '"' not in words[0] and len(words[0]) < 60 else ""
        fields.problems.error(f"{fields.where}.test must start with CMD, CMD-SHELL or NONE", node.place, remedy)
        return None
    return Sourced(words, node.place)


def _judge(fields: Fields, check: ComposeHealthcheck) -> None:
    if check.start_interval and not fields.says("start_period") and check.start_interval.place:
        message = f"{fields.where}: start_interval needs a start_period; compose refuses to start the service"
        fields.problems.error(message, check.start_interval.place, "add start_period: 30s")
    if check.retries and check.retries.value < 0 and check.retries.place:
        fields.problems.error(f"{fields.where}.retries can't be negative", check.retries.place)
