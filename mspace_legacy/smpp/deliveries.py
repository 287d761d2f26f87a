"""Deliveries: which receipt belongs to which message, however late, early or often it comes. Pure."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from mspace_legacy import msisdn
from mspace_legacy.smpp.receipts import MessageState, Receipt, id_key, id_spellings

__all__ = ["Deliveries", "Delivery", "SubmittedMessage"]


@dataclass(frozen=True, slots=True)
class SubmittedMessage:
    """A message that the SMSC took, whole: `message_ids` has an id for each of its segments, in their order.

    Where only some of the segments were taken, it stands in the error that tells so, with None for the others.
    """

    sender_id: str
    recipient: str
    message: str
    message_ids: tuple[str | None, ...] = ()


@dataclass(slots=True)
class _Tracked:
    message: SubmittedMessage
    states: list[MessageState | None]

    def tell(self, place: int, state: MessageState | None) -> None:
        before = self.states[place]
        # Receipts may overtake each other: what is final stays.
        if before is None or not before.is_final:
            self.states[place] = state

    def delivery(self) -> Delivery:
        return Delivery(self.message, tuple(self.states))


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message, and the last state that was told of each of its segments; None for those of which none was."""

    message: SubmittedMessage
    states: tuple[MessageState | None, ...]

    @property
    def state(self) -> MessageState | None:
        """Of the whole: DELIVERED once each segment is; the first other final state, if there is one."""
        for state in self.states:
            if state is not None and state.is_final and state is not MessageState.DELIVERED:
                return state
        if all(state is MessageState.DELIVERED for state in self.states):
            return MessageState.DELIVERED
        return next((state for state in self.states if state not in (None, MessageState.DELIVERED)), None)


class Deliveries:
    """The messages under way, by the ids of their segments. Safe to share between threads.

    A transmitter adds what was taken, a receiver what receipts tell; either may come first, as they are two
    connections.

    :param most: ids, and receipts without a message, that are remembered; the oldest are forgotten.
    """

    def __init__(self, *, most: int = 100_000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._places: OrderedDict[str, tuple[_Tracked, int]] = OrderedDict()
        self._early: OrderedDict[str, Receipt] = OrderedDict()

    def add(self, message: SubmittedMessage) -> None:
        """Remember a message that was taken."""
        tracked = _Tracked(message, [None] * len(message.message_ids))
        with self._lock:
            for place, message_id in enumerate(message.message_ids):
                if not message_id:
                    continue
                self._places[id_key(message_id)] = (tracked, place)
                for key in id_spellings(message_id):
                    receipt = self._early.get(key)
                    if receipt and _same_number(message.recipient, receipt.recipient):
                        tracked.tell(place, self._early.pop(key).state)
                        break
            _cut(self._places, self._most)

    def match(self, receipt: Receipt) -> Delivery | None:
        """The message that a receipt is about, with what it tells; None while no such message was added."""
        with self._lock:
            for key in id_spellings(receipt.message_id):
                if found := self._places.get(key):
                    tracked, place = found
                    if _same_number(tracked.message.recipient, receipt.recipient):
                        tracked.tell(place, receipt.state)
                        return tracked.delivery()
            if receipt.message_id:
                key = id_key(receipt.message_id)
                before = self._early.get(key)
                if before is None or before.state is None or not before.state.is_final:
                    self._early[key] = receipt
                _cut(self._early, self._most)
        return None

    def of(self, message_id: str) -> Delivery | None:
        """What is known of the message that has a segment with this id."""
        with self._lock:
            found = self._places.get(id_key(message_id))
            return found[0].delivery() if found else None


def _same_number(sent: str, receipted: str) -> bool:
    return not receipted or msisdn.subscriber_number(sent) == msisdn.subscriber_number(receipted)


def _cut(remembered: OrderedDict[str, Any], most: int) -> None:
    while len(remembered) > most:
        remembered.popitem(last=False)
