"""The scanner on sources that call the legacy API in every way we know of, and on sources that only look like it.

What is to be found in tests/data/scan stands in its expected.tsv, written by hand with the sources.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mspace_legacy.errors import InvalidInput, WrongType
from mspace_legacy.migration.scan import RULES, Finding, Summary, inspect, scan

DATA = Path(__file__).parent.parent / "data" / "scan"
EXPECTED = [line.split("\t") for line in (DATA / "expected.tsv").read_text("utf-8").splitlines()]
FILES = sorted(path.relative_to(DATA).as_posix() for path in (DATA / "legacy").rglob("*") if path.is_file())
DECOYS = sorted(path.relative_to(DATA).as_posix() for path in (DATA / "decoys").rglob("*") if path.is_file())
OF_A_CALL = {"MSP001", "MSP002", "MSP008"}


def found(path: str) -> list[Finding]:
    return list(scan([DATA / path]))


def rules(text: str, name: str) -> list[tuple[int, str]]:
    """The lines and rules of what is found in a text, notes left out."""
    return [(finding.line, finding.rule.id) for finding in inspect(text, name) if finding.level != "note"]


@pytest.mark.parametrize("path", FILES)
def test_every_call_site_is_found_once_and_nothing_else(path: str) -> None:
    expected = [
        (int(line), rule, operation if rule in OF_A_CALL else "")
        for file, line, rule, operation in EXPECTED
        if file == path
    ]
    told = [
        (finding.line, finding.rule.id, finding.operation if finding.rule.id in OF_A_CALL else "")
        for finding in found(path)
    ]
    assert Counter(told) == Counter(expected)


@pytest.mark.parametrize("path", DECOYS)
def test_what_only_looks_like_it_gives_nothing(path: str) -> None:
    assert found(path) == []


def test_the_samples_are_many_and_of_many_languages() -> None:
    assert len(FILES) >= 30
    assert len(DECOYS) >= 20
    assert len({Path(file).suffix for file in FILES}) >= 18
    assert {rule for _, _, rule, _ in EXPECTED} == set(RULES)


CALL = "/sendtext/username={}/password={}/senderid=S/recipient=R/message={}"
PHP = '<?php\n{}\n$u = "$base/sendtext/username=U/password=$p/senderid=S/recipient=R/message=$m";\n'


@pytest.mark.parametrize(
    ("before", "rule"),
    [
        ("", "MSP005"),
        ("$m = trim($m);", "MSP005"),
        ("$m = str_replace(' ', '%20', $m);", "MSP005"),
        ("$m = str_replace(' ', '+', $m);", "MSP005"),
        ("$m = htmlspecialchars($m);", "MSP005"),
        ("$m = base64_encode($m);", "MSP005"),
        ("$m = mysqli_real_escape_string($db, $m);", "MSP005"),
        ("function a($m) { $m = rawurlencode($m); }", "MSP005"),
        ("$m = urlencode($m);", "MSP006"),
        ("$m = urlencode(trim($m));", "MSP006"),
        ("$t = urlencode($x); $m = $t;", "MSP006"),
        ("$m = rawurlencode($m);", ""),
        ("$t = rawurlencode($x); $m = $t;", ""),
        ("$m = str_replace('+', '%20', urlencode($m));", ""),
        ("function enc($v) { return rawurlencode($v); }\n$m = enc($x);", ""),
        ("if ($m) { $m = rawurlencode($m); }", ""),
        ("$m = 'Hello%20world';", ""),
        ("$m = ;", "MSP005"),
        ("$a = rawurlencode($x); $b = $a; $m = $b;", ""),
        ("function ue($v) { return rawurlencode($v); }\n$m = ue($x);", ""),
        ("function clean($v) { return urlencode($v); }\n$m = clean($x);", "MSP006"),
        (
            "function clean($v) { return trim($v); }\nfunction other($w) { return rawurlencode($w); }\n"
            "$m = clean($x);",
            "MSP005",
        ),
        ("function clean($v)\n{\n return trim($v);\n}\n$w = rawurlencode($x); $m = clean($x);", "MSP005"),
    ],
)
def test_how_a_message_was_encoded(before: str, rule: str) -> None:
    told = {rule for _, rule in rules(PHP.format(f"$p = rawurlencode($p); {before}"), "a.php")}
    assert told == {"MSP001", *([rule] if rule else [])}


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        # A map whose values were all encoded, by its own name and by that of a key.
        ("a.php", "<?php $X = array_map('rawurlencode', $row); $u = \"{}{{$X['message']}}\";", ""),
        ("a.php", "<?php $X = array_map('trim', $row); $u = \"{}{{$X['message']}}\";", "MSP005"),
        # A member, and the innermost key of several.
        ("a.py", "self.body = quote(t, safe='')\nu = '{}' + self.body\n", ""),
        ("a.js", "var body = encodeURIComponent(t);\nu = '{}' + data['body'];\n", ""),
        ("a.py", "sms = t\nbody = quote(t, safe='')\nu = '{}' + self.of['sms']['body']\n", ""),
        ("a.js", "var sms = t; var body = encodeURIComponent(t);\nu = '{}' + data['sms']['body'];\n", ""),
        # Functions of the file itself.
        ("a.py", "def clean(v):\n    return quote(v, safe='')\n\nu = '{}' + clean(t)\n", ""),
        ("a.py", "def clean(v):\n    return v.strip()\n\ndef other(v):\n    return quote(v, safe='')\n\n"
                 "u = '{}' + clean(t)\n", "MSP005"),
        ("a.vb", 'FUNCTION Clean(V)\n  RETURN Uri.EscapeDataString(V)\nEND FUNCTION\nU = "{}" & Clean(T)\n', ""),
        # Words of the language that look like one.
        *(
            ("a.js", f"{word} (x) {{{{ y = encodeURIComponent(x); }}}}\nu = '{{}}' + {word} (t) + t;\n", "MSP005")
            for word in ("if", "for", "while", "switch", "return", "str", "int", "trim")
        ),
    ],
)  # fmt: skip
def test_where_a_value_was_encoded_before(name: str, text: str, rule: str) -> None:
    text = text.format(
        "https://h.example/mspaceservice/wr/sms/sendtext/username=U/password=P/senderid=S/recipient=0/message="
    )
    assert {rule for _, rule in rules(text, name)} == {"MSP001", *([rule] if rule else [])}


def test_what_leaves_only_a_slash_is_a_note() -> None:
    text = "u = b + '/sendtext/username=U/password=P/senderid=S/recipient=0/message=' + quote(m)\n"
    assert [(finding.level, finding.wrong) for finding in inspect(text, "a.py") if finding.rule.id == "MSP005"] == [
        ("note", "message: encoded, but for a slash, which cuts the value off")
    ]


@pytest.mark.parametrize(
    ("name", "expression", "rule"),
    [
        ("a.js", "encodeURIComponent(m)", ""),
        ("a.js", "encodeURI(m)", "MSP005"),
        ("a.js", "escape(m)", "MSP005"),
        ("a.js", "m", "MSP005"),
        ("a.js", "m.replace(/ /g, '%20')", "MSP005"),
        ("a.js", "encodeURIComponent(m).replace(/'/g, '%27')", ""),
        ("a.py", "quote(m, safe='')", ""),
        ("a.py", "urllib.parse.quote(m, '')", ""),
        ("a.py", "quote(m)", ""),  # a note: only a slash is left bare
        ("a.py", "quote_plus(m)", "MSP006"),
        ("a.py", "m.encode('utf-8')", "MSP005"),
        ("a.cs", "Uri.EscapeDataString(m)", ""),
        ("a.cs", "HttpUtility.UrlEncode(m)", "MSP006"),
        ("a.cs", "WebUtility.UrlEncode(m)", "MSP006"),
        ("a.cs", "HttpUtility.UrlPathEncode(m)", "MSP005"),
        ("a.cs", "Uri.EscapeUriString(m)", "MSP005"),
        ("a.java", 'URLEncoder.encode(m, "UTF-8")', "MSP006"),
        ("a.java", 'URLEncoder.encode(m, "UTF-8").replace("+", "%20")', ""),
        ("a.java", 'URLEncoder.encode(m, "UTF-8").replaceAll("\\\\+", "%20")', ""),
        ("a.java", "String.valueOf(m)", "MSP005"),
        ("a.kt", "Uri.encode(m)", ""),
        ("a.dart", "Uri.encodeComponent(m)", ""),
        ("a.dart", "Uri.encodeQueryComponent(m)", "MSP006"),
        ("a.dart", "Uri.encodeFull(m)", "MSP005"),
        ("a.go", "url.PathEscape(m)", ""),
        ("a.go", "url.QueryEscape(m)", "MSP006"),
    ],
)
def test_the_encoders_of_each_language(name: str, expression: str, rule: str) -> None:
    text = f'u = base + "/sendtext/username=U/password=P/senderid=S/recipient=0/message=" + {expression};\n'
    assert {rule for _, rule in rules(text, name)} == {"MSP001", *([rule] if rule else [])}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "a.php",
            "<?php $m = str_replace(' ', '+', $m);\n"
            '$u = "$b/sendtext/username=U/password=P/senderid=S/recipient=0/message=$m";',
            "message: joined with nothing but its spaces replaced, by +, which arrives as a plus sign",
        ),
        (
            "a.js",
            "get(encodeURI(`${b}/sendtext/username=U/password=P/senderid=S/recipient=0/message=${m}`))",
            "message: encoded by a function for whole URLs, which leaves / ? and # bare",
        ),
        (
            "a.py",
            "u = escape(f'{b}/sendtext/username=U/password=P/senderid=S/recipient=0/message={m}')",
            "message: encoded by a function for whole URLs, which leaves / ? and # bare",
        ),
        (
            "a.pas",
            "Get(TIdURI.URLEncode(B + 'sendtext/username=U/password=P/senderid=S/recipient=0/message=' + M));",
            "message: encoded by a function for whole URLs, which leaves / ? and # bare",
        ),
        (
            "a.sh",
            "T=$(echo \"$2\" | sed 's/ /%20/g')\n"
            'curl "$B/sendtext/username=U/password=P/senderid=S/recipient=0/message=$T"\n',
            "message: joined with nothing but its spaces replaced",
        ),
        (
            "a.py",
            "u = '{b}/sendtext/username=U/password=P/senderid=S/recipient=0/message={m}'.format(b=b, m=text)",
            "message: joined without encoding",
        ),
        (
            "a.py",
            "u = '{b}/sendtext/username=U/password=P/senderid=S/recipient=0/message={m}'.format(b=b, m=quote(t, ''))",
            None,
        ),
        (
            "a.cpp",
            "void f() { char* m = curl_easy_escape(c, t, n);\n"
            'u << b << "/sendtext/username=U/password=P/senderid=S/recipient=0/message=" << m; }',
            None,
        ),
        (
            "a.dart",
            "u = Uri(host: h, pathSegments: ['wr', 'sms', 'balance', 'username=$u', 'password=$p']);",
            None,
        ),
    ],
)
def test_what_is_told_of_an_encoding(name: str, text: str, told: str | None) -> None:
    assert [finding.wrong for finding in inspect(text, name) if finding.rule.id == "MSP005"] == (
        [told] if told else []
    )


@pytest.mark.parametrize(
    "value",
    ["", "xxx", "XXXXXX", "****", "YOUR_PASSWORD", "your-password", "<password>", "{password}", "..", "password", "P",
     "[password]", "%s", "${PASSWORD}", "changeme", "MSPACE_PASSWORD", "PASSWORD"],
)  # fmt: skip
def test_a_placeholder_is_no_password(value: str) -> None:
    assert (1, "MSP003") not in rules(
        f"u = 'http://h.example/mspaceservice/wr/sms/balance/username=U/password={value}'", "a.py"
    )
    assert rules(f"MSPACE_PASSWORD={value}\n", ".env") == []


@pytest.mark.parametrize(
    "value", ["Tembo-4417", "@kenya2020", "$ecret99", "#Simba1", "12345678", "passw0rd", "p@ss/word", "Xpassword"]
)
def test_a_password_is_one(value: str) -> None:
    assert rules(f"MSPACE_PASSWORD='{value}'\n", ".env") == [(1, "MSP003")]


def test_a_finding_tells_where_what_and_what_to_do() -> None:
    text = 'x = 1\nemoji = "😀"; u = "http://api.mspace.co.ke/mspaceservice/wr/sms/login/username=U/password=" + p\n'
    login, http, encoding = inspect(text, "a.py")
    assert (login.path, login.line, login.rule.id, login.operation) == ("a.py", 2, "MSP001", "login")
    # In UTF-16 code units, of which the emoji takes two.
    assert login.column == len('emoji = "😀"; u = "'.encode("utf-16-le")) // 2 + 1
    assert login.url == "http://api.mspace.co.ke/mspaceservice/wr/sms/login/username=…/password=***"
    assert "Client.login()" in login.remedy
    assert "https://api.mspace.co.ke/smsapi/v2" in http.remedy
    assert "password" in encoding.wrong


def test_what_to_do_is_told_by_language() -> None:
    call = '"/sendtext/username=U/password=" + p'
    (python, *_), (php, *_) = inspect(f"u = b + {call}", "a.py"), inspect(f"u = b + {call}", "a.js")
    assert "MSpaceClient.sendText_JSON" in python.remedy
    assert "gateway" in php.remedy


def test_what_stands_in_a_comment_is_a_note() -> None:
    comment = "// http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=U/password=P\n"
    (note,) = inspect(comment, "a.js")
    assert (note.level, note.rule.id, note.operation) == ("note", "MSP001", "balance")


def test_a_docstring_is_a_comment() -> None:
    text = (
        'def send(to: str) -> str:\n    """GET http://h.example/mspaceservice/wr/sms/balance/username=U/password=P\n\n'
        '    and so on.\n    """\n    return get(to)\n'
    )
    (note,) = inspect(text, "a.py")
    assert (note.level, note.line) == ("note", 2)


def test_a_password_in_a_map_that_becomes_a_url() -> None:
    text = (
        'params = {"username": USER, "password": "Kuku-77"}\ndatabase = {"password": "Other-11"}\n'
        'url = BASE + "/mspaceservice/wr/sms/balance/" + "/".join("%s=%s" % pair for pair in params.items())\n'
    )
    assert rules(text, "a.py") == [(1, "MSP003"), (3, "MSP001")]


@pytest.mark.parametrize("text", ['"${mspace.password:Simba-77}"', '"${MSPACE_PASSWORD:-Simba-77}"'])
def test_a_default_is_a_password_too(text: str) -> None:
    assert rules(f"@Value({text}) String password;", "A.java") == [(1, "MSP003")]


def test_a_password_within_an_encoder() -> None:
    text = '<?php $p = urlencode("Siafu-99");\n$u = "$base/balance/username=U/password=$p";\n'
    assert rules(text, "a.php") == [(1, "MSP003"), (2, "MSP001")]


def test_what_is_printed_is_a_note() -> None:
    text = 'console.log("http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=" + u + "/password=" + p)\n'
    assert {finding.level for finding in inspect(text, "a.js")} == {"note"}


def test_keys_that_do_not_stand_in_a_path() -> None:
    """In a file that does call the API."""
    text = (
        '<?php $u = "https://h.example/mspaceservice/wr/sms/login/username=U/password=P";\n'
        "$q = \"SELECT * FROM users WHERE username='$u' AND password='$p'\";\n"
        '$r = "https://other.example/?username=$u&password=$p&senderid=$s&recipient=$r&message=$m";\n'
    )
    assert rules(text, "a.php") == [(1, "MSP001")]


def test_notes_are_left_out_and_counted_unless_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "GET http://h.example/mspaceservice/wr/sms/balance/username=U/password=P\n" * 2, "utf-8"
    )
    summary = Summary()
    assert list(scan([tmp_path], summary=summary)) == []
    assert (summary.notes, summary.findings) == (2, {})
    summary = Summary()
    assert [finding.level for finding in scan([tmp_path], notes=True, summary=summary)] == ["note", "note"]
    assert (summary.notes, summary.findings) == (0, {"MSP001": 2})


@pytest.mark.parametrize("arguments", ["", "user", "user, currency", "id, 'KES'", "user, password, more"])
def test_get_balance_of_something_else(arguments: str) -> None:
    assert (
        rules(
            f"import com.mspace.Reports;\nclass A {{ int b() {{ return bank.getBalance({arguments}); }} }}", "A.java"
        )
        == []
    )


def test_get_balance_of_a_client_needs_no_likely_arguments() -> None:
    text = "MSpaceClient c = new MSpaceClient();\nc.getBalance(a, b);\nc.close();\nother.close();\n"
    assert rules(text, "A.java") == [(2, "MSP002"), (3, "MSP002")]


def test_a_definition_is_no_call() -> None:
    assert rules("class A { String login_TEXT(String u, String p) { return null; } }", "A.java") == []
    assert rules("def subUsers_JSON(self, kind, u, p):\n    pass\n", "a.py") == []


def test_findings_come_as_they_are_found(tmp_path: Path) -> None:
    for name in ("b.sh", "a.sh"):
        (tmp_path / name).write_text(
            "curl https://h.example/mspaceservice/wr/sms/balance/username=U/password=P\n", "utf-8"
        )
    summary = Summary()
    findings = scan([tmp_path], summary=summary)
    assert next(findings).path.endswith("a.sh")
    assert summary.scanned == 1
    assert next(findings).path.endswith("b.sh")
    assert (list(findings), summary.scanned, summary.findings) == ([], 2, {"MSP001": 2})


def test_a_path_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        scan([tmp_path, tmp_path / "absent"])


@pytest.mark.parametrize("path", ["./", b"./", Path()])
def test_one_path_alone_is_not_taken_for_many(path: Any) -> None:
    """The characters of "./" are paths, of which the second is the root of all."""
    with pytest.raises(WrongType, match=f"paths is a {type(path).__name__}: give a collection"):
        scan(path)


@pytest.mark.parametrize(
    ("size", "told"), [(0, "max_size is 0: 1 is the least"), ("1", "max_size is a str: give a whole number")]
)
def test_a_size_that_is_none(size: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=told):
        scan(["."], max_size=size)
    assert list(scan([tmp_path], max_size=1)) == []
