"""Calls and replies as data: what is asked of the service, and what it answers. No wire format stands here.

A call knows its operation, whether it is *repeatable* (a read, which may be asked again) or not (a send or a
top-up), and, in its type parameter, what its reply is read into.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

__all__ = [
    "CALLS",
    "Balance",
    "Call",
    "DeliveryReport",
    "DeliveryReports",
    "Login",
    "Outcome",
    "ResellerClient",
    "ResellerClientTopUp",
    "ResellerClients",
    "SendResult",
    "SendText",
    "SentMessage",
    "SubAccountTopUp",
    "SubUser",
    "SubUsers",
    "TopUp",
    "TopUpCall",
]

R_co = TypeVar("R_co", covariant=True)


# Replies


class Outcome(str, enum.Enum):
    """What became of a message to one recipient, as far as the service has told."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    NOT_SENT = "not sent"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message to one recipient.

    `status` and `description` are the service's words as they came: `successful` on the legacy API, `111` and
    `Message sent successfully` on v2. `recipient` is empty where the reply named none. `response_time` is the
    service's own clock, whose time zone is not documented.
    """

    message_id: str
    outcome: Outcome
    recipient: str = ""
    status: str = ""
    description: str = ""
    response_time: datetime | None = None

    @property
    def words(self) -> str:
        """What the service said of it: the description, or the status where there is none."""
        return self.description or self.status


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of a send: one message for each recipient, in the order given.

    `segments` is how many segments the text takes for each recipient.
    """

    messages: tuple[SentMessage, ...]
    segments: int

    def _with(self, outcome: Outcome) -> tuple[SentMessage, ...]:
        return tuple(message for message in self.messages if message.outcome is outcome)

    @property
    def accepted(self) -> tuple[SentMessage, ...]:
        """Those that the service took."""
        return self._with(Outcome.ACCEPTED)

    @property
    def rejected(self) -> tuple[SentMessage, ...]:
        """Those that the service refused; `words` says why."""
        return self._with(Outcome.REJECTED)

    @property
    def unknown(self) -> tuple[SentMessage, ...]:
        """Those that may or may not have been sent: check before sending them again."""
        return self._with(Outcome.UNKNOWN)

    @property
    def not_sent(self) -> tuple[SentMessage, ...]:
        """Those that were never handed over, since a part before them failed."""
        return self._with(Outcome.NOT_SENT)

    @property
    def all_accepted(self) -> bool:
        """Whether the service took every one."""
        return len(self.accepted) == len(self.messages)

    @property
    def cost(self) -> int:
        """Credits that it took for certain: segments times the recipients accepted."""
        return self.segments * len(self.accepted)

    @property
    def cost_at_most(self) -> int:
        """Credits that it took if each whose outcome is unknown was sent to as well."""
        return self.segments * (len(self.accepted) + len(self.unknown))


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of a message after it was taken.

    `status` and `description` are kept as they came: integrators read `3` as delivered, and no other code is
    known.
    """

    message_id: str
    status: str
    description: str = ""
    recipient: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the status is the one code that is known to mean delivered."""
        return self.status == "3"


@dataclass(frozen=True, slots=True)
class SubUser:
    """A sub-account and its balance in credits."""

    name: str
    sms_balance: int


@dataclass(frozen=True, slots=True)
class ResellerClient:
    """A reseller's client and its balance in credits."""

    name: str
    sms_balance: int


@dataclass(frozen=True, slots=True)
class TopUp:
    """A top-up that was made: `count` credits to `name`, both as the service told them."""

    name: str
    count: int

    def is_of(self, call: TopUpCall) -> bool:
        """Whether it is the one that `call` asked for. The service may write its name in other case."""
        name, called = (name.rstrip(".").casefold() for name in (self.name, call.name))
        count, counted = (str(count).lstrip("0") for count in (self.count, call.count))
        return (name, count) == (called, counted)


# Calls


@dataclass(frozen=True, slots=True)
class Call(Generic[R_co]):
    """What is asked of the service for the account `username`, whose secret travels beside it."""

    operation: ClassVar[str] = ""
    repeatable: ClassVar[bool] = False

    username: str


class Balance(Call[int]):
    """How many credits the account has."""

    __slots__ = ()

    operation = "balance"
    repeatable = True


@dataclass(frozen=True, slots=True)
class SendText(Call[list[SentMessage]]):
    """Send `message` to each of `recipients`. Costs segments times recipients; never repeated by itself."""

    operation = "sendtext"

    sender_id: str
    recipients: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class DeliveryReports(Call[list[DeliveryReport]]):
    """What became of the message with this id. v2 only."""

    operation = "deliveryreport"
    repeatable = True

    message_id: str


class SubUsers(Call[list[SubUser]]):
    """The account's sub-accounts and their balances."""

    __slots__ = ()

    operation = "subusers"
    repeatable = True


class ResellerClients(Call[list[ResellerClient]]):
    """The reseller's clients and their balances."""

    __slots__ = ()

    operation = "resellerclients"
    repeatable = True


_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TopUpCall(Call[TopUp]):
    """Move `count` credits from the account to `name`; never repeated by itself."""

    name: str
    count: int | str
    """A number of credits. Text only as the jar surface passes its caller's text on; digits become a number."""

    def __post_init__(self) -> None:
        if isinstance(self.count, str) and _WHOLE_NUMBER.fullmatch(self.count):
            object.__setattr__(self, "count", int(self.count))


class SubAccountTopUp(TopUpCall):
    """Move `count` credits from the account to its sub-account `name`; never repeated by itself."""

    __slots__ = ()

    operation = "subacctopup"


class ResellerClientTopUp(TopUpCall):
    """Move `count` credits from the reseller to its client `name`; never repeated by itself."""

    __slots__ = ()

    operation = "resellerclienttopup"


class Login(Call[bool]):
    """Whether user name and password are right. Legacy API only."""

    __slots__ = ()

    operation = "login"
    repeatable = True


CALLS: dict[str, type[Call[object]]] = {
    kind.operation: kind
    for kind in (
        Balance, SendText, DeliveryReports, SubUsers, ResellerClients, SubAccountTopUp, ResellerClientTopUp, Login,
    )
}  # fmt: skip
"""The call of each operation, by its name on the wire."""
