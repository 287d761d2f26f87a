"""Account stores for tests: with verifiers that cost next to nothing, as there are many."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mspace_legacy.emulator import DEMO_ACCOUNTS
from mspace_legacy.migration import AccountStore, StoredAccount, Verifier
from mspace_legacy.secrets import Secret

__all__ = ["cheap_verifier", "demo_store", "write_demo_store"]


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


def write_demo_store(folder: Path) -> str:
    """The same as a file in `folder`; gives its path."""
    file = folder / "accounts.toml"
    file.touch(mode=0o600)
    file.write_text(
        "\n".join(
            f'[[account]]\nusername = "{account.username}"\n'
            f'password_verifier = "{cheap_verifier(account.password)}"\napi_key = "{account.api_key.reveal()}"'
            for account in DEMO_ACCOUNTS
        ),
        "utf-8",
    )
    return str(file)
