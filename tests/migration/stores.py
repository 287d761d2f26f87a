"""Account stores for tests: with verifiers that cost next to nothing, as there are many."""

from __future__ import annotations

import hashlib

from mspace_legacy.emulator import DEMO_ACCOUNTS
from mspace_legacy.migration import AccountStore, StoredAccount, Verifier
from mspace_legacy.secrets import Secret

__all__ = ["cheap_verifier", "demo_store"]


def cheap_verifier(password: Secret) -> Verifier:
    """With the least cost that scrypt has."""
    salt = b"salt" * 4
    return Verifier(2, 1, 1, salt, hashlib.scrypt(password.reveal().encode(), salt=salt, n=2, r=1, p=1, dklen=32))


def demo_store() -> AccountStore:
    """The emulator's accounts."""
    return AccountStore(
        StoredAccount(account.username, cheap_verifier(account.password), account.api_key)
        for account in DEMO_ACCOUNTS
    )
