"""Record cassettes/ anew: `python -m tests.record_cassettes`.

By default against the emulator, behind a socket. With `--vendor`, against the service at MSPACE_URL, with
MSPACE_USERNAME and MSPACE_PASSWORD (legacy), MSPACE_API_KEY (v2) or both; what MSPACE_SENDER_ID,
MSPACE_RECIPIENTS (two Kenyan numbers), MSPACE_SUB_ACCOUNT, MSPACE_CLIENT and MSPACE_MESSAGE_ID do not tell is left
out. Calls that cost or move credits are left out too, unless `--spend-credits` is given. Passwords, keys, telephone
numbers and names are not written.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from mspace_legacy import msisdn
from mspace_legacy.emulator import Ledger
from mspace_legacy.errors import InvalidInput
from mspace_legacy.secrets import spellings
from mspace_legacy.testing.cassettes import recorder
from mspace_legacy.testing.running import RunningEmulator
from tests.cassette_calls import (
    BY_EMULATOR,
    BY_VENDOR,
    CALLS,
    CASSETTES,
    CLOCK,
    DEMO,
    Account,
    RecordedCall,
    outcome_of,
)

__all__ = ["main"]

_VARIABLES = {
    "username": "MSPACE_USERNAME",
    "password": "MSPACE_PASSWORD",
    "api_key": "MSPACE_API_KEY",
    "sender_id": "MSPACE_SENDER_ID",
    "recipients": "MSPACE_RECIPIENTS",
    "sub_account": "MSPACE_SUB_ACCOUNT",
    "client": "MSPACE_CLIENT",
    "message_id": "MSPACE_MESSAGE_ID",
}
_NAMED = ("username", "sender_id", "sub_account", "client", "message_id")
_NAME = re.compile(r"""((?:"|<)(?:subUserName|subAccUser|clientname|clientUserName)(?:"\s*:\s*"|>))([^"<]*)""", re.I)


def main(arguments: Sequence[str] | None = None) -> int:
    """Record what can be recorded; the exit code is 1 where a call gave something else than it should."""
    parser = argparse.ArgumentParser(prog="python -m tests.record_cassettes", description=__doc__)
    parser.add_argument("--vendor", action="store_true", help="against the service at MSPACE_URL, not the emulator")
    parser.add_argument("--spend-credits", action="store_true", help="with --vendor: send and top up, for real")
    parser.add_argument("--directory", type=Path, default=CASSETTES, help="where to, instead of cassettes/")
    options = parser.parse_args(arguments)
    if not options.vendor:
        return max([_recorded(call, options.directory) for call in CALLS])

    missing = [name for name in ("MSPACE_URL", "MSPACE_USERNAME") if not os.environ.get(name)]
    if missing:
        parser.error(f"--vendor needs {' and '.join(missing)} in the environment")
    account = Account(**{field.name: os.environ.get(_VARIABLES[field.name], "") for field in fields(Account)})
    if account.recipients:
        try:
            numbers = msisdn.recipients(account.recipients)
        except InvalidInput as error:
            parser.error(f"MSPACE_RECIPIENTS: {error}")
        # The demo account, which replays it, has as many, and of the same country.
        if len(numbers) != 2 or not all(number.startswith("254") for number in numbers):
            parser.error("MSPACE_RECIPIENTS: give two Kenyan numbers, with a comma between them")
        account = replace(account, recipients=",".join(numbers))
    code = 0
    for call in CALLS:
        if reason := _why_not(call, account, spend=options.spend_credits):
            print(f"{call.name}: left out, {reason}")
        else:
            code = max(code, _recorded(call, options.directory, (os.environ["MSPACE_URL"], account)))
    return code


def _why_not(call: RecordedCall, account: Account, *, spend: bool) -> str:
    missing = [_VARIABLES[name] for name in call.needs if not getattr(account, name)]
    if not call.anywhere:
        return "it takes an account of the emulator"
    if call.moves and not spend:
        return "it costs or moves credits: see --spend-credits"
    return f"{', '.join(missing)} not given" if missing else ""


def _recorded(call: RecordedCall, directory: Path, vendor: tuple[str, Account] | None = None) -> int:
    """Record one call, against a fresh emulator unless there is a vendor; write it only if it came out right."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if vendor:
            url, account = vendor
        else:
            emulator = stack.enter_context(RunningEmulator(Ledger(delivery_delay=0, clock=lambda: CLOCK)))
            url, account = emulator.url, DEMO
            if "message_id" in call.needs:
                emulator.v2_client().send_text(account.sender_id, account.recipients, "to be reported on")
        tape = recorder(
            scratch,
            secrets=[secret for secret in (account.password, account.api_key) if secret],
            scrub_numbers=True,
            record_mode="all",
            note=f"{BY_VENDOR if vendor else BY_EMULATOR} To do it again: python -m tests.record_cassettes",
        )
        if vendor:
            rename = _renaming(account)
            tape.before_record_request = lambda request: _renamed_request(request, rename)
            tape.before_record_response = lambda response: _renamed_response(response, rename)
        with tape.use_cassette("tape"):
            outcome = outcome_of(call, url, account)
        right = call.agrees_with(outcome, exactly=not vendor)
        if right:
            target = directory / f"{call.name}.yaml"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((scratch / "tape.yaml").read_bytes())
    print(f"{call.name}: {'recorded' if right else f'not recorded, it gave {outcome!r}'}")
    return 0 if right else 1


# Names. What replays a recording makes its call as the demo account, whoever made it.


def _renaming(account: Account) -> Callable[[str], str]:
    names = {
        getattr(account, field): getattr(DEMO, field) for field in _NAMED if getattr(account, field)
    }  # fmt: skip
    known = re.compile(
        rf"(?:(?<![0-9a-z])|(?<=%[0-9a-f]{{2}}))(?:{'|'.join(map(_spelt, names))})(?![0-9a-z])", re.IGNORECASE
    )
    by_spelling = {spelling.lower(): names[name] for name in names for spelling in spellings(name)}
    others: dict[str, str] = {}

    def rename(text: str) -> str:
        text = known.sub(lambda found: by_spelling[found[0].lower()], text)
        return _NAME.sub(lambda found: found[1] + other(found[2]), text)

    def other(name: str) -> str:
        return name if name in names.values() else others.setdefault(name, f"name{len(others) + 1}")

    return rename


def _spelt(name: str) -> str:
    return "|".join(map(re.escape, spellings(name)))


def _renamed_request(request: Any, rename: Callable[[str], str]) -> Any:
    service, key, values = request.uri.partition("/username=")
    request.uri = service + key + rename(values)
    if request.body:
        request.body = rename(request.body.decode()).encode()
    return request


def _renamed_response(response: Any, rename: Callable[[str], str]) -> Any:
    response["body"]["string"] = rename(response["body"]["string"].decode("utf-8", "replace")).encode()
    return response


if __name__ == "__main__":
    sys.exit(main())
