"""Findings as SARIF 2.1.0, the OASIS standard that code hosts and editors read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from mspace_legacy._version import __version__
from mspace_legacy.migration.scan.rules import RULES, Finding
from mspace_legacy.migration.scan.tree import Summary

__all__ = ["sarif_document"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def sarif_document(findings: Iterable[Finding], summary: Summary) -> dict[str, Any]:
    """The log of one run: every rule, a result for each finding, and, as properties of the run, what was counted.

    Paths are relative to `%SRCROOT%`, the directory the scan was started in. A result's fingerprint does not hold its
    line, so that it stays the same when lines above it change.
    """
    seen: Counter[str] = Counter()
    results = [_result(finding, seen) for finding in findings]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "mspace-legacy scan", "version": __version__, "rules": [*map(_rule, RULES)]}
                },
                "columnKind": "utf16CodeUnits",
                "results": results,
                "properties": {
                    "scanned": summary.scanned,
                    "skipped": {
                        "binary": summary.binary,
                        "tooLarge": summary.too_large,
                        "undecodable": summary.undecodable,
                        "unreadable": summary.unreadable,
                    },
                },
            }
        ],
    }


def _rule(number: str) -> dict[str, Any]:
    rule = RULES[number]
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": f"{rule.title[0].upper()}{rule.title[1:]}"},
        "help": {"text": f"MIGRATION.md, '{rule.section}'"},
        "defaultConfiguration": {"level": rule.level},
    }


def _result(finding: Finding, seen: Counter[str]) -> dict[str, Any]:
    same = f"{finding.rule.id} {finding.path} {finding.operation} {finding.url}"
    seen[same] += 1
    digest = hashlib.sha256(f"{same} {seen[same]}".encode("utf-8", "surrogateescape")).hexdigest()
    location = {"uri": quote(finding.path.encode("utf-8", "surrogateescape"), safe="/")}
    if not finding.path.startswith(("/", "..")):
        location["uriBaseId"] = "%SRCROOT%"
    elif finding.path.startswith("/"):
        location["uri"] = f"file://{location['uri']}"
    url = f" ({finding.url})" if finding.url else ""
    return {
        "ruleId": finding.rule.id,
        "ruleIndex": list(RULES).index(finding.rule.id),
        "level": finding.level,
        "message": {"text": f"{finding.wrong}{url}: {finding.remedy}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": location,
                    "region": {"startLine": finding.line, "startColumn": finding.column},
                }
            }
        ],
        "partialFingerprints": {"mspaceLegacy/v1": digest},
        "properties": {"operation": finding.operation},
    }
