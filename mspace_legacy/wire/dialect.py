"""What the two dialects share: how a server reads a request, and the texts that are the same on both."""

from __future__ import annotations

import html
from typing import Any, NamedTuple, Protocol

from mspace_legacy.errors import RequestError
from mspace_legacy.models import CALLS, Call, SendText, TopUp
from mspace_legacy.secrets import Secret
from mspace_legacy.wire.documents import Form, answer
from mspace_legacy.wire.http import Request, Response

__all__ = [
    "Dialect",
    "Incoming",
    "call_of",
    "check_not_empty",
    "error_page",
    "malformed",
    "path_below",
    "sentence",
    "wire_text",
]


class Incoming(NamedTuple):
    """A request as a server reads it: the call, the secret that came with it, and the form asked for."""

    call: Call[Any]
    secret: Secret
    form: Form


class Dialect(Protocol):
    """What a server needs of the module of an API."""

    __name__: str
    PATH: str

    def decode_request(self, request: Request) -> Incoming:
        """What a request asks for.

        :raises RequestError: it is not in the documented form.
        """

    def encode_reply(self, call: Call[Any], outcome: Any, form: Form) -> Response:
        """The reply that tells `outcome`, a model or a `ServiceError`."""


def wire_text(value: Any) -> str:
    """A field of a call as it is written: recipients joined by commas, a number in decimals."""
    return ",".join(value) if isinstance(value, tuple) else str(value)


def call_of(operation: str, fields: dict[str, Any]) -> Call[Any]:
    """The call of `operation` with `fields`, recipients as they were joined."""
    if "recipients" in fields:
        fields["recipients"] = tuple(fields["recipients"].split(","))
    return CALLS[operation](**fields)


def check_not_empty(call: Call[Any]) -> None:
    """That a send says what to whom.

    :raises RequestError: it does not.
    """
    if isinstance(call, SendText):
        for key, value in (("recipient", "".join(call.recipients)), ("message", call.message)):
            if not value:
                raise RequestError(f"{key} is empty")


def malformed(error: RequestError) -> Response:
    """What a server of ours answers to a request that it can't read. The vendor's own words are not known."""
    return answer(error.status, "text", f"Malformed request: {error}")


def error_page(status: int, text: str) -> Response:
    """An error page as Tomcat makes them, which is what a wrong path of the legacy API is known to get."""
    title = html.escape(f"HTTP Status {status} - {text}")
    page = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()
    headers = (("Content-Type", "text/html;charset=utf-8"), ("Content-Length", str(len(page))))
    return Response(status, page, headers)


def path_below(url: str, path: str, *, liberal: bool = False) -> str:
    """What stands below the service's path in a URL.

    :param liberal: a question mark below the path is left to whoever reads on.
    :raises RequestError: the URL lies elsewhere, or has a query.
    """
    above, found, below = url.partition(f"{path}/")
    if not found or "?" in above:
        raise RequestError(f"the path does not begin with {path}/", status=404)
    if "?" in below and not liberal:
        raise RequestError("a bare question mark cuts the path off; within a value it is written %3F")
    return below


def sentence(outcome: int | bool | TopUp) -> str:
    """The text of a reply that is one bare value, the same on both APIs."""
    if isinstance(outcome, TopUp):
        return f"Successful Top up of {outcome.count} SMS to {outcome.name}"
    if outcome is True:
        return "User exists."
    return str(outcome)
