"""The SARIF log against the standard's own schema, and against what the standard says in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

from mspace_legacy.migration.scan import RULES, Finding, Summary, sarif_document, scan

DATA = Path(__file__).parent.parent / "data"
SCHEMA = json.loads((DATA / "sarif-2.1.0.json").read_text("utf-8"))


def document(*paths: Path) -> dict[str, Any]:
    summary = Summary()
    made = sarif_document(list(scan(paths, notes=True, summary=summary)), summary)
    read: dict[str, Any] = json.loads(json.dumps(made))
    jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(read)
    return read


def results(*paths: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(*paths)["runs"][0]["results"]
    return found


def test_the_schema_refuses_what_is_wrong() -> None:
    made = document(DATA / "scan")
    made["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(SCHEMA).validate(made)


def test_every_finding_is_a_result() -> None:
    made = document(DATA / "scan")
    (run,) = made["runs"]
    assert len(run["results"]) == len(list(scan([DATA / "scan"], notes=True)))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
    assert run["properties"]["scanned"] > 80


def test_nothing_found_is_a_log_too(tmp_path: Path) -> None:
    assert results(tmp_path) == []


def test_a_path_is_a_uri_below_the_source_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = Path("a b/ü#%.py")
    source.parent.mkdir()
    source.write_text('u = "http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=U/password=P"\n', "utf-8")
    for result in results(Path(".")):
        location = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert location["uriBaseId"] == "%SRCROOT%"
        assert "%23%25" in location["uri"]
        assert unquote(location["uri"]) == source.as_posix()


def test_a_fingerprint_outlives_a_change_above_it(tmp_path: Path) -> None:
    call = 'u = "http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=U/password=P"\n'
    source = tmp_path / "a.py"

    def fingerprints() -> list[str]:
        return [result["partialFingerprints"]["mspaceLegacy/v1"] for result in results(tmp_path)]

    source.write_text(call + call, "utf-8")
    before = fingerprints()
    assert len(set(before)) == len(before) == 4
    source.write_text("import os\n\n" + call + call, "utf-8")
    assert fingerprints() == before


FINDING = Finding("src/a.py", 3, 5, RULES["MSP002"], "error", "balance", "calls it", "use v2", "…/password=***")


def told(*findings: Finding) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sarif_document(findings, Summary())["runs"][0]["results"]
    return found


def test_a_result_says_what_is_wrong_with_which_url_and_what_to_do() -> None:
    with_url, without = told(FINDING, replace(FINDING, url=""))
    assert with_url["message"] == {"text": "calls it (…/password=***): use v2"}
    assert without["message"] == {"text": "calls it: use v2"}
    assert with_url["properties"] == {"operation": "balance"}


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("src/a b.py", {"uri": "src/a%20b.py", "uriBaseId": "%SRCROOT%"}),
        # Not below the directory that the scan was started in.
        ("../lib/a.py", {"uri": "../lib/a.py"}),
        ("/srv/lib/a.py", {"uri": "file:///srv/lib/a.py"}),
        # A name is octets: those that are no UTF-8 are escaped as they are.
        ("\udcff.py", {"uri": "%FF.py", "uriBaseId": "%SRCROOT%"}),
    ],
)
def test_where_a_file_is(path: str, location: dict[str, str]) -> None:
    (result,) = told(replace(FINDING, path=path))
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == location


def test_a_fingerprint_is_the_same_from_one_release_to_the_next() -> None:
    """A host opens every alert anew where it is not: what makes it up may change under another name than `/v1`."""
    assert [result["partialFingerprints"] for result in told(FINDING, FINDING)] == [
        {"mspaceLegacy/v1": "2d95df8dce3d9f1ff769349234345e408c04d574b92518cf0bc4b463df8ad006"},
        {"mspaceLegacy/v1": "5c43d72e204fd472bf69583c9ba7cbec73beac55483537ea64e24e8e702d05ee"},
    ]


def test_a_run_tells_its_tool_its_rules_and_what_was_counted() -> None:
    summary = Summary(scanned=1, binary=2, too_large=3, undecodable=4, unreadable=5)
    (run,) = sarif_document([], summary)["runs"]
    assert run["tool"]["driver"]["name"] == "mspace-legacy scan"
    # A name as the standard's own examples have it, and a sentence with a capital.
    assert run["tool"]["driver"]["rules"][0] == {
        "id": "MSP001",
        "name": "LegacyCall",
        "shortDescription": {"text": "A URL of the legacy path API"},
        "help": {"text": "MIGRATION.md, 'Stage 1: from raw URLs to the jar surface'"},
        "defaultConfiguration": {"level": "error"},
    }
    assert run["properties"] == {
        "scanned": 1,
        "skipped": {"binary": 2, "tooLarge": 3, "undecodable": 4, "unreadable": 5},
    }
