"""The Transport protocol: the only seam of the house."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from mspace_legacy.wire.http import Request, Response

__all__ = ["Transport"]


@runtime_checkable
class Transport(Protocol):
    """Anything that answers a request. Safe to use from several threads at once."""

    def handle(self, request: Request) -> Response:
        """The reply, whatever its status.

        :raises NotSent: certainly nothing of the request left this machine.
        :raises ReplyLost: it did, or may have, and no whole reply came; where the request is not repeatable, the
            error is an `OutcomeUnknown` too.
        """
        ...

    def close(self) -> None:
        """Give back what is held, such as connections. Closing twice does no harm."""
        ...
