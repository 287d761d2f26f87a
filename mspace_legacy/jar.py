"""MSpaceClient: the methods of the vendor's Java jar, for code that was ported from it.

Names, order of arguments, what comes back and what is thrown are the jar's, as its documentation lists them and
as recordings of a real Jersey client show them. Where it differs on purpose (nothing is sent twice, no redirect is
followed, there are time-outs, a reply cut short is an error, no text is damaged), MIGRATION.md says so.
"""

from __future__ import annotations

import os
import re
from http.client import responses
from types import TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    NamedTuple,
    NoReturn,
    SupportsIndex,
    TypeVar,
    cast,
    get_args,
    get_origin,
    overload,
)
from urllib.parse import urlsplit

from mspace_legacy import errors
from mspace_legacy.errors import (
    HeaderValueException,
    IllegalStateException,
    InvalidInput,
    MessageBodyProviderNotFoundException,
    OutcomeUnknown,
    ProcessingException,
    ReplyError,
    TransportError,
    WebApplicationException,
    WrongType,
    outcome_unknown,
)
from mspace_legacy.models import (
    Balance,
    Call,
    DeliveryReport,
    DeliveryReports,
    Login,
    ResellerClient,
    ResellerClients,
    ResellerClientTopUp,
    SendText,
    SentMessage,
    SubAccountTopUp,
    SubUser,
    SubUsers,
    TopUp,
)
from mspace_legacy.secrets import Secret
from mspace_legacy.transport import Transport, checked_transport
from mspace_legacy.transport.network import DEFAULT_TIMEOUT, Timeout
from mspace_legacy.wire import http, legacy, v2
from mspace_legacy.wire.documents import MEDIA_TYPES, Form
from mspace_legacy.wire.replies import decode_document, decode_reply, leaves_open

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mspace_legacy.migration import AccountStore, Comparisons, Route, Router, Routes

__all__ = ["MSpaceClient", "Response", "StatusInfo"]

T = TypeVar("T")

_MODELS: dict[str, type[object]] = {
    "sendtext": SentMessage,
    "subusers": SubUser,
    "resellerclients": ResellerClient,
    "subacctopup": TopUp,
    "resellerclienttopup": TopUp,
    "deliveryreport": DeliveryReport,
}
_MEDIA_TYPE = re.compile(r"\s*[^\s/;,]+/[^\s/;,]+\s*(;.*)?", re.DOTALL)
_STREAM_CLOSED = "Entity input stream has already been closed."


class StatusInfo(NamedTuple):
    """A status as javax.ws.rs.core.Response.StatusType tells it; its text is the reason."""

    code: int
    reason: str

    def getStatusCode(self) -> int:
        """The number."""
        return self.code

    def getReasonPhrase(self) -> str:
        """The server's words, or the standard's where it gave none."""
        return self.reason

    def getFamily(self) -> str:
        """`SUCCESSFUL`, `CLIENT_ERROR` and so on, as Java names them."""
        families = ("INFORMATIONAL", "SUCCESSFUL", "REDIRECTION", "CLIENT_ERROR", "SERVER_ERROR")
        return families[self.code // 100 - 1] if 100 <= self.code < 600 else "OTHER"

    def __str__(self) -> str:
        return self.reason


class Response:
    """A reply as javax.ws.rs.core.Response tells it: the response type for whoever wants to see the status.

    The body is read by `readEntity`, once. Its text, such as
    `InboundJaxrsResponse{ClientResponse{method=GET, uri=..., status=200, reason=OK}}`, has the password masked.
    """

    def __init__(self, call: Call[Any], request: http.Request, reply: http.Response) -> None:
        self._call = call
        self._request = request
        self._reply = reply
        self._closed = False

    def getStatus(self) -> int:
        """The HTTP status."""
        return self._reply.status

    def getStatusInfo(self) -> StatusInfo:
        """The HTTP status with its reason."""
        status = self._reply.status
        return StatusInfo(status, self._reply.reason or responses.get(status, ""))

    def getHeaderString(self, name: str) -> str | None:
        """A header's value, several joined by a comma; None where there is none."""
        return self._reply.header(name)

    def getMediaType(self) -> str | None:
        """The Content-Type, such as `text/plain`; None where there is none.

        :raises HeaderValueException: it is not a media type.
        """
        value = self._reply.header("content-type")
        if value is None or _MEDIA_TYPE.fullmatch(value):
            return value
        shown = self._request.redact(value)
        # A traceback that shows the variables of its frames must not show what a header may echo.
        del value
        raise self._doubtful(HeaderValueException(f'Unable to parse "Content-Type" header value: "{shown}"'))

    def hasEntity(self) -> bool:
        """Whether there is a body."""
        return bool(self._reply.body)

    def readEntity(self, responseType: type[T]) -> T:
        """The body as one of the response types that `MSpaceClient` takes. It is read once.

        :raises IllegalStateException: it was read, or closed, before.
        """
        _check_response_type(responseType, self._call, None)
        if self._closed:
            raise IllegalStateException(_STREAM_CLOSED)
        self._closed = True
        return cast("T", self._read(responseType))

    def close(self) -> None:
        """Let go of the body. A second time does nothing."""
        self._closed = True

    def __str__(self) -> str:
        status, reason = self.getStatusInfo()
        uri, reason = self._request.redact(self._request.url), self._request.redact(reason)
        return f"InboundJaxrsResponse{{ClientResponse{{method=GET, uri={uri}, status={status}, reason={reason}}}}}"

    __repr__ = __str__

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Response is not pickled: its URL holds the password")

    def _read(self, kind: Any) -> Any:
        if kind is str:
            return self._text()
        if kind is bytes:
            return self._reply.body
        if kind in (dict, list) or kind is _element_class(kind):
            return decode_document(self._call, self._reply, kind, self._request.redact)
        models = decode_reply(self._call, self._reply, self._request.redact)
        if get_origin(kind) is list or not isinstance(models, list):
            return models
        if len(models) == 1:
            return models[0]
        error = ReplyError(
            f"{self._call.operation}: it holds {len(models)} records, not one: ask for list[{kind.__name__}]",
            body=self._request.redact(self._reply.text()),
            status=self._reply.status,
        )
        raise self._doubtful(error)

    def _text(self) -> str:
        charset = http.charset_of(self.getMediaType())
        if http.is_known_charset(charset):
            return http.decoded(self._reply.body, charset)
        raise self._doubtful(ProcessingException("Unexpected error during response processing."))

    def _doubtful(self, error: errors.MSpaceError) -> errors.MSpaceError:
        """`error`, which came after the service had answered: what was asked for may well be done."""
        return error if self._call.repeatable else outcome_unknown(error, self._call.operation)


class MSpaceClient:
    """The jar's client, against the legacy path API. Safe to share between threads; also a context manager.

    :param main_url: with or without the service's path: `http://host`, `http://host:8080/`,
        `http://host/mspaceservice/wr/sms/`.
    :param timeout: seconds for connecting and for the whole of a reply; one number, or a pair. (5, 30) by default.
    :param transport: what answers the requests; by default the network, with reads asked again when it fails.
    :param routes: which API answers which operation, such as `balance=v2, subusers=shadow, *=legacy`; by default
        what the environment variable MSPACE_ROUTES says, else the legacy API all of them. See `migration.Routes`.
    :param accounts: the API keys for v2: a `migration.AccountStore`, or the path of its file; by default the path
        in MSPACE_ACCOUNTS, where routes lead to v2.
    :param base_url: where v2 lives; by default what MSPACE_BASE_URL says, else the vendor's.
    :param comparisons: what becomes of the answers where a route asks both APIs.
    :raises InvalidInput: an argument that can't be right.

    A response type is `str` (the server's text, untouched), `bytes`, `dict`, `list`,
    `xml.etree.ElementTree.Element`, `Response`, or the operation's model: `SubUser`, `list[SubUser]`,
    `ResellerClient`, `list[ResellerClient]`, `SentMessage`, `list[SentMessage]`, `TopUp`, `DeliveryReport`,
    `list[DeliveryReport]`. All but `Response` throw for a status that is not 2xx; a model also for a failure that the
    body tells. Every method raises

    - `InvalidInput`: None, a wrong type or a wrong number of arguments; nothing was sent
    - `WebApplicationException`: the class for the status, by Java's name
    - `ProcessingException`: no connection, or no whole reply
    - `IllegalStateException`: after `close()`
    - `OutcomeUnknown`: any of these, where a send or a top-up may have been acted on
    """

    _base = ""

    def __init__(
        self,
        main_url: str,
        *,
        timeout: Timeout = DEFAULT_TIMEOUT,
        transport: Transport | None = None,
        routes: Routes | Mapping[str, Route | str] | str | None = None,
        accounts: AccountStore | str | os.PathLike[str] | None = None,
        base_url: str | None = None,
        comparisons: Comparisons | None = None,
    ) -> None:
        self._base = legacy.base_url(main_url)
        self._transport = checked_transport(transport, timeout)
        self._closed = False
        self._router: Router | None = None
        routes = os.environ.get("MSPACE_ROUTES") if routes is None else routes
        if not (routes or accounts) and (base_url is not None or comparisons is not None):
            raise InvalidInput("base_url and comparisons are for v2: give routes and accounts too")
        if routes or accounts:
            # Imported where it is needed: most clients talk to one API.
            from mspace_legacy.migration import Router, Routes

            routes = Routes.of(routes or "*=legacy")
            if accounts is None and routes.ask("v2"):
                accounts = os.environ.get("MSPACE_ACCOUNTS")
            self._transport = self._router = Router.over(
                self._transport,
                routes,
                accounts or None,
                base_url=base_url or os.environ.get("MSPACE_BASE_URL") or v2.BASE_URL,
                comparisons=comparisons,
            )

    def __repr__(self) -> str:
        return f"MSpaceClient({self._base!r})"

    def __enter__(self) -> MSpaceClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def routes(self) -> Routes | None:
        """Which API answers which operation; None for a client that was made without routes and accounts.

        May be set at any time, to what the constructor takes. A call under way finishes as it began.

        :raises InvalidInput: routes that are wrong, or that the client has no accounts for.
        """
        return None if self._router is None else self._router.routes

    @routes.setter
    def routes(self, routes: Routes | Mapping[str, Route | str] | str) -> None:
        if self._router is None:
            raise InvalidInput("routes: the client was made without: give routes, or accounts, when it is made")
        self._router.routes = routes

    @property
    def comparisons(self) -> Comparisons | None:
        """What came of the routes that ask both APIs; None as for `routes`."""
        return None if self._router is None else self._router.comparisons

    def close(self) -> None:
        """Close the client. A second time does nothing."""
        self._closed = True
        self._transport.close()

    def getBalance(self, username: str, password: str | Secret) -> str:
        """The balance as text: `50`, or `Error 100: Authentication Failure`."""
        password = _sealed("getBalance", "password", password)
        _check_texts("getBalance", username=username)
        return self._ask(str, Balance(username), password, "text")

    def login_TEXT(self, username: str, password: str | Secret) -> str:
        """`User exists.`, or `Authentication failure`."""
        password = _sealed("login_TEXT", "password", password)
        _check_texts("login_TEXT", username=username)
        return self._ask(str, Login(username), password, "text")

    @overload
    def subUsers_JSON(self, responseType: type[T], username: str, password: str | Secret) -> T: ...
    @overload
    def subUsers_JSON(
        self,
        responseType: type[T],
        username: str,
        password: str | Secret,
        senderid: str,
        recipient: str,
        message: str,
    ) -> T: ...
    def subUsers_JSON(
        self, responseType: type[T], username: str, password: str | Secret, *message: str, **named: str
    ) -> T:
        """The sub-accounts, as JSON: `[{"smsBalance": "20", "subUserName": "subuser1"}]`.

        With `senderid`, `recipient` and `message` as well it sends, as the vendor's page lists it; `sendText_JSON`
        is the same by a name of its own.
        """
        password = _sealed("subUsers_JSON", "password", password)
        return self._sub_users("subUsers_JSON", responseType, username, password, message, named, "json")

    @overload
    def subUsers_XML(self, responseType: type[T], username: str, password: str | Secret) -> T: ...
    @overload
    def subUsers_XML(
        self,
        responseType: type[T],
        username: str,
        password: str | Secret,
        senderid: str,
        recipient: str,
        message: str,
    ) -> T: ...
    def subUsers_XML(
        self, responseType: type[T], username: str, password: str | Secret, *message: str, **named: str
    ) -> T:
        """As `subUsers_JSON`, asking for XML."""
        password = _sealed("subUsers_XML", "password", password)
        return self._sub_users("subUsers_XML", responseType, username, password, message, named, "xml")

    def sendText_JSON(
        self,
        responseType: type[T],
        username: str,
        password: str | Secret,
        senderid: str,
        recipient: str,
        message: str,
    ) -> T:
        """Send `message` to `recipient`, one number or several with commas between them.

        `[{"messageId": "12345", "responseTime": "2018-06-25 11:12:19:793", "status": "successful"}]`, or the text
        of a failure: `Athentication failure`, `Insufficient Balance`, `Invalid sender ID`.

        All recipients go out in one URL, as the jar sends them. Servers often stop at 8 KiB, which is some 600
        numbers, and refuse a longer one as a whole, such as with `HTTP 414`; `Client.send_text` makes several
        requests of it.
        """
        password = _sealed("sendText_JSON", "password", password)
        return self._send("sendText_JSON", responseType, username, password, (senderid, recipient, message), "json")

    def sendText_XML(
        self,
        responseType: type[T],
        username: str,
        password: str | Secret,
        senderid: str,
        recipient: str,
        message: str,
    ) -> T:
        """As `sendText_JSON`, asking for XML."""
        password = _sealed("sendText_XML", "password", password)
        return self._send("sendText_XML", responseType, username, password, (senderid, recipient, message), "xml")

    def resellerClients_JSON(self, responseType: type[T], username: str, password: str | Secret) -> T:
        """The reseller's clients, as JSON: `[{"smsBalance": "20", "clientname": "client1"}]`."""
        password = _sealed("resellerClients_JSON", "password", password)
        _check_texts("resellerClients_JSON", username=username)
        return self._ask(responseType, ResellerClients(username), password, "json")

    def resellerClients_XML(self, responseType: type[T], username: str, password: str | Secret) -> T:
        """As `resellerClients_JSON`, asking for XML."""
        password = _sealed("resellerClients_XML", "password", password)
        _check_texts("resellerClients_XML", username=username)
        return self._ask(responseType, ResellerClients(username), password, "xml")

    def resellerClientTopup_JSON(
        self,
        responseType: type[T],
        resellerUsername: str,
        resellerPassword: str | Secret,
        clientName: str,
        noOfsms: str | int,
    ) -> T:
        """Move `noOfsms` credits to a client: `Successful Top up of 100 SMS to client1`, or a failure's text."""
        resellerPassword = _sealed("resellerClientTopup_JSON", "resellerPassword", resellerPassword)
        return self._reseller_top_up(
            "resellerClientTopup_JSON", responseType, resellerUsername, resellerPassword, clientName, noOfsms, "json"
        )

    def resellerClientTopup_XML(
        self,
        responseType: type[T],
        resellerUsername: str,
        resellerPassword: str | Secret,
        clientName: str,
        noOfsms: str | int,
    ) -> T:
        """As `resellerClientTopup_JSON`, asking for XML."""
        resellerPassword = _sealed("resellerClientTopup_XML", "resellerPassword", resellerPassword)
        return self._reseller_top_up(
            "resellerClientTopup_XML", responseType, resellerUsername, resellerPassword, clientName, noOfsms, "xml"
        )

    def subAccTopup_JSON(
        self,
        responseType: type[T],
        mainAccname: str,
        mainAccPassword: str | Secret,
        subAccname: str,
        noOfsms: str | int,
    ) -> T:
        """Move `noOfsms` credits to a sub-account: `Successful Top up of 100 SMS to sub1`, or a failure's text."""
        mainAccPassword = _sealed("subAccTopup_JSON", "mainAccPassword", mainAccPassword)
        return self._sub_account_top_up(
            "subAccTopup_JSON", responseType, mainAccname, mainAccPassword, subAccname, noOfsms, "json"
        )

    def subAccTopup_XML(
        self,
        responseType: type[T],
        mainAccname: str,
        mainAccPassword: str | Secret,
        subAccname: str,
        noOfsms: str | int,
    ) -> T:
        """As `subAccTopup_JSON`, asking for XML."""
        mainAccPassword = _sealed("subAccTopup_XML", "mainAccPassword", mainAccPassword)
        return self._sub_account_top_up(
            "subAccTopup_XML", responseType, mainAccname, mainAccPassword, subAccname, noOfsms, "xml"
        )

    def deliveryReport_JSON(self, responseType: type[T], username: str, password: str | Secret, messageId: str) -> T:
        """What became of a message: `[{"messageId": "12345", "recipient": "2547...", "status": "3", ...}]`.

        The jar has no such method, nor the legacy API such an operation: v2 is asked.

        :raises Unsupported: the client has no accounts, so that v2 can't be asked.
        """
        password = _sealed("deliveryReport_JSON", "password", password)
        _check_texts("deliveryReport_JSON", username=username, messageId=messageId)
        return self._ask(responseType, DeliveryReports(username, messageId), password, "json")

    def deliveryReport_XML(self, responseType: type[T], username: str, password: str | Secret, messageId: str) -> T:
        """As `deliveryReport_JSON`, as XML."""
        password = _sealed("deliveryReport_XML", "password", password)
        _check_texts("deliveryReport_XML", username=username, messageId=messageId)
        return self._ask(responseType, DeliveryReports(username, messageId), password, "xml")

    def _sub_users(
        self,
        method: str,
        kind: type[T],
        username: str,
        password: Secret,
        message: tuple[str, ...],
        named: dict[str, str],
        form: Form,
    ) -> T:
        names = ("senderid", "recipient", "message")
        unknown = sorted(named.keys() - set(names[len(message) :]))
        given = len(message) + len(named)
        if unknown or given not in (0, 3):
            problem = f"got {', '.join(unknown)}" if unknown else f"got {3 + given}"
            raise WrongType(
                f"{method} takes three arguments, to list, or six, to send: responseType, username, password, "
                f"{', '.join(names)}; {problem}"
            )
        if not given:
            _check_texts(method, username=username)
            return self._ask(kind, SubUsers(username), password, form)
        return self._send(
            method, kind, username, password, (*message, *(named[n] for n in names if n in named)), form
        )

    def _send(
        self,
        method: str,
        kind: type[T],
        username: str,
        password: Secret,
        sending: tuple[str, ...],
        form: Form,
    ) -> T:
        senderid, recipient, message = sending
        _check_texts(method, username=username, senderid=senderid, recipient=recipient, message=message)
        recipients = tuple(recipient.split(","))
        if kind is SentMessage and len(recipients) > 1:
            raise InvalidInput(
                f"{method}: {len(recipients)} recipients answer with a list: ask for list[SentMessage]"
            )
        return self._ask(kind, SendText(username, senderid, recipients, message), password, form)

    def _reseller_top_up(
        self,
        method: str,
        kind: type[T],
        username: str,
        password: Secret,
        name: str,
        count: str | int,
        form: Form,
    ) -> T:
        _check_texts(method, resellerUsername=username, clientName=name)
        return self._ask(kind, ResellerClientTopUp(username, name, _checked_count(method, count)), password, form)

    def _sub_account_top_up(
        self,
        method: str,
        kind: type[T],
        username: str,
        password: Secret,
        name: str,
        count: str | int,
        form: Form,
    ) -> T:
        _check_texts(method, mainAccname=username, subAccname=name)
        return self._ask(kind, SubAccountTopUp(username, name, _checked_count(method, count)), password, form)

    def _ask(self, kind: type[T], call: Call[Any], password: Secret, form: Form) -> T:
        _check_response_type(kind, call, form)
        if self._closed:
            raise IllegalStateException("Client instance has been closed.")
        request = legacy.encode_request(call, password, base=self._base, form=form, ours=self._router is not None)
        failure: TransportError | None = None
        try:
            reply = self._transport.handle(request)
        except TransportError as error:
            failure = _processing(error, call, request)
        if failure is not None:
            raise failure
        response = Response(call, request, reply)
        if kind is Response:
            return cast("T", response)
        if not 200 <= reply.status < 300:
            raise _for_status(response, call, reply)
        return cast("T", response._read(kind))


def _sealed(method: str, name: str, password: str | Secret) -> Secret:
    """The password as a Secret, so that no frame that a traceback may show holds its text."""
    if isinstance(password, Secret):
        return password
    _check_texts(method, **{name: password})
    return Secret(password)


def _check_texts(method: str, **arguments: str) -> None:
    for name, value in arguments.items():
        if not isinstance(value, str):
            raise WrongType(f"{method}: {name} is {_kind(value)}: give a str")


def _checked_count(method: str, count: str | int) -> str | int:
    if not isinstance(count, (str, int)) or isinstance(count, bool):
        raise WrongType(f"{method}: noOfsms is {_kind(count)}: give a number, as a str or an int")
    return count


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _element_class(kind: object) -> type[Any] | None:
    """The Element class, if `kind` can be it: it is looked up only then, as importing it takes its time."""
    if getattr(kind, "__name__", "") != "Element":
        return None
    from xml.etree.ElementTree import Element

    return Element


def _check_response_type(kind: Any, call: Call[Any], form: Form | None) -> None:
    if kind in (str, bytes, dict, list, Response):
        return
    model = _MODELS.get(call.operation)
    if model is not None and kind is model:
        return
    if model is not None and model is not TopUp and get_origin(kind) is list and get_args(kind) == (model,):
        return
    element = _element_class(kind)
    if element is not None and kind is element:
        return
    media_type = f"media type={MEDIA_TYPES[form]}, " if form else ""
    models = f", {model.__name__}" if model else ""
    raise MessageBodyProviderNotFoundException(
        f"MessageBodyReader not found for {media_type}type={getattr(kind, '__name__', repr(kind))}: {call.operation} "
        f"reads into str, bytes, dict, list, Element, Response{models}"
        + (f" or list[{model.__name__}]" if model and model is not TopUp else "")
    )


_STATUS_EXCEPTIONS: dict[int, type[WebApplicationException]] = {
    400: errors.BadRequestException,
    401: errors.NotAuthorizedException,
    403: errors.ForbiddenException,
    404: errors.NotFoundException,
    405: errors.NotAllowedException,
    406: errors.NotAcceptableException,
    415: errors.NotSupportedException,
    500: errors.InternalServerErrorException,
    503: errors.ServiceUnavailableException,
}
_FAMILY_EXCEPTIONS: dict[int, type[WebApplicationException]] = {
    3: errors.RedirectionException,
    4: errors.ClientErrorException,
    5: errors.ServerErrorException,
}


def _for_status(response: Response, call: Call[Any], reply: http.Response) -> WebApplicationException:
    status, reason = response.getStatusInfo()
    family = _FAMILY_EXCEPTIONS.get(status // 100, WebApplicationException)
    error = _STATUS_EXCEPTIONS.get(status, family)(f"HTTP {status} {response._request.redact(reason)}")
    error.response = response
    return error if call.repeatable or not leaves_open(reply) else outcome_unknown(error, call.operation)


_JAVA_MESSAGES: dict[errors.TransportFault, str] = {
    "refused": "java.net.ConnectException: Connection refused",
    "unknown-host": "java.net.UnknownHostException: {}",
    "connect-timeout": "java.net.SocketTimeoutException: connect timed out",
    "tls": "javax.net.ssl.SSLHandshakeException: no trusted connection",
    "proxy": "java.io.IOException: Unable to tunnel through proxy",
    "not-connected": "java.net.SocketException: no connection",
    "timeout": "java.net.SocketTimeoutException: Read timed out",
    "reset": "java.net.SocketException: Connection reset",
    "closed": "java.net.SocketException: Unexpected end of file from server",
    "cut-short": "Error reading entity from input stream.",
    "too-large": "Error reading entity from input stream: it is longer than allowed.",
    "not-http": "Failed to convert a response into an exception.",
    "broken": "java.io.IOException: the connection broke",
}


def _processing(error: TransportError, call: Call[Any], request: http.Request) -> ProcessingException:
    java = _JAVA_MESSAGES[error.fault].format(error.host or urlsplit(request.url).hostname or "")
    translated = ProcessingException(java, fault=error.fault)
    return outcome_unknown(translated, call.operation) if isinstance(error, OutcomeUnknown) else translated
