"""Move software off MSpace's legacy SMS API without breaking anything.

`MSpaceClient` has the methods of the vendor's Java jar, over the legacy path API. `Client` has the same operations
as Python people write them, over either API. `errors` is the one tree of what they raise.
"""

from mspace_legacy import errors
from mspace_legacy._version import __version__
from mspace_legacy.client import Client
from mspace_legacy.errors import MSpaceError, OutcomeUnknown, ReplyError, ServiceError
from mspace_legacy.jar import MSpaceClient, Response
from mspace_legacy.models import (
    DeliveryReport,
    Outcome,
    ResellerClient,
    SendResult,
    SentMessage,
    SubUser,
    TopUp,
)
from mspace_legacy.secrets import Secret
from mspace_legacy.sms import Segments, segments

__all__ = [
    "Client",
    "DeliveryReport",
    "MSpaceClient",
    "MSpaceError",
    "Outcome",
    "OutcomeUnknown",
    "ReplyError",
    "ResellerClient",
    "Response",
    "Secret",
    "Segments",
    "SendResult",
    "SentMessage",
    "ServiceError",
    "SubUser",
    "TopUp",
    "__version__",
    "errors",
    "segments",
]
