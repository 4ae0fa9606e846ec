"""The judge of `Connection: close` in the answers of a drain."""

from __future__ import annotations

from ..recordings import END, SIGNAL, STOP, changed, ignored, recording, slow
from .cases import FAIL, PASS, UNKNOWN, Case, O, P, each, follows

CASES: tuple[Case, ...] = (
    ("all say so", recording(STOP), "announces-close", PASS, "4 responses during the drain, all", ""),
    (
        "one does not",
        recording(changed(plus=[slow(O.COMPLETE, END - 0.2)])),
        "announces-close",
        FAIL,
        "1 of 5 responses",
        "",
    ),
    (
        "written at the signal",
        recording(changed(plus=[slow(O.COMPLETE, SIGNAL + 0.1)])),
        "announces-close",
        PASS,
        "4 resp",
        "",
    ),
    (
        "only such",
        recording(changed(without=[P.IN_FLIGHT, P.KEEP_ALIVE], plus=[slow(O.COMPLETE, SIGNAL + 0.1)])),
        "announces-close",
        UNKNOWN,
        "1 response came, all within 0.25 s",
        "",
    ),
    (
        "none came",
        recording(changed(without=[P.IN_FLIGHT, P.KEEP_ALIVE])),
        "announces-close",
        UNKNOWN,
        "no response began",
        "",
    ),
    (
        "one said so, and those after it did not",
        recording(
            changed(
                without=[P.IN_FLIGHT, P.KEEP_ALIVE],
                plus=[slow(ended=SIGNAL + 0.03), *(slow(O.COMPLETE, SIGNAL + 0.2, n) for n in range(1, 20))],
            )
        ),
        "announces-close",
        UNKNOWN,
        "1 said so, 19 after the first of them did not, all within 0.25 s",
        "",
    ),
    (
        "those before it did not",
        recording(
            changed(
                without=[P.IN_FLIGHT, P.KEEP_ALIVE],
                plus=[slow(), *(slow(O.COMPLETE, SIGNAL + 0.2, n) for n in range(1, 20))],
            )
        ),
        "announces-close",
        PASS,
        "1 response during the drain",
        "",
    ),
    ("ignored", recording(ignored()), "announces-close", FAIL, "during the drain did not", "handles-sigterm"),
)


@each(CASES)
def test_the_verdict_follows_from_what_was_seen(case: Case) -> None:
    follows(case)
