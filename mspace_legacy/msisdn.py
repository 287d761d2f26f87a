"""Telephone numbers: from the forms that people write to the digits that the network takes.

A number is given back as E.164 has it, without the plus: the country code and the national number, `254722123456`.
For Kenya and Uganda it must be a mobile number; of other countries' numbers only the form is known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mspace_legacy.errors import InvalidInput, WrongType

__all__ = ["COUNTRIES", "check_country", "normalise", "recipients", "subscriber_number"]


@dataclass(frozen=True, slots=True)
class _Plan:
    name: str
    code: str
    initials: str
    example: str
    plain: re.Pattern[str]
    """The forms that need no thought, with the national number as group 1."""


def _plan(name: str, code: str, initials: str, example: str) -> _Plan:
    return _Plan(name, code, initials, example, re.compile(rf"(?:0|\+?{code})?([{initials}][0-9]{{8}})"))


# Nine national digits after the trunk prefix 0 or the country code; what a mobile number begins with.
# Kenya: Communications Authority, Telecommunication Numbering Plan, October 2019.
# Uganda: Uganda Communications Commission, National Numbering Plan.
_PLANS: Mapping[str, _Plan] = {
    "KE": _plan("Kenya", "254", "71", "722123456"),
    "UG": _plan("Uganda", "256", "7", "772123456"),
}
COUNTRIES: tuple[str, ...] = tuple(_PLANS)
"""The countries whose local numbers are read here."""

_NATIONAL_DIGITS = 9

# What is dialled before a country code. 000 is the prefix in Kenya and in Uganda, 00 the one that ITU-T
# recommends. No country code begins with 0, so neither can be mistaken for the other.
_INTERNATIONAL_PREFIXES = ("+", "000", "00")

# North America and Russia with Kazakhstan have ten digits after the country code, always. These are the digits
# that Kenyan and Ugandan mobile numbers begin with: +722123456 is a number whose 254 was forgotten.
_DIGITS_WITH_CODE = {"1": 11, "7": 11}

_SEPARATORS = {ord(character): None for character in " \u00a0\u202f-.()"}
_BRACKETED_ZERO = re.compile(r"\([ \u00a0\u202f]*0[ \u00a0\u202f]*\)")
_NOT_DIGIT = re.compile("[^0-9]")

_SHOWN_ERRORS = 10
_SHOWN_CHARACTERS = 40


def normalise(number: str, *, country: str = "KE") -> str:
    """The country code and the national number of `number`, digits only: `0722 123 456` is `254722123456`.

    Taken are local forms, with the trunk 0 or without it (`0722123456`, `722123456`), which are read as numbers
    of `country`, "KE" or "UG"; and international forms, with `+`, `00` or `000` before the country code or nothing
    (then 11 to 15 digits). Spaces, no-break spaces, hyphens, dots and parentheses may stand anywhere. A trunk 0
    after 254 or 256, as in `+254 (0) 722 123 456`, is dropped.

    A number of Kenya or Uganda must be a mobile number: 9 digits that begin with 7, or with 1 in Kenya. Any other
    number has 8 to 15 digits, country code and all, and exactly 11 if the country code is +1 or +7.

    ITU-T E.164 section 6, and the two national numbering plans.

    :raises InvalidInput: the number is none of these; the message names it, the reason and what would be right. Or it
        is not a str: a `WrongType`.
    """
    if not isinstance(number, str):
        raise WrongType(f"number: {_not_text(number)}")
    return _read(number, _plan_of(country))


def recipients(value: str | Iterable[str], *, country: str = "KE") -> tuple[str, ...]:
    """The numbers of `value`, each as `normalise` gives it, in the order given and each one once.

    :param value: a str with commas between the numbers, or any iterable of strings with one number in each.
    :raises InvalidInput: there is no number at all, or any of them is bad or empty, which a comma too many makes: the
        message tells of the first ten, by their place counted from 1, and how many more there are. Or, as a
        `WrongType`, bytes, None, or anything in the iterable that is not a str: an int has lost its leading zero.
    """
    plan = _plan_of(country)
    good: dict[str, None] = {}
    bad: list[str] = []
    more = place = 0
    for place, number in enumerate(_items(value), 1):
        if not isinstance(number, str):
            raise WrongType(f"recipients: item {place}: {_not_text(number)}")
        try:
            good[_read(number, plan)] = None
        except InvalidInput as error:
            if len(bad) < _SHOWN_ERRORS:
                bad.append(f"item {place}: {error}")
            else:
                more += 1
    if bad:
        raise InvalidInput(f"recipients: {'; '.join(bad)}{f'; and {more} more' if more else ''}")
    if not place:
        raise InvalidInput("recipients: there is none; give one number at least")
    return tuple(good)


def _items(value: str | Iterable[str]) -> Iterable[object]:
    if isinstance(value, str):
        return value.split(",") if value.strip() else ()
    if isinstance(value, (bytes, bytearray, memoryview)) or not isinstance(value, Iterable):
        raise WrongType(f"recipients: {_not_text(value)}")
    return value


def _not_text(value: object) -> str:
    kind = type(value).__name__
    if isinstance(value, (int, float)):
        return f"{value!r} is {kind}, in which leading zeros would be lost; write numbers as str"
    return f"expected str, not {kind}"


def check_country(country: str) -> None:
    """That it is one of `COUNTRIES`.

    :raises InvalidInput: it is not.
    """
    _plan_of(country)


def _plan_of(country: str) -> _Plan:
    if not isinstance(country, str):
        raise WrongType(f"country: expected str, not {type(country).__name__}")
    plan = _PLANS.get(country)
    if plan is None:
        raise InvalidInput(f"country: {country!r} is not known here; it is one of {', '.join(_PLANS)}")
    return plan


def _read(number: str, home: _Plan) -> str:
    plain = home.plain.fullmatch(number)
    if plain:
        return home.code + plain[1]

    written = number.strip()
    digits = written.translate(_SEPARATORS)
    stray = _NOT_DIGIT.search(digits.removeprefix("+"))
    if stray:
        raise _bad(number, _about(stray[0]))
    if digits in ("", "+"):
        raise _bad(number, "has no digits; was a number left out, or is there a comma too many?")
    if written.endswith(".0"):
        raise _bad(number, "ends in '.0', as a number does that was a float; write it as text")

    for prefix in _INTERNATIONAL_PREFIXES:
        if digits.startswith(prefix):
            return _international(number, digits.removeprefix(prefix), home)
    if digits.startswith("0"):
        return _national(number, digits[1:], home, " after the 0")
    if len(digits) >= 11 or any(digits.startswith(plan.code) for plan in _PLANS.values()):
        return _international(number, digits, home)
    return _national(number, digits, home, "")


def _international(number: str, digits: str, home: _Plan) -> str:
    for plan in _PLANS.values():
        if digits.startswith(plan.code):
            return _national(number, digits[len(plan.code) :].removeprefix("0"), plan, f" after {plan.code}")
    if _BRACKETED_ZERO.search(number):
        # Most countries drop this zero after the country code, some keep it.
        raise _bad(number, "has a '(0)'; write it as it is dialled from abroad")
    if digits.startswith("0"):
        raise _bad(number, f"has a 0 where its country code should be, {_as_in(home)}")
    needed = _DIGITS_WITH_CODE.get(digits[:1])
    if needed and len(digits) != needed:
        raise _bad(
            number,
            f"has {_count(digits)}, {needed} are needed with country code {digits[0]}; "
            f"a mobile number of {home.name} is written {_as_in(home)}",
        )
    if not 8 <= len(digits) <= 15:
        raise _bad(
            number,
            f"has {_count(digits)}, 8 to 15 are needed with the country code, {_as_in(home)}{_several(digits)}",
        )
    return digits


def _national(number: str, digits: str, plan: _Plan, where: str) -> str:
    if len(digits) != _NATIONAL_DIGITS:
        raise _bad(
            number, f"has {_count(digits)}{where}, {_NATIONAL_DIGITS} are needed, {_as_in(plan)}{_several(digits)}"
        )
    if digits[0] not in plan.initials:
        raise _bad(
            number,
            f"has {digits[0]}{where or ' as its first digit'}, a mobile number of {plan.name} has "
            f"{' or '.join(plan.initials)}, {_as_in(plan)}",
        )
    return plan.code + digits


def _about(stray: str) -> str:
    if stray == "+":
        return "has a '+' that is not its first character"
    if stray == ",":
        return "has a comma; give one number in each item"
    if stray.isdigit():
        return f"has {stray!r} (U+{ord(stray):04X}), which is not one of the ASCII digits 0 to 9"
    if stray in ";/|":
        return f"has {stray!r}; what separates numbers is a comma"
    kind = "the letter " if stray.isalpha() else ""
    return f"has {kind}{stray!r} (U+{ord(stray):04X}), where only digits, a first '+' and separators can stand"


def _as_in(plan: _Plan) -> str:
    return f"as in +{plan.code}{plan.example} or 0{plan.example}"


def _count(digits: str) -> str:
    return "1 digit" if len(digits) == 1 else f"{len(digits)} digits"


def _several(digits: str) -> str:
    return "; if these are several, put commas between them" if len(digits) > 15 else ""


def _bad(number: str, reason: str) -> InvalidInput:
    more = "..." if len(number) > _SHOWN_CHARACTERS else ""
    return InvalidInput(f"{number[:_SHOWN_CHARACTERS]!r}{more} {reason}")


def subscriber_number(number: str) -> str:
    """What the forms of one number have in common: the nine digits behind the country code or the trunk prefix.

    Both Kenya and Uganda have nine. What is no such number stays as it is.
    """
    return re.sub(r"\D", "", number)[-9:] or number.strip()
