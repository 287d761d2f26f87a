"""UssdCallback: an application as WSGI, for any server to mount, and who may call it."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs

from mspace_legacy.errors import InvalidInput, RequestError
from mspace_legacy.secrets import Secret
from mspace_legacy.ussd.messages import LARGEST_BODY

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

__all__ = ["Responds", "UssdCallback"]

_log = logging.getLogger("mspace_legacy.ussd")

_SECRET = re.compile("[!-~]{8,}")


class Responds(Protocol):
    """A `UssdApp`, or anything else that has an answer to every body."""

    def respond(self, body: bytes | str) -> str:
        """The answer's text; raises nothing."""
        ...


class UssdCallback:
    """A WSGI application (PEP 3333) that answers POST at any path.

    :param app: what answers.
    :param secret: of eight characters or more, which the caller must show: in the URL's query as `key`, which is how
        it stands in the URL that the vendor is given, or in a header `X-Callback-Key`. A URL stands in access logs:
        let nothing in front of it log the query.
    :param allow: addresses and networks that may call, such as `10.0.0.0/8`; by default all. The address is that of
        the connection, so behind a proxy it is for the proxy to look at.
    :raises InvalidInput: the secret is too short, or an entry of `allow` is neither an address nor a network.
    """

    def __init__(self, app: Responds, *, secret: Secret | str | None = None, allow: Iterable[str] = ()) -> None:
        self._app = app
        self._secret = Secret(secret) if isinstance(secret, str) else secret
        if self._secret is not None and not _SECRET.fullmatch(self._secret.reveal()):
            raise InvalidInput("secret: at least 8 printable ASCII characters are needed, without spaces")
        if isinstance(allow, str):
            raise InvalidInput("allow: give a list of addresses, such as ['10.0.0.0/8']")
        self._allow = [_network(network) for network in allow]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer one request, as PEP 3333 has it."""
        status = HTTPStatus.OK
        try:
            self._let_in(environ)
            text = self._app.respond(_body(environ))
        except RequestError as error:
            status = HTTPStatus(error.status)
            text = f"{status.phrase}\n"
            _log.warning("a call of the callback was refused: %d %s", status, error)
        body = text.encode("utf-8", "replace")
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Allow", "POST"))
        start_response(f"{status.value} {status.phrase}", headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _let_in(self, environ: WSGIEnvironment) -> None:
        if self._allow and not self._is_allowed(environ.get("REMOTE_ADDR", "")):
            raise RequestError("from an address that is not among those allowed", status=403)
        if self._secret is not None and _shown(environ) != self._secret:
            raise RequestError("without the secret, or with another one", status=403)
        if environ["REQUEST_METHOD"] != "POST":
            raise RequestError("only POST is taken", status=405)

    def _is_allowed(self, address: str) -> bool:
        try:
            caller = ipaddress.ip_address(address)
        except ValueError:
            return False
        caller = getattr(caller, "ipv4_mapped", None) or caller
        return any(caller in network for network in self._allow)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    raise InvalidInput(
        f"allow: {text!r} is no address, and no network such as 10.0.0.0/8, without bits behind its prefix"
    )


def _shown(environ: WSGIEnvironment) -> Secret:
    header = environ.get("HTTP_X_CALLBACK_KEY")
    if header is not None:
        return Secret(header)
    try:
        # A secret has no spaces, so that a plus is one, though it should have been encoded.
        query = environ.get("QUERY_STRING", "").replace("+", "%2B")
        keys = parse_qs(query, max_num_fields=20).get("key", [])
    except ValueError:
        keys = []
    return Secret(keys[0] if len(keys) == 1 else "")


def _body(environ: WSGIEnvironment) -> bytes:
    length = environ.get("CONTENT_LENGTH") or ""
    if length:
        if not (length.isascii() and length.isdecimal()):
            raise RequestError("Content-Length is not a number")
        # A number of very many digits is longer than the limit, whatever it is.
        wanted = int(length) if len(length) < 10 else LARGEST_BODY + 1
    elif environ.get("wsgi.input_terminated"):
        wanted = LARGEST_BODY + 1
    else:
        raise RequestError("Content-Length is missing", status=411)
    if length and wanted > LARGEST_BODY:
        raise RequestError(f"the body is longer than {LARGEST_BODY} octets", status=413)
    parts = []
    left = wanted
    while left and (part := environ["wsgi.input"].read(left)):
        parts.append(part)
        left -= len(part)
    body = b"".join(parts)
    if len(body) > LARGEST_BODY:
        raise RequestError(f"the body is longer than {LARGEST_BODY} octets", status=413)
    if length and left:
        raise RequestError("the body is shorter than Content-Length says")
    return body
