"""emulator.accounts: the built-in accounts, and those of a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mspace_legacy.emulator import DEMO_ACCOUNTS, Account, Ledger, load_accounts
from mspace_legacy.errors import InvalidInput
from mspace_legacy.secrets import Secret

CANARY = "canary-71f3"
GOOD = f"""
[[account]]
username = "boss"
password = "{CANARY}"
api_key = "{CANARY}-key"
balance = 1_000
sender_ids = ["MSPACE", "Zoë"]
reseller = true

[[account]]
username = "sub"
password = "p/%;"
api_key = "k"
sub_user_of = "boss"
client_of = "boss"
suspended = true
frozen = true
smpp_password = "{CANARY[:8]}"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "accounts.toml"


def test_a_file_gives_its_accounts(file: Path) -> None:
    file.write_text(GOOD, "utf-8")
    assert load_accounts(file) == load_accounts(str(file))
    assert load_accounts(file) == (
        Account("boss", Secret(CANARY), Secret(f"{CANARY}-key"), 1_000, ("MSPACE", "Zoë"), reseller=True),
        Account(
            "sub",
            Secret("p/%;"),
            Secret("k"),
            sub_user_of="boss",
            client_of="boss",
            suspended=True,
            frozen=True,
            smpp_password=Secret("canary-7"),
        ),
    )


@pytest.mark.parametrize(
    ("balance", "told"),
    [(-1, "balance is negative"), (10**15 + 1, "balance is more than 1000000000000000"),
     (2**63, "balance is more than"),
     ("many", "balance is a str: give a whole number of credits"), (True, "balance is a bool")],
)  # fmt: skip
def test_a_balance_that_none_can_be_is_refused(balance: Any, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        Account("u", Secret("p"), Secret("k"), balance)


def test_an_account_prints_without_its_secrets(file: Path) -> None:
    file.write_text(GOOD, "utf-8")
    assert "canary" not in repr(load_accounts(file))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere\.toml can't be read: No such file or directory"):
        load_accounts(tmp_path / "nowhere.toml")
    with pytest.raises(InvalidInput, match=r"can't be read: Is a directory"):
        load_accounts(tmp_path)


ONE = f'[[account]]\nusername = "u"\npassword = "{CANARY}"\napi_key = "{CANARY}"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"\xff", "can't be read: UnicodeDecodeError"),
        (f'[[account]]\npassword = "{CANARY}', "is not TOML"),
        (f"[[account]]\npassword = {CANARY}", "is not TOML"),
        (f'[[account]]\npassword "{CANARY}"', "is not TOML"),
        ("", "[[account]]"),
        ('title = "x"\n' + ONE, "[[account]]"),
        ("account = []", "[[account]]"),
        ('[account]\nusername = "u"', "[[account]]"),
        ("account = [1, 2]", "account 1"),
        (f'account = ["{CANARY}"]', "account 1"),
        (f'[[account]]\npassword = "{CANARY}"\napi_key = "{CANARY}"', "account 1: username is missing"),
        ('[[account]]\nusername = "u"\napi_key = "k"', "account 1: password is missing"),
        ('[[account]]\nusername = "u"\npassword = "p"', "account 1: api_key is missing"),
        ('[[account]]\nusername = ""\npassword = "p"\napi_key = "k"', "account 1: username is empty"),
        ('[[account]]\nusername = "u"\npassword = ""\napi_key = "k"', "account 1: password is empty"),
        (ONE + f'passwort = "{CANARY}"', "account 1: there is no key 'passwort'"),
        (ONE + 'balance = "5"', "account 1: balance is not an integer"),
        (ONE + "balance = 5.0", "account 1: balance is not an integer"),
        (ONE + "balance = true", "account 1: balance is not an integer"),
        (ONE + "balance = -1", "account 1: balance is negative"),
        (ONE + "balance = 99999999999999999999", "account 1: balance"),
        (ONE + 'sender_ids = "MSPACE"', "account 1: sender_ids is not an array of strings"),
        (ONE + "sender_ids = [1]", "account 1: sender_ids is not an array of strings"),
        (ONE + "reseller = 1", "account 1: reseller is not a boolean"),
        (ONE + "sub_user_of = 1", "account 1: sub_user_of is not a string"),
        (ONE + f'[[account]]\nusername = "v"\npassword = ["{CANARY}"]', "account 2: password is not a string"),
        (ONE + f'smpp_password = ["{CANARY}"]', "account 1: smpp_password is not a string"),
        # SMPP 3.4, section 5.2.2: a password has 8 characters at most, and a NUL.
        (ONE + 'smpp_password = "canary-71f3"', "account 1: smpp_password: SMPP carries 1 to 8 characters of ASCII"),
        (ONE + 'smpp_password = "pässword"', "account 1: smpp_password: SMPP carries"),
        (ONE + 'smpp_password = "a\\u0000b"', "account 1: smpp_password: SMPP carries"),
        (ONE + 'smpp_password = ""', "account 1: smpp_password: SMPP carries"),
        # Section 5.2.1: a system_id has 15.
        (ONE.replace('"u"', '"sixteen-letters!"') + 'smpp_password = "p"', "account 1: username: 'sixteen-letters!'"),
        (ONE.replace('"u"', '"zoë"') + 'smpp_password = "p"', "account 1: username: 'zoë' is no system_id"),
        (ONE + ONE, "there are two accounts 'u'"),
        (ONE + 'sub_user_of = "nobody"', "'u' belongs to 'nobody', which is not there"),
        (ONE + 'client_of = "nobody"', "'u' belongs to 'nobody', which is not there"),
    ],
)
def test_a_mistake_is_told_with_file_account_and_key_and_without_a_secret(
    file: Path, text: str | bytes, told: str
) -> None:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidInput) as raised:
        load_accounts(file)
    assert "accounts.toml" in str(raised.value)
    assert told in str(raised.value)
    assert CANARY not in str(raised.value)
    assert raised.value.__context__ is None


def test_the_largest_balance_that_a_file_may_give_can_be_kept(file: Path) -> None:
    file.write_text(ONE + f"balance = {10**15}", "utf-8")
    ledger = Ledger(load_accounts(file))
    assert (ledger.balance("u"), ledger.total()) == (10**15, 10**15)
    ledger.close()


def test_the_demo_accounts_try_everything() -> None:
    accounts = {account.username: account for account in DEMO_ACCOUNTS}
    assert accounts["demo"].reseller
    assert [a.username for a in DEMO_ACCOUNTS if a.sub_user_of == "demo"] == ["subuser1", "subuser2"]
    assert [a.username for a in DEMO_ACCOUNTS if a.client_of == "demo"] == ["client1", "client2"]
    assert accounts["empty"].balance == 0
    assert accounts["suspended"].suspended
    assert accounts["frozen"].frozen
    for account in DEMO_ACCOUNTS:
        assert account.password == Secret(f"{account.username}-password")
        assert len(account.api_key.reveal()) == 128
        assert account.api_key.reveal().rstrip("0") == f"{account.username}-api-key-"
        assert account.smpp_password == Secret("smpp-pwd")


def test_an_account_made_in_python_is_held_to_smpp_s_limits_too() -> None:
    assert Account("fifteen-letters", Secret("p"), Secret("k"), smpp_password=Secret("12345678")).smpp_password
    for username, password in (("u", "123456789"), ("u", ""), ("sixteen-letters!", "p")):
        with pytest.raises(InvalidInput) as raised:
            Account(username, Secret("p"), Secret("k"), smpp_password=Secret(password))
        assert "123456789" not in str(raised.value)
    assert Account("sixteen-letters!", Secret("p"), Secret("k")).smpp_password is None
