"""Puts the static programs of native/ into the wheel, so that an install has them on its PATH.

For a release, SEATRIAL_WHEEL_ARCH names the architecture (x86_64, aarch64) and ziglang builds for it; else this
machine's musl-gcc or cc does. The programs are static: one wheel serves glibc and musl. A program whose source is not
there is left out. Where there is no compiler the wheel is a pure one and says so; a release never is.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NativePrograms(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the programs by native/Makefile and names them to hatchling."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        release = os.environ.get("SEATRIAL_WHEEL_ARCH", "")
        missing = "" if release else _missing()
        if missing:
            self.app.display_warning(f"seatrial: the static programs are left out: {missing}")
            return
        architecture = release or platform.machine()
        native = Path(self.root) / "native"
        names = sorted(source.stem for source in native.glob("seatrial-*.c"))
        built = native / "build" / release
        target = ["cross", f"ARCHES={release}"] if release else ["all"]
        command = ["make", "-s", "-C", str(native), f"PYTHON={sys.executable}", *target]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode and version == "editable":
            self.app.display_warning(f"seatrial: the static programs can't be built: {made.stderr}")
            return
        if made.returncode:
            raise RuntimeError(f"the static programs can't be built:\n{made.stderr}\nhint: make -C native")
        build_data["shared_scripts"] |= {str(built / name): name for name in names}
        build_data["pure_python"] = False
        build_data["tag"] = _tag(architecture)


def _missing() -> str:
    """What this machine lacks for building them, or ""."""
    if not sys.platform.startswith("linux"):
        return "they are for Linux"
    if not shutil.which("make") or not any(shutil.which(compiler) for compiler in ("cc", "musl-gcc")):
        return "no C compiler or no make here. hint: apt-get install gcc make"
    return ""


def _tag(architecture: str) -> str:
    """Static programs run beside any libc: one tag for both families."""
    families = ("manylinux_2_17", "manylinux2014", "musllinux_1_1")
    return "py3-none-" + ".".join(f"{family}_{architecture}" for family in families)
