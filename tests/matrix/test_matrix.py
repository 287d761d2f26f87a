"""Each surface keeps the README's promises under every fault: boundaries and offsets by a seed, in this run."""

from __future__ import annotations

import pytest

from tests.matrix.play import play
from tests.matrix.surfaces import SENDS, SURFACES

_SEED = 20
_REACHED = {"success", "unknown"}


# Where a reset comes between connecting and the handshake, Python's own ssl leaves its socket to the collector.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize("name", SURFACES)
def test_what_a_caller_is_told_is_true(name: str) -> None:
    played = play(name, _SEED, threads=16)
    assert [str(cell) for cell in played.cells if cell.problems] == []
    assert played.leaks == []
    # A matrix that reached nothing would show nothing.
    assert played.records
    sends = [cell for cell in played.cells if cell.case.operation in SENDS]
    if sends:
        assert {word for cell in sends for word in cell.told} >= _REACHED
        assert {cell.acted > 0 for cell in sends} == {True, False}
