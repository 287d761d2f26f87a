"""The command that runs the emulator in the foreground, until it is told to stop."""

from __future__ import annotations

from typing import get_args

import click

from mspace_legacy.cli import DONE
from mspace_legacy.cli.output import json_option, log_to_stderr, show, show_json
from mspace_legacy.cli.serving import stopped_by_signals
from mspace_legacy.emulator import DEMO_ACCOUNTS, Emulator, Fault, Faults, Ledger, Smsc, load_accounts
from mspace_legacy.emulator.faults import FaultKind
from mspace_legacy.server import Server
from mspace_legacy.wire import legacy, v2

__all__ = ["emulator"]


@click.command(
    help=f"""Answer both APIs on a socket and SMPP on another, as the service would.

    It stops at SIGINT (Ctrl-C) and SIGTERM, with exit code 0.

    The accounts are built in unless --accounts names a TOML file with a table [[account]] for each: username,
    password, api_key, balance, sender_ids and so on. The built-in ones have the password '<user name>-password', the
    API key '<user name>-api-key-', filled with zeros to 128 characters, and for SMPP, where the user name is the
    system_id, the password 'smpp-pwd'.

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
    log: bool,
    as_json: bool,
) -> int:
    """See the help above."""
    if log:
        log_to_stderr()
    on = Faults([Fault.parse(fault) for fault in faults])
    accounts = DEMO_ACCOUNTS if accounts_file is None else load_accounts(accounts_file)
    ledger = Ledger(accounts, path=ledger_file or ":memory:", delivery_delay=delivery_delay)
    return _serve(Emulator(ledger, on), host, port, smpp_port, as_json=as_json)


def _serve(emulator: Emulator, host: str, port: int, smpp_port: int, *, as_json: bool) -> int:
    try:
        with Smsc(emulator.ledger, emulator.faults, host=host, port=smpp_port) as smsc:
            server = Server(emulator, host=host, port=port)
            with stopped_by_signals(server):
                _tell_addresses(emulator, server.url, smsc, as_json=as_json)
                server.serve()
    finally:
        emulator.close()
    return DONE


def _tell_addresses(emulator: Emulator, url: str, smsc: Smsc, *, as_json: bool) -> None:
    main_url, base_url = legacy.base_url(url), v2.base_url(url)
    usernames = [account.username for account in emulator.ledger.accounts]
    if as_json:
        smpp = {"smpp_host": smsc.host, "smpp_port": smsc.port}
        show_json({"main_url": main_url, "base_url": base_url, **smpp, "usernames": usernames})
        return
    show(f"legacy main_url  {main_url}")
    show(f"v2 base_url      {base_url}")
    show(f"SMPP host, port  {smsc.host} {smsc.port}")
    show(f"user name        {usernames[0]}")
    show("Ctrl-C stops it.")
