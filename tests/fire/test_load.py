"""A gateway and an emulator under some load. For minutes by the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fire.load import bear


# That nothing leaks is counted in /proc, and load alone would show nothing.
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="Linux alone tells in /proc what a process holds")
def test_nothing_is_lost_or_crossed_and_nothing_grows(tmp_path: Path, seed: int) -> None:
    assert "no descriptor more" in bear(tmp_path, seed=seed, warm_up=1500, replies=1500, seconds=0)
