"""The strategies give what each API can carry: it survives the wire both ways, and every kind turns up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from mspace_legacy import Outcome, SentMessage, msisdn
from mspace_legacy.models import CALLS, Call, SendText
from mspace_legacy.secrets import Secret
from mspace_legacy.sms import segments
from mspace_legacy.testing import strategies
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.documents import Form

LEGACY_FORMS: list[Form] = ["text", "json", "xml"]
V2_FORMS: list[Form] = ["json", "xml"]


@given(call=strategies.calls("legacy"), password=strategies.passwords())
def test_a_legacy_call_is_read_as_it_was_written(call: Call[Any], password: str) -> None:
    read = legacy.decode_request(legacy.encode_request(call, Secret(password), base=legacy.base_url("http://h")))
    assert (read.call, read.secret.reveal()) == (call, password)


@pytest.mark.parametrize("style", v2.STYLES)
@given(data=st.data())
def test_a_v2_call_is_read_as_it_was_written(style: v2.Style, data: st.DataObject) -> None:
    call = data.draw(strategies.calls("v2", in_xml=style == "xml"))
    key = data.draw(strategies.api_keys())
    read = v2.decode_request(v2.encode_request(call, Secret(key), base=v2.base_url("http://h"), style=style))
    assert (read.call, read.secret.reveal()) == (call, key)


@pytest.mark.parametrize("form", LEGACY_FORMS)
@given(data=st.data())
def test_a_legacy_reply_is_read_as_it_was_written(form: Form, data: st.DataObject) -> None:
    call = data.draw(strategies.calls("legacy"))
    reply = data.draw(strategies.replies(call, "legacy"))
    assert legacy.decode_reply(call, legacy.encode_reply(call, reply, form)) == reply


@pytest.mark.parametrize("form", V2_FORMS)
@given(data=st.data())
def test_a_v2_reply_is_read_as_it_was_written(form: Form, data: st.DataObject) -> None:
    call = data.draw(strategies.calls("v2"))
    reply = data.draw(strategies.replies(call, "v2"))
    assert v2.decode_reply(call, v2.encode_reply(call, reply, form)) == reply


def turns_up(strategy: st.SearchStrategy[Any], condition: Callable[[Any], bool]) -> bool:
    """Whether an example like it is among those that a property sees."""
    try:
        find(strategy, condition, settings=settings(max_examples=300, phases=[Phase.generate]))
    except NoSuchExample:
        return False
    return True


@pytest.mark.parametrize("operation", CALLS)
def test_every_call_turns_up_on_the_apis_that_have_it(operation: str) -> None:
    def is_it(call: Call[Any]) -> bool:
        return type(call) is CALLS[operation]

    assert turns_up(strategies.calls("legacy"), is_it) is (operation != "deliveryreport")
    assert turns_up(strategies.calls("v2"), is_it) is (operation != "login")


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNKNOWN])
def test_every_outcome_that_an_api_can_tell_turns_up(outcome: Outcome) -> None:
    def is_it(reply: list[SentMessage]) -> bool:
        return reply[1].outcome is outcome

    call = SendText("u", "M", ("254722000000", "254733000000"), "hi")
    assert turns_up(strategies.replies(call, "legacy"), is_it)
    assert turns_up(strategies.replies(call, "v2"), is_it) is (outcome is not Outcome.UNKNOWN)


@given(strategies.numbers())
def test_numbers_are_numbers(number: str) -> None:
    assert len(msisdn.normalise(number)) == 12


@pytest.mark.parametrize("encoding", ["gsm7", "ucs2"])
@pytest.mark.parametrize("several", [False, True])
def test_messages_are_short_and_long_and_in_both_alphabets(encoding: str, several: bool) -> None:
    def is_it(text: str) -> bool:
        cut = segments(text)
        return cut.encoding == encoding and (cut.count > 1) is several

    assert turns_up(strategies.messages(), is_it)
