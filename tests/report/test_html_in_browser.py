"""The page in a real browser: it fits a phone, complains of nothing, fetches nothing, and is dark where wanted."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest

from seatrial.model.recording import Sample
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.comparison import Baseline
from seatrial.report.html.page import render
from seatrial.report.trial import Trial, prepare
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
const numbers = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
const light = colour => numbers(colour).slice(0, 3).map(each => each / 255)
  .map(each => each <= .04045 ? each / 12.92 : ((each + .055) / 1.055) ** 2.4)
  .reduce((sum, each, place) => sum + each * [.2126, .7152, .0722][place], 0);
const ground = each => {
  for (; each; each = each.parentElement) {
    const [, , , alpha = 1] = numbers(getComputedStyle(each).backgroundColor);
    if (alpha > 0) return getComputedStyle(each).backgroundColor;
  }
  return "rgb(255, 255, 255)";
};
const contrast = each => {
  const style = getComputedStyle(each);
  const ink = each.closest("svg") ? style.fill : style.color;
  const [low, high] = [light(ink), light(ground(each))].sort((a, b) => a - b);
  return (high + .05) / (low + .05);
};
const said = all("body *").filter(each => [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
const worst = said.filter(each => !["TITLE", "DESC", "SCRIPT"].includes(each.tagName.toUpperCase()))
  .sort((a, b) => contrast(a) - contrast(b))[0];
root.dataset.contrast = contrast(worst).toFixed(2);
root.dataset.worst = worst.textContent.slice(0, 40).replace(/[^\\w ]/g, "");
root.dataset.stuck = all("body *").filter(each => !each.closest("svg") && each.tabIndex < 0
  && /auto|scroll/.test(getComputedStyle(each).overflow) && each.scrollWidth > each.clientWidth + 1).length;
const landmarks = ["header", "nav", "main", "footer"];
root.dataset.landmarks = landmarks.map(name => document.querySelectorAll(name).length).join("");
const levels = all("h1, h2, h3, h4").map(each => Number(each.tagName[1]));
root.dataset.skips = levels.filter((each, place) => place && each > levels[place - 1] + 1).length;
document.querySelector("a").focus();
root.dataset.first = document.activeElement.textContent;
root.dataset.seen = document.activeElement.getBoundingClientRect().left >= 0;
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


def rich() -> Trial:
    """A page with all that a page can have."""
    samples = tuple(Sample(0.1 * n, (20 + n % 7) << 20, 0.04 * n) for n in range(110))
    now = replace(sample.TERRIBLE, runs=tuple(replace(run, samples=samples) for run in sample.TERRIBLE.runs))
    before = replace(sample.GOOD, runs=(replace(sample.good_run(), samples=samples[:40]),))
    baseline = Baseline("main.json", "api", "2026-01-01", sample.GOOD_VERDICTS, before)
    skipped = [Verdict(name, Ruling.SKIPPED, "it depends on nothing") for name in ("readiness-is-deep", "image-size")]
    return prepare(now, [*sample.TERRIBLE_VERDICTS, *skipped], sample.FINDINGS, baseline=baseline)


def measured(tmp_path: Path, page: str, width: int, *more: str) -> dict[str, str]:
    """What the page says of itself once laid out: a copy of it that may run a script, in a frame of this width (a
    window can't be narrower than 500)."""
    page = re.sub(r"<meta http-equiv[^>]*>", "", page).replace("</body>", MEASURE + "</body>")
    frame = f'<iframe width="{width}" height="900" style="border:0" srcdoc="{escape(page)}"></iframe>'
    dumped = browse(tmp_path, f"<!DOCTYPE html><html><body>{frame}</body></html>", 1400, "--dump-dom", *more).stdout
    return dict(re.findall(r'data-(\w+)="([^"]*)"', dumped.split(">", 2)[1]))


@pytest.mark.parametrize(("width", "picture"), [(360, "picture narrow"), (1280, "picture wide")])
def test_the_page_fits_its_window_with_everything_unfolded(tmp_path: Path, width: int, picture: str) -> None:
    for trial in (sample.good(), rich()):
        found = measured(tmp_path, render(trial), width)
        assert int(found["inner"]) == width
        assert int(found["scroll"]) <= width
        assert set(found["pictures"].split(",")) == {picture}
        assert float(found["text"]) >= 9, "the text of the picture can be read"


@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_read_and_reached_without_a_mouse(tmp_path: Path, dark: bool) -> None:
    scheme = ("--blink-settings=preferredColorScheme=0",) if dark else ()
    found = measured(tmp_path, render(rich()), 400, *scheme)
    assert float(found["contrast"]) >= 4.5, found["worst"]
    assert found["stuck"] == "0", "what scrolls can be scrolled by keys"
    assert found["landmarks"] == "1111"
    assert found["skips"] == "0", "headings leave no level out"
    assert (found["first"], found["seen"]) == ("Skip to the verdicts", "true")


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
