"""hadolint: what it says of Dockerfiles, under our names where both mean the same."""

from __future__ import annotations

from seatrial.audit.interface import GarbledError, Remark, Said, Tool, json_of, tables, word

NAMES = {
    "DL3002": "non-root-user",
    "DL3006": "base-image-pinned",
    "DL3007": "base-image-pinned",
    "DL3009": "cache-mount",
    "DL3019": "cache-mount",
    "DL3025": "exec-form-command",
    "DL3032": "cache-mount",
    "DL3036": "cache-mount",
    "DL3040": "cache-mount",
    "DL3042": "cache-mount",
    "DL3057": "healthcheck-present",
    "DL3060": "cache-mount",
    "DL4003": "exec-form-command",
    "DL4004": "exec-form-command",
}
"""Its codes, and the requirement that each is one side of. What isn't here is a matter of style, or of other things."""
_MAX_LINE = 10_000_000


def read(text: str) -> Said:
    """What `hadolint --format json` wrote."""
    report = json_of(text)
    if not isinstance(report, list):
        raise GarbledError("its output is no list")
    return Said(
        remarks=tuple(
            Remark(
                word(each.get("code")),
                word(each.get("message")),
                word(each.get("file")),
                _count(each.get("line")),
                _count(each.get("column")),
            )
            for each in tables(report)
        )
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < _MAX_LINE else 1


TOOL = Tool(
    "hadolint",
    "hadolint",
    ("--format", "json", "--no-fail"),
    ("Dockerfile",),
    read,
    once=True,
    files=True,
    get_it="https://github.com/hadolint/hadolint",
)
