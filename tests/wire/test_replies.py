"""wire.replies: every form of reply that is known is read, what is not known is an error that keeps the body."""

from __future__ import annotations

import contextlib
import json
import pickle
import random
import time
import tracemalloc
from dataclasses import replace
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mspace_legacy import errors
from mspace_legacy.errors import (
    AuthenticationError,
    ContactProvider,
    InsufficientBalance,
    InvalidSenderId,
    MSpaceError,
    NotAuthorized,
    OutcomeUnknown,
    ReplyError,
    ServerError,
    ServiceError,
    TopUpFailed,
    UnrecognisedFailure,
)
from mspace_legacy.models import (
    Balance,
    DeliveryReport,
    Login,
    Outcome,
    ResellerClient,
    SendText,
    SentMessage,
    SubAccountTopUp,
    SubUser,
    TopUp,
)
from mspace_legacy.secrets import Secret
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.http import Request, Response
from mspace_legacy.wire.replies import (
    decode_document,
    decode_reply,
    failure_kind,
    failure_text,
    leaves_open,
    messages_for,
    tell_nothing,
)
from tests.wire.strategies import CALLS, KNOWN_BODIES, MOVING, hostile_bodies
from tests.wire.test_documents import UNSAFE_XML

MIB = 1 << 20
STATUSES = [200, 201, 299, 300, 302, 400, 401, 403, 404, 429, 500, 503, 599]


def response(body: str | bytes, status: int = 200, content_type: str = "text/plain") -> Response:
    data = body.encode() if isinstance(body, str) else body
    return Response(status, data, (("Content-Type", content_type),))


def read(operation: str, body: str | bytes, status: int = 200, content_type: str = "text/plain") -> Any:
    return decode_reply(CALLS[operation], response(body, status, content_type))


def failed(operation: str, body: str | bytes, status: int = 200) -> MSpaceError:
    with pytest.raises(MSpaceError) as raised:
        read(operation, body, status)
    assert raised.value.__context__ is None
    return raised.value


def test_both_dialects_share_the_reader() -> None:
    assert legacy.decode_reply is decode_reply
    assert v2.decode_reply is decode_reply


# Balance and login


@pytest.mark.parametrize(
    "body",
    ["50", " 50\r\n", "\ufeff50", '"50"', "050", '{"balance": 50}', '{"balance": "50"}', '{"smsBalance": "50"}',
     '{"SMSBALANCE": 50}', '[{"smsBalance": "50"}]', '{"message": {"smsBalance": 50}}',
     '{"message": [{"balance": 50}]}', "<balance>50</balance>", "<response> 50 </response>",
     "<user><smsBalance>50</smsBalance></user>", "<a><user><smsBalance>50</smsBalance></user></a>",
     '<?xml version="1.0"?><x:a xmlns:x="urn:a">50</x:a>', "\ufeff<balance>50</balance>", '"\\u0035\\u0030"'],
)  # fmt: skip
def test_a_balance_in_each_form(body: str) -> None:
    assert read("balance", body) == 50
    assert read("balance", body, 201, "application/x-unheard-of") == 50


@pytest.mark.parametrize(("body", "balance"), [("0", 0), ("7628", 7628), ("-5", -5), ("9" * 18, 10**18 - 1)])
def test_a_balance_of_any_size(body: str, balance: int) -> None:
    assert read("balance", body) == balance
    assert read("balance", json.dumps({"smsBalance": body})) == balance
    assert read("balance", f'{{"smsBalance": {body}}}') == balance


NO_NUMBERS = [
    "1_000", "1,000", "\u0665\u0660", "\uff15\uff10", "²", "10^30", "1" + "0" * 30, "50.0", "50.", "true", "false",
    "1e3", "0x32", "+50", "--5", "5 0", "50 SMS", "NaN", "Infinity", "null", "-", "50\0", "balance: 50",
]  # fmt: skip


@pytest.mark.parametrize("written", NO_NUMBERS)
def test_what_is_no_whole_number_is_no_balance(written: str) -> None:
    bodies = [written, f"<balance>{written}</balance>", json.dumps(written), json.dumps({"smsBalance": written})]
    bodies += [json.dumps([{"smsBalance": "5"}, {"smsBalance": written}]), f"<a><balance>{written}</balance></a>"]
    for body in bodies:
        error = failed("balance", body)
        assert isinstance(error, ReplyError)
        assert error.body == body


@pytest.mark.parametrize(
    "written", ["50.0", "1e3", "1e400", "true", "false", "null", "1" + "0" * 30, "[]", "[50]", "{}"]
)
def test_what_is_no_whole_number_in_json_is_no_balance(written: str) -> None:
    for body in (f'{{"balance": {written}}}', f"[{written}]", f'{{"message": {written}}}'):
        assert isinstance(failed("balance", body), ReplyError)


@pytest.mark.parametrize("written", NO_NUMBERS)
def test_an_account_without_a_whole_number_is_not_listed(written: str) -> None:
    for operation, name in (("subusers", "subUserName"), ("resellerclients", "clientname")):
        error = failed(operation, json.dumps([{"smsBalance": "5", name: "a"}, {"smsBalance": written, name: "b"}]))
        assert isinstance(error, ReplyError)


@pytest.mark.parametrize(
    "body",
    ["User exists.", "user exists", "USER EXISTS!\n", '"User exists."', '{"message": "User exists."}',
     '{"status": "User exists"}', "<login>User exists.</login>", "<a><message>User exists.</message></a>"],
)  # fmt: skip
def test_a_login_in_each_form(body: str) -> None:
    assert read("login", body) is True


@pytest.mark.parametrize("body", ["User exists, but is locked", "true", "1", "OK", "No user exists.", "[]", "{}"])
def test_nothing_else_is_a_login(body: str) -> None:
    assert isinstance(failed("login", body), ReplyError)


# Top-ups


@pytest.mark.parametrize("operation", ["subacctopup", "resellerclienttopup"])
@pytest.mark.parametrize(
    "body",
    ["Successful Top up of 9000 SMS to bob", "Successful Top up of 9000 SMS to bob.",
     "successful topup of 9000 sms to bob", '"Successful Top up of 9000 SMS to bob"',
     '{"message": "Successful Top up of 9000 SMS to bob"}', '{"status": "Successful Top up of 9000 SMS to bob"}',
     "<r>Successful Top up of 9000 SMS to bob</r>", "<r><message>Successful Top up of 9000 SMS to bob</message></r>",
     " Successful Top up of 9000 SMS to bob\r\n"],
)  # fmt: skip
def test_a_top_up_in_each_form(operation: str, body: str) -> None:
    assert read(operation, body) == TopUp("bob", 9000)


def test_a_top_up_tells_what_the_service_told() -> None:
    # What was asked for is not what was done until the service says so.
    error = failed("subacctopup", "Successful Top up of 8999 SMS to alice")
    assert isinstance(error, OutcomeUnknown)
    assert "8999 SMS to alice' (HTTP 200), where 9000 credits to 'bob' were asked for" in str(error)
    assert read("subacctopup", "Successful Top up of 9000 SMS to BOB") == TopUp("BOB", 9000)
    told = decode_reply(SubAccountTopUp("u", "J. R.", 5), response("Successful Top up of 5 SMS to J. R."))
    assert told == TopUp("J. R.", 5)


@pytest.mark.parametrize("operation", ["subacctopup", "resellerclienttopup"])
@pytest.mark.parametrize(
    "body",
    ["Successful Top up", "Successful Top up of SMS to bob", "Successful Top up of \u0665 SMS to bob", "successful",
     "9000", f"Successful Top up of {'9' * 30} SMS to bob", "Successful Top up of 9000 SM",
     "Unsuccessful Top up of 9000 SMS to bob", "true", '{"status": 111}'],
)  # fmt: skip
def test_nothing_else_is_a_top_up(operation: str, body: str) -> None:
    error = failed(operation, body)
    assert isinstance(error, ReplyError)
    assert isinstance(error, OutcomeUnknown)


# Lists of accounts

TWO = '[{{"smsBalance": "20", "{0}": "a"}}, {{"{0}": "b", "smsBalance": 18}}]'
XML_TWO = (
    "<r><e><smsBalance>20</smsBalance><{0}>a</{0}></e><e><{0}>b</{0}><extra/><smsBalance> 18 </smsBalance></e></r>"
)


@pytest.mark.parametrize(
    "body",
    [
        TWO,
        f'{{{{"message": {TWO}}}}}',
        f'{{{{"users": {TWO}, "status": "ok"}}}}',
        XML_TWO,
        f"<a><b>{XML_TWO}</b></a>",
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_accounts_in_each_form_and_both_spellings(body: str, status: int) -> None:
    for name in ("subUserName", "subAccUser", "SUBUSERNAME"):
        assert read("subusers", body.format(name), status) == [SubUser("a", 20), SubUser("b", 18)]
    for name in ("clientname", "clientUserName", "ClientName"):
        assert read("resellerclients", body.format(name), status) == [
            ResellerClient("a", 20),
            ResellerClient("b", 18),
        ]


def test_one_account_in_each_form() -> None:
    for body in (
        '{"smsBalance": 20, "subUserName": "a"}',
        '{"message": {"smsBalance": 20, "subUserName": "a"}}',
        "<r><subUserName>a</subUserName><smsBalance>20</smsBalance></r>",
        '<r xmlns="urn:x"><subUserName>a</subUserName><smsBalance>20</smsBalance></r>',
    ):
        assert read("subusers", body) == [SubUser("a", 20)]


@pytest.mark.parametrize(
    "body", ["[]", " [ ]\n", '{"users": []}', '{"subUsers": []}', "<subUsers/>", "<subUsers></subUsers>"]
)
def test_no_account_is_an_empty_list(body: str) -> None:
    assert read("subusers", body) == []


@pytest.mark.parametrize("operation", ["subusers", "resellerclients"])
@pytest.mark.parametrize(
    "body",
    ["", " \r\n", "null", "{}", "0", "none", '{"message": []}', '{"error": []}', '{"errors": []}', '{"data": {}}',
     "[[]]", "[null]", "[1]", '["a"]', "[{}]", '[{"a": 1}]', '{"users": null}', '{"users": {}}', '{"users": ""}',
     "<r/>", "<error/>", "<message/>", "<userNotFound/>", "<clientError/>", "<invalidUser></invalidUser>",
     "<users><error/></users>", '{"userErrors": []}', '{"users": [], "error": "no such thing"}',
     '{"users": [], "success": false, "error": true}'],
)  # fmt: skip
def test_nothing_else_is_an_empty_list(operation: str, body: str) -> None:
    error = failed(operation, body)
    assert isinstance(error, ReplyError)
    assert error.body == body


GOOD_RECORD = '{"smsBalance": "20", "subUserName": "a", "clientname": "a"}'
GOOD_ELEMENT = "<e><smsBalance>20</smsBalance><subUserName>a</subUserName><clientname>a</clientname></e>"


@pytest.mark.parametrize("operation", ["subusers", "resellerclients"])
@pytest.mark.parametrize(
    "bad",
    ["{}", "null", "1", '"a"', "[]", '{"smsBalance": "20"}', '{"subUserName": "b", "clientname": "b"}', '{"a": 1}',
     '{"smsBalance": null, "subUserName": "b", "clientname": "b"}', '{"smsBalance": "20", "subUserName": {"a": 1}}',
     '{"smsBalance": [20], "subUserName": "b", "clientname": "b"}'],
)  # fmt: skip
def test_one_bad_record_spoils_the_list(operation: str, bad: str) -> None:
    for body in (f"[{GOOD_RECORD}, {bad}]", f"[{bad}, {GOOD_RECORD}]", f'{{"message": [{GOOD_RECORD}, {bad}]}}'):
        assert isinstance(failed(operation, body), ReplyError)


@pytest.mark.parametrize("operation", ["subusers", "resellerclients"])
@pytest.mark.parametrize(
    "bad",
    ["<e><smsBalance>20</smsBalance></e>", "<e><subUserName>b</subUserName></e>", "<e><a>1</a></e>", "<e/>",
     "<e>b</e>", "<e><smsBalance>x</smsBalance><subUserName>b</subUserName><clientname>b</clientname></e>",
     "<e><smsBalance><b>1</b></smsBalance><subUserName>b</subUserName><clientname>b</clientname></e>"],
)  # fmt: skip
def test_one_bad_element_spoils_the_list(operation: str, bad: str) -> None:
    # An account that vanished from the list would look closed.
    for body in (f"<r>{GOOD_ELEMENT}{bad}</r>", f"<r>{bad}{GOOD_ELEMENT}</r>"):
        assert isinstance(failed(operation, body), ReplyError)


# Sent messages

LEGACY_SENT = '[{"messageId": "12345", "responseTime": "2018-06-25 11:12:19:793", "status": "successful"}]'
V2_SENT = (
    '{"message": [{"messageId": "49032372", "recipient": "0722123456", "status": 111, '
    '"statusDescription": "Message sent successfully"}]}'
)


@pytest.mark.parametrize("written", ["2018-06-25 11:12:19:793", "2018-06-2511:12:19:793"])
def test_the_documented_reply_with_both_forms_of_the_time(written: str) -> None:
    body = LEGACY_SENT.replace("2018-06-25 11:12:19:793", written)
    assert read("sendtext", body) == [
        SentMessage("12345", Outcome.ACCEPTED, "", "successful", "", datetime(2018, 6, 25, 11, 12, 19, 793_000))
    ]


@pytest.mark.parametrize(
    "written",
    ["", "yesterday", "2018-02-30 11:12:19:793", "2018-06-25 25:12:19", "\u0662\u0660\u0661\u0668-06-25 11:12:19"],
)
def test_a_time_that_is_none_is_left_out(written: str) -> None:
    (message,) = read("sendtext", LEGACY_SENT.replace("2018-06-25 11:12:19:793", written))
    assert (message.outcome, message.response_time) == (Outcome.ACCEPTED, None)


def test_the_envelope_of_v2() -> None:
    sent = [SentMessage("49032372", Outcome.ACCEPTED, "0722123456", "111", "Message sent successfully")]
    assert read("sendtext", V2_SENT) == sent
    assert read("sendtext", V2_SENT.replace("111", '"111"')) == sent
    assert (
        read("sendtext", V2_SENT.replace("49032372", "").replace('"messageId": ""', '"messageId": 49032372')) == sent
    )
    assert read("sendtext", V2_SENT.removeprefix('{"message": ').removesuffix("}")) == sent
    assert read("sendtext", V2_SENT.replace("[", "").replace("]", "")) == sent


def test_the_flat_object() -> None:
    assert read("sendtext", '{"status": 111, "statusDescription": "Message sent successfully"}') == [
        SentMessage("", Outcome.ACCEPTED, "", "111", "Message sent successfully")
    ]
    assert read("sendtext", '{"STATUS": "Successful", "messageid": 7}') == [
        SentMessage("7", Outcome.ACCEPTED, "", "Successful")
    ]


@pytest.mark.parametrize("root", ["messages", "sms", "anything"])
def test_xml_by_the_names_of_its_fields(root: str) -> None:
    leaves = "<messageId>1</messageId><recipient>0722</recipient><status>111</status>"
    one = SentMessage("1", Outcome.ACCEPTED, "0722", "111")
    assert read("sendtext", f"<{root}>{leaves}</{root}>") == [one]
    assert read("sendtext", f"<{root}><m>{leaves}</m></{root}>") == [one]
    assert read("sendtext", f"<{root}><m>{leaves}</m><m>{leaves.replace('111', '7')}</m></{root}>") == [
        one, SentMessage("1", Outcome.REJECTED, "0722", "7"),
    ]  # fmt: skip


def test_each_recipient_has_its_own_outcome() -> None:
    records = [
        {
            "messageId": "1",
            "recipient": "0722000001",
            "status": 111,
            "statusDescription": "Message sent successfully",
        },
        {"messageId": "2", "recipient": "0722000002", "status": "112", "statusDescription": "Insufficient Balance"},
        {"messageId": "3", "recipient": "0722000003", "status": "in the queue"},
        {"messageId": "4", "recipient": "0722000004"},
        {"recipient": "0722000005", "status": "rejected by the network"},
    ]
    sent = read("sendtext", json.dumps({"message": records}))
    assert [message.outcome for message in sent] == [
        Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.REJECTED,
    ]  # fmt: skip
    assert [message.recipient[-1] for message in sent] == list("12345")
    assert sent[1].words == "Insufficient Balance"


@pytest.mark.parametrize(
    "status",
    ["unsuccessful", "111.0", "1110", "0111", "true", "ok", "sent", "\uff11\uff11\uff11", "²", "not successful"],
)
def test_no_other_status_is_success(status: str) -> None:
    (message,) = read("sendtext", json.dumps([{"messageId": "1", "status": status}]))
    assert message.outcome is not Outcome.ACCEPTED


@pytest.mark.parametrize("status", ["111.0", "true", "1110", "-111", "null", "[111]", '{"code": 111}'])
def test_no_other_status_is_success_in_json(status: str) -> None:
    (message,) = read("sendtext", f'[{{"messageId": "1", "status": {status}}}]')
    assert message.outcome is not Outcome.ACCEPTED


@pytest.mark.parametrize(
    "body",
    ["[]", "{}", '{"message": []}', '{"message": {}}', '{"message": null}', "[{}]", "null", "", "111", "successful",
     '"successful"', "[111]", '["successful"]', '[{"a": 1}]', f"[{LEGACY_SENT}]", LEGACY_SENT[:-2], V2_SENT[:40],
     "<r/>", "<messages></messages>", "<status>111</status>", '[{"status": 111}, {}]', '[{"status": 111}, null]',
     '{"message": [{"status": 111}, {"a": 1}]}'],
)  # fmt: skip
def test_nothing_else_is_a_sent_message(body: str) -> None:
    error = failed("sendtext", body)
    assert isinstance(error, ReplyError)
    assert isinstance(error, OutcomeUnknown)
    assert error.body == body


@pytest.mark.parametrize("bad", ["<m/>", "<m><a>1</a></m>", "<m>x</m>", "<m><recipient>2</recipient></m>"])
def test_one_bad_element_spoils_the_sent_messages(bad: str) -> None:
    # A recipient who vanished from the reply would be sent the message again.
    body = f"<r><m><messageId>1</messageId><status>111</status></m>{bad}</r>"
    assert isinstance(failed("sendtext", body), OutcomeUnknown)


DONE = {
    "sendtext": ('"message": [{"messageId": "1", "status": 111}]',
    "<m><messageId>1</messageId><status>111</status></m>"), "subacctopup": (
        '"message": "Successful Top up of 9000 SMS to bob"',
        "<message>Successful Top up of 9000 SMS to bob</message>",
    ),
}  # fmt: skip


@pytest.mark.parametrize("error", ['"error": null', '"error": false', '"error": ""', '"error": 0', "<error/>"])
@pytest.mark.parametrize("operation", DONE)
def test_an_error_that_is_none_does_not_undo_what_was_done(operation: str, error: str) -> None:
    in_json, in_xml = DONE[operation]
    body = f"<r>{error}{in_xml}</r>" if error.startswith("<") else f"{{{error}, {in_json}}}"
    try:
        done = read(operation, body)
    except OutcomeUnknown:
        return  # which is honest, if no help
    assert done in ([SentMessage("1", Outcome.ACCEPTED, "", "111")], TopUp("bob", 9000))


@pytest.mark.parametrize(
    ("status", "description"),
    [("111", "Insufficient Balance"), ("111", "Invalid sender ID"), ("successful", "Authentication failure")],
)
def test_a_message_whose_status_and_words_contradict_each_other_is_unknown(status: str, description: str) -> None:
    record = {"messageId": "1", "recipient": "0722", "status": status, "statusDescription": description}
    (message,) = read("sendtext", json.dumps([record]))
    assert message.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "around",
    [
        {"status": "error"},
        {"success": False},
        {"status": "Failed"},
        {"status": 0, "statusDescription": "Sending failed"},
    ],
)
def test_an_envelope_that_contradicts_its_messages_leaves_them_open(around: dict[str, object]) -> None:
    record = {"messageId": "1", "recipient": "0722", "status": 111}
    assert isinstance(failed("sendtext", json.dumps({**around, "message": [record]})), OutcomeUnknown)


@pytest.mark.parametrize(
    "words",
    ["1 recipient rejected", "Some numbers are invalid", "Partial failure", "Invalid numbers skipped: 1",
     "Errors: 0", "errors: none", "failed = 0", "Blocked numbers: 0", "No errors"],
)  # fmt: skip
def test_a_summary_around_messages_takes_nothing_back_of_them(words: str) -> None:
    done = {"messageId": "1", "recipient": "0722", "status": 111}
    refused = {"recipient": "0733", "status": 400, "statusDescription": "Invalid number"}
    told = [read("sendtext", json.dumps({"message": words, "data": data})) for data in ([done, refused], [done])]
    outcomes = [[message.outcome for message in messages] for messages in told]
    assert outcomes == [[Outcome.ACCEPTED, Outcome.REJECTED], [Outcome.ACCEPTED]]
    all_refused = json.dumps({"message": words, "data": [refused, {**refused, "recipient": "0722"}]})
    for status in (200, 400):
        assert {message.outcome for message in read("sendtext", all_refused, status)} == {Outcome.REJECTED}


def test_a_failure_around_all_of_the_messages_leaves_them_open() -> None:
    done = [{"messageId": name, "recipient": name, "status": 111} for name in ("0722", "0733")]
    body = json.dumps({"message": "2 numbers are invalid", "data": done})
    assert isinstance(failed("sendtext", body), OutcomeUnknown)
    nobodys = json.dumps({"message": "Some numbers are invalid", "data": [{"messageId": "1", "status": 111}]})
    assert isinstance(failed("sendtext", nobodys), OutcomeUnknown)


@pytest.mark.parametrize(
    "body",
    [
        '{"success": false, "smsBalance": "0"}',
        '{"status": 401, "balance": 0}',
        '{"status": "failed", "balance": 0}',
        "<r><status>failed</status><balance>0</balance></r>",
        '{"statusDescription": "Account not found", "balance": 0}',
        '{"statusDescription": "Lookup failed", "balance": 0}',
        '{"message": "The user does not exist", "balance": 0}',
        '{"statusDescription": "Lookup failed", "data": {"balance": 7}}',
        '{"status": "failed", "data": {"balance": 7}}',
        "<r><status>failed</status><data><balance>7</balance></data></r>",
        '{"error": "unavailable", "balance": 7}',
        *[
            f'{{"{name}": "{words}", "balance": 0}}'
            for name in ("message", "status")
            for words in (
                "User not registered",
                "no account with this username",
                "No record found",
                "account not active",
                "Not authorized",
                "Invalid user: none",
                "Balance not available",
                "User does not exist",
            )
        ],
        '{"message": "User not found", "balance": -1}',
        '{"message": "User not found", "data": {"balance": 0}}',
        "<r><message>User not found</message><data><balance>0</balance></data></r>",
    ],
)
def test_a_balance_that_comes_with_a_failure_is_none(body: str) -> None:
    assert isinstance(failed("balance", body), MSpaceError)


@pytest.mark.parametrize(
    "body",
    [
        '{"balance": 1000, "parent": {"username": "boss", "balance": 9}}',
        '{"balance": 50, "subUsers": [{"smsBalance": "20", "subUserName": "a"}]}',
        '{"balance": 50, "smsBalance": 20}',
        "<account><balance>50</balance><user><smsBalance>20</smsBalance></user></account>",
        '[{"smsBalance": "20", "clientname": "another"}]',
        '{"subUsers": [{"smsBalance": "20", "subUserName": "another"}]}',
    ],
)
def test_what_may_be_the_balance_of_another_account_is_none(body: str) -> None:
    assert isinstance(failed("balance", body), ReplyError)


@pytest.mark.parametrize(
    "body",
    [
        '{"balance": 50, "smsBalance": "50"}',
        '{"status": 0, "statusDescription": "No error", "balance": 50}',
        '{"statusDescription": "success", "data": {"balance": 50}}',
        '[{"smsBalance": "50", "clientUserName": "u"}]',
        '{"balance": 50, "smsBalance": " 50 "}',
        '{"balance": 50, "error": "0"}',
        '{"balance": 50, "error": 0}',
        '{"balance": 50, "error": "none"}',
        '{"balance": 50, "message": "Account limit 1000, no expiry. Do not reply"}',
        '{"balance": 50, "message": "Failed messages: 0"}',
    ],
)
def test_a_balance_that_is_told_with_more_is_one(body: str) -> None:
    assert read("balance", body) == 50


@pytest.mark.parametrize("words", ["Your balance is 0", "Your SMS balance: 0", "no credits", "0", "success"])
def test_a_balance_of_nothing_is_one(words: str) -> None:
    assert read("balance", json.dumps({"balance": 1, "message": f"no {words}"})) == 1
    assert read("balance", json.dumps({"balance": "0", "message": words})) == 0


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (
            "subacctopup",
            '{"message": "Transaction failed", "data": {"description": "Successful Top up of 5 SMS to a"}}',
        ),
        ("login", '{"message": "Login failed", "data": {"status": "User exists"}}'),
        ("deliveryreport", '{"description": "Invalid message id", "message": [{"messageId": "1", "status": "3"}]}'),
    ],
)
def test_a_failure_around_a_success_takes_it_back(operation: str, body: str) -> None:
    error = failed(operation, body)
    assert isinstance(error, OutcomeUnknown) == (operation == "subacctopup")


def test_a_failure_around_a_report_of_one_is_of_the_delivery() -> None:
    body = '{"description": "Delivery failed", "message": [{"messageId": "1", "status": "5"}]}'
    assert [report.delivered for report in read("deliveryreport", body)] == [False]


@pytest.mark.parametrize(
    "words", ["Failed: none of the recipients is valid", "Error: 0 credits remaining", "Rejected: 0 SMS credits left",
              "Invalid number: 0", "send failed balance=0"],
)  # fmt: skip
def test_a_refusal_that_counts_something_else_is_certain(words: str) -> None:
    (message,) = read("sendtext", json.dumps([{**_DONE, "status": "102", "statusDescription": words}]))
    assert message.outcome is Outcome.REJECTED
    assert not isinstance(failed("sendtext", json.dumps({"error": words})), OutcomeUnknown)


@pytest.mark.parametrize("status", ["No error", "0 failed", "partial failure", "Errors: 0"])
def test_a_status_around_messages_that_tells_no_failure_of_all_takes_nothing_back(status: str) -> None:
    body = {"status": status, "message": [_DONE, {"recipient": "0733", "status": 102}]}
    assert [message.outcome for message in read("sendtext", json.dumps(body))] == [Outcome.ACCEPTED, Outcome.REJECTED]


@pytest.mark.parametrize(
    "body",
    ['{"status": "failed", "message": []}', '{"status": "failed", "data": {"message": []}}',
     '{"data": {"error": "Not today", "message": []}}', '{"error": "Not today", "message": []}',
     ],
)  # fmt: skip
def test_a_failure_around_no_message_is_certain(body: str) -> None:
    assert not isinstance(failed("sendtext", body), OutcomeUnknown)


@pytest.mark.parametrize("around", ['"status": "failed"', '"status": 400', '"message": "Sending failed"'])
def test_a_failure_around_refusals_leaves_each_its_reason(around: str) -> None:
    told = ("Invalid number", "Blocked")
    records = [
        {"recipient": name, "status": 7, "statusDescription": why} for name, why in zip(("1", "2"), told, strict=True)
    ]
    for status in (200, 400):
        messages = read("sendtext", f'{{{around}, "data": {json.dumps(records)}}}', status)
        assert [(message.outcome, message.words) for message in messages] == [(Outcome.REJECTED, why) for why in told]


@pytest.mark.parametrize(
    "words", ["Request rejected for all numbers", "Error 105: request rejected", "1 of 1 failed, all"]
)
def test_a_failure_of_all_leaves_open_the_one_that_is_told(words: str) -> None:
    assert len(CALLS["sendtext"].recipients) > 1  # type: ignore[attr-defined]
    assert isinstance(failed("sendtext", json.dumps({"description": words, "message": [_DONE]})), OutcomeUnknown)


def test_a_summary_around_accounts_is_no_failure() -> None:
    body = {"message": "Invalid accounts: 0", "clients": [{"clientname": "a", "smsBalance": "20"}]}
    assert read("resellerclients", json.dumps(body)) == [ResellerClient("a", 20)]


@pytest.mark.parametrize(
    "body",
    [
        '{"smsBalance": "500", "subUserName": "main", "children": [{"smsBalance": "20", "subUserName": "a"}]}',
        '{"status": 0, "statusDescription": "Query failed", "subUsers": []}',
        '{"message": "User not found", "subUsers": []}',
        '[{"smsBalance": "20", "subUserName": "a", "subAccUser": "b"}]',
    ],
)
def test_a_list_that_leaves_an_account_out_is_none(body: str) -> None:
    assert isinstance(failed("subusers", body), MSpaceError)


@pytest.mark.parametrize(
    ("operation", "body", "told"),
    [
        ("balance", '[{"smsBalance": "20", "clientname": "another"}]', "it may be another account's balance"),
        ("balance", '{"status": 401, "balance": 0}', "it tells a failure"),
        ("subusers", '{"subUserName": "a", "children": []}', "an account stands around others"),
        ("subusers", '[{"subUserName": "a"}]', ", a record has no smsbalance or balance: "),
        ("balance", '[{"smsBalance": 1, "balance": 2}]', ", a record has more than one smsbalance or balance: "),
    ],
)
def test_why_it_can_not_be_read_is_told(operation: str, body: str, told: str) -> None:
    assert told in str(failed(operation, body))


_TAKEN = '{"messageId": "1", "recipient": "0722", "status": 111, "statusDescription": "Message sent successfully"}'
_REFUSED = '{"recipient": "0733", "status": 0, "statusDescription": "Invalid number"}'


@pytest.mark.parametrize(
    "body",
    [
        f'{{"message": [{_TAKEN}], "errors": [{_REFUSED}]}}',
        f'{{"sent": [{_TAKEN}], "failed": [{_REFUSED}]}}',
        f'{{"message": [{_TAKEN}], "error": {{"code": 7}}}}',
        f'{{"description": "partly", "sent": {{"items": [{_TAKEN}]}}, "failed": {{"items": [{_REFUSED}]}}}}',
        f'{{"a": {{"b": {{"c": {{"d": [{_TAKEN}]}}}}}}}}',
        '{"result": {"text": "Message sent successfully"}}',
        f"[[{_TAKEN}], [{_REFUSED}]]",
        f'{{"message": [{_TAKEN}, {_REFUSED[:9]}',
        f"[{_TAKEN}, {_REFUSED[:9]}",
        f'{{"message": [{_TAKEN}, {{"status": 0, "status": 1}}]}}',
        "<r><message><status>111</status></message><message><stat",
    ],
)
@pytest.mark.parametrize("status", [400, 429])
def test_a_refusal_that_tells_somewhere_of_a_message_that_was_taken_is_unknown(body: str, status: int) -> None:
    assert isinstance(failed("sendtext", body, status), OutcomeUnknown)
    assert leaves_open(response(body, status))


@pytest.mark.parametrize(
    "body",
    [
        f'{{"errors": [{_REFUSED}], "failed": [{_REFUSED}]}}',
        f'{{"errors": [{_REFUSED[:-1]}, "messageId": "7"}}], "failed": []}}',
        f'{{"errors": [{_REFUSED}, {{"status": 5, "statusDescription": "Sen',
        "<html>a message sent successfully looks like <status>111</status>",
        '<?xml version="1.0"?>\n<!-- messages sent --> <!DOCTYPE html><p>success</p>',
        '{"detail": "Authentication was not successful"}',
        '{"msg": "Messages sent today: 0"}',
        "<!DOCTYPE html><p>success</p>",
    ],
)
def test_a_refusal_that_tells_of_none_is_certain(body: str) -> None:
    assert not isinstance(failed("sendtext", body, 400), OutcomeUnknown)
    assert not leaves_open(response(body, 400))


ALL_REFUSED = '{"message": [{"recipient": "0722", "status": 7, "statusDescription": "Invalid recipient"}]}'


@pytest.mark.parametrize(
    ("status", "body", "is_open"),
    [
        (307, "", False), (404, "", False), (400, "{", False), (400, ALL_REFUSED, False), (302, "", True),
        (303, "", True), (500, "", True), (500, "{", True), (409, LEGACY_SENT, True),
        (404, "Messages were queued", True), (404, "No message sent", False),
        (400, "Message not sent successfully", False),
        (429, "Too many messages sent", False), (429, "Daily limit of messages sent reached", False),
        (400, "0 messages sent", False), (400, '{"message": "Your request was not completed successfully"}', False),
        (400, "Account was not successfully topped up", False), (400, "Account topped up", True),
        (400, '[{"messageId": "", "status": 115, "statusDescription": "Message pending"}]', False),
        (404, "Successful Top up of 5 SMS to bob", True),
    ],
)  # fmt: skip
def test_which_refusals_leave_it_open_whether_it_was_done(status: int, body: str, is_open: bool) -> None:
    assert leaves_open(response(body, status)) is is_open


@pytest.mark.parametrize(
    ("status", "description", "outcome"),
    [
        ("0", "Message sent successfully", Outcome.UNKNOWN),
        ("200", "Success", Outcome.UNKNOWN),
        ("0", "SUCCESSFUL", Outcome.UNKNOWN),
        ("200", "", Outcome.REJECTED),
        ("112", "No credits", Outcome.REJECTED),
        ("112", "unsuccessful", Outcome.REJECTED),
        ("112", "Message not successful", Outcome.REJECTED),
        ("112", "Rejected successfully", Outcome.UNKNOWN),
        ("200", "Message queued for delivery", Outcome.UNKNOWN),
        ("202", "accepted", Outcome.UNKNOWN),
        ("1", "Sent", Outcome.UNKNOWN),
        ("1", "Not sent", Outcome.REJECTED),
        ("1", "It could not be sent", Outcome.REJECTED),
        ("1", "It can't be delivered", Outcome.REJECTED),
        ("1", "It failed to be delivered", Outcome.REJECTED),
        ("1", "Undelivered", Outcome.REJECTED),
        ("0", "No error", Outcome.UNKNOWN),
        ("0", "Success: 0 errors", Outcome.UNKNOWN),
        ("No error", "", Outcome.UNKNOWN),
        ("NO_ERROR", "", Outcome.UNKNOWN),
        ("Success (0 errors)", "", Outcome.UNKNOWN),
        ("successful, 0 failed", "", Outcome.UNKNOWN),
        ("accepted, 0 rejected", "", Outcome.UNKNOWN),
        ("Not blocked", "", Outcome.UNKNOWN),
        ("failover", "", Outcome.UNKNOWN),
        ("Delivered; not failed", "", Outcome.UNKNOWN),
        ("failed", "Message sent", Outcome.UNKNOWN),
        ("Blocked", "", Outcome.REJECTED),
        ("not successful", "", Outcome.REJECTED),
        ("Unsuccessful", "", Outcome.REJECTED),
        ("", "unsuccessful", Outcome.REJECTED),
        ("112", "Message pending", Outcome.UNKNOWN),
        ("112", "Scheduled for delivery", Outcome.UNKNOWN),
        ("112", "Message is being processed", Outcome.UNKNOWN),
        ("112", "Submission in progress", Outcome.UNKNOWN),
        ("112", "On the way to the network", Outcome.UNKNOWN),
        ("112", "Message received", Outcome.UNKNOWN),
        ("112", "Awaiting approval", Outcome.UNKNOWN),
        ("112", "Duplicate message", Outcome.UNKNOWN),
        ("112", "Request timed out", Outcome.UNKNOWN),
        ("500", "Internal Server Error", Outcome.UNKNOWN),
        ("112", "Not received", Outcome.REJECTED),
        ("112", "It could not be processed", Outcome.REJECTED),
        ("112", "Unprocessed", Outcome.REJECTED),
        ("112", "Sender ID pending approval", Outcome.REJECTED),
        ("112", "Account pending activation", Outcome.REJECTED),
        ("112", "Invalid request received", Outcome.REJECTED),
        ("112", "Error processing request", Outcome.REJECTED),
        ("112", "Message rejected by gateway", Outcome.REJECTED),
        ("112", "Sender ID not registered with gateway", Outcome.REJECTED),
        ("112", "Subscriber unavailable", Outcome.REJECTED),
        ("112", "Bad Gateway", Outcome.UNKNOWN),
    ],
)
def test_who_may_have_been_reached_is_not_told_as_refused(status: str, description: str, outcome: Outcome) -> None:
    body = json.dumps([{"messageId": "1", "status": status, "statusDescription": description}])
    assert [message.outcome for message in read("sendtext", body)] == [outcome]


@pytest.mark.parametrize(
    "body",
    [
        '{"error": "false", "message": "Message sent"}',
        '{"error": "0", "message": "Message queued"}',
        '{"error": "No error", "status": "OK"}',
        '{"error": {"code": 0}, "message": "done"}',
        '{"error": "none", "message": "done"}',
        "<r><error>0</error><message>Message queued</message></r>",
        "<errors>none</errors>",
        "<noerror>done</noerror>",
        '{"error": "busy", "message": "Message sent"}',
        "Message sent successfully. Warning: insufficient balance for the next one",
        "OK: Successful Top up of 9000 SMS to bob; insufficient balance for more",
        "Request accepted. For help kindly contact provider",
        "254722000000: successful, 254733000000: Insufficient Balance",
        '["254722000000 successful", "254733000000 Insufficient Balance"]',
        "1|254722000000|OK\n2|254733000000|Invalid sender ID",
        '{"message": "Insufficient Balance", "message": "Message queued"}',
        '{"message": "Message queued", "message": "Insufficient Balance"}',
        '{"Message": "Message queued", "message": "Insufficient Balance"}',
        '[{"messageId": "1", "status": "successful", "status": "failed"}]',
        '[{"messageId": "1", "Status": "111", "status": "100"}]',
        "<r><m><status>111</status><status>failed</status></m></r>",
        "<r><m><status>failed</status><Status>successful</Status></m></r>",
        "<r><status>failed</status><status>successful</status></r>",
    ],
)
@pytest.mark.parametrize("operation", ["sendtext", "subacctopup"])
def test_a_failure_that_may_be_none_is_not_told_for_sure(operation: str, body: str) -> None:
    try:
        told = read(operation, body)
    except OutcomeUnknown:
        return
    assert [message.outcome for message in told] == [Outcome.UNKNOWN]


@pytest.mark.parametrize(
    "body",
    [
        "Insufficient balance, pay now",
        'Your message: "Dear parent, Insufficient balance, pay now"',
        '{"result": "done", "message": "Insufficient balance, pay now"}',
        "<sms><id>1</id><message>Insufficient balance</message></sms>",
    ],
)
def test_words_of_the_message_itself_tell_no_failure_for_sure(body: str) -> None:
    call = SendText("demo", "MSPACE", ("0722000000",), "Dear parent, Insufficient balance, pay now")
    for asked, is_certain in ((call, False), (replace(call, message="Your parcel is here."), True)):
        with pytest.raises(MSpaceError) as raised:
            decode_reply(asked, response(body))
        assert isinstance(raised.value, OutcomeUnknown) is not is_certain
        assert isinstance(raised.value, errors.InsufficientBalance) is is_certain


@pytest.mark.parametrize(("message", "is_certain"), [("my money", False), ("my cash", True)])
def test_a_short_message_may_stand_in_the_words_by_chance(message: str, is_certain: bool) -> None:
    call = SendText("demo", "MSPACE", ("0722000000",), message)
    with pytest.raises(errors.InsufficientBalance if is_certain else OutcomeUnknown):
        decode_reply(call, response(f"{message}: Insufficient Balance"))


@pytest.mark.parametrize("no_error", ["0", "00", "N/A", "Message sent successfully"])
def test_a_success_beside_what_is_no_error_is_one(no_error: str) -> None:
    record = {"messageId": "1", "recipient": "0722000000", "status": 111, "error": no_error}
    (message,) = read("sendtext", json.dumps({"errors": 1, "message": [record]}))
    assert message.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("beside", ['"error": "Insufficient Balance"', '"success": false'])
@pytest.mark.parametrize("is_listed", [True, False])
def test_a_success_beside_the_name_of_a_failure_is_none(beside: str, is_listed: bool) -> None:
    record = f'{{"messageId": "1", "recipient": "0722000000", "status": 111, "statusDescription": "ok", {beside}}}'
    try:
        told = read("sendtext", f"[{record}]" if is_listed else record)
    except OutcomeUnknown:
        assert not is_listed
    else:
        assert [message.outcome for message in told] == [Outcome.UNKNOWN]


@pytest.mark.parametrize(
    ("status", "words", "is_certain"),
    [
        (200, "Message queued; insufficient balance for more", False),
        (299, "Accepted; insufficient balance", False),
        (300, "Accepted; insufficient balance", True),
        (301, "Accepted; insufficient balance", True),
        (400, "Accepted; insufficient balance", True),
        (400, "Message queued; insufficient balance for more", False),
    ],
)
def test_what_leaves_a_failure_open_does_so_where_the_status_does(status: int, words: str, is_certain: bool) -> None:
    error = failed("sendtext", words, status)
    assert isinstance(error, errors.InsufficientBalance) is is_certain
    assert isinstance(error, OutcomeUnknown) is not is_certain


@pytest.mark.parametrize(
    "body",
    [
        '{"Message": "a", "message": "b"}',
        '[{"status": "111", "Status": "1"}]',
        "<r><status>111</status><status>1</status></r>",
    ],
)
@pytest.mark.parametrize("operation", ["sendtext", "balance"])
def test_a_name_that_stands_twice_is_told(operation: str, body: str) -> None:
    assert "a name stands twice in it" in str(failed(operation, body))


def test_a_name_that_stands_twice_in_xml_with_one_text_or_without_a_meaning_is_none_too_many() -> None:
    twice = "<status>111</status>" * 2
    body = f"<r><m><messageId>1</messageId>{twice}<note>a</note><note>b</note></m></r>"
    assert [message.outcome for message in read("sendtext", body)] == [OK]


def test_in_a_document_the_last_counts() -> None:
    assert decode_document(CALLS["sendtext"], response('{"a": "1", "a": "2"}'), dict) == {"a": "2"}


def test_a_message_with_an_id_and_no_status_is_not_refused_by_what_may_be_its_own_words() -> None:
    body = '[{"messageId": "1", "recipient": "254722000000", "message": "Your payment failed"}]'
    assert [message.outcome for message in read("sendtext", body)] == [Outcome.UNKNOWN]


@pytest.mark.parametrize("name", ["success", "sent", "ok", "Insufficient Balance"])
def test_the_name_of_an_account_leaves_nothing_open(name: str) -> None:
    assert type(failed("subacctopup", f"Failed to top up {name} account")) is errors.TopUpFailed


@pytest.mark.parametrize("status", [400, 403, 409, 422, 499])
def test_messages_that_were_all_refused_are_read_at_a_4xx(status: int) -> None:
    assert [m.outcome for m in read("sendtext", ALL_REFUSED, status)] == [Outcome.REJECTED]


@pytest.mark.parametrize("status", [399, 500])
def test_at_another_status_they_are_not(status: int) -> None:
    error = failed("sendtext", ALL_REFUSED, status)
    assert isinstance(error, ServiceError)
    assert (error.status, isinstance(error, OutcomeUnknown)) == (status, True)


@pytest.mark.parametrize("body", [V2_SENT, LEGACY_SENT])
@pytest.mark.parametrize("status", [status for status in STATUSES if status >= 300])
def test_a_success_in_words_is_none_at_another_status(body: str, status: int) -> None:
    # Words and status contradict each other: whoever believes the status alone sends it again.
    assert isinstance(failed("sendtext", body, status), OutcomeUnknown)


# Which message is whose


OK, NO, DUNNO = Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNKNOWN


def sent(*told: tuple[str, Outcome]) -> list[SentMessage]:
    """Messages to such recipients, with ids by their places."""
    return [SentMessage(str(place), outcome, recipient) for place, (recipient, outcome) in enumerate(told)]


def nine(number: str) -> str:
    return number[-9:]


@pytest.mark.parametrize(
    ("recipients", "messages", "found"),
    [
        ("a b c", sent(("a", OK), ("b", NO), ("c", OK)), [("0", OK), ("1", NO), ("2", OK)]),
        ("a b c", sent(("c", OK), ("a", NO), ("b", OK)), [("1", NO), ("2", OK), ("0", OK)]),
        # Some are not told of, or none.
        ("a b c", sent(("b", NO)), [("", DUNNO), ("0", NO), ("", DUNNO)]),
        ("a b", sent(("x", OK), ("y", NO)), [("", DUNNO), ("", DUNNO)]),
        ("a b", [], [("", DUNNO), ("", DUNNO)]),
        # Others are told of as well.
        ("a", sent(("x", NO), ("a", OK)), [("1", OK)]),
        # Without names, by place; one alone is for all; another number of them tells nothing.
        ("a b", sent(("", OK), ("", NO)), [("0", OK), ("1", NO)]),
        ("a b c", sent(("", NO)), [("0", NO)] * 3),
        ("a b c", sent(("", OK), ("", NO)), [("", DUNNO)] * 3),
        ("a", sent(("", OK), ("", NO)), [("", DUNNO)]),
        # What names nobody is nobody's, where the others have names.
        ("a b", sent(("", NO), ("b", OK)), [("", DUNNO), ("1", OK)]),
        # But it may speak of one that another refuses.
        ("a", sent(("", OK), ("a", NO)), [("", DUNNO)]),
        ("a", sent(("", DUNNO), ("a", NO)), [("", DUNNO)]),
        ("a", sent(("", NO), ("a", NO)), [("1", NO)]),
        ("a b", sent(("", OK), ("a", NO), ("b", OK)), [("", DUNNO), ("2", OK)]),
        # More or fewer of one number than were asked for: they count where they agree.
        ("a", sent(("a", OK), ("a", OK)), [("1", OK)]),
        ("a", sent(("a", OK), ("a", NO)), [("", DUNNO)]),
        ("a a b", sent(("a", NO), ("b", OK)), [("0", NO), ("0", NO), ("1", OK)]),
        ("a a a", sent(("a", OK), ("a", NO)), [("", DUNNO)] * 3),
        ("a b a", sent(("a", OK), ("b", OK), ("a", NO)), [("0", OK), ("1", OK), ("2", NO)]),
        # Two forms of one number, two numbers of one form.
        ("0722000001 254722000002", sent(("722000002", OK), ("+254722000001", NO)), [("1", NO), ("0", OK)]),
        ("0722000001 254722000001", sent(("254722000001", OK)), [("0", OK)] * 2),
        ("0722000001 254722000001", sent(("254722000001", OK), ("254722000001", NO)), [("0", OK), ("1", NO)]),
        ("254722000001 256722000001", sent(("256722000001", NO), ("254722000001", OK)), [("", DUNNO)] * 2),
    ],
)
def test_each_recipient_has_the_message_that_is_its_own(
    recipients: str, messages: list[SentMessage], found: list[tuple[str, Outcome]]
) -> None:
    asked = recipients.split()
    own = messages_for(iter(asked), messages, nine)
    assert [(message.message_id, message.outcome) for message in own] == found
    assert [message.recipient for message in own] == asked


def test_a_recipient_that_is_empty_has_the_message_that_names_nobody() -> None:
    own = messages_for(["a", "", ""], sent(("", NO), ("a", OK), ("", NO)), str)
    assert [(message.message_id, message.outcome) for message in own] == [("1", OK), ("0", NO), ("2", NO)]


@given(
    st.lists(st.sampled_from("abc"), max_size=5),
    st.lists(st.tuples(st.sampled_from(["", "a", "b", "c", "d"]), st.sampled_from([OK, NO, DUNNO])), max_size=5),
)
def test_nobody_is_told_an_outcome_that_no_message_of_its_own_has(
    recipients: list[str], told: list[tuple[str, Outcome]]
) -> None:
    own = messages_for(recipients, sent(*told), str)
    assert [message.recipient for message in own] == recipients
    named = any(recipient for recipient, _ in told)
    for message in own:
        spoken = {outcome for recipient, outcome in told if not named or recipient == message.recipient}
        assert message.outcome in {*spoken, DUNNO}


# Delivery reports


@pytest.mark.parametrize(
    "body",
    ['{"message": [{"messageId": "5", "recipient": "0722", "status": 3, "statusDescription": "Delivered"}]}',
     '{"message": [{"messageId": 5, "recipient": "0722", "status": "3", "statusDescription": "Delivered"}]}',
     '[{"messageid": "5", "recipient": "0722", "status": 3, "description": "Delivered"}]',
     '{"messageId": "5", "recipient": "0722", "status": 3, "statusDescription": "Delivered"}',
     "<dlr><messageId>5</messageId><recipient>0722</recipient><status>3</status>"
     "<statusDescription>Delivered</statusDescription></dlr>"],
)  # fmt: skip
def test_a_delivery_report_in_each_form(body: str) -> None:
    (report,) = read("deliveryreport", body)
    assert report == DeliveryReport("5", "3", "Delivered", "0722")
    assert report.delivered


@pytest.mark.parametrize("status", ["4", "DELIVRD", "03", "3.0", "delivered", ""])
def test_another_code_is_kept_as_it_came(status: str) -> None:
    (report,) = read("deliveryreport", json.dumps({"messageId": "5", "status": status}))
    assert (report.status, report.delivered) == (status, False)


@pytest.mark.parametrize(
    "body", ["[]", "{}", '{"message": []}', "3", "Delivered", '{"status": 3}', '{"messageId": "5"}']
)
def test_nothing_else_is_a_delivery_report(body: str) -> None:
    assert isinstance(failed("deliveryreport", body), ReplyError)


# Failures in words

WORDS: list[tuple[str, type[ServiceError]]] = [
    ("Error 100: Authentication Failure", AuthenticationError),
    ("Authentication failure", AuthenticationError),
    ("Athentication failure", AuthenticationError),
    ("ATHENTICATION FAILURE", AuthenticationError),
    ("authentication Failed.", AuthenticationError),
    ("Authentication failure.", AuthenticationError),
    ("Insufficient Balance", InsufficientBalance),
    ("insufficient balance!", InsufficientBalance),
    ("Invalid sender ID", InvalidSenderId),
    ("invalid senderId", InvalidSenderId),
    ("You are not Authorized to make this transaction", NotAuthorized),
    ("you are not authorised to make this transaction.", NotAuthorized),
    ("Kindly Contact Providers for help", ContactProvider),
    ("indly Contact Providers for help", ContactProvider),
    ("kindly contact provider for help", ContactProvider),
    ("Failed to top up bob account", TopUpFailed),
    ("failed to topup Insufficient Balance account", TopUpFailed),
    ("Failed to top up Athentication failure account", TopUpFailed),
    ("Top up not Successful", TopUpFailed),
    ("top up not successful.", TopUpFailed),
    ("Failed to deduct your account", TopUpFailed),
    ("failed to deduct your account", TopUpFailed),
    ("internal service error", ServerError),
    ("Internal Service Error.", ServerError),
]
ENVELOPES = [
    "{0}", " {0}\r\n", '"{0}"', '{{"error": "{0}"}}', '{{"message": "{0}"}}', '{{"status": "{0}"}}',
    '{{"Error": "{0}"}}', '{{"status": 400, "message": "{0}"}}', '{{"status": 7, "statusDescription": "{0}"}}',
    '{{"message": {{"error": "{0}"}}}}', '[{{"status": "{0}"}}]',
    '{{"message": [{{"status": 7, "statusDescription": "{0}"}}]}}', '["{0}"]', "<e>{0}</e>", "<error>{0}</error>",
    "<r><error>{0}</error></r>", "<r><status>7</status><statusDescription>{0}</statusDescription></r>",
    '<?xml version="1.0"?><r xmlns="urn:x"><message>{0}</message></r>',
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), WORDS)
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_a_documented_failure_is_known_in_any_form_at_any_status(
    text: str, kind: type[ServiceError], envelope: str
) -> None:
    body = envelope.format(text)
    for operation in CALLS:
        for status in (200, 302, 403, 500):
            error = failed(operation, body, status)
            assert isinstance(error, kind), (operation, status)
            assert (error.text, error.status) == (text, status)
            assert isinstance(error, OutcomeUnknown) == (operation in MOVING and kind is ServerError)


@pytest.mark.parametrize(("text", "kind"), WORDS)
def test_the_words_of_a_failure_are_known(text: str, kind: type[ServiceError]) -> None:
    assert failure_kind(text) is kind
    assert failure_text(kind("x", text=text)) == text
    assert failure_kind(failure_text(kind("x"))) is kind
    assert failure_text(UnrecognisedFailure("x")) == "internal service error"


@pytest.mark.parametrize(
    "text",
    ["", "ok", "successful", "Successful Top up of 5 SMS to bob", "Thank you, authenticated", "balance", "50",
     "User exists.", "x" * 10_000 + " Insufficient Balance"],
)  # fmt: skip
def test_other_words_are_no_documented_failure(text: str) -> None:
    assert failure_kind(text) is None


def test_a_success_that_names_an_account_like_a_failure_is_one() -> None:
    call = SubAccountTopUp("u", "Insufficient Balance", 5)
    told = decode_reply(call, response("Successful Top up of 5 SMS to Insufficient Balance"))
    assert told == TopUp("Insufficient Balance", 5)
    accounts = '[{"smsBalance": "1", "subUserName": "Authentication failure"}]'
    assert read("subusers", accounts) == [SubUser("Authentication failure", 1)]


def test_a_failure_without_a_service_class_keeps_text_and_body() -> None:
    error = failed("balance", '{"message": "The moon is full"}', 418)
    assert isinstance(error, UnrecognisedFailure)
    assert (error.text, error.body, error.status) == ("The moon is full", '{"message": "The moon is full"}', 418)
    assert "The moon is full" in str(error)


@pytest.mark.parametrize("operation", CALLS)
def test_by_status_where_the_words_say_nothing(operation: str) -> None:
    assert isinstance(failed(operation, "", 401), AuthenticationError)
    for status in (500, 502, 503, 599):
        for body in ("", "<html>Bad Gateway</html>", "upstream timed out", '{"error": "timeout"}'):
            assert isinstance(failed(operation, body, status), ServerError)


# What is unclear

TOMCAT = (
    '<!doctype html><html lang="en"><head><title>HTTP Status 404 \u2013 Not Found</title></head>'
    "<body><h1>HTTP Status 404 \u2013 Not Found</h1><p>Insufficient Balance</p></body></html>"
)
UNCLEAR: dict[str, str | bytes] = {
    "empty": "",
    "blank": " \r\n\t",
    "null": "null",
    "object": "{}",
    "empty envelope": '{"message": []}',
    "unknown JSON": '{"a": {"b": [1, 2.5, null]}}',
    "Tomcat": TOMCAT,
    "HTML": "<HTML><body>Welcome</body>",
    "XHTML": '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x.dtd"><html/>',
    "cut JSON": '{"message": [{"messageId": "490',
    "cut list": '[{"messageId": "12345", "status": "succ',
    "cut XML": "<clients><client><clientUserName>a",
    "cut text": "Succ",
    "noise": b"\x00\xff\x8b{]<" * 8,
    "bad UTF-8": b"\xc3\x28\xa0\xa1",
    "UTF-16 XML": "<balance>50</balance>".encode("utf-16"),
    "NUL": "50\0",
    "long text": "x" * 5000,
    "true": "true",
}


@pytest.mark.parametrize("name", UNCLEAR)
@pytest.mark.parametrize("operation", CALLS)
def test_what_is_unclear_keeps_its_body_and_tells_who_may_have_acted(name: str, operation: str) -> None:
    body = UNCLEAR[name]
    for status in STATUSES:
        error = failed(operation, body, status)
        assert isinstance(error, (ReplyError, ServiceError))
        acted = not 400 <= status < 500
        assert isinstance(error, OutcomeUnknown) == (operation in MOVING and acted), status
        if status < 300:
            assert isinstance(error, ReplyError)
            assert (error.body, error.status) == (response(body).text(), status)
        if isinstance(error, OutcomeUnknown):
            assert error.operation == operation


@pytest.mark.parametrize(
    ("operation", "body", "status", "told"),
    [
        ("balance", "", 200, "HTTP 200, it is empty: ''"),
        ("balance", " <HTML>x", 404, "HTTP 404, it is a page of HTML; is the URL of the API right?: ' <HTML>x'"),
        ("balance", "<!DOCTYPE html>x", 200, "HTTP 200, it is a page of HTML: '<!DOCTYPE html>x'"),
        ("balance", "50", 302, "HTTP 302, its status is not 2xx: '50'"),
        ("sendtext", "50", 404, "HTTP 404, it holds no message; is the URL of the API right?: '50'"),
        ("balance", "5.0", 200, "HTTP 200, a balance is not a whole number: '5.0'"),
        ("balance", "[]", 200, "HTTP 200, it holds 0 records, not one balance: '[]'"),
        ("balance", '{"a": null}', 200, "HTTP 200, the fields that should be in it are not: '{\"a\": null}'"),
        ("balance", "<a><b>5</b></a>", 200, "HTTP 200, the fields that should be in it are not: '<a>"),
        ("balance", "<errorCode>5</errorCode>", 200, "HTTP 200, it tells a failure: '<errorCode>"),
        ("balance", "<statusCode>5</statusCode>", 200, "HTTP 200, the fields that should be in it are not: '<status"),
        ("balance", '{"a": [1', 200, "HTTP 200, not JSON (JSONDecodeError): '{\"a\": [1'"),
        ("balance", "<a", 200, "HTTP 200, not XML that is safe to read (ParseError): '<a'"),
        ("login", "1", 200, "HTTP 200, it does not say that the user exists: '1'"),
        ("subacctopup", "1", 200, "HTTP 200, it does not say that the top-up was successful: '1'"),
        ("subusers", "<a><balance>1</balance></a>", 200, "HTTP 200, a record has no subusername or subaccuser: '<a>"),
        ("deliveryreport", "[]", 200, "HTTP 200, it holds no report: '[]'"),
        ("sendtext", "[]", 200, "HTTP 200, it holds no message: '[]'"),
        ("sendtext", '[{"recipient": 1}]', 200,
         "HTTP 200, a record has neither messageId nor status: '[{\"recipient\": 1}]'"),
        ("balance", "1" * 200, 200, f"HTTP 200, a balance is not a whole number: '{'1' * 200}'"),
        ("balance", "1" * 201, 200, f"HTTP 200, a balance is not a whole number: '{'1' * 200}...'"),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_an_error_says_what_is_wrong_with_the_reply(operation: str, body: str, status: int, told: str) -> None:
    assert str(failed(operation, body, status)).partition(". ")[0].startswith(f"{operation}: {told}")


def test_an_error_says_what_the_service_says() -> None:
    reply = Response(418, b'{"error": "The moon is full"}', reason="I'm a teapot")
    with pytest.raises(UnrecognisedFailure) as raised:
        decode_reply(CALLS["balance"], reply)
    assert str(raised.value) == "balance: the service says 'The moon is full' (HTTP 418 I'm a teapot)"
    for operation, body, status, told in (
        ("balance", "", 500, ""),
        ("balance", '{"error": "timeout"}', 500, "timeout"),
        ("balance", "", 401, ""),
        ("balance", '{"error": "who?"}', 401, "who?"),
        ("balance", "Insufficient Balance", 200, "Insufficient Balance"),
    ):
        error = failed(operation, body, status)
        assert isinstance(error, ServiceError)
        assert (error.text, error.status) == (told, status)
        said = f"the service says {told!r} (HTTP {status})" if told else f"HTTP {status}"
        assert str(error) == f"{operation}: {said}"
    # Where it contradicts itself, what is wrong is said as well.
    body = '{"error": "no", "message": [{"messageId": "1", "status": 111}]}'
    assert str(failed("sendtext", body)).startswith("sendtext: the service says 'no' (HTTP 200), it holds no message")
    for status in (302, 404):
        contradicting = failed("sendtext", V2_SENT, status)
        assert isinstance(contradicting, ReplyError)
        assert (contradicting.body, contradicting.status) == (V2_SENT, status)
        assert str(contradicting).startswith(
            f"sendtext: the service says 'Message sent successfully' (HTTP {status}), its status is not 2xx"
        )


@pytest.mark.parametrize(
    ("kind", "name", "body"),
    [
        (dict, "dict", "<r><u><n>a</n></u><u><n>b</n></u></r>"),
        (dict, "dict", "5"),
        (list, "list", "5"),
        (Element, "Element", "+"),
    ],
)
def test_a_document_of_another_kind_says_so(kind: Any, name: str, body: str) -> None:
    with pytest.raises(ReplyError) as raised:
        decode_document(CALLS["balance"], response(body), kind)
    assert str(raised.value) == f"balance: HTTP 200, it is not a {name}: '{body}'"
    with pytest.raises(ReplyError, match=r"HTTP 200, it is empty: ''$"):
        decode_document(CALLS["balance"], response(""), kind)


def test_a_document_behind_a_byte_order_mark() -> None:
    body = b"\xef\xbb\xbf<r><a><b/></a></r>"
    assert decode_document(CALLS["subusers"], response(body), list) == [{"b": ""}]


@pytest.mark.parametrize(
    ("status", "acted"),
    [(301, False), (307, False), (308, False), (300, True), (302, True), (303, True), (304, True)],
)
def test_which_redirects_say_that_nothing_was_done(status: int, acted: bool) -> None:
    # RFC 9110: 303 names the place of the answer to what was done, and many write 302 for it (sections 15.4.3 and
    # 15.4.4); 301, 307 and 308 ask for the same elsewhere.
    assert isinstance(failed("subacctopup", "moved", status), OutcomeUnknown) == acted


def test_bytes_that_happen_to_decode_are_no_words() -> None:
    error = failed("balance", b"caf\xe9 is full", 404)
    assert isinstance(error, ReplyError)
    assert str(error) == "balance: HTTP 404, its status is not 2xx; is the URL of the API right?: 'caf\ufffd is full'"


def test_quotation_marks_around_what_is_no_json_are_no_part_of_it() -> None:
    error = failed("subacctopup", '"Failed to top up "bob" account"')
    assert isinstance(error, TopUpFailed)
    assert error.text == 'Failed to top up "bob" account'
    error = failed("balance", '"X is in the "way" of X"', 400)
    assert isinstance(error, UnrecognisedFailure)
    assert error.text == 'X is in the "way" of X'


@pytest.mark.parametrize("body", ['[{"messageId": "1", "status": 111}, {}]', '{"a": [{"messageId": "1"}, 7]}'])
def test_a_success_before_what_is_no_record_is_not_forgotten(body: str) -> None:
    # The status alone would say that nothing was sent.
    assert isinstance(failed("sendtext", body, 404), OutcomeUnknown)


def test_three_wrappings_are_taken_off_and_no_more() -> None:
    assert read("balance", '{"a": {"b": {"c": {"balance": 5}}}}') == 5
    assert isinstance(failed("balance", '{"a": {"b": {"c": {"d": {"balance": 5}}}}}'), ReplyError)


def test_an_error_beside_it_takes_the_value_away() -> None:
    assert isinstance(failed("balance", "<r><error>5</error><balance>50</balance></r>"), ReplyError)
    for body in (
        '{"error": true, "message": "Successful Top up of 9000 SMS to bob"}',
        '{"message": "Successful Top up of 9000 SMS to bob", "description": "Insufficient Balance"}',
        "<r><error>5</error><message>Successful Top up of 9000 SMS to bob</message></r>",
    ):
        assert isinstance(failed("subacctopup", body), OutcomeUnknown)


def test_an_empty_element_is_an_empty_text() -> None:
    body = "<r><e><subUserName/><smsBalance>5</smsBalance></e></r>"
    assert read("subusers", body) == [SubUser("", 5)]


@pytest.mark.parametrize(("records", "kind"), [(1_000, InsufficientBalance), (1_001, ReplyError)])
def test_a_thousand_records_are_searched_for_a_failure(records: int, kind: type[MSpaceError]) -> None:
    quiet, last = {"messageId": "1"}, {"statusDescription": "Insufficient Balance"}
    assert type(failed("subusers", json.dumps([*[quiet] * (records - 1), last]), 404)) is kind


def test_a_record_is_told_by_what_there_is_of_it() -> None:
    (message,) = read("sendtext", '[{"messageId": "1", "statusDescription": "rejected by the network"}]')
    assert message == SentMessage("1", Outcome.REJECTED, "", "", "rejected by the network")
    (message,) = read("sendtext", '[{"messageId": "1", "error": "rejected"}]')
    assert message == SentMessage("1", Outcome.REJECTED, "", "", "rejected")
    (message,) = read("sendtext", LEGACY_SENT.replace(":793", ""))
    assert message.response_time == datetime(2018, 6, 25, 11, 12, 19)
    assert read("sendtext", '[{"messageId": "1"}]') == [SentMessage("1", Outcome.UNKNOWN)]
    assert read("deliveryreport", '[{"messageId": "1", "status": 3}]') == [DeliveryReport("1", "3")]


@pytest.mark.parametrize(
    "record",
    [
        # It speaks of one recipient.
        {"recipient": "0722", "status": 7},
        # It may be on its way all the same.
        {"status": "queued", "statusDescription": "Insufficient Balance"},
    ],
)
def test_not_every_record_refuses_the_send_as_a_whole(record: dict[str, object]) -> None:
    refusal = {"status": 0, "statusDescription": "Insufficient Balance"}
    assert isinstance(failed("sendtext", json.dumps([refusal, refusal])), InsufficientBalance)
    assert len(read("sendtext", json.dumps([refusal, record]))) == 2


def test_a_failure_is_a_thousand_characters_at_most() -> None:
    for length, kind in ((1_000, InsufficientBalance), (1_001, ReplyError)):
        error = failed("balance", json.dumps({"error": "insufficient balance".ljust(length, "!")}))
        assert type(error) is kind


def test_an_error_of_a_long_body_says_it_in_short() -> None:
    error = failed("balance", "x" * 5000)
    assert isinstance(error, ReplyError)
    assert len(error.body) == 5000
    assert len(str(error)) < 400


def test_a_page_of_html_at_404_says_its_status() -> None:
    assert "HTTP 404" in str(failed("balance", TOMCAT, 404))


def test_what_an_error_keeps_is_cleaned_of_secrets() -> None:
    secret = Secret("canary/71f3")
    request = Request("GET", "http://host", secrets=(secret,))
    path = "/mspaceservice/wr/sms/balance/username=u/password=canary%2F71f3"
    for body in (
        f"no such path: {path}",
        json.dumps({"error": "bad request", "path": path}),
        json.dumps({"message": "canary/71f3 is wrong"}),
        f"<html>{path} canary/71f3</html>",
        f"<error>{path}</error>",
        "canary/71f3",
        "Authentication failure for canary/71f3",
    ):
        for status in (200, 404, 500):
            with pytest.raises(MSpaceError) as raised:
                decode_reply(Balance("u"), response(body, status), request.redact)
            shown = f"{raised.value} {raised.value!r} {vars(raised.value)} {pickle.dumps(raised.value)!r}"
            assert "71f3" not in shown
    with pytest.raises(ReplyError) as by_key:
        decode_reply(Balance("u"), response(f"no such path: {path}"))
    assert "71f3" not in f"{by_key.value!r} {vars(by_key.value)}"


def test_what_a_record_says_is_cleaned_of_secrets_and_nothing_else_of_it_is() -> None:
    request = Request("GET", "http://host", secrets=(Secret("4711"),))
    records = [
        {"messageId": "84711", "recipient": "254722004711", "status": "111", "statusDescription": "sent for 4711"},
        {
            "messageId": "84712",
            "recipient": "254722004712",
            "status": "failed 4711",
            "statusDescription": "4711 fails",
        },
    ]
    assert decode_reply(CALLS["sendtext"], response(json.dumps({"message": records})), request.redact) == [
        SentMessage("84711", Outcome.ACCEPTED, "254722004711", "111", "sent for ***"),
        SentMessage("84712", Outcome.REJECTED, "254722004712", "failed ***", "*** fails"),
    ]
    assert decode_reply(CALLS["deliveryreport"], response(json.dumps(records)), request.redact) == [
        DeliveryReport("84711", "111", "sent for ***", "254722004711"),
        DeliveryReport("84712", "failed ***", "*** fails", "254722004712"),
    ]
    refused = response(json.dumps({"message": records[1:]}), 400)
    assert decode_reply(CALLS["sendtext"], refused, request.redact)[0].status == "failed ***"


@pytest.mark.parametrize(
    ("told_of", "nothing"),
    [(["254722000000"], False), (["254722000001"], False), (["254722000009"], True), (["254722000009"] * 3, True)],
)
def test_a_reply_that_tells_of_other_recipients_tells_nothing(told_of: list[str], nothing: bool) -> None:
    # A word that may mean anything is told, and that the reply has none is not.
    messages = [SentMessage("7", Outcome.UNKNOWN, number, "queued") for number in told_of]
    assert tell_nothing(messages_for(("254722000000", "254722000001"), messages, str)) is nothing


_DONE = {
    "messageId": "1",
    "recipient": "254722000000",
    "status": 111,
    "statusDescription": "Message sent successfully",
}
_DONE_XML = "<message><messageId>1</messageId><recipient>254722000000</recipient><status>111</status></message>"
_TOPPED_UP = "Successful Top up of 5 SMS to a"


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        *[("sendtext", json.dumps(body)) for body in (
            {"statusDescription": "Insufficient Balance", "message": [_DONE]},
            {"status": 500, "statusDescription": "internal service error", "message": [_DONE]},
            {"success": "false", "message": [_DONE]},
            {"status": "failed", "message": [_DONE]},
            {"status": 400, "message": [_DONE]},
            {"status": " 503 ", "message": [_DONE]},
            # With the failure where it has no id.
            {"status": 111, "error": "Insufficient Balance"},
            {"status": "successful", "error": "Insufficient Balance"},
        )],
        ("sendtext", f"<response><status>failed</status>{_DONE_XML}</response>"),
        ("sendtext", f"<response><status>599</status>{_DONE_XML}</response>"),
        ("sendtext", f"<response><success>false</success>{_DONE_XML}</response>"),
        ("sendtext", f"<response><statusDescription>Insufficient Balance</statusDescription>{_DONE_XML}</response>"),
        *[("subacctopup", json.dumps(body)) for body in (
            {"status": "failed", "message": _TOPPED_UP},
            {"status": 402, "message": _TOPPED_UP},
            {"message": _TOPPED_UP, "statusDescription": "Failed to deduct your account"},
            [_TOPPED_UP, "internal service error"],
        )],
        ("subacctopup", f"<r><status>failed</status><message>{_TOPPED_UP}</message></r>"),
        ("subacctopup", f"<r><success>false</success><message>{_TOPPED_UP}</message></r>"),
    ],
)  # fmt: skip
def test_a_success_that_the_reply_contradicts_is_unknown(operation: str, body: str) -> None:
    with pytest.raises(OutcomeUnknown):
        read(operation, body)


@pytest.mark.parametrize("status", ["200", "399", "600", "4000", "0", "1400", "ok"])
def test_a_status_around_the_messages_that_is_no_failure_of_http_says_nothing(status: str) -> None:
    (message,) = read("sendtext", json.dumps({"status": status, "message": [_DONE]}))
    assert message.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ({"statusDescription": "Message not sent"}, Outcome.UNKNOWN),
        ({"statusDescription": "rejected: blacklisted"}, Outcome.UNKNOWN),
        ({"statusDescription": "", "error": "Insufficient Balance"}, Outcome.UNKNOWN),
        ({"statusDescription": "sent successfully, no error"}, Outcome.ACCEPTED),
        ({"statusDescription": "queued"}, Outcome.ACCEPTED),
    ],
)
def test_an_accepted_code_with_the_words_of_a_refusal(words: dict[str, str], outcome: Outcome) -> None:
    (message,) = read("sendtext", json.dumps({"message": [{**_DONE, **words}]}))
    assert message.outcome is outcome


# Documents as they stand


@pytest.mark.parametrize(
    ("body", "kind", "document"),
    [
        ('{"a": 1}', dict, {"a": 1}),
        ('[{"a": 1}]', list, [{"a": 1}]),
        ("[]", list, []),
        ("\ufeff{}", dict, {}),
        ("<r><a>1</a><b/></r>", dict, {"a": "1", "b": ""}),
        ("<r><e><a>1</a></e><e/></r>", list, [{"a": "1"}, {}]),
    ],
)
def test_a_document_as_it_stands(body: str, kind: type, document: object) -> None:
    assert decode_document(CALLS["subusers"], response(body), kind) == document


def test_the_root_of_an_xml_document() -> None:
    root = decode_document(CALLS["subusers"], response(b'<?xml version="1.0"?>\n<r><a>1</a></r>'), Element)
    assert [(leaf.tag, leaf.text) for leaf in root.iter()] == [("r", None), ("a", "1")]


@pytest.mark.parametrize("kind", [dict, list, Element])
@pytest.mark.parametrize("operation", ["sendtext", "subusers"])
@pytest.mark.parametrize("body", ["", "50", "<!doctype html><html></html>", "{", "<r>", '"x"', *UNSAFE_XML.values()])
def test_what_is_no_document_is_an_error(kind: type, operation: str, body: str) -> None:
    with pytest.raises(MSpaceError) as raised:
        decode_document(CALLS[operation], response(body), kind)
    assert isinstance(raised.value, OutcomeUnknown) == (operation in MOVING)


@pytest.mark.parametrize("kind", [dict, list, Element])
@pytest.mark.parametrize(("text", "failure"), WORDS[:8])
def test_a_failure_that_is_no_document_is_told_as_such(kind: type, text: str, failure: type[ServiceError]) -> None:
    with pytest.raises(failure):
        decode_document(CALLS["subusers"], response(text), kind)


# Bodies that mean no good


@pytest.mark.parametrize("operation", CALLS)
# The machine may be busy.
@settings(max_examples=4 * settings().max_examples, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=hostile_bodies(),
    status=st.sampled_from(STATUSES),
    content_type=st.sampled_from(
        [
            "",
            "text/plain",
            "application/json;charset=utf-16",
            "application/xml;charset=latin-1",
            "text/html;charset=?",
            "x",
        ]
    ),
)
def test_any_body_is_read_or_told_as_one_of_our_errors(
    operation: str, body: bytes, status: int, content_type: str
) -> None:
    check_hostile(operation, response(body, status, content_type))


@pytest.mark.parametrize("operation", CALLS)
def test_thousands_of_bodies_that_were_tampered_with(operation: str) -> None:
    chance = random.Random(f"tampering with {operation}")  # noqa: S311  # the same bodies on each run, not a secret
    for _ in range(1_500):
        check_hostile(operation, response(tampered(chance), chance.choice(STATUSES)))


TAMPERING = [
    b"", b'"', b"{", b"[", b"]", b"<", b"</", b"&#0;", b"&x;", b"\\", b",", b"null", b"1e999", b"-", b"\xff",
    b"\xed\xa0\x80", b"\0", b"<!DOCTYPE a>", b"<![CDATA[", b"111", b"error",
]  # fmt: skip


def tampered(chance: random.Random) -> bytes:
    """A reply that is known, with some of its bytes lost, doubled, or changed for others."""
    body = bytearray(chance.choice(KNOWN_BODIES))
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(len(body) + 1)
        end = start + chance.choice((0, 1, 1, 2, 8, 40))
        body[start:end] = chance.choice((chance.randbytes(2), bytes(body[start:end]) * 2, *TAMPERING))
    return bytes(body)


def check_hostile(operation: str, reply: Response) -> None:
    error: MSpaceError | None = None
    try:
        decode_reply(CALLS[operation], reply)
    except MSpaceError as raised:
        error = raised
    if error is None:
        # Nothing but a message that was refused is read where the status says that it failed.
        assert reply.status < 300 or (operation == "sendtext" and reply.status < 500)
    else:
        assert isinstance(error, (ReplyError, ServiceError))
        assert error.__context__ is None
        assert operation in MOVING or not isinstance(error, OutcomeUnknown)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  # what we have just pickled
    for kind in (dict, list, Element):
        with contextlib.suppress(MSpaceError):
            document: object = decode_document(CALLS[operation], reply, kind)  # type: ignore[arg-type]  # as mypy joins them
            assert isinstance(document, kind)


BIG: dict[str, tuple[str, str, str, str]] = {
    "deep JSON lists": ("", "[", "]", ""),
    "deep JSON objects": ("", '{"message":', "}", ""),
    "deep XML": ("", "<a>", "</a>", ""),
    "deep XML that does not end": ("", "<a>", "", ""),
    "many XML elements": ("<a>", "<b/>", "", "</a>"),
    "many XML records": ("<a>", "<b><smsBalance/></b>", "", "</a>"),
    "many XML attributes": ("<a>", "<b c=''/>", "", "</a>"),
    "many JSON records": ("[", '{"":1},', "", "{}]"),
    "many empty JSON records": ("[", "{},", "", "{}]"),
    "many JSON lists": ("[", "[],", "", "[]]"),
    "many JSON texts": ("[", '"ab",', "", '"a"]'),
    "many errors": ("[", '{"error":"a"},', "", "{}]"),
    "an error of marks": ('{"error":"', "!", "", 'a"}'),
    "an error of blanks": ('{"error":"0', " ", "", 'a"}'),
    "a long number": ("", "9", "", ""),
    "a long JSON number": ("[", "9", "", "]"),
    "a long JSON fraction": ("[0.", "9", "", "]"),
    "a long text": ("", "a", "", ""),
    "a long JSON text": ('"', "a", "", '"'),
    "a long XML text": ("<a>", "&lt;", "", "</a>"),
    "spaces": ("", " ", "", ""),
    "quotes": ("", '"', "", ""),
    "angles": ("", "<", "", ""),
    "failures": ("", "failed to top ", "", ""),
    "successes": ("", "successful top up of ", "", ""),
    "passwords in a path": ("", "password=/senderid", "", ""),
    "passwords in quotes": ("", "password:'", "", ""),
    "password and spaces": ("password", " ", "", ""),
}
"""How each begins, what it repeats, what it repeats as often after that, and how it ends."""


def big(name: str, size: int) -> bytes:
    beginning, repeated, closing, end = BIG[name]
    times = (size - len(beginning) - len(end)) // len(repeated + closing)
    return f"{beginning}{repeated * times}{closing * times}{end}".encode()


def check_time(body: bytes, content_type: str = "") -> None:
    began = time.process_time()
    with pytest.raises(MSpaceError):
        read("sendtext", body, 200, content_type)
    # About a second at most on a machine of these years; what is quadratic takes minutes.
    assert time.process_time() - began < 4


@pytest.mark.parametrize("depth", [40, 50, 500, 900, 990, 1500])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"error":', "}"), ('{"message":[', "]}")])
def test_a_success_beside_what_is_nested_deep_is_unknown(opened: str, closed: str, depth: int) -> None:
    nested = opened * depth + "1" + closed * depth
    for status in (200, 400):
        assert isinstance(failed("sendtext", f"[{_TAKEN}, {nested}]", status), OutcomeUnknown)


@pytest.mark.parametrize("name", BIG)
def test_a_big_body_takes_little_time(name: str) -> None:
    check_time(big(name, MIB))


@pytest.mark.parametrize("name", UNSAFE_XML)
def test_xml_that_grows_takes_little_time(name: str) -> None:
    check_time(UNSAFE_XML[name].encode())


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (b"a-" + b"b" * 20_000, "punycode"),
        (b"+" * MIB, "utf-7"),
        ("[{}]".encode("utf-16") * 100_000, "utf-16"),
        (bytes(range(256)) * 4096, "utf-8"),
    ],
    ids=["punycode", "utf-7", "utf-16", "noise"],
)
def test_no_charset_takes_much_time(body: bytes, charset: str) -> None:
    check_time(body, f"text/plain;charset={charset}")


@pytest.mark.parametrize("name", [name for name in BIG if name.startswith(("deep", "many"))])
def test_a_big_body_takes_little_memory(name: str) -> None:
    # A quarter of the largest reply, as tracing is slow, and so a quarter of the 60 MB that it may take.
    body = big(name, MIB // 4)
    tracemalloc.start()
    try:
        with pytest.raises(MSpaceError):
            read("subusers", body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 15e6


@pytest.mark.parametrize(
    "encoding", ["utf-8", "iso-8859-1", "utf-16", "klingon", "idna", "unicode_escape", "hex", "undefined"]
)
def test_an_encoding_that_xml_names_does_no_harm(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?><balance>50</balance>'.encode()
    try:
        assert read("balance", body) == 50
    except ReplyError:
        assert encoding not in ("utf-8", "iso-8859-1")


def test_every_class_that_words_can_tell_is_reached() -> None:
    reached = {kind for _, kind in WORDS} | {UnrecognisedFailure}
    services = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ServiceError)]
    of_smpp = {errors.InvalidRecipient, errors.Throttled, errors.QueueFull, errors.WrongBindState}
    assert reached == set(services) - {ServiceError} - of_smpp


def test_a_login_and_a_balance_are_never_unknown() -> None:
    for call in (Login("u"), Balance("u")):
        with pytest.raises(ServiceError) as raised:
            decode_reply(call, response("internal service error", 500))
        assert not isinstance(raised.value, OutcomeUnknown)
