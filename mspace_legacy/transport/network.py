"""The network as a transport: urllib3 pools that never repeat, never redirect, and know what left this machine.

What urllib3 would do to a request on its own, and what it would print of one, is turned off here. What remains
of a failure is one question, which the connections below answer: had a byte of the request been handed to the
socket?
"""

from __future__ import annotations

import base64
import http.client
import logging
import math
import os
import queue
import re
import socket
import ssl
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import urllib3
from urllib3 import exceptions as u3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.ssltransport import SSLTransport
from urllib3.util.wait import wait_for_read

from mspace_legacy._version import __version__
from mspace_legacy.checks import at_least_one
from mspace_legacy.errors import (
    ClosedError,
    InvalidInput,
    NotSent,
    ReplyLost,
    TransportError,
    TransportFault,
    WrongType,
    outcome_unknown,
)
from mspace_legacy.secrets import MASK, RedactingFilter, Secret, redact
from mspace_legacy.transport.reply import Reply, TooLarge
from mspace_legacy.wire.http import Request, Response

__all__ = ["DEFAULT_TIMEOUT", "Network", "Timeout", "checked_timeout"]

Timeout = float | tuple[float, float]
"""Seconds: one number for both, or a pair of each step of connecting and of the whole reply."""

DEFAULT_TIMEOUT: tuple[float, float] = (5.0, 30.0)
_DEFAULT_MAX_REPLY = 1 << 20
_USER_AGENT = f"mspace-legacy/{__version__}"
_NEVER_AGAIN = urllib3.Retry(False, redirect=False)
"""What urllib3 makes of `retries=False`, at every request."""
_READS = {"Cache-Control": "no-cache"}
_ACTS = {"Connection": "close", "Cache-Control": "no-cache, no-store"}
"""A send of the legacy API is a GET, and what lies between might answer it with the reply to one before; and a read,
which tells what became of a send, with what was so before it. RFC 9111, section 5.2.1.
"""
_MOST_HEADERS, _MOST_CODED = 1 << 20, 8
"""Bytes of all headers of a reply, and bytes that its coding may take for each of its body."""


class _Discreet(RedactingFilter):
    """Leaves out what follows a secret in a path, too: to whom a text goes, and the text. So it does with queries,
    and with what urllib3 tells of a head that can't be read, by a connection other than ours: it may repeat what was
    sent.

    The APIs have no queries, but a USSD callback's secret may stand in one.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        kept = super().filter(record)
        told = _QUERY.sub(f"?{MASK}", _BEHIND_A_SECRET.sub(r"\1", record.msg))
        record.msg = _UNPARSED.sub(rf"\1: {MASK}", told)
        return kept


_BEHIND_A_SECRET = re.compile(rf"((?:password|apikey)={re.escape(MASK)})[^\s\"']+", re.IGNORECASE)
_QUERY = re.compile(r"\?[^\s\"']+")
_UNPARSED = re.compile("(Failed to parse headers).*", re.DOTALL)

# urllib3 logs the path of a request, at DEBUG and in warnings, and on the legacy API the path holds the password.
for _name in ("connectionpool", "connection", "poolmanager", "response", "util.retry"):
    logging.getLogger(f"urllib3.{_name}").addFilter(_Discreet())


def checked_timeout(timeout: Timeout) -> tuple[float, float]:
    """`timeout` as a pair of seconds.

    :raises InvalidInput: not positive, or not finite: a call without a bound would hang with the service.
    """
    pair = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    if len(pair) != 2 or not all(isinstance(part, (int, float)) and not isinstance(part, bool) for part in pair):
        raise WrongType(f"timeout {timeout!r} is neither seconds nor a pair of them: give 30, or (5, 30)")
    if not all(math.isfinite(part) and part > 0 for part in pair):
        raise InvalidInput(f"timeout {timeout!r}: seconds are positive and finite, such as 30 or (5, 30)")
    return float(pair[0]), float(pair[1])


_Account = tuple[str, tuple[Secret, ...]]
"""A user name and what it asks by: who gives another password may be somebody else."""


@dataclass(slots=True)
class _Progress:
    """How far an exchange has come, and what it may do.

    `unsent` is true only while it is certain that no byte of the request was handed to a socket, so that a
    connection that is not one of ours, as vcrpy puts in their place, counts as one that may have sent.
    `alone` is true where the request is to have a connection of its own; `account` is whose it is. `room` is how
    many bytes there may be of the reply as it comes over the wire, with its headers and all that its coding adds.
    """

    unsent: bool = False
    alone: bool = False
    account: _Account | None = None
    room: float = math.inf
    connecting: bool = False


class _Here(threading.local):
    """The exchange of this thread, for what urllib3 calls of ours."""

    progress = _Progress()
    """That of a thread without an exchange, which changes nothing of it. It is the class's: an `__init__` would run
    at a thread's first exchange, and a pool that Python collects meanwhile asks within it.
    """


_here = _Here()


def _reply(sock: socket.socket, *args: Any, **kwargs: Any) -> Reply:
    return Reply(sock, *args, room=_here.progress.room, **kwargs)


class _TellsProgress(http.client.HTTPConnection):
    response_class = staticmethod(_reply)  # type: ignore[assignment]  # which is called, and nothing else
    asked_by: _Account | None = None
    """Whose the last request by this connection was."""

    def connect(self) -> None:
        progress = _here.progress
        progress.unsent = progress.connecting = True
        try:
            super().connect()
        finally:
            progress.connecting = False
        sock: Any = self.sock
        if hasattr(sock, "suppress_ragged_eofs"):
            # Of TLS. By default what was cut reads like what was closed, which may be what ends a reply (RFC 9112,
            # section 9.8).
            sock.suppress_ragged_eofs = False
        _refuse_what_spoke_first(sock)

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        # A CONNECT to a proxy goes through here as well, but is not yet the request.
        progress = _here.progress
        if not progress.connecting:
            self.asked_by = progress.account
            progress.unsent = False
        super().send(data)


def _refuse_what_spoke_first(sock: socket.socket) -> None:
    """Raise where anything has come by a connection that was not used yet: it would be taken for the reply."""
    if not isinstance(sock, socket.socket) or not wait_for_read(sock, 0):
        return
    patience = sock.gettimeout()
    sock.settimeout(0)
    try:
        came = sock.recv(1)
    except ssl.SSLWantReadError:  # only the tickets of a session
        sock.settimeout(patience)
        return
    except ssl.SSLEOFError:
        came = b""
    raise _SpokeFirst("a reply before the request") if came else _SpokeFirst("the end before the request")


class _Connection(_TellsProgress, HTTPConnection):
    """To the service or a proxy, over TCP."""


class _SecureConnection(_TellsProgress, HTTPSConnection):
    """To the service or a proxy, over TLS; or to the service by TLS within a proxy's tunnel."""


class _Idle(queue.LifoQueue[Any]):
    """The connections that are not in use: an account is given one of its own, else a new one, else the oldest.

    That is closed first, so that urllib3 connects it anew: what one account asked by may bring it a reply twice.
    """

    def _get(self) -> Any:
        for wanted in (_here.progress.account, None):
            for place in range(len(self.queue) - 1, -1, -1):
                if _asked_by(self.queue[place]) == wanted:
                    return self.queue.pop(place)
        oldest = self.queue.pop(0)
        oldest.close()
        return oldest


def _asked_by(conn: Any) -> _Account | None:
    # A place in the pool may be empty, or hold a connection that is not ours, such as vcrpy's.
    return getattr(conn, "asked_by", None)


class _Lending(HTTPConnectionPool):
    """Gives what acts a connection of its own, which nobody used before and nobody uses after.

    On one that is kept, a reply that the service sends twice may arrive after the next request was written, and be
    taken for its reply; and the service may close it just as a request is on its way, which then nobody knows of.
    """

    QueueCls = _Idle

    def _get_conn(self, timeout: float | None = None) -> Any:
        return self._new_conn() if _here.progress.alone else super()._get_conn(timeout)

    def _put_conn(self, conn: Any) -> None:
        alone = _here.progress.alone
        if conn is not None and (alone or _may_hold_more(conn)):
            conn.close()
        if not alone:
            super()._put_conn(conn)


def _may_hold_more(conn: Any) -> bool:
    """Whether more came than the reply, in the same record of TLS: decrypted, it does not make the socket readable,
    and urllib3, which drops a connection with such a rest, can't see it. Of TLS within TLS nobody can tell.
    """
    # One that is not ours, such as vcrpy's, need have none.
    sock = getattr(conn, "sock", None)
    return isinstance(sock, SSLTransport) or (isinstance(sock, ssl.SSLSocket) and sock.pending() > 0)


class _Pool(_Lending):
    @property
    def ConnectionCls(self) -> Any:  # type: ignore[override]  # noqa: N802  # urllib3's name; see below
        """Ours, unless someone put another in urllib3's place, as vcrpy does to record and replay."""
        there = HTTPConnectionPool.ConnectionCls
        return _Connection if there is HTTPConnection else there


class _SecurePool(_Lending, HTTPSConnectionPool):
    @property
    def ConnectionCls(self) -> Any:  # type: ignore[override]  # noqa: N802  # as in _Pool
        """As in `_Pool`."""
        there = HTTPSConnectionPool.ConnectionCls
        return _SecureConnection if there is HTTPSConnection else there


class Network:
    """HTTP and HTTPS over urllib3: a pool of kept-alive connections for each host, safe for threads.

    The reads of an account share the connections that are kept. A send or a top-up has one of its own, opened for it
    and closed after it, so that no reply but its own can come by it.

    :param timeout: seconds for each step of connecting (each address of the host, the proxy's tunnel, TLS), and for
        the whole of the reply; (5, 30) by default. How long a name is looked up is the system's to bound.
    :param max_reply: bytes of a reply's body; a longer one is an error. 1 MiB by default.
    :param connections: kept open for each host at most; more are opened when more threads ask at once.
    :param proxy: URL of a proxy for every request; None takes `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` from the
        environment, an empty text uses none. Through one that is asked by https itself, what drips in within TLS
        may outlast the time-outs.
    :param ssl_context: for certificates of your own, a proxy's too; by default those of the system, verified. Its
        `OP_IGNORE_UNEXPECTED_EOF`, which some Pythons set, is taken from it.
    :raises InvalidInput: a setting that can't be right.
    """

    def __init__(
        self,
        *,
        timeout: Timeout = DEFAULT_TIMEOUT,
        max_reply: int = _DEFAULT_MAX_REPLY,
        connections: int = 32,
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if proxy is not None and not isinstance(proxy, str):
            raise WrongType(f"proxy is a {type(proxy).__name__}: give a URL such as 'http://host:port', or ''")
        connect, read = checked_timeout(timeout)
        self._settings: dict[str, Any] = {
            "timeout": urllib3.Timeout(connect=connect, read=read),
            "maxsize": at_least_one("connections", connections),
            "retries": _NEVER_AGAIN,
            "headers": {"User-Agent": _USER_AGENT},
        }
        self._ssl_context = ssl_context if ssl_context is None else _heeding_cuts(ssl_context)
        self._max_reply = at_least_one("max_reply", max_reply)
        self._proxy = proxy
        self._closed = False
        self._forget()
        _networks.add(self)

    def _forget(self) -> None:
        """Begin without any connection, as a child of a fork must: two processes on one would swap their replies."""
        self._lock = threading.Lock()
        self._managers: dict[tuple[str, str], urllib3.PoolManager] = {}
        self._pools: dict[str, tuple[HTTPConnectionPool, bool]] = {}

    def __repr__(self) -> str:
        return f"Network({', '.join(self._pools)})"

    def handle(self, request: Request) -> Response:
        """The reply, whatever its status; see `Transport`."""
        outcome = self._attempt(request)
        # Raised out here, an error has no context, and no frame whose variables hold the path.
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _attempt(self, request: Request) -> Response | BaseException:
        url = request.url
        slash = url.index("/", 8)
        origin = url[:slash]
        # A handler of logs or of a signal may call from within a call: how far that comes is another thing.
        outer = _here.progress
        progress = _here.progress = _Progress(
            unsent=True,
            alone=not request.repeatable,
            account=(request.username, request.secrets),
            room=_MOST_HEADERS + _MOST_CODED * self._max_reply,
        )
        try:
            pool, absolute = self._pools.get(origin) or self._open(origin)
            progress.unsent = False
            return self._exchange(pool, url if absolute else url[slash:], request)
        except InvalidInput as error:
            return error.with_traceback(None)
        except (u3.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            # http.client lets a ValueError pass where a length is none.
            return _failure(error, origin, request, unsent=progress.unsent)
        except BaseException as error:  # an interruption too: its frames, and those of its context, show the path
            error.__cause__ = error.__context__ = None
            return error.with_traceback(None)
        finally:
            _here.progress = outer

    def _exchange(self, pool: HTTPConnectionPool, target: str, request: Request) -> Response:
        raw = pool.urlopen(
            request.method,
            target,
            body=request.body,
            headers={**(_READS if request.repeatable else _ACTS), "User-Agent": _USER_AGENT, **request.headers},
            retries=_NEVER_AGAIN,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            body = self._read(raw)
        except BaseException:
            raw.close()
            raise
        # A reply that vcrpy replays has had this since its version 9.1 only.
        getattr(raw, "release_conn", _nothing)()
        # items() of urllib3 counts what there is before it gives it; what vcrpy replays has no other.
        headers = tuple(getattr(raw.headers, "iteritems", raw.headers.items)())
        response = Response(raw.status, body, headers, raw.reason or "")
        if not request.repeatable and _was_stored(response):
            raise _Stored("its head says that it was stored")
        authorization = pool.proxy_headers.get("proxy-authorization")
        return response if authorization is None else _without(authorization, response)

    def _read(self, raw: Any) -> bytes:
        if raw.status < 200 or raw.status == http.HTTPStatus.PARTIAL_CONTENT:
            # No reply yet, or a part, for which nobody asked.
            raise http.client.IncompleteRead(b"")
        length = raw.length_remaining
        if length is not None and length > self._max_reply:
            raise TooLarge(f"{length} bytes")
        # Never without a bound, whatever length was told.
        body: bytes = raw.read(self._max_reply + 1)
        if len(body) > self._max_reply:
            raise TooLarge(f"more than {self._max_reply} bytes")
        if raw.length_remaining:
            raise u3.IncompleteRead(len(body), raw.length_remaining)
        return body

    def _open(self, origin: str) -> tuple[HTTPConnectionPool, bool]:
        with self._lock:
            if self._closed:
                raise ClosedError("the transport was closed before")
            proxy = self._proxy_for(origin)
            scheme = origin.partition(":")[0]
            manager = self._managers.get((scheme, proxy))
            if manager is None:
                manager = self._managers[scheme, proxy] = self._manager(scheme, proxy)
            pool = manager.connection_from_url(origin)
            known = self._pools[origin] = (pool, bool(proxy) and origin.startswith("http:"))
            return known

    def _proxy_for(self, origin: str) -> str:
        if self._proxy is not None:
            return self._proxy
        if not any(name.lower().endswith("_proxy") for name in os.environ):
            return ""
        # Imported here, as most have no proxy and it is slow to import.
        from urllib.request import getproxies, proxy_bypass

        parts = urlsplit(origin)
        proxies = getproxies()
        # With its port and without; an address of IPv6 without its brackets, as NO_PROXY has it.
        if proxy_bypass(parts.netloc) or proxy_bypass(parts.hostname or ""):
            return ""
        return proxies.get(parts.scheme) or proxies.get("all", "")

    def _manager(self, scheme: str, proxy: str) -> urllib3.PoolManager:
        settings = self._settings
        if "https" in (scheme, proxy.partition(":")[0].lower()):
            if self._ssl_context is None:
                # urllib3 by itself reads the system's certificates anew for each connection, which takes it longer
                # than all the rest of a send.
                self._ssl_context = _heeding_cuts(create_urllib3_context())
                self._ssl_context.load_default_certs()
            settings = {**settings, "ssl_context": self._ssl_context}
        manager: urllib3.PoolManager
        if not proxy:
            manager = urllib3.PoolManager(**settings)
        else:
            parts = _parts_of_proxy(proxy)
            auth = None
            if parts.username:
                user, password = unquote(parts.username), unquote(parts.password or "")
                auth = urllib3.make_headers(proxy_basic_auth=f"{user}:{password}")
            host = parts.netloc.rpartition("@")[2]
            manager = urllib3.ProxyManager(
                f"{parts.scheme}://{host}", proxy_headers=auth, proxy_ssl_context=self._ssl_context, **settings
            )
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager

    def close(self) -> None:
        """Close the connections that are idle; a call under way finishes first."""
        with self._lock:
            self._closed = True
            self._pools.clear()
            for manager in self._managers.values():
                manager.clear()


_networks: weakref.WeakSet[Network] = weakref.WeakSet()


def _forget_all() -> None:
    for network in list(_networks):
        network._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _heeding_cuts(context: ssl.SSLContext) -> ssl.SSLContext:
    """`context`, but that what was cut no longer looks like what was closed: see `_TellsProgress`."""
    if not isinstance(context, ssl.SSLContext):
        raise WrongType(f"ssl_context is a {type(context).__name__}: give an ssl.SSLContext")
    # OpenSSL has it from 3.0 on; before, what was cut never looked so.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    return context


def _parts_of_proxy(proxy: str) -> SplitResult:
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0):
            return parts
    except ValueError:
        pass
    raise InvalidInput("the proxy is not an http or https URL: write 'http://host:port'")


def _without(authorization: str, response: Response) -> Response:
    """`response` without what the proxy was told: its page of an error may show the request, or the password."""
    told = authorization.removeprefix("Basic ")
    secrets = [Secret(told)]
    if response.status >= 400:
        # Elsewhere a short one might be what was asked for, such as a balance.
        secrets.append(Secret(base64.b64decode(told).decode("latin-1").partition(":")[2]))

    def masked(text: str) -> str:
        return redact(text, secrets, by_name=False)

    body = masked(response.body.decode("latin-1")).encode("latin-1")
    headers = tuple((name, masked(value)) for name, value in response.headers)
    return Response(response.status, body, headers, masked(response.reason))


_TELL_HITS = ("X-Cache", "X-Cache-Status", "X-Proxy-Cache", "CF-Cache-Status")
_HIT = re.compile("hit|stale|updating|revalidated|unmodified", re.IGNORECASE)
"""What they say first where the body is a stored one: `Hit from cloudfront`, `TCP_REFRESH_UNMODIFIED from squid`."""


def _was_stored(response: Response) -> bool:
    """Whether a cache says that it gave this: by its age, by Cache-Status (RFC 9211), or as those in use say it.

    By its age it may be new, as that is in whole seconds. Varnish names two requests, the second of which it kept.
    """
    caches = _listed(response, "Cache-Status")
    return (
        any(age.strip("0") for age in _listed(response, "Age"))
        or len((response.header("X-Varnish") or "").split()) > 1
        or any(parameter.strip() in ("hit", "hit=?1") for cache in caches for parameter in cache.split(";")[1:])
        or any(_HIT.search(told.split()[0]) for name in _TELL_HITS for told in _listed(response, name))
    )


def _listed(response: Response, name: str) -> list[str]:
    """The members of a header that is a list."""
    return [member.strip() for member in (response.header(name) or "").split(",") if member.strip()]


def _nothing() -> None:
    """What there is to do for a reply that holds no connection."""


class _Stored(u3.HTTPError):
    """A reply to what acts that comes from a cache: the service was not asked."""


class _SpokeFirst(u3.HTTPError):
    """Something that came by a connection before a request had gone by it."""


def _failure(error: Exception, origin: str, request: Request, *, unsent: bool) -> TransportError:
    fault, reason = _diagnosis(error, before=unsent)
    host = urlsplit(origin).hostname or ""
    if unsent:
        told = f"{request.operation}: no connection to {origin}: {reason}; nothing was sent"
        return NotSent(told, fault=fault, host=host)
    lost = ReplyLost(f"{request.operation}: no whole reply from {origin}: {reason}", fault=fault, host=host)
    return lost if request.repeatable else outcome_unknown(lost, request.operation)


def _diagnosis(error: Exception, *, before: bool) -> tuple[TransportFault, str]:
    """How it failed, and in words: ours, as those of urllib3 may hold the path."""
    chain = list(_chain(error))

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(link, kinds) for link in chain)

    if before:
        if has(u3.ProxyError):
            return "proxy", "the proxy can't be reached, or does not let it through"
        if has(u3.NameResolutionError, socket.gaierror):
            return "unknown-host", "the host's name is not known"
        if has(ConnectionRefusedError):
            return "refused", "connection refused"
        if has(u3.TimeoutError, TimeoutError):
            # The words of Python's ssl: there is no class for it.
            in_tls = any("handshake operation" in str(link) for link in chain)
            told = ", as no answer to TLS came: does it speak http?" if in_tls else ""
            return "connect-timeout", f"it timed out while connecting{told}"
        if has(u3.SSLError, ssl.SSLError):
            detail = next(
                (link.verify_message for link in chain if isinstance(link, ssl.SSLCertVerificationError)), ""
            )
            return "tls", f"TLS failed{f' ({detail})' if detail else ''}"
        if has(_SpokeFirst):
            return "not-connected", f"there came {error}"
        return "not-connected", next(
            (link.strerror for link in chain if isinstance(link, OSError) and link.strerror), type(error).__name__
        )
    if has(TooLarge):
        return "too-large", f"it is longer than allowed ({error})"
    if has(_Stored):
        return "broken", f"{error}: a cache answered"
    if has(u3.TimeoutError, TimeoutError):
        return "timeout", "it timed out"
    if has(u3.IncompleteRead, http.client.IncompleteRead, u3.InvalidChunkLength, ssl.SSLEOFError):
        return "cut-short", "it was cut short"
    if has(http.client.RemoteDisconnected):
        return "closed", "the connection was closed without a reply"
    if has(ConnectionResetError, BrokenPipeError, ConnectionAbortedError):
        return "reset", "the connection was reset"
    if has(http.client.HTTPException, u3.ResponseError, ValueError):
        return "not-http", "what came is not HTTP"
    return "broken", f"the connection broke ({type(error).__name__})"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it wraps, by cause, context or argument, each once."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        link = todo.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        todo += [link.__cause__, link.__context__, *(part for part in link.args if isinstance(part, BaseException))]
