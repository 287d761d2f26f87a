"""Who calls, and what: every surface of the package, each operation of it, and the bench that they are tried on.

A surface to add is an entry of `SURFACES`: what stands behind the proxy, and a function that opens it and gives a
function for each operation.
"""

from __future__ import annotations

import contextlib
import http.client
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from mspace_legacy import Client, MSpaceClient, SentMessage, SubUser, TopUp
from mspace_legacy.emulator import Account, Emulator, Ledger, Smsc
from mspace_legacy.emulator.ledger import Address
from mspace_legacy.migration import AccountStore, Gateway, Routes, Settings, StoredAccount
from mspace_legacy.migration.metrics import PrometheusMetrics
from mspace_legacy.models import DeliveryReport, ResellerClient, SendText
from mspace_legacy.secrets import Secret
from mspace_legacy.server import Server
from mspace_legacy.smpp import Receiver, Transmitter
from mspace_legacy.transport import Network, Retry
from mspace_legacy.wire import v2
from mspace_legacy.wire.http import Request
from tests.canary import KEY, PASSWORD, SMPP_PASSWORD, assert_clean
from tests.matrix.proxy import FaultyProxy
from tests.matrix.tls import TlsFront, trusting
from tests.migration.stores import cheap_verifier

__all__ = ["ATTEMPTS", "FINAL", "SENDS", "SURFACES", "Bench", "Call", "Calls", "GatewayReply", "State", "Surface"]

Call = Callable[[], object]
Calls = Mapping[str, Call]
Wire = Literal["http", "https", "smpp", "smpps"]

USERNAME, SUB_USER, CLIENT = "shop", "branch", "customer"
SENDER_ID, NUMBER, TEXT, LONG_TEXT = "SHOP", "254722000000", "Habari / 100%", "Habari yako? " * 20
CREDITS = 5
ATTEMPTS = 3
"""How often a surface asks at most, where asking again does no harm."""

SENDS = (
    "sendtext",
    "sendtext refused",
    "subacctopup",
    "resellerclienttopup",
    "submit",
    "submit long",
    "submit refused",
)
"""The operations that act, or are refused for what they ask for."""

FINAL = {name: "refused" if name.endswith("refused") else "success" for name in SENDS}
"""What the caller of each is told where nothing fails."""

_ENOUGH = 50_000_000
"""Credits, so many that their number never gains or loses a digit."""


class State(NamedTuple):
    """What the ledger holds."""

    texts: Counter[str]
    sub_user: int
    client: int


class Bench:
    """An emulator on sockets, a proxy in front of it, accounts whose secrets are the canaries; one for a thread."""

    def __init__(self, wire: Wire) -> None:
        secrets = Secret(PASSWORD), Secret(KEY)
        others = Secret("their-password"), Secret("their-key")
        self.ledger = Ledger(
            [
                Account(
                    USERNAME, *secrets, _ENOUGH, (SENDER_ID,), reseller=True, smpp_password=Secret(SMPP_PASSWORD)
                ),
                Account(SUB_USER, *others, _ENOUGH, sub_user_of=USERNAME),
                Account(CLIENT, *others, _ENOUGH, client_of=USERNAME),
            ],
            delivery_delay=0,
        )
        self._open = ExitStack()
        self.store = AccountStore([StoredAccount(USERNAME, cheap_verifier(secrets[0]), secrets[1])])
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        self.accounts_file = folder / "accounts.toml"
        self.accounts_file.touch(mode=0o600)
        self.accounts_file.write_text(
            f'[[account]]\nusername = "{USERNAME}"\npassword_verifier = "{cheap_verifier(secrets[0])}"\n'
            f'api_key = "{KEY}"\n'
        )
        emulator = Emulator(self.ledger)
        self._open.callback(emulator.close)
        # One thread, so that a request is answered when all those before it are dealt with.
        self._server = self._open.enter_context(Server(emulator, threads=1))
        smsc = self._open.enter_context(Smsc(self.ledger))
        self.direct_url = self._server.url
        behind = smsc.port if wire in ("smpp", "smpps") else self._server.port
        if wire in ("https", "smpps"):
            behind = self._open.enter_context(TlsFront(behind)).port
        self.proxy = self._open.enter_context(FaultyProxy(behind, tls=wire in ("https", "smpps")))
        self.url = f"{'https' if wire == 'https' else 'http'}://127.0.0.1:{self.proxy.port}"
        (sent,) = self.ledger.answer(SendText(USERNAME, SENDER_ID, (NUMBER,), "before"))
        self.message_id: str = sent.message_id

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def state(self) -> State:
        """What the ledger holds now."""
        texts = Counter(message.text for message in self.ledger.messages())
        return State(texts, self.ledger.balance(SUB_USER), self.ledger.balance(CLIENT))

    def settle(self) -> None:
        """Wait until the server has dealt with all that reached it."""
        self.proxy.settle()
        fence = Network(timeout=20)
        fence.handle(Request("GET", f"{self.direct_url}/fence", repeatable=True))
        fence.close()

    def transport(self, timeout: float) -> Retry:
        """The network as everyone has it, but for its times."""
        network = Network(timeout=timeout, proxy="", ssl_context=trusting())
        return Retry(network, attempts=ATTEMPTS, first_pause=0.005, longest_pause=0.02)


@dataclass(frozen=True, slots=True)
class Surface:
    """`opened` is given a bench and a time-out in seconds, and gives a function for each of `operations`.

    `compares` where two are asked, so that a fault may meet either of them.
    """

    wire: Wire
    operations: tuple[str, ...]
    opened: Callable[[Bench, float], AbstractContextManager[Calls]]
    compares: bool = False


# The HTTP APIs


def _jar_calls(client: MSpaceClient, bench: Bench) -> dict[str, Call]:
    message = SENDER_ID, NUMBER, TEXT
    return {
        "balance": lambda: client.getBalance(USERNAME, PASSWORD),
        "login": lambda: client.login_TEXT(USERNAME, PASSWORD),
        "subusers": lambda: client.subUsers_JSON(list[SubUser], USERNAME, PASSWORD),
        "resellerclients": lambda: client.resellerClients_XML(list[ResellerClient], USERNAME, PASSWORD),
        "deliveryreport": lambda: client.deliveryReport_JSON(
            list[DeliveryReport], USERNAME, PASSWORD, bench.message_id
        ),
        "sendtext": lambda: client.sendText_JSON(SentMessage, USERNAME, PASSWORD, *message),
        "sendtext refused": lambda: client.sendText_XML(SentMessage, USERNAME, PASSWORD, "NOPE", *message[1:]),
        "subacctopup": lambda: client.subAccTopup_JSON(TopUp, USERNAME, PASSWORD, SUB_USER, CREDITS),
        "resellerclienttopup": lambda: client.resellerClientTopup_XML(TopUp, USERNAME, PASSWORD, CLIENT, CREDITS),
    }


def _client_calls(client: Client, bench: Bench) -> dict[str, Call]:
    return {
        "balance": client.balance,
        "login": client.login,
        "subusers": client.sub_users,
        "resellerclients": client.reseller_clients,
        "deliveryreport": lambda: client.delivery_report(bench.message_id),
        "sendtext": lambda: client.send_text(SENDER_ID, NUMBER, TEXT),
        "sendtext refused": lambda: client.send_text("NOPE", NUMBER, TEXT),
        "subacctopup": lambda: client.top_up_sub_account(SUB_USER, CREDITS),
        "resellerclienttopup": lambda: client.top_up_reseller_client(CLIENT, CREDITS),
    }


_ACTING = ("sendtext", "sendtext refused", "subacctopup", "resellerclienttopup")
_LEGACY = ("balance", "login", "subusers", "resellerclients", *_ACTING)
_V2 = ("balance", "subusers", "resellerclients", "deliveryreport", *_ACTING)
_BOTH = ("balance", "login", "subusers", "resellerclients", "deliveryreport", *_ACTING)


def _jar(routes: str = "") -> Callable[[Bench, float], AbstractContextManager[Calls]]:
    @contextmanager
    def opened(bench: Bench, timeout: float) -> Iterator[Calls]:
        v2_too: dict[str, Any] = {"routes": routes, "accounts": bench.store, "base_url": bench.url}
        with MSpaceClient(bench.url, transport=bench.transport(timeout), **(v2_too if routes else {})) as client:
            yield _jar_calls(client, bench)
            assert_clean(repr(client) + str(vars(client)))

    return opened


@contextmanager
def _legacy_client(bench: Bench, timeout: float) -> Iterator[Calls]:
    with Client.legacy(bench.url, USERNAME, PASSWORD, transport=bench.transport(timeout)) as client:
        yield _client_calls(client, bench)
        assert_clean(repr(client) + str(vars(client)))


def _v2_client(style: v2.Style) -> Callable[[Bench, float], AbstractContextManager[Calls]]:
    @contextmanager
    def opened(bench: Bench, timeout: float) -> Iterator[Calls]:
        transport = bench.transport(timeout)
        with Client.v2(USERNAME, KEY, style=style, base_url=bench.url, transport=transport) as client:
            yield _client_calls(client, bench)
            assert_clean(repr(client) + str(vars(client)))

    return opened


# The gateway


class GatewayReply(NamedTuple):
    """What a program that knows nothing of this package gets."""

    status: int
    body: str


def _gateway(routes: str) -> Callable[[Bench, float], AbstractContextManager[Calls]]:
    """The proxy stands between the gateway and the APIs; the caller asks the gateway directly."""

    @contextmanager
    def opened(bench: Bench, timeout: float) -> Iterator[Calls]:
        with _running_gateway(bench, bench.url, routes, bench.transport(timeout)) as server:
            yield _raw_calls(server.port, bench)

    return opened


@contextmanager
def _jar_to_the_gateway(bench: Bench, timeout: float) -> Iterator[Calls]:
    """The proxy stands between the caller and the gateway."""
    with _running_gateway(bench, bench.direct_url, "*=v2", bench.transport(timeout)) as server:
        bench.proxy.upstream = server.port
        with MSpaceClient(bench.url, transport=bench.transport(timeout)) as client:
            yield _jar_calls(client, bench)


@contextmanager
def _running_gateway(bench: Bench, url: str, routes: str, transport: Retry) -> Iterator[Server]:
    settings = Settings(str(bench.accounts_file), main_url=url, base_url=url, routes=Routes.parse(routes))
    metrics = PrometheusMetrics()
    gateway = Gateway(settings, transport=transport, metrics=metrics)
    with contextlib.closing(gateway), Server(gateway, liberal=True, threads=4) as server:
        yield server
        assert_clean(metrics.page().text() + repr(gateway))


def _raw_calls(port: int, bench: Bench) -> dict[str, Call]:
    def asking(operation: str, *more: tuple[str, str]) -> Call:
        pairs = (("username", USERNAME), ("password", PASSWORD), *more)
        path = "/".join(f"{key}={quote(value, safe='')}" for key, value in pairs)

        def ask() -> GatewayReply:
            # It has no bound of its own: the gateway's own ones must do.
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            with contextlib.closing(connection):
                connection.request("GET", f"/mspaceservice/wr/sms/{operation}/{path}")
                reply = connection.getresponse()
                return GatewayReply(reply.status, reply.read().decode("utf-8", "replace"))

        return ask

    message = ("recipient", NUMBER), ("message", TEXT)
    credits_ = ("noofsms", str(CREDITS))
    return {
        **{name: asking(name) for name in ("balance", "login", "subusers", "resellerclients")},
        "deliveryreport": asking("deliveryreport", ("messageid", bench.message_id)),
        "sendtext": asking("sendtext", ("senderid", SENDER_ID), *message),
        "sendtext refused": asking("sendtext", ("senderid", "NOPE"), *message),
        "subacctopup": asking("subacctopup", ("subaccname", SUB_USER), credits_),
        "resellerclienttopup": asking("resellerclienttopup", ("clientname", CLIENT), credits_),
    }


# SMPP


def _transmitter(bench: Bench, timeout: float, **settings: Any) -> Transmitter:
    return Transmitter(
        "127.0.0.1", bench.proxy.port, USERNAME, SMPP_PASSWORD,
        timeout=timeout, tls=trusting() if bench.proxy.tls else False, reconnect_for=5, **settings,
    )  # fmt: skip


def _submitting(**settings: Any) -> Callable[[Bench, float], AbstractContextManager[Calls]]:
    @contextmanager
    def opened(bench: Bench, timeout: float) -> Iterator[Calls]:
        with _transmitter(bench, timeout, **settings) as transmitter:
            yield {
                "submit": lambda: transmitter.send(SENDER_ID, NUMBER, TEXT),
                "submit long": lambda: transmitter.send_text(SENDER_ID, NUMBER, LONG_TEXT),
                "submit refused": lambda: transmitter.send("NOPE", NUMBER, TEXT),
            }
            assert_clean(repr(transmitter) + str(vars(transmitter)))

    return opened


@contextmanager
def _binding(bench: Bench, timeout: float) -> Iterator[Calls]:
    with ExitStack() as bound:
        yield {"bind": lambda: repr(bound.enter_context(_transmitter(bench, timeout)))}


_LONGEST_RECEIPT = 8.0
"""Seconds until a receipt is handled and acknowledged, with all the binding anew that it takes."""


@contextmanager
def _receiving(bench: Bench, timeout: float) -> Iterator[Calls]:
    """Each receipt is handled at least once, and is acknowledged only when it was: the call tells whether it is."""
    handled: list[object] = []
    early: list[str] = []
    before = threading.Event()

    def handler(came: object) -> None:
        if not handled and not bench.ledger.receipts(USERNAME, 10):
            early.append("it was acknowledged before the handler had returned")
        handled.append(came)

    def receive() -> bool:
        addresses = Address(5, 0, SENDER_ID), Address(1, 1, NUMBER)
        bench.ledger.submit(USERNAME, *addresses, "receipt", segments=1, receipt="always")
        end = time.monotonic() + _LONGEST_RECEIPT
        while bench.ledger.receipts(USERNAME, 10) and time.monotonic() < end:
            before.wait(0.005)
        assert handled, "the receipt was not handled"
        assert not early, early
        return not bench.ledger.receipts(USERNAME, 10)

    receiver = Receiver(
        "127.0.0.1", bench.proxy.port, USERNAME, SMPP_PASSWORD, handler,
        timeout=timeout, tls=trusting() if bench.proxy.tls else False, enquire_after=0.2,
    )  # fmt: skip
    with receiver:
        yield {"receive": receive}
        assert_clean(repr(receiver) + str(vars(receiver)))


_SUBMITS = ("submit", "submit long", "submit refused")

SURFACES: dict[str, Surface] = {
    "MSpaceClient": Surface("http", _LEGACY, _jar()),
    "MSpaceClient, *=v2": Surface("http", _BOTH, _jar("*=v2")),
    "MSpaceClient, *=canary:50": Surface("http", _BOTH, _jar("*=canary:50")),
    "MSpaceClient, shadow and verify": Surface(
        "http",
        ("balance", "login", "subusers", "resellerclients"),
        _jar("balance=shadow, login=verify, subusers=verify, resellerclients=shadow"),
        compares=True,
    ),
    "MSpaceClient, *=v2, TLS": Surface("https", _BOTH, _jar("*=v2")),
    "Client.legacy": Surface("http", _LEGACY, _legacy_client),
    "Client.v2, json": Surface("http", _V2, _v2_client("json")),
    "Client.v2, xml": Surface("http", _V2, _v2_client("xml")),
    "Client.v2, path": Surface("http", _V2, _v2_client("path")),
    "Client.v2, json, TLS": Surface("https", _V2, _v2_client("json")),
    "gateway, *=v2": Surface("http", _BOTH, _gateway("*=v2")),
    "gateway, *=legacy": Surface("http", _LEGACY, _gateway("*=legacy")),
    "gateway, *=v2, TLS": Surface("https", _BOTH, _gateway("*=v2")),
    "MSpaceClient to the gateway": Surface("http", _LEGACY, _jar_to_the_gateway),
    "Transmitter": Surface("smpp", _SUBMITS, _submitting()),
    "Transmitter, window=1": Surface("smpp", _SUBMITS, _submitting(window=1)),
    "Transmitter, TLS": Surface("smpps", _SUBMITS, _submitting()),
    "Transmitter, binding": Surface("smpp", ("bind",), _binding),
    "Transmitter, binding, TLS": Surface("smpps", ("bind",), _binding),
    "Receiver": Surface("smpp", ("receive",), _receiving),
    "Receiver, TLS": Surface("smpps", ("receive",), _receiving),
}
