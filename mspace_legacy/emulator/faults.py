"""Faults on request: what an emulator does wrong, for which operation, and how often."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from mspace_legacy.errors import InvalidInput
from mspace_legacy.models import CALLS

__all__ = ["Fault", "FaultKind", "Faults"]

FaultKind = Literal[
    "delay", "status", "fail", "refuse", "reset-before",
    "status-after", "reset-after", "truncate", "html", "garbage",
]  # fmt: skip
"""What goes wrong. After `delay:SECONDS` the call is answered as usual. Without acting on the call, `status:CODE`
answers with an HTTP status, `fail:TEXT` with the text of a failure; `refuse` closes the connection and
`reset-before` resets it, both without a reply. *Having acted* on it, `status-after:CODE` answers with a status,
`reset-after` resets the connection, `truncate` sends half of the reply, `html` a page of HTML, and `garbage` bytes
that mean nothing."""

_TAKES = {"delay": "seconds, such as delay:2", "status": "an HTTP status, such as status:503"}
_TAKES |= {
    "status-after": "an HTTP status, such as status-after:502",
    "fail": "a text, such as fail:Insufficient Balance",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: for `operation`, or `*` for all, `times` times, or for good where that is None.

    :raises InvalidInput: no such operation or kind, or an argument that does not fit it.
    """

    kind: FaultKind
    argument: str = ""
    operation: str = "*"
    times: int | None = None

    def __post_init__(self) -> None:
        if self.operation not in ("*", *CALLS):
            raise InvalidInput(
                f"operation {self.operation!r} is not known: there are {', '.join(CALLS)}, or * for all"
            )
        if self.kind not in get_args(FaultKind):
            raise InvalidInput(f"fault {self.kind!r} is not known: there are {', '.join(get_args(FaultKind))}")
        if bool(self.argument) != (self.kind in _TAKES):
            raise InvalidInput(f"fault {self.kind} takes {_TAKES.get(self.kind, 'nothing behind it')}")
        if self.kind == "delay" and not self._is_number():
            raise InvalidInput(f"fault delay:{self.argument}: it takes {_TAKES['delay']}")
        if self.kind.startswith("status") and not (self.argument.isdecimal() and 200 <= int(self.argument) <= 599):
            raise InvalidInput(f"fault {self.kind}:{self.argument}: it takes {_TAKES[self.kind]}")
        if self.times is not None and self.times < 0:
            raise InvalidInput(f"times is {self.times}: it can't be negative")

    def _is_number(self) -> bool:
        try:
            return 0 <= float(self.argument) < 3600
        except ValueError:
            return False

    def once_less(self) -> Fault:
        """The fault with one of its times used up."""
        return self if self.times is None else replace(self, times=self.times - 1)

    @classmethod
    def parse(cls, text: str) -> Fault:
        """A fault as the command line takes it: `[OPERATION=]KIND[:ARGUMENT]`, such as `sendtext=delay:2`."""
        before, _, argument = text.partition(":")
        operation, equals, kind = before.rpartition("=")
        return cls(kind, argument, operation if equals else "*")  # type: ignore[arg-type]  # checked just above


class Faults:
    """The faults that are on. Safe for threads, and may be changed while calls are under way."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._on: list[Fault] = list(faults)

    def add(self, fault: Fault | str) -> None:
        """Turn a fault on, given as it is or as `Fault.parse` reads it."""
        fault = Fault.parse(fault) if isinstance(fault, str) else fault
        with self._lock:
            self._on.append(fault)

    def clear(self) -> None:
        """Turn all faults off."""
        with self._lock:
            self._on.clear()

    def due(self, operation: str) -> list[Fault]:
        """The faults for a call of `operation`; by being asked for, each has happened once more."""
        with self._lock:
            due = [fault for fault in self._on if fault.operation in ("*", operation) and fault.times != 0]
            self._on = [fault.once_less() if fault in due else fault for fault in self._on]
        return due
