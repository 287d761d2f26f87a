"""The gateway's settings, and the TOML file that holds them."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_type_hints

from mspace_legacy.checks import at_least_one, seconds
from mspace_legacy.errors import InvalidInput
from mspace_legacy.migration.routes import Routes
from mspace_legacy.tomlfile import load_toml, read_table
from mspace_legacy.transport.network import DEFAULT_TIMEOUT
from mspace_legacy.transport.retry import DEFAULT_TOTAL_TIME
from mspace_legacy.wire import legacy, v2

__all__ = ["LONGEST_BRAKE", "Settings", "load_settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """A gateway's settings, as its TOML file holds them.

    :param accounts: the account store's file, relative to the settings'.
    :param main_url: where the legacy API lives; not needed once every route is `v2`.
    :param base_url: where v2 lives; the vendor's by default.
    :param routes: which API answers which operation, as a text or a table; all `legacy` by default.
    :param workers: how many processes answer; 0 for as many as there are processors.
    :param threads: how many requests each of them answers at once.
    :param connect_timeout: seconds, for reaching either API.
    :param reply_timeout: seconds, for the whole of its reply.
    :param trusted_proxies: addresses or networks of proxies, whose X-Forwarded-For and X-Request-Id are believed.
    :raises InvalidInput: names the one that can't be right.
    """

    accounts: str
    main_url: str = ""
    base_url: str = v2.BASE_URL
    routes: Routes = field(default_factory=lambda: Routes({}))
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 0
    threads: int = 32
    connect_timeout: float = DEFAULT_TIMEOUT[0]
    reply_timeout: float = DEFAULT_TIMEOUT[1]
    trusted_proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.main_url:
            legacy.base_url(self.main_url)
        elif self.routes.ask("legacy"):
            raise InvalidInput(f"main_url is missing, and there are routes that need it: {self.routes}")
        v2.base_url(self.base_url)
        if not 0 <= self.port <= 65535:
            raise InvalidInput(f"port is {self.port}: a number from 0 to 65535")
        at_least_one("threads", self.threads)
        if self.workers < 0:
            raise InvalidInput(f"workers is {self.workers}: 0 for as many as there are processors, or a number")
        for name in ("connect_timeout", "reply_timeout"):
            seconds(name, getattr(self, name))
        for network in self.trusted_proxies:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise InvalidInput(
                    f"trusted_proxies: {network!r} is no address, and no network such as 10.0.0.0/8, without bits "
                    "behind its prefix"
                ) from None

    @property
    def longest_call(self) -> float:
        """Seconds that one call may take, with the wait after failures and however often a read is asked."""
        return LONGEST_BRAKE + DEFAULT_TOTAL_TIME + self.connect_timeout + self.reply_timeout


LONGEST_BRAKE = 5.0
"""Seconds that an address waits at most after failures; see `gateway`."""


def load_settings(path: str | os.PathLike[str], *, needs_routes: bool = False) -> Settings:
    """The settings of a TOML file, whose keys are the fields of `Settings`.

    :param needs_routes: refuse a file without `routes`, as one that is half written, where a gateway runs by some.
    :raises InvalidInput: names the file and the key at fault.
    """
    try:
        return _settings(path, needs_routes)
    except InvalidInput as error:
        problem = str(error)
    # Raised here, as a traceback that shows variables must not show what a URL holds.
    raise InvalidInput(problem)


def _settings(path: str | os.PathLike[str], needs_routes: bool) -> Settings:
    place = os.fspath(path)
    kinds = {**get_type_hints(Settings), "routes": Routes.of}
    values = read_table(place, load_toml(path), kinds, required=("accounts",))
    if needs_routes and "routes" not in values:
        raise InvalidInput(f'{place}: routes is missing: for the legacy API alone write routes = "*=legacy"')
    values["accounts"] = os.fspath(Path(path).parent / values["accounts"])
    try:
        return Settings(**values)
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error}") from None
