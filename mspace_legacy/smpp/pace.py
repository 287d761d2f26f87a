"""How fast a service lets us submit, learnt from what it throttles. Pure: times are seconds of any steady clock."""

from __future__ import annotations

import math

__all__ = ["Pace"]

_FIRST_PAUSE, _LONGEST_PAUSE, _LONGER = 0.25, 2.5, 1.5
"""Seconds without a submit after one was throttled, and what they are multiplied by each time until one is taken.
What services limit is mostly the messages of a second, so that a longer one gains nothing."""

_SPACING, _LEAST_SPACING, _MOST_SPACING = 0.02, 0.001, 1.0
"""Seconds between two submits once one was throttled: where nothing is known yet, the least that is worth waiting
for, and the most."""

_FASTER = 0.8
"""What the spacing is multiplied by in each second in which nothing is throttled."""


class Pace:
    """When the next submit_sm may go. It goes at once while nothing was ever throttled."""

    def __init__(self) -> None:
        self.next_time = -math.inf
        self._pause = 0.0
        self._spacing = 0.0
        self._slowed = -math.inf
        self._accepted = -math.inf
        self._second = -math.inf
        self._taken = self._taken_before = 0
        """Messages that were taken in the second that began at `_second`, and in the one before."""

    def submitted(self, now: float) -> None:
        """One goes now."""
        if self._spacing:
            self.next_time = now + self._spacing

    def accepted(self, now: float) -> None:
        """One was taken."""
        if now - self._second >= 1:
            self._taken_before = self._taken if now - self._second < 2 else 0
            self._second, self._taken = now, 0
        self._taken += 1
        self._pause = 0.0
        if self._spacing:
            faster = self._spacing * _FASTER ** (now - max(self._accepted, self._slowed))
            self._spacing = faster if faster > _LEAST_SPACING else 0.0
        self._accepted = now

    def passed_over(self, now: float) -> None:
        """One was throttled again while others were taken: it is that one's own affair, be it a full queue."""
        self.next_time = max(self.next_time, now + _FIRST_PAUSE)

    def throttled(self, submitted: float, now: float) -> None:
        """One that went at the time `submitted` was throttled."""
        if submitted < self._slowed:
            # It went before we slowed down, and says nothing of the pace since.
            return
        if most := max(self._taken, self._taken_before):
            # That many in a second were too many, or just what it takes.
            self._spacing = min(max(self._spacing, 1 / most), _MOST_SPACING)
        else:
            self._spacing = self._spacing or _SPACING
        self._pause = min(max(self._pause * _LONGER, _FIRST_PAUSE), _LONGEST_PAUSE)
        self.next_time = now + max(self._pause, self._spacing)
        self._slowed = now
