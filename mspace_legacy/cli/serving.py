"""Running in the foreground until a signal says stop, in one process or in several."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol

from mspace_legacy.errors import MSpaceError

__all__ = ["Stoppable", "in_processes", "processors", "stopped_by_signals"]

_log = logging.getLogger("mspace_legacy.server")

_TOO_SOON = 1.0
"""Seconds. A process that ended sooner is not put back at once: it would most likely end again."""


class Stoppable(Protocol):
    """What runs until it is told to stop."""

    def stop(self) -> None:
        """Stop; safe to call from a signal handler."""
        ...


@contextmanager
def stopped_by_signals(server: Stoppable, on_hangup: Callable[[], None] | None = None) -> Iterator[None]:
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
    if hasattr(signal, "pthread_sigmask"):
        # One that came while nobody would have heeded it was held back by `in_processes`.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number for number, _ in before])
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def processors() -> int:
    """How many there are for this process; 1 where processes can't be forked."""
    if not hasattr(os, "fork"):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(
    count: int,
    listener: socket.socket,
    serve: Callable[[], None],
    tell: Callable[[], None],
    on_hangup: Callable[[], None],
) -> None:
    """Have `count` forked processes `serve`, until SIGINT or SIGTERM; SIGHUP is passed on to each.

    One that dies is put back. When this process dies, they stop as by SIGTERM.

    :param listener: the socket that they share; closed here when they are told to stop, so that nobody connects.
    :param serve: heeds signals by `stopped_by_signals`; one that comes before waits until then.
    :param tell: called when signals are heeded, before anything is served.
    :param on_hangup: called here at SIGHUP: what one that is put back begins with has changed, too.
    """
    began: dict[int, float] = {}
    stopping = False
    lifeline, held = os.pipe()
    heeded = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def pass_on(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = stopping or number != signal.SIGHUP
        if stopping:
            listener.close()
        else:
            on_hangup()
        for child in list(began):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM if stopping else signal.SIGHUP)

    def begin() -> None:
        # A signal that comes before the child is known would not reach it.
        signal.pthread_sigmask(signal.SIG_BLOCK, heeded)
        child = os.fork()
        if child:
            began[child] = time.monotonic()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, heeded)
            return
        os.close(held)
        _be_child(serve, lifeline, heeded)

    before = [(number, signal.signal(number, pass_on)) for number in heeded]
    try:
        tell()
        for _ in range(count):
            begin()
        while began:
            child, _ = os.wait()
            age = time.monotonic() - began.pop(child)
            if not stopping:
                _log.error("process %d ended, another takes its place", child)
                if age < _TOO_SOON:
                    time.sleep(_TOO_SOON)
            if not stopping:
                begin()
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        os.close(lifeline)
        os.close(held)


def _be_child(serve: Callable[[], None], lifeline: int, heeded: tuple[signal.Signals, ...]) -> None:
    code = 1
    try:
        # They are held back until it serves: ended before, it would leave to a reset who has come by then.
        for number in heeded:
            signal.signal(number, signal.SIG_DFL)
        threading.Thread(target=_stop_with_parent, args=(lifeline,), daemon=True).start()
        serve()
        code = 0
    except BaseException as error:  # its traceback may hold a secret, and so may a text that is not ours
        told = f": {error}" if isinstance(error, MSpaceError) else ""
        _log.error("%s in a process that served%s", type(error).__name__, told)
    finally:
        os._exit(code)


def _stop_with_parent(lifeline: int) -> None:
    """Its other end is open in the parent alone, so that reading ends when the parent does."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
