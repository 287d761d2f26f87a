"""64 threads on each kind of client, with routes that change meanwhile, against an emulator in another process."""

from __future__ import annotations

from pathlib import Path

from tests.fire.threads import hammer


def test_no_reply_is_lost_or_crossed_and_credits_are_exact(tmp_path: Path, seed: int) -> None:
    assert "credits exact" in hammer(tmp_path, seed=seed, calls=8)
