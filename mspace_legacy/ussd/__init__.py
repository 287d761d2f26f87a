"""The vendor's USSD: what a callback reads and writes, and a handset to try one with."""

from mspace_legacy.ussd.dialler import Dialler, Step
from mspace_legacy.ussd.messages import (
    DEFAULT_LIMIT,
    Answer,
    Continue,
    End,
    Entries,
    UssdRequest,
    fits,
    read_answer,
    read_request,
    write_answer,
    write_request,
)

__all__ = [
    "DEFAULT_LIMIT",
    "Answer",
    "Continue",
    "Dialler",
    "End",
    "Entries",
    "Step",
    "UssdRequest",
    "fits",
    "read_answer",
    "read_request",
    "write_answer",
    "write_request",
]
