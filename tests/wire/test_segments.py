"""wire.segments: key=value path segments, held against RFC 3986 and against what a Java server does to a path."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mspace_legacy.errors import InvalidInput, RequestError
from mspace_legacy.wire.segments import decode_segments, encode_segments, lone_surrogate, read_segments
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


def test_the_first_and_the_last_half_there_is() -> None:
    for half in map(chr, (0xD800, 0xDFFF)):
        assert lone_surrogate("message", half)
    for neighbour in map(chr, (0xD7FF, 0xE000)):
        assert lone_surrogate("message", neighbour) is None


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


@pytest.mark.parametrize(
    ("path", "found"),
    [
        # What callers write by mistake helps to be told; anything else may be a part of the password.
        ("username=u/pwd=p=q/message=m", "path segment 2 is pwd=..., not password=...:"),
        ("username=u/Password=p/message=m", "path segment 2 is Password=..., not password=...:"),
        ("username=u/message=p/message=m", "path segment 2 is message=..., not password=...:"),
        ("username=u/canary=p/message=m", "path segment 2 is something else, not password=...:"),
        ("username=u/pwd/message=m", "path segment 2 is something else, not password=...:"),
        ("username=u/password=p/text=m", "path segment 3 is text=..., not message=...:"),
        ("username=u/password=p", "path segment message=... is missing:"),
        ("username=u/password=p/message=m/canary", "the path goes on after message=...:"),
    ],
)
def test_a_refusal_says_what_stands_there_and_what_should(path: str, found: str) -> None:
    with pytest.raises(RequestError) as raised:
        decode_segments(path, ["username", "password", "message"])
    told = str(raised.value)
    assert told.startswith(f"{found} expected username=.../password=.../message=...")
    assert told.endswith("; a slash within a value is written %2F") == (
        "missing" not in told and "message=p" not in path
    )
    assert "canary" not in told


@pytest.mark.parametrize("stray", ["é", "Ã©", "\x01", "\ud800", " "])
def test_a_character_that_no_path_can_hold_is_refused(stray: str) -> None:
    # What comes off a socket undecoded has a character for each byte: read on, it would be another text.
    with pytest.raises(RequestError, match=r"^password: a character that can't stand bare in a URL"):
        decode_segments(f"username=u/password={stray}", ["username", "password"])


@given(
    st.builds("username={}/password={}".format, st.text("aé%20;5zC3", max_size=9), st.text("aé%20;5zC3", max_size=9))
    | st.text(max_size=60)
    | st.text("usernamepwod=/%;5zC3", max_size=60)
)
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


# Reading liberally


SENDING = ["username", "password", "senderid", "recipient", "message"]
HEAD = "username=u/password=p/senderid=S/recipient=1/message="


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("Hello there", "Hello there"),
        ("Hello%20there", "Hello there"),
        ("a/b//c/", "a/b//c/"),
        ("a%2Fb", "a/b"),
        ("why? a=b&c?", "why? a=b&c?"),
        ("a;b;jsessionid=1", "a;b;jsessionid=1"),
        ("1+1", "1+1"),
        ('#1 [x] {y} <z> |\\^`"', '#1 [x] {y} <z> |\\^`"'),
        ("x/message=y/password=z", "x/message=y/password=z"),
        ("/username=u/password=p", "/username=u/password=p"),
        ("", ""),
        # A percent sign that escapes nothing is one.
        ("100%", "100%"),
        ("100% sure", "100% sure"),
        ("%zz %4 %%41 %25", "%zz %4 %A %"),
        # Bytes as a server hands them over, a character for each: UTF-8, or else Windows-1252.
        ("caf\u00c3\u00a9", "caf\u00e9"),
        ("\u00f0\u009f\u0098\u0080", "\U0001f600"),
        ("caf\u00e9 \u0080 \u0093x\u0094", "caf\u00e9 \u20ac \u201cx\u201d"),
        ("caf%C3%A9", "caf\u00e9"),
        ("caf%E9 %80", "caf\u00e9 \u20ac"),
        ("caf%C3\u00a9", "caf\u00e9"),
        ("%81\u008d", "\x81\x8d"),
        ("%ED%A0%80", "\u00ed\u00a0\u20ac"),
        # In process, as text.
        ("\u20ac \U0001f600", "\u20ac \U0001f600"),
        ("half \ud83d \u20ac", "half ? \u20ac"),
        ("a\x00b\r\nc", "a\x00b\r\nc"),
    ],
)
def test_everything_behind_the_last_key_is_the_message(written: str, message: str) -> None:
    assert read_segments(HEAD + written, SENDING, open_ended=True) == ["u", "p", "S", "1", message]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"username=u/password={CANARY}/senderid=S/recipient=1", "message=... is missing"),
        (f"username=u/password={CANARY}/senderid=S/message=m/recipient=1", "not recipient=..."),
        (f"username=u/password={CANARY}/x/senderid=S/recipient=1/message=m", "not senderid=..."),
        (f"username=u/password={CANARY}//senderid=S/recipient=1/message=m", "not senderid=..."),
        (f"/username=u/password={CANARY}/senderid=S/recipient=1/message=m", "not username=..."),
        (f"username=u/Password={CANARY}/senderid=S/recipient=1/message=m", "not password=..."),
        (f"username=u/password={CANARY}/senderid=S/recipient=1/Message={CANARY}", "not message=..."),
        (f"username=u/password={CANARY}/senderid=S/recipient=1/message", "not message=..."),
        (
            f"username=u/password={CANARY}?/senderid=S/recipient=1/message=m",
            "password: a bare '?' cuts the value off; it is written %3F",
        ),
        (
            f"username=u/password={CANARY};x/senderid=S/recipient=1/message=m",
            "password: a bare ';' cuts the value off; it is written %3B",
        ),
        (f"username=u/password={CANARY}/senderid=S/recipient={CANARY};2/message=m", "recipient: a bare ';'"),
        (f"username=u;{CANARY}/password={CANARY}/senderid=S/recipient=1/message=m", "username: a bare ';'"),
    ],
)
def test_what_stands_before_the_message_is_as_strict_as_ever(path: str, told: str) -> None:
    with pytest.raises(RequestError, match=re.escape(told)) as raised:
        read_segments(path, SENDING, open_ended=True)
    assert CANARY not in str(raised.value)
    assert raised.value.__context__ is None


@pytest.mark.parametrize("behind", ["", "/", "?", "?nocache=1", "/?x=1/y=2", "?x;y"])
def test_without_a_message_a_query_and_a_slash_at_the_end_are_no_part_of_a_value(behind: str) -> None:
    assert read_segments(f"username=u/password=p%3Fq{behind}", SENDING[:2], open_ended=False) == ["u", "p?q"]


@pytest.mark.parametrize(
    "path",
    [
        f"username=u/password={CANARY}//", f"username=u/password={CANARY}/x", f"username=u/password={CANARY};x",
        f"username=u/password={CANARY}/password={CANARY}", f"username=u?password={CANARY}", f"?username={CANARY}",
    ],
)  # fmt: skip
def test_without_a_message_whatever_goes_on_is_refused(path: str) -> None:
    with pytest.raises(RequestError) as raised:
        read_segments(path, SENDING[:2], open_ended=False)
    assert CANARY not in str(raised.value)


@given(st.lists(texts, min_size=5, max_size=5))
def test_what_is_encoded_is_read_to_the_same(values: list[str]) -> None:
    path = encode_segments(list(zip(SENDING, values, strict=True)))
    assert read_segments(path, SENDING, open_ended=True) == values
    assert read_segments(f"{path}?x", SENDING, open_ended=False) == values


_bare = st.text("ab=%2F41C3A9+:&'\"!~,.#", max_size=12)


@given(st.lists(_bare, min_size=2, max_size=2), st.booleans())
def test_whatever_the_strict_reader_reads_the_liberal_one_reads_the_same(values: list[str], open_ended: bool) -> None:
    path = f"username={values[0]}/password={values[1]}"
    try:
        strict = decode_segments(path, SENDING[:2])
    except RequestError:
        assume(False)
    assert read_segments(path, SENDING[:2], open_ended=open_ended) == strict


@given(st.text(max_size=60))
def test_any_message_is_read_to_the_end(message: str) -> None:
    *_, read = read_segments(HEAD + message, SENDING, open_ended=True)
    # Characters up to U+00FF may stand for the bytes of others.
    if "%" not in message and (message.isascii() or max(message) > "\xff"):
        assert read == message


@given(st.text(max_size=60) | st.text("usernamepwod=/%;5zC3?", max_size=60), st.booleans())
def test_any_path_is_read_liberally_or_refused(path: str, open_ended: bool) -> None:
    with contextlib.suppress(RequestError):
        assert len(read_segments(path, SENDING[:2], open_ended=open_ended)) == 2
