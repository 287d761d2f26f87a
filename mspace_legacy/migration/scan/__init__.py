"""Finds what calls the legacy API in source trees of any language: offline, without running or writing anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike, fspath

from mspace_legacy.checks import at_least_one
from mspace_legacy.errors import WrongType
from mspace_legacy.migration.scan.inspect import inspect
from mspace_legacy.migration.scan.rules import RULES, Finding, Level, Rule
from mspace_legacy.migration.scan.sarif import sarif_document
from mspace_legacy.migration.scan.tree import DEFAULT_MAX_SIZE, Summary, checked, read, shown, walk

__all__ = [
    "DEFAULT_MAX_SIZE",
    "RULES",
    "Finding",
    "Level",
    "Rule",
    "Summary",
    "inspect",
    "sarif_document",
    "scan",
]


def scan(
    paths: Iterable[str | PathLike[str]],
    *,
    ignore: bool = True,
    max_size: int = DEFAULT_MAX_SIZE,
    notes: bool = False,
    summary: Summary | None = None,
) -> Iterator[Finding]:
    """Look through files and directories, one file at a time; findings come as they are found, sorted within a file.

    :param ignore: pass over what `.gitignore` files name and over directories such as `node_modules`; those of
        version control are always passed over.
    :param max_size: bytes; a larger file is skipped, and counted.
    :param notes: give notes too: mentions in comments and in prose, and what hardly matters.
    :param summary: is filled in as the scan goes.
    :raises InvalidInput: a path does not exist, which is told before anything is read, or `max_size` is not positive;
        or `paths` is one path alone: a `WrongType`.
    """
    summary = Summary() if summary is None else summary
    at_least_one("max_size", max_size)
    if isinstance(paths, (str, bytes, PathLike)):
        # The characters of a text are paths too, and one of them may be the root of all.
        raise WrongType(f"paths is a {type(paths).__name__}: give a collection of them, such as ['src']")
    roots = [checked(fspath(path)) for path in paths]
    return _scan(roots, ignore=ignore, max_size=max_size, notes=notes, summary=summary)


def _scan(roots: list[str], *, ignore: bool, max_size: int, notes: bool, summary: Summary) -> Iterator[Finding]:
    for path in walk(roots, ignore=ignore, summary=summary):
        text = read(path, max_size=max_size, summary=summary)
        if text is None:
            continue
        for finding in inspect(text, shown(path)):
            if finding.level == "note" and not notes:
                summary.notes += 1
                continue
            summary.findings[finding.rule.id] = summary.findings.get(finding.rule.id, 0) + 1
            yield finding
