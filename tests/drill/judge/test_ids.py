"""Which requests a log speaks of."""

from __future__ import annotations

import time

from seatrial.drill.judge.ids import ids_in

ONE, TWO = "0123456789abcdef" * 2, "f" * 32


def test_an_id_is_found_wherever_it_stands() -> None:
    ids = frozenset({ONE, TWO})
    assert ids_in([f'{{"id":"{ONE}"}}', "nothing"], ids) == {ONE}
    assert ids_in([f"00-{ONE}-0123456789abcdef-01", f"abc{TWO}"], ids) == ids
    assert ids_in([ONE[:16], ONE[16:]], ids) == frozenset()
    assert ids_in([ONE.upper()], ids) == frozenset()


def test_many_ids_in_a_long_log_take_no_time() -> None:
    """Each looked for by itself would be twenty thousand times a megabyte."""
    ids = frozenset(f"{number:032x}" for number in range(20_000))
    log = ["x" * 1000 + f"{number:032x}" for number in range(1000)]
    begun = time.process_time()
    assert len(ids_in(log, ids)) == 1000
    assert time.process_time() - begun < 1.0
