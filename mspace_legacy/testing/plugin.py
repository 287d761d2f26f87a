"""The pytest plugin: an emulator on a socket, and a vcrpy that writes no secrets. For users' tests and for ours.

pytest loads it in every run of whoever has the package installed, so what a fixture needs is imported there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mspace_legacy.emulator import Account, Ledger
    from mspace_legacy.secrets import Secret
    from mspace_legacy.testing.running import RunningEmulator

__all__ = [
    "mspace_accounts",
    "mspace_cassette_dir",
    "mspace_emulator",
    "mspace_ledger",
    "mspace_record_mode",
    "mspace_scrub_numbers",
    "mspace_secrets",
    "mspace_vcr",
]


@pytest.fixture
def mspace_accounts() -> Iterable[Account]:
    """The accounts that the emulator starts with, the first of them the one that its clients use.

    The demo accounts. Override it with `Account`s of your own, or with `load_accounts("accounts.toml")`.
    """
    with _told_what_to_install():
        from mspace_legacy.emulator import DEMO_ACCOUNTS
    return DEMO_ACCOUNTS


@pytest.fixture
def mspace_ledger(mspace_accounts: Iterable[Account]) -> Ledger:
    """The emulator's ledger: in memory, where a message is delivered at once. Override it to have it otherwise."""
    with _told_what_to_install():
        from mspace_legacy.emulator import Ledger
    return Ledger(mspace_accounts, delivery_delay=0)


@pytest.fixture
def mspace_emulator(mspace_ledger: Ledger) -> Iterator[RunningEmulator]:
    """An emulator on a socket of its own, fresh for each test: see `mspace_legacy.testing.running`."""
    with _told_what_to_install():
        from mspace_legacy.testing.running import RunningEmulator
    with RunningEmulator(mspace_ledger) as emulator:
        yield emulator


@pytest.fixture
def mspace_cassette_dir(request: pytest.FixtureRequest) -> Path:
    """Where the cassettes are: the directory `cassettes` beside the test's file."""
    return request.path.parent / "cassettes"


@pytest.fixture
def mspace_secrets() -> Iterable[str | Secret]:
    """What is masked wherever it stands: `MSPACE_PASSWORD` and `MSPACE_API_KEY`, where the environment has them.

    What stands as a password or an API key in a request is masked in any case.
    """
    return [os.environ[name] for name in ("MSPACE_PASSWORD", "MSPACE_API_KEY") if os.environ.get(name)]


@pytest.fixture
def mspace_scrub_numbers() -> bool:
    """Whether telephone numbers are replaced in what is written. False; override it with True."""
    return False


@pytest.fixture
def mspace_record_mode() -> str:
    """vcrpy's record mode: `none`, which only replays. `once` records a cassette that is not there."""
    return "none"


@pytest.fixture
def mspace_vcr(
    mspace_cassette_dir: Path,
    mspace_secrets: Iterable[str | Secret],
    mspace_scrub_numbers: bool,
    mspace_record_mode: str,
) -> Any:
    """A `vcr.VCR` that records and replays without secrets: see `mspace_legacy.testing.cassettes.recorder`."""
    with _told_what_to_install():
        from mspace_legacy.testing.cassettes import recorder
    return recorder(
        mspace_cassette_dir,
        secrets=mspace_secrets,
        scrub_numbers=mspace_scrub_numbers,
        record_mode=mspace_record_mode,
    )


@contextmanager
def _told_what_to_install() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as missing:
        name = missing.name
    else:
        return
    pytest.fail(f"{name} is not installed: install mspace_legacy with its extra [testing]", pytrace=False)
