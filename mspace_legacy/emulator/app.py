"""Emulator: the ledger as a transport, in both dialects, with faults on request.

It is strict: a key that is misspelt, missing or out of order, or a wrong content type, is refused with a message
that says so. A fake that swallows mistakes is worth nothing.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from mspace_legacy.emulator.faults import Fault, Faults
from mspace_legacy.emulator.journal import Journal
from mspace_legacy.emulator.ledger import Ledger
from mspace_legacy.emulator.masking import masked_reply, masked_request, masked_target
from mspace_legacy.errors import ClosedError, ReplyLost, RequestError, ServerError, ServiceError, outcome_unknown
from mspace_legacy.models import Call, SentMessage
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.dialect import Dialect, Incoming, check_not_empty, error_page, malformed
from mspace_legacy.wire.http import Request, Response
from mspace_legacy.wire.replies import failure_kind

__all__ = ["Emulator"]

_log = logging.getLogger("mspace_legacy.emulator")

_LONGEST_NAME = 100

_DIALECTS: tuple[tuple[Dialect, str], ...] = ((legacy, "password"), (v2, "api_key"))


@dataclass(slots=True)
class _Told:
    """What a journal is to be told of a request, as far as it came."""

    operation: str = ""
    username: str = ""
    outcome: str = ""
    message_ids: range = range(0)


class Emulator:
    """Both APIs over one ledger: a transport, to be handed to a client or put behind a socket.

    :param ledger: the demo accounts in memory by default.
    :param faults: none by default; may be changed at any time.
    :param journal: keeps what is asked and answered; none by default.
    """

    def __init__(
        self, ledger: Ledger | None = None, faults: Faults | None = None, journal: Journal | None = None
    ) -> None:
        self.ledger = ledger or Ledger()
        self.faults = faults or Faults()
        self.journal = journal
        self._closed = False

    def handle(self, request: Request) -> Response:
        """The reply that the service would give; see `Transport`.

        :raises ReplyLost: a fault that takes the reply away.
        """
        if self._closed:
            raise ClosedError("the emulator was closed before")
        told = _Told()
        begun = time.monotonic()
        try:
            response = self._replied(request, told)
        except ReplyLost as lost:
            self._note(request, lost.uncut, f"no whole reply: {lost.fault}", told, begun)
            raise
        except sqlite3.ProgrammingError:
            if not self._closed:
                raise
            raise ClosedError("the emulator was closed meanwhile") from None
        self._note(request, response, told.outcome or f"status {response.status}", told, begun)
        return response

    def _note(self, request: Request, response: Response | None, outcome: str, told: _Told, begun: float) -> None:
        if self.journal is None:
            return
        self.journal.add(
            "HTTP",
            told.operation or f"{request.method} {masked_target(request.url)}"[:_LONGEST_NAME],
            partial(masked_request, request),
            partial(masked_reply, response),
            at=self.ledger.now(),
            seconds=time.monotonic() - begun,
            username=told.username,
            outcome=outcome,
            message_ids=told.message_ids,
            octets=len(request.url)
            + _octets(request.headers.items(), request.body or b"")
            + (_octets(response.headers, response.body) if response else 0),
        )

    def _replied(self, request: Request, told: _Told) -> Response:
        # Tomcat takes several slashes for one: so ends a main_url with a slash to which the path is appended.
        path = "/" + request.url.partition("://")[2].partition("/")[2].lstrip("/")
        for dialect, secret_kind in _DIALECTS:
            if path.startswith(f"{dialect.PATH}/"):
                return self._answer(dialect, secret_kind, request, told)
        return error_page(404, "Not Found")

    def close(self) -> None:
        """Close the ledger. A second time does nothing."""
        self._closed = True
        self.ledger.close()

    def _answer(self, dialect: Dialect, secret_kind: str, request: Request, told: _Told) -> Response:
        try:
            incoming = dialect.decode_request(request)
            check_not_empty(incoming.call)
        except RequestError as error:
            return malformed(error)
        told.operation, told.username = incoming.call.operation, incoming.call.username[:_LONGEST_NAME]
        faults = self.faults.due(incoming.call.operation)
        for fault in faults:
            if fault.kind == "delay":
                time.sleep(float(fault.argument))
            elif instead := _instead(fault, dialect, incoming):
                return instead
        try:
            self.ledger.authenticate(incoming.call.username, incoming.secret, by=secret_kind)
            outcome = self.ledger.answer(incoming.call)
        except ServiceError as error:
            outcome = error
        response = dialect.encode_reply(incoming.call, outcome, incoming.form)
        told.outcome = type(outcome).__name__ if isinstance(outcome, ServiceError) else "done"
        told.message_ids = _ids_of(outcome)
        _log.info("%s %s: %s", dialect.__name__.rpartition(".")[2], incoming.call.operation, told.outcome)
        for fault in faults:
            response = _spoilt(fault, incoming.call, response)
        return response


def _ids_of(outcome: Any) -> range:
    """The ids of the messages that were sent, which are numbered in one go."""
    ids = [int(item.message_id) for item in outcome if item.message_id] if _is_sent(outcome) else []
    return range(ids[0], ids[-1] + 1) if ids else range(0)


def _octets(headers: Iterable[tuple[str, str]], body: bytes) -> int:
    return len(body) + sum(len(name) + len(value) for name, value in headers)


def _is_sent(outcome: Any) -> bool:
    return isinstance(outcome, list) and any(isinstance(item, SentMessage) for item in outcome)


def _instead(fault: Fault, dialect: Dialect, incoming: Incoming) -> Response | None:
    """What a fault answers in place of acting on the call; None for a fault that comes later."""
    match fault.kind:
        case "status":
            return error_page(int(fault.argument), "The service is out of order")
        case "fail":
            kind = failure_kind(fault.argument) or ServerError
            failure = kind(fault.argument, text=fault.argument)
            return dialect.encode_reply(incoming.call, failure, incoming.form)
        case "refuse":
            raise _lost(incoming.call, "closed")
        case "reset-before":
            raise _lost(incoming.call, "reset")
    return None


def _spoilt(fault: Fault, call: Call[Any], response: Response) -> Response:
    """The reply as a fault leaves it, after the call was acted on."""
    match fault.kind:
        case "status-after":
            return error_page(int(fault.argument), "The service is out of order")
        case "html":
            return error_page(200, "OK")
        case "garbage":
            return Response(200, b"\x00\xff\x8b{]<" * 8, (("Content-Type", "application/octet-stream"),))
        case "reset-after":
            raise _lost(call, "reset")
        case "truncate":
            raise _lost(call, "cut-short", response)
    return response


def _lost(call: Call[Any], fault: Any, uncut: Response | None = None) -> ReplyLost:
    error = ReplyLost(f"{call.operation}: a fault of the emulator: {fault}", fault=fault)
    error.uncut = uncut
    return error if call.repeatable else outcome_unknown(error, call.operation)
