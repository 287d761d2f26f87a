"""Guard: what a server on this machine asks of a request first, as pages on the web can reach local ports too.

A browser says where a request comes from, in Origin and Sec-Fetch-Site, which no page can write; other programs say
nothing there. A page whose own name was pointed at this machine (DNS rebinding) is known by the Host that it asks
for.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from mspace_legacy.transport.base import Transport
from mspace_legacy.wire.http import Request, Response, header

__all__ = ["Guard", "is_local_name"]

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/?#@,\[\]]+)(?::([0-9]{1,5}))?")
_FOREIGN = frozenset(("cross-site", "same-site"))
_NEVER_PUBLIC = frozenset(("localhost", "test", "internal", "local", "lan"))
"""Ends of names that no public DNS has: RFC 6761 and 6762, ICANN's choice of 2024 for private use, and what routers
call a home."""
_VENDOR = "mspace.co.ke"


class Guard:
    """`transport`, for whoever is no page of another origin; such get status 403, and nothing is done.

    :param is_own_host: whether a Host header, as `(name, port)` in lower case, is one that this server goes by; the
        port is 0 where it names none.
    :param needs_host: refuse a request without the header, too.
    :param open_to_links: paths to which a link of another page may lead.
    """

    def __init__(
        self,
        transport: Transport,
        is_own_host: Callable[[str, int], bool],
        *,
        needs_host: bool = False,
        open_to_links: tuple[str, ...] = (),
    ) -> None:
        self._transport = transport
        self._is_own_host = is_own_host
        self._needs_host = needs_host
        self._open_to_links = open_to_links

    def handle(self, request: Request) -> Response:
        """The transport's reply, or the refusal."""
        problem = self._problem(request)
        if problem:
            return Response(403, f"Refused: {problem}\n".encode(), (("Content-Type", "text/plain;charset=utf-8"),))
        return self._transport.handle(request)

    def close(self) -> None:
        """Close the transport."""
        self._transport.close()

    def _problem(self, request: Request) -> str:
        """Why it is refused, without anything that came with it; empty where it is not."""
        host = header(request.headers, "host")
        if not host:
            # Of HTTP/1.0, or of a target without an authority: RFC 9110, section 7.2. A browser always names one.
            return "the header Host is missing" if self._needs_host else ""
        found = _HOST.fullmatch(host)
        if not found or not self._is_own_host(found[1].lower().rstrip("."), int(found[2] or 0)):
            return (
                "it was asked for by a name that is not this server's, as a page would ask whose name was pointed "
                "here. Use 127.0.0.1 or localhost, or tell the emulator the name: --allow-host"
            )
        origin = header(request.headers, "origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return "it comes from a page of another origin"
        site = header(request.headers, "sec-fetch-site")
        if site is None and not _is_trustworthy(found[1].lower()) and _is_browser(request):
            return "a browser asks by a name by which it does not say whose page asked. Use 127.0.0.1 or localhost"
        if (site or "").lower() in _FOREIGN and not self._is_link(request):
            return "it comes from a page of another site"
        return ""

    def _is_link(self, request: Request) -> bool:
        path = "/" + request.url.partition("://")[2].partition("/")[2]
        mode = header(request.headers, "sec-fetch-mode")
        return request.method == "GET" and mode == "navigate" and path in self._open_to_links


def is_local_name(name: str, port: int) -> bool:
    """Whether a name can be that of a server on this machine, and not that of a page on the web.

    Such are addresses, names without a dot, those that no public DNS has, and the vendor's, which /etc/hosts may
    point here. The port may be any: it may be forwarded.
    """
    _, dot, end = name.rpartition(".")
    return (
        not dot
        or end in _NEVER_PUBLIC
        or name == _VENDOR
        or name.endswith(f".{_VENDOR}")
        or _is_address(name.strip("[]"))
    )


def _is_trustworthy(name: str) -> bool:
    """Whether browsers take the name for this machine's own, and so send Sec-Fetch-Site to it without TLS.

    Secure Contexts, section 3.1; 0.0.0.0 and addresses of IPv4 within IPv6 lead here too, and are none.
    """
    name = name.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback and not getattr(address, "ipv4_mapped", None)


def _is_browser(request: Request) -> bool:
    """Whether it has what every browser sends; other programs may have the one, and hardly both."""
    agent = header(request.headers, "user-agent") or ""
    return "mozilla/" in agent.lower() and header(request.headers, "accept-language") is not None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
