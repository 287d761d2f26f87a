"""The command that finds calls of the legacy API in source trees."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mspace_legacy.cli import DONE, FAILED
from mspace_legacy.cli.options import json_option
from mspace_legacy.cli.output import plain, show_json, show_table
from mspace_legacy.errors import InvalidInput
from mspace_legacy.migration.scan import DEFAULT_MAX_SIZE, RULES, Finding, Summary, sarif_document
from mspace_legacy.migration.scan import scan as scan_paths

__all__ = ["scan"]


@click.command(
    help="""Find calls of the legacy API in source trees of any language.

    It looks for URLs of the path API, also put together from pieces, calls of the Java jar, passwords written in
    the source, http where https exists, and values joined without encoding. Nothing is run, sent or written, and no
    secret is printed.

    Exit code 0: no errors and no warnings. 1: errors or warnings were found. 2: a path does not exist.

    Rules: """
    + "; ".join(f"{rule.id} {rule.name} ({rule.level})" for rule in RULES.values())
    + "."
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@json_option
@click.option("--sarif", "as_sarif", is_flag=True, help="Print a SARIF 2.1.0 log.")
@click.option("--notes", is_flag=True, help="Tell mentions in comments and in prose too, and what hardly matters.")
@click.option(
    "--without",
    "left_out",
    type=click.Choice(list(RULES)),
    multiple=True,
    metavar="RULE",
    help="Leave out what this rule finds, such as MSP001; it may be repeated.",
)
@click.option(
    "--no-ignore", is_flag=True, help="Look into what .gitignore names, and into node_modules and the like."
)
@click.option(
    "--max-size",
    type=click.IntRange(min=1),
    default=DEFAULT_MAX_SIZE,
    show_default=True,
    metavar="BYTES",
    help="Skip larger files.",
)
def scan(
    paths: tuple[str, ...],
    as_json: bool,
    as_sarif: bool,
    notes: bool,
    left_out: tuple[str, ...],
    no_ignore: bool,
    max_size: int,
) -> int:
    """See the help above."""
    if as_json and as_sarif:
        raise InvalidInput("--json and --sarif: give one of them")
    summary = Summary()
    found = scan_paths(paths, ignore=not no_ignore, max_size=max_size, notes=notes, summary=summary)
    findings = [finding for finding in found if finding.rule.id not in left_out]
    for rule in left_out:
        summary.findings.pop(rule, None)
    if as_sarif:
        show_json(sarif_document(findings, summary))
    elif as_json:
        show_json({"findings": [*map(_document, findings)], "summary": asdict(summary)})
    elif findings:
        show_table(
            ("where", "rule", "operation", "what is wrong", "what to do"),
            [
                (
                    f"{finding.path}:{finding.line}",
                    finding.rule.id,
                    finding.operation,
                    _wrong(finding),
                    finding.remedy,
                )
                for finding in findings
            ],
            styles=[_STYLES[finding.level] for finding in findings],
        )
    click.echo(plain(_counts(summary)), err=True)
    return FAILED if any(finding.level != "note" for finding in findings) else DONE


_STYLES = {"error": "red", "warning": "yellow", "note": ""}


def _wrong(finding: Finding) -> str:
    return f"{finding.wrong}: {finding.url}" if finding.url else finding.wrong


def _document(finding: Finding) -> dict[str, Any]:
    return {
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "rule": finding.rule.id,
        "name": finding.rule.name,
        "level": finding.level,
        "operation": finding.operation,
        "wrong": finding.wrong,
        "remedy": finding.remedy,
        "url": finding.url,
        "see": f"MIGRATION.md, '{finding.rule.section}'",
    }


def _counts(summary: Summary) -> str:
    skipped = {
        "binary": summary.binary,
        "too large": summary.too_large,
        "undecodable": summary.undecodable,
        "unreadable": summary.unreadable,
    }
    told = ", ".join(f"{count} {why}" for why, count in skipped.items() if count)
    rules = ", ".join(f"{count} {rule} {RULES[rule].name}" for rule, count in sorted(summary.findings.items()))
    left_out = f"; notes left out: {summary.notes}, --notes tells them" if summary.notes else ""
    return (
        f"files scanned: {summary.scanned}, skipped: {summary.skipped}{f' ({told})' if told else ''}; "
        f"findings: {sum(summary.findings.values())}{f' ({rules})' if rules else ''}{left_out}"
    )
