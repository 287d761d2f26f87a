"""The options that commands share: those of any, those of an account with the client that they make, and secrets.

A secret comes from a file, the environment or a prompt; never as an argument, where any user of the machine sees it.
"""

from __future__ import annotations

import functools
import getpass
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from mspace_legacy import msisdn
from mspace_legacy.client import Client
from mspace_legacy.errors import InvalidInput
from mspace_legacy.secrets import Secret
from mspace_legacy.transport.network import DEFAULT_TIMEOUT
from mspace_legacy.wire import legacy, v2

__all__ = [
    "AccountOptions",
    "Api",
    "account_command",
    "country_option",
    "dry_run_option",
    "json_option",
    "secret",
    "timeout_option",
    "yes_option",
]

Api = Literal["legacy", "v2"]

_Command = TypeVar("_Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
country_option = click.option(
    "--country",
    type=click.Choice(msisdn.COUNTRIES),
    default="KE",
    show_default=True,
    help="How local numbers are read.",
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do it without asking.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what it will cost, and send nothing.")


def timeout_option(reply: str, default: tuple[float, float] = DEFAULT_TIMEOUT) -> Callable[[_Command], _Command]:
    """The option `--timeout`, for connecting and for what `reply` names."""
    told = "For connecting and for {}. By default {:g} and {:g}.".format(reply, *default)
    return click.option("--timeout", type=float, metavar="SECONDS", help=told)


_OPTIONS: tuple[Callable[[Callable[..., int]], Callable[..., int]], ...] = (
    click.option(
        "--api",
        type=click.Choice(["legacy", "v2"]),
        help="By default v2 if an API key is given and no password, else legacy.",
    ),
    click.option(
        "--url",
        help="Where the API lives, with or without its path; or MSPACE_URL, or for v2 MSPACE_BASE_URL. v2 has a "
        "default, legacy none.",
    ),
    click.option("--username", envvar="MSPACE_USERNAME", help="The account; or MSPACE_USERNAME."),
    click.option(
        "--password-file",
        metavar="FILE",
        help="File that holds the password (legacy); or MSPACE_PASSWORD holds it. Else it is asked for.",
    ),
    click.option(
        "--api-key-file",
        metavar="FILE",
        help="File that holds the API key (v2); or MSPACE_API_KEY holds it. Else it is asked for.",
    ),
    click.option("--style", type=click.Choice(v2.STYLES), help="How v2 is asked. By default json."),
    timeout_option("the whole reply"),
    country_option,
    json_option,
)


@dataclass(frozen=True, slots=True)
class AccountOptions:
    """What the options and the environment say of the account, not yet checked."""

    api: Api | None
    url: str | None
    username: str | None
    password_file: str | None
    api_key_file: str | None
    style: v2.Style | None
    timeout: float | None
    country: str
    as_json: bool

    def recipients(self, recipients: str) -> tuple[str, ...]:
        """The numbers as they would be sent to; see `Client.recipients`. Needs no account."""
        return msisdn.recipients(recipients, country=self.country)

    def client(self, only: Api | None = None) -> Client:
        """A client of the account; prompts for the secret if it must, once all else has been checked.

        :param only: the one API that has the operation, which is then the default.
        :raises InvalidInput: a setting is missing or wrong; the message says how to give it.
        """
        api = self.api or only or self._likely_api()
        if not self.username:
            raise InvalidInput("no user name: give --username or MSPACE_USERNAME")
        timeout = DEFAULT_TIMEOUT if self.timeout is None else self.timeout
        if api == "v2":
            base = v2.base_url(self.url or os.environ.get("MSPACE_BASE_URL") or _safe_url() or v2.BASE_URL)
            key = secret("API key", "--api-key-file", self.api_key_file, "MSPACE_API_KEY")
            return Client.v2(
                self.username,
                key,
                style=self.style or "json",
                base_url=base,
                timeout=timeout,
                country=self.country,
            )
        if self.style:
            raise InvalidInput("--style is for v2: add --api v2, or leave it out")
        url = self.url or os.environ.get("MSPACE_URL")
        if not url:
            raise InvalidInput(
                "no URL: the legacy API has no default one; give --url or MSPACE_URL, with the host that the vendor "
                "gave you"
            )
        base = legacy.base_url(url)
        password = secret("password", "--password-file", self.password_file, "MSPACE_PASSWORD")
        return Client.legacy(base, self.username, password, timeout=timeout, country=self.country)

    def _likely_api(self) -> Api:
        has_key = self.api_key_file or os.environ.get("MSPACE_API_KEY")
        has_password = self.password_file or os.environ.get("MSPACE_PASSWORD")
        return "v2" if has_key and not has_password else "legacy"


def _safe_url() -> str:
    """MSPACE_URL, if a key may go there: over plain http it is the legacy API's, unless it is on this machine."""
    url = os.environ.get("MSPACE_URL", "")
    is_safe = url.startswith("https://") or re.match(r"http://(127(\.\d+){3}|localhost|\[::1\])[:/]", f"{url}/")
    return url if is_safe else ""


def account_command(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the shared options; it gets them as one `AccountOptions`, its first argument."""

    @functools.wraps(function)
    def command(**given: Any) -> int:
        shared = {field.name: given.pop(field.name) for field in fields(AccountOptions)}
        return function(AccountOptions(**shared), **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def secret(what: str, option: str, file: str | None, variable: str, *, twice: bool = False) -> Secret:
    """The secret that a file, the environment or the user at the terminal gives, in that order.

    :param twice: have the user enter it twice.
    :raises InvalidInput: there is none; the message says how to give it.
    """
    if file is not None:
        return _from_file(option, file)
    value = os.environ.get(variable)
    if value:
        return Secret(value)
    if not sys.stdin.isatty():
        raise InvalidInput(
            f"no {what}: give {option} or {variable}; it can't be asked for, as standard input is no terminal"
        )
    try:
        value = getpass.getpass(f"{what[0].upper()}{what[1:]}: ")
        again = getpass.getpass("Once more: ") if twice and value else value
    except EOFError:
        value = again = ""
    entered = Secret(value)
    problem = f"no {what} was entered" if not value else f"the two {what}s differ" if again != value else ""
    del value, again
    if problem:
        raise InvalidInput(problem)
    return entered


def _from_file(option: str, file: str) -> Secret:
    # The file's name is not shown: someone may have put the secret itself in its place.
    try:
        text = Path(file).read_text("utf-8-sig")
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    except (OSError, ValueError) as error:
        problem = f"can't be read: {getattr(error, 'strerror', None) or type(error).__name__}"
    else:
        value = text.removesuffix("\n")
        problem = "holds more than one line" if "\n" in value else "" if value else "is empty"
        if not problem:
            return Secret(value)
    raise InvalidInput(f"the file that {option} names {problem}")
