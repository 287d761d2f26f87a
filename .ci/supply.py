"""Supply: what .ci/run asks of what is shipped, and of what it is built on.

supply.py lowest        prints the least versions that setup.cfg allows, as constraints for pip
supply.py check FOLDER  looks at the wheel and the sdist in FOLDER, and builds them again in another way
"""

from __future__ import annotations

import configparser
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

_NAMES = {
    ".whl": re.compile(
        r"mspace_legacy/([a-z_0-9]+/)*([a-z_0-9]+\.py|py\.typed|phone\.(html|css|js|svg))"
        r"|mspace_legacy-[0-9.]+\.dist-info/(METADATA|WHEEL|RECORD|entry_points\.txt|top_level\.txt|licenses/LICENSE)"
    ),
    ".gz": re.compile(
        r"mspace_legacy-[0-9.]+/"
        r"(mspace_legacy/([a-z_0-9]+/)*([a-z_0-9]+\.py|py\.typed|phone\.(html|css|js|svg))|\.ci/backend\.py"
        r"|PKG-INFO|pyproject\.toml|setup\.cfg|LICENSE|README\.md|MIGRATION\.md|CHANGELOG\.md)"
    ),
}
"""All that may be in them, by the end of the archive's name."""

_SECRETS = {
    "a private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a token of a service": rb"\b(AKIA[0-9A-Z]{16}|(gh[pousr]_|github_pat_|pypi-|xox[a-z]-)[\w-]{20,})",
    "a password in a URL": rb"://[^\s/:@<{]+:[^\s/@<{]+@",
    "a long run of hexadecimal digits": rb"\b[0-9a-fA-F]{32,}\b",
    "a canary of the tests": rb"canary-(key|password)|c\xc3\xa4nary|fire-(password|key|pwd)",
    "a path of somebody's machine": rb"(?<![\w.])/(root|home|Users|work|tmp)/\w",
}
_ASSIGNED = re.compile(
    rb"""(?ix) (?: password | passwd | pwd | api_?key | token ) (?:
    ["']? \s* [=:] \s* (["']) (?P<quoted> [^"'\s\\{}<>]{4,} ) \1
    | = (?P<bare> [\w+/.~%!@-]{8,} ) (?= \s | $ ) )"""
)
"""A value for a name that secrets have: a literal, or what a shell has without quotes."""

_MADE_UP = re.compile(rb"demo-password|smpp-pwd|another")
"""Those of the built-in accounts, and of the README's examples."""


def main() -> None:
    """Do what the first argument says; exit code 1 where something is wrong."""
    match sys.argv[1:]:
        case ["lowest"]:
            print("\n".join(sorted(_lowest())))
        case ["check", folder]:
            problems = [*_problems(Path(folder)), *_differences(Path(folder))]
            sys.exit("\n".join(problems) or None)
        case _:
            sys.exit(__doc__)


def _lowest() -> Iterator[str]:
    """`name==bound` for each requirement that has a lower bound."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", "utf-8")
    lists = [settings["options"]["install_requires"], *settings["options.extras_require"].values()]
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    lists += re.findall(r'"(setuptools>=[0-9.]+)"', pyproject)
    for line in "\n".join(lists).splitlines():
        requirement = line.partition(";")[0]
        name, bounded, bound = requirement.partition(">=")
        if bounded:
            yield f"{name.strip()}=={bound.strip()}"


def _files(archive: Path) -> dict[str, bytes]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(archive) as sdist:
        # None of them is a folder or a link.
        opened = {member.name: sdist.extractfile(member) for member in sdist}
        return {name: file.read() if file else b"" for name, file in opened.items()}


def _problems(folder: Path) -> Iterator[str]:
    """What is in the archives that should not be there."""
    archives = sorted(folder.iterdir())
    if [archive.suffix for archive in archives] != [".whl", ".gz"]:
        yield f"not a wheel and an sdist: {[archive.name for archive in archives]}"
    for archive in archives:
        for name, content in _files(archive).items():
            if not _NAMES[archive.suffix].fullmatch(name):
                yield f"{archive.name}: {name} should not be there"
            for kind, shape in _SECRETS.items():
                for found in re.finditer(shape, content):
                    yield f"{archive.name}: {name}: {kind}: {found[0][:12]!r}..."
            for found in _ASSIGNED.finditer(content):
                value = found["quoted"] or found["bare"]
                if not _MADE_UP.fullmatch(value):
                    line = content[: found.start()].count(b"\n") + 1
                    yield f"{archive.name}: {name}: line {line} gives a password or a key a value"


def _differences(folder: Path) -> Iterator[str]:
    """Built again: elsewhere, at another time, by somebody with other habits, and the wheel without the sdist."""
    with tempfile.TemporaryDirectory() as scratch:
        elsewhere = Path(scratch, "a place with another name")
        _copy(elsewhere)
        made = elsewhere / "made"
        subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "-m", "build", "--quiet", "--sdist", "--wheel", "--outdir", str(made), str(elsewhere)],
            env={**os.environ, "LC_ALL": "C", "TZ": "Pacific/Apia", "PYTHONHASHSEED": "7"},
            check=True,
            umask=0o077,
        )
        for archive in sorted(made.iterdir()):
            first, second = _digest(folder / archive.name), _digest(archive)
            print(f"{second}  {archive.name}")
            if first != second:
                yield f"{archive.name} is another when it is built again: {first}, {second}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _copy(elsewhere: Path) -> None:
    """What is tracked, with modes and times that nobody else has."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)  # noqa: S607
    for name in reversed(listed.stdout.decode().split("\0")[:-1]):
        if not name.startswith(("tests/", "cassettes/")) and (ROOT / name).is_file():
            target = elsewhere / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
            target.chmod(0o700)
            os.utime(target, (1_234_567_890, 1_234_567_890))


if __name__ == "__main__":
    main()
