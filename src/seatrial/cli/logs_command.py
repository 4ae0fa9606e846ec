"""`seatrial logs`: prints the logs of instances. Which instances there are, and where their logs lie, its caller knows.

Exit codes: 0, also where the reader of the output goes away (`seatrial logs | head`); 2 for a time that can't be read.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import BinaryIO

from seatrial.cli import codes
from seatrial.cli.logs_arguments import show_options
from seatrial.cli.streams import OutputError, complain, silence
from seatrial.engine.logs.interface import LogSource
from seatrial.engine.logs.moments import Now
from seatrial.engine.logs.showing import render_logs
from seatrial.model.errors import InputError


def show(sources: Sequence[LogSource], arguments: argparse.Namespace) -> int:
    """Print the logs of these instances as the arguments ask, and give the exit code."""
    single = len(sources) == 1 and len(arguments.services) == 1
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    options = show_options(arguments, lambda text: complain(f"warning: {text}"), Now.here(), single=single, color=color)
    outputs: dict[str, BinaryIO] = {"stdout": sys.stdout.buffer, "stderr": sys.stderr.buffer}

    def write(stream: str, data: bytes) -> None:
        try:
            outputs[stream].write(data)
            if options.follow or stream == "stderr":
                outputs[stream].flush()
        except OSError as error:
            raise OutputError(error) from error

    try:
        render_logs(sources, options, write)
        sys.stdout.flush()
    except OutputError as error:
        if not isinstance(error.reason, BrokenPipeError):
            raise
        silence(sys.stdout)
    except BrokenPipeError:
        silence(sys.stdout)
    except KeyboardInterrupt:
        return codes.SIGNALLED + 2
    except OSError as error:
        raise InputError(f"a log can't be read: {error}", hint="run it as the user whose services these are") from error
    return codes.GOOD
