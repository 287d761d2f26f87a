"""Numbers that callers give as settings, and what they are told of those that can't be right."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mspace_legacy.checks import at_least_one, seconds
from mspace_legacy.errors import InvalidInput, WrongType
from mspace_legacy.migration import Comparisons
from mspace_legacy.transport import Network, Retry
from mspace_legacy.ussd import UssdApp


def test_what_is_right_comes_back_as_it_is() -> None:
    assert (at_least_one("n", 1), at_least_one("n", 10**9)) == (1, 10**9)
    assert (seconds("s", 0.1), seconds("s", 30)) == (0.1, 30)
    assert seconds("s", 0, or_zero=True) == 0
    assert seconds("s", math.inf, or_for_ever=True) == math.inf


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "threads is 0: 1 is the least"),
        (-5, "threads is -5: 1 is the least"),
        ("2", "threads is a str: give a whole number"),
        (True, "threads is a bool: give a whole number"),
        (1.0, "threads is a float: give a whole number"),
        (None, "threads is a NoneType: give a whole number"),
    ],
)
def test_what_is_no_whole_number_from_one_on_is_named(value: Any, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        at_least_one("threads", value)
    assert str(caught.value) == told
    assert isinstance(caught.value, WrongType) is not isinstance(value, int) or value is True


@pytest.mark.parametrize(
    ("value", "allowed", "told"),
    [
        (0, {}, "expiry is 0: seconds, more than 0, and finite"),
        (-1, {}, "expiry is -1: seconds, more than 0, and finite"),
        (-1, {"or_zero": True}, "expiry is -1: seconds, 0 or more, and finite"),
        (math.nan, {"or_zero": True, "or_for_ever": True}, "expiry is nan: seconds, 0 or more"),
        (math.inf, {}, "expiry is inf: seconds, more than 0, and finite"),
        (-math.inf, {"or_for_ever": True}, "expiry is -inf: seconds, more than 0"),
        ("5", {}, "expiry is '5': give a number of seconds"),
        (True, {}, "expiry is True: give a number of seconds"),
    ],
)
def test_what_is_no_number_of_seconds_is_named(value: Any, allowed: dict[str, bool], told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        seconds("expiry", value, **allowed)
    assert str(caught.value) == told


def test_those_who_take_such_numbers_check_them() -> None:
    numbers: Any = "3"
    for make in (
        lambda: Retry(Network(), attempts=numbers),
        lambda: Retry(Network(), first_pause=numbers),
        lambda: Comparisons(threads=numbers),
        lambda: UssdApp(expiry=numbers),
    ):
        with pytest.raises(WrongType):
            make()
