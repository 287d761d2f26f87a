"""Settings that are numbers: each is returned as it came, or refused by its name with what would be right."""

from __future__ import annotations

import math

from mspace_legacy.errors import InvalidInput, WrongType

__all__ = ["at_least_one", "seconds"]


def at_least_one(name: str, value: int) -> int:
    """A whole number from 1 on.

    :raises InvalidInput: it is less, or no whole number.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongType(f"{name} is a {type(value).__name__}: give a whole number")
    if value < 1:
        raise InvalidInput(f"{name} is {value}: 1 is the least")
    return value


def seconds(name: str, value: float, *, or_zero: bool = False, or_for_ever: bool = False) -> float:
    """A number of seconds, more than 0 and finite.

    :param or_zero: 0 may be, too.
    :param or_for_ever: `math.inf` may be, too.
    :raises InvalidInput: it is another number, or none.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise WrongType(f"{name} is {value!r}: give a number of seconds")
    if not (value > 0 or (or_zero and value == 0)) or (value == math.inf and not or_for_ever):
        bounds = f"{'0 or more' if or_zero else 'more than 0'}{'' if or_for_ever else ', and finite'}"
        raise InvalidInput(f"{name} is {value}: seconds, {bounds}")
    return value
