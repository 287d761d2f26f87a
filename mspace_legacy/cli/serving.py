"""Running in the foreground until a signal says stop, in one process or in several."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

    reading = again = False

    def hangup(number: int, frame: FrameType | None) -> None:
        # One after the other: what an earlier one has read is not to be taken over after a later one's.
        nonlocal reading, again
        again = True
        if reading or not on_hangup:
            return
        reading = True
        try:
            while again:
                again = False
                on_hangup()
        finally:
            reading = False

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
    awaited = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)

    def begin() -> None:
        child = os.fork()
        if child:
            began[child] = time.monotonic()
        else:
            os.close(held)
            _be_child(serve, lifeline)

    def pass_on(number: signal.Signals) -> None:
        for child in began:
            # Whoever has ended is waited for all the same: its number is nobody else's until then.
            os.kill(child, number)

    # They are held back and waited for, as a child's end is. Were they handled, one that came just before `os.wait`
    # would be heeded no sooner than a child ends.
    children_before = signal.signal(signal.SIGCHLD, lambda number, frame: None)
    mask_before = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    try:
        tell()
        for _ in range(count):
            begin()
        while began:
            number = signal.sigwait(awaited)
            if number == signal.SIGCHLD:
                for child in [child for child in began if os.waitpid(child, os.WNOHANG)[0]]:
                    age = time.monotonic() - began.pop(child)
                    if not stopping:
                        _log.error("process %d ended, another takes its place", child)
                        if age < _TOO_SOON:
                            time.sleep(_TOO_SOON)
                        begin()
            elif number == signal.SIGHUP and not stopping:
                on_hangup()
                pass_on(signal.SIGHUP)
            elif not stopping:
                stopping = True
                listener.close()
                pass_on(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGCHLD, children_before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask_before)
        os.close(lifeline)
        os.close(held)


def _be_child(serve: Callable[[], None], lifeline: int) -> None:
    """Signals stay held back until it serves: ended before, it would leave to a reset who has come by then."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
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
