"""The command that scans: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.cli.process import run

CALL = 'u = base + "/balance/username=" + quote(u, safe="") + "/password=" + quote(p, safe="")\n'
SCHEMA = json.loads((Path(__file__).parent.parent / "data" / "sarif-2.1.0.json").read_text("utf-8"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("import os\n" + CALL, "utf-8")
    return tmp_path


def test_a_table_and_what_was_counted(source: Path) -> None:
    ended = run("scan", str(source))
    assert ended.code == 1
    (row,) = [line for line in ended.out.splitlines() if "MSP001" in line]
    for part in (f"{source}/a.py:2", "balance", "…/balance/username=…/password=***", "Client.balance()"):
        assert part in row
    assert ended.err == "files scanned: 1, skipped: 0; findings: 1 (1 MSP001 legacy-call)\n"


def test_nothing_found(tmp_path: Path) -> None:
    assert run("scan", str(tmp_path)) == (0, "", "files scanned: 0, skipped: 0; findings: 0\n")


def test_only_notes_are_no_failure(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("http://h.example/mspaceservice/wr/sms/balance/username=U/password=P\n", "utf-8")
    left_out = run("scan", str(tmp_path))
    assert (left_out.code, left_out.out) == (0, "")
    assert "notes left out: 1, --notes tells them" in left_out.err
    told = run("scan", "--notes", str(tmp_path))
    assert told.code == 0
    assert "MSP001" in told.out


def test_json(source: Path) -> None:
    (source / "b.bin").write_bytes(b"\0")
    ended = run("scan", "--json", str(source))
    assert ended.code == 1
    assert ended.out.isascii()
    document = json.loads(ended.out)
    (finding,) = document["findings"]
    assert finding["path"] == f"{source}/a.py"
    assert (finding["line"], finding["rule"], finding["level"], finding["operation"]) == (
        2,
        "MSP001",
        "error",
        "balance",
    )
    assert finding["wrong"]
    assert finding["remedy"]
    assert finding["see"].startswith("MIGRATION.md")
    assert document["summary"]["scanned"] == 1
    assert document["summary"]["binary"] == 1
    assert "skipped: 1 (1 binary)" in ended.err


def test_sarif(source: Path) -> None:
    ended = run("scan", "--sarif", str(source))
    assert ended.code == 1
    assert ended.out.isascii()
    document = json.loads(ended.out)
    jsonschema.Draft4Validator(SCHEMA).validate(document)
    assert [result["ruleId"] for result in document["runs"][0]["results"]] == ["MSP001"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent-directory"], "absent-directory: No such file or directory"),
        ([], "Missing argument 'PATH...'"),
        (["--json", "--sarif", "."], "--json and --sarif: give one of them"),
        (["--max-size", "0", "."], "0 is not in the range"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    ended = run("scan", *arguments)
    assert ended.code == 2
    assert words in ended.out + ended.err
    assert "Traceback" not in ended.err


def test_what_a_terminal_would_act_on(tmp_path: Path) -> None:
    (tmp_path / "\x1b[2J\n.py").write_text(CALL, "utf-8")
    for options in ([], ["--json"], ["--sarif"]):
        ended = run("scan", *options, str(tmp_path))
        assert ended.code == 1
        assert "\x1b" not in ended.out + ended.err


def test_options_reach_the_scan(source: Path) -> None:
    (source / "vendor").mkdir()
    (source / "vendor" / "b.py").write_text(CALL, "utf-8")
    assert "findings: 1 " in run("scan", str(source)).err
    assert "findings: 2 " in run("scan", "--no-ignore", str(source)).err
    assert "skipped: 1 (1 too large)" in run("scan", "--max-size", "20", str(source)).err


def test_rules_that_are_left_out(source: Path) -> None:
    found = {finding["rule"] for finding in json.loads(run("scan", "--json", str(source)).out)["findings"]}
    assert "MSP001" in found
    options = [part for rule in found - {"MSP001"} for part in ("--without", rule)]
    ended = run("scan", "--json", *options, str(source))
    told = json.loads(ended.out)
    assert ended.code == 1
    assert {finding["rule"] for finding in told["findings"]} == set(told["summary"]["findings"]) == {"MSP001"}
    ended = run("scan", *options, "--without", "MSP001", str(source))
    assert (ended.code, ended.out) == (0, "")
    assert "findings: 0" in ended.err


def test_nothing_is_written(source: Path) -> None:
    before = sorted(source.rglob("*"))
    run("scan", str(source))
    assert sorted(source.rglob("*")) == before
