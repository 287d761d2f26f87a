"""The canary: secrets stand in every place we can think of, and are printed nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mspace_legacy.migration.scan import Summary, sarif_document, scan
from tests.cli.process import run

SECRET = "Canary-8f31"
KEY = "canarykey" * 5
SOURCES = {
    "a.php": """<?php
$password = "SECRET"; $other = 'SECRET';
$u = "http://SECRET:SECRET@api.mspace.co.ke/mspaceservice/wr/sms/balance/username=SECRET/password=SECRET";
$u = "http://SECRET.api.mspace.co.ke/mspaceservice/wr/sms/SECRET/username=" . "SECRET" . "/password=" . $password;
$v = $base . '/sendtext/username=' . SECRET . '/password=' . 'SECRET' . '/senderid=SECRET/recipient=SECRET'
    . '/message=SECRET';
// http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=SECRET/password=SECRET
""",
    "a.py": """
u = f"{base}/balance/username={user}/password={'SECRET'}"
u = "%s/balance/username=%s/password=%s" % (base, "SECRET", "SECRET")
client.subUsers_JSON(str, "SECRET", "SECRET")
MSPACE_API_KEY = "KEY"
requests.get("http://api.mspace.co.ke/smsapi/v2/balance/apikey=KEY/username=SECRET")
""",
    ".env": "MSPACE_URL=http://u:SECRET@api.mspace.co.ke/mspaceservice/wr/sms\nMSPACE_PASSWORD=SECRET\nMSPACE_API_KEY=KEY\n",
    "a.xml": '<a><mspace.password>SECRET</mspace.password><url v="http://SECRET@h/mspaceservice/wr/sms/SECRET"/></a>',
    "a.md": "curl http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=SECRET/password=SECRET\n",
    "a.json": '{"mspace": {"password": "SECRET", "apikey": "KEY", "url": "http://h/mspaceservice/wr/sms/SECRET"}}',
    "password=SECRET": "http://h/mspaceservice/wr/sms/balance/username=SECRET/password=SECRET\n",
    "a.sh": "curl 'http://h/mspaceservice/wr/sms/balance/username=SECRET/password=SECRET' -H 'apikey: KEY'\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in SOURCES.items():
        path = tmp_path / name.replace("SECRET", SECRET)
        path.write_text(text.replace("SECRET", SECRET).replace("KEY", KEY), "utf-8")
    return tmp_path


def assert_clean(text: str) -> None:
    assert text
    assert "canary" not in text.lower()
    assert SECRET.replace("-", "%2D").lower() not in text.lower()


def test_every_secret_is_found(tree: Path) -> None:
    found = {Path(finding.path).name for finding in scan([tree]) if finding.rule.name == "secret-in-source"}
    assert found == {*SOURCES} - {"password=SECRET"} | {"password=***"}


@pytest.mark.parametrize(
    "options", [[], ["--json"], ["--sarif"], ["--notes"], ["--json", "--notes"], ["--no-ignore"]], ids=" ".join
)
def test_no_output_holds_one(tree: Path, options: list[str]) -> None:
    ended = run("scan", *options, str(tree))
    assert ended.code == 1
    assert_clean(ended.out)
    assert_clean(ended.err)


def test_no_error_holds_one(tree: Path) -> None:
    for options in ([], ["--json"], ["--sarif"]):
        ended = run("scan", *options, str(tree / "absent" / f"password={SECRET}"))
        assert ended.code == 2
        assert_clean(ended.out + ended.err)


def test_no_finding_holds_one(tree: Path) -> None:
    summary = Summary()
    findings = list(scan([tree], notes=True, summary=summary))
    assert_clean(repr(findings).replace(str(tree), ""))
    assert_clean(json.dumps(sarif_document(findings, summary)).replace(str(tree), ""))
