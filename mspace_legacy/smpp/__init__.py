"""SMPP 3.4, the vendor's third way in: transmitter and receiver, and below them PDUs, texts and receipts."""

from mspace_legacy.smpp.client import DEFAULT_PORT, IncomingText, Receiver, Transmitter
from mspace_legacy.smpp.deliveries import Deliveries, Delivery, SubmittedMessage
from mspace_legacy.smpp.receipts import MessageState, Receipt
from mspace_legacy.smpp.text import Concatenation

__all__ = [
    "DEFAULT_PORT",
    "Concatenation",
    "Deliveries",
    "Delivery",
    "IncomingText",
    "MessageState",
    "Receipt",
    "Receiver",
    "SubmittedMessage",
    "Transmitter",
]
