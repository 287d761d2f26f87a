"""Transmitter and Receiver against an SMSC that no one here wrote: npm's smpp, behind tests/smpp/peers/smsc.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mspace_legacy import errors
from mspace_legacy.smpp import IncomingText, MessageState, Receipt, Receiver, Transmitter
from tests.smpp.smsc import PASSWORD, eventually

PEERS = Path(__file__).parent / "peers"

# Peers that no one here wrote, and that pip can't install: CI does, so that these always run there.
pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and (PEERS / "node_modules" / "smpp").is_dir()),
    reason="needs node, and `npm ci` in tests/smpp/peers",
)


@contextmanager
def npm_smsc(told: dict[str, Any]) -> Iterator[int]:
    """Its port; afterwards `told` has what it took, and how its deliver_sm were answered."""
    command = ["node", str(PEERS / "smsc.js")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()
        told.update(json.loads(process.stdout.readline()))


def test_messages() -> None:
    told: dict[str, Any] = {}
    with npm_smsc(told) as port, Transmitter("127.0.0.1", port, "demo", PASSWORD, enquire_after=0.1) as sender:
        futures = [sender.submit("MSPACE", "0722000000", f"m{number}") for number in range(200)]
        assert [future.result(10).message_ids for future in futures] == [(str(number),) for number in range(1, 201)]
        assert sender.send("MSPACE", "0722000000", "x" * 400).message_ids == ("201", "202", "203")
        assert sender.send("BUSY", "0722000000", "throttled once").message_ids == ("204",)
        with pytest.raises(errors.InvalidSenderId, match="ESME_RINVSRCADR"):
            sender.send("BAD", "0722000000", "hi")
    assert told["taken"] == 204


def test_a_wrong_password() -> None:
    with npm_smsc({}) as port, pytest.raises(errors.AuthenticationError, match="ESME_RINVPASWD"):
        Transmitter("127.0.0.1", port, "demo", "wrong")


def test_what_is_delivered() -> None:
    told: dict[str, Any] = {}
    came: list[Receipt | IncomingText] = []
    with npm_smsc(told) as port:
        with Receiver("127.0.0.1", port, "demo", PASSWORD, came.append, enquire_after=0.1):
            eventually(lambda: len(came) == 2)
        receipt, text = came
    assert isinstance(receipt, Receipt)
    assert (receipt.message_id, receipt.state) == ("1", MessageState.DELIVERED)
    assert isinstance(text, IncomingText)
    assert (text.sender, text.recipient, text.text) == ("254722000000", "40404", "habari 😀")
    assert told["answers"] == [0, 0]
