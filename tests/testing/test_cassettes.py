"""What a recorder writes, prints and logs holds no secret, and still replays.

A secret here has a mark at both ends that nothing else holds, so that what is left of it is found in any spelling.
"""

from __future__ import annotations

import gzip
import html
import http.client
import io
import json
import logging
import ssl
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import requests
import trustme
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st
from vcr.errors import (  # type: ignore[import-untyped]  # vcrpy has no types
    CannotOverwriteExistingCassetteException,
    UnhandledHTTPRequestError,
)
from vcr.request import Request  # type: ignore[import-untyped]  # as above
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]  # as above

from mspace_legacy import Client, MSpaceClient, Outcome, SentMessage
from mspace_legacy.emulator import Ledger
from mspace_legacy.secrets import Secret
from mspace_legacy.testing.cassettes import recorder
from mspace_legacy.testing.running import RunningEmulator
from mspace_legacy.transport import Network
from mspace_legacy.ussd import Dialler
from mspace_legacy.wire import legacy, v2
from tests.servers import ScriptedServer, reply
from tests.transport.test_network import TLSServer

NOWHERE = "http://127.0.0.1:1"
START, END = "qZ7xw", "kV9jy"


def marked(text: str) -> str:
    return f"{START}{text}{END}"


NASTY = [
    "", "/", "a/b", "+", "a+b", "%", "%2F", "100%25", "=", "&", " ", "a b", "é", "😀", "'", '"', "it's", "<b>",
    "&amp;", "\\", ";{}?#", "/message=x", "a\"é", "a'é", "/é 😀+%=&'",
]  # fmt: skip
PASSWORDS = [marked(text) for text in NASTY]
KEYS = [password for password in PASSWORDS if password.isascii()]


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """What all loggers say at DEBUG."""
    stream = io.StringIO()
    handler, root = logging.StreamHandler(stream), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def assert_no_mark(text: str) -> None:
    for mark in (START, END):
        assert mark.lower() not in text.lower(), text


def written(directory: Path) -> str:
    """Each cassette, as it stands in the file and as YAML reads it."""
    texts = [path.read_text("ascii") for path in sorted(directory.rglob("*.yaml"))]
    assert texts
    return "\n".join([*texts, *(repr(yamlserializer.deserialize(text)) for text in texts)])


def echoes(secret: str) -> list[bytes]:
    """Replies that give a secret back, as a service may spell it."""
    texts = [
        f"wrong: {secret}",
        f"/password={quote(secret, safe='')}/x apikey={quote_plus(secret)}",
        json.dumps({"error": f"no such key: {secret}"}),
        json.dumps({"error": f"no such key: {secret}"}, ensure_ascii=False).replace("/", "\\/"),
        f"<html>{html.escape(secret).replace('&#x27;', '&#39;')}</html>",
        f"<error>{html.escape(secret, quote=False)}</error>",
        f"<html>{html.escape(secret)}</html>",
    ]
    return [text.encode() for text in texts]


def legacy_client(url: str, secret: str) -> Client:
    return Client.legacy(url, "u", secret)


def v2_client(style: v2.Style) -> Callable[[str, str], Client]:
    return lambda url, secret: Client.v2("u", secret, style=style, base_url=url)


MAKERS: dict[str, Callable[[str, str], Client]] = {"legacy": legacy_client} | {
    f"v2 {style}": v2_client(style) for style in v2.STYLES
}


def calls(client: Client) -> list[Callable[[], object]]:
    return [
        client.balance,
        client.sub_users,
        client.reseller_clients,
        lambda: client.send_text("M", "0722000000", "hi"),
        lambda: client.top_up_sub_account("s", 5),
        lambda: client.top_up_reseller_client("c", 5),
        lambda: client.top_up_reseller_client("c", 6),
        lambda: client.top_up_reseller_client("c", 7),
    ]


def check_that_it_is_written_and_printed_nowhere(
    make: Callable[[str, str], Client], secret: str, *, known: bool
) -> None:
    secrets = [secret] if known else []
    answers = [reply(body) for body in (b"50", *echoes(secret))]
    with tempfile.TemporaryDirectory() as name, everything_logged() as logged, ScriptedServer(*answers) as server:
        tape = recorder(name, secrets=secrets, record_mode="once")
        with tape.use_cassette("tape") as cassette, make(server.url, secret) as client:
            for call in calls(client):
                outcome(call)
        assert len(server.requests) == len(cassette) == len(answers)
        assert_no_mark(written(Path(name)))
        assert_no_mark(repr(cassette.requests) + repr(cassette.responses) + repr(vars(cassette)) + repr(vars(tape)))

        tape = recorder(name, secrets=secrets)
        with tape.use_cassette("tape") as cassette, make(NOWHERE, secret) as client:
            for call in calls(client):
                outcome(call)
            assert cassette.all_played
            for call in (client.balance, lambda: client.send_text("M", "0722000000", "another")):
                assert_clean(refused(call))
        assert "***" in written(Path(name))
        assert_no_mark(logged.getvalue())


@pytest.mark.parametrize("operation", [operation for operation, keys in legacy.KEYS.items() if keys])
def test_what_stands_behind_a_secret_tells_two_calls_apart(operation: str, tmp_path: Path) -> None:
    ((key, _), *_) = legacy.KEYS[operation]
    path = f"/mspaceservice/wr/sms/{operation}/username=u/password={START}{END}/{key}="
    with ScriptedServer(reply(f"it is {START}{END}".encode())) as server:
        with recorder(tmp_path, record_mode="once").use_cassette("tape"):
            requests.get(f"{server.url}{path}55", timeout=10)
        assert_no_mark(written(tmp_path))
        assert f"password=***/{key}=55" in written(tmp_path)
        with recorder(tmp_path).use_cassette("tape"), pytest.raises(CannotOverwriteExistingCassetteException):
            requests.get(f"{server.url}{path}66", timeout=10)


@pytest.mark.parametrize("written_as", ["caf%E9SecretKey", "caf%C3%A9SecretKey"])
@pytest.mark.parametrize("echoed", ["latin-1", "utf-8", "as it came"])
def test_a_password_that_is_not_utf_8_is_written_nowhere(written_as: str, echoed: str, tmp_path: Path) -> None:
    echo = written_as.encode() if echoed == "as it came" else "caf\xe9SecretKey".encode(echoed)
    with ScriptedServer(reply(b"wrong: " + echo)) as server, recorder(tmp_path, record_mode="once").use_cassette("t"):
        url = f"{server.url}/mspaceservice/wr/sms/balance/username=u/password={written_as}"
        assert urllib3.PoolManager().request("GET", url).data.endswith(echo)
    assert "SecretKey" not in written(tmp_path)


def test_the_secret_of_a_callback_is_written_and_logged_nowhere(tmp_path: Path) -> None:
    with (
        everything_logged() as logged,
        ScriptedServer(reply(b"CON key? canary-71f3")) as server,
        recorder(tmp_path, record_mode="once").use_cassette("tape"),
        Dialler(f"{server.url}/ussd?key=canary-71f3&shop=7") as phone,
    ):
        assert phone.dial().text.startswith("key?")
    assert "canary-71f3" not in written(tmp_path)
    assert "/ussd?key=***&shop=7" in written(tmp_path)
    assert "canary-71f3" not in logged.getvalue()


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except CannotOverwriteExistingCassetteException:
        raise
    except Exception as error:  # what the scripted reply means is not what is tested
        return error


def refused(call: Callable[[], object]) -> Any:
    with pytest.raises(CannotOverwriteExistingCassetteException) as caught:
        call()
    return caught.value


def assert_clean(error: Any) -> None:
    request = error.failed_request
    for text in (
        str(error),
        repr(error),
        repr(error.args),
        repr(request),
        repr((request.uri, request.body, dict(request.headers))),
        repr([(similar[0].uri, similar[0].body, similar) for similar in getattr(error, "similar_requests", [])]),
        "".join(traceback.format_exception(error)),
    ):
        assert_no_mark(text)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize(
    ("maker", "secret"),
    [(maker, secret) for maker in MAKERS for secret in (KEYS if maker in ("v2 json", "v2 xml") else PASSWORDS)],
)
def test_a_secret_is_written_and_printed_nowhere(maker: str, secret: str, known: bool) -> None:
    check_that_it_is_written_and_printed_nowhere(MAKERS[maker], secret, known=known)


@settings(max_examples=3 * settings().max_examples // 10)
@given(middle=st.text(st.characters(exclude_categories=["Cs"]), max_size=12), known=st.booleans())
def test_any_password(middle: str, known: bool) -> None:
    check_that_it_is_written_and_printed_nowhere(legacy_client, marked(middle), known=known)


@pytest.mark.parametrize("maker", MAKERS)
def test_a_known_secret_is_masked_wherever_it_stands(maker: str, tmp_path: Path) -> None:
    other = marked("/é")
    answer = reply(json.dumps({"error": other}).encode(), headers=f"X-Echo: {quote(other)}\r\n")
    with everything_logged() as logged, ScriptedServer(answer) as server:
        tape = recorder(tmp_path, secrets=[Secret(other)], record_mode="once")
        with tape.use_cassette("tape"), MAKERS[maker](server.url, "secret") as client:
            outcome(lambda: client.send_text("M", "0722000000", f"your code is {other}"))
    assert_no_mark(written(tmp_path))
    assert_no_mark(logged.getvalue())


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("secret", ["k", "xyz"])
def test_a_secret_too_short_to_be_looked_for_is_masked_by_its_name(maker: str, secret: str, tmp_path: Path) -> None:
    with ScriptedServer() as server, recorder(tmp_path, record_mode="once").use_cassette("tape"):
        assert MAKERS[maker](server.url, secret).balance() == 50
    assert f"={secret}" not in written(tmp_path)
    assert f"- {secret}" not in written(tmp_path)
    assert "***" in written(tmp_path)


@pytest.mark.parametrize("secret", ["password", "balance", "apikey", "mspaceservice", "username"])
def test_a_secret_that_is_a_word_of_the_path_leaves_the_path_as_it_is(secret: str, tmp_path: Path) -> None:
    with ScriptedServer() as server, recorder(tmp_path, record_mode="once").use_cassette("tape"):
        legacy_client(server.url, secret).balance()
    with recorder(tmp_path).use_cassette("tape"), legacy_client(NOWHERE, "another") as client:
        assert client.balance() == 50


def test_headers_that_hold_secrets_or_change_each_time_are_left_out(tmp_path: Path) -> None:
    secret, known = marked(""), "known-secret"
    headers = f"Set-Cookie: id={secret}\r\nDate: Mon, 25 Jun 2018 08:12:19 GMT\r\nX-Kept: yes {known}\r\n"
    answer = reply(b"50", f"200 It is {known}", headers)
    tape = recorder(tmp_path, secrets=[known], record_mode="once")
    with ScriptedServer(answer) as server, tape.use_cassette("tape"):
        requests.get(
            f"{server.url}/x",
            headers={"Authorization": f"Bearer {secret}", "ApiKey": secret, "X-Kept": f"yes {known}"},
            cookies={"id": secret},
            timeout=5,
        )
    assert_no_mark(written(tmp_path))
    (interaction,) = yamlserializer.deserialize((tmp_path / "tape.yaml").read_text("ascii"))["interactions"]
    assert interaction["request"]["headers"]["X-Kept"] == ["yes ***"]
    assert interaction["request"]["headers"]["ApiKey"] == ["***"]
    assert interaction["response"]["headers"] == {"X-Kept": ["yes ***"], "Content-Length": ["2"]}
    assert interaction["response"]["status"] == {"code": 200, "message": "It is ***"}


@pytest.mark.parametrize("middle", ["it's/a=b", "'", "/message=x"])
@pytest.mark.parametrize("rest", ["", "/senderid=S/recipient=1/message=hi", "/clientname=c/noofsms=1"])
def test_a_path_that_was_not_encoded(middle: str, rest: str, tmp_path: Path) -> None:
    # As ported code may have written it by hand; requests leaves these characters as they are.
    with ScriptedServer() as server, recorder(tmp_path, record_mode="once").use_cassette("tape"):
        path = f"/mspaceservice/wr/sms/balance/username=u/password={marked(middle)}{rest}"
        requests.get(server.url + path, timeout=5)
        requests.get(server.url + path.replace(marked(middle), "q'7"), timeout=5)
    assert_no_mark(written(tmp_path))
    assert "'7" not in written(tmp_path)
    assert written(tmp_path).count(f"password=***{rest}") == 4


def test_a_compressed_reply_and_a_streamed_request(tmp_path: Path) -> None:
    secret = marked("")
    body = gzip.compress(f"wrong: {secret}".encode())
    tape = recorder(tmp_path, secrets=[secret], record_mode="once")
    answer = reply(body, headers="Content-Encoding: gzip\r\n")
    with ScriptedServer(answer) as server, tape.use_cassette("tape"):
        answered = requests.post(server.url, data=io.BytesIO(f"it is {secret}".encode()), timeout=5)
        assert secret in answered.text
    assert_no_mark(written(tmp_path))
    with recorder(tmp_path, secrets=[secret]).use_cassette("tape"):
        answered = requests.post(NOWHERE, data=f"it is {secret}".encode(), timeout=5)
        assert answered.text == "wrong: ***"
    assert_no_mark(written(tmp_path))


def test_a_compressed_reply_that_nothing_unpacks(tmp_path: Path) -> None:
    body = gzip.compress(f"wrong: {marked('')}".encode())
    tape = recorder(tmp_path, secrets=[marked("")], record_mode="once")
    answer = reply(body, headers="Content-Encoding: gzip\r\n")
    with ScriptedServer(answer) as server, tape.use_cassette("tape"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/x")
        assert connection.getresponse().read() == body
        connection.close()
    (interaction,) = yamlserializer.deserialize((tmp_path / "tape.yaml").read_text("ascii"))["interactions"]
    assert interaction["response"]["body"]["string"] == "wrong: ***"


def test_bytes_that_are_no_text_stay_as_they_are(tmp_path: Path) -> None:
    body = b"\x00\xff\x8b{]<" * 8
    with ScriptedServer(reply(body)) as server, recorder(tmp_path, record_mode="once").use_cassette("tape"):
        urllib3.request("POST", f"{server.url}/x", body=body)
    with recorder(tmp_path).use_cassette("tape"):
        assert urllib3.request("POST", f"{NOWHERE}/x", body=body).data == body


def test_a_reply_in_latin_1(tmp_path: Path) -> None:
    secret = "éèàç-éèàç"
    headers = "Content-Type: text/plain;charset=ISO-8859-1\r\n"
    tape = recorder(tmp_path, secrets=[secret], record_mode="once")
    answer = reply(f"wrong: {secret}".encode("latin-1"), headers=headers)
    with ScriptedServer(answer) as server, tape.use_cassette("tape"), MSpaceClient(server.url) as client:
        assert client.getBalance("u", "p") == f"wrong: {secret}"
    (interaction,) = yamlserializer.deserialize((tmp_path / "tape.yaml").read_text("ascii"))["interactions"]
    assert interaction["response"]["body"]["string"] == "wrong: ***"
    assert interaction["response"]["headers"]["Content-Length"] == ["10"]


def test_a_user_s_own_hooks_do_not_turn_it_off(tmp_path: Path) -> None:
    secret, seen = marked("/"), []

    def hook(thing: Any) -> Any:
        seen.append(thing)
        return thing

    tape = recorder(tmp_path, record_mode="once")
    with ScriptedServer(reply(f"wrong: {secret}".encode())) as server, MSpaceClient(server.url) as client:
        with tape.use_cassette("tape", before_record_request=hook, before_record_response=hook):
            client.getBalance("u", secret)
        for option in ("before_record_request", "before_record_response"):
            with tape.use_cassette("none", **{option: lambda thing: None}):
                client.getBalance("u", secret)
    assert seen
    assert_no_mark(written(tmp_path))
    assert not (tmp_path / "none.yaml").exists()


def test_what_asks_a_cassette_by_hand_is_told_no_secret(tmp_path: Path) -> None:
    request = Request("GET", f"http://h/mspaceservice/wr/sms/balance/username=u/password={marked('')}", None, {})
    with recorder(tmp_path).use_cassette("tape") as cassette:
        for ask in (cassette.play_response, cassette.responses_of):
            with pytest.raises(UnhandledHTTPRequestError) as caught:
                ask(request)
            assert_no_mark(str(caught.value))


# Replaying


def test_replaying_needs_neither_the_server_nor_the_secret(tmp_path: Path) -> None:
    with RunningEmulator() as emulator, recorder(tmp_path, record_mode="once").use_cassette("tape"):
        assert emulator.jar_client().getBalance("demo", emulator.password) == "1000"
        assert emulator.v2_client().balance() == 1000
    for url in ("http://127.0.0.1:1", "https://127.0.0.1:1", "http://no-such-host.invalid"):
        with recorder(tmp_path).use_cassette("tape") as cassette, MSpaceClient(url) as client:
            assert client.getBalance("demo", "another password") == "1000"
            assert Client.v2("demo", "another-key", base_url=url).balance() == 1000
            assert cassette.all_played


def test_nothing_is_sent_unless_it_is_asked_for(tmp_path: Path, scripted: ScriptedServer) -> None:
    with recorder(tmp_path).use_cassette("tape"), MSpaceClient(scripted.url) as client:
        refused(lambda: client.getBalance("u", "p"))
    assert scripted.requests == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "other",
    [
        lambda client: client.send_text("M", "0722000000", "another text"),
        lambda client: client.send_text("M", "0722000001", "hi"),
        lambda client: client.send_text("N", "0722000000", "hi"),
        lambda client: client.top_up_sub_account("M", 5),
    ],
)
@pytest.mark.parametrize("maker", MAKERS)
def test_path_and_body_are_compared(maker: str, other: Callable[[Client], object], tmp_path: Path) -> None:
    body = b'{"message": [{"messageId": "1", "recipient": "254722000000", "status": 111}]}'
    tape = recorder(tmp_path, record_mode="once")
    with ScriptedServer(reply(body)) as server, tape.use_cassette("tape"), MAKERS[maker](server.url, "k") as client:
        client.send_text("M", "0722000000", "hi")
    with recorder(tmp_path).use_cassette("tape") as cassette, MAKERS[maker](NOWHERE, "k") as client:
        refused(lambda: other(client))
        assert cassette.play_count == 0
        assert client.send_text("M", "0722000000", "hi").all_accepted


def test_methods_are_compared(tmp_path: Path, scripted: ScriptedServer) -> None:
    with recorder(tmp_path, record_mode="once").use_cassette("tape"):
        urllib3.request("GET", f"{scripted.url}/x")
    with recorder(tmp_path).use_cassette("tape"):
        refused(lambda: urllib3.request("POST", f"{NOWHERE}/x", retries=False))
        refused(lambda: urllib3.request("GET", f"{NOWHERE}/x?y=1", retries=False))
        assert urllib3.request("GET", f"{NOWHERE}/x").data == b"50"


def test_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    server = TLSServer(authority, "127.0.0.1")
    try:
        with recorder(tmp_path, record_mode="once").use_cassette("tape"):
            client = MSpaceClient(server.url, transport=Network(ssl_context=context))
            assert client.getBalance("u", marked("")) == "50"
            client.close()
        assert server.requests == 1
    finally:
        server.close()
    assert_no_mark(written(tmp_path))
    with recorder(tmp_path).use_cassette("tape"), MSpaceClient(server.url) as client:
        assert client.getBalance("u", "p") == "50"


# An unclosed socket is an error in these tests, and there it is vcrpy's, which is not maintained for that Python.
@pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="the last vcrpy for Python 3.10 drops a connection that was open before it without closing it",
)
def test_connections_work_before_during_and_after_a_cassette(tmp_path: Path, scripted: ScriptedServer) -> None:
    with MSpaceClient(scripted.url) as client:
        assert client.getBalance("u", "p") == "50"
        with recorder(tmp_path, record_mode="once").use_cassette("tape"):
            assert client.getBalance("u", "q") == "50"
        assert client.getBalance("u", "r") == "50"
    assert len(scripted.requests) == 3
    with recorder(tmp_path).use_cassette("tape") as cassette, MSpaceClient(NOWHERE) as client:
        assert client.getBalance("u", "q") == "50"
    assert len(cassette) == 1


def test_it_decorates(tmp_path: Path, scripted: ScriptedServer) -> None:
    tape = recorder(tmp_path, record_mode="once")

    def ask() -> str:
        with MSpaceClient(scripted.url) as client:
            return client.getBalance("u", marked(""))

    assert tape.use_cassette(ask)() == "50"
    assert tape.use_cassette(Path("named.yaml"))(ask)() == "50"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ask.yaml", "named.yaml"]
    assert_no_mark(written(tmp_path))


def test_the_note_is_the_head_of_the_file(tmp_path: Path, scripted: ScriptedServer) -> None:
    with recorder(tmp_path, record_mode="once", note="made by\nhand").use_cassette("tape"):
        urllib3.request("GET", f"{scripted.url}/x")
    assert (tmp_path / "tape.yaml").read_text("ascii").startswith("# made by\n# hand\ninteractions:")
    with recorder(tmp_path).use_cassette("tape"):
        assert urllib3.request("GET", f"{NOWHERE}/x").data == b"50"


# Telephone numbers

SENDS = "0722987654,+254 733-987-654,254711987654"


def test_numbers_are_not_written_and_come_back(tmp_path: Path) -> None:
    text = "Call 0722987654, +254 733 987 654 or 0772-987-654; code 987654321, not 12345"

    def sends(url: str, password: str, api_key: str) -> list[object]:
        with MSpaceClient(url) as jar:
            results: list[object] = [jar.sendText_JSON(list[SentMessage], "demo", password, "DEMO", SENDS, text)]
        for style in v2.STYLES:
            with Client.v2("demo", api_key, style=style, base_url=url) as client:
                sent = client.send_text("DEMO", SENDS, text)
                assert [message.recipient for message in sent.messages] == [
                    "254722987654", "254733987654", "254711987654",
                ]  # fmt: skip
                assert sent.all_accepted
                results.append(sent)
        return results

    tape = recorder(tmp_path, scrub_numbers=True, record_mode="once")
    with RunningEmulator() as emulator, tape.use_cassette("tape"):
        recorded = sends(emulator.url, emulator.password, emulator.api_key)
    for national in ("722987654", "733987654", "711987654", "772987654", "987 654", "987%20654", "987-654", "733-"):
        assert national not in written(tmp_path)
    for kept in ("0700000100", "254700000101", "254700000102", "987654321", "12345"):
        assert kept in written(tmp_path)
    with recorder(tmp_path, scrub_numbers=True).use_cassette("tape") as cassette:
        assert sends(NOWHERE, "p", "k") == recorded
        assert cassette.all_played
    before = (tmp_path / "tape.yaml").read_bytes()
    with recorder(tmp_path, scrub_numbers=True, record_mode="new_episodes").use_cassette("tape"):
        sends(NOWHERE, "p", "k")
    assert (tmp_path / "tape.yaml").read_bytes() == before


@pytest.mark.parametrize("text", ['{"x": "\\u00e90722987654"}', "<x>&#233;0722987654</x>", "%C3%A90722987654"])
def test_a_number_after_a_character_that_is_escaped(text: str, tmp_path: Path) -> None:
    tape = recorder(tmp_path, scrub_numbers=True, record_mode="once")
    with ScriptedServer(reply(text.encode())) as server, tape.use_cassette("tape"):
        urllib3.request("GET", f"{server.url}/x")
    assert text.replace("0722987654", "0700000100") in written(tmp_path).replace("\\\\", "\\")


@pytest.mark.parametrize("count", [2, 3, 40])
def test_numbers_that_are_like_those_written_in_their_place(tmp_path: Path, count: int) -> None:
    # In such an order that each takes the place of another.
    numbers = [f"254700000{100 + place}" for place in reversed(range(count))]
    with RunningEmulator() as emulator:
        client = emulator.v2_client()
        with recorder(tmp_path, scrub_numbers=True, record_mode="once").use_cassette("tape"):
            recorded = client.send_text("DEMO", numbers, "hi")
    with (
        recorder(tmp_path, scrub_numbers=True).use_cassette("tape"),
        Client.v2("demo", "k", base_url=NOWHERE) as client,
    ):
        replayed = client.send_text("DEMO", numbers, "hi")
    assert replayed == recorded
    assert [message.recipient for message in replayed.messages] == numbers


def test_a_refusal_is_of_the_number_that_was_refused(tmp_path: Path) -> None:
    numbers = ["0722987654", "0700000000", "+1 415 555 2671"]
    with RunningEmulator() as emulator:
        client = emulator.v2_client("xml")
        with recorder(tmp_path, scrub_numbers=True, record_mode="once").use_cassette("tape"):
            client.send_text("DEMO", numbers, "hi")
    assert "5552671" not in written(tmp_path)
    client = Client.v2("demo", "k", style="xml", base_url=NOWHERE)
    with recorder(tmp_path, scrub_numbers=True).use_cassette("tape"), client:
        sent = client.send_text("DEMO", numbers, "hi")
    outcomes = {message.recipient: message.outcome for message in sent.messages}
    assert outcomes == {
        "254722987654": Outcome.ACCEPTED, "254700000000": Outcome.REJECTED, "14155552671": Outcome.ACCEPTED,
    }  # fmt: skip


def test_a_number_that_only_the_reply_holds_is_not_written(tmp_path: Path) -> None:
    with RunningEmulator(Ledger(delivery_delay=0)) as emulator:
        sent = emulator.v2_client().send_text("DEMO", "0722987654", "hi")
        with recorder(tmp_path, scrub_numbers=True, record_mode="once").use_cassette("tape"):
            assert emulator.v2_client().delivery_report(sent.messages[0].message_id).recipient == "254722987654"
    assert "987654" not in written(tmp_path)
    client = Client.v2("demo", "k", base_url=NOWHERE)
    with recorder(tmp_path, scrub_numbers=True).use_cassette("tape"), client:
        assert client.delivery_report(sent.messages[0].message_id).recipient == "254700000100"


def test_numbers_are_written_unless_it_is_asked_for(tmp_path: Path) -> None:
    with RunningEmulator() as emulator, recorder(tmp_path, record_mode="once").use_cassette("tape"):
        emulator.v2_client().send_text("DEMO", "0722987654", "hi")
    assert "254722987654" in written(tmp_path)


def test_the_error_shows_no_number(tmp_path: Path) -> None:
    with recorder(tmp_path, scrub_numbers=True).use_cassette("tape"), MSpaceClient(NOWHERE) as client:
        error = refused(lambda: client.sendText_JSON(str, "demo", "p", "DEMO", SENDS, "hi"))
    assert "987" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("maker", ["legacy", "v2 path"])
def test_a_secret_that_looks_like_a_number(maker: str, tmp_path: Path) -> None:
    body = b'{"message": [{"messageId": "1", "recipient": "254722987654", "status": 111}]}'
    tape = recorder(tmp_path, scrub_numbers=True, record_mode="once")
    with (
        ScriptedServer(reply(body)) as server,
        tape.use_cassette("tape"),
        MAKERS[maker](server.url, "0733987654") as client,
    ):
        client.send_text("DEMO", "0722987654", "hi")
    assert "987654" not in written(tmp_path)
    with recorder(tmp_path, scrub_numbers=True).use_cassette("tape"), MAKERS[maker](NOWHERE, "another") as client:
        (sent,) = client.send_text("DEMO", "0722987654", "hi").accepted
    assert sent.recipient == "254722987654"


@pytest.mark.parametrize(
    ("recipient", "message", "told"),
    [
        ("+1 415 555 2671", "call 14155552671", "recipient=%2B14700000100/message=call%2014700000100"),
        # Two, where a comma was forgotten.
        ("0722987654 0733987655", "hi", "recipient=700000100/message=hi"),
        ("20880", "hi", "recipient=700000100/message=hi"),
        ("+254 (0) 722 987 654", "0722987654", "recipient=%2B2540700000100/message=0700000100"),
        ("x", "00254722987654 or 254 (0) 733987654", "recipient=x/message=00254700000100%20or%202540700000101"),
        ("x", "é0722987654", "recipient=x/message=%C3%A90700000100"),
        ("x", "1722987654 07229876541", "recipient=x/message=1722987654%2007229876541"),
    ],
)
def test_what_is_a_number(recipient: str, message: str, told: str, tmp_path: Path) -> None:
    tape = recorder(tmp_path, scrub_numbers=True, record_mode="once")
    with ScriptedServer() as server, tape.use_cassette("tape"), MSpaceClient(server.url) as client:
        client.sendText_JSON(str, "u", "p", "DEMO", recipient, message)
    (interaction,) = yamlserializer.deserialize((tmp_path / "tape.yaml").read_text("ascii"))["interactions"]
    assert interaction["request"]["uri"].endswith(f"/senderid=DEMO/{told}")
