"""Adapter: answers legacy requests from the v2 API, so that who asks sees no difference.

A request of the legacy dialect is read, its password checked against the account store, the same call made of v2 with
the account's API key, and the outcome written as the legacy API writes it, in the form that was asked for. What can't
be told in that API's words is told by an HTTP status, never by a body that a caller could take for success.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from mspace_legacy.errors import (
    AuthenticationError,
    InvalidInput,
    MSpaceError,
    NotSent,
    OutcomeUnknown,
    RequestError,
    ServerError,
    ServiceError,
)
from mspace_legacy.migration.accounts import AccountStore
from mspace_legacy.models import (
    Balance,
    Call,
    Login,
    SendText,
    SentMessage,
)
from mspace_legacy.msisdn import subscriber_number
from mspace_legacy.secrets import redact
from mspace_legacy.transport.base import Transport
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.dialect import check_not_empty, error_page, malformed
from mspace_legacy.wire.documents import Form, answer
from mspace_legacy.wire.http import Request, Response
from mspace_legacy.wire.replies import decode_reply, failure_kind, messages_for, tell_nothing

__all__ = ["Adapter", "failed"]

_log = logging.getLogger("mspace_legacy.adapter")


class Adapter:
    """A transport that answers legacy requests, `login` and delivery reports among them, from v2.

    :param transport: what reaches v2; never asked before the password was found right.
    :param accounts: the API key of each user name and password.
    :param base_url: where v2 lives, with or without the service's path.
    :param style: how v2 is asked.
    """

    def __init__(
        self,
        transport: Transport,
        accounts: AccountStore,
        *,
        base_url: str = v2.BASE_URL,
        style: v2.Style = "json",
    ) -> None:
        self._transport = transport
        self._accounts = accounts
        self._base = v2.base_url(base_url)
        self._style = style

    def __repr__(self) -> str:
        return f"Adapter({self._base!r})"

    def handle(self, request: Request) -> Response:
        """The reply of the legacy API; see `Transport`. A send or a top-up is made once at most.

        :raises TransportError: v2 was not reached, or gave no whole reply, as the transport below told it.
        """
        try:
            call, password, form = legacy.decode_request(request, ours=True)
            check_not_empty(call)
        except RequestError as error:
            return malformed(error)
        key = self._accounts.api_key(call.username, password)
        if key is None:
            return legacy.encode_reply(call, AuthenticationError("no such account, or a wrong password"), form)
        # v2 has no login. That the password is right is known by now, and any reply tells whether the account is.
        asked: Call[Any] = Balance(call.username) if isinstance(call, Login) else call
        try:
            asking = v2.encode_request(asked, key, base=self._base, style=self._style)
        except InvalidInput as error:
            return malformed(RequestError(str(error)))
        asking = replace(asking, is_abandoned=request.is_abandoned)
        response = self._transport.handle(asking)
        try:
            outcome = decode_reply(asked, response, asking.redact)
        except MSpaceError as error:
            if isinstance(error, AuthenticationError):
                _log.warning("v2 refuses the API key of %r", call.username)
            return failed(call, error, form)
        if isinstance(call, Login):
            outcome = True
        elif isinstance(call, SendText):
            outcome = messages_for(call.recipients, outcome, _key_of(call, outcome))
            if tell_nothing(outcome):
                return failed(call, OutcomeUnknown("sendtext: the reply tells of other recipients"), form)
            outcome = [message if message.response_time else _answered_now(message) for message in outcome]
        told = legacy.encode_reply(call, outcome, form)
        # Whoever reads it knows the password, and not the key.
        return answer(told.status, form, redact(told.text(), (key,), by_name=False))

    def close(self) -> None:
        """Close the transport below."""
        self._transport.close()


def failed(call: Call[Any], error: MSpaceError, form: Form) -> Response:
    """What tells a caller of the legacy API that there is no reply, or one that is `error`.

    A documented failure is what it is there: its text, and status 200. Anything else has a status that no caller
    takes for success: 503 where nothing was sent, 502 where nobody can know, else the one that v2 gave, be it a 503.
    """
    if isinstance(error, ServiceError):
        told = legacy.encode_reply(call, error, form)
        if isinstance(error, AuthenticationError) or failure_kind(error.text):
            return told
    else:
        told = legacy.encode_reply(call, ServerError("", text=""), form)
    if isinstance(error, NotSent):
        return replace(told, status=503)
    status = getattr(error, "status", 0)
    if status >= 500:
        return replace(told, status=status)
    if status < 400 or isinstance(error, OutcomeUnknown):
        return replace(told, status=502)
    if isinstance(error, ServiceError):
        return replace(told, status=status)
    # The words of a service that broke would leave open whether it acted.
    return error_page(status, "The service behind this one refused the request")


_EAST_AFRICA = timezone(timedelta(hours=3))
"""The vendor's clock, by where it lives: which zone the times are in is not documented."""


def _answered_now(message: SentMessage) -> SentMessage:
    """`message` with a time, which each has on the legacy API."""
    return replace(message, response_time=datetime.now(_EAST_AFRICA).replace(tzinfo=None))


def _key_of(call: SendText, messages: list[SentMessage]) -> Callable[[str], str]:
    """What the two forms of a number have in common: the one asked for, and the one that the reply names."""
    named = {message.recipient for message in messages} - {""}
    if named == set(map(str.strip, call.recipients)):
        return str.strip
    asked = set(map(_with_country, call.recipients))
    if set(map(_with_country, named)) == asked:
        return _with_country
    # The last nine digits may be two countries' numbers: then only one with its country tells which it is.
    counts = Counter(subscriber_number(number) for number in asked if len(number) > _LONGEST_LOCAL)

    def key(number: str) -> str:
        nine = subscriber_number(number)
        return _with_country(number) if counts[nine] > 1 else nine

    return key


_LONGEST_LOCAL = 10
"""Digits of a number without its country: `0722000000`."""


def _with_country(number: str) -> str:
    return re.sub(r"\D", "", number).removeprefix("000").removeprefix("00") or number.strip()
