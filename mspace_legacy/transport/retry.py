"""Retry: a transport around a transport, that asks again only where asking again can do no harm."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from mspace_legacy.checks import at_least_one, seconds
from mspace_legacy.errors import NotSent, TransportError
from mspace_legacy.transport.base import Transport
from mspace_legacy.wire.http import Request, Response

if TYPE_CHECKING:
    import tenacity

__all__ = ["DEFAULT_TOTAL_TIME", "Retry"]

_PASSING_STATUSES = frozenset((429, *range(500, 600)))


DEFAULT_TOTAL_TIME = 30.0
"""Seconds."""


class Retry:
    """Ask `transport` again, after a growing pause with jitter, within bounds of attempts and of time.

    A repeatable request is asked again after a lost connection, a time-out, and the statuses 429 and 5xx, whose
    `Retry-After` in seconds is heeded. Any other is asked again only after `NotSent`: where it is certain that
    nothing had left this machine. Nothing is asked again for a caller who has given up meanwhile. What is raised or
    returned in the end is what the last attempt gave.

    :param attempts: at most, the first one included. 1 turns it off.
    :param total_time: seconds after which no further attempt begins; an attempt has its own time-outs.
    :param first_pause: seconds before the second attempt; it doubles with each, and up to as much is added at
        random.
    :param longest_pause: seconds.
    :raises InvalidInput: a setting that can't be right.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        attempts: int = 3,
        total_time: float = DEFAULT_TOTAL_TIME,
        first_pause: float = 0.2,
        longest_pause: float = 5.0,
    ) -> None:
        self._transport = transport
        self._attempts = at_least_one("attempts", attempts)
        self._total_time = seconds("total_time", total_time, or_zero=True, or_for_ever=True)
        self._first_pause = seconds("first_pause", first_pause, or_zero=True)
        self._longest_pause = seconds("longest_pause", longest_pause, or_zero=True, or_for_ever=True)

    def __repr__(self) -> str:
        return f"Retry({self._transport!r})"

    def handle(self, request: Request) -> Response:
        """The reply of the first attempt that needs no other, or of the last one; see `Transport`."""
        began = time.monotonic()
        outcome: Response | TransportError
        try:
            outcome = response = self._transport.handle(request)
            if not _has_passing_status(request, response):
                return response
        except TransportError as error:
            if not _may_be_repeated(request, error):
                raise
            outcome = error
        return self._again(request, outcome, began)

    def _again(self, request: Request, outcome: Response | TransportError, began: float) -> Response:
        """Go on after the first attempt, which tenacity is told of as if it had made it."""
        # Imported here, as few calls fail and it is slow to import.
        try:
            import tenacity
        except OSError:  # as no descriptor is left: what came of the first attempt stands
            if isinstance(outcome, TransportError):
                raise outcome from None
            return outcome

        first: list[Response | TransportError] = [outcome]

        def attempt() -> Response:
            if not first:
                return self._transport.handle(request)
            outcome = first.pop()
            if isinstance(outcome, TransportError):
                raise outcome
            return outcome

        growing = tenacity.wait_exponential(multiplier=self._first_pause, max=self._longest_pause)
        jitter = tenacity.wait_random(0, self._first_pause)

        def pause(state: tenacity.RetryCallState) -> float:
            return max(growing(state) + jitter(state), _asked_pause(state.outcome))

        left = max(0.0, self._total_time - (time.monotonic() - began))
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._attempts) | tenacity.stop_before_delay(left),
            wait=pause,
            retry=tenacity.retry_if_exception(lambda error: _may_be_repeated(request, error))
            | tenacity.retry_if_result(lambda reply: _has_passing_status(request, reply)),
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        response: Response = retrying(attempt)
        return response

    def close(self) -> None:
        """Close the transport below."""
        self._transport.close()


def _may_be_repeated(request: Request, error: BaseException) -> bool:
    is_safe = isinstance(error, NotSent) or (request.repeatable and isinstance(error, TransportError))
    return is_safe and not request.is_abandoned()


def _has_passing_status(request: Request, response: Response) -> bool:
    return request.repeatable and response.status in _PASSING_STATUSES


def _asked_pause(outcome: Any) -> float:
    if outcome is None or outcome.failed:
        return 0.0
    asked = (outcome.result().header("retry-after") or "").strip()
    # In seconds; the other form of the header, a date, needs the clocks to agree and is left to the backoff.
    return float(asked) if re.fullmatch(r"[0-9]{1,6}", asked) else 0.0
