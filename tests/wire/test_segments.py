"""wire.segments: key=value path segments, held against RFC 3986 and against what a Java server does to a path."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy.errors import InvalidInput, RequestError
from mspace_legacy.wire.segments import decode_segments, encode_segments, lone_surrogate
from tests.wire.strategies import texts

CANARY = "canary-71f3"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("azAZ09-._~", "azAZ09-._~"),  # RFC 3986, section 2.3: the unreserved characters, and no other
        ("!$&'()*+,;=:@/?#[]", "%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40%2F%3F%23%5B%5D"),
        (' "%<>\\^`{|}', "%20%22%25%3C%3E%5C%5E%60%7B%7C%7D"),
        ("\0\r\n\t\x7f", "%00%0D%0A%09%7F"),
        ("é€😀", "%C3%A9%E2%82%AC%F0%9F%98%80"),
        ("%41", "%2541"),
        ("", ""),
    ],
)
def test_every_byte_but_the_unreserved_is_percent_encoded(value: str, written: str) -> None:
    assert encode_segments([("message", value)]) == f"message={written}"


def test_only_the_comma_between_recipients_stays() -> None:
    assert encode_segments([("recipient", "0722,0733"), ("message", "a,b")]) == "recipient=0722,0733/message=a%2Cb"


@given(st.lists(texts, min_size=1, max_size=4))
def test_what_is_encoded_is_decoded_to_the_same(values: list[str]) -> None:
    keys = ["username", "password", "recipient", "message"][: len(values)]
    path = encode_segments(list(zip(keys, values, strict=True)))
    assert re.fullmatch(r"[A-Za-z0-9\-._~%=,/]*", path)
    assert path.count("/") == len(values) - 1
    assert decode_segments(path, keys) == values


@pytest.mark.parametrize("half", ["\ud83d", "\udc00\ud800", "\ud83d "])
def test_half_of_a_surrogate_pair_is_named_by_key_and_place_without_the_text(half: str) -> None:
    with pytest.raises(InvalidInput, match=r"^password: character 12 is U\+D[89A-F]..") as raised:
        encode_segments([("username", "u"), ("password", CANARY + half)])
    assert CANARY not in str(raised.value)
    assert raised.value.__context__ is None


def test_a_joined_pair_is_no_half() -> None:
    assert lone_surrogate("message", "😀\U0010ffff") is None


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "segment 1 is something else, not username=..."),
        ("username=u", "password=... is missing"),
        ("username=u/", "segment 2 is something else, not password=..."),
        ("password=p/username=u", "segment 1 is password=..., not username=..."),
        ("user=u/password=p", "something else, not username=..."),
        ("username=u/Password=p", "not password=..."),
        ("username=u/passwd=p", "not password=..."),
        ("username/password=p", "not username=..."),
        ("username=u/password=p/message=m", "goes on after password=..."),
        ("username=u/password=p/", "goes on after password=..."),
        ("username=a/b/password=p", "a slash within a value is written %2F"),
        ("username=u/password=a/b", "a slash within a value is written %2F"),
        ("username=u/password=a;b", "password: a bare semicolon"),
        ("username=u/password=50%", "password: a percent sign"),
        ("username=u/password=%4", "password: a percent sign"),
        ("username=u/password=%zz", "password: a percent sign"),
        ("username=u/password=%FF", "password: not UTF-8"),
        ("username=u/password=%ED%A0%80", "password: not UTF-8"),
        ("username=u/password=%C3", "password: not UTF-8"),
        ("username=u/password=%C0%AF", "password: not UTF-8"),
    ],
)
def test_what_is_not_as_documented_is_refused_and_says_where(path: str, told: str) -> None:
    with pytest.raises(RequestError, match=re.escape(told)) as raised:
        decode_segments(path, ["username", "password"])
    assert raised.value.status == 400


@pytest.mark.parametrize("stray", ["é", "Ã©", "\x01", "\ud800", " "])
def test_a_character_that_no_path_can_hold_is_refused(stray: str) -> None:
    # What comes off a socket undecoded has a character for each byte: read on, it would be another text.
    with pytest.raises(RequestError):
        decode_segments(f"username=u/password={stray}", ["username", "password"])


@given(st.text(max_size=60) | st.text("usernamepwod=/%;5zC3", max_size=60))
def test_any_path_is_read_or_refused(path: str) -> None:
    try:
        values = decode_segments(path, ["username", "password"])
    except RequestError:
        return
    assert len(values) == 2


@given(
    st.sampled_from(
        ["{0}", "username=u/{0}", "username=u/passwrd={0}", "username=u/password={0}%", "password={0}/username=u",
         "username=u/password=x/{0}", "username=u/password=x/{0}=1", "username=u/{0}=1", "username=u/password=%FF{0}",
         "username={0}/password=/{0}", "username=u/password={0};", "username=u/password=a/{0}/message=b"]
    ),
    st.sampled_from(["", "/", "=", "/message=", "%2F"]),
)  # fmt: skip
def test_no_refusal_shows_a_value(form: str, cut: str) -> None:
    with pytest.raises(RequestError) as raised:
        decode_segments(form.format(f"{CANARY}{cut}{CANARY}"), ["username", "password", "message"])
    assert CANARY not in str(raised.value)
    assert raised.value.__context__ is None
