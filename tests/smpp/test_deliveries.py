"""smpp.deliveries: which receipt is of which message, in any order that two connections may bring about."""

from __future__ import annotations

import threading
from itertools import permutations

import pytest

from mspace_legacy.errors import InvalidInput
from mspace_legacy.smpp.deliveries import Deliveries, Delivery, SubmittedMessage
from mspace_legacy.smpp.receipts import MessageState, Receipt

NUMBER = "254722000000"
DELIVERED, ENROUTE, UNDELIVERABLE = MessageState.DELIVERED, MessageState.ENROUTE, MessageState.UNDELIVERABLE


def message(*ids: str | None, recipient: str = NUMBER) -> SubmittedMessage:
    return SubmittedMessage("MSPACE", recipient, "hi", ids)


def receipt(message_id: str, state: MessageState | None = DELIVERED, recipient: str = NUMBER) -> Receipt:
    return Receipt(message_id, state, recipient=recipient)


def state_of(deliveries: Deliveries, message_id: str) -> MessageState | None:
    found = deliveries.of(message_id)
    assert found is not None
    return found.state


def test_a_receipt_finds_its_message() -> None:
    deliveries = Deliveries()
    one, two = message("1"), message("2")
    deliveries.add(one)
    deliveries.add(two)
    assert deliveries.match(receipt("2")) == Delivery(two, (DELIVERED,))
    assert deliveries.of("1") == Delivery(one, (None,))
    assert state_of(deliveries, "1") is None
    assert deliveries.of("3") is None


def test_a_receipt_that_comes_before_the_response() -> None:
    deliveries = Deliveries()
    assert deliveries.match(receipt("7")) is None
    deliveries.add(message("7"))
    assert state_of(deliveries, "7") is DELIVERED
    # It was of that one: a later message with the id used again begins without.
    deliveries.add(message("7"))
    assert state_of(deliveries, "7") is None


@pytest.mark.parametrize("early", [0, 1, 2])
def test_a_final_state_stays_whatever_overtakes_it(early: int) -> None:
    deliveries = Deliveries()
    for place, state in enumerate((DELIVERED, ENROUTE)):
        if place == early:
            deliveries.add(message("7"))
        deliveries.match(receipt("7", state))
    if early == 2:
        deliveries.add(message("7"))
    assert state_of(deliveries, "7") is DELIVERED


def test_the_same_receipt_twice() -> None:
    deliveries = Deliveries()
    deliveries.add(message("1"))
    assert deliveries.match(receipt("1")) == deliveries.match(receipt("1"))


@pytest.mark.parametrize(
    ("sent", "receipted"),
    [("1f", "31"), ("31", "1F"), ("0000001F", "0000000031"), ("0x-1", "0x-1"), ("abc_DEF", "abc_DEF")],
)
@pytest.mark.parametrize("early", [False, True])
def test_an_id_in_hexadecimal_here_and_in_decimal_there(sent: str, receipted: str, early: bool) -> None:
    deliveries = Deliveries()
    if early:
        deliveries.match(receipt(receipted))
    deliveries.add(message(sent))
    if not early:
        assert deliveries.match(receipt(receipted)) is not None
    assert state_of(deliveries, sent) is DELIVERED


@pytest.mark.parametrize("early", [False, True])
def test_a_number_read_the_other_way_is_not_of_another_recipient(early: bool) -> None:
    # 16 may be hexadecimal 10, but that message went to somebody else.
    deliveries = Deliveries()
    if early:
        deliveries.match(receipt("16", recipient="254733000000"))
    deliveries.add(message("10"))
    if not early:
        assert deliveries.match(receipt("16", recipient="254733000000")) is None
    assert state_of(deliveries, "10") is None


@pytest.mark.parametrize("told", ["0722000000", "+254722000000", "722000000", ""])
def test_the_recipient_as_the_service_writes_it(told: str) -> None:
    deliveries = Deliveries()
    deliveries.add(message("1"))
    assert deliveries.match(receipt("1", recipient=told)) is not None


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize(
    ("source", "destination", "is_of_it"),
    [
        # As section 4.6.1 has it, with a name and with a number as the sender.
        (NUMBER, "MSPACE", True),
        (NUMBER, "254700000001", True),
        ("254733000000", "MSPACE", False),
        ("254733000000", "254700000001", False),
        # As they stood in the message.
        ("MSPACE", NUMBER, True),
        ("254700000001", NUMBER, True),
        ("MSPACE", "254733000000", False),
        ("254700000001", "254733000000", False),
        # Masked, and a code of the service's own.
        ("2547*****000", "MSPACE", True),
        ("07xxxxx000", "MSPACE", True),
        ("2547*****111", "MSPACE", False),
        ("25473311****", "MSPACE", False),
        ("40404", "MSPACE", True),
        ("40404", NUMBER, True),
        ("40404", "254733000000", False),
        ("", "", True),
        # However it is written, and of any country.
        ("+254 722 000000", "MSPACE", True),
        ("+254 733 111111", "MSPACE", False),
        ("29022345", "MSPACE", False),
        # Of another country's number with the same nine digits as the sender's.
        ("256700000001", "254700000001", False),
    ],
)
def test_the_addresses_as_services_write_them(source: str, destination: str, is_of_it: bool, early: bool) -> None:
    deliveries = Deliveries()
    sent = SubmittedMessage(
        "254700000001" if "254700000001" in (source, destination) else "MSPACE", NUMBER, "hi", ("5",)
    )
    came = Receipt("5", DELIVERED, recipient=source, sender_id=destination)
    if early:
        deliveries.match(came)
    deliveries.add(sent)
    if not early:
        assert (deliveries.match(came) is not None) == is_of_it
    assert state_of(deliveries, "5") is (DELIVERED if is_of_it else None)


@pytest.mark.parametrize("source", ["40404", "MSPACE", "2547*****000"])
def test_an_id_read_the_other_way_has_to_come_from_the_recipient(source: str) -> None:
    # 16 may be hexadecimal 10. It is another message's, whose answer is on its way still.
    deliveries = Deliveries()
    deliveries.add(message("10"))
    came = Receipt("16", DELIVERED, recipient=source, sender_id="MSPACE")
    if source.startswith("2547"):
        assert deliveries.match(came) is not None
        return
    assert deliveries.match(came) is None
    deliveries.add(message("16", recipient="29022345"))
    assert (state_of(deliveries, "16"), deliveries.of("10")) == (DELIVERED, Delivery(message("10"), (None,)))


def test_a_tlv_says_nothing_of_how_texts_spell_an_id() -> None:
    deliveries = Deliveries()
    deliveries.add(message("ABC1"))
    deliveries.add(message("ABC2"))
    both = Receipt("ABC1", DELIVERED, recipient=NUMBER, text=f"id:{0xABC1} stat:DELIVRD text:ABC1")
    assert deliveries.match(both) is not None
    assert deliveries.match(Receipt(str(0xABC2), DELIVERED, recipient=NUMBER, text=f"id:{0xABC2} stat:DELIVRD"))
    assert state_of(deliveries, "ABC2") is DELIVERED


@pytest.mark.parametrize("order", list(permutations("123")))
def test_several_segments_are_one_message(order: tuple[str, ...]) -> None:
    deliveries = Deliveries()
    deliveries.match(receipt(order[0]))
    deliveries.add(message("1", "2", "3"))
    assert state_of(deliveries, "2") is None
    assert deliveries.match(receipt(order[1])) is not None
    assert state_of(deliveries, "2") is None
    whole = deliveries.match(receipt(order[2]))
    assert whole is not None
    assert whole.state is DELIVERED


def test_one_segment_that_failed_is_the_message_that_failed() -> None:
    states = (DELIVERED, UNDELIVERABLE, None)
    assert Delivery(message("1", "2", "3"), states).state is UNDELIVERABLE
    assert Delivery(message("1", "2"), (DELIVERED, ENROUTE)).state is ENROUTE


def test_a_segment_that_was_not_taken_has_no_receipt_and_hinders_none() -> None:
    deliveries = Deliveries()
    deliveries.add(message("1", None))
    assert deliveries.match(receipt("1")) == Delivery(message("1", None), (DELIVERED, None))
    assert deliveries.match(receipt("")) is None


def test_it_forgets_the_oldest() -> None:
    deliveries = Deliveries(most=3)
    for number in range(10):
        deliveries.add(message(f"m{number}"))
        deliveries.match(receipt(f"early{number}"))
    assert [deliveries.of(f"m{number}") is not None for number in range(10)] == [False] * 7 + [True] * 3
    for number in range(10):
        deliveries.add(message(f"early{number}"))
        known = state_of(deliveries, f"early{number}")
        assert known is (DELIVERED if number >= 7 else None)


def test_two_threads() -> None:
    deliveries = Deliveries()
    ids = [f"m{number}" for number in range(2_000)]
    receiving = threading.Thread(target=lambda: [deliveries.match(receipt(message_id)) for message_id in ids])
    receiving.start()
    for message_id in ids:
        deliveries.add(message(message_id))
    receiving.join()
    assert {state_of(deliveries, message_id) for message_id in ids} == {DELIVERED}


def test_what_a_receipt_calls_it_finds_it_too() -> None:
    # In hexadecimal where it was submitted, in decimal in the receipt.
    deliveries = Deliveries()
    deliveries.add(message("1F"))
    assert deliveries.of("31") is not None
    assert deliveries.of("1f") == deliveries.of("31")
    assert deliveries.of("32") is None


def test_small_decimal_ids_are_not_taken_for_hexadecimal_ones() -> None:
    # As test SMSCs count, each receipt before the answer to its submit_sm.
    deliveries = Deliveries()
    for number in range(1, 500):
        deliveries.match(receipt(str(number)))
        deliveries.add(message(str(number)))
    for number in range(1, 500):
        delivery = deliveries.of(str(number))
        assert delivery is not None
        assert delivery.state is DELIVERED, number


@pytest.mark.parametrize("most", [0, -1])
def test_it_remembers_one_at_least(most: int) -> None:
    with pytest.raises(InvalidInput, match=f"most is {most}: 1 is the least"):
        Deliveries(most=most)


def test_a_receipt_whose_state_is_not_known_changes_nothing() -> None:
    deliveries = Deliveries()
    deliveries.add(message("1"))
    deliveries.match(receipt("1", ENROUTE))
    deliveries.match(receipt("1", None))
    assert state_of(deliveries, "1") is ENROUTE


def test_a_message_of_which_nothing_was_taken_is_not_delivered() -> None:
    assert Delivery(SubmittedMessage("MSPACE", NUMBER, "hi"), ()).state is None
