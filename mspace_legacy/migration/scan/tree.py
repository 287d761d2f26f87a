"""Walks trees and reads files: what is looked at, what is passed over, and in which encoding a file is read."""

from __future__ import annotations

import codecs
import os
import re
import stat
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pathspec import GitIgnoreSpec

from mspace_legacy.errors import InvalidInput
from mspace_legacy.secrets import redact

__all__ = ["DEFAULT_MAX_SIZE", "TOKENS", "Summary", "checked", "read", "shown", "walk"]

DEFAULT_MAX_SIZE = 2 * 1024 * 1024
"""Bytes. What is larger is data, or was put together by a machine."""

_VERSION_CONTROL = frozenset((".git", ".hg", ".svn", ".bzr", "CVS", "_darcs", ".jj", ".pijul"))
_OTHERS_CODE = frozenset(
    ("node_modules", "bower_components", "vendor", "Pods", ".venv", "venv", "site-packages", "__pycache__")
)


@dataclass(slots=True)
class Summary:
    """What a scan did, counted as it goes. Files are counted once, by what became of them."""

    scanned: int = 0
    binary: int = 0
    too_large: int = 0
    undecodable: int = 0
    unreadable: int = 0
    notes: int = 0
    """Notes that were left out."""
    findings: dict[str, int] = field(default_factory=dict)
    """How many of each rule, under its id."""

    @property
    def skipped(self) -> int:
        """Files that were not looked at."""
        return self.binary + self.too_large + self.undecodable + self.unreadable


@dataclass(frozen=True, slots=True)
class _Ignore:
    """The .gitignore of one directory, whose patterns hold below it."""

    directory: str
    spec: GitIgnoreSpec


def walk(roots: Sequence[str], *, ignore: bool, summary: Summary) -> Iterator[str]:
    """The files below each of `roots`, or the root itself, in the order of their names; each once.

    The names of one directory are held at a time. A symbolic link is followed where it was named, and nowhere below.

    :param ignore: pass over what .gitignore files name, and over directories of other people's code.
    """
    apart = {os.path.abspath(root) for root in roots}
    for root in dict.fromkeys(map(os.path.normpath, roots)):
        if not os.path.isdir(root):
            yield root
            continue
        absolute = os.path.abspath(root)
        ignores = _ignores_above(absolute) if ignore else []
        if _ignored(absolute, True, ignores):
            # Named outright, so it is looked at; what lies in it is judged by its own files.
            ignores = []
        yield from _below(root, absolute, ignores, apart, ignore=ignore, summary=summary)


def checked(root: str) -> str:
    """`root`, which is there.

    :raises InvalidInput: it is not.
    """
    try:
        os.stat(root)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no path"
        raise InvalidInput(f"{redact(root)}: {why}: give a file or a directory that is there") from None
    return root


def _below(
    directory: str, absolute: str, ignores: list[_Ignore], apart: set[str], *, ignore: bool, summary: Summary
) -> Iterator[str]:
    pending = [(directory, absolute, ignores)]
    while pending:
        directory, absolute, ignores = pending.pop()
        try:
            files, directories = _listed(directory)
        except OSError:
            summary.unreadable += 1
            continue
        if ignore and ".gitignore" in files:
            ignores = [*ignores, *_ignore_of(absolute)]
        for name in files:
            full = f"{absolute}{os.sep}{name}"
            if full not in apart and not _ignored(full, False, ignores):
                yield os.path.join(directory, name)
        for name in reversed(directories):
            full = f"{absolute}{os.sep}{name}"
            passed = name in _VERSION_CONTROL or (ignore and name in _OTHERS_CODE)
            if not passed and full not in apart and not _ignored(full, True, ignores):
                pending.append((os.path.join(directory, name), full, ignores))


def _listed(directory: str) -> tuple[list[str], list[str]]:
    """The names of the files and of the directories in one, sorted; without links, pipes and the like."""
    files, directories = [], []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                files.append(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                directories.append(entry.name)
    return sorted(files), sorted(directories)


def _ignore_of(directory: str) -> list[_Ignore]:
    try:
        with open(os.path.join(directory, ".gitignore"), encoding="utf-8-sig", errors="surrogateescape") as file:
            lines = file.read(_LARGEST_IGNORE).splitlines()
    except OSError:
        return []
    with warnings.catch_warnings():
        # Of a set such as [[a], whose meaning may change for `re`. It is somebody else's file.
        warnings.simplefilter("ignore")
        return [_Ignore(directory, GitIgnoreSpec.from_lines(filter(_can_be_read, lines)))]


_LARGEST_IGNORE = 1 << 20


def _can_be_read(pattern: str) -> bool:
    """Git passes over a pattern that means nothing, and so do we: pathspec, or `re` below it, may not take one."""
    try:
        GitIgnoreSpec.from_lines([pattern])
    except (ValueError, re.error):
        return False
    return True


def _ignores_above(directory: str) -> list[_Ignore]:
    """Those of the directories above, up to the one that holds the repository; none where there is no repository."""
    found: list[_Ignore] = []
    while not os.path.exists(os.path.join(directory, ".git")):
        parent = os.path.dirname(directory)
        if parent == directory:
            return []
        found = [*_ignore_of(parent), *found]
        directory = parent
    return found


def _ignored(path: str, is_directory: bool, ignores: Sequence[_Ignore]) -> bool:
    """The nearest file that says anything decides."""
    for rules in reversed(ignores):
        relative = path[len(rules.directory) :].lstrip(os.sep).replace(os.sep, "/")
        told = rules.spec.check_file(f"{relative}/" if is_directory else relative).include
        if told is not None:
            return told
    return False


# Reading

TOKENS = (
    b"mspace", b"wr/sms", b"sendtext", b"subusers", b"resellerclient", b"subacctopup", b"login_text", b"senderid=",
    b"username=", b"apikey=",
)  # fmt: skip
"""In small letters. A file with none of them can hold nothing that is looked for: a password that is no call's says
nothing, and a call that is signed says username= first.
"""

_COMMON = {
    # A call that is signed goes on with the password; an argument of that name is many a library's.
    b"username=": re.compile(rb"(?i)password="),
    # As a word of its own, also within a name, or in the vendor's address: not in mediumspace, nor in itemSpace.
    b"mspace": re.compile(rb"(?i:(?<![a-z])mspace|mspace(?:service|\.co\.))|(?<=[a-z])M[Ss]pace"),
}
"""Tokens that others' programs are full of, and what must stand in a file that has no more than one of them."""

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
         (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip
_SNIFFED = 8192


def read(path: str, *, max_size: int, summary: Summary) -> str | None:
    """The text of a file, or None where there is nothing to look for in it, or it can't be read; which is counted."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError):
        summary.unreadable += 1
        return None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            summary.unreadable += 1
            return None
        if state.st_size > max_size:
            summary.too_large += 1
            return None
        data = _all_of(descriptor, state.st_size)
    except OSError:
        summary.unreadable += 1
        return None
    finally:
        os.close(descriptor)
    return _decode(data, summary)


def _all_of(descriptor: int, size: int) -> bytes:
    data = os.read(descriptor, size)
    while len(data) < size:
        more = os.read(descriptor, size - len(data))
        if not more:
            break
        data += more
    return data


def _decode(data: bytes, summary: Summary) -> str | None:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            try:
                text = data[len(bom) :].decode(encoding)
            except UnicodeDecodeError:
                summary.undecodable += 1
                return None
            summary.scanned += 1
            return text
    if b"\0" in data:
        summary.binary += 1
        return None
    lowered = data.lower()
    wanted = any(token in lowered and (token not in _COMMON or _COMMON[token].search(data)) for token in TOKENS)
    try:
        text = data.decode("utf-8") if wanted or not data.isascii() else ""
    except UnicodeDecodeError:
        if not _is_text(data[:_SNIFFED]):
            summary.undecodable += 1
            return None
        text = data.decode("cp1252", "replace")
    summary.scanned += 1
    return text if wanted else None


_CONTROLS = bytes({*range(32)} - {*b"\t\n\r\f\v\b\x1b"}) + b"\x7f"


def _is_text(start: bytes) -> bool:
    """Whether bytes that are not UTF-8 are text in an 8-bit encoding: no control characters, and mostly ASCII."""
    controls = len(start) - len(start.translate(None, _CONTROLS))
    beyond = sum(byte > 127 for byte in start)
    return controls == 0 and beyond <= len(start) * 0.3


def shown(path: str) -> str:
    """The path as findings name it: relative to where the scan was started, where it lies below."""
    path = os.path.normpath(path)
    if os.path.isabs(path):
        here = os.path.join(os.getcwd(), "")
        path = path[len(here) :] if path.startswith(here) else path
    # Who saved a page by its URL has a file whose name holds the password.
    return redact(path.replace(os.sep, "/"))
