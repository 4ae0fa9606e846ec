"""The exit codes.

0 good, 1 failed drills or nothing proved at all, 2 usage or unreadable input, 3 nothing found, 4 this machine cannot,
70 we are broken. A trial that is interrupted ends with 128 + the signal's number, after everything was cleaned up.
"""

from __future__ import annotations

GOOD = 0
FAILED = 1
USAGE = 2
NOTHING_FOUND = 3
UNSUPPORTED = 4
BROKEN = 70
SIGNALLED = 128
