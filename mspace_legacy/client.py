"""Client: the service's operations as Python people write them, over either API.

Thin: arguments are checked and become a call, the dialect and the transport do the rest, and what comes back is
a model or a typed error. Sending to many in several requests, and telling what became of each recipient, is what
it adds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

from mspace_legacy import msisdn, sms
from mspace_legacy.checks import at_least_one
from mspace_legacy.errors import (
    AuthenticationError,
    InvalidInput,
    MSpaceError,
    OutcomeUnknown,
    ReplyError,
    ServiceError,
    WrongType,
    partly_sent,
)
from mspace_legacy.models import (
    Balance,
    Call,
    DeliveryReport,
    DeliveryReports,
    Login,
    Outcome,
    ResellerClient,
    ResellerClients,
    ResellerClientTopUp,
    SendResult,
    SendText,
    SentMessage,
    SubAccountTopUp,
    SubUser,
    SubUsers,
    TopUp,
)
from mspace_legacy.secrets import Secret
from mspace_legacy.sms import Segments
from mspace_legacy.transport import Transport, checked_transport
from mspace_legacy.transport.network import DEFAULT_TIMEOUT, Timeout
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.http import Request
from mspace_legacy.wire.replies import decode_reply, messages_for

__all__ = ["Client"]

R = TypeVar("R")


class Client:
    """One account of the service. Made by `Client.legacy` or `Client.v2`; safe to share between threads.

    Settings that both take:

    - `timeout`: seconds for connecting and for the whole of a reply; one number, or a pair. (5, 30) by default.
    - `transport`: what answers the requests; by default the network, with reads asked again when it fails.
    - `country`: how local numbers are read, `KE` or `UG`. Local forms of both look alike, so it is never guessed.
    - `recipients_per_request` and `max_url_length` (characters): a send beyond either goes out in several
      requests. The vendor documents no limit; servers often stop at URLs of 8 KiB. A reply has some 100 to 170 bytes
      for each recipient, and one beyond the `max_reply` of `Network`, 1 MiB, leaves the outcome unknown: so no more
      than 5,000 recipients without raising that too.

    Every method that asks the service raises, beside what it says itself:

    - `InvalidInput`: an argument that can't be right; nothing was sent
    - `ServiceError`: the service told a failure; `ReplyError`: its reply can't be understood
    - `NotSent`: nothing left this machine; `ReplyLost`: something did, and no whole reply came
    - `ClosedError`: it was closed before

    Where a send or a top-up may have been acted on, the error is an `OutcomeUnknown` too.
    """

    def __init__(
        self,
        encode: Callable[[Call[Any]], Request],
        username: str,
        transport: Transport,
        *,
        country: str,
        recipients_per_request: int,
        max_url_length: int,
        name: str,
    ) -> None:
        msisdn.check_country(country)
        self._encode = encode
        self._username = _text("username", username)
        self._transport = transport
        self._country = country
        self._recipients_per_request = at_least_one("recipients_per_request", recipients_per_request)
        self._max_url_length = at_least_one("max_url_length", max_url_length)
        self._name = name

    @classmethod
    def legacy(
        cls,
        main_url: str,
        username: str,
        password: str | Secret,
        *,
        timeout: Timeout = DEFAULT_TIMEOUT,
        transport: Transport | None = None,
        country: str = "KE",
        recipients_per_request: int = 100,
        max_url_length: int = 7_000,
    ) -> Client:
        """A client of the legacy path API.

        :param main_url: with or without the service's path: `http://host`, `http://host:8080/`,
            `http://host/mspaceservice/wr/sms/`.
        :raises InvalidInput: an argument that can't be right.
        """
        # Bound again, as in every public method: a traceback that shows variables must not show the text.
        password = secret = _secret("password", password)
        base = legacy.base_url(main_url)
        transport = checked_transport(transport, timeout)
        return cls(
            lambda call: legacy.encode_request(call, secret, base=base),
            username,
            transport,
            country=country,
            recipients_per_request=recipients_per_request,
            max_url_length=max_url_length,
            name=f"Client.legacy({base!r}, username={username!r})",
        )

    @classmethod
    def v2(
        cls,
        username: str,
        api_key: str | Secret,
        *,
        style: v2.Style = "json",
        base_url: str | None = None,
        timeout: Timeout = DEFAULT_TIMEOUT,
        transport: Transport | None = None,
        country: str = "KE",
        recipients_per_request: int = 100,
        max_url_length: int = 7_000,
    ) -> Client:
        """A client of the v2 API.

        :param style: `json` or `xml` in a POST, or `path`, a GET with the key in the URL.
        :param base_url: where v2 lives; by default what MSPACE_BASE_URL says, else the vendor's.
        :raises InvalidInput: an argument that can't be right.
        """
        api_key = secret = _secret("api_key", api_key)
        if style not in v2.STYLES:
            raise InvalidInput(f"style {style!r} is not known: there are {', '.join(v2.STYLES)}")
        if base_url is None:
            base_url = os.environ.get("MSPACE_BASE_URL") or v2.BASE_URL
        base = v2.base_url(base_url)
        transport = checked_transport(transport, timeout)
        return cls(
            lambda call: v2.encode_request(call, secret, base=base, style=style),
            username,
            transport,
            country=country,
            recipients_per_request=recipients_per_request,
            max_url_length=max_url_length,
            name=f"Client.v2(username={username!r}, style={style!r}, base_url={base!r})",
        )

    _name = "Client"

    def __repr__(self) -> str:
        return self._name

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. A second time does nothing."""
        self._transport.close()

    def balance(self) -> int:
        """How many credits the account has."""
        return self._ask(Balance(self._username))

    def login(self) -> bool:
        """Whether user name and password are right. Legacy API only.

        :raises Unsupported: on v2, where `balance()` tells whether the key is good.
        """
        try:
            return self._ask(Login(self._username))
        except AuthenticationError:
            return False

    def sub_users(self) -> list[SubUser]:
        """The sub-accounts and their balances."""
        return self._ask(SubUsers(self._username))

    def reseller_clients(self) -> list[ResellerClient]:
        """The reseller's clients and their balances."""
        return self._ask(ResellerClients(self._username))

    def top_up_sub_account(self, name: str, count: int) -> TopUp:
        """Move `count` credits to the sub-account `name`. Never repeated by itself.

        :raises OutcomeUnknown: it may have been made; compare the balances.
        """
        return self._ask(SubAccountTopUp(self._username, _text("name", name), at_least_one("count", count)))

    def top_up_reseller_client(self, name: str, count: int) -> TopUp:
        """Move `count` credits to the client `name`. Never repeated by itself.

        :raises OutcomeUnknown: it may have been made; compare the balances.
        """
        return self._ask(ResellerClientTopUp(self._username, _text("name", name), at_least_one("count", count)))

    def delivery_report(self, message_id: str) -> DeliveryReport:
        """What became of the message with this id, as `SentMessage.message_id` gives it. v2 only.

        :raises Unsupported: on the legacy API.
        :raises ReplyError: the reply tells of other messages, or of this one by reports with different statuses.
        """
        call = DeliveryReports(self._username, _text("message_id", message_id))
        request = self._encode(call)
        reports = self._answer(call, request)
        told = [report for report in reports if report.message_id == message_id]
        if len({report.status for report in told}) == 1:
            return told[0]
        other = "several that contradict each other" if told else repr(reports[0].message_id)
        raise _of_another(request, f"message {message_id!r}", other, reports)

    def segments(self, message: str) -> Segments:
        """How many segments `message` takes: what it costs, in credits, for each recipient. Nothing is sent."""
        return sms.segments(message)

    def recipients(self, recipients: str | Iterable[str]) -> tuple[str, ...]:
        """The numbers as `send_text` would send to them: with country code, each once. Nothing is sent.

        :raises InvalidInput: names each bad number, with the reason.
        """
        return msisdn.recipients(recipients, country=self._country)

    def send_text(self, sender_id: str, recipients: str | Iterable[str], message: str) -> SendResult:
        """Send `message` to each of `recipients`, once each, however often it is given.

        :param recipients: one text with commas, or any iterable of texts; local or international forms.
        :returns: what became of each: accepted, rejected with the service's words, or unknown. A reply may well
            hold refusals: look at `all_accepted`, `rejected` and `unknown`.
        :raises InvalidInput: before anything is sent; names what is wrong.
        :raises ServiceError: the service refused the whole send.
        :raises OutcomeUnknown: it may have been sent. It was not repeated.

        Where the send took several requests and one of them failed, the error's `result` tells what became of
        each recipient; those behind the failure are `not sent`. So does that of an interruption. Where any was
        sent to before, the error is an `OutcomeUnknown`, whatever else it is, and no `NotSent`.
        """
        _text("sender_id", sender_id)
        segments = sms.segments(_text("message", message)).count
        numbers = self.recipients(recipients)
        call = SendText(self._username, sender_id, numbers, message)
        requests = self._requests(call)
        done: list[SentMessage] = []
        for part, request in requests:
            try:
                messages = self._answer(part, request)
                done += messages_for(part.recipients, messages, self._normal)
            except BaseException as error:
                taken = sum(message.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN) for message in done)
                outcome, words = _told(error)
                done += [SentMessage("", outcome, number, description=words) for number in part.recipients]
                done += [SentMessage("", Outcome.NOT_SENT, number) for number in numbers[len(done) :]]
                vars(error)["result"] = SendResult(tuple(done), segments)
                if taken and isinstance(error, MSpaceError):
                    told = f"{taken} of {len(numbers)} recipients were sent to before"
                    raise partly_sent(error, told) from error.__cause__
                raise
        return SendResult(tuple(done), segments)

    def _ask(self, call: Call[R]) -> R:
        return self._answer(call, self._encode(call))

    def _answer(self, call: Call[R], request: Request) -> R:
        return decode_reply(call, self._transport.handle(request), request.redact)

    def _requests(self, call: SendText) -> list[tuple[SendText, Request]]:
        """The send in as few requests as the limits allow, and what each of them sends."""
        if len(call.recipients) <= self._recipients_per_request:
            whole = self._encode(call)
            if whole.body is not None or len(whole.url) <= self._max_url_length:
                return [(call, whole)]
        return [(part, self._encode(part)) for part in self._parts(call)]

    def _parts(self, call: SendText) -> Iterator[SendText]:
        probe = self._encode(replace(call, recipients=call.recipients[:1]))
        in_url = probe.body is None
        fixed = len(probe.url) - len(call.recipients[0])
        longest = max(map(len, call.recipients))
        if in_url and fixed + longest > self._max_url_length:
            raise InvalidInput(
                f"message: with it the URL takes {fixed + longest} characters, and max_url_length is "
                f"{self._max_url_length}: shorten the message, or send it by v2 in the json style"
            )
        part: list[str] = []
        length = fixed
        for number in call.recipients:
            length += len(number) + 1
            too_long = in_url and length - 1 > self._max_url_length
            if part and (too_long or len(part) == self._recipients_per_request):
                yield replace(call, recipients=tuple(part))
                part, length = [], fixed + len(number) + 1
            part.append(number)
        yield replace(call, recipients=tuple(part))

    def _normal(self, recipient: str) -> str:
        try:
            return msisdn.normalise(recipient, country=self._country)
        except InvalidInput:
            return recipient


def _of_another(request: Request, asked: str, told: str, reply: object) -> ReplyError:
    message = f"{request.operation}: asked for {asked}, the reply tells of {told}"
    return ReplyError(request.redact(message), body=request.redact(repr(reply)), status=200)


def _told(error: BaseException) -> tuple[Outcome, str]:
    """What an error tells of the recipients of the request that it ended."""
    if isinstance(error, OutcomeUnknown) or not isinstance(error, MSpaceError):
        return Outcome.UNKNOWN, ""
    if isinstance(error, ServiceError):
        return Outcome.REJECTED, error.text
    if isinstance(error, ReplyError):
        return Outcome.REJECTED, f"HTTP {error.status}"
    return Outcome.NOT_SENT, ""


def _text(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise WrongType(f"{name} is a {type(value).__name__}: give a str")
    if not value:
        raise InvalidInput(f"{name} is empty")
    return value


def _secret(name: str, value: str | Secret) -> Secret:
    if not isinstance(value, (str, Secret)):
        raise WrongType(f"{name} is a {type(value).__name__}: give a str")
    value = value if isinstance(value, Secret) else Secret(value)
    if not value:
        raise InvalidInput(f"{name} is empty")
    return value
