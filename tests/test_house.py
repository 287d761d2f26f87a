"""The house stands as it was drawn: floors import only floors below, and everything public is documented."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import mspace_legacy

PACKAGE = Path(mspace_legacy.__file__).parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(PACKAGE)], "mspace_legacy.")
    if not module.name.endswith("__main__")
)
FLOORS = {
    0: ("_version", "errors", "secrets", "models", "sms", "msisdn", "checks", "tomlfile", "sqlitefile"),
    1: (
        "wire",
        "smpp.pdu",
        "smpp.text",
        "smpp.receipts",
        "smpp.session",
        "smpp.deliveries",
        "smpp.pace",
        "ussd.messages",
    ),
    2: ("transport", "emulator", "migration", "server", "ussd"),
    3: ("client", "jar", "cli", "testing", "smpp", "__main__"),
}


def floor(module: str) -> int:
    path = module.removeprefix("mspace_legacy").lstrip(".").split(".")
    if path == [""]:
        return 4
    # A wing's codec lies lower than the wing, so the longer name is looked for first.
    names = (".".join(path[:2]), path[0])
    return next(number for name in names for number, rooms in FLOORS.items() if name in rooms)


def imports(module: str) -> set[str]:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text("utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("mspace_legacy.")}


# For annotations only: what an error carries is a model, and models raise errors.
FOR_TYPES_ONLY = {
    ("mspace_legacy.errors", "mspace_legacy.models.SendResult"),
    ("mspace_legacy.errors", "mspace_legacy.smpp.deliveries.SubmittedMessage"),
}


@pytest.mark.parametrize("module", MODULES)
def test_a_floor_imports_only_floors_below_it(module: str) -> None:
    for imported in imports(module):
        if (module, imported) not in FOR_TYPES_ONLY:
            assert floor(imported) <= floor(module), f"{module} imports {imported}"


@pytest.mark.parametrize("module", MODULES)
def test_every_file_says_what_belongs_in_it(module: str) -> None:
    assert inspect.getdoc(importlib.import_module(module))


def public(module: ModuleType) -> list[tuple[str, object]]:
    return [(name, getattr(module, name)) for name in getattr(module, "__all__", [])]


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_there_and_documented(module: str) -> None:
    for name, value in public(importlib.import_module(module)):
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        if value.__module__.startswith("mspace_legacy"):
            assert inspect.getdoc(value), name
        if inspect.isclass(value):
            for member, function in vars(value).items():
                if inspect.isfunction(function) and not member.startswith("_"):
                    assert function.__doc__ or inspect.getdoc(getattr(value, member)), f"{name}.{member}"


def test_importing_the_package_imports_nothing_but_its_three_libraries() -> None:
    code = "import sys; before = set(sys.modules); import mspace_legacy; print(*sorted(set(sys.modules) - before))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [name for name in printed.split() if name.startswith(("mspace_legacy.smpp", "mspace_legacy.ussd"))]
    tops = {name.partition(".")[0] for name in printed.split()}
    outside = tops - set(sys.stdlib_module_names) - {"mspace_legacy"}
    # What urllib3 brings along where it is installed, and what interpreters name differently.
    assert (
        outside - {"urllib3", "defusedxml", "tenacity", "idna", "certifi", "brotli", "_brotli", "zstandard", "socks"}
        == set()
    )
