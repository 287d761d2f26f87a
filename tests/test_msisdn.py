"""mspace_legacy.msisdn: the forms of a number, what is refused and why, and lists of recipients."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mspace_legacy.errors import InvalidInput, WrongType
from mspace_legacy.msisdn import normalise, recipients

KENYAN = [
    "0722123456",
    "722123456",
    "254722123456",
    "+254722123456",
    "00254722123456",
    "000254722123456",
    "+254 (0) 722 123 456",
    "+254(0)722123456",
    "+254 0722 123456",
    "2540722123456",
    "00254-0722-123-456",
    "0722 123 456",
    "0722-123-456",
    "0722.123.456",
    "(0722) 123456",
    "(0)722 123456",
    "(+254) 722 123456",
    "+ 254 722 123456",
    "0722\u00a0123\u00a0456",
    "+254\u202f722\u202f123\u202f456",
    "  0722123456\t\r\n",
]


@pytest.mark.parametrize("written", KENYAN)
def test_each_form_of_a_kenyan_number(written: str) -> None:
    assert normalise(written) == "254722123456"


@pytest.mark.parametrize("written", ["0110123456", "110123456", "254110123456", "+254 (0) 110 123 456"])
def test_kenyan_mobile_numbers_begin_with_1_as_well(written: str) -> None:
    assert normalise(written, country="KE") == "254110123456"


@pytest.mark.parametrize(
    "written", ["0772123456", "772 123 456", "256772123456", "+256 (0)772-123456", "00256772123456"]
)
def test_each_form_of_a_ugandan_number(written: str) -> None:
    assert normalise(written, country="UG") == "256772123456"


@pytest.mark.parametrize("country", ["KE", "UG"])
def test_only_local_forms_are_read_by_the_country(country: str) -> None:
    code = {"KE": "254", "UG": "256"}[country]
    assert normalise("0772123456", country=country) == f"{code}772123456"
    assert normalise("772123456", country=country) == f"{code}772123456"
    for written in ("256772123456", "+256772123456", "+256 (0) 772 123456"):
        assert normalise(written, country=country) == "256772123456"
    for written in ("254772123456", "+254772123456", "+254 (0) 772 123456"):
        assert normalise(written, country=country) == "254772123456"


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("+44 7911 123456", "447911123456"),
        ("00447911123456", "447911123456"),
        ("447911123456", "447911123456"),
        ("+1 (202) 555-0123", "12025550123"),
        ("12025550123", "12025550123"),
        ("+79161234567", "79161234567"),
        ("+255 712 345 678", "255712345678"),
        ("+29012345", "29012345"),
        ("+290 1234 5678 9012", "290123456789012"),
    ],
    ids=["uk", "uk-00", "uk-bare", "us", "us-bare", "ru", "tz", "shortest", "longest"],
)
def test_numbers_of_other_countries(written: str, digits: str) -> None:
    assert normalise(written) == digits


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("07221", "has 4 digits after the 0, 9 are needed, as in +254722123456 or 0722123456"),
        ("07221234567", "has 10 digits after the 0, 9 are needed"),
        ("0", "has 0 digits after the 0, 9 are needed"),
        ("7", "has 1 digit, 9 are needed"),
        ("7221234567", "has 10 digits, 9 are needed"),
        ("25472212345", "has 8 digits after 254, 9 are needed"),
        ("+2547221234567", "has 10 digits after 254, 9 are needed"),
        ("+254 (0) 722 123 45", "has 8 digits after 254, 9 are needed"),
        ("+254 00722123456", "has 10 digits after 254, 9 are needed"),
        ("254722123", "has 6 digits after 254, 9 are needed"),
        ("25677212345", "has 8 digits after 256, 9 are needed, as in +256772123456"),
        ("0202123456", "has 2 after the 0, a mobile number of Kenya has 7 or 1"),
        ("+254202123456", "has 2 after 254, a mobile number of Kenya has 7 or 1"),
        ("202123456", "has 2 as its first digit, a mobile number of Kenya has 7 or 1"),
        ("+256412123456", "has 4 after 256, a mobile number of Uganda has 7"),
        ("256110123456", "has 1 after 256, a mobile number of Uganda has 7"),
        ("+0722123456", "has a 0 where its country code should be"),
        ("0000254722123456", "has a 0 where its country code should be"),
        ("+2901234", "has 7 digits, 8 to 15 are needed"),
        ("+2901234567890123", "has 16 digits, 8 to 15 are needed"),
        ("2901234567890123", "has 16 digits, 8 to 15 are needed"),
        ("00", "has 0 digits, 8 to 15 are needed"),
        ("+722123456", "has 9 digits, 11 are needed with country code 7; a mobile number of Kenya is"),
        ("00722123456", "has 9 digits, 11 are needed with country code 7"),
        ("+110123456", "has 9 digits, 11 are needed with country code 1"),
        ("722123456789", "has 12 digits, 11 are needed with country code 7"),
        ("+44 (0) 7911 123456", "has a '(0)'; write it as it is dialled from abroad"),
        ("+44 ( 0 ) 7911 123456", "has a '(0)'"),
        ("722123456.0", "ends in '.0', as a number does that was a float"),
        ("12025550123.0", "ends in '.0', as a number does that was a float"),
        ("", "has no digits"),
        ("  ", "has no digits"),
        ("+", "has no digits"),
        ("(-)", "has no digits"),
        ("0722-ABC-456", "has the letter 'A' (U+0041)"),
        ("O722123456", "has the letter 'O' (U+004F)"),
        ("2.54722E+11", "has the letter 'E'"),
        ("nan", "has the letter 'n'"),
        ("+254722123456 ext", "has the letter 'e'"),
        ("++254722123456", "has a '+' that is not its first character"),
        ("254722123456+", "has a '+' that is not its first character"),
        ("0722123456/0733123456", "has '/'; what separates numbers is a comma"),
        ("0722123456;0733123456", "has ';'; what separates numbers is a comma"),
        ("0722123456|0733123456", "has '|'; what separates numbers is a comma"),
        ("0722123456 0733123456", "as in +254722123456 or 0722123456; if these are several, put commas between them"),
        ("+44 20 7946 0958 44 20 7946 0958", "as in +254722123456 or 0722123456; if these are several, put commas"),
        ("0722\t123456", "has '\\t' (U+0009)"),
        ("0722\n123456", "has '\\n' (U+000A)"),
        ("\u202a+254722123456\u202c", "has '\\u202a' (U+202A)"),
        ("0722,0733", "has a comma; give one number in each item"),
        ("\u0660\u0667\u0662\u0662", "(U+0660), which is not one of the ASCII digits 0 to 9"),
        ("072212345\uff16", "(U+FF16), which is not one of the ASCII digits 0 to 9"),
        ("072212345²", "(U+00B2), which is not one of the ASCII digits 0 to 9"),
        ("\u0966\u096d\u0968\u0968", "(U+0966), which is not one of the ASCII digits 0 to 9"),
        ("\uff0b254722123456", "(U+FF0B), where only digits"),
        ("0722\ud83d123456", "has '\\ud83d' (U+D83D)"),
    ],
)
def test_a_bad_number_is_named_with_the_reason(written: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        normalise(written)
    assert str(caught.value).startswith(f"{written!r} ")
    assert reason in str(caught.value)
    assert not isinstance(caught.value, WrongType)


def test_the_advice_is_for_the_country_asked_for() -> None:
    with pytest.raises(InvalidInput, match=re.escape("as in +256772123456 or 0772123456")):
        normalise("07721", country="UG")
    with pytest.raises(InvalidInput, match="has 1 after the 0, a mobile number of Uganda has 7"):
        normalise("0110123456", country="UG")


def test_the_advice_is_right() -> None:
    for country, code in (("KE", "254"), ("UG", "256")):
        with pytest.raises(InvalidInput) as caught:
            normalise("07", country=country)
        first, second = re.findall(r"\+?\d{10,}", str(caught.value))
        assert normalise(first, country=country) == normalise(second, country=country)
        assert normalise(first, country=country).startswith(code)


def test_a_number_that_is_very_long_is_not_repeated_whole() -> None:
    with pytest.raises(InvalidInput, match="has 1000000 digits") as caught:
        normalise("2" * 1_000_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("country", ["TZ", "ke", "", "254", "Kenya"])
def test_a_country_that_is_not_known(country: str) -> None:
    message = re.escape(f"country: {country!r} is not known here; it is one of KE, UG")
    with pytest.raises(InvalidInput, match=message):
        normalise("0722123456", country=country)
    with pytest.raises(InvalidInput, match=message):
        recipients([], country=country)


@pytest.mark.parametrize("country", [None, 254, ["KE"]])
def test_a_country_that_is_no_str(country: object) -> None:
    with pytest.raises(WrongType, match=f"country: expected str, not {type(country).__name__}"):
        normalise("0722123456", country=country)  # type: ignore[arg-type]  # what is not taken is the point


@pytest.mark.parametrize("number", [None, b"0722123456", ["0722123456"]])
def test_only_str_is_a_number(number: object) -> None:
    with pytest.raises(WrongType, match=f"number: expected str, not {type(number).__name__}"):
        normalise(number)  # type: ignore[arg-type]  # what is not taken is the point


@pytest.mark.parametrize("number", [722123456, 254722123456, 722123456.0, True])
def test_an_int_has_lost_its_leading_zero(number: object) -> None:
    message = f"{number!r} is {type(number).__name__}, in which leading zeros would be lost; write numbers as str"
    with pytest.raises(WrongType, match=f"^number: {re.escape(message)}$"):
        normalise(number)  # type: ignore[arg-type]  # what is not taken is the point
    with pytest.raises(WrongType, match=f"^recipients: {re.escape(message)}$"):
        recipients(number)  # type: ignore[arg-type]  # what is not taken is the point
    with pytest.raises(WrongType, match=f"^recipients: item 2: {re.escape(message)}$"):
        recipients(["0722123456", number])  # type: ignore[list-item]  # what is not taken is the point


national = st.from_regex(r"[71][0-9]{8}", fullmatch=True)
separator = st.sampled_from(["", "", " ", "-", ".", "\u00a0", "\u202f", "(", ")", " - "])
prefix = st.sampled_from(["", "0", "254", "+254", "00254", "000254", "+254(0)", "+254 (0) ", "2540"])


@given(national, prefix, st.lists(separator, min_size=7, max_size=7))
def test_separators_and_prefixes_change_nothing(number: str, before: str, between: list[str]) -> None:
    # Two digits stay together at the end: what ends in ".0" is a float's text, and refused.
    written = before + "".join(digit + mark for digit, mark in zip(number, between, strict=False)) + number[7:]
    assert normalise(written) == f"254{number}"


@given(st.text(max_size=25) | st.from_regex(r"\+?[0-9 ().+-]{0,25}", fullmatch=True), st.sampled_from(["KE", "UG"]))
@example("0722123456\n", "KE")
def test_whatever_the_text_it_is_a_number_or_refused(written: str, country: str) -> None:
    try:
        digits = normalise(written, country=country)
    except InvalidInput as error:
        assert str(error).startswith(repr(written))  # noqa: PT017 (either outcome is right, for some text)
        return
    assert re.fullmatch("254[71][0-9]{8}|256[7][0-9]{8}|(?!254|256)[1-9][0-9]{7,14}", digits)
    # Nothing is made up: the digits are there as they were written, and what is given back is taken again.
    assert re.sub("[^0-9]", "", written).endswith(digits.removeprefix("254").removeprefix("256"))
    assert normalise(f"+{digits}", country=country) == digits


# Lists


def numbers() -> Iterator[str]:
    yield from ("0722123456", "0733123456")


@pytest.mark.parametrize(
    "value",
    [
        "0722123456,0733123456",
        " +254 722 123 456 ,\n0733-123-456 ",
        ["0722123456", "0733123456"],
        ("0722123456", "254733123456"),
        {"0722123456": "Amina", "0733123456": "Otieno"},
        numbers(),
    ],
    ids=["text", "spaced-text", "list", "tuple", "dict", "generator"],
)
def test_each_form_of_a_list(value: str | list[str]) -> None:
    assert recipients(value) == ("254722123456", "254733123456")


def test_one_number_alone() -> None:
    assert recipients("0722123456") == recipients(["0722123456"]) == ("254722123456",)


def test_a_number_given_twice_is_sent_to_once_in_the_first_place() -> None:
    assert recipients("0733123456,0722123456,+254733123456,0711123456,254722123456") == (
        "254733123456",
        "254722123456",
        "254711123456",
    )


def test_the_country_holds_for_the_whole_list() -> None:
    assert recipients("0772123456,+254722123456", country="UG") == ("256772123456", "254722123456")


@pytest.mark.parametrize("value", ["", " ", "\n", [], (), {}, iter([])])
def test_a_list_without_numbers(value: str | list[str]) -> None:
    with pytest.raises(InvalidInput, match=r"^recipients: there is none; give one number at least$"):
        recipients(value)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("0722123456,,0733123456", 2),
        ("0722123456,", 2),
        (",0722123456", 1),
        ("0722123456, ,0733123456", 2),
        (["0722123456", "0733123456", ""], 3),
        ([" "], 1),
    ],
)
def test_an_empty_item_is_named(value: str | list[str], place: int) -> None:
    with pytest.raises(InvalidInput, match=rf"^recipients: item {place}: ' ?' has no digits; .*a comma too many"):
        recipients(value)


def test_every_bad_number_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        recipients("0722123456,07221,0733123456,abc,+44 (0) 1")
    told = str(caught.value)
    assert told.startswith("recipients: item 2: '07221' has 4 digits after the 0, 9 are needed")
    assert "; item 4: 'abc' has the letter 'a'" in told
    assert "; item 5: '+44 (0) 1' has a '(0)'" in told
    assert "item 1:" not in told
    assert "item 3:" not in told
    assert "more" not in told


@pytest.mark.parametrize(("count", "end"), [(10, None), (11, "; and 1 more"), (5000, "; and 4990 more")])
def test_after_ten_bad_numbers_the_others_are_counted(count: int, end: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        recipients(["0722123456", *("bad" for _ in range(count))])
    told = str(caught.value)
    assert re.findall(r"item (\d+)", told) == [str(place) for place in range(2, 12)]
    assert told.endswith(end) if end else "more" not in told


def test_an_item_holds_one_number() -> None:
    with pytest.raises(InvalidInput, match="item 1: '0722123456,0733123456' has a comma; give one number in each"):
        recipients(["0722123456,0733123456"])


@pytest.mark.parametrize("value", [None, b"0722123456", bytearray(b"0722123456"), memoryview(b"0722"), object()])
def test_what_is_no_list_of_numbers(value: object) -> None:
    with pytest.raises(WrongType, match=f"^recipients: expected str, not {type(value).__name__}$"):
        recipients(value)  # type: ignore[arg-type]  # what is not taken is the point


@pytest.mark.parametrize("item", [None, b"0722123456", ["0722123456"]])
def test_an_item_that_is_no_str(item: object) -> None:
    with pytest.raises(WrongType, match=f"^recipients: item 1: expected str, not {type(item).__name__}$"):
        recipients([item])  # type: ignore[list-item]  # what is not taken is the point


@given(st.lists(national, min_size=1, max_size=30))
def test_a_text_and_a_list_give_the_same(items: list[str]) -> None:
    expected = tuple(dict.fromkeys(f"254{item}" for item in items))
    assert recipients(items) == recipients(",".join(items)) == expected
    assert recipients(expected) == expected


@pytest.mark.parametrize("form", ["07{:08d}", "+254 (0) 7{:08d}", "+44 79{:08d}"])
def test_a_hundred_thousand_numbers_are_quick(form: str) -> None:
    items = [form.format(index) for index in range(100_000)]
    began = time.process_time()
    result = recipients(items)
    # Looking each one up in the list of those before it would take minutes.
    assert time.process_time() - began < 10
    assert len(result) == 100_000
