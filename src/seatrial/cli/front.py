"""The outermost layer: every exception becomes a message on stderr and an exit code; nothing escapes as a traceback
unless we are broken. Prepares the streams first, so that no message can fail for want of a character.
"""

from __future__ import annotations

import os
import sys

from seatrial.cli import codes
from seatrial.cli.streams import OutputError, complain, prepare_streams, silence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.model.errors import SeatrialError
    from seatrial.model.place import Place

EXTRA = frozenset({"rich", "jinja2", "markupsafe", "yaml", "h11", "jsonschema_rs"})
"""Top-level modules that `seatrial[cli]` brings."""


def run(argv: Sequence[str]) -> int:
    """Run one command and give its exit code."""
    prepare_streams()
    try:
        code = _run(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough (`seatrial list | head`). What is still buffered must not raise again at exit.
        silence(sys.stdout)
        code = codes.GOOD
    except OSError as error:
        silence(sys.stdout)
        code = _tell(f"the output cannot be written: {error.strerror}", "")
    return code


def _run(argv: Sequence[str]) -> int:
    if list(argv[:1]) in (["--version"], ["-V"]):
        from seatrial import __version__

        print(f"seatrial {__version__}")
        return codes.GOOD
    from seatrial.model.errors import SeatrialError

    try:
        from seatrial.cli.arguments import dispatch

        return dispatch(argv)
    except SeatrialError as error:
        return _tell(error.message, error.hint, _code_of(error), _placed(error.place))
    except KeyboardInterrupt:
        complain("error: interrupted")
        return codes.SIGNALLED + 2
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else codes.USAGE
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in EXTRA:
            return _broken()
        return _tell(f"this command needs {error.name}: pip install 'seatrial[cli]'", "", codes.UNSUPPORTED)
    except OutputError as error:
        raise error.reason from None
    except Exception:
        return _broken()


def _placed(place: Place | None) -> str:
    """Where it is wrong; a file that isn't there has no lines."""
    if place is None:
        return ""
    return f"{place}: " if os.path.lexists(place.file) or place.line > 1 else f"{place.file}: "


def _code_of(error: SeatrialError) -> int:
    from seatrial.model.errors import InputError, NothingFoundError

    if isinstance(error, InputError):
        return codes.USAGE
    if isinstance(error, NothingFoundError):
        return codes.NOTHING_FOUND
    # An UnsupportedError; or an instance or a load that could not be set up: nothing is known of the service.
    return codes.UNSUPPORTED


def _tell(message: str, hint: str, code: int = codes.UNSUPPORTED, place: str = "") -> int:
    """The message without secrets. A place is ours and no value, although "/etc/passwd:1" looks like one."""
    from seatrial.report.redact import text
    from seatrial.report.words import clean

    complain("error: " + clean(place) + clean(text(message)))
    for line in hint.splitlines():
        complain("hint: " + clean(text(line)))
    return code


def _broken() -> int:
    import traceback

    complain(traceback.format_exc().rstrip())
    complain("error: this is a bug in seatrial, not in your service")
    complain("hint: please report it, with the lines above")
    return codes.BROKEN
