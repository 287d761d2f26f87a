"""The calls whose recordings are in cassettes/: one for each operation, API and form, and failures worth having.

What records them and what replays them both read this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mspace_legacy import (
    Client,
    MSpaceClient,
    Outcome,
    ResellerClient,
    SendResult,
    SentMessage,
    SubUser,
    TopUp,
    errors,
)
from mspace_legacy.emulator import DEMO_ACCOUNTS
from mspace_legacy.wire import v2

__all__ = ["BY_EMULATOR", "BY_VENDOR", "CALLS", "CASSETTES", "CLOCK", "DEMO", "Account", "RecordedCall", "outcome_of"]

CASSETTES = Path(__file__).parent.parent / "cassettes"
BY_EMULATOR = "Recorded against the mspace_legacy emulator, not the vendor's service."
BY_VENDOR = "Recorded against the vendor's service."

TOLD_AT = datetime(2018, 6, 25, 11, 12, 19, 793_000)
CLOCK = datetime(2018, 6, 25, 8, 12, 19, 793_000, tzinfo=timezone.utc).timestamp()
"""What the emulator takes the time to be: the vendor's example, which is East African time."""


@dataclass(frozen=True)
class Account:
    """Whose calls they are, and what they are about. A recording holds the demo's values, whoever made it."""

    username: str
    password: str = ""
    api_key: str = ""
    sender_id: str = ""
    recipients: str = ""
    sub_account: str = ""
    client: str = ""
    message_id: str = ""


def _credentials(username: str) -> dict[str, str]:
    (account,) = (account for account in DEMO_ACCOUNTS if account.username == username)
    return {"username": username, "password": account.password.reveal(), "api_key": account.api_key.reveal()}


DEMO = Account(
    **_credentials("demo"),
    sender_id="MSPACE",
    recipients="254722123456,254733123456",
    sub_account="subuser1",
    client="client1",
    message_id="49032372",
)


@dataclass(frozen=True)
class RecordedCall:
    """A call by its cassette's name: how it is made, and what comes back, be it the class of what is raised.

    `needs` are the fields of the account without which it can't be made; `moves` says that it takes credits or
    moves them; `anywhere`, that it can be had from any account, not just from one of the emulator's.
    """

    name: str
    make: Callable[[str, Account], object]
    told: object
    needs: tuple[str, ...]
    moves: bool = False
    anywhere: bool = True

    def agrees_with(self, outcome: object, *, exactly: bool) -> bool:
        """Whether the outcome is as told; of a vendor's account, with balances of its own, only the kind is."""
        if exactly or isinstance(self.told, type):
            return outcome == self.told
        return isinstance(outcome, type(self.told))


def outcome_of(call: RecordedCall, url: str, account: Account) -> object:
    """What the call gives, or the class of the project's error that it raises."""
    try:
        return call.make(url, account)
    except errors.MSpaceError as error:
        return type(error)


_SENDING = ("sender_id", "recipients")
_TEXT = "Hello from mspace_legacy"
_SUB_USERS = [SubUser("subuser1", 20), SubUser("subuser2", 18)]
_CLIENTS = [ResellerClient("client1", 20), ResellerClient("client2", 18)]
_LEGACY_SENT = [
    SentMessage(message_id, Outcome.ACCEPTED, status="successful", response_time=TOLD_AT)
    for message_id in ("49032372", "49032373")
]
_V2_SENT = SendResult(
    tuple(
        SentMessage(message_id, Outcome.ACCEPTED, number, "111", "Message sent successfully")
        for message_id, number in (("49032372", "254722123456"), ("49032373", "254733123456"))
    ),
    segments=1,
)


def _legacy(
    name: str, ask: Callable[[MSpaceClient, Account], object], told: object, *needs: str, **more: Any
) -> RecordedCall:
    def make(url: str, account: Account) -> object:
        with MSpaceClient(url) as client:
            return ask(client, account)

    return RecordedCall(f"legacy/{name}", make, told, ("password", *needs), **more)


def _v2(
    name: str, style: v2.Style, ask: Callable[[Client, Account], object], told: object, *needs: str, **more: Any
) -> RecordedCall:
    def make(url: str, account: Account) -> object:
        with Client.v2(account.username, account.api_key, style=style, base_url=url) as client:
            return ask(client, account)

    return RecordedCall(f"v2/{name}_{style}", make, told, ("api_key", *needs), **more)


def _as(username: str, call: RecordedCall) -> RecordedCall:
    """`call` by another of the emulator's accounts."""

    def make(url: str, account: Account) -> object:
        return call.make(url, replace(account, **_credentials(username)))

    return replace(call, make=make, anywhere=False)


_JAR = (
    _legacy("balance_text", lambda jar, a: jar.getBalance(a.username, a.password), "1000"),
    _legacy("login_text", lambda jar, a: jar.login_TEXT(a.username, a.password), "User exists."),
    _legacy("subusers_json", lambda jar, a: jar.subUsers_JSON(list[SubUser], a.username, a.password), _SUB_USERS),
    _legacy("subusers_xml", lambda jar, a: jar.subUsers_XML(list[SubUser], a.username, a.password), _SUB_USERS),
    _legacy(
        "sendtext_json",
        lambda jar, a: jar.sendText_JSON(list[SentMessage], a.username, a.password, a.sender_id, a.recipients, _TEXT),
        _LEGACY_SENT,
        *_SENDING,
        moves=True,
    ),
    _legacy(
        "sendtext_xml",
        lambda jar, a: jar.sendText_XML(list[SentMessage], a.username, a.password, a.sender_id, a.recipients, _TEXT),
        _LEGACY_SENT,
        *_SENDING,
        moves=True,
    ),
    _legacy(
        "resellerclients_json",
        lambda jar, a: jar.resellerClients_JSON(list[ResellerClient], a.username, a.password),
        _CLIENTS,
    ),
    _legacy(
        "resellerclients_xml",
        lambda jar, a: jar.resellerClients_XML(list[ResellerClient], a.username, a.password),
        _CLIENTS,
    ),
    _legacy(
        "resellerclienttopup_json",
        lambda jar, a: jar.resellerClientTopup_JSON(TopUp, a.username, a.password, a.client, 1),
        TopUp("client1", 1),
        "client",
        moves=True,
    ),
    _legacy(
        "resellerclienttopup_xml",
        lambda jar, a: jar.resellerClientTopup_XML(TopUp, a.username, a.password, a.client, 1),
        TopUp("client1", 1),
        "client",
        moves=True,
    ),
    _legacy(
        "subacctopup_json",
        lambda jar, a: jar.subAccTopup_JSON(TopUp, a.username, a.password, a.sub_account, 1),
        TopUp("subuser1", 1),
        "sub_account",
        moves=True,
    ),
    _legacy(
        "subacctopup_xml",
        lambda jar, a: jar.subAccTopup_XML(TopUp, a.username, a.password, a.sub_account, 1),
        TopUp("subuser1", 1),
        "sub_account",
        moves=True,
    ),
    _legacy(
        "balance_text_wrong_password",
        lambda jar, a: jar.getBalance(a.username, "a wrong/password"),
        "Error 100: Authentication Failure",
    ),
    _legacy(
        "login_text_wrong_password",
        lambda jar, a: jar.login_TEXT(a.username, "a wrong/password"),
        "Authentication failure",
    ),
    _legacy(
        "sendtext_json_invalid_sender_id",
        lambda jar, a: jar.sendText_JSON(list[SentMessage], a.username, a.password, "NOBODY", a.recipients, _TEXT),
        errors.InvalidSenderId,
        "recipients",
        moves=True,
    ),
    _as(
        "empty",
        _legacy(
            "sendtext_json_insufficient_balance",
            lambda jar, a: jar.sendText_JSON(
                list[SentMessage], a.username, a.password, a.sender_id, a.recipients, _TEXT
            ),
            errors.InsufficientBalance,
            moves=True,
        ),
    ),
)


def _in_each_style() -> list[RecordedCall]:
    calls = []
    for style in v2.STYLES:
        calls += [
            _v2("balance", style, lambda client, a: client.balance(), 1000),
            _v2(
                "sendtext",
                style,
                lambda client, a: client.send_text(a.sender_id, a.recipients, _TEXT),
                _V2_SENT,
                *_SENDING,
                moves=True,
            ),
            _v2(
                "deliveryreport",
                style,
                lambda client, a: client.delivery_report(a.message_id).delivered,
                True,
                "message_id",
            ),
            _v2("subusers", style, lambda client, a: client.sub_users(), _SUB_USERS),
            _v2("resellerclients", style, lambda client, a: client.reseller_clients(), _CLIENTS),
            _v2(
                "subacctopup",
                style,
                lambda client, a: client.top_up_sub_account(a.sub_account, 1),
                TopUp("subuser1", 1),
                "sub_account",
                moves=True,
            ),
            _v2(
                "resellerclienttopup",
                style,
                lambda client, a: client.top_up_reseller_client(a.client, 1),
                TopUp("client1", 1),
                "client",
                moves=True,
            ),
            _v2(
                "sendtext_invalid_sender_id",
                style,
                lambda client, a: client.send_text("NOBODY", a.recipients, _TEXT),
                errors.InvalidSenderId,
                "recipients",
                moves=True,
            ),
            _as(
                "empty",
                _v2(
                    "sendtext_insufficient_balance",
                    style,
                    lambda client, a: client.send_text(a.sender_id, a.recipients, _TEXT),
                    errors.InsufficientBalance,
                    moves=True,
                ),
            ),
        ]
        wrong_key = _v2("balance_wrong_key", style, lambda client, a: client.balance(), errors.AuthenticationError)
        calls.append(_with_key("a-wrong-key", wrong_key))
    return calls


def _with_key(api_key: str, call: RecordedCall) -> RecordedCall:
    def make(url: str, account: Account) -> object:
        return call.make(url, replace(account, api_key=api_key))

    return replace(call, make=make)


CALLS: tuple[RecordedCall, ...] = (*_JAR, *_in_each_style())
