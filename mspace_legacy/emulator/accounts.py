"""The accounts that an emulator starts with: built in, or from a TOML file."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, get_type_hints

from mspace_legacy.errors import InvalidInput, WrongType
from mspace_legacy.secrets import Secret
from mspace_legacy.tomlfile import load_toml, read_tables

__all__ = ["DEMO_ACCOUNTS", "MOST_CREDITS", "Account", "check_family", "load_accounts"]


MOST_CREDITS = 10**15
"""What an account can hold. All of them together must fit the 64 bits of an SQLite integer."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it starts.

    `balance` is in credits. `sub_user_of` or `client_of` names the account that it belongs to, which sees it and
    tops it up. A `reseller` may top up clients. What a `suspended` account asks for is answered `Kindly Contact
    Providers for help`; the credits of a `frozen` one can't be moved: `Failed to deduct your account`. With an
    `smpp_password` it has SMPP, where `username` is its system_id: the password has 8 characters of ASCII at most,
    the user name 15 (SMPP 3.4, sections 5.2.2 and 5.2.1).

    :raises InvalidInput: a balance that none can be, or one of those two that SMPP can't carry.
    """

    username: str
    password: Secret
    api_key: Secret
    balance: int = 0
    sender_ids: tuple[str, ...] = ()
    reseller: bool = False
    sub_user_of: str | None = None
    client_of: str | None = None
    suspended: bool = False
    frozen: bool = False
    smpp_password: Secret | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.balance, int) or isinstance(self.balance, bool):
            raise WrongType(f"balance is a {type(self.balance).__name__}: give a whole number of credits")
        if self.balance < 0:
            raise InvalidInput("balance is negative")
        if self.balance > MOST_CREDITS:
            raise InvalidInput(f"balance is more than {MOST_CREDITS}")
        if self.smpp_password is not None:
            problem = _smpp_problem(self.username, self.smpp_password)
            if problem:
                raise InvalidInput(problem)


_LONGEST_SYSTEM_ID, _LONGEST_SMPP_PASSWORD = 15, 8


def _smpp_problem(username: str, password: Secret) -> str:
    """Why they can't be those of an SMPP account; without the password."""
    if not _fits(username, _LONGEST_SYSTEM_ID):
        return f"username: {username!r} is no system_id of SMPP: 1 to {_LONGEST_SYSTEM_ID} characters of ASCII"
    if not _fits(password.reveal(), _LONGEST_SMPP_PASSWORD):
        return f"smpp_password: SMPP carries 1 to {_LONGEST_SMPP_PASSWORD} characters of ASCII"
    return ""


def _fits(text: str, limit: int) -> bool:
    return 1 <= len(text) <= limit and text.isascii() and "\0" not in text


def _demo(username: str, balance: int, **more: Any) -> Account:
    return Account(
        username,
        Secret(f"{username}-password"),
        Secret(f"{username}-api-key-".ljust(128, "0")),
        balance,
        ("MSPACE", "DEMO"),
        smpp_password=Secret("smpp-pwd"),
        **more,
    )


DEMO_ACCOUNTS: tuple[Account, ...] = (
    _demo("demo", 1_000, reseller=True),
    _demo("subuser1", 20, sub_user_of="demo"),
    _demo("subuser2", 18, sub_user_of="demo"),
    _demo("client1", 20, client_of="demo"),
    _demo("client2", 18, client_of="demo"),
    _demo("plain", 50),
    _demo("empty", 0),
    _demo("suspended", 100, reseller=True, suspended=True),
    _demo("frozen", 100, reseller=True, frozen=True),
    _demo("frozen-sub", 0, sub_user_of="frozen"),
    _demo("frozen-client", 0, client_of="frozen"),
)
"""`demo`, a reseller with two sub-accounts and two clients, and one account for each kind of refusal. The password
is `<user name>-password`, the API key `<user name>-api-key-`, filled with zeros to 128 characters, the SMPP password
`smpp-pwd`."""


def load_accounts(path: str | os.PathLike[str]) -> tuple[Account, ...]:
    """The accounts of a TOML file: a table `[[account]]` for each, with the fields of `Account` as keys.

    It may hold codes of USSD too: see `load_ussd_codes`.

    :raises InvalidInput: names the file, the account and the key at fault, never a value of a secret.
    """
    problem = ""
    try:
        return _checked(path, load_toml(path))
    except InvalidInput as error:
        problem = str(error)
    # Raised here, as a traceback that shows variables must not show the document.
    raise InvalidInput(problem)


def _checked(path: str | os.PathLike[str], document: dict[str, Any]) -> tuple[Account, ...]:
    tables = document.get("account")
    if not set(document) <= {"account", "ussd"} or not isinstance(tables, list) or not tables:
        raise InvalidInput(
            f"{os.fspath(path)}: it holds a table [[account]] for each account, [[ussd]] for each code of USSD, and "
            "nothing else"
        )
    accounts = tuple(
        _account(place, values)
        for place, values in read_tables(
            path, "account", tables, get_type_hints(Account), required=("username", "password", "api_key")
        )
    )
    check_family(os.fspath(path), accounts)
    return accounts


def _account(place: str, values: dict[str, Any]) -> Account:
    problem = ""
    try:
        return Account(**values)
    except InvalidInput as error:
        problem = f"{place}: {error}"
    raise InvalidInput(problem)


def check_family(place: str, accounts: Collection[Account]) -> None:
    """That no user name comes twice, and that every parent is there.

    :raises InvalidInput: names the account, and `place`.
    """
    names: set[str] = set()
    for account in accounts:
        if account.username in names:
            raise InvalidInput(f"{place}: there are two accounts {account.username!r}")
        names.add(account.username)
    for account in accounts:
        for parent in filter(None, (account.sub_user_of, account.client_of)):
            if parent not in names:
                raise InvalidInput(f"{place}: {account.username!r} belongs to {parent!r}, which is not there")
