"""What the grammars of the decoders are made of: words that a fuzzer and hypothesis put into an input."""

from __future__ import annotations

__all__ = [
    "CASSETTE",
    "DOCUMENT",
    "FAULT",
    "GSM",
    "HTTP",
    "KEYS",
    "NUMBER",
    "PART",
    "PDU",
    "RECEIPT",
    "REDACTED",
    "REPLY",
    "ROUTE",
    "SCRUBBED",
    "SOURCE",
    "STORE",
    "SETTINGS",
    "TOML",
    "URL",
    "USSD",
    "VERIFIER",
]

# fmt: off
_OPERATIONS = (
    b"balance", b"sendtext", b"deliveryreport", b"subusers", b"resellerclients", b"subacctopup",
    b"resellerclienttopup", b"login",
)
KEYS = (
    b"/username=", b"/password=", b"/senderid=", b"/recipient=", b"/message=", b"/clientname=", b"/subaccname=",
    b"/noofsms=", b"/messageid=", b"/apikey=", *(b"/" + name for name in _OPERATIONS), b"%2F", b"%", b"%00", b"%C3",
    b"%A9", b"%ED%A0%80", b"?", b";", b"#", b"%25", b"\xe9", b" ",
)
DOCUMENT = (
    b'"username"', b'"senderId"', b'"recipient"', b'"message"', b'"noOfSms"', b'"subaccname"', b'"clientname"',
    b'"messageId"', b"<username>", b"</username>", b"<sms>", b"</sms>", b"<user>", b"\\ud800", b"\\u0000", b"NaN",
    b"\\u001c", b"1e999", b"-Infinity", b"<!DOCTYPE a [", b"<!ENTITY a 'b'>", b"]>", b"&a;", b"&#0;", b"&#xD800;",
    b"<![CDATA[", b"]]>", b"<?xml version='1.0' encoding='", b"utf-16", b"utf-7", b"idna", b"?>", b"\xef\xbb\xbf",
    b"\xff\xfe", b"\xfe\xff", b"\x00", b"true", b"null", b"{", b"}", b"[", b"]", b"xmlns:a='b'", b"a:",
    b"999999999999999999999",
)
REPLY = (
    b'"status"', b'"messageId"', b'"recipient"', b'"error"', b'"smsBalance"', b'"subUserName"', b'"clientname"',
    b"successful", b"111", b"User exists.", b"Successful Top up of 5 SMS to ", b"Insufficient Balance", b"<response>",
    b"Athentication failure", b'{"message": [', b"<error>", b"responseTime", b"9999-99-99 99:99:99:999", *DOCUMENT,
)
URL = (b"http://", b"https://", b"[", b"]", b"@", b":", b"/mspaceservice", b"/wr", b"/sms", b"/smsapi/v2", b"?", b"#")
PDU = (
    b"\x00\x00\x00\x10", b"\x00\x00\x00\x04", b"\x00\x00\x00\x05", b"\x80\x00\x00\x04", b"\x04\x24\x00",
    b"\x00\x1e\x00", b"\x02\x0c\x00\x02",
)
PART = (b"\x05\x00\x03", b"\x06\x08\x04", b"\x24\x01\x01", b"\x1b", b"\xd8\x00", b"\xff")
RECEIPT = (
    b"id:", b"sub:", b"stat:", b"submit date:", b"done date:", b"err:", b"text:", b"DELIVRD", b"9999999999", b"\0",
)
USSD = (
    b'"MSISDN": ', b'"MSSDN": ', b'"SESSION_ID": ', b'"SERVICE_CODE": ', b'"USSD_STRING": ', b'"USER_DATA": ',
    b'"CALLBACK_URL": ', b"CON ", b"END ", b"*", b"254722123456", b"0722123456", b"1e9", b"\xc3\xaf", b'"m\xc5\xbf',
    *DOCUMENT,
)
ROUTE = (b"canary:", b"legacy", b"shadow", b"verify", b"v2", b"=", b",", b"*", *_OPERATIONS)
_ARABIC_FIVE = b"\xd9\xa5"
FAULT = (
    b"delay:", b"status:", b"status-after:", b"fail:", b"submit_sm=", b"nan", b"inf", b"1e3", b"9" * 5000,
    _ARABIC_FIVE,
)
NUMBER = (b"+", b"254", b"256", b"000", b"(0)", b" ", b",", b".0", _ARABIC_FIVE, b"\xc2\xa0")
GSM = (b"\x1b", b"\xe2\x82\xac", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80")
REDACTED = (
    b"password", b"apikey", b"=", b":", b"%3D", b"'", b'"', b"\\", b"\x01", b"/username=", b"<", b">", b"<![CDATA[",
)
VERIFIER = (b"scrypt", b"$", b"0", b"1048576", b"=", b"A" * 24)
TOML = (
    b"[[account]]\n", b"username = ", b"password = ", b"api_key = ", b"password_verifier = ", b'"', b"'", b'"""',
    b"\n", b"9" * 400, b"1e400", b"nan", b"inf", b"-1", b"true", b"[", b"]", b"{", b"}", b"2001-01-01", b"0x",
    b"\\ud800", b"\\U0010ffff", b"balance = ", b"sender_ids = ", b"sub_user_of = ", b"smpp_password = ",
    b"\xef\xbb\xbf",
)
STORE = (*TOML, b"api_key_file = ", b"api_key_env = ", b"scrypt$")
SETTINGS = (
    *TOML, b"accounts = ", b"main_url = ", b"base_url = ", b"routes = ", b"[routes]", b"port = ", b"workers = ",
    b"threads = ", b"connect_timeout = ", b"reply_timeout = ", b"trusted_proxies = ",
)
CASSETTE = (
    b"!!python/object/apply:os.getcwd []", b"!!binary ", b"!!int ''", b"!!timestamp ", b"&a ", b"*a", b"- ", b"null",
    b"interactions:", b"{", b"[", b"? ", b"\xff",
)
SCRUBBED = (b"\x01", b"/password=", b"/apikey=", b"/username=", b"\n", b"0722123456", b"recipient=", b"%")
SOURCE = (
    b"mspaceservice/wr/sms/", b"http://api.mspace.co.ke/", b"/username=", b"/password=", b"sendtext/", b"login_TEXT(",
    b"sendText_JSON(", b"${", b"<<<A\n", b'"""', b"<!--", b"/*", b"%s", b"{0}", b"\xef\xbb\xbf", b"\xff\xfe", b"\0",
    b'f"', b'$"', b"<?php ", b"?>", b"\xf0\x9f\x98\x80",
)
HTTP = (
    b"GET ", b"POST ", b" HTTP/1.1\r\n", b"\r\n\r\n", b"Host: ", b"Content-Length: ", b"chunked",
    b"Transfer-Encoding: ", b"Connection: ", b"http://[", b"//", b"%", b"\r\n", b"\n", b"\0",
)
