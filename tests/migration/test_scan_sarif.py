"""The SARIF log against the standard's own schema, and against what the standard says in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

from mspace_legacy.migration.scan import RULES, Summary, sarif_document, scan

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
