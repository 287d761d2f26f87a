"""The canary: a known password and a known key go through everything, and are found nowhere."""

from __future__ import annotations

import io
import json
import logging
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import quote

import pytest

import mspace_legacy
import mspace_legacy.migration
import mspace_legacy.smpp
from mspace_legacy import Client, MSpaceClient, Response, errors
from mspace_legacy.emulator import Account, Emulator, Journal, Ledger, Smsc
from mspace_legacy.emulator.phone import Phone
from mspace_legacy.migration import (
    AccountStore,
    Adapter,
    Comparison,
    Comparisons,
    Gateway,
    Router,
    Routes,
    Settings,
    Shadow,
    StoredAccount,
)
from mspace_legacy.migration.metrics import PrometheusMetrics
from mspace_legacy.models import Balance, Call, SendText
from mspace_legacy.secrets import Secret
from mspace_legacy.server import Server
from mspace_legacy.smpp import Receiver, Transmitter
from mspace_legacy.transport import Network, Retry
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.http import Request
from mspace_legacy.wire.http import Response as HttpResponse
from mspace_legacy.wire.replies import decode_reply
from tests.canary import KEY, PASSWORD, SMPP_PASSWORD, assert_clean, shown
from tests.migration.stores import cheap_verifier
from tests.servers import Answer, ScriptedServer, close, raw, reply, reset


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """Everything that any logger says at DEBUG, as a handler would format it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s %(pathname)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    caplog.set_level(logging.DEBUG)
    yield stream
    root.removeHandler(handler)


def jar_calls(client: MSpaceClient) -> list[Callable[[], object]]:
    return [
        lambda: client.getBalance("u", PASSWORD),
        lambda: client.login_TEXT("u", PASSWORD),
        lambda: client.subUsers_JSON(Response, "u", PASSWORD),
        lambda: client.subUsers_XML(list, "u", PASSWORD),
        lambda: client.sendText_JSON(str, "u", PASSWORD, "M", "0722000000", "hi"),
        lambda: client.resellerClients_JSON(dict, "u", PASSWORD),
        lambda: client.resellerClientTopup_XML(bytes, "u", PASSWORD, "c", "5"),
        lambda: client.subAccTopup_JSON(str, "u", PASSWORD, "s", "5"),
        # What fails before it is sent.
        lambda: client.subUsers_JSON(str, "u", PASSWORD, "M"),  # type: ignore[call-overload]  # the test is of just this
        lambda: client.sendText_JSON(str, "u", PASSWORD, "M", "0722000000", "\ud83d"),
        lambda: client.getBalance("u", PASSWORD + "\ud83d"),
        lambda: client.getBalance(None, PASSWORD),  # type: ignore[arg-type]  # as above
        lambda: client.subUsers_JSON(int, "u", PASSWORD),
    ]


def client_calls(client: Client) -> list[Callable[[], object]]:
    return [
        client.balance,
        client.sub_users,
        client.reseller_clients,
        lambda: client.send_text("M", "0722000000", "hi"),
        lambda: client.send_text("M", "nonsense", "hi"),
        lambda: client.top_up_sub_account("s", 5),
        lambda: client.login(),
        lambda: client.delivery_report("1"),
    ]


def echo(connection_reply: str) -> bytes:
    """A body that gives the secrets back, as an error page that shows the path does."""
    shown = f"/password={quote(PASSWORD, safe='')}/ {PASSWORD} {quote(PASSWORD)} apikey={KEY}"
    return connection_reply.format(shown).encode()


ANSWERS: dict[str, Answer] = {
    "fine": reply(b"50"),
    "closed": close,
    "reset": reset,
    "cut short": reply(b"5", length=9),
    "not HTTP": raw(b"nonsense\r\n\r\n"),
    "broken headers": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nnonsense\r\n\r\n50"),
    "half a header": raw(b"HTTP/1.1 200 OK\r\nX"),
    "404 that echoes": reply(echo("<html>HTTP Status 404 {}</html>"), "404 Not Found", "Content-Type: text/html\r\n"),
    "200 that echoes": reply(echo("What is {}?")),
    "JSON that echoes": reply(echo('{{"error": "no such key: {}"}}'), headers="Content-Type: application/json\r\n"),
    "500 that echoes": reply(echo("<html>{}</html>"), "500 Oops"),
    "401": reply(b"", "401 Unauthorized"),
    "redirect that echoes": reply(b"", "302 Found", f"Location: http://x/password={quote(PASSWORD, safe='')}\r\n"),
    "reason that echoes": reply(b"", f"404 /password={quote(PASSWORD, safe='')} is not here"),
    "content type that echoes": reply(b"x", headers=f"Content-Type: bad {quote(PASSWORD, safe='')}\r\n"),
    "charset that is none": reply(b"x", headers="Content-Type: text/plain;charset=bogus\r\n"),
}


def echoes(answer: Answer) -> bool:
    return any("echoes" in name for name, known in ANSWERS.items() if known is answer)


def check(call: Callable[[], object]) -> None:
    outcome = outcome_of(call)
    if isinstance(outcome, errors.MSpaceError):
        for text in shown(outcome):
            assert_clean(text)
        assert outcome.__context__ is None
    # Text and bytes are what the server said; whatever else comes back must not show the secret by itself.
    elif not isinstance(outcome, (str, bytes, dict, list)):
        assert_clean(repr(outcome))


def outcome_of(call: Callable[[], object]) -> object:
    try:
        return call()
    except errors.MSpaceError as error:
        return error


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_secret_in_logs_errors_tracebacks_and_pickles(
    scripted: ScriptedServer, answer: Answer, logged: io.StringIO
) -> None:
    scripted.script = [answer]
    transport = Retry(Network(timeout=2), attempts=2, first_pause=0.001)
    jar = MSpaceClient(scripted.url, transport=transport)
    clients = [
        Client.legacy(scripted.url, "u", PASSWORD, transport=transport),
        *(Client.v2("u", KEY, style=style, base_url=scripted.url, transport=transport) for style in v2.STYLES),
    ]  # fmt: skip
    for client in clients:
        # v2 does not know the password; what it is told of its own key is tested below.
        if client is clients[0] or not echoes(answer):
            for call in client_calls(client):
                check(call)
    for call in jar_calls(jar):
        check(call)
    for thing in (jar, transport, *clients):
        assert_clean(repr(thing))
        assert_clean(str(vars(thing)))
    jar.close()
    assert scripted.requests
    assert_clean(logged.getvalue())


def store() -> AccountStore:
    return AccountStore([StoredAccount("u", cheap_verifier(Secret(PASSWORD)), Secret(KEY))])


READS = "balance, subusers, resellerclients, login".split(", ")
ROUTES = ["*=v2", "*=canary:50", *(", ".join(f"{read}={mode}" for read in READS) for mode in ("shadow", "verify"))]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("routes", ROUTES)
def test_no_secret_on_the_way_from_one_api_to_the_other(
    scripted: ScriptedServer, answer: Answer, routes: str, logged: io.StringIO
) -> None:
    scripted.script = [answer]
    compared: list[Comparison] = []
    jar = MSpaceClient(
        scripted.url,
        transport=Network(timeout=2),
        routes=routes,
        accounts=store(),
        base_url=scripted.url,
        comparisons=Comparisons(compared.append),
    )
    calls = [*jar_calls(jar), lambda: jar.deliveryReport_JSON(list, "u", PASSWORD, "1")]
    for call in calls:
        check(call)
    assert jar.comparisons
    assert jar.comparisons.wait(10)
    for thing in (jar, jar.routes, jar.comparisons, compared, *map(str, compared), pickle.dumps(compared)):
        assert_clean(repr(thing))
    assert bool(compared) is ("shadow" in routes or "verify" in routes)
    assert_clean(str(vars(jar)))
    jar.close()
    assert_clean(logged.getvalue())


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_secret_in_the_logs_of_the_gateway(
    scripted: ScriptedServer, answer: Answer, logged: io.StringIO, tmp_path: Path
) -> None:
    scripted.script = [answer]
    file = tmp_path / "accounts.toml"
    file.touch(mode=0o600)
    file.write_text(
        f'[[account]]\nusername = "u"\npassword_verifier = "{cheap_verifier(Secret(PASSWORD))}"\napi_key = "{KEY}"'
    )
    settings = Settings(
        str(file), main_url=scripted.url, base_url=scripted.url, routes=Routes.parse("balance=shadow")
    )
    gateway = Gateway(settings, transport=Network(timeout=2), metrics=PrometheusMetrics())
    with Server(gateway, liberal=True) as server:
        for routes in ("balance=shadow", "*=v2"):
            gateway.reload(replace(settings, routes=Routes.parse(routes)))
            for call in jar_calls(MSpaceClient(server.url, transport=Network(timeout=5))):
                check(call)
        for password in (quote(PASSWORD), f"{quote(PASSWORD)}/password={quote(PASSWORD)}", PASSWORD, f"?{PASSWORD}"):
            path = f"/mspaceservice/wr/sms/balance/username=u/password={password}"
            gateway.handle(Request("GET", f"http://in-process{path}"))
        page = gateway.handle(Request("GET", "http://in-process/metrics"))
    assert 'operation="sendtext"' in page.text()
    assert_clean(page.text())
    assert_clean(repr(gateway))
    gateway.close()
    assert_clean(logged.getvalue())


def test_no_key_that_a_service_gives_back(scripted: ScriptedServer, logged: io.StringIO) -> None:
    transport = Retry(Network(timeout=2), attempts=1)
    for body in (
        f"no such key: {KEY}", f'{{"error": "{KEY}"}}', f"<error>{KEY}</error>", f"<html>{KEY}</html>",
        # In the words of a record, told of what was done and of what was refused, each by its id and number.
        *(json.dumps({"message": [{"messageId": message_id, "recipient": "254722000000", "status": status,
                                   "statusDescription": f"Message sent for {KEY}"}]})
          for message_id in "17" for status in (111, 5, "3", f"failed for {KEY}")),
    ):  # fmt: skip
        scripted.script = [reply(body.encode())]
        for style in v2.STYLES:
            for call in client_calls(Client.v2("u", KEY, style=style, base_url=scripted.url, transport=transport)):
                check(call)
                assert_clean(repr(pickle.dumps(outcome_of(call))))
    assert_clean(logged.getvalue())


def test_no_secret_where_there_is_no_connection(refusing_port: int, logged: io.StringIO) -> None:
    for url in (
        f"http://127.0.0.1:{refusing_port}",
        "http://no-such-host.invalid",
        f"https://127.0.0.1:{refusing_port}",
    ):
        transport = Retry(Network(timeout=2), attempts=1)
        for call in (*jar_calls(MSpaceClient(url, transport=transport)),):
            check(call)
        for call in client_calls(Client.v2("u", KEY, style="path", base_url=url, transport=transport)):
            check(call)
    assert_clean(logged.getvalue())


BAD_CLIENTS: list[Callable[[], object]] = [
    lambda: Client.legacy("nonsense", "u", PASSWORD),
    lambda: Client.legacy("http://h", "", PASSWORD),
    lambda: Client.legacy("http://h", "u", PASSWORD, timeout=0),
    lambda: Client.v2("u", KEY, base_url="nonsense"),
    lambda: Client.v2("u", KEY, style="soap"),  # type: ignore[arg-type]  # the test is of just this
    lambda: Client.v2("u", KEY + "\n", transport=Network()).balance(),
    lambda: Client.v2("u", KEY, country="XX"),
]


@pytest.mark.parametrize("make", BAD_CLIENTS)
def test_no_secret_where_a_client_can_not_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(errors.MSpaceError) as caught:
        make()
    for text in shown(caught.value):
        assert_clean(text)


def test_no_secret_in_the_logs_of_the_emulator(logged: io.StringIO) -> None:
    account = Account("u", Secret(PASSWORD), Secret(KEY), 50, ("M",))
    emulator = Emulator(Ledger([account]))
    with Server(emulator) as server:
        transport = Retry(Network(timeout=2), attempts=1)
        jar = MSpaceClient(server.url, transport=transport)
        clients = [
            Client.v2("u", KEY, style=style, base_url=server.url, transport=transport) for style in ("json", "path")
        ]  # fmt: skip
        for fault in (None, "reset-after", "refuse", "truncate", "garbage", "status:500"):
            emulator.faults.clear()
            if fault:
                emulator.faults.add(fault)
            for call in [*jar_calls(jar), *(call for client in clients for call in client_calls(client))]:
                check(call)
        jar.close()
    for path in (f"/mspaceservice/wr/sms/balance/username=u/pasword={quote(PASSWORD)}", f"/x/password={KEY}"):
        assert_clean(emulator.handle(Request("GET", f"http://in-process{path}")).text())
    assert_clean(repr(emulator.ledger.accounts))
    emulator.close()
    assert_clean(logged.getvalue())


CANARY_PATHS = [
    f"{start}/{key}={value}{end}"
    for start in ("/mspaceservice/wr/sms/balance/username=u", "/smsapi/v2/balance", "/elsewhere")
    for key in ("password", "apikey", "pasword", "pass%77ord")
    for value in (quote(PASSWORD, safe=""), PASSWORD, KEY)
    for end in ("", "/username=u", "/message=hi")
]
CANARY_BODIES = [
    json.dumps({"username": "u", "password": PASSWORD}),
    json.dumps({"username": "u", "password": PASSWORD}, ensure_ascii=False)[:-2],
    f"username=u&apikey={KEY}&password={quote(PASSWORD)}",
    f"<user><username>u</username><password>{PASSWORD}</password></user>",
    PASSWORD,
    KEY,
]


@pytest.mark.parametrize("is_known", [True, False])
def test_no_secret_on_the_phone_of_the_emulator(is_known: bool, logged: io.StringIO) -> None:
    """Wherever it was written to, be it the right one or not."""
    secrets = (PASSWORD, KEY, "cänary") if is_known else ("other", "another", "third")
    password, key, _ = map(Secret, secrets)
    journal = Journal()
    emulator = Emulator(
        Ledger([Account("u", password, key, 50, ("M",), smpp_password=Secret("c-canary"))]), None, journal
    )
    with Server(emulator) as server, Smsc(emulator.ledger, journal=journal) as smsc:
        transport = Retry(Network(timeout=2), attempts=1)
        for call in jar_calls(MSpaceClient(server.url, transport=transport)):
            check(call)
        for style in v2.STYLES:
            for call in client_calls(Client.v2("u", KEY, style=style, base_url=server.url, transport=transport)):
                check(call)
        for smpp_password in ("c-canary", "d-canary"):
            with suppress(errors.MSpaceError), Transmitter(smsc.host, smsc.port, "u", smpp_password) as transmitter:
                transmitter.send("M", "0722000000", "hi")
    for path in CANARY_PATHS:
        emulator.handle(Request("GET", f"http://in-process{path}", {"X-Api-Key": KEY, "Authorization": KEY}))
    for body in CANARY_BODIES:
        for content_type in ("application/json", "application/xml", "text/plain"):
            headers = {"Content-Type": content_type, "apikey": KEY}
            emulator.handle(Request("POST", "http://in-process/smsapi/v2/balance", headers, body.encode()))
    phone = Phone(emulator)
    state = phone.handle(Request("GET", "http://in-process/state")).text()
    texts = [repr(journal), repr(journal.after(0, 10**6)), state]
    for exchange in json.loads(state)["exchanges"]:
        told = phone.handle(Request("GET", f"http://in-process/exchange?number={exchange['number']}"))
        assert told.status == 200
        texts += json.loads(told.body).values()
    assert len(texts) > 500
    for text in map(str, texts):
        assert_clean(text)
        assert "-canary" not in text
        assert b"-canary".hex(" ") not in text
    phone.close()
    emulator.close()
    assert_clean(logged.getvalue())


@runtime_checkable
class Closable(Protocol):
    def close(self) -> None: ...


def made() -> dict[str, Callable[[], object]]:
    """Everything public that is given a secret, or may come to hold one, by its name."""
    quiet = Network(timeout=1)
    password, key = Secret(PASSWORD), Secret(KEY)
    verifier = cheap_verifier(password)
    stored = StoredAccount("u", verifier, key)
    request = legacy.encode_request(Balance("u"), password, base=legacy.base_url("http://h"))
    page, sending = f"<html>{quote(PASSWORD)}</html>", SendText("u", "M", ("1",), "x")
    adapter = Adapter(quiet, store(), base_url=v2.base_url("http://h"))
    settings = Settings("accounts.toml", main_url="http://h")
    return {
        "Client": lambda: [Client.legacy("http://h", "u", PASSWORD), Client.v2("u", KEY)],
        "MSpaceClient": lambda: MSpaceClient("http://h", routes="*=v2", accounts=store()),
        "Response": lambda: Response(Balance("u"), request, HttpResponse(200, b"", reason=quote(PASSWORD, safe=""))),
        "Secret": lambda: [password, {"key": key}, f"{key}", f"{password:>20}"],
        "MSpaceError": lambda: outcome_of(lambda: Client.legacy("nonsense", "u", PASSWORD)),
        "ServiceError": lambda: decoded(f"no {PASSWORD}", request),
        "ReplyError": lambda: decoded(page, request),
        "OutcomeUnknown": lambda: decoded(page, request, sending),
        "AccountStore": store,
        "StoredAccount": lambda: stored,
        "Verifier": lambda: [verifier, str(verifier)],
        "Adapter": lambda: adapter,
        "Router": lambda: Router(quiet, adapter, "*=v2"),
        "Shadow": lambda: Shadow(quiet, adapter, in_charge="legacy", comparisons=Comparisons()),
        "Settings": lambda: settings,
        "Transmitter": lambda: bound(lambda port: Transmitter("127.0.0.1", port, "u", SMPP_PASSWORD)),
        "Receiver": lambda: bound(lambda port: Receiver("127.0.0.1", port, "u", SMPP_PASSWORD, print)),
    }


def decoded(body: str, request: Request, call: Call[Any] | None = None) -> object:
    return outcome_of(lambda: decode_reply(call or Balance("u"), HttpResponse(200, body.encode()), request.redact))


def bound(make: Callable[[int], Any]) -> list[str]:
    """What is to be seen of it while it is bound, and what is when it can't be."""
    account = Account("u", Secret("p"), Secret("k"), smpp_password=Secret(SMPP_PASSWORD))
    with Smsc(Ledger([account])) as smsc:
        with make(smsc.port) as there:
            seen = [repr(there), str(vars(there)), str(vars(there._link)), str(vars(there._link._connection))]
        other = Account("u", Secret("p"), Secret("k"), smpp_password=Secret("other"))
    with Smsc(Ledger([other])) as smsc:
        refused = outcome_of(lambda: make(smsc.port))
    unbound = outcome_of(lambda: make(smsc.port))
    for error in (refused, unbound):
        assert isinstance(error, errors.MSpaceError)
        seen += shown(error)
    return seen


MADE_ELSEWHERE = {"Gateway", "Exchange", "Comparison", "Comparisons", "Difference"}
"""Made in the tests above: by a gateway, by a route that compares."""

NOT_GIVEN_ANY = {
    "__version__", "errors", "segments", "Segments", "Outcome", "SendResult", "SentMessage", "SubUser", "TopUp",
    "DeliveryReport", "ResellerClient", "Route", "Routes", "load_settings", "DEFAULT_PORT", "Concatenation",
    "Deliveries", "Delivery", "IncomingText", "MessageState", "Receipt", "ReceivedText", "SubmittedMessage",
    "reassemble",
}  # fmt: skip
"""Neither takes a password or a key; what a service tells stands in them as it was told."""


def test_everything_public_is_tried() -> None:
    public = {*mspace_legacy.__all__, *mspace_legacy.smpp.__all__, *mspace_legacy.migration.__all__}
    assert {*made(), *MADE_ELSEWHERE, *NOT_GIVEN_ANY} == public


@pytest.mark.parametrize("name", list(made()))
def test_nothing_public_shows_what_it_was_given(name: str, logged: io.StringIO) -> None:
    things = made()[name]()
    for thing in things if isinstance(things, list) else [things]:
        for text in (repr(thing), str(thing), f"{thing}", repr(getattr(thing, "__dict__", ""))):
            assert_clean(text)
        if isinstance(thing, errors.MSpaceError):
            for text in shown(thing):
                assert_clean(text)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            # Many can't be pickled, which is as well.
            try:
                pickled = pickle.dumps(thing, protocol)
            except Exception as error:
                assert_clean(f"{error!r} {error}")
            else:
                assert_clean(pickled.decode("latin-1"))
        if isinstance(thing, Closable):
            thing.close()
    assert_clean(logged.getvalue())
