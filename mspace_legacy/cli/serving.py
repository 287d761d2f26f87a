"""Serving in the foreground until a signal says stop: what the emulator and the gateway share."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mspace_legacy.server import Server

__all__ = ["stopped_by_signals"]


@contextmanager
def stopped_by_signals(server: Server, on_hangup: Callable[[], None] | None = None) -> Iterator[None]:
    """Let SIGINT and SIGTERM stop `server`, and SIGHUP call `on_hangup`, where the system has it.

    To be entered before the address is told: who reads it may stop us at once.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        server.stop()

    def hangup(number: int, frame: FrameType | None) -> None:
        if on_hangup:
            on_hangup()

    before = [(number, signal.signal(number, stop)) for number in (signal.SIGINT, signal.SIGTERM)]
    if on_hangup and hasattr(signal, "SIGHUP"):
        before.append((signal.SIGHUP, signal.signal(signal.SIGHUP, hangup)))
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
