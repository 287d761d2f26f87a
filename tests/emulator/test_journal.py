"""emulator.journal: what is kept of exchanges, how much of it, and which messages they made."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from mspace_legacy.emulator import DEMO_ACCOUNTS, Emulator, Journal, Ledger, Smsc
from mspace_legacy.errors import OutcomeUnknown, TransportError
from mspace_legacy.models import Balance, DeliveryReports, SendText
from mspace_legacy.secrets import Secret
from mspace_legacy.smpp.client import Receiver, Transmitter
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.http import Request
from tests.smpp.smsc import eventually

DEMO = DEMO_ACCOUNTS[0]


def add(journal: Journal, title: str, ids: range = range(0), octets: int = 0) -> None:
    def text(secrets: Iterable[Secret]) -> str:
        return title

    journal.add("HTTP", title, text, text, at=0.0, seconds=0.0, message_ids=ids, octets=octets)


def titles(journal: Journal, after: int = 0, limit: int = 100) -> list[str]:
    return [exchange.title for exchange in journal.after(after, limit)]


def test_the_newest_are_kept() -> None:
    journal = Journal(3)
    assert (journal.last, titles(journal), journal.get(1)) == (0, [], None)
    for number in range(1, 6):
        add(journal, str(number))
    assert (journal.last, titles(journal)) == (5, ["3", "4", "5"])
    assert titles(journal, after=3) == ["4", "5"]
    assert titles(journal, after=3, limit=1) == ["5"]
    assert titles(journal, after=5) == titles(journal, after=99) == titles(journal, limit=0) == []
    assert [getattr(journal.get(number), "title", None) for number in range(-1, 8)] == [
        None, None, None, None, "3", "4", "5", None, None,
    ]  # fmt: skip


def test_large_ones_push_out_more() -> None:
    journal = Journal(100, most_octets=1000)
    for number in range(20):
        add(journal, str(number), octets=100)
    assert titles(journal) == [str(number) for number in range(10, 20)]
    add(journal, "huge", octets=5000)
    assert titles(journal) == ["huge"]
    add(journal, "small", octets=1)
    assert titles(journal) == ["small"]


def test_a_message_is_of_the_exchange_that_made_it() -> None:
    journal = Journal()
    add(journal, "sent", range(5, 8))
    add(journal, "nothing")
    add(journal, "told of", range(6, 7))
    assert journal.that_made([4, 5, 6, 7, 8]) == {5: 1, 6: 1, 7: 1}


@pytest.fixture
def journalled() -> Iterable[Emulator]:
    emulator = Emulator(Ledger(delivery_delay=0), journal=Journal())
    yield emulator
    emulator.close()


def the_journal(emulator: Emulator) -> Journal:
    assert emulator.journal is not None
    return emulator.journal


def test_what_came_by_http_is_kept_with_the_messages_that_it_made(journalled: Emulator) -> None:
    call = SendText("demo", "MSPACE", ("0722000000", "hello", "0733000000"), "Hi there")
    journalled.handle(legacy.encode_request(call, DEMO.password, base=legacy.base_url("http://h")))
    journalled.handle(v2.encode_request(Balance("demo"), Secret("wrong"), base=v2.base_url("http://h")))
    journalled.handle(Request("GET", "http://h/nowhere"))
    sent, refused, unknown = the_journal(journalled).after(0, 9)
    assert (sent.protocol, sent.title, sent.username, sent.outcome) == ("HTTP", "sendtext", "demo", "done")
    assert [int(message.message_id) for message in journalled.ledger.messages()] == list(sent.message_ids)
    request, reply = sent.request(()), sent.reply(())
    assert request.startswith("GET /mspaceservice/wr/sms/sendtext/username=demo/password=***/senderid=MSPACE/")
    assert "message=Hi%20there" in request
    assert reply.startswith("HTTP/1.1 200")
    assert str(sent.message_ids[0]) in reply
    assert (refused.title, refused.outcome, len(refused.message_ids)) == ("balance", "AuthenticationError", 0)
    assert (unknown.title, unknown.outcome) == ("GET /***", "status 404")


def test_what_is_kept_of_a_request_counts_with_its_headers(journalled: Emulator) -> None:
    long = Request("GET", "http://h/nothing", {"User-Agent": "x" * 10_000})
    journalled.handle(long)
    assert journalled.journal is not None
    (exchange,) = journalled.journal.after(0, 9)
    assert 10_000 < exchange.octets < 12_000


def test_a_reply_that_is_lost_is_told_and_its_messages_are_still_known(journalled: Emulator) -> None:
    call = SendText("demo", "MSPACE", ("0722000000",), "Hi")
    request = legacy.encode_request(call, DEMO.password, base=legacy.base_url("http://h"))
    for fault, error in (("reset-after", OutcomeUnknown), ("truncate", OutcomeUnknown), ("refuse", TransportError)):
        journalled.faults.clear()
        journalled.faults.add(fault)
        with pytest.raises(error):
            journalled.handle(request)
    reset, cut, refused = the_journal(journalled).after(0, 9)
    assert (reset.outcome, len(reset.message_ids), reset.reply(())) == ("no whole reply: reset", 1, "")
    assert (cut.outcome, len(cut.message_ids)) == ("no whole reply: cut-short", 1)
    assert str(cut.message_ids[0]) in cut.reply(())
    assert (refused.outcome, len(refused.message_ids)) == ("no whole reply: closed", 0)


def test_a_report_that_is_asked_for_makes_no_message(journalled: Emulator) -> None:
    journalled.ledger.answer(SendText("demo", "MSPACE", ("0722000000",), "Hi"))
    (message,) = journalled.ledger.messages()
    call = DeliveryReports("demo", message.message_id)
    journalled.handle(v2.encode_request(call, DEMO.api_key, base=v2.base_url("http://h")))
    (exchange,) = the_journal(journalled).after(0, 9)
    assert len(exchange.message_ids) == 0


def test_what_came_by_smpp_is_kept_without_signs_of_life() -> None:
    journal = Journal()
    ledger = Ledger(delivery_delay=0)
    got: list[object] = []
    with Smsc(ledger, journal=journal) as smsc:
        with Transmitter(smsc.host, smsc.port, "demo", "smpp-pwd") as transmitter:
            transmitter.send("MSPACE", "0722000000", "Hello")
        with Receiver(smsc.host, smsc.port, "demo", "smpp-pwd", got.append):
            eventually(lambda: any(exchange.title == "deliver_sm" for exchange in journal.after(0, 99)))
    exchanges = {exchange.title: exchange for exchange in journal.after(0, 99)}
    assert set(exchanges) == {"bind_transmitter", "submit_sm", "unbind", "bind_receiver", "deliver_sm"}
    assert {exchange.outcome for exchange in exchanges.values()} == {"ESME_ROK"}
    (message,) = ledger.messages()
    sent = message.message_id
    submit = exchanges["submit_sm"]
    assert (submit.protocol, submit.username, list(submit.message_ids)) == ("SMPP", "demo", [int(sent)])
    assert "48 65 6c 6c 6f" in submit.request(())
    assert sent in submit.reply(())
    bind = exchanges["bind_transmitter"]
    assert "password: ***" in bind.request(())
    assert b"smpp-pwd".hex(" ") not in bind.request(())
    assert journal.that_made([int(sent)]) == {int(sent): submit.number}
    ledger.close()
