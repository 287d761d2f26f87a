"""The seed of each test, which pytest shows where one fails."""

from __future__ import annotations

import os
import secrets

import pytest


@pytest.fixture
def seed() -> int:
    """Another one each time, unless the environment's FIRE_SEED names one."""
    chosen = int(os.environ.get("FIRE_SEED") or secrets.randbelow(1 << 32))
    print(f"FIRE_SEED={chosen} repeats this choice")
    return chosen
