"""What can be wrong at a call site: the rules, their texts, and a finding. No source code is read here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["RULES", "Finding", "Level", "Rule"]

Level = Literal["error", "warning", "note"]
"""As SARIF names them. A note tells of a mention in a comment or in prose, or of what hardly matters."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of problem. `id` and `name` never change; `section` is the heading of MIGRATION.md to read."""

    id: str
    name: str
    level: Level
    title: str
    section: str


RULES = {
    rule.id: rule
    for rule in (
        Rule(
            "MSP001",
            "legacy-call",
            "error",
            "a URL of the legacy path API",
            "Stage 1: from raw URLs to the jar surface",
        ),
        Rule("MSP002", "jar-call", "error", "a call of the jar's methods", "Names, old and new"),
        Rule(
            "MSP003", "secret-in-source", "error", "a password or API key written in the source", "The account store"
        ),
        Rule("MSP004", "plain-http", "warning", "http where https exists", "Stage 5: v2 sends"),
        Rule(
            "MSP005",
            "not-encoded",
            "warning",
            "a value joined to the URL without encoding",
            "Stage 1: from raw URLs to the jar surface",
        ),
        Rule(
            "MSP006",
            "plus-for-space",
            "warning",
            "a value encoded for a query, not for a path",
            "Stage 1: from raw URLs to the jar surface",
        ),
        Rule(
            "MSP007",
            "legacy-address",
            "warning",
            "the address of the legacy API, kept for calls elsewhere",
            "Stage 1: from raw URLs to the jar surface",
        ),
        Rule("MSP008", "key-in-url", "warning", "v2 asked with the API key in the URL", "Stage 6: `Client.v2`"),
    )
}
"""Every rule, under its id."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem at one place. Nothing in it is taken from the source but the name of an operation.

    `path` is relative to the directory the scan was started in, where it is below it, with `/` between its parts.
    `line` and `column` count from 1; `column` in UTF-16 code units, as SARIF's `columnKind` says. `operation` is the
    path API's name of it, empty where none is known. `wrong` and `remedy` are sentences for people. `url` is the URL
    as far as the scanner understood it, every value masked; empty where there is none.
    """

    path: str
    line: int
    column: int
    rule: Rule
    level: Level
    operation: str
    wrong: str
    remedy: str
    url: str = ""
