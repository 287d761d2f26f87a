"""The command that asks both APIs every read of one account, and tells where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from mspace_legacy.cli import DONE, FAILED
from mspace_legacy.cli.options import json_option, secret, timeout_option
from mspace_legacy.cli.output import show, show_json, show_table
from mspace_legacy.errors import AuthenticationError, InvalidInput
from mspace_legacy.migration.accounts import AccountStore, StoredAccount, Verifier
from mspace_legacy.migration.adapter import Adapter
from mspace_legacy.migration.shadow import Answer, Comparison, Comparisons, ask
from mspace_legacy.models import Balance, Call, Login, ResellerClients, SubUsers
from mspace_legacy.secrets import Secret
from mspace_legacy.transport import Transport, checked_transport
from mspace_legacy.transport.network import DEFAULT_TIMEOUT
from mspace_legacy.wire import legacy, v2

__all__ = ["parity"]


@click.command()
@click.option("--url", envvar="MSPACE_URL", help="Where the legacy API lives; or MSPACE_URL.")
@click.option(
    "--base-url",
    envvar="MSPACE_BASE_URL",
    default=v2.BASE_URL,
    show_default=True,
    help="Where v2 lives; or MSPACE_BASE_URL.",
)
@click.option("--username", envvar="MSPACE_USERNAME", help="The account; or MSPACE_USERNAME.")
@click.option("--password-file", metavar="FILE", help="File that holds the password; or MSPACE_PASSWORD holds it.")
@click.option("--api-key-file", metavar="FILE", help="File that holds the API key; or MSPACE_API_KEY holds it.")
@timeout_option("the whole reply")
@json_option
def parity(
    url: str | None,
    base_url: str,
    username: str | None,
    password_file: str | None,
    api_key_file: str | None,
    timeout: float | None,
    as_json: bool,
) -> int:
    """Ask both APIs every read of an account, and tell where their answers differ.

    Nothing is sent and nothing topped up. Exit code 0: all are equal; 1: some differ, or the legacy API does not let
    the account in, so that nothing was compared.
    """
    if not url:
        raise InvalidInput("no URL: give --url or MSPACE_URL, with the legacy API's host that the vendor gave you")
    if not username:
        raise InvalidInput("no user name: give --username or MSPACE_USERNAME")
    base = legacy.base_url(url)
    transport = checked_transport(None, DEFAULT_TIMEOUT if timeout is None else timeout)
    password = secret("password", "--password-file", password_file, "MSPACE_PASSWORD")
    key = v2.checked_key(secret("API key", "--api-key-file", api_key_file, "MSPACE_API_KEY"))
    store = AccountStore([StoredAccount(username, Verifier.of(password), key)])
    # Once before the clocks run: it is remembered from then on.
    store.verify(username, password)
    adapter = Adapter(transport, store, base_url=base_url)
    try:
        comparisons = list(_compared(username, password, base, transport, adapter))
    finally:
        transport.close()
    # Where both refuse the account there was nothing to compare, and it is not to read like agreement.
    equal = all(each.equal for each in comparisons) and _lets_in(comparisons[0].legacy)
    if as_json:
        show_json({"equal": equal, "reads": [_document(each) for each in comparisons]})
    else:
        _show(comparisons)
    return DONE if equal else FAILED


def _compared(
    username: str, password: Secret, base: str, to_legacy: Transport, to_v2: Transport
) -> Iterator[Comparison]:
    comparisons = Comparisons()
    reads: tuple[Call[Any], ...] = (Login(username), Balance(username), SubUsers(username), ResellerClients(username))
    for call in reads:
        request = legacy.encode_request(call, password, base=base)
        old, new = ask(to_legacy, request), ask(to_v2, request)
        yield comparisons.compare(call, request, old, new, "legacy")


def _document(comparison: Comparison) -> dict[str, Any]:
    document = asdict(comparison)
    return {"operation": document.pop("operation"), "equal": comparison.equal, **document}


def _show(comparisons: list[Comparison]) -> None:
    show_table(
        ("read", "equal", "legacy says", "v2 says", "differences", "legacy ms", "v2 ms"),
        [
            (
                each.operation,
                "yes" if each.equal else "no",
                each.legacy.text,
                each.v2.text,
                "; ".join(map(str, each.differences)),
                round(each.legacy.seconds * 1000),
                round(each.v2.seconds * 1000),
            )
            for each in comparisons
        ],
        styles=["" if each.equal else "red" for each in comparisons],
    )
    login = comparisons[0]
    if different := sum(not each.equal for each in comparisons):
        show(f"{different} of {len(comparisons)} reads differ")
        if _refuses(login.legacy) and _lets_in(login.v2):
            show("the legacy API refuses the user name with its password, and v2 lets it in with its API key")
        if _lets_in(login.legacy) and _refuses(login.v2):
            show("v2 refuses the user name with its API key, and the legacy API lets it in with its password")
    elif _lets_in(login.legacy):
        show("the two APIs agree on every read")
    elif _refuses(login.legacy) and _refuses(login.v2):
        show("both refuse the user name with its password and its API key: there was nothing to compare")
    else:
        show("neither lets the account in: there was nothing to compare")


def _lets_in(login: Answer) -> bool:
    return login.fields.get("login") == str(True)


def _refuses(login: Answer) -> bool:
    return login.fields.get("failure") == AuthenticationError.__name__
