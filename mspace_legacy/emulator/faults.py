"""Faults on request: what an emulator does wrong, for which operation, and how often."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from mspace_legacy.errors import InvalidInput
from mspace_legacy.models import CALLS

__all__ = ["SUBMIT_SM", "Fault", "FaultKind", "Faults"]

FaultKind = Literal[
    "delay", "status", "fail", "refuse", "reset-before",
    "status-after", "reset-after", "truncate", "html", "garbage",
    "throttle", "split", "reorder", "duplicate",
]  # fmt: skip
"""What goes wrong. After `delay:SECONDS` the call is answered as usual. Without acting on the call, `status:CODE`
answers with an HTTP status, `fail:TEXT` with the text of a failure; `refuse` closes the connection and
`reset-before` resets it, both without a reply. *Having acted* on it, `status-after:CODE` answers with a status,
`reset-after` resets the connection, `truncate` sends half of the reply, `html` a page of HTML, and `garbage` bytes
that mean nothing.

SMPP's operation is `submit_sm`. It has `delay`, where the message is taken at once and the answer comes late, without
holding up others; `refuse`, `reset-before` and `reset-after`; and four of its own. `throttle` answers ESME_RTHROTTLED
and does not take the message. `reorder` sends the answer behind the next one, or after a tenth of a second where none
comes; `duplicate` sends it twice. `split` is not of one submit_sm: whatever the SMSC writes goes out in single
octets, and each such write is one of its times."""

SUBMIT_SM = "submit_sm"
"""The operation that SMPP has faults for."""

_ONLY_SMPP = frozenset(("throttle", "split", "reorder", "duplicate"))
_SMPP = frozenset(("delay", "refuse", "reset-before", "reset-after")) | _ONLY_SMPP

_STATUS = re.compile("[2-5][0-9]{2}")

_TAKES = {"delay": "seconds, such as delay:2", "status": "an HTTP status, such as status:503"}
_TAKES |= {
    "status-after": "an HTTP status, such as status-after:502",
    "fail": "a text, such as fail:Insufficient Balance",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: for `operation`, or `*` for all that have such, `times` times, or for good where that is None.

    An operation is one of the calls of the HTTP APIs, or `submit_sm`.

    :raises InvalidInput: no such operation or kind, a kind that the operation does not have, or an argument that does
        not fit it.
    """

    kind: FaultKind
    argument: str = ""
    operation: str = "*"
    times: int | None = None

    def __post_init__(self) -> None:
        if self.operation not in ("*", *CALLS, SUBMIT_SM):
            raise InvalidInput(
                f"operation {self.operation!r} is not known: there are {', '.join((*CALLS, SUBMIT_SM))}, or * for all"
            )
        if self.kind not in get_args(FaultKind):
            raise InvalidInput(f"fault {self.kind!r} is not known: there are {', '.join(get_args(FaultKind))}")
        if self.operation != "*" and not self.is_for(self.operation):
            there_are = ", ".join(self.kinds_of(self.operation))
            raise InvalidInput(f"fault {self.kind} makes no sense for {self.operation}: there are {there_are}")
        if bool(self.argument) != (self.kind in _TAKES):
            raise InvalidInput(f"fault {self.kind} takes {_TAKES.get(self.kind, 'nothing behind it')}")
        if self.kind == "delay" and not self._is_number():
            raise InvalidInput(f"fault delay:{self.argument}: it takes {_TAKES['delay']}")
        if self.kind.startswith("status") and not _STATUS.fullmatch(self.argument):
            raise InvalidInput(f"fault {self.kind}:{self.argument}: it takes {_TAKES[self.kind]}")
        if self.times is not None and self.times < 0:
            raise InvalidInput(f"times is {self.times}: it can't be negative")

    def _is_number(self) -> bool:
        try:
            return 0 <= float(self.argument) < 3600
        except ValueError:
            return False

    def is_for(self, operation: str) -> bool:
        """Whether it happens to that operation."""
        return self.operation in ("*", operation) and _makes_sense(self.kind, operation)

    def once_less(self) -> Fault:
        """The fault with one of its times used up."""
        return self if self.times is None else replace(self, times=self.times - 1)

    @staticmethod
    def kinds_of(operation: str) -> list[FaultKind]:
        """The kinds that an operation has; all, for `*`."""
        return [kind for kind in get_args(FaultKind) if operation == "*" or _makes_sense(kind, operation)]

    def __str__(self) -> str:
        argument = f":{self.argument}" if self.argument else ""
        return f"{self.operation}={self.kind}{argument}"

    @classmethod
    def parse(cls, text: str) -> Fault:
        """A fault as the command line takes it: `[OPERATION=]KIND[:ARGUMENT]`, such as `sendtext=delay:2`."""
        before, _, argument = text.partition(":")
        operation, equals, kind = before.rpartition("=")
        return cls(kind, argument, operation if equals else "*")  # type: ignore[arg-type]  # checked just above


def _makes_sense(kind: str, operation: str) -> bool:
    return kind in _SMPP if operation == SUBMIT_SM else kind not in _ONLY_SMPP


class Faults:
    """The faults that are on. Safe for threads, and may be changed while calls are under way."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._on: dict[int, Fault] = {next(self._numbers): fault for fault in faults}
        self._revision = 0

    def add(self, fault: Fault | str) -> int:
        """Turn a fault on, given as it is or as `Fault.parse` reads it. It gets a number that `remove` takes."""
        fault = Fault.parse(fault) if isinstance(fault, str) else fault
        with self._lock:
            self._revision += 1
            number = next(self._numbers)
            self._on[number] = fault
        return number

    def remove(self, number: int) -> None:
        """Turn one fault off; nothing where it is off already."""
        with self._lock:
            self._revision += 1
            self._on.pop(number, None)

    def clear(self) -> None:
        """Turn all faults off."""
        with self._lock:
            self._revision += 1
            self._on.clear()

    @property
    def on(self) -> dict[int, Fault]:
        """The faults that are still to happen, by their numbers, the oldest first."""
        with self._lock:
            return {number: fault for number, fault in self._on.items() if fault.times != 0}

    @property
    def revision(self) -> int:
        """A number that changes whenever `on` does."""
        return self._revision

    def due(self, operation: str, kinds: Iterable[FaultKind] = get_args(FaultKind)) -> list[Fault]:
        """The faults of these kinds for a call of `operation`; by being asked for, each has happened once more."""
        with self._lock:
            due = {
                number: fault
                for number, fault in self._on.items()
                if fault.is_for(operation) and fault.kind in kinds and fault.times != 0
            }
            self._on.update((number, fault.once_less()) for number, fault in due.items())
            self._revision += any(fault.times is not None for fault in due.values())
        return list(due.values())
