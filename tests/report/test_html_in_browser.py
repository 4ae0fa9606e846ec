"""The page in a real browser: it fits a phone, complains of nothing, fetches nothing, and is dark where wanted."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from html import escape
from pathlib import Path

import pytest

from seatrial.report.html.page import render
from tests.requirements import require

from . import sample

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
MEASURE = """<script>
const root = parent.document.documentElement;
document.querySelectorAll("details").forEach(each => { each.open = true; });
root.dataset.inner = innerWidth;
root.dataset.scroll = document.documentElement.scrollWidth;
const all = name => [...document.querySelectorAll(name)].filter(each => each.getClientRects().length);
root.dataset.pictures = all(".picture").map(each => each.className).join();
root.dataset.text = Math.min(...all(".picture svg text").map(each => each.getBoundingClientRect().height));
</script>"""

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _chromium() -> None:
    require("" if CHROMIUM else "chromium is not installed")


def browse(tmp_path: Path, page: str, width: int, *more: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "page.html"
    file.write_text(page, encoding="utf-8")
    where = (f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900")
    return subprocess.run(
        [CHROMIUM, *FLAGS, *where, *more, file.as_uri()], capture_output=True, text=True, timeout=100, check=True
    )


def measured(tmp_path: Path, page: str, width: int) -> dict[str, str]:
    """What the page says of itself once laid out: a copy of it that may run a script, in a frame of this width (a
    window can't be narrower than 500)."""
    page = re.sub(r"<meta http-equiv[^>]*>", "", page).replace("</body>", MEASURE + "</body>")
    frame = f'<iframe width="{width}" height="900" style="border:0" srcdoc="{escape(page)}"></iframe>'
    dumped = browse(tmp_path, f"<!DOCTYPE html><html><body>{frame}</body></html>", 1400, "--dump-dom").stdout
    return dict(re.findall(r'data-(\w+)="([^"]*)"', dumped.split(">", 2)[1]))


@pytest.mark.parametrize(("width", "picture"), [(360, "picture narrow"), (1280, "picture wide")])
def test_the_page_fits_its_window_with_everything_unfolded(tmp_path: Path, width: int, picture: str) -> None:
    for trial in (sample.good(), sample.terrible()):
        found = measured(tmp_path, render(trial), width)
        assert int(found["inner"]) == width
        assert int(found["scroll"]) <= width
        assert set(found["pictures"].split(",")) == {picture}
        assert float(found["text"]) >= 9, "the text of the picture can be read"


def test_the_browser_complains_of_nothing(tmp_path: Path) -> None:
    assert "CONSOLE" not in browse(tmp_path, render(sample.terrible()), 1280, "--dump-dom").stderr


def test_a_page_that_would_fetch_or_run_something_is_stopped_and_we_would_see_it(tmp_path: Path) -> None:
    page = render(sample.good())
    for added in ('<img src="http://127.0.0.1:9/x.png">', "<script>document.title = 1</script>"):
        said = browse(tmp_path, page.replace("</body>", added + "</body>"), 1280, "--dump-dom").stderr
        assert "Content Security Policy" in said


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_follows_the_reader_into_the_dark(tmp_path: Path, dark: bool) -> None:
    shot = tmp_path / "shot.png"
    scheme = ("--blink-settings=preferredColorScheme=0",) if dark else ()
    browse(tmp_path, render(sample.good()), 360, f"--screenshot={shot}", *scheme)
    red, green, blue = corner(shot.read_bytes())
    assert max(red, green, blue) < 64 if dark else min(red, green, blue) > 192


def corner(png: bytes) -> tuple[int, int, int]:
    """The colour of the first pixel (any filter leaves the first pixel of the first row as it is)."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    place, data = 8, b""
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        if kind == b"IDAT":
            data += png[place + 8 : place + 8 + length]
        place += 12 + length
    red, green, blue = zlib.decompress(data)[1:4]
    return red, green, blue
