"""Transports for tests: one that tells who was asked, one that says what it is told to, and one that waits."""

from __future__ import annotations

import threading

from mspace_legacy.transport import Transport
from mspace_legacy.wire.http import Request, Response

__all__ = ["Held", "Says", "Seen", "json_reply"]


class Seen:
    """Adds its name and each operation to `log`, and asks `transport`."""

    def __init__(self, name: str, transport: Transport, log: list[tuple[str, str]]) -> None:
        self._name, self._transport, self._log = name, transport, log

    def handle(self, request: Request) -> Response:
        self._log.append((self._name, request.operation))
        return self._transport.handle(request)

    def close(self) -> None:
        self._transport.close()


class Says:
    """Answers every request with `outcome`: a response, a body, or an exception that is raised."""

    def __init__(self, outcome: Response | BaseException | bytes) -> None:
        self._outcome = json_reply(outcome) if isinstance(outcome, bytes) else outcome

    def handle(self, request: Request) -> Response:
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome

    def close(self) -> None:
        """Nothing is held."""


class Held:
    """Asks `transport` only when `go` is set. `entered` is released once for each request that came so far."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()

    def handle(self, request: Request) -> Response:
        self.entered.release()
        assert self.go.wait(20), "nobody let it go: whoever should have is waiting for it"
        return self._transport.handle(request)

    def close(self) -> None:
        self._transport.close()


def json_reply(body: bytes, status: int = 200) -> Response:
    """A reply with a header or two, so that one that is not passed on is missed."""
    return Response(status, body, (("Content-Type", "application/json"), ("X-Node", "7"), ("x-node", "8")), "Fine")
