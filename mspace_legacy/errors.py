"""Every error that this library raises, in one tree.

    MSpaceError
    ├── InvalidInput                       a bad argument or setting; nothing was sent (also a ValueError)
    │   ├── WrongType                      of the wrong type, or the wrong number of them (also a TypeError)
    │   └── Unsupported                    an operation that this API does not have
    ├── ClosedError                        used after close()
    │   └── IllegalStateException          the same, on the jar surface
    ├── RequestError                       a request that a server of ours can't read
    ├── TransportError                     no whole reply came
    │   ├── NotSent                        and certainly no byte of the request left this machine
    │   ├── ReplyLost                      though the request, or part of it, did
    │   └── ProcessingException            the same, on the jar surface
    │       ├── HeaderValueException
    │       └── MessageBodyProviderNotFoundException   (also a WrongType: nothing was sent)
    ├── ReplyError                         a reply came that can't be understood; it keeps the body
    ├── ProtocolError                      octets came over SMPP that are no PDU
    ├── ServiceError                       the service told a failure, in words or by status
    │   ├── AuthenticationError
    │   ├── InsufficientBalance
    │   ├── InvalidSenderId
    │   ├── InvalidRecipient
    │   ├── NotAuthorized
    │   ├── ContactProvider
    │   ├── TopUpFailed
    │   ├── Throttled
    │   ├── QueueFull
    │   ├── WrongBindState
    │   ├── ServerError
    │   └── UnrecognisedFailure            in words that are not documented (also a ReplyError)
    ├── WebApplicationException            a status that is not 2xx, on the jar surface
    │   ├── RedirectionException           3xx
    │   ├── ClientErrorException           4xx, with BadRequestException, NotAuthorizedException,
    │   │                                  ForbiddenException, NotFoundException, NotAllowedException,
    │   │                                  NotAcceptableException and NotSupportedException below it
    │   └── ServerErrorException           5xx, with InternalServerErrorException and
    │                                      ServiceUnavailableException below it
    └── OutcomeUnknown                     the service may have acted, and nobody here can know

`OutcomeUnknown` is a quality that other errors may have: a send whose connection is reset raises an error that
is a `ReplyLost` *and* an `OutcomeUnknown`, one that is answered by a page of HTML a `ReplyError` and an
`OutcomeUnknown`. Catch it first. Every error can be pickled, and none holds a password or an API key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

if TYPE_CHECKING:
    from mspace_legacy.models import SendResult
    from mspace_legacy.smpp.deliveries import SubmittedMessage

__all__ = [
    "AuthenticationError",
    "BadRequestException",
    "ClientErrorException",
    "ClosedError",
    "ContactProvider",
    "ForbiddenException",
    "HeaderValueException",
    "IllegalStateException",
    "InsufficientBalance",
    "InternalServerErrorException",
    "InvalidInput",
    "InvalidRecipient",
    "InvalidSenderId",
    "MSpaceError",
    "MessageBodyProviderNotFoundException",
    "NotAcceptableException",
    "NotAllowedException",
    "NotAuthorized",
    "NotAuthorizedException",
    "NotFoundException",
    "NotSent",
    "NotSupportedException",
    "OutcomeUnknown",
    "ProcessingException",
    "ProtocolError",
    "QueueFull",
    "RedirectionException",
    "ReplyError",
    "ReplyLost",
    "RequestError",
    "ServerError",
    "ServerErrorException",
    "ServiceError",
    "ServiceUnavailableException",
    "Throttled",
    "TopUpFailed",
    "TransportError",
    "TransportFault",
    "UnrecognisedFailure",
    "Unsupported",
    "WebApplicationException",
    "WrongBindState",
    "WrongType",
    "outcome_unknown",
    "partly_sent",
]

TransportFault = Literal[
    "refused", "unknown-host", "connect-timeout", "tls", "proxy", "not-connected",
    "timeout", "reset", "closed", "cut-short", "too-large", "not-http", "broken",
]  # fmt: skip
"""How an exchange failed. The first row, up to `not-connected`, is before any byte was sent."""


class MSpaceError(Exception):
    """The root of the tree.

    `result` is set where a send in several parts failed on the way: what became of each recipient. `message` is set
    where a message by SMPP failed, and on no other error: it has the ids of those segments that were taken.
    """

    result: SendResult | None = None
    message: SubmittedMessage

    _certain_kind: type[MSpaceError] | None = None
    """What this class would be, were it no OutcomeUnknown as well; see `outcome_unknown`."""

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: value for name, value in vars(self).items() if name not in ("response", "uncut")}
        if self._certain_kind is None:
            return type(self), self.args, state
        return _rebuild_unknown, (self._certain_kind, *self.args), state


class InvalidInput(MSpaceError, ValueError):
    """An argument or a setting that can't be right. The message names it; nothing was sent."""


class WrongType(InvalidInput, TypeError):
    """An argument of a type that is not taken here, or too few or too many of them; nothing was sent."""


class Unsupported(InvalidInput):
    """This API does not have the operation: v2 has no login, the legacy API no delivery reports."""


class ClosedError(MSpaceError):
    """The client was closed before; nothing was sent."""


class RequestError(MSpaceError):
    """A request, as a server reads it, that is not in the documented form.

    The message says which key or header is at fault and what would be right; it never holds a value.
    """

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class TransportError(MSpaceError):
    """No whole reply came. `fault` says how the exchange failed, `host` with whom, where that is known."""

    def __init__(self, message: str, *, fault: TransportFault = "broken", host: str = "") -> None:
        super().__init__(message)
        self.fault: TransportFault = fault
        self.host = host


class NotSent(TransportError):
    """It is certain that no byte of the request left this machine: repeating it is safe."""


class ReplyLost(TransportError):
    """The request left this machine, at least in part, and no whole reply came back.

    `uncut`, which the emulator's faults set, is the reply before it is cut: a server sends the first half of it.
    """

    uncut: Any = None


class ReplyError(MSpaceError):
    """A reply that can't be understood. `body` is its text with secrets masked, `status` its HTTP status."""

    def __init__(self, message: str, *, body: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.body = body
        self.status = status


class ProtocolError(MSpaceError):
    """Octets that are no PDU of SMPP 3.4; the message never holds what they say.

    `command_status` is what the standard has for it, for the answer (section 5.1.3), 0x08 being ESME_RSYSERR.
    `command_id` and `sequence_number` are those of the PDU at fault, 0 where they are not known. `length` is how many
    octets it takes: reading goes on after them. It is 0 where the length itself is at fault; then `stream_lost` is
    true, as nobody can know where the next PDU begins: answer, and close the connection.
    """

    def __init__(
        self,
        message: str,
        *,
        command_status: int = 0x08,
        command_id: int = 0,
        sequence_number: int = 0,
        length: int = 0,
    ) -> None:
        super().__init__(message)
        self.command_status = command_status
        self.command_id = command_id
        self.sequence_number = sequence_number
        self.length = length

    @property
    def stream_lost(self) -> bool:
        """Whether nothing that follows on the same connection can be read."""
        return self.length == 0


class ServiceError(MSpaceError):
    """The service told that it did not do what was asked.

    `text` is what it said, with secrets masked; `status` the HTTP status. Over SMPP they are the standard's name of
    the command_status, and its number. Raised as it is where the words are none of the documented ones.
    """

    def __init__(self, message: str, *, text: str = "", status: int = 0) -> None:
        Exception.__init__(self, message)
        self.text = text
        self.status = status


class AuthenticationError(ServiceError):
    """Wrong user name, password or API key (`Authentication failure`, `ESME_RINVPASWD`)."""


class InsufficientBalance(ServiceError):
    """Too few credits (`Insufficient Balance`)."""


class InvalidSenderId(ServiceError):
    """The sender id is not registered for this account (`Invalid sender ID`, `ESME_RINVSRCADR`)."""


class InvalidRecipient(ServiceError):
    """The recipient's number is not taken (`ESME_RINVDSTADR`)."""


class Throttled(ServiceError):
    """Too many messages at once, for too long (`ESME_RTHROTTLED`); it was not taken."""


class QueueFull(ServiceError):
    """The service's queue was full, for too long (`ESME_RMSGQFUL`); it was not taken."""


class WrongBindState(ServiceError):
    """The bind does not allow it, or there is one already (`ESME_RINVBNDSTS`, `ESME_RALYBND`)."""


class NotAuthorized(ServiceError):
    """`You are not Authorized to make this transaction`."""


class ContactProvider(ServiceError):
    """`Kindly Contact Providers for help`."""


class TopUpFailed(ServiceError):
    """`Failed to top up ... account`, `Top up not Successful` or `Failed to deduct your account`."""


class ServerError(ServiceError):
    """The service broke (`internal service error`, or an HTTP status from 500 on)."""


class UnrecognisedFailure(ServiceError, ReplyError):
    """The service said something that is none of the documented replies: most likely why it refused.

    `text` holds the words, `body` the whole body.
    """

    def __init__(self, message: str, *, text: str = "", body: str = "", status: int = 0) -> None:
        super().__init__(message, text=text, status=status)
        self.body = body


class OutcomeUnknown(MSpaceError):
    """A send or a top-up that the service may have acted on, without anyone here being able to know.

    It was not repeated. `operation` is the operation's name, `advice` says what to check before repeating it.
    """

    operation: str = ""

    @property
    def advice(self) -> str:
        """What tells whether the service acted."""
        if self.operation == "ussd":
            return "the callback may have acted on this step: see what it did before dialling again"
        if self.operation == "sendtext":
            # Most often there is none: the id would have come with the reply.
            has_id = self.result is not None and any(message.message_id for message in self.result.unknown)
            report = ", or read the delivery report" if has_id else ""
            return (
                "the message may have been sent: before you send it again, compare the balance with what it was"
                f"{report}"
            )
        return (
            "the service may have acted on it: before you repeat it, compare the balances of both accounts with what "
            "they were"
        )

    def __str__(self) -> str:
        return f"{super().__str__()}; {self.advice}"


class _JarError(MSpaceError):
    """What the exceptions with a Java name share: the message is Java's, to the letter."""

    def __str__(self) -> str:
        return Exception.__str__(self)


class IllegalStateException(_JarError, ClosedError):
    """java.lang.IllegalStateException: the client, or the entity of a Response, was closed before."""


class ProcessingException(_JarError, TransportError):
    """javax.ws.rs.ProcessingException: no connection, no reply, or a reply that can't be read."""


class HeaderValueException(ProcessingException):
    """org.glassfish.jersey.message.internal.HeaderValueException: a Content-Type that can't be parsed."""


class MessageBodyProviderNotFoundException(ProcessingException, WrongType):
    """org.glassfish.jersey...MessageBodyProviderNotFoundException: no reader for that response type.

    Told before anything is sent, where the jar tells it after.
    """


class WebApplicationException(_JarError):
    """javax.ws.rs.WebApplicationException: the status is not 2xx. `getResponse()` gives the reply."""

    response: Any = None

    def getResponse(self) -> Any:
        """The `jar.Response`, its body readable. It does not survive pickling: its text may hold a secret."""
        return self.response


class RedirectionException(WebApplicationException):
    """javax.ws.rs.RedirectionException: 3xx. Redirects are never followed."""


class ClientErrorException(WebApplicationException):
    """javax.ws.rs.ClientErrorException: 4xx."""


class BadRequestException(ClientErrorException):
    """javax.ws.rs.BadRequestException: 400."""


class NotAuthorizedException(ClientErrorException):
    """javax.ws.rs.NotAuthorizedException: 401."""


class ForbiddenException(ClientErrorException):
    """javax.ws.rs.ForbiddenException: 403."""


class NotFoundException(ClientErrorException):
    """javax.ws.rs.NotFoundException: 404."""


class NotAllowedException(ClientErrorException):
    """javax.ws.rs.NotAllowedException: 405."""


class NotAcceptableException(ClientErrorException):
    """javax.ws.rs.NotAcceptableException: 406."""


class NotSupportedException(ClientErrorException):
    """javax.ws.rs.NotSupportedException: 415."""


class ServerErrorException(WebApplicationException):
    """javax.ws.rs.ServerErrorException: 5xx."""


class InternalServerErrorException(ServerErrorException):
    """javax.ws.rs.InternalServerErrorException: 500."""


class ServiceUnavailableException(ServerErrorException):
    """javax.ws.rs.ServiceUnavailableException: 503."""


_Error = TypeVar("_Error", bound=MSpaceError)


def outcome_unknown(error: _Error, operation: str) -> _Error:
    """The same error, being an `OutcomeUnknown` as well.

    The class keeps its name, so that ported code that looks at it, or a log, sees the name it knows.
    """
    if isinstance(error, OutcomeUnknown):
        return error
    # A class of somebody else's may be made in another way: what it holds is all that counts.
    kind = _with_unknown_outcome(type(error))
    unknown = kind.__new__(kind, *error.args)
    vars(unknown).update(vars(error), operation=operation)
    if isinstance(unknown, _JarError):
        # Java's message stays as it is; since Python 3.11 a traceback shows the advice below it.
        vars(unknown)["__notes__"] = [unknown.advice]
    return cast("_Error", unknown)


def partly_sent(error: MSpaceError, told: str) -> MSpaceError:
    """What ended a send of which a part was taken before: an `OutcomeUnknown`, as to repeat it all would not be safe.

    :param told: how much was taken, in words.
    """
    if isinstance(error, NotSent):
        # It must not be caught as one: somebody would repeat the whole.
        lost = ReplyLost(f"sendtext: {told}, the others not sent ({error.fault})")
        vars(lost).update(vars(error))
        return outcome_unknown(lost, "sendtext")
    said = error.args[0] if error.args else type(error).__name__
    error.args = (f"{said}; {told}", *error.args[1:])
    return outcome_unknown(error, "sendtext")


_unknown_kinds: dict[type[MSpaceError], type[OutcomeUnknown]] = {}


def _with_unknown_outcome(kind: type[MSpaceError]) -> type[OutcomeUnknown]:
    if kind not in _unknown_kinds:
        own = {"__doc__": kind.__doc__, "__module__": kind.__module__, "_certain_kind": kind}
        bases = (OutcomeUnknown,) if kind is MSpaceError else (kind, OutcomeUnknown)
        _unknown_kinds[kind] = type(kind.__name__, bases, own)
    return _unknown_kinds[kind]


def _rebuild_unknown(kind: type[MSpaceError], *args: Any) -> OutcomeUnknown:
    return _with_unknown_outcome(kind)(*args)
