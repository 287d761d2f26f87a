"""secrets: the value that never prints itself, and the masking of text that may carry one."""

from __future__ import annotations

import copy
import html
import json
import logging
import pickle
import pprint
import re
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy.errors import WrongType
from mspace_legacy.secrets import MASK, RedactingFilter, Secret, redact, spellings
from mspace_legacy.wire import legacy

CANARY = "canary-71f3"


# Secret


@pytest.mark.parametrize(
    "show",
    [repr, str, ascii, "{}".format, "{!r}".format, "{!s:>20}".format, "{:^9}".format, "%s".__mod__, "%r".__mod__,
     pprint.pformat, lambda secret: repr([secret, {secret: secret}]), lambda secret: f"{secret}"],
)  # fmt: skip
def test_a_secret_is_never_printed(show: Callable[[Secret], str]) -> None:
    shown = show(Secret(CANARY))
    assert "71f3" not in shown
    assert MASK in shown


def test_only_reveal_tells_it() -> None:
    assert Secret(CANARY).reveal() == CANARY
    assert not hasattr(Secret(CANARY), "__dict__")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol: int) -> None:
    for holder in (Secret(CANARY), [Secret(CANARY)], {"password": Secret(CANARY)}):
        with pytest.raises(TypeError, match="not pickled") as raised:
            pickle.dumps(holder, protocol)
        assert CANARY not in str(raised.value)


def test_a_secret_is_not_written_as_json() -> None:
    with pytest.raises(TypeError) as raised:
        json.dumps({"password": Secret(CANARY)})
    assert CANARY not in str(raised.value)


def test_a_copy_is_the_secret_itself() -> None:
    @dataclass
    class Holder:
        password: Secret

    secret = Secret(CANARY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    assert asdict(Holder(secret)) == {"password": secret}
    assert "71f3" not in repr(Holder(secret))


def test_secrets_compare_by_value_and_only_with_secrets() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret(CANARY + "x")
    assert Secret(CANARY) != CANARY
    assert Secret("é😀\ud800") == Secret("é😀\ud800")
    assert hash(Secret(CANARY)) == hash(Secret(CANARY))
    assert hash(Secret(CANARY)) != hash(CANARY)
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@pytest.mark.parametrize("value", [1234, None, b"bytes"])
def test_a_secret_is_a_text(value: Any) -> None:
    with pytest.raises(WrongType, match=f"a secret is a {type(value).__name__}: give a str"):
        Secret(value)


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("0")


def test_a_traceback_that_shows_variables_shows_no_secret() -> None:
    def fail(settings: dict[str, Secret]) -> None:
        raise RuntimeError(f"wrong: {settings}")

    with pytest.raises(RuntimeError) as raised:
        fail({"password": Secret(CANARY)})
    error = raised.value
    assert error.__traceback__ is not None
    inner = traceback.TracebackException(type(error), error, error.__traceback__.tb_next, capture_locals=True)
    shown = "".join(inner.format())
    assert "settings = " in shown
    assert "71f3" not in shown


# redact, by the key

PLACES = [
    "http://host/mspaceservice/wr/sms/balance/username=u/password={0}",
    "http://host/mspaceservice/wr/sms/sendtext/username=u/password={0}/senderid=S/recipient=1/message=m",
    "https://host/smsapi/v2/balance/apikey={0}/username=u",
    "GET /smsapi/v2/balance/apikey={0}/username=u HTTP/1.1",
    "http%3A%2F%2Fhost%2Fusername%3Du%2Fpassword%3D{0}%2Fsenderid%3DS",
    '{{"username": "u", "password": "{0}"}}',
    '{{"password":"{0}","username":"u"}}',
    "{{'password': '{0}', 'username': 'u'}}",
    "{{'apikey': '{0}'}}",
    "[('apikey', '{0}'), ('Accept', 'text/plain')]",
    "apikey: {0}\r\nAccept: text/plain",
    "ApiKey:{0}",
    "APIKEY: {0}",
    "<user><username>u</username><password>{0}</password></user>",
    "<apikey>{0}</apikey>",
    "Login(username='u', password='{0}')",
    'Login(username="u", password="{0}")',
    "password = '{0}'",
    "[(b'apikey', b'{0}')]",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", [CANARY, "a", "canary%2F71f3", "canary.71f3+x"])
def test_what_stands_by_its_name_is_masked(place: str, value: str) -> None:
    assert redact(place.format(value)) == place.format(MASK)


@pytest.mark.parametrize("key", sorted({"username", *(key for keys in legacy.KEYS.values() for key, _ in keys)}))
def test_a_value_that_was_not_encoded_is_masked_up_to_the_next_key(key: str) -> None:
    masked = redact(f"/username=u/password=canary/71f3;x=y/{key}=kept")
    assert masked == f"/username=u/password={MASK}/{key}=kept"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        # Quotes within a value: by JSON's escapes, by Python's, and as a URL of the jar has them.
        (r'{"password": "canary\"71f3", "username": "u"}', "username"),
        (r"{'password': 'canary\'71f3\"', 'username': 'u'}", "username"),
        ("/username=u/password=canary'71f3/senderid=S", "senderid=S"),
        ("<password><![CDATA[canary71f3]]></password><username>u</username>", "username"),
        ('<password type="x">canary71f3</password>', "</password>"),
        ("<x:password>canary71f3</x:password>", "</x:password>"),
    ],
)
def test_a_value_with_a_quote_or_in_other_markup_is_masked_whole(text: str, left: str) -> None:
    masked = redact(text)
    assert "canary" not in masked
    assert "71f3" not in masked
    assert left in masked


@pytest.mark.parametrize(
    "text",
    ["", "the password is wrong", "username=u/message=hello", '{"username": "u"}', "no apikey", "passwords",
     "Authentication failure", "50"],
)  # fmt: skip
def test_a_text_without_a_secret_stays(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=80) | st.text("password=:/'\"<> apikey", max_size=80))
def test_masking_twice_is_masking_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


# redact, by the value

WAYS: dict[str, Callable[[str], str]] = {
    "as it is": lambda value: value,
    "a path": lambda value: quote(value, safe=""),
    "a path within a path": lambda value: quote(quote(value, safe=""), safe=""),
    "a path with slashes": quote,
    "a path of the recipients": lambda value: quote(value, safe=","),
    "a path in small letters": lambda value: quote(value, safe="").replace("%2F", "%2f").replace("%3D", "%3d"),
    # Left bare by the jar (vectors, README, 1): letters, digits and these.
    "a path of the jar": lambda value: quote(value, safe="-._~!$&'()*+,;=:@/"),
    "a form": quote_plus,
    "JSON": lambda value: json.dumps(value)[1:-1],
    "JSON in UTF-8": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "JSON with escaped slashes": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "JSON within JSON": lambda value: json.dumps(json.dumps(value))[3:-3],
    "SQL": lambda value: value.replace("'", "''"),
    "XML": escape,
    "XML within XML": lambda value: escape(escape(escape(value))),
    "an attribute of XML": lambda value: quoteattr(value)[1:-1],
    "HTML": html.escape,
    "HTML within HTML": lambda value: html.escape(html.escape(value)),
    "HTML with bare quotes": lambda value: html.escape(value, quote=False),
    "HTML of Java": lambda value: html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    "a repr": lambda value: repr(value)[1:-1],
    "a repr of bytes": lambda value: repr(value.encode())[2:-1],
    # By who leaves nothing as it is.
    "a URL of bytes": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
    "a URL of bytes within a URL": lambda value: "".join(f"%25{byte:02x}" for byte in value.encode()),
    "JSON of UTF-16": lambda value: re.sub("(....)", r"\\u\1", value.encode("utf-16-be").hex()),
    "a repr of code points": lambda value: "".join(f"\\U{ord(character):08x}" for character in value),
    "HTML of code points": lambda value: "".join(f"&#{ord(character)};" for character in value),
    "HTML of code points in hex": lambda value: "".join(f"&#x{ord(character):X};" for character in value),
    "a URL of every other letter": lambda value: "".join(
        quote(character, safe="") if place % 2 else "".join(f"%{byte:02X}" for byte in character.encode())
        for place, character in enumerate(value)
    ),
}
VALUES = ["simple", "with space", "sl/ash", "per%cent", 'quo"te', "apo'strophe", "a&b<c>d", "co,mma;semi",
          "back\\slash", "car\rriage", "ta\tb",
          "pässwörd", "😀😀😀😀", "k=v+w", "do$lar(1)!*", 'all/ %"\'&<>,;\\é😀=+$()']  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", VALUES)
def test_a_known_secret_is_masked_in_any_spelling(way: str, value: str) -> None:
    text = f"before [{WAYS[way](value)}] after"
    assert redact(text, [Secret(value)]) == f"before [{MASK}] after"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=20), st.sampled_from(list(WAYS)))
def test_any_known_secret_is_masked(value: str, way: str) -> None:
    written = WAYS[way](value)
    assert written not in redact(f"\x02{written}\x03", [Secret(value)]) or written in MASK


@pytest.mark.parametrize(
    "secret", ["abcdefghijkl''secrettail", "abcdefghijk''lsecrettail", r"abcdefghijk\\lsecrettail"]
)
def test_a_part_of_a_secret_with_a_sign_twice_is_masked_to_its_end(secret: str) -> None:
    assert redact(f"pw {secret[:-2]} x", [Secret(secret)]) == f"pw {MASK} x"


@pytest.mark.parametrize("sign", ["\\", "'", "&", '"'])
def test_a_run_of_what_is_written_twice_is_searched_for_without_trying_every_mixture(sign: str) -> None:
    # A search that does takes years for it.
    secret = Secret(sign * 40 + "X")
    assert redact(sign * 300, [secret]).startswith(MASK)
    assert redact(sign * 80 + "X", [secret]).strip(MASK) == ""


def test_a_secret_that_was_cut_off_within_its_last_backslash_is_masked() -> None:
    secret = "hunter\\2\\"
    assert redact(json.dumps(secret)[1:-2], [Secret(secret)]) == MASK


@pytest.mark.parametrize("sign", ['"', "'", "\n", "/"])
def test_backslashes_before_what_is_escaped_are_searched_for_without_trying_every_mixture(sign: str) -> None:
    value = ("\\" + sign) * 40 + "tail"
    for times in range(1, 9):
        text = ("\\" * times + json.dumps(sign)[-2]) * 40 + "tall"
        assert redact(text, [Secret(value)]).endswith("ll")
    for way in WAYS.values():
        assert redact(way(value), [Secret(value)]) == MASK


def test_a_secret_with_half_of_a_surrogate_pair_is_masked() -> None:
    assert redact("a canary\ud800 b", [Secret("canary\ud800")]) == f"a {MASK} b"
    assert "canary\ud800" in spellings("canary\ud800")


def test_a_short_secret_is_masked_by_its_key_only() -> None:
    secrets = [Secret("abc"), Secret("a"), Secret("")]
    assert redact("a cab for abc", secrets) == "a cab for abc"
    assert redact("/username=u/password=abc", secrets) == f"/username=u/password={MASK}"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("unknown key 0123abcd4567, ask for another", "unknown key ***, ask for another"),
        ("unknown key 0123abcd4567...", "unknown key ***..."),
        ("unknown key 0123ABCD4567e***", "unknown key ******"),
        ("unknown key 0123abcd4567ef and 0123abcd4567efgh", "unknown key *** and ***"),
        ("unknown key 0123abcd456", "unknown key 0123abcd456"),
    ],
)
def test_a_part_of_a_long_secret_is_masked(text: str, left: str) -> None:
    for whole in ("0123abcd4567efgh", "0123abcd4567efgh890" * 40):
        assert redact(text, [Secret(whole)]) == left


@pytest.mark.parametrize("length", [16, 128, 129, 600])
def test_a_part_of_a_secret_of_any_length_is_masked_to_its_end(length: int) -> None:
    value = "".join(f"{number:03x}" for number in range(1000))[:length]
    assert redact(f"invalid key {value[:-3]}, ask for another", [Secret(value)]) == "invalid key ***, ask for another"


@pytest.mark.parametrize(
    "spelt", ["live%2F4f9a8b7c6d5e%2B4f", r"live\/4f9a8b7c6d5e+4f", "live&#47;4f9a8b7c6d5e&#43;4f"]
)
def test_a_part_of_a_secret_is_masked_in_any_spelling(spelt: str) -> None:
    assert redact(f"bad key {spelt}...", [Secret("live/4f9a8b7c6d5e+4f3a2b1c")]) == "bad key ***..."


def test_a_secret_that_reads_like_an_escaped_letter_is_masked_whole() -> None:
    for way in (str, WAYS["a URL of every other letter"], WAYS["a path"]):
        assert redact(f"a {way('0123abcd4567%41tail')} %42", [Secret("0123abcd4567%41tail")])[:6] == "a *** "


@pytest.mark.parametrize(
    "spelt",
    [r"\u0063orrect horse battery", "%63orrect horse battery", "&#99;orrect &#104;orse battery",
     " ".join("".join(f"%{ord(letter):02x}" for letter in word) for word in ("correct", "horse", "battery")),
     "correct horse %62attery"],
)  # fmt: skip
def test_a_secret_with_spaces_is_masked_where_only_letters_are_escaped(spelt: str) -> None:
    masked = redact(f"bad {spelt} %41", [Secret("correct horse battery")])
    assert "***" in masked
    assert not {"orrect", "orse", "battery", "%68"} & set(re.findall(r"orrect|orse|battery|%68", masked))


def test_letters_that_were_escaped_stay_so_where_there_is_no_secret() -> None:
    assert redact("/message=%41%42 &#65; canary", [Secret("canary")]) == "/message=%41%42 &#65; ***"
    assert redact("%41 a%63anary \\u0041", [Secret("canary")]) == "%41 a*** \\u0041"


def test_a_part_of_a_secret_that_is_too_short_stays() -> None:
    assert redact("unknown key 0123abcd4567", [Secret("0123abcd4567efg")]) == "unknown key 0123abcd4567"


def test_several_secrets_are_all_masked() -> None:
    # The one is the beginning of the other: neither order may leave the rest of the longer one.
    for secrets in ([Secret("canary"), Secret(CANARY)], [Secret(CANARY), Secret("canary")]):
        assert "71f3" not in redact(f"x {CANARY} y canary z", secrets)


def test_the_longest_spelling_comes_first() -> None:
    lengths = [len(spelling) for spelling in spellings('a/b "c"')]
    assert lengths == sorted(lengths, reverse=True)
    assert len(set(spellings('a/b "c"'))) == len(lengths)


# Logs


def test_a_log_is_masked_and_every_record_kept(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("tests.secrets")
    filter_ = RedactingFilter([Secret("an/other one")])
    log.addFilter(filter_)
    try:
        with caplog.at_level(logging.DEBUG, "tests.secrets"):
            log.debug('%s "GET %s HTTP/1.1" %d', "host", f"/balance/username=u/password={CANARY}", 200)
            log.debug("an%%2Fother%%20one and %s", "an/other one")
            log.debug("nothing to hide: %d %%", 5)
    finally:
        log.removeFilter(filter_)
    assert [record.getMessage() for record in caplog.records] == [
        f'host "GET /balance/username=u/password={MASK} HTTP/1.1" 200',
        f"{MASK} and {MASK}",
        "nothing to hide: 5 %",
    ]
    assert all(CANARY not in repr(vars(record)) for record in caplog.records)


def test_a_secret_that_is_very_long_is_masked_as_the_usual_writers_spell_it() -> None:
    secret = "p/w d\u00e9" * 40_000
    spelt = [secret, quote(secret, safe=""), json.dumps(secret)[1:-1], html.escape(secret)]
    assert redact(" ".join(spelt), [Secret(secret)]) == " ".join([MASK] * 4)


@pytest.mark.parametrize("password", [CANARY, "Zürich-geheim-pässword", "geheim-€-žluť", "пароль-geheim"])
@pytest.mark.parametrize(
    "codec", ["utf-8", "iso-8859-1", "cp1252", "utf-16-le", "utf-16-be", "utf-16", "iso-8859-2", "cp1251", "cp437"]
)
@pytest.mark.parametrize("read", ["utf-8", "iso-8859-1", "cp1252", "iso-8859-5", "iso-8859-15", "cp1250", "cp850"])
@pytest.mark.parametrize("errors", ["replace", "surrogateescape"])
def test_a_secret_that_was_read_in_another_charset_is_masked(
    password: str, codec: str, read: str, errors: str
) -> None:
    text = f'{{"error": "no user with {password} here"}}'.encode(codec, "replace").decode(read, errors)
    masked = redact(text, [Secret(password)]).replace("\0", "")
    assert masked.endswith(f'{{"error": "no user with {MASK} here"}}')
