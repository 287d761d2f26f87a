"""The benchmark of SMPP runs, against npm's SMSC, and compares what it says. Never how long anything took."""

from __future__ import annotations

import pytest

from tests.benchmarks import smpp
from tests.smpp.test_peers import pytestmark as needs_npm

pytestmark: pytest.MarkDecorator = needs_npm


def test_everybody_has_a_turn_in_each_round() -> None:
    prompt, delayed = smpp.measure(rounds=2, messages=20)
    # As the issue sets them: window 1, 10 and 50, without and with a delay.
    names = {f"{name}, window {window}" for name in ("submit", "npm") for window in (1, 10, 50)}
    assert prompt.keys() == names | {"smpplib, window 1", "send in a loop"}
    assert delayed.keys() == names
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in (prompt | delayed).values())
    # Nobody is faster than the window and the delay allow.
    for window in (1, 10, 50):
        assert min(delayed[f"submit, window {window}"]) >= smpp.DELAY / window * 0.9
