"""Deliveries: which receipt belongs to which message, however late, early or often it comes. Pure."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mspace_legacy import msisdn
from mspace_legacy.checks import at_least_one
from mspace_legacy.smpp.receipts import MessageState, Receipt, id_in_text, id_key, id_spellings

__all__ = ["Deliveries", "Delivery", "SubmittedMessage"]


@dataclass(frozen=True, slots=True)
class SubmittedMessage:
    """A message that was handed to a transmitter.

    Once the SMSC has answered, `message_ids` has an id for each of its segments, in their order, and None for one
    that was not taken.
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
        # Receipts may overtake each other: what is final stays. One whose state can't be read says nothing of it.
        if state is not None and (before is None or not before.is_final):
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
        if self.states and all(state is MessageState.DELIVERED for state in self.states):
            return MessageState.DELIVERED
        return next((state for state in self.states if state not in (None, MessageState.DELIVERED)), None)


class Deliveries:
    """The messages under way, by the ids of their segments. Safe to share between threads.

    A transmitter adds what was taken, a receiver what receipts tell; either may come first, as they are two
    connections.

    :param most: ids, and receipts without a message, that are remembered; the oldest are forgotten.
    :raises InvalidInput: `most` is less than 1.
    """

    def __init__(self, *, most: int = 100_000) -> None:
        self._most = at_least_one("most", most)
        self._lock = threading.Lock()
        self._places: OrderedDict[str, tuple[_Tracked, int]] = OrderedDict()
        self._early: OrderedDict[str, Receipt] = OrderedDict()
        self._written_alike = False
        """Whether the service was seen to write an id in a receipt as it did before: then it means no other."""

    def add(self, message: SubmittedMessage) -> None:
        """Remember a message that was taken."""
        tracked = _Tracked(message, [None] * len(message.message_ids))
        with self._lock:
            for place, message_id in enumerate(message.message_ids):
                if not message_id:
                    continue
                self._places[id_key(message_id)] = (tracked, place)
                for key in self._spellings(message_id):
                    receipt = self._early.get(key)
                    if receipt and _may_be_of(message, receipt, by_its_id=key == id_key(message_id)):
                        tracked.tell(place, self._early.pop(key).state)
                        self._note_spelling(message_id, receipt, key, self._early)
                        break
            _cut(self._places, self._most)

    def match(self, receipt: Receipt) -> Delivery | None:
        """The message that a receipt is about, with what it tells; None while no such message was added."""
        with self._lock:
            for key in self._spellings(receipt.message_id):
                if found := self._places.get(key):
                    tracked, place = found
                    if _may_be_of(tracked.message, receipt, by_its_id=key == id_key(receipt.message_id)):
                        tracked.tell(place, receipt.state)
                        self._note_spelling(receipt.message_id, receipt, key, self._places)
                        return tracked.delivery()
            if receipt.message_id:
                key = id_key(receipt.message_id)
                before = self._early.get(key)
                if before is None or before.state is None or not before.state.is_final:
                    self._early[key] = receipt
                _cut(self._early, self._most)
        return None

    def of(self, message_id: str) -> Delivery | None:
        """What is known of the message that has a segment with this id, be it as a receipt writes it."""
        with self._lock:
            for key in self._spellings(message_id):
                if found := self._places.get(key):
                    return found[0].delivery()
        return None

    def _spellings(self, message_id: str) -> tuple[str, ...]:
        return id_spellings(message_id)[: 1 if self._written_alike else None]

    def _note_spelling(self, message_id: str, receipt: Receipt, key: str, known: Mapping[str, object]) -> None:
        if receipt.text and id_in_text(receipt.text) != receipt.message_id:
            # It stood in the TLV alone, and says nothing of how texts have it.
            return
        first, *others = id_spellings(message_id)
        # Where another spelling is known too, it may have been meant; where there is no other, it says nothing.
        if key == first and others and not any(other in known for other in others):
            self._written_alike = True


_LEAST_DIGITS = 7
"""Of a number; what has fewer is a code."""
_SEPARATORS = re.compile(r"[\s().+-]")
_MASKED = re.compile(r"(?=.*[0-9])[0-9*xX#]{7,}")


def _may_be_of(message: SubmittedMessage, receipt: Receipt, *, by_its_id: bool) -> bool:
    """Whether the addresses allow it. It comes from the message's recipient (section 4.6.1), but some services leave
    both addresses as they were in the message, mask the number, or put a code of their own there.

    :param by_its_id: whether the id was found as it is. Read in another way it may hit another message, and then it
        has to come from the recipient.
    """
    if not receipt.recipient:
        return True
    from_recipient = _is_number(receipt.recipient, message.recipient)
    if from_recipient or not by_its_id:
        return bool(from_recipient)
    is_to_recipient = _is_number(receipt.sender_id, message.recipient)
    if from_recipient is None:
        return is_to_recipient is not False or _is_same(receipt.sender_id, message.sender_id)
    return _is_same(receipt.recipient, message.sender_id) and is_to_recipient is not False


def _is_number(address: str, number: str) -> bool | None:
    """Whether an address is this number, as far as it is not masked; None for a name or a code."""
    text = _SEPARATORS.sub("", address)
    nine = msisdn.subscriber_number(number)
    if text.isascii() and text.isdigit():
        return msisdn.subscriber_number(text) == nine if len(text) >= _LEAST_DIGITS else None
    if _MASKED.fullmatch(text):
        pattern = re.sub("[*xX#]+", "[0-9]*", text)
        return any(re.fullmatch(pattern, form) for form in (number, nine, f"0{nine}"))
    return None


def _is_same(address: str, sender_id: str) -> bool:
    return address == sender_id or bool(_is_number(address, sender_id))


def _cut(remembered: OrderedDict[str, Any], most: int) -> None:
    while len(remembered) > most:
        remembered.popitem(last=False)
