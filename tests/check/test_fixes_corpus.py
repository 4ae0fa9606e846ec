"""The tool that tries fixes on real repositories: it finds nothing wrong in what is mended well, and what is broken."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from seatrial.cli import fix_rounds

from .conftest import write

TOOL = Path(__file__).parents[2] / "tools/fix_corpus.py"
REPOSITORY = {
    "Dockerfile": "FROM node:22-slim\nRUN apt-get update && \\\n    apt-get install -y tini # tini\nCMD node a.js\n",
    "deploy/compose.yaml": "services:\n  web: # the site\n    image: a/b:1\n    ports: ['80:80']\n",
    "k8s/web.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n",
}


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    spec = spec_from_file_location("fix_corpus", TOOL)
    assert spec is not None and spec.loader is not None
    found = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fix_corpus", found)
    spec.loader.exec_module(found)
    monkeypatch.setattr(sys, "argv", ["fix_corpus.py", str(write(tmp_path / "shop", REPOSITORY))])
    return found


def test_it_changes_a_copy_and_finds_nothing_wrong(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main() == 0
    said = capsys.readouterr().out
    assert "changed      {'" in said and "problems     0" in said
    for name, text in REPOSITORY.items():
        assert (tmp_path / "shop" / name).read_text() == text


@pytest.mark.parametrize("what", ["_yaml_problem", "_is_in_order", "are_kept"])
def test_what_breaks_is_told(
    what: str, tool: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {"_yaml_problem": lambda _text: "broken", "_is_in_order": lambda *_: False}
    if what == "are_kept":
        # Every edit is applied, and held against the promise only afterwards.
        real = fix_rounds.edited
        monkeypatch.setattr(fix_rounds, "edited", lambda text, edits, _: real(text, edits, lambda *_: True))
        monkeypatch.setattr(tool, what, lambda *_: False)
    else:
        monkeypatch.setattr(tool, what, answers[what])
    assert tool.main() == 1
    assert "problems     0" not in capsys.readouterr().out
