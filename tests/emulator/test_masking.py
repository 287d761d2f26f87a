"""emulator.masking: what is shown of a message, and that no secret is, wherever it was written to."""

from __future__ import annotations

import json
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mspace_legacy.emulator.masking import command_name, masked_pdu, masked_reply, masked_request, masked_target
from mspace_legacy.errors import ProtocolError
from mspace_legacy.models import SendText
from mspace_legacy.secrets import Secret
from mspace_legacy.smpp.pdu import (
    BindReceiver,
    BindTransmitter,
    BindTransmitterResp,
    Decoder,
    DeliverSm,
    EnquireLink,
    Outbind,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Tlv,
    encode,
)
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.http import Request, Response

CALL = SendText("demo", "MSPACE", ("0722000000", "254733000000"), "Habari / 100% & 'more'\n😀")

# Letters that stand in no key, no word and no value of what is sent beside it.
secrets = st.text(st.sampled_from("QXZJ0189/?&;=%+ \"'<>\\{}[]:,#é\t"), min_size=1, max_size=20).map(
    lambda text: f"QX{text}ZJ"
)


def assert_hidden(secret: str, shown: str) -> None:
    assert "QX" not in shown
    assert "ZJ" not in shown
    assert secret not in shown


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"message": "hi/password=QXZJ"}', "application/json"),
        ('{"message": "hi%252525252Fpassword%25253DQXZJ"}', "application/json"),
        ('{"message": {"QXZJ": 1}}', "application/json"),
        ('{"message" "QXZJ"}', "application/json"),
        ('{"message": "hi", "QXZJ"}', "application/json"),
        ("<message/>QXZJ<recipient>1</recipient>", "application/xml"),
        ("<message></message>QXZJ", "application/xml"),
        ("<message>apikey=QXZJ</message>", "application/xml"),
        ("message=hi&password=a&QXZJ", "application/x-www-form-urlencoded"),
        ("message=hi%2526password%253DQXZJ", "application/x-www-form-urlencoded"),
    ],
)
def test_what_may_be_a_secret_is_hidden_where_a_text_is_shown(body: str, content_type: str) -> None:
    """Of a request that nobody knows the secret of: its account may be none."""
    request = Request("POST", "http://h/a", {"Content-Type": content_type}, body.encode())
    assert_hidden("QXZJ", masked_request(request))


@pytest.mark.parametrize(
    "target", ["message=hi/password=a/QXZJ", "message=hi/password=a/messag=QXZJ", "message=hi/QXZJ=1"]
)
def test_what_stands_behind_a_password_in_a_path_is_hidden(target: str) -> None:
    assert_hidden("QXZJ", masked_target(f"http://h/mspaceservice/wr/sms/sendtext/username=u/{target}"))


def test_a_header_that_is_shown_hides_a_secret_that_stands_in_it_by_its_name() -> None:
    for name, value in (("User-Agent", "curl password=QXZJ"), ("Host", "h?apikey=QXZJ"), ("X-Apikey", "QXZJ")):
        assert_hidden("QXZJ", masked_request(Request("GET", "http://h/a", {name: value})))


@pytest.mark.parametrize("style", v2.STYLES)
def test_all_but_the_key_is_shown_as_it_came(style: v2.Style) -> None:
    request = v2.encode_request(CALL, Secret("QXkeyZJ"), base=v2.base_url("http://h"), style=style)
    shown = masked_request(request)
    whole = request.url.removeprefix("http://h") + "\n" + (request.body or b"").decode()
    assert_hidden("QXkeyZJ", shown)
    for piece in whole.replace("QXkeyZJ", "***").split("\n"):
        assert piece in shown
    assert shown.count("***") == 1


def test_all_but_the_password_is_shown_as_it_came() -> None:
    request = legacy.encode_request(CALL, Secret("QXpwZJ"), base=legacy.base_url("http://h"))
    shown = masked_request(request).splitlines()
    assert shown[0] == "GET " + request.url.removeprefix("http://h").replace("QXpwZJ", "***")
    assert shown[1:] == ["Accept: application/json"]


@pytest.mark.parametrize("mistaken", ["password/QXpwZJ", "QXpwZJ", "password%3DQXpwZJ", "password/QX/pw/ZJ"])
def test_a_password_whose_key_was_miswritten_is_hidden(mistaken: str) -> None:
    shown = masked_target(f"http://h/mspaceservice/wr/sms/sendtext/username=demo/{mistaken}/senderid=M/message=a/b")
    assert_hidden("QXpwZJ", shown)
    assert "pw" not in shown
    # A message may hold a slash that nobody encoded.
    assert shown.startswith("/mspaceservice/wr/sms/sendtext/username=demo/")
    assert shown.endswith("/senderid=M/message=a/b")


KEYS = st.sampled_from(["password", "apikey", "Password", "pasword", "p%61ssword", "api-key", "pwd", "key", "x"])


@given(secrets, KEYS, st.booleans())
@example("QX/message=0ZJ", "password", False)
@example("QX/x=1ZJ", "password", False)
def test_no_path_shows_a_secret(secret: str, key: str, encoded: bool) -> None:
    if any(f"{name}=" in secret for name in ("message", "username")):
        return  # nobody can tell it from the key
    value = quote(secret, safe="") if encoded else secret
    for path in (
        f"/mspaceservice/wr/sms/sendtext/username=demo/{key}={value}/senderid=M/recipient=0722/message=Hi",
        f"/smsapi/v2/balance/{key}={value}/username=demo",
        f"/smsapi/v2/balance/{value}",
        f"/{value}/balance",
        f"/smsapi/v2/sendtext?username=demo&{key}={value}&message=Hi",
        f"/mspaceservice/wr/sms/sendtext/username=demo%2F{key}%3D{quote(value, safe='')}/message=Hi"
        if key in ("password", "apikey")
        else "/",
    ):
        shown = masked_target(f"http://h{path}")
        assert_hidden(secret, shown)
        assert_hidden(quote(secret, safe=""), shown)


@given(secrets, KEYS)
def test_no_json_shows_a_secret(secret: str, key: str) -> None:
    fields = {"username": "demo", key: secret, "message": "Hi there"}
    whole = json.dumps(fields, ensure_ascii=False)
    raw = f'{{"username": "demo", "{key}": "{secret}", "message": "Hi there"}}'
    bodies = [
        whole,
        json.dumps(fields),
        json.dumps({"username": "demo", key: [secret, {"message": 1}]}),
        json.dumps({"username": {"username": [secret]}}),
        json.dumps([secret]),
        json.dumps(secret),
        json.dumps({secret: "x"}),
        whole[:-10],
        f'{{"username":"demo,"{key}":"QX1ZJ"}}',
        f'{{username:"demo",{key}:QX1ZJ}}',
    ]
    if '"' not in secret and "\\" not in secret:
        bodies.append(raw)
    for body in bodies:
        request = Request("POST", "http://h/smsapi/v2/sendtext", {"Content-Type": "application/json"}, body.encode())
        assert_hidden(secret, masked_request(request))
    shown = masked_request(Request("POST", "http://h/", {}, whole.encode()))
    assert '"username": "demo"' in shown
    assert '"message": "Hi there"' in shown


@given(secrets, st.sampled_from(["password", "apikey", "pwd", "x"]))
def test_no_xml_and_no_form_shows_a_secret(secret: str, key: str) -> None:
    for body in (
        f"<sms><username>demo</username><{key}>{escape(secret)}</{key}><message>Hi there</message></sms>",
        f'<sms {key}="{escape(secret, {chr(34): "&quot;"})}"><username>demo</username><message>Hi there</message>',
        f"<sms><username>demo</username><{key}><![CDATA[QX1ZJ]]></{key}><message>Hi there</message></sms>",
        f"<sms><username>demo</username><!-- QX1ZJ --><message>Hi there</message>{escape(secret)}",
        f"username=demo&{key}={quote(secret, safe='')}&message=Hi there",
    ):
        shown = masked_request(Request("POST", "http://h/", {}, body.encode()))
        assert_hidden(secret, shown)
        assert "demo" in shown
        assert "Hi there" in shown


@pytest.mark.parametrize("name", ["apikey", "ApiKey", "Api-Key", "X-Api-Key", "Authorization", "Cookie", "Password"])
def test_no_header_shows_a_secret(name: str) -> None:
    shown = masked_request(Request("GET", "http://h/", {name: "QX1ZJ", "User-Agent": "curl/8"}))
    assert shown == f"GET /\n{name}: ***\nUser-Agent: curl/8"


def test_a_body_of_nothing_known_is_masked_whole() -> None:
    assert masked_request(Request("POST", "http://h/", {}, b"\xff\x00 QX1ZJ")).splitlines()[-1] == "***"


def test_a_known_secret_is_masked_wherever_it_stands() -> None:
    known = [Secret("correct horse")]
    request = Request("GET", "http://h/smsapi/v2/balance/username=correct%20horse", {"User-Agent": "correct horse"})
    assert masked_request(request, known) == "GET /smsapi/v2/balance/username=***\nUser-Agent: ***"
    assert masked_reply(Response(200, b"no such correct horse"), known).endswith("\n\nno such ***")
    assert masked_reply(None, known) == ""


def test_what_is_very_long_is_cut() -> None:
    request = Request("POST", "http://h/", {}, json.dumps({"message": "a" * 1_000_000, "apikey": "QX1ZJ"}).encode())
    assert len(masked_request(request)) < 20_000
    assert len(masked_target("http://h/message=" + "a" * 1_000_000)) < 20_000
    assert len(masked_reply(Response(200, b"a" * 1_000_000))) < 20_000


@pytest.mark.parametrize("kind", [BindTransmitter, BindReceiver])
@pytest.mark.parametrize("password", ["", "Q", "QXpw-ZJ"])
def test_a_bind_hides_its_password(kind: type[BindTransmitter | BindReceiver], password: str) -> None:
    pdu = kind(sequence_number=7, system_id="demo", password=Secret(password), system_type="VMS")
    shown = masked_pdu(pdu)
    octets = shown.splitlines()[-1]
    assert "password: ***" in shown
    before, after = octets.split(" *** ")
    whole = encode(pdu)
    assert bytes.fromhex(before) + password.encode() + bytes.fromhex(after) == whole
    if password:
        assert password.encode().hex(" ") not in octets
        assert_hidden(password, shown)


def test_an_outbind_hides_its_password() -> None:
    shown = masked_pdu(Outbind(sequence_number=7, system_id="smsc", password=Secret("QXpw-ZJ")))
    assert "password: ***" in shown
    assert shown.endswith(f"{b'smsc'.hex(' ')} 00 *** 00")
    assert_hidden("QXpw-ZJ", shown)
    assert b"QXpw-ZJ".hex(" ") not in shown


def test_a_known_secret_in_a_text_is_masked_in_its_octets_too() -> None:
    pdu = SubmitSm(sequence_number=7, short_message=b"my smpp-pwd", tlvs=(Tlv(0x0424, b"smpp-pwd"),))
    shown = masked_pdu(pdu, (Secret("smpp-pwd"),))
    assert b"smpp-pwd".hex(" ") not in shown
    assert f"short_message: {b'my '.hex(' ')} ***" in shown


@pytest.mark.parametrize(("status", "number"), [(0, 0), (0, 0x80000000), (0, 2**32 - 1), (0x58, 1)])
def test_a_header_that_nobody_should_write_is_shown_as_it_came(status: int, number: int) -> None:
    octets = bytearray(encode(SubmitSm(sequence_number=1, destination_addr="254722000000", short_message=b"Hi")))
    octets[8:16] = status.to_bytes(4, "big") + number.to_bytes(4, "big")
    decoder = Decoder()
    decoder.feed(octets)
    pdu = decoder.next_pdu()
    assert pdu is not None
    assert bytes.fromhex(masked_pdu(pdu).splitlines()[-1]) == octets


def test_a_field_that_nobody_should_write_is_shown_without_the_octets() -> None:
    body = b"a" * 70 + b"\0"
    decoder = Decoder()
    decoder.feed((16 + len(body)).to_bytes(4, "big") + b"\x80\0\0\x05" + bytes(4) + b"\0\0\0\x07" + body)
    pdu = decoder.next_pdu()
    assert pdu is not None
    shown = masked_pdu(pdu)
    assert f"message_id: '{'a' * 70}'" in shown
    assert "octets that this library would not write: message_id: " in shown


@pytest.mark.parametrize("refusal", [SubmitSmResp, BindTransmitterResp])
def test_a_refusal_is_shown_as_it_goes_over_the_wire_without_a_body(refusal: type[Pdu]) -> None:
    pdu = refusal(sequence_number=7, command_status=0x58)
    shown = bytes.fromhex(masked_pdu(pdu).splitlines()[-1])
    assert shown == encode(pdu)
    assert len(shown) == 16


def test_other_pdus_are_shown_whole() -> None:
    pdu = SubmitSm(sequence_number=7, source_addr="MSPACE", destination_addr="254722000000", short_message=b"Hi")
    shown = masked_pdu(pdu)
    assert bytes.fromhex(shown.splitlines()[-1]) == encode(pdu)
    assert "  source_addr: 'MSPACE'" in shown
    assert "  short_message: 48 69" in shown
    assert "  command_status: ESME_RTHROTTLED" in masked_pdu(SubmitSmResp(sequence_number=7, command_status=0x58))
    assert (command_name(pdu), command_name(EnquireLink(sequence_number=1))) == ("submit_sm", "enquire_link")
    assert masked_pdu(None) == ""


def test_a_pdu_with_octets_behind_its_last_tlv_is_shown_as_it_came() -> None:
    octets = encode(DeliverSm(sequence_number=7, short_message=b"Hi")) + b"\xff\xff\xff"
    octets = len(octets).to_bytes(4, "big") + octets[4:]
    decoder = Decoder()
    decoder.feed(octets)
    pdu = decoder.next_pdu()
    assert pdu is not None
    shown = masked_pdu(pdu)
    assert bytes.fromhex(shown.splitlines()[-1]) == octets
    assert "  rest: ff ff ff" in shown


def test_a_bind_that_can_not_be_read_shows_nothing_of_it() -> None:
    octets = encode(BindTransmitter(sequence_number=7, system_id="demo", password=Secret("x")))
    body = octets[16:].replace(b"x\0", b"QX-much-too-long-ZJ\0", 1)
    decoder = Decoder()
    decoder.feed((16 + len(body)).to_bytes(4, "big") + octets[4:16] + body)
    with pytest.raises(ProtocolError) as raised:
        decoder.next_pdu()
    shown = masked_pdu(raised.value)
    assert shown.startswith("bind_transmitter, sequence_number 7, can't be read: ")
    assert_hidden("QX-much-too-long-ZJ", shown)
