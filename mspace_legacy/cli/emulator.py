"""The command that runs the emulator in the foreground, until it is told to stop."""

from __future__ import annotations

import ipaddress
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from typing import get_args

import click

from mspace_legacy.cli import DONE
from mspace_legacy.cli.options import json_option
from mspace_legacy.cli.output import log_to_stderr, show, show_json
from mspace_legacy.cli.serving import stopped_by_signals
from mspace_legacy.emulator import (
    DEMO_ACCOUNTS,
    Emulator,
    Fault,
    Faults,
    Guard,
    Journal,
    Ledger,
    Smsc,
    UssdCode,
    UssdCodes,
    is_local_name,
    load_accounts,
    load_ussd_codes,
)
from mspace_legacy.emulator.faults import FaultKind
from mspace_legacy.emulator.phone import serving_phone
from mspace_legacy.server import Server
from mspace_legacy.wire import legacy, v2

__all__ = ["emulator"]


@click.command(
    help=f"""Answer both APIs on a socket and SMPP on another, as the service would, and show on a page what was sent.

    The page, the dev phone, is for browsers on this machine alone: messages as they come, with the request that made
    each, accounts and top-ups, a handset that dials USSD codes, and switches for faults.

    It stops at SIGINT (Ctrl-C) and SIGTERM, with exit code 0.

    The accounts are built in unless --accounts names a TOML file with a table [[account]] for each: username,
    password, api_key, balance, sender_ids and so on. The built-in ones have the password '<user name>-password', the
    API key '<user name>-api-key-', filled with zeros to 128 characters, and for SMPP, where the user name is the
    system_id, the password 'smpp-pwd'.

    That file may register USSD codes too, each as a table [[ussd]] with code, callback, and entries, which is
    'joined' or 'alone': what a step holds of the entries before it.

    Kinds of fault: {", ".join(get_args(FaultKind))}. SMPP's operation is submit_sm.
    """
)
@click.option("--host", default="127.0.0.1", show_default=True, help="A wider address serves whoever reaches it.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="By default the system picks one.")
@click.option(
    "--smpp-port", type=click.IntRange(0, 65535), default=0, help="That of SMPP. By default the system picks one."
)
@click.option("--accounts", "accounts_file", metavar="FILE.toml", help="The accounts, in place of the built-in ones.")
@click.option("--file", "ledger_file", metavar="LEDGER.sqlite", help="Keeps balances and messages; else in memory.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="[OPERATION=]KIND[:ARGUMENT]",
    help="What goes wrong, such as sendtext=reset-after or balance=delay:2. May be given again.",
)
@click.option(
    "--delivery-delay",
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Until a message is delivered.",
)
@click.option(
    "--ussd",
    "ussd",
    multiple=True,
    metavar="CODE=URL",
    help="Who answers a code that is dialled on the page, such as '*384#=http://127.0.0.1:5000/ussd'. May be given "
    "again.",
)
@click.option(
    "--phone-port",
    type=click.IntRange(0, 65535),
    default=0,
    help="That of the page. By default the system picks one.",
)
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="A name, such as one of /etc/hosts, that programs call this machine by. May be given again. Names that no "
    "page on the web can have, and the vendor's, need not be given.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser, where there is one.")
@click.option("--log", is_flag=True, help="Tell each call that is answered, on standard error.")
@json_option
def emulator(
    host: str,
    port: int,
    smpp_port: int,
    accounts_file: str | None,
    ledger_file: str | None,
    faults: tuple[str, ...],
    delivery_delay: float,
    ussd: tuple[str, ...],
    phone_port: int,
    allowed_hosts: tuple[str, ...],
    opens: bool,
    log: bool,
    as_json: bool,
) -> int:
    """See the help above."""
    if log:
        log_to_stderr()
    on = Faults([Fault.parse(fault) for fault in faults])
    accounts = DEMO_ACCOUNTS if accounts_file is None else load_accounts(accounts_file)
    codes = UssdCodes(() if accounts_file is None else load_ussd_codes(accounts_file))
    for text in ussd:
        codes.add(UssdCode.parse(text))
    ledger = Ledger(accounts, path=ledger_file or ":memory:", delivery_delay=delivery_delay)
    emulator = Emulator(ledger, on, Journal())
    try:
        with (
            Smsc(ledger, on, emulator.journal, host=host, port=smpp_port) as smsc,
            serving_phone(emulator, codes, port=phone_port) as phone_url,
        ):
            server = Server(Guard(emulator, _own_names(host, allowed_hosts)), host=host, port=port)
            with stopped_by_signals(server):
                _tell_addresses(ledger, server.url, smsc, phone_url, as_json=as_json)
                if opens:
                    # Some browsers hold who opens them until they are closed.
                    threading.Thread(target=_open, args=(phone_url,), daemon=True).start()
                server.serve()
    finally:
        emulator.close()
    return DONE


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _own_names(host: str, allowed: tuple[str, ...]) -> Callable[[str, int], bool]:
    """What the server goes by, for a guard. Who opens the port to a network gives it what names they like."""
    names = {name.lower() for name in allowed}
    return lambda name, port: not _is_loopback(host) or name in names or is_local_name(name, port)


def _open(url: str) -> None:
    # Whatever goes wrong there is no reason to stop: the address was told.
    with suppress(Exception):
        webbrowser.open(url)


def _tell_addresses(ledger: Ledger, url: str, smsc: Smsc, phone_url: str, *, as_json: bool) -> None:
    main_url, base_url = legacy.base_url(url), v2.base_url(url)
    usernames = [account.username for account in ledger.accounts]
    if as_json:
        smpp = {"smpp_host": smsc.host, "smpp_port": smsc.port}
        show_json(
            {"main_url": main_url, "base_url": base_url, **smpp, "phone_url": phone_url, "usernames": usernames}
        )
        return
    show(f"legacy main_url  {main_url}")
    show(f"v2 base_url      {base_url}")
    show(f"SMPP host, port  {smsc.host} {smsc.port}")
    show(f"dev phone        {phone_url}")
    show(f"user name        {usernames[0]}")
    show("Ctrl-C stops it.")
