"""smpp.pace: how fast it lets submits go, after what was throttled."""

from __future__ import annotations

import math

import pytest

from mspace_legacy.smpp.pace import Pace


def test_nothing_waits_while_nothing_was_throttled() -> None:
    pace = Pace()
    pace.submitted(5.0)
    pace.accepted(5.1)
    assert pace.next_time == -math.inf


def test_pauses_grow_until_one_is_taken() -> None:
    pace, now, pauses = Pace(), 0.0, []
    for _ in range(12):
        pace.throttled(now, now)
        pauses.append(pace.next_time - now)
        now = pace.next_time
    assert pauses[0] == 0.25
    assert pauses == sorted(pauses)
    assert math.isclose(pauses[-1], 2.5)
    pace.accepted(now)
    pace.throttled(now, now)
    assert pace.next_time - now == 1.0


def test_what_went_together_slows_down_once() -> None:
    pace = Pace()
    for _ in range(50):
        pace.throttled(submitted=0.0, now=1.0)
    assert pace.next_time == 1.25


def limited(per_second: int, seconds: int) -> tuple[int, int]:
    """What a service takes and throttles that takes so many in each second, and answers at once."""
    pace, now, second = Pace(), 0.0, -1
    taken = throttled = left = 0
    while now < seconds:
        if int(now) > second:
            second, left = int(now), per_second
        pace.submitted(now)
        if left:
            left -= 1
            taken += 1
            pace.accepted(now)
        else:
            throttled += 1
            pace.throttled(now, now)
        now = max(now + 0.0001, pace.next_time)
    return taken, throttled


@pytest.mark.parametrize("per_second", [1, 5, 20, 100, 500])
def test_a_limit_is_nearly_reached_and_seldom_passed(per_second: int) -> None:
    taken, throttled = limited(per_second, 60)
    assert taken > 0.9 * 60 * per_second
    assert throttled < 60


def test_a_service_that_had_its_fill_once_is_soon_as_fast_as_before() -> None:
    pace = Pace()
    pace.throttled(0.0, 0.0)
    now, spacing = pace.next_time, math.inf
    while spacing > 0:
        pace.submitted(now)
        pace.accepted(now)
        spacing, now = pace.next_time - now, pace.next_time
        assert now < 20
