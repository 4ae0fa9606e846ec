"""`seatrial drill` as an ordinary user: it works with user namespaces, and where those are forbidden it says so.

Run as root, the command becomes an ordinary user (65534) in a process of its own; else it is one already. Everything
it needs is in a directory that everybody can read, because an ordinary user may not look into root's home.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.engine.native import shim
from tests.engine.native.conftest import PYTHON
from tests.engine.native.test_without_root import FORBID, FORBIDDEN, ORDINARY, SOURCE, forbidden
from tests.requirements import require

from .test_drill_command import SERVER

pytestmark = pytest.mark.slow

IS_ROOT = os.geteuid() == 0
DOCKERFILE = """\
FROM python:3.12-slim
WORKDIR /srv/trial
COPY server.py .
EXPOSE 8080
CMD ["/usr/bin/env", "python3", "server.py", "--handler"]
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody can read, with the package and what it depends on, and a project that nobody owns."""
    folder = Path(tempfile.mkdtemp(prefix="drill-without-root-"))
    try:
        shutil.copytree(SOURCE, folder / "packages" / "seatrial", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "bin").mkdir()
        shutil.copy(shim.find(), folder / "bin" / shim.NAME)
        for name in (
            "rich",
            "pygments",
            "markdown_it",
            "mdurl",
            "h11",
            "hpack",
            "hyperframe",
            "wsproto",
            "yaml",
            "_yaml",
        ):
            for packages in site.getsitepackages():
                if (Path(packages) / name).is_dir():
                    shutil.copytree(Path(packages) / name, folder / "packages" / name)
        (folder / "project").mkdir()
        (folder / "project" / "server.py").write_text(SERVER)
        (folder / "project" / "Dockerfile").write_text(DOCKERFILE)
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


def drill(place: Path, *prefix: str, words: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*prefix, PYTHON, "-m", "seatrial", "drill", str(place / "project"), "--only=handles-sigterm", *words]
    environment = {
        "PATH": f"{place}/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(place / "packages"),
        "HOME": "/nonexistent",
    }
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd="/", env=environment)


def test_an_ordinary_user_drills_a_service(place: Path) -> None:
    prefix = ORDINARY if IS_ROOT else []
    require(forbidden(*prefix))
    told = drill(place, *prefix, words=("--json",))
    assert told.returncode == 0, told.stdout + told.stderr
    document = json.loads(told.stdout)
    assert document["machine"]["rootless"] is True
    assert {each["requirement"]: each["ruling"] for each in document["verdicts"]} == {"handles-sigterm": "pass"}


def test_where_namespaces_are_forbidden_the_exit_code_is_four_and_a_hint_says_what_to_do(place: Path) -> None:
    require("" if IS_ROOT or not forbidden() else "it is forbidden here already, and can't be forbidden twice")
    told = drill(place, *FORBIDDEN, FORBID, "sh")
    assert told.returncode == 4, told.stdout + told.stderr
    assert "does not let seatrial make namespaces" in told.stderr
    assert "hint: " in told.stderr
    assert "user.max_user_namespaces" in told.stderr
    assert "Traceback" not in told.stderr
