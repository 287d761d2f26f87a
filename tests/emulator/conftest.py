"""Fixtures of the emulator's tests."""

from __future__ import annotations

import pytest

from tests.emulator.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
