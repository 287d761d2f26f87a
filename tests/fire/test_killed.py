"""An emulator with a file, killed by SIGKILL: what was acknowledged is there. A hundred times by the command."""

from __future__ import annotations

from pathlib import Path

from tests.fire.killed import kill_again_and_again


def test_what_was_acknowledged_is_there(tmp_path: Path, seed: int) -> None:
    assert "all there once, credits exact" in kill_again_and_again(tmp_path, seed=seed, kills=6)
