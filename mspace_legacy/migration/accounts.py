"""The account store: which API key belongs to which legacy user name and password.

A legacy caller has a user name and a password, v2 wants an API key. Whoever answers the one from the other must check
the password itself, as v2 will not. Nothing of a store is ever printed but user names.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mspace_legacy.errors import InvalidInput, WrongType
from mspace_legacy.secrets import Secret
from mspace_legacy.tomlfile import load_toml, read_tables
from mspace_legacy.wire.v2 import checked_key

__all__ = ["AccountStore", "StoredAccount", "Verifier"]

_N, _R, _P = 1 << 14, 8, 1
"""scrypt's cost: 16 MiB, and some 50 ms (RFC 7914, section 2)."""

_MOST_MEMORY = 1 << 28
"""Bytes, for one verification: a store must not be able to ask for more."""

_SALT = _DIGEST = 32
"""Bytes."""


class _Pool:
    """The few threads that run scrypt: more than there are processors gain nothing, and each keeps its 16 MiB."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a child of a fork must, which has none of its parent's threads."""
        self._threads: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def run(self, work: Callable[[], bool]) -> bool:
        """What `work` gives, as soon as one of them is free."""
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(os.cpu_count() or 1, "mspace-legacy scrypt")
            try:
                done = self._threads.submit(work)
            except RuntimeError:
                # The interpreter ends, and a comparison is finished on the way.
                done = None
        return work() if done is None else done.result()


_pool = _Pool()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.forget)


@dataclass(frozen=True, slots=True, repr=False)
class Verifier:
    """What tells a right password from a wrong one without holding it: its scrypt (RFC 7914) under a random salt.

    As text, which is what a store's file holds: `scrypt$16384$8$1$<salt>$<digest>`, N, r and p in decimals, the rest
    in base64.
    """

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, password: str | Secret) -> Verifier:
        """The verifier of `password`, with a new salt.

        :raises InvalidInput: a password that ends with NUL.
        """
        password = password if isinstance(password, Secret) else Secret(password)
        if _ends_with_nul(password):
            raise InvalidInput("the password ends with NUL, which scrypt can't tell from one that does not")
        salt = secrets.token_bytes(_SALT)
        return cls(_N, _R, _P, salt, _scrypt(password, salt, _N, _R, _P))

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """The verifier that `str()` wrote.

        :raises InvalidInput: the text is not a verifier. It is not shown, as it may be the password itself.
        """
        made = _parsed(text)
        # A traceback that shows the variables of its frames must not show the text.
        del text
        if isinstance(made, str):
            raise InvalidInput(f"{made}: 'mspace-legacy verifier' makes one")
        return made

    def __str__(self) -> str:
        salt, digest = (base64.b64encode(part).decode("ascii") for part in (self.salt, self.digest))
        return f"scrypt${self.n}${self.r}${self.p}${salt}${digest}"

    def __repr__(self) -> str:
        return "Verifier(***)"

    def accepts(self, password: Secret) -> bool:
        """Whether `password` is the right one; compared in constant time."""
        digest = _scrypt(password, self.salt, self.n, self.r, self.p, len(self.digest))
        return hmac.compare_digest(digest, self.digest) and not _ends_with_nul(password)


def _ends_with_nul(password: Secret) -> bool:
    """scrypt's HMAC fills a short key with NULs (RFC 2104), so that with some behind it, it is the same key."""
    return password.reveal().endswith("\0")


def _parsed(text: str) -> Verifier | str:
    """The verifier, or what is wrong with the text."""
    name, *numbers = text.strip().split("$")
    try:
        n, r, p = (int(number) for number in numbers[:3])
        salt, digest = (base64.b64decode(part, validate=True) for part in numbers[3:])
    except ValueError:
        name = ""
    if name != "scrypt":
        return "not a password verifier"
    # RFC 7914, section 2: N is a power of two, and less than 2^(128 * r / 8).
    allowed = 1 <= r <= 64 and 1 <= p <= 16 and 2 <= n < 1 << 16 * r and not n & (n - 1)
    if not allowed or 128 * r * (n + p + 2) > _MOST_MEMORY:
        return "a password verifier whose cost is out of bounds"
    if len(salt) < 16 or len(digest) < 16:
        return "a password verifier that was cut short"
    return Verifier(n, r, p, salt, digest)


def _scrypt(password: Secret, salt: bytes, n: int, r: int, p: int, length: int = _DIGEST) -> bytes:
    return hashlib.scrypt(_bytes(password), salt=salt, n=n, r=r, p=p, maxmem=_MOST_MEMORY * 2, dklen=length)


def _bytes(password: Secret) -> bytes:
    return password.reveal().encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account of the store: the user name that both APIs know it by, the verifier, and v2's key."""

    username: str
    verifier: Verifier
    api_key: Secret


class AccountStore:
    """Accounts by user name, each with a password verifier and an API key. Safe to share between threads.

    A password that was right is remembered, as a keyed hash in memory, so that scrypt is paid once for each account
    and process. User names are compared to the letter.
    """

    def __init__(self, accounts: Iterable[StoredAccount]) -> None:
        self._accounts: dict[str, StoredAccount] = {}
        for account in accounts:
            if account.username in self._accounts:
                raise InvalidInput(f"there are two accounts {account.username!r}")
            self._accounts[account.username] = account
        self._hash_key = secrets.token_bytes(32)
        self._remembered: dict[str, bytes] = {}
        # Verified in place of an account that is not there, so that the time does not tell which user names are.
        self._nobody = Verifier(_N, _R, _P, secrets.token_bytes(_SALT), secrets.token_bytes(_DIGEST))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> AccountStore:
        """The store of a TOML file, which nobody but its owner may be able to read.

        A table `[[account]]` for each, with `username`, `password_verifier` (from `mspace-legacy verifier`), and one
        of `api_key`, `api_key_env` (an environment variable that holds it) and `api_key_file` (a file that does,
        relative to the store's).

        :raises InvalidInput: names the file, the account's place and the key at fault, never a value.
        """
        try:
            return cls(_accounts(path))
        except InvalidInput as error:
            problem = str(error)
        # Raised here, as a traceback that shows variables must not show the document.
        raise InvalidInput(problem)

    @classmethod
    def of(cls, accounts: AccountStore | str | os.PathLike[str]) -> AccountStore:
        """`accounts` itself, or the store of the file that it names.

        :raises InvalidInput: as `load` does.
        """
        if isinstance(accounts, AccountStore):
            return accounts
        if not isinstance(accounts, (str, os.PathLike)):
            raise WrongType(f"accounts is a {type(accounts).__name__}: give an AccountStore, or the path of its file")
        return cls.load(accounts)

    def __repr__(self) -> str:
        return f"AccountStore({len(self._accounts)} accounts)"

    @property
    def usernames(self) -> tuple[str, ...]:
        """The user names that are there."""
        return tuple(self._accounts)

    def __contains__(self, username: object) -> bool:
        return username in self._accounts

    def remember_from(self, other: AccountStore) -> None:
        """Take over which passwords `other` found right, of the accounts whose verifier is the same."""
        self._hash_key = other._hash_key
        self._remembered = {
            username: remembered
            for username, remembered in other._remembered.copy().items()
            if username in self and self._accounts[username].verifier == other._accounts[username].verifier
        }

    def remembers(self, username: str, password: Secret) -> bool:
        """Whether this very password was found right before: quick, and never wrong in saying yes."""
        return hmac.compare_digest(self._remembered.get(username, b""), self._hash(username, password))

    def verify(self, username: str, password: Secret) -> bool:
        """Whether the account is there and the password is its own."""
        return self.remembers(username, password) or _pool.run(lambda: self._check(username, password))

    def _check(self, username: str, password: Secret) -> bool:
        # Of many that came at once, the first has paid for all.
        if self.remembers(username, password):
            return True
        account = self._accounts.get(username)
        if account is None:
            self._nobody.accepts(password)
            return False
        if not account.verifier.accepts(password):
            return False
        self._remembered[username] = self._hash(username, password)
        return True

    def api_key(self, username: str, password: Secret) -> Secret | None:
        """The account's API key for v2; None where `verify` says no."""
        return self._accounts[username].api_key if self.verify(username, password) else None

    def _hash(self, username: str, password: Secret) -> bytes:
        name = username.encode("utf-8", "surrogatepass")
        return hmac.digest(self._hash_key, len(name).to_bytes(8, "big") + name + _bytes(password), "sha256")


_KEY_SOURCES = ("api_key", "api_key_env", "api_key_file")
_REQUIRED = ("username", "password_verifier")


def _accounts(path: str | os.PathLike[str]) -> Iterator[StoredAccount]:
    document = load_toml(path, private=True)
    tables = document.get("account")
    if set(document) != {"account"} or not isinstance(tables, list) or not tables:
        raise InvalidInput(f"{os.fspath(path)}: it holds a table [[account]] for each account, and nothing else")
    kinds = dict.fromkeys((*_REQUIRED, *_KEY_SOURCES), str)
    first: dict[str, int] = {}
    for number, (place, values) in enumerate(read_tables(path, "account", tables, kinds, required=_REQUIRED), 1):
        account = _account(place, values, Path(path).parent)
        if first.setdefault(account.username, number) != number:
            raise InvalidInput(f"{place}: username is that of account {first[account.username]}")
        yield account


def _account(place: str, values: dict[str, str], folder: Path) -> StoredAccount:
    sources = [name for name in _KEY_SOURCES if name in values]
    if len(sources) != 1:
        raise InvalidInput(f"{place}: give one of {', '.join(_KEY_SOURCES)}")
    (source,) = sources
    try:
        verifier = Verifier.parse(values["password_verifier"])
        key = checked_key(_api_key(source, values[source], folder))
    except InvalidInput as error:
        problem = str(error)
    else:
        return StoredAccount(values["username"], verifier, key)
    raise InvalidInput(f"{place}: {problem}")


_VARIABLE = re.compile("(?=.{3,40}$)[A-Z]+(?:_[A-Z]+)+")


def _api_key(source: str, value: str, folder: Path) -> Secret:
    if source == "api_key":
        return Secret(value)
    if source == "api_key_env":
        if not os.environ.get(value):
            # Someone may have put the key itself there.
            named = f"{value}, " if _VARIABLE.fullmatch(value) else ""
            raise InvalidInput(f"api_key_env names {named}an environment variable that is not set")
        return Secret(os.environ[value])
    try:
        return Secret((folder / value).read_text("utf-8-sig").rstrip("\r\n"))
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or type(error).__name__
    raise InvalidInput(f"api_key_file names a file that can't be read: {problem}")
