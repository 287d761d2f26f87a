"""Hypothesis strategies for calls and replies of both APIs, for property tests. Nothing else here needs hypothesis.

`calls` gives what an API and a style can carry, hostile texts included; `replies` gives what comes back of a call,
as a form of an API can carry it without loss.
"""

from __future__ import annotations

import string
from datetime import datetime
from typing import Any, Literal

from hypothesis import strategies as st

from mspace_legacy.models import (
    Balance,
    Call,
    DeliveryReport,
    DeliveryReports,
    Login,
    Outcome,
    ResellerClient,
    ResellerClients,
    ResellerClientTopUp,
    SendText,
    SentMessage,
    SubAccountTopUp,
    SubUser,
    SubUsers,
    TopUp,
)
from mspace_legacy.sms import GSM7_BASIC, GSM7_EXTENSION

__all__ = ["API", "api_keys", "balances", "calls", "messages", "names", "numbers", "passwords", "replies", "texts"]

API = Literal["legacy", "v2"]

_NASTY = [
    "/", "a/b;c", "100%", "%2F%41", "{a} and {b", "1 + 1 = 2", "?#&", "é 😀 ع", "it's \"so\"", "<b>&amp;</b>",
    "two\nlines", "\t", "/message=x", "password=", "]]>", "\\",
]  # fmt: skip
_GSM = "".join(sign for sign in (*GSM7_BASIC, *GSM7_EXTENSION.values()) if sign not in "\x1b\f")
"""GSM 03.38's default alphabet and its extension table, but for the two that XML can't carry."""


def texts(*, in_xml: bool = False) -> st.SearchStrategy[str]:
    """Any text that is not empty and has a UTF-8 form; of XML's characters only, where it goes in XML."""
    excluded = [chr(code) for code in range(32) if chr(code) not in "\t\n\r"] + ["\ufffe", "\uffff"]
    characters = st.characters(exclude_categories=["Cs"], exclude_characters=excluded if in_xml else [])
    return st.text(characters, min_size=1, max_size=40) | st.sampled_from(_NASTY)


def passwords() -> st.SearchStrategy[str]:
    """Passwords of the legacy API, which travel in the path: any text."""
    return texts()


def api_keys() -> st.SearchStrategy[str]:
    """API keys that a header can hold: up to 128 printable ASCII characters, none of them a space."""
    return st.text(string.ascii_letters + string.digits + string.punctuation, min_size=1, max_size=128)


def messages(*, in_xml: bool = False) -> st.SearchStrategy[str]:
    """Texts to send, of one to several segments, in GSM 03.38 and beyond it."""
    short, long = st.text(_GSM, min_size=1), st.text(_GSM, min_size=161, max_size=320)
    return short | long | texts(in_xml=in_xml) | texts(in_xml=in_xml).map(lambda text: text * 71)


def numbers() -> st.SearchStrategy[str]:
    """Mobile numbers of Kenya and Uganda, in local and in international form."""
    national = st.from_regex(r"[17][0-9]{8}", fullmatch=True)
    kenyan = st.builds("{}{}".format, st.sampled_from(["0", "254", "+254"]), national)
    return kenyan | st.builds("256{}".format, st.from_regex(r"7[0-9]{8}", fullmatch=True))


def names() -> st.SearchStrategy[str]:
    """Names of accounts: printable, without a space at an end, which a reply in text would lose."""
    printable = st.characters(exclude_categories=["C", "Z"], exclude_characters="\ufffd")
    return st.text(printable | st.just(" "), min_size=1, max_size=30).map(str.strip).filter(bool)


def balances() -> st.SearchStrategy[int]:
    """Balances and counts of credits: 0 to 18 digits."""
    return st.integers(0, 10**18 - 1)


def calls(api: API, *, in_xml: bool = False) -> st.SearchStrategy[Call[Any]]:
    """Each call that `api` has, of any text; `in_xml`, of what v2's XML style can carry."""
    text = texts(in_xml=in_xml)
    recipients = st.lists(numbers(), min_size=1, max_size=5).map(tuple)
    kinds: list[st.SearchStrategy[Call[Any]]] = [
        st.builds(Balance, text),
        st.builds(SendText, text, text, recipients, messages(in_xml=in_xml)),
        st.builds(SubUsers, text),
        st.builds(ResellerClients, text),
        st.builds(SubAccountTopUp, text, names(), balances()),
        st.builds(ResellerClientTopUp, text, names(), balances()),
        st.builds(Login, text) if api == "legacy" else st.builds(DeliveryReports, text, text),
    ]
    return st.one_of(kinds)


def replies(call: Call[Any], api: API) -> st.SearchStrategy[Any]:
    """What `call` may be answered on `api`, as the model that `encode_reply` takes and `decode_reply` gives."""
    match call:
        case Balance():
            return balances()
        case Login():
            return st.just(True)
        case SubUsers():
            return st.lists(st.builds(SubUser, names(), balances()), max_size=4)
        case ResellerClients():
            return st.lists(st.builds(ResellerClient, names(), balances()), max_size=4)
        case SubAccountTopUp() | ResellerClientTopUp():
            return st.just(TopUp(call.name, int(call.count)))
        case SendText():
            one = _legacy_message if api == "legacy" else _v2_message
            return st.tuples(*map(one, call.recipients)).map(list)
        case DeliveryReports():
            codes = st.integers(0, 999).map(str) | st.sampled_from(["Delivered", "Submitted"])
            return st.lists(
                st.builds(DeliveryReport, _message_ids, codes, names(), numbers()), min_size=1, max_size=3
            )
    raise TypeError(f"no such call: {type(call).__name__}")


_message_ids = st.integers(1, 10**12).map(str)
_milliseconds = st.integers(0, 999).map(lambda count: count * 1000)
_times = st.builds(
    lambda time, milliseconds: time.replace(microsecond=milliseconds),
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),
    _milliseconds,
)


def _legacy_message(recipient: str) -> st.SearchStrategy[SentMessage]:
    """The legacy API tells a status and a time, and names no recipient."""
    told = st.sampled_from(
        [(Outcome.ACCEPTED, "successful"), (Outcome.REJECTED, "rejected"), (Outcome.UNKNOWN, "queued")]
    )
    return st.builds(
        lambda message_id, told, time: SentMessage(message_id, told[0], status=told[1], response_time=time),
        _message_ids,
        told,
        _times,
    )


def _v2_message(recipient: str) -> st.SearchStrategy[SentMessage]:
    """v2 tells a code, in words too, for each recipient; 111 is success."""
    accepted = st.just((Outcome.ACCEPTED, "111", "Message sent successfully"))
    code = st.integers(0, 999).filter(lambda number: number != 111).map(str)
    refused = st.tuples(st.just(Outcome.REJECTED), code, names())
    return st.builds(
        lambda message_id, told: SentMessage(message_id, told[0], recipient, told[1], told[2]),
        _message_ids,
        accepted | refused,
    )
