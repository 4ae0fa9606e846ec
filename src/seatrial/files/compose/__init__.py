"""Reads compose files by the rules of compose itself: every value with its file, line and column.

`read_compose` is the door. What is wrong with a file becomes a finding of the requirement `syntax`; reading goes on
with what is left, and never ends in an exception for what a user wrote.
"""

from __future__ import annotations

from seatrial.files.compose.project import read_compose, read_normal
from seatrial.files.compose.types import (
    ComposeBuild,
    ComposeHealthcheck,
    ComposeProject,
    ComposeService,
    FileGrant,
    RestartPolicy,
)

__all__ = [
    "ComposeBuild",
    "ComposeHealthcheck",
    "ComposeProject",
    "ComposeService",
    "FileGrant",
    "RestartPolicy",
    "read_compose",
    "read_normal",
]
