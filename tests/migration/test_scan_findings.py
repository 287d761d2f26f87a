"""What a finding says: of which call, at what level, what is wrong and what to do instead; and what is none."""

from __future__ import annotations

import pytest

from mspace_legacy.migration.scan import RULES, Finding, inspect

BASE = "https://h.example/mspaceservice/wr/sms"
SIGNED = "/username=U/password=P"
REST = {
    "sendtext": "/senderid=S/recipient=R/message=M",
    "subacctopup": "/subaccname=A/noofsms=1",
    "resellerclienttopup": "/clientname=C/noofsms=1",
}
METHODS = {
    "balance": ("getBalance", "balance()"),
    "login": ("login_TEXT", "login()"),
    "sendtext": ("sendText_JSON", "send_text()"),
    "subusers": ("subUsers_JSON", "sub_users()"),
    "resellerclients": ("resellerClients_JSON", "reseller_clients()"),
    "subacctopup": ("subAccTopup_JSON", "top_up_sub_account()"),
    "resellerclienttopup": ("resellerClientTopup_JSON", "top_up_reseller_client()"),
}
"""The jar's method of an operation, and the client's."""


def found(text: str, name: str, *rules: str) -> list[Finding]:
    """The findings, of these rules where any are named."""
    return [finding for finding in inspect(text, name) if not rules or finding.rule.id in rules]


def told(text: str, name: str) -> list[tuple[int, str, str, str]]:
    """Line, rule, level and operation of each finding."""
    return [(each.line, each.rule.id, each.level, each.operation) for each in inspect(text, name)]


# Calls by URL


@pytest.mark.parametrize("operation", METHODS)
def test_a_call_by_url_is_told_with_what_to_do_instead(operation: str) -> None:
    jar, client = METHODS[operation]
    url = f"{BASE}/{operation}{SIGNED}{REST.get(operation, '')}"
    (python,) = found(f"u = '{url}'\n", "a.py", "MSP001")
    assert python.operation == operation
    assert python.wrong == f"calls {operation} of the legacy API by a URL that is put together by hand"
    assert python.remedy == f"use mspace_legacy.Client.{client}, or MSpaceClient.{jar}"
    (other,) = found(f"u = '{url}';\n", "a.js", "MSP001")
    assert other.remedy == "point the host at mspace-legacy gateway, or call v2 over https with the key in a header"
    # Every value is masked, and so is a host that is not the vendor's.
    keys = [part.partition("=")[0] for part in f"{SIGNED}{REST.get(operation, '')}".split("/")[1:]]
    masked = "/".join(f"{key}={'***' if key == 'password' else '…'}" for key in keys)
    assert other.url == f"https://…/mspaceservice/wr/sms/{operation}/{masked}"


def test_an_operation_that_is_chosen_as_it_runs() -> None:
    (python,) = found(f"u = f'{BASE}/{{op}}{SIGNED}'\n", "a.py", "MSP001")
    assert (python.operation, python.url) == ("", "https://…/mspaceservice/wr/sms/…/username=…/password=***")
    assert python.wrong.endswith("; which operation is chosen as it runs")
    assert python.remedy == "use mspace_legacy.Client, which has a method for each operation"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ('u = base + "/sendtext/username=U/password=P";\n', "…/sendtext/username=…/password=***"),
        ('u = "mspaceservice/wr/sms/" + op;\n', "…/mspaceservice/wr/sms/…"),
        ("client.subUsers_JSON(t, u, p);\n", ""),
    ],
)
def test_a_url_is_told_as_far_as_it_is_known(text: str, url: str) -> None:
    (call,) = inspect(text, "a.kt")
    assert call.url == url


def test_a_part_of_a_url_is_told_with_the_operation_that_its_keys_tell() -> None:
    part, _ = inspect(
        f"var who = '{SIGNED}/recipient=' + r + '/message=' + m;\nu = '{BASE}/sendtext' + who;\n", "a.js"
    )
    assert (part.wrong, part.url) == (
        "recipient, message: joined without encoding", "…/sendtext/username=…/password=***/recipient=…/message=…"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"u = '{BASE}/balance/username=U/password=Simba-77'", "password"),
        (f"u = '{BASE}/balance/username=U/password=' + (os.getenv('P') or 'Simba-77')", "password"),
        ("MSPACE_API_KEY = 'k3y0fSixteenChar'", "API key"),
    ],
)
def test_what_is_written_is_told_as_what_it_is(text: str, what: str) -> None:
    (secret,) = found(f"{text}\n", "a.py", "MSP003")
    assert (secret.wrong, secret.url) == (f"the {what} is written here", "")


def test_a_call_by_a_helper() -> None:
    (_, python) = inspect(f"def ask(op): return get('{BASE}/' + op)\nask('sendtext')\n", "a.py")
    assert python.remedy == "use mspace_legacy.Client.send_text(), or MSpaceClient.sendText_JSON"
    (_, call) = inspect(f"function ask(op) {{ return get('{BASE}/' + op); }}\nask('sendtext');\n", "a.js")
    assert call.wrong == "calls sendtext of the legacy API, by a helper that puts the URL together"
    assert call.remedy == "point the host at mspace-legacy gateway, or call v2 over https with the key in a header"
    assert call.url == "…/sendtext/…"


def test_a_mention_in_a_comment() -> None:
    (call,) = inspect(f"// {BASE}/sendtext{SIGNED}\n", "a.js")
    assert call.wrong == "a comment or a text mentions sendtext of the legacy API"
    assert call.remedy == "bring it up to date when the calls have moved"
    assert call.url == "https://…/mspaceservice/wr/sms/sendtext/username=…/password=***"
    (address,) = inspect(f"// {BASE}\n", "a.js")
    assert address.wrong == "a comment or a text mentions the address of the legacy API"
    key = "// https://api.mspace.co.ke/smsapi/v2/balance/apikey=k3y0fSixteenChar\n"
    password = f"// {BASE}/balance/username=U/password=Simba-77\n"
    assert [finding.wrong for text in (key, password) for finding in found(text, "a.js", "MSP003")] == [
        "the API key is written here",
        "the password is written here",
    ]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("a.py", "use mspace_legacy.Client, which knows the addresses"),
        ("a.js", "point it at the gateway, or replace the calls that use it"),
    ],
)
def test_an_address_that_is_kept_is_a_warning(name: str, remedy: str) -> None:
    (finding,) = inspect(f"base = '{BASE}'\n", name)
    assert (finding.rule.id, finding.level, finding.operation) == ("MSP007", "warning", "")
    assert finding.wrong == "the address of the legacy API is kept here, for calls that are put together elsewhere"
    assert (finding.url, finding.remedy) == ("https://…/mspaceservice/wr/sms", remedy)


@pytest.mark.parametrize(
    ("keys", "operation"),
    [
        ("senderid=S/recipient=R/message=M", "sendtext"),
        ("recipient=R/message=M", "sendtext"),
        ("clientname=C/noofsms=1", "resellerclienttopup"),
        ("subaccname=A/noofsms=1", "subacctopup"),
        ("noofsms=1", "subacctopup"),
        ("senderid=S", ""),
    ],
)
def test_an_operation_is_told_by_its_keys(keys: str, operation: str) -> None:
    finding = found(f"u = base + op + '{SIGNED}/{keys}'; v = '{BASE}'\n", "a.js", "MSP001")[0]
    assert finding.operation == operation


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        # Another host's, another path's, and a query's: none of ours.
        ("a.js", f"u = 'https://bank.example/balance{SIGNED}';\n", []),
        ("a.js", f"u = 'https://bank.example/v1/login{SIGNED}'; m = 'mspaceservice';\n", []),
        ("a.js", "u = 'https://h.example/?username=U&password=P&message=M&senderid=S&recipient=R';\n", []),
        ("a.js", f"var base = 'https://bank.example/api'; u = base + '/sendtext{SIGNED}';\n", []),
        ("a.js", f"var base = 'https://api.mspace.co.ke/smsapi/v2';\nu = base + op + '{SIGNED}/noofsms=1';\n", []),
        # A path alone is one, where it is signed.
        ("a.js", f"u = base + '/sendtext{SIGNED}';\n", [(1, "MSP001", "error", "sendtext")]),
        ("a.js", "u = base + '/sendtext/';\n", []),
        ("a.js", f"v = '{BASE}';\nu = base + 'sendtext/' + rest;\n",
         [(1, "MSP007", "warning", ""), (2, "MSP001", "error", "sendtext")]),
        ("a.js", f"v = '{BASE}';\nu = base + 'balance/' + rest;\n", [(1, "MSP007", "warning", "")]),
        ("a.js", f"var base = '{BASE}';\nu = base + '/balance' + rest;\n",
         [(1, "MSP007", "warning", ""), (2, "MSP001", "error", "balance")]),
        ("a.js", "u = mspaceUrl + '/sendtext/' + rest;\n", [(1, "MSP001", "error", "sendtext")]),
        ("a.js", "u = mspaceV2 + '/sendtext/' + rest;\n", []),
        ("a.js", f"u = base + '{SIGNED}/senderid=S/recipient=R/message=M';\n", [(1, "MSP001", "error", "sendtext")]),
        ("a.js", f"u = base + '{SIGNED}';\n", []),
        # An operation at the end of the address before, and keys kept under a name.
        ("a.js", f"var at = '{BASE}/balance';\nu = at + '{SIGNED}';\n",
         [(1, "MSP007", "warning", ""), (2, "MSP001", "error", "balance")]),
        ("a.js", f"var who = '{SIGNED}/';\nu = '{BASE}/login' + who;\nv = base + '/subusers/' + who;\n",
         [(2, "MSP001", "error", "login"), (3, "MSP001", "error", "subusers")]),
        # By a helper, or a format, that is asked for it by name.
        ("a.js", f"function ask(op) {{ return get('{BASE}/' + op); }}\n"
         "ask('sendtext');\nask('balance');\nsay('login');\n",
         [(1, "MSP001", "error", ""), (2, "MSP001", "error", "sendtext"), (3, "MSP001", "error", "balance")]),
        ("a.py", f"F = '{BASE}/%s{SIGNED}'\nu = F % ('sendtext',)\nv = F % ('login',)\nw = G % ('login',)\n",
         [(1, "MSP001", "error", ""), (2, "MSP001", "error", "sendtext"), (3, "MSP001", "error", "login")]),
        ("a.js", f"v = '{BASE}';\nlog('sendtext');\nif (x in_array('subusers')) y;\nprint('subacctopup');\n",
         [(1, "MSP007", "warning", ""), (2, "MSP001", "error", "sendtext")]),
        *(
            ("a.js", f"v = '{BASE}';\n{word} ('sendtext');\n", [(1, "MSP007", "warning", "")])
            for word in ("case", "in", "in_array", "Log", "print", "echo")
        ),
        ("a.php", f"<?php $F = '{BASE}/%s{SIGNED}';\n$u = sprintf($F, 'sendtext');\n$v = f([$F, 'login']);\n",
         [(1, "MSP001", "error", ""), (2, "MSP001", "error", "sendtext"), (3, "MSP001", "error", "login")]),
        ("a.py", f"F = '{BASE}/%s{SIGNED}'\nu = F % ['/Login/']\nv = F % ('close',)\nw = F % (x, 'y', 'login')\n",
         [(1, "MSP001", "error", ""), (2, "MSP001", "error", "login"), (4, "MSP001", "error", "login")]),
        ("a.js", f"function other(a) {{ b; }}\nfunction ask(op) {{ c; return get('{BASE}/' + op); }}\n"
                 "other('login');\nask('balance');\n",
         [(2, "MSP001", "error", ""), (4, "MSP001", "error", "balance")]),
        ("a.js", f"get('{BASE}/' + op);\nsay('balance');\n", [(1, "MSP001", "error", "")]),
        # Whose the address is that is kept elsewhere in the file.
        ("a.js", f"var c = {{ base: 'https://bank.example/api' }};\nu = c.base + '/sendtext{SIGNED}';\n", []),
        ("a.php", f"<?php $base = 'https://bank.example/api';\n$u = $base . '/sendtext{SIGNED}';\n", []),
        ("a.php", "<?php $c = ['base' => 'https://api.mspace.co.ke/mspaceservice/wr/sms'];\n"
                  "$u = $c['base'] . '/sendtext' . $rest;\n",
         [(1, "MSP007", "warning", ""), (2, "MSP001", "error", "sendtext")]),
        ("a.js", f"v = '{BASE}';\nw = 'https://api.mspace.co.ke/smsapi/v2';\nu = base + 'sendtext/' + rest;\n",
         [(1, "MSP007", "warning", "")]),
        # What the legacy API does not have, and what only the keys tell.
        ("a.js", f"u = base + '/deliveryreport{SIGNED}'; // mspaceservice\n", []),
        ("a.js", f"u = base + '{SIGNED}/noofsms=1';\n", [(1, "MSP001", "error", "subacctopup")]),
        # A text by itself is a docstring, unless it is a URL.
        ("a.js", f"'{BASE}/balance{SIGNED}';\n", [(1, "MSP001", "error", "balance")]),
        ("a.js", f"'see {BASE}/balance{SIGNED}';\n", [(1, "MSP001", "note", "balance")]),
        ("a.js", f"'/balance{SIGNED}', x;\n", [(1, "MSP001", "error", "balance")]),
        # What is printed, commented out or told of.
        ("a.js", f"console.log('{BASE}/balance{SIGNED}');\n", [(1, "MSP001", "note", "balance")]),
        ("a.js", f"throw new Error('{BASE}/balance{SIGNED}');\n", [(1, "MSP001", "note", "balance")]),
        ("a.js", f"// {BASE}/balance{SIGNED}\n", [(1, "MSP001", "note", "balance")]),
        ("a.js", f"// {BASE}\n", [(1, "MSP001", "note", "")]),
        ("a.js", f"// see /balance{SIGNED}\n", [(1, "MSP001", "note", "balance")]),
        ("a.js", f"// https://bank.example/balance{SIGNED}\n", []),
        ("a.js", "// https://api.mspace.co.ke/smsapi/v2/balance\n", []),
        ("a.py", f"'''Asks {BASE}/balance{SIGNED}'''\n", [(1, "MSP001", "note", "balance")]),
        ("a.md", f"Ask {BASE}/balance{SIGNED} first\n", [(1, "MSP001", "note", "balance")]),
        ("a.js", f"// {BASE}/balance/username=U/password=Simba-77\n",
         [(1, "MSP001", "note", "balance"), (1, "MSP003", "error", "")]),
        ("a.js", f"// {BASE}/sendtext/username=U/password=S+mba-77/senderid=S\n",
         [(1, "MSP001", "note", "sendtext"), (1, "MSP003", "error", "")]),
        ("a.js", "// /balance/username=U\n", []),
        ("a.js", f"// not https://bank.example/balance{SIGNED} but {BASE}/login{SIGNED}\n",
         [(1, "MSP001", "note", "login")]),
        ("a.js", "// https://api.mspace.co.ke/smsapi/v2/balance/username=U/password=Simba-77\n", []),
        ("a.js", f"// {BASE}/balance/username=U/password=xxxx&y=Simba-77\n", [(1, "MSP001", "note", "balance")]),
        ("a.js", "// https://api.mspace.co.ke/smsapi/v2/balance/apikey=k3y0fSixteenChar/username=U\n",
         [(1, "MSP003", "error", "")]),
        ("a.js", f"// {BASE}/balance/username=U/password=$p\n", [(1, "MSP001", "note", "balance")]),
        ("a.js", f"// see /sendtext{SIGNED}/senderid=S\n", [(1, "MSP001", "note", "sendtext")]),
        ("a.js", f"// (see {BASE}/balance/username=U/password=PASSWORD)\n", [(1, "MSP001", "note", "balance")]),
        ("a.py", f"print(f'{BASE}/balance{SIGNED}')\n", [(1, "MSP001", "note", "balance")]),
        # Somebody else's address, as each language keeps one.
        ("a.sh", f'BASE=https://bank.example/api\ncurl "$BASE/sendtext{SIGNED}"\n', []),
        ("a.go", f'base := url.Parse("https://bank.example/api")\nu := base + "/sendtext{SIGNED}"\n', []),
        ("a.php", f"<?php $XML_URL = 'https://bank.example/api';\n$u = $XML_URL . '/sendtext{SIGNED}';\n", []),
        ("a.js", f"var w = '{SIGNED}/';\nu = 'https://bank.example/login/' + w;\nv = base + '/subusers/' + w;\n",
         [(3, "MSP001", "error", "subusers")]),
        # So it is as a parameter's default, which is no assignment; and so is ours.
        ("a.php", "<?php function f($XML_URL = 'https://bank.example/api') {\n"
                  f"return $XML_URL . '/sendtext{SIGNED}'; }}\n", []),
        ("a.sql", "CREATE PROCEDURE p (@base VARCHAR(90) = 'https://bank.example/api')\n"
                  f"AS SELECT @base + '/sendtext{SIGNED}';\n", []),
        ("a.php", f"<?php function f($base = '{BASE}') {{ return $base . '/balance/' . $rest; }}\n",
         [(1, "MSP007", "warning", ""), (1, "MSP001", "error", "balance")]),
        # An address with an operation that others go on with, by its name or in a list.
        ("a.js", f"var at = '{BASE}/sendtext';\nget(['{SIGNED}']);\n",
         [(1, "MSP007", "warning", ""), (2, "MSP001", "error", "")]),
        ("a.js", f"var who = '{SIGNED}/recipient=' + r + '/message=' + m;\nu = '{BASE}/sendtext' + who;\n",
         [(1, "MSP005", "warning", "sendtext"), (2, "MSP001", "error", "sendtext")]),
        ("a.js", f"a = '{SIGNED}/';\nb = '{SIGNED}/';\nu = '{BASE}/login' + a;\nv = '{BASE}/balance' + b;\n",
         [(3, "MSP001", "error", "login"), (4, "MSP001", "error", "balance")]),
        ("a.js", f"u = '{BASE}/' + op + '/recipient=R/message=M';\n", [(1, "MSP001", "error", "sendtext")]),
        # A helper is the function around, whatever it is called by; beside it nobody is one.
        ("a.js", f"u = '{BASE}/sendtext/';\nlog('resellerclients');\n",
         [(1, "MSP001", "error", "sendtext"), (2, "MSP001", "error", "resellerclients")]),
        ("a.js", f"say('x');\nget('{BASE}/' + op);\nsay('balance');\n", [(2, "MSP001", "error", "")]),
        ("a.js", f"f('', 'sendtext');\nget('{BASE}/' + op);\n", [(2, "MSP001", "error", "")]),
        ("a.js", f"(function (op) {{ get('{BASE}/' + op); }})('balance');\n", [(1, "MSP001", "error", "")]),
        ("a.js", f"function ask(op) {{ return get('{BASE}/' + op); }}\nask('balance');\n",
         [(1, "MSP001", "error", ""), (2, "MSP001", "error", "balance")]),
        ("a.js", f"class A {{\n ask(op) {{ get('{BASE}/' + op); }}\n"
                 " go() { this.ask('balance'); }\n no() { say('balance'); }\n}\n",
         [(2, "MSP001", "error", ""), (3, "MSP001", "error", "balance")]),
        ("a.java", f'public static String ask(String op) {{ return get("{BASE}/" + op); }}\nx = ask("balance");\n',
         [(1, "MSP001", "error", ""), (2, "MSP001", "error", "balance")]),
        ("a.php", f"<?php $XML_URL = '{BASE}/%s{SIGNED}';\n$u = vsprintf($XML_URL, ['sendtext', $x]);\n",
         [(1, "MSP001", "error", ""), (2, "MSP001", "error", "sendtext")]),
        ("a.pas", f"F := '{BASE}/%s{SIGNED}';\nGet(Format(F, ['sendtext']));\n",
         [(1, "MSP001", "error", ""), (2, "MSP001", "error", "sendtext")]),
        ("a.php", f"<?php $XML_URL = '{BASE}/%s{SIGNED}';\n$u = sprintf($XML_URL, 'login');\n",
         [(1, "MSP001", "error", ""), (2, "MSP001", "error", "login")]),
        ("a.py", f"F = '{BASE}/%s{SIGNED}'\nu = F % ('/subusers/',)\nv = ask('/Subusers')\n",
         [(1, "MSP001", "error", ""), (2, "MSP001", "error", "subusers"), (3, "MSP001", "error", "subusers")]),
        ("a.js", f"w = 'https://api.mspace.co.ke/smsapi/v2';\nget('{BASE}/' + op);\nask('/subusers/');\n",
         [(2, "MSP001", "error", ""), (3, "MSP001", "error", "subusers")]),
        # A password is told where it is used, or is MSpace's by its name.
        ("a.js", f"apiKey = 'k3y0fSixteenChar';\nu = '{BASE}/login/username=U/password=' + qs.escape(apiKey);\n"
                 "v = 'https://api.mspace.co.ke/smsapi/v2/balance';\n",
         [(1, "MSP003", "error", ""), (2, "MSP001", "error", "login")]),
        ("a.js", f"password = 'Simba-77';\nu = '{BASE}/balance/username=U/password=';\n",
         [(2, "MSP001", "error", "balance")]),
        ("a.py", f"u = '{BASE}/login/username=U/password=' + (os.getenv('P') or 'Simba-77')\n",
         [(1, "MSP001", "error", "login"), (1, "MSP005", "warning", "login"), (1, "MSP003", "error", "")]),
        ("a.js", f"u = `{BASE}/login/username=U/password=${{process.env.P || 'Simba-77'}}`;\n",
         [(1, "MSP001", "error", "login"), (1, "MSP005", "warning", "login"), (1, "MSP003", "error", "")]),
        ("a.js", f"u = '{BASE}/balance/username=U^/password=P#1';\n",
         [(1, "MSP001", "error", "balance"), (1, "MSP003", "error", "")]),
        # The charset that an encoder is given is no password.
        ("a.java", f'u = "{BASE}/login/username=U/password=" + URLEncoder.encode(System.getenv("P"), "UTF-8");\n',
         [(1, "MSP001", "error", "login"), (1, "MSP006", "warning", "login")]),
        ("a.properties", "apikey=http://api.mspace.co.ke/mspaceservice/wr/sms\n",
         [(1, "MSP004", "warning", ""), (1, "MSP007", "warning", "")]),
        ("a.properties", "apikey=https://api.mspace.co.ke/smsapi/v2\n", []),
    ],
)  # fmt: skip
def test_what_is_a_call_of_the_legacy_api_and_what_is_none(
    name: str, text: str, expected: list[tuple[int, str, str, str]]
) -> None:
    assert told(text, name) == expected


# Over http


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("u = 'http://h.example/mspaceservice/wr/sms';\n", [1]),
        ("u = 'http://api.mspace.co.ke/smsapi/v2/balance';\n", [1]),
        ("u = 'http://api.mspace.co.ke';\n", [1]),
        ("u = 'http://api.mspace.co.ke/';\n", [1]),
        ("var baseUrl = 'http://www.mspace.co.ke';\n", [1]),
        ("baseUrl = 'http://www.mspace.co.ke';\n", [1]),
        ("setBaseUrl('http://www.mspace.co.ke');\n", [1]),
        ("var title = 'http://www.mspace.co.ke';\n", []),
        ("var baseUrl = 'http://www.mspace.co.ke/about';\n", []),
        ("u = 'https://api.mspace.co.ke';\n", []),
        ("u = 'http://localhost:8080/mspaceservice/wr/sms';\n", []),
        ("u = 'http://127.0.0.1/mspaceservice/wr/sms';\n", []),
        ("u = 'http://10.0.2.2/mspaceservice/wr/sms';\n", []),
        ("u = 'http://bank.example/smsapi/v2';\n", []),
        ("print('http://api.mspace.co.ke/mspaceservice/wr/sms');\n", []),
        ("connect(base, 'http://www.mspace.co.ke');\n", [1]),
        ("let endpoint: A = 'http://www.mspace.co.ke';\n", [1]),
        ("get({ host: 'api.mspace.co.ke', port: 80, path: p });\n", [1]),
        ("get({ host: 'api.mspace.co.ke', scheme: 'http' });\n", [1]),
        ("Uri.http('api.mspace.co.ke', p);\n", [1]),
        ("get({ host: 'api.mspace.co.ke', port: 443, path: p });\n", []),
        ("u = 'http://api.mspace.co.ke/balance/';\n", [1]),
        ("u = 'http://api.mspace.co.ke/x/username=' + u;\n", [1]),
        ("u = 'http://h.example/balance/username=' + u;\n", []),
        ("var url = 'http://portal.mspace.co.ke';\n", []),
        ("var url = 'http://www.mspace.co.ke is down';\n", []),
    ],
)
def test_what_is_asked_over_http(text: str, lines: list[int]) -> None:
    findings = found(text, "a.js", "MSP004")
    assert [finding.line for finding in findings] == lines
    for finding in findings:
        assert finding.level == "warning"
        assert finding.wrong == "asked over http: whoever is on the way reads the password and the message"
        assert finding.remedy == "https://api.mspace.co.ke/smsapi/v2 is there: move to v2"
        assert finding.url.startswith("http://")


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("a.xml", "<sms>\n<url>http://www.mspace.co.ke</url>\n<title>http://www.mspace.co.ke</title>\n</sms>\n", [2]),
        ("a.xml", '<add key="SmsUrl" value="http://www.mspace.co.ke/"/>\n', [1]),
        ("a.cs", 'baseUrl = ConfigurationManager.AppSettings["what is set"] ?? "http://www.mspace.co.ke";\n', [1]),
        ("a.py", "URL = (\n    # what the manual of the vendor says\n    'http://www.mspace.co.ke'\n)\n", [3]),
    ],
)  # fmt: skip
def test_an_address_is_told_by_its_name_wherever_that_stands(name: str, text: str, lines: list[int]) -> None:
    assert [finding.line for finding in found(text, name, "MSP004")] == lines


@pytest.mark.parametrize(
    ("text", "operation", "url"),
    [
        ("u = 'http://h.example/mspaceservice/wr/sms/balance/username=U';\n", "balance",
         "http://…/mspaceservice/wr/sms/balance/username=…"),
        ("get({ host: 'api.mspace.co.ke', port: 80 });\n", "", "http://api.mspace.co.ke"),
    ],
)  # fmt: skip
def test_what_is_asked_over_http_is_told_with_its_url(text: str, operation: str, url: str) -> None:
    (finding,) = found(text, "a.js", "MSP004")
    assert (finding.operation, finding.url) == (operation, url)


# v2


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("a.py", "use mspace_legacy.Client.v2, which sends the key in a header"),
        ("a.js", "send the key in the header apikey, and the call as JSON"),
    ],
)
def test_a_key_in_the_url_of_v2(name: str, remedy: str) -> None:
    url = "https://api.mspace.co.ke/smsapi/v2/balance/apikey="
    (call, secret) = inspect(f"u = '{url}k3y0fSixteenChar/username=U'\n", name)
    assert (call.rule.id, call.level, call.operation) == ("MSP008", "warning", "balance")
    assert (call.remedy, call.url) == (remedy, "https://api.mspace.co.ke/smsapi/v2/balance/apikey=***/username=…")
    assert call.wrong == "v2 is asked with the API key in the URL, where logs and proxies keep it"
    assert (secret.rule.id, secret.wrong) == ("MSP003", "the API key is written here")
    # By a name on the way, too.
    (secret, call) = inspect(f"apiKey = 'k3y0fSixteenChar'\nu = '{url}' + apiKey + '/username=U'\n", name)
    assert (secret.line, secret.wrong, call.rule.id) == (1, "the API key is written here", "MSP008")


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("m = 'smsapi/v2'; u = base + '/apikey=' + k + '/username=' + u;\n", ["MSP008"]),
        ("m = 'https://sms.example/smsapi'; u = base + '/apikey=' + k + '/username=' + u;\n", ["MSP008"]),
        ("// mspace.co.ke\nu = base + '/apikey=' + k + '/username=' + u;\n", ["MSP008"]),
        ("u = base + '/apikey=' + k + '/username=' + u;\n", []),
        ("// mspace.co.ke\nu = base + '/apikey=' + k;\n", []),
        ("u = 'https://api.mspace.co.ke/smsapi/v2/balance?apikey=' + k;\n", []),
        ("u = 'https://bank.example/x/apikey=' + k + '/username=' + u; // mspace.co.ke\n", []),
    ],
)
def test_whose_key_it_is(text: str, rules: list[str]) -> None:
    assert [finding.rule.id for finding in inspect(text, "a.js")] == rules


# The jar


@pytest.mark.parametrize(
    ("method", "operation", "arguments"),
    [
        ("login_TEXT", "login", "u, p"),
        ("subUsers_JSON", "subusers", "String.class, u, p"),
        ("subUsers_XML", "sendtext", "String.class, u, p, s, r, m"),
        ("resellerClients_XML", "resellerclients", "String.class, u, p"),
        ("resellerClientTopup_JSON", "resellerclienttopup", "String.class, u, p, c, n"),
        ("subAccTopup_JSON", "subacctopup", "String.class, u, p, a, n"),
        ("sendText_JSON", "sendtext", "String.class, u, p, s, r, m"),
        ("getBalance", "balance", "user, password"),
    ],
)
def test_a_call_of_the_jar(method: str, operation: str, arguments: str) -> None:
    jar, client = METHODS[operation]
    text = f"MSpaceClient c = new MSpaceClient();\nc.{method}({arguments});\n"
    (java,) = found(text, "A.java", "MSP002")
    assert (java.line, java.level, java.operation) == (2, "error", operation)
    assert java.wrong == f"calls {method}, a method of the jar"
    assert java.remedy == (
        f"in Python it is MSpaceClient.{jar}, then Client.{client}; here, point main_url at mspace-legacy gateway, "
        "or call v2"
    )
    (python,) = found(f"c = MSpaceClient()\nc.{method}({arguments})\n", "a.py", "MSP002")
    assert python.remedy == f"use mspace_legacy.Client.{client}"


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("A.java", "MSpaceClient c = new MSpaceClient();\nc.close(); // getBalance\n", [2]),
        ("a.py", "c = MSpaceClient()\nc.close()  # getBalance\n", [2]),
        ("a.py", "with MSpaceClient() as c:\n    c.close()  # getBalance\n", [2]),
        ("a.py", "def f(c: MSpaceClient):\n    c.close()  # getBalance\n", [2]),
        ("a.kt", "val c: MSpaceClient = make()\nc.getBalance(a, b)\nc?.getBalance(a, b)\n", [2, 3]),
        ("a.js", "const c = new MSpaceClient();\nc.close(); // getBalance\n", []),
        ("A.java", "MSpaceClient c = new MSpaceClient();\nc.close(x);\nfile.close(); // getBalance\n", []),
        ("A.java", "MSpaceClient c = new MSpaceClient();\nc.getBalance(a);\nc.getBalance(a, b, d);\n", []),
        ("A.java", "import mspace.X;\nbank.getBalance(user, secret);\n", [2]),
        ("A.java", "import mspace.X;\nbank.getBalance(user, account);\nbank.getBalance(user, 'p');\n", []),
        ("A.java", 'import mspace.X;\nmspace.getBalance(user, "p");\n', [2]),
        ("A.java", "bank.getBalance(user, password);\n", []),
        ("A.java", "import mspace.X;\nbank().getBalance(user, password);\n", []),
        ("A.java", "x.login_TEXT(u, p);\nreturn login_TEXT(u, p);\nString login_TEXT(String u) { }\n", [1, 2]),
        ("A.java", "List<String> login_TEXT(u, p);\nString[] login_TEXT(u, p);\nlogin_TEXT;\n", []),
        ("a.yml", "x: c.login_TEXT(u, p)\n", []),
        ("a.js", "const c = new MSpaceClient();\nc.close();\nc.login_TEXT(u, p);\n", [3]),
        # Whoever is asked for what only the jar has is a client of it, by whatever name.
        ("A.java", "x.subUsers_JSON(t, u, p); // mspace\nx.close();\ny.close();\nclose();\n", [1, 2]),
        ("a.kt", "val r = x?.login_TEXT(u, p) // mspace\nx?.close()\n", [1, 2]),
        ("A.java", "x().login_TEXT(u, p); // mspace\ny().close();\n", [1]),
        # So is what its class stands beside: before a name, behind one, in an assignment or an import.
        ("A.java", "private MSpaceClient c; // getBalance\nvoid f() { c.close(); MSpaceClient.close(); }\n", [2]),
        ("a.py", "def f(b, c: MSpaceClient, d):\n    b.close()\n    c.close()\n    d.close()\n", [3]),
        ("a.py", "with MSpaceClient(u) as c, open(f) as g:\n    c.getBalance(a, b)\n", [2]),
        ("a.py", "import MSpaceClient as m\nc = d = m.MSpaceClient(u)\nc.close()\nd.close()\nu.close()\n", [3, 4]),
        ("A.java", "MSpaceClient c = f(), d;\nx = 1; // mspace\nc.close();\nx.close();\nf.close();\n", [3]),
        ("a.py", "c: MSpaceClient\nx = c\nc.close()\n", [3]),
        ("a.kt", "val c = MSpaceClient(u)\nc.getBalance(a)\nc.close()\n", [3]),
        ("A.java", "login_TEXT(u, p); // mspace\nclose();\n", [1]),
        ("A.java", "c = login_TEXT(u, p); // mspace\nc.close();\n", [1]),
        # Definitions, and what is only named.
        ("a.py", "def login_TEXT(u, p):\n    return print(x.login_TEXT(u, p))\n", [2]),
        ("A.java", "import mspace.X;\nlogin_TEXT = 1;\nwhile (x) login_TEXT(u, p);\n", [3]),
        ("A.java", 'import mspace.X;\nmspace.getBalance(user, name);\nmspace.getBalance("p");\n', []),
    ],
)  # fmt: skip
def test_what_is_a_call_of_the_jar(name: str, text: str, lines: list[int]) -> None:
    assert [finding.line for finding in found(text, name, "MSP002")] == lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('c.login_TEXT("u", "Simba-77");\n', [1]),
        ('c.subUsers_JSON(X, "u", "Simba-77");\n', [1]),
        ('String pw = "Simba-77";\nc.login_TEXT("u", pw);\n', [1]),
        ('String pw = "Simba-77";\nc.subUsers_JSON(X, "u", pw);\n', [1]),
        ('c.login_TEXT("Simba-77", p);\n', []),
        ("c.login_TEXT(u);\n", []),
    ],
)
def test_a_password_that_is_handed_to_the_jar(text: str, lines: list[int]) -> None:
    findings = found(text, "A.java", "MSP003")
    assert [finding.line for finding in findings] == lines
    assert {finding.wrong for finding in findings} <= {"the password is written here"}


# What to do


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("a.py", "pass the value as it is to mspace_legacy.Client, which encodes it"),
        ("a.php", "encode each value with rawurlencode()"),
        ("a.js", "encode each value with encodeURIComponent()"),
        ("a.cs", "encode each value with Uri.EscapeDataString()"),
        ("a.vb", "encode each value with Uri.EscapeDataString()"),
        ("a.dart", "encode each value with Uri.encodeComponent()"),
        ("a.java", 'encode each value with URLEncoder.encode(value, "UTF-8").replace("+", "%20")'),
        ("a.kt", 'encode each value with URLEncoder.encode(value, "UTF-8").replace("+", "%20")'),
        ("a.go", "encode each value with url.PathEscape()"),
        ("a.rb", "encode each value with ERB::Util.url_encode()"),
        ("a.lua", "percent-encode each value as UTF-8, its slashes and spaces too"),
    ],
)
def test_how_to_encode_is_told_by_language(name: str, remedy: str) -> None:
    join = {"php": ".", "vb": "&"}.get(name.partition(".")[2], "+")
    start = "<?php " if name == "a.php" else ""
    (finding,) = found(f'{start}u = "{BASE}/balance/username=U/password=" {join} p;\n', name, "MSP005")
    assert (finding.remedy, finding.level, finding.operation) == (remedy, "warning", "balance")
    assert finding.wrong == "password: joined without encoding"
    assert finding.url == "https://…/mspaceservice/wr/sms/balance/username=…/password=***"


def test_values_are_told_together_by_what_is_wrong_with_them() -> None:
    text = (
        f"u = '{BASE}/sendtext/username=' + quote_plus(u) + '/password=' + quote_plus(p) + '/senderid=' + s"
        " + '/recipient=' + r + '/message=' + quote(m)\n"
    )
    (raw, plus) = found(text, "a.py", "MSP005", "MSP006")
    assert raw.wrong == (
        "senderid, recipient: joined without encoding; message: encoded, but for a slash, which cuts the value off"
    )
    assert plus.wrong == (
        "username, password: encoded as in a query, where a space becomes +; in a path the + arrives as a plus sign"
    )
    assert (raw.level, plus.level, plus.operation, plus.url) == ("warning", "warning", "sendtext", raw.url)


@pytest.mark.parametrize("character", " #?<>^`|")
def test_a_text_that_is_written_unencoded(character: str) -> None:
    text = f'u = "{BASE}/sendtext{SIGNED}/senderid=S/recipient=R/message=a{character}b" + x\n'
    (finding,) = found(text, "a.py", "MSP005")
    assert finding.wrong == "message: joined without encoding"
    encoded = f'u = "{BASE}/sendtext{SIGNED}/senderid=S/recipient=R/message=a%20b"\n'
    assert found(encoded, "a.py", "MSP005") == []


@pytest.mark.parametrize("base", [BASE, ""])
def test_a_url_that_is_encoded_as_a_whole(base: str) -> None:
    (wrong,) = found(f"encodeURI('{base}/sendtext{SIGNED}/message=' + m);\n", "a.js", "MSP005")
    assert wrong.wrong.startswith("message: encoded by a function for whole URLs")


def test_what_is_encoded_as_a_whole_later_is_another_url() -> None:
    (wrong,) = found(f"u = '{BASE}/sendtext{SIGNED}/message=' + m; v = encodeURI(w);\n", "a.js", "MSP005")
    assert wrong.wrong == "message: joined without encoding"


def test_a_plus_in_place_of_a_space_is_told_with_what_encodes_in_that_language() -> None:
    (wrong,) = found(f"u = '{BASE}/sendtext{SIGNED}/message=' + CGI.escape(m)\n", "a.rb", "MSP006")
    assert wrong.remedy == "encode each value with ERB::Util.url_encode()"


def test_a_url_that_is_encoded_as_a_whole_though_its_spaces_were_replaced() -> None:
    text = f"get(encodeURI(`{BASE}/sendtext{SIGNED}/senderid=S/recipient=0/message=${{m.replace(/ /g, '%20')}}`))"
    (finding,) = found(text, "a.js", "MSP005")
    assert finding.wrong == "message: encoded by a function for whole URLs, which leaves / ? and # bare"


def test_what_is_only_digits_need_not_be_encoded() -> None:
    """A number for `recipient` or `noofsms` has nothing in it to encode."""
    text = f"u = '{BASE}/subacctopup/username=U/password=P/subaccname=A/noofsms=' + n\n"
    assert found(text, "a.py", "MSP005") == []


def test_a_builder_that_encodes_by_itself() -> None:
    text = f"u = UriComponentsBuilder.from('{BASE}/balance/username=' + u + '/password=' + p);\n"
    assert found(text, "A.java", "MSP005", "MSP006") == []


def test_a_column_counts_from_its_own_line() -> None:
    (finding,) = inspect(f"// 😀 😀\nu = '{BASE}';\n", "a.js")
    assert (finding.line, finding.column) == (2, len("u = '") + 1)


def test_findings_come_in_the_order_of_the_text() -> None:
    text = f"/* {BASE} */ a = '{BASE}/balance{SIGNED}'; b = 'http://api.mspace.co.ke/';\n"
    findings = list(inspect(text, "a.js"))
    assert [(each.line, each.column) for each in findings] == sorted((each.line, each.column) for each in findings)
    assert len(findings) == 3
    assert {each.level for each in findings} == {"note", RULES["MSP001"].level, RULES["MSP004"].level}
