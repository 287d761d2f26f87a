"""The vendor's USSD: applications made of screens, the callback that serves them, and a handset to try them with.

- `UssdApp`: screens are functions; `Menu`, `Ask` and `Pages` are what they show, and `Continue` and `End` bare texts
- `MemorySessions`, `SqliteSessions`: where sessions are kept
- `UssdCallback`: an application as WSGI; `UssdApp.respond` is the same as a function, for any web framework
- `Dialler`: dials an application in a test, or any callback by its URL
- `UssdRequest`, `read_request`, `write_answer` and the like: the codec, to build on without all that
"""

from mspace_legacy.ussd.app import UssdApp
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
from mspace_legacy.ussd.screens import Again, Ask, Menu, Pages, Words
from mspace_legacy.ussd.sessions import Kept, MemorySessions, Session, Sessions, SqliteSessions
from mspace_legacy.ussd.wsgi import UssdCallback

__all__ = [
    "DEFAULT_LIMIT",
    "Again",
    "Answer",
    "Ask",
    "Continue",
    "Dialler",
    "End",
    "Entries",
    "Kept",
    "MemorySessions",
    "Menu",
    "Pages",
    "Session",
    "Sessions",
    "SqliteSessions",
    "Step",
    "UssdApp",
    "UssdCallback",
    "UssdRequest",
    "Words",
    "fits",
    "read_answer",
    "read_request",
    "write_answer",
    "write_request",
]
