"""The commands of an account: what `Client` does, from the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import click

from mspace_legacy.cli import DONE, FAILED
from mspace_legacy.cli.options import AccountOptions, account_command, dry_run_option, yes_option
from mspace_legacy.cli.output import ask, even_if_nobody_reads, must_be_able_to_ask, show, show_json, show_table
from mspace_legacy.cli.sending import answered_no, interruption_told, send_text
from mspace_legacy.errors import InvalidInput
from mspace_legacy.models import ResellerClient, SubUser

__all__ = ["balance", "clients", "login", "report", "send", "subusers", "topup"]


@click.command()
@account_command
def balance(options: AccountOptions) -> int:
    """Show how many credits the account has."""
    with options.client() as client:
        credits_left = client.balance()
    if options.as_json:
        show_json({"username": options.username, "balance": credits_left})
    else:
        show(f"{options.username}: {credits_left} credits")
    return DONE


@click.command()
@account_command
def login(options: AccountOptions) -> int:
    """Check user name and password (legacy API only). A wrong one is a failure, exit code 1."""
    with options.client(only="legacy") as client:
        is_right = client.login()
    if options.as_json:
        show_json({"username": options.username, "login": is_right})
    else:
        show(f"{options.username}: user name and password are {'right' if is_right else 'wrong'}")
    return DONE if is_right else FAILED


@click.command()
@click.argument("sender_id")
@click.argument("recipients")
@click.argument("message")
@yes_option
@dry_run_option
@account_command
def send(options: AccountOptions, sender_id: str, recipients: str, message: str, yes: bool, dry_run: bool) -> int:
    """Send a message to one number or several.

    RECIPIENTS are numbers with commas between them. A MESSAGE of '-' is read from standard input, as UTF-8, without
    the newline at its end; one that begins with a hyphen goes behind '--'. Before anything is sent it shows what it
    will cost, and asks.
    """
    return send_text(
        options.client,
        options.recipients,
        sender_id,
        recipients,
        message,
        yes=yes,
        dry_run=dry_run,
        as_json=options.as_json,
    )


@click.command()
@click.argument("message_id")
@account_command
def report(options: AccountOptions, message_id: str) -> int:
    """Show what became of a message (v2 only). Exit code 0 if there is a report, whatever it says."""
    with options.client(only="v2") as client:
        told = client.delivery_report(message_id)
    if options.as_json:
        show_json({**asdict(told), "delivered": told.delivered})
    else:
        show_table(
            ("message id", "number", "status", "words", "delivered"),
            [(told.message_id, told.recipient, told.status, told.description, "yes" if told.delivered else "no")],
        )
    return DONE


@click.command()
@account_command
def subusers(options: AccountOptions) -> int:
    """List the sub-accounts and their balances."""
    with options.client() as client:
        return _show_accounts(options, "sub_users", client.sub_users())


@click.command()
@account_command
def clients(options: AccountOptions) -> int:
    """List the reseller's clients and their balances."""
    with options.client() as client:
        return _show_accounts(options, "clients", client.reseller_clients())


@click.command()
@click.argument("kind", type=click.Choice(["sub-account", "client"]), metavar="{sub-account|client}")
@click.argument("name")
@click.argument("count", type=click.IntRange(min=1))
@yes_option
@account_command
def topup(options: AccountOptions, kind: str, name: str, count: int, yes: bool) -> int:
    """Move credits to a sub-account or a client.

    COUNT credits go to NAME, a sub-account of the account or a client of the reseller. It asks before it acts.
    """
    if not yes:
        must_be_able_to_ask()
    if not name:
        raise InvalidInput("the name is empty")
    with options.client() as client:
        if not yes and not ask(f"Move {count} credits from {options.username} to the {kind} {name}?"):
            return answered_no(as_json=options.as_json)
        is_client = kind == "client"
        with interruption_told("resellerclienttopup" if is_client else "subacctopup"):
            made = (client.top_up_reseller_client if is_client else client.top_up_sub_account)(name, count)
            with even_if_nobody_reads():
                if options.as_json:
                    show_json(asdict(made))
                else:
                    show(f"{made.count} credits moved to {made.name}")
    return DONE


def _show_accounts(options: AccountOptions, member: str, accounts: Iterable[SubUser | ResellerClient]) -> int:
    if options.as_json:
        show_json({member: [asdict(account) for account in accounts]})
    else:
        show_table(("name", "credits"), [(account.name, account.sms_balance) for account in accounts])
    return DONE
