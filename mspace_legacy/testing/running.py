"""RunningEmulator: an emulator behind a socket, with clients of it, as a test holds it."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any

from mspace_legacy.client import Client
from mspace_legacy.emulator import Account, Emulator, Faults, Guard, Journal, Ledger, Smsc, UssdCodes, is_local_name
from mspace_legacy.emulator.phone import serving_phone
from mspace_legacy.errors import InvalidInput
from mspace_legacy.jar import MSpaceClient
from mspace_legacy.server import Server
from mspace_legacy.wire import v2

__all__ = ["RunningEmulator"]

_NOT_RUNNING = "the emulator does not run: enter it with 'with'"


class RunningEmulator:
    """An emulator on 127.0.0.1, on a port that the system picks; a context manager.

    `username`, `password`, `api_key` and `smpp_password` are those of the ledger's first account, as text: no real
    account opens with them. The clients are closed with the emulator.

    :param ledger: of the demo accounts, in memory, by default.
    """

    def __init__(self, ledger: Ledger | None = None) -> None:
        self._emulator = Emulator(ledger, journal=Journal())
        self._codes = UssdCodes()
        self._phone_url = ""
        self._open = ExitStack()
        self._server: Server | None = None
        self._smsc: Smsc | None = None

    def __enter__(self) -> RunningEmulator:
        self._open.callback(self._emulator.close)
        self._server = self._open.enter_context(Server(Guard(self._emulator, is_local_name)))
        self._smsc = self._open.enter_context(Smsc(self.ledger, self.faults, self._emulator.journal))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server = self._smsc = None
        self._phone_url = ""
        self._open.close()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`, which is a `main_url` and a `base_url` too.

        :raises InvalidInput: it does not run; so do the others.
        """
        if self._server is None:
            raise InvalidInput(_NOT_RUNNING)
        return self._server.url

    @property
    def smpp_port(self) -> int:
        """The port of 127.0.0.1 where it speaks SMPP."""
        if self._smsc is None:
            raise InvalidInput(_NOT_RUNNING)
        return self._smsc.port

    @property
    def phone_url(self) -> str:
        """The page that shows what is sent, for a browser on this machine; it is there from when it is first asked
        for. What was sent before is on it too."""
        if self._server is None:
            raise InvalidInput(_NOT_RUNNING)
        if not self._phone_url:
            self._phone_url = self._open.enter_context(serving_phone(self._emulator, self._codes))
        return self._phone_url

    @property
    def ussd_codes(self) -> UssdCodes:
        """What the page's handset can dial: `ussd_codes.add(UssdCode("*384#", url))`."""
        return self._codes

    @property
    def ledger(self) -> Ledger:
        """Balances and messages, to look at what the calls did."""
        return self._emulator.ledger

    @property
    def faults(self) -> Faults:
        """What goes wrong, to be added to: `faults.add("sendtext=reset-after")`."""
        return self._emulator.faults

    @property
    def username(self) -> str:
        """The first account's user name."""
        return self._account.username

    @property
    def password(self) -> str:
        """The first account's password."""
        return self._account.password.reveal()

    @property
    def api_key(self) -> str:
        """The first account's API key."""
        return self._account.api_key.reveal()

    @property
    def smpp_password(self) -> str:
        """The first account's password for SMPP; its system_id is the user name.

        :raises InvalidInput: it has no SMPP.
        """
        if self._account.smpp_password is None:
            raise InvalidInput(f"account {self.username!r} has no smpp_password")
        return self._account.smpp_password.reveal()

    @property
    def _account(self) -> Account:
        return self.ledger.accounts[0]

    def legacy_client(self, **settings: Any) -> Client:
        """A client of the legacy API for the first account; `settings` as `Client.legacy` takes them."""
        return self._open.enter_context(Client.legacy(self.url, self.username, self.password, **settings))

    def v2_client(self, style: v2.Style = "json", **settings: Any) -> Client:
        """A client of the v2 API for the first account; `settings` as `Client.v2` takes them."""
        client = Client.v2(self.username, self.api_key, style=style, base_url=self.url, **settings)
        return self._open.enter_context(client)

    def jar_client(self, **settings: Any) -> MSpaceClient:
        """The jar's client; `settings` as `MSpaceClient` takes them."""
        return self._open.enter_context(MSpaceClient(self.url, **{"routes": "*=legacy", **settings}))
