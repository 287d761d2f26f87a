"""Gateway: the legacy path API for callers that can't be changed, answered through routes and accounts.

A transport like any other; `server.Server` puts it behind a socket. It reads what integrators write by hand, lets in
whoever is in the account store, and has a reply to every request: a Java client whose connection closes without one
sends its request again.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple, Protocol

from mspace_legacy.errors import AuthenticationError, InvalidInput, MSpaceError, NotSent, RequestError, ServerError
from mspace_legacy.migration.accounts import AccountStore
from mspace_legacy.migration.adapter import failed
from mspace_legacy.migration.routes import Router
from mspace_legacy.migration.settings import LONGEST_BRAKE, Settings
from mspace_legacy.migration.shadow import Comparisons
from mspace_legacy.secrets import Secret
from mspace_legacy.transport import Network, Retry, Transport
from mspace_legacy.wire import legacy
from mspace_legacy.wire.dialect import check_not_empty, error_page, malformed
from mspace_legacy.wire.documents import answer
from mspace_legacy.wire.http import Request, Response, header

__all__ = ["Exchange", "Gateway", "Metrics"]

_log = logging.getLogger("mspace_legacy.gateway")
_access_log = logging.getLogger("mspace_legacy.gateway.access")

_NO_LEGACY_API = "http://legacy.invalid"
"""Stands in a request's URL where no route leads to the legacy API (RFC 2606, section 2)."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Exchange(NamedTuple):
    """One request and what became of it, for the access log and for metrics.

    `operation` and `route` are `-` where it did not come that far. `refused` is `malformed`, `account` (which is not
    in the store), `password`, `slowed` or `gone` (its caller hung up), or `-`. `username` is told of an
    account that is in the store: what else comes may be anything.
    """

    request_id: str
    address: str
    username: str
    operation: str
    route: str
    refused: str
    status: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"request={self.request_id} address={self.address or '-'} username={self.username!r} "
            f"operation={self.operation} route={self.route!r} refused={self.refused} status={self.status} "
            f"ms={self.seconds * 1000:.1f}"
        )


class Metrics(Protocol):
    """What counts exchanges, and shows the counts; see `metrics.PrometheusMetrics`."""

    def observe(self, exchange: Exchange) -> None:
        """Count one."""
        ...

    def compared(self, operation: str, result: str) -> None:
        """Count a comparison; see `Comparisons`."""
        ...

    def page(self) -> Response:
        """All of the counts."""
        ...


class _Told(NamedTuple):
    response: Response
    operation: str = "-"
    route: str = "-"
    refused: str = "-"
    username: str = "-"


class _Behind(NamedTuple):
    """What a reload takes over, at once."""

    accounts: AccountStore
    router: Router


class Gateway:
    """A transport that answers whoever is in the account store, through routes. Safe to use from several threads.

    It holds nothing but connections, remembered passwords and the failures of each address, so that any number can
    stand side by side.

    :param transport: reaches both APIs; by default the network, with reads asked again when it fails.
    :param metrics: counts the exchanges, and is shown at `/metrics`; nothing is there without it.
    :param comparisons: what becomes of the answers where a route asks both APIs.
    :raises InvalidInput: the account store's file can't be right.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transport: Transport | None = None,
        metrics: Metrics | None = None,
        comparisons: Comparisons | None = None,
    ) -> None:
        timeout = (settings.connect_timeout, settings.reply_timeout)
        self._settings = settings
        self._transport = transport or Retry(Network(timeout=timeout, connections=settings.threads))
        self._base = legacy.base_url(settings.main_url or _NO_LEGACY_API)
        self._trusted = [ipaddress.ip_network(network) for network in settings.trusted_proxies]
        self._metrics = metrics
        self._brake = _Brake(most_waiting=max(1, settings.threads // 4))
        self._closes_comparisons = comparisons is None
        self.comparisons = comparisons or Comparisons(on_count=metrics.compared if metrics else None)
        self._behind = self._made(settings)

    def _made(self, settings: Settings) -> _Behind:
        accounts = AccountStore.load(settings.accounts)
        router = Router.over(
            self._transport,
            settings.routes,
            accounts,
            base_url=self._settings.base_url,
            comparisons=self.comparisons,
        )
        return _Behind(accounts, router)

    def __repr__(self) -> str:
        return f"Gateway({self._settings!r})"

    def reload(self, settings: Settings) -> None:
        """Take over routes and accounts. Requests under way finish as they began.

        :raises InvalidInput: the account store's file can't be right; nothing has changed.
        """
        if settings.routes.ask("legacy") and not self._settings.main_url:
            raise InvalidInput("routes: there was no main_url when the gateway started: start it anew")
        behind = self._made(settings)
        behind.accounts.remember_from(self._behind.accounts)
        self._behind = behind

    def handle(self, request: Request) -> Response:
        """The reply, for every request; see `Transport`. Where an API's reply is lost, it is an error status."""
        path = "/" + request.url.partition("://")[2].partition("/")[2].partition("?")[0]
        if path == "/healthz":
            return answer(200, "text", "ok\n")
        if path == "/metrics" and self._metrics:
            return self._metrics.page()
        began = time.perf_counter()
        request_id, address = self._origin(request)
        told = self._answer(request, request_id, address)
        exchange = Exchange(
            request_id,
            address,
            told.username,
            told.operation,
            told.route,
            told.refused,
            told.response.status,
            time.perf_counter() - began,
        )
        _access_log.info("%s", exchange)
        if self._metrics:
            try:
                self._metrics.observe(exchange)
            except Exception as error:  # whatever fails there, the call is made, and its caller is to be told
                _log.error("request=%s was not counted: %s", request_id, type(error).__name__)
        others = (pair for pair in told.response.headers if not _OURS.fullmatch(pair[0]))
        ours = (("X-Request-Id", request_id), ("Cache-Control", "no-store"))
        return replace(told.response, headers=(*others, *ours))

    def close(self) -> None:
        """Wait for the comparisons under way, within bounds, and close the transport below.

        Comparisons that were given stay open, as others may use them too.
        """
        if self._closes_comparisons:
            self.comparisons.close()
        # Which waits for those that were given, as it was given these.
        self._behind.router.close()

    def _origin(self, request: Request) -> tuple[str, str]:
        """The request's id, and the address that it comes from, as a trusted proxy tells them."""
        address = request.remote_address
        if not self._is_trusted(address):
            return secrets.token_hex(8), address
        # Each proxy adds, at the right, whom it was asked by. Left of one that is not ours, anyone may have written.
        for hop in reversed((header(request.headers, "x-forwarded-for") or "").split(",")):
            if not hop.strip() or not self._is_trusted(address):
                break
            address = hop.strip()
        request_id = header(request.headers, "x-request-id") or ""
        return request_id if _REQUEST_ID.fullmatch(request_id) else secrets.token_hex(8), address

    def _is_trusted(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._trusted)

    def _answer(self, request: Request, request_id: str, address: str) -> _Told:
        if f"{legacy.PATH}/" not in request.url:
            return _Told(error_page(404, "Not Found"), refused="malformed")
        try:
            call, password, form = legacy.decode_request(request, ours=True, liberal=True)
            check_not_empty(call)
        except RequestError as error:
            _log.warning("request=%s can't be read: %s", request_id, error)
            return _Told(malformed(error), refused="malformed")
        accounts, router = self._behind
        refused = self._refused(accounts, call.username, password, address)
        if refused:
            username = call.username if call.username in accounts else "-"
            told = legacy.encode_reply(call, AuthenticationError("unknown, or a wrong password"), form)
            if refused == "slowed":
                # Its password was not looked at: it may well be right.
                told = replace(failed(call, ServerError("too many failures"), form), status=429)
                told = replace(told, headers=(*told.headers, ("Retry-After", f"{LONGEST_BRAKE:.0f}")))
            return _Told(told, call.operation, refused=refused, username=username)
        if request.is_abandoned():
            told = failed(call, NotSent("its caller hung up before its turn"), form)
            return _Told(told, call.operation, refused="gone", username=call.username)
        asked = legacy.encode_request(call, password, base=self._base, ours=True)
        accept = header(request.headers, "accept")
        asked = replace(asked, headers={"Accept": accept} if accept else {}, is_abandoned=request.is_abandoned)
        way = router.way(call.operation, lambda: call)
        try:
            response = way.transport.handle(asked)
        except MSpaceError as error:
            _log.warning("request=%s %s", request_id, error)
            response = failed(call, error, form)
        else:
            if response.status >= 500:
                _log.warning(
                    "request=%s %s: status %d by way of %s", request_id, call.operation, response.status, way.name
                )
        return _Told(response, call.operation, way.name, username=call.username)

    def _refused(self, accounts: AccountStore, username: str, password: Secret, address: str) -> str:
        """Why it is not let in; empty where it is. An address that fails again and again waits before it is told."""
        if accounts.remembers(username, password):
            return ""
        with self._brake.admitted(address) as admitted:
            if not admitted:
                return "slowed"
            if accounts.verify(username, password):
                return ""
            self._brake.failed(address)
        return "password" if username in accounts else "account"


_OURS = re.compile(
    "x-request-id|(?:[a-z-]+-)?cache-control|surrogate-control|expires|x-accel-expires|age", re.IGNORECASE
)
"""The API behind may number its requests too, but the caller finds ours in the log. And nothing may store a reply: it
would answer the next send that is like this one.
"""


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    # As a proxy writes an address of IPv4 that listens for both on one socket.
    return (parsed.version == 6 and parsed.ipv4_mapped) or parsed


class _Brake:
    """Makes whoever failed wait before the next attempt, the longer the more often; in bounded memory and threads.

    So few threads wait here, or verify a password for who had to wait, that the rest go on serving.

    Only attempts whose password is not known to be right pass here, so that a program with a wrong one does not slow
    down others behind the same address.
    """

    FREE = 3
    """Failures without a wait: someone typing."""
    FIRST, LONGEST = 0.25, LONGEST_BRAKE
    """Seconds; doubled with each failure."""
    FORGOTTEN = 300.0
    """Seconds after the last failure."""
    MOST_ADDRESSES = 10_000

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._waiting = 0
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @contextmanager
    def admitted(self, address: str) -> Iterator[bool]:
        """Wait as long as the address has earned, and hold a place meanwhile; False at once where there is none."""
        with self._lock:
            count, last = self._failures.get(_network_of(address), (0, 0.0))
            braked = count > self.FREE and time.monotonic() - last <= self.FORGOTTEN
            admitted = not braked or self._waiting < self._most_waiting
            self._waiting += braked and admitted
        try:
            if braked and admitted:
                time.sleep(min(self.FIRST * 2.0 ** min(count - self.FREE - 1, 10), self.LONGEST))
            yield admitted
        finally:
            with self._lock:
                self._waiting -= braked and admitted

    def failed(self, address: str) -> None:
        """Count one failure."""
        network, now = _network_of(address), time.monotonic()
        with self._lock:
            count, last = self._failures.pop(network, (0, now))
            self._failures[network] = (1 if now - last > self.FORGOTTEN else count + 1, now)
            if len(self._failures) > self.MOST_ADDRESSES:
                self._failures.popitem(last=False)


def _network_of(address: str) -> str:
    """Whoever has an address of IPv6 has the 64 bits below it, too."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed or address)
