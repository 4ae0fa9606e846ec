"""`extra_hosts` in all of its forms, and the profiles of services that are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.files.compose import read_compose
from seatrial.files.join.fleet import read_fleet
from seatrial.model.finding import Severity

SERVICE = "services:\n  web:\n    image: nginx:1\n    extra_hosts: "


def hosts(folder: Path, said: str) -> dict[str, str]:
    (folder / "compose.yaml").write_text(SERVICE + said + "\n")
    found = read_fleet(folder, environment={}).deployment("web")
    assert found is not None
    return dict(found.hosts)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("['a.example:10.0.0.1', 'b=10.0.0.2']", {"a.example": "10.0.0.1", "b": "10.0.0.2"}),
        ("{a.example: 10.0.0.1, b: ['10.0.0.2', '::1']}", {"a.example": "10.0.0.1", "b": "10.0.0.2,::1"}),
        ("['six:2001:db8::1', 'seven=[2001:db8::2]']", {"six": "2001:db8::1", "seven": "2001:db8::2"}),
        ("['outside=host-gateway']", {"outside": "127.0.0.1"}),
        ("['a=1.1.1.1', 'a=2.2.2.2']", {"a": "1.1.1.1,2.2.2.2"}),
    ],
)
def test_extra_hosts(tmp_path: Path, said: str, expected: dict[str, str]) -> None:
    assert hosts(tmp_path, said) == expected


def test_a_host_without_an_address_is_an_error_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(SERVICE + "[lonely]\n")
    project = read_compose([tmp_path / "compose.yaml"], {})
    wrong = [finding for finding in project.findings if finding.severity is Severity.ERROR]
    assert [(finding.place.line, "a name and an address" in finding.message) for finding in wrong] == [(4, True)]


PROFILES = """services:
  web: {image: a}
  debug: {image: a, profiles: [debug, tools]}
  other: {image: a, profiles: [tools]}
  off: {image: a, profiles: [never]}
"""


@pytest.mark.parametrize(
    ("named", "profiles", "expected"),
    [
        ((), (), ["web"]),
        (("debug",), (), ["web", "debug", "other"]),
        (("web",), (), ["web"]),
        (("debug",), ("never",), ["web", "debug", "other", "off"]),
        (("unknown",), (), ["web"]),
    ],
)
def test_a_service_that_is_named_turns_its_own_profiles_on(
    tmp_path: Path, named: tuple[str, ...], profiles: tuple[str, ...], expected: list[str]
) -> None:
    (tmp_path / "compose.yaml").write_text(PROFILES)
    assert list(read_compose([tmp_path / "compose.yaml"], {}, profiles, None, named).services) == expected
