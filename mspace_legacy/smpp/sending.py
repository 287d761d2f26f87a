"""A message on its way: its parts, what became of each, and what is told of the whole. Without a lock or a socket."""

from __future__ import annotations

import contextlib
import copy
import logging
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass

from mspace_legacy.errors import MSpaceError, NotSent, OutcomeUnknown, ServiceError, partly_sent
from mspace_legacy.smpp.deliveries import Deliveries, SubmittedMessage

__all__ = ["QueuedPart", "Sending"]

_log = logging.getLogger("mspace_legacy.smpp")


class Sending:
    """A message on its way: its parts, and the future that tells what became of them."""

    def __init__(
        self, message: SubmittedMessage, octets: list[bytes], deliveries: Deliveries | None, *, attended: bool
    ) -> None:
        self.is_attended = attended
        """Whether a thread waits in `Link.attend` for it: then nobody else has the future, and it calls nobody."""
        self.future: Future[SubmittedMessage] = Future()
        self._octets = octets
        self._message = message
        self._deliveries = deliveries
        self._error: MSpaceError | None = None
        self._ids: list[str | None] = [None] * len(octets)
        self._open = set(range(len(octets)))
        """Places of the parts of which it is not known what became of them."""
        self._began: bool | None = None
        """Whether it was begun before anybody cancelled it, once that is decided."""
        self._is_told = False

    @property
    def is_settled(self) -> bool:
        """Whether it is known of each part what became of it."""
        return not self._open

    def parts(self) -> list[QueuedPart]:
        """What is to be sent. It is not kept here, as a ring of references would be left to the collector."""
        return [QueuedPart(self, place, octets) for place, octets in enumerate(self._octets)]

    def is_wanted(self) -> bool:
        """Whether its next part is still to be sent: not when it was cancelled, nor after a part was refused."""
        return self._error is None and self._is_begun()

    def _is_begun(self) -> bool:
        if self._began is None:
            # Nobody can cancel what is attended. Of others it may have been decided just as an interruption came.
            self._began = self.is_attended or self.future.running() or self.future.set_running_or_notify_cancel()
        return self._began

    def settle(self, part: QueuedPart, message_id: str | None, error: MSpaceError | None) -> bool:
        """Note what became of a part, once. Whether all is known: then `finish` is to be called, without a lock."""
        if part.place in self._open:
            self._ids[part.place] = message_id
            self._note(error)
            self._open.discard(part.place)
        return self.is_settled

    def give_up(self, error: MSpaceError) -> None:
        """Note the same of all parts of which nothing is known yet."""
        if self._open:
            self._note(error)
            self._open.clear()

    def _note(self, error: MSpaceError | None) -> None:
        if error is not None and (self._error is None or _gravity(error) > _gravity(self._error)):
            self._error = error

    def finish(self) -> None:
        """Tell the deliveries and the future, once."""
        if self._is_told:
            return
        sent = self._message
        message = SubmittedMessage(sent.sender_id, sent.recipient, sent.message, tuple(self._ids))
        if self._deliveries:
            try:
                self._deliveries.add(message)
            except Exception as error:  # whatever one of the application's own does, nobody is to wait for ever
                _log.error("the deliveries failed: %s", type(error).__name__)
        if not self._is_begun():
            return
        # An interruption may have come just as it was told.
        with contextlib.suppress(InvalidStateError):
            self._tell(message)
        self._is_told = True

    def _tell(self, message: SubmittedMessage) -> None:
        if self._error is None:
            self.future.set_result(message)
            return
        # Of its own, as others may be given up for the same reason.
        error = copy.copy(self._error)
        if taken := len(self._ids) - self._ids.count(None):
            error = partly_sent(error, f"{taken} of {len(self._ids)} segments were taken")
        error.message = message
        self.future.set_exception(error)


def _gravity(error: MSpaceError) -> int:
    """Of what several parts met with, what is told of the whole: first that it may have been taken."""
    return 2 if isinstance(error, OutcomeUnknown) else 0 if isinstance(error, NotSent) else 1


@dataclass(slots=True, eq=False)
class QueuedPart:
    """One submit_sm of a message. `begun` is set while an octet of it may have left, without an answer.

    `number` counts what was offered, `order` when it has its turn, `queued` and `submitted` when it was
    offered and when the session was given it, `newest_taken` which had been taken when it was throttled last.
    """

    sending: Sending
    place: int
    octets: bytes
    begun: bool = False
    number: int = 0
    order: int = 0
    queued: float = 0.0
    submitted: float = 0.0
    throttled: ServiceError | None = None
    newest_taken: int = -1
    offers: int = 0
    passed_over: int = 0
