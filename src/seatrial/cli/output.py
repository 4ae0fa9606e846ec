"""Files that are written whole or not at all.

Must never leave a half-written file behind. What can be known before a trial (no such directory) is told before it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from seatrial.model.errors import InputError
from seatrial.model.place import Place


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file to be written. `option` is how the user named it ("--report")."""

    option: str
    path: Path

    def check(self) -> None:
        """Raise InputError if it plainly can't be written: no directory to write it into, or a directory itself."""
        parent = self._real().parent
        if self.path.is_dir():
            raise self._error("is a directory", f"{self.option} {self.path / 'report'}")
        if not parent.is_dir():
            raise self._error(f"the directory {parent} does not exist", f"mkdir -p {parent}")
        if self._is_special():
            return
        if not os.access(parent, os.W_OK | os.X_OK):
            raise self._error(f"the directory {parent} is not writable", "name a file elsewhere")

    def write(self, text: str) -> None:
        """Write all of it: into a new file beside, which then takes its place. A device or pipe is written directly."""
        data = text.encode("utf-8", "backslashreplace")
        try:
            if self._is_special():
                with self.path.open("wb") as stream:
                    stream.write(data)
            else:
                self._replace(data)
        except OSError as error:
            raise self._error(f"cannot be written: {error.strerror}", "") from None

    def _replace(self, data: bytes) -> None:
        target = self._real()  # a symbolic link stays one, and points to the new file
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
        part = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                os.fchmod(stream.fileno(), _mode(target))
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _real(self) -> Path:
        return Path(os.path.realpath(self.path))

    def _is_special(self) -> bool:
        try:
            mode = self.path.stat().st_mode
        except OSError:
            return False
        return not stat.S_ISREG(mode)

    def _error(self, message: str, hint: str) -> InputError:
        return InputError(f"{self.option}: {message}", place=Place(str(self.path), 1), hint=hint)


def _mode(target: Path) -> int:
    """The mode of the file that is replaced, else what a new file would get."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
