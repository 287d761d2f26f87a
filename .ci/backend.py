"""The build backend: setuptools, whose archives come out the same to the byte wherever and whenever they are made.

setuptools alone lets in the times, modes and owners of the files and the umask of whoever builds, and puts a part of
the tests into the sdist, which can't run without the rest. Tests are run from the repository.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403  # the hooks that are setuptools' own

_ADDED = (".ci/backend.py", "CHANGELOG.md", "MIGRATION.md")
"""What the sdist has beside the package and what setuptools needs: this file, and what the README refers to."""

_LEFT_OUT = ("tests/", "mspace_legacy.egg-info/")
"""The second is made anew by whoever builds."""

_LONG_AGO = "315532800"
"""1980-01-01, the first day that a zip knows; unless SOURCE_DATE_EPOCH names another time."""

_MODE = 0o644


@contextmanager
def _at_one_time() -> Iterator[int]:
    """As if at the same time, which is given in seconds since the epoch."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    seconds = os.environ["SOURCE_DATE_EPOCH"] = before or _LONG_AGO
    try:
        yield int(seconds)
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """PEP 517's hook."""
    with _at_one_time(), tempfile.TemporaryDirectory() as folder:
        name = str(build_meta.build_wheel(folder, config_settings, metadata_directory))
        with (
            zipfile.ZipFile(Path(folder, name)) as made,
            zipfile.ZipFile(Path(wheel_directory, name), "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for member in made.infolist():
                member.external_attr = (stat.S_IFREG | _MODE) << 16
                archive.writestr(member, made.read(member))
    return name


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    """PEP 517's hook."""
    with _at_one_time() as seconds, tempfile.TemporaryDirectory() as folder:
        name = str(build_meta.build_sdist(folder, config_settings))
        members = _members(Path(folder, name))
        packed = io.BytesIO()
        # Without a name and with a time of its own in the head of gzip.
        with (
            gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=seconds) as compressed,
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path, content in sorted(members.items()):
                member = tarfile.TarInfo(path)
                member.size, member.mtime, member.mode = len(content), seconds, _MODE
                archive.addfile(member, io.BytesIO(content))
        Path(sdist_directory, name).write_bytes(packed.getvalue())
    return name


def _members(made: Path) -> dict[str, bytes]:
    """What setuptools put into its sdist, and what is added, less what is left out: the content of each file."""
    members: dict[str, bytes] = {}
    with tarfile.open(made) as archive:
        top = archive.getnames()[0].partition("/")[0]
        for member in archive:
            path = member.name.removeprefix(f"{top}/")
            content = archive.extractfile(member)
            if content and not path.startswith(_LEFT_OUT):
                members[member.name] = content.read()
    for path in _ADDED:
        members[f"{top}/{path}"] = Path(path).read_bytes()
    return members
