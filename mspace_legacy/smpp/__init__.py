"""SMPP 3.4, the vendor's third way in: transmitter and receiver, and below them PDUs, texts and receipts."""

from mspace_legacy.smpp.client import DEFAULT_PORT, Receiver, Transmitter
from mspace_legacy.smpp.deliveries import Deliveries, Delivery, SubmittedMessage
from mspace_legacy.smpp.receipts import MessageState, Receipt
from mspace_legacy.smpp.text import Concatenation, IncomingText, ReceivedText, reassemble

__all__ = [
    "DEFAULT_PORT",
    "Concatenation",
    "Deliveries",
    "Delivery",
    "IncomingText",
    "MessageState",
    "Receipt",
    "ReceivedText",
    "Receiver",
    "SubmittedMessage",
    "Transmitter",
    "reassemble",
]
