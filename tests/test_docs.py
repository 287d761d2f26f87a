"""The documentation is product: its code runs, its links lead somewhere, and it names what it must."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints

import httpx
import pytest

from mspace_legacy.emulator import DEMO_ACCOUNTS, Emulator, Ledger, load_accounts
from mspace_legacy.emulator.faults import FaultKind
from mspace_legacy.emulator.smsc import Smsc
from mspace_legacy.migration import AccountStore, Settings, load_settings
from mspace_legacy.migration.scan import RULES, Rule
from mspace_legacy.secrets import Secret
from mspace_legacy.server import Server
from mspace_legacy.ussd import Dialler
from mspace_legacy.ussd.dialler import Respond
from tests.migration.stores import write_demo_store

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "MIGRATION.md"]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, language: str) -> list[str]:
    return [block for kind, block in _BLOCK.findall(text_of(page)) if kind == language]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An emulator, told of in the environment as the pages tell their readers to."""
    ledger = Ledger(delivery_delay=0)
    with Server(Emulator(ledger)) as server, Smsc(ledger) as smsc:
        monkeypatch.setenv("MSPACE_SMPP_HOST", smsc.host)
        monkeypatch.setenv("MSPACE_SMPP_PORT", str(smsc.port))
        monkeypatch.setenv("MSPACE_URL", server.url)
        monkeypatch.setenv("MSPACE_BASE_URL", server.url)
        monkeypatch.setenv("MSPACE_USERNAME", "demo")
        monkeypatch.setenv("MSPACE_PASSWORD", "demo-password")
        monkeypatch.setenv("MSPACE_API_KEY", DEMO_ACCOUNTS[0].api_key.reveal())
        yield


@pytest.mark.parametrize(
    ("page", "block"),
    [(page, block) for page in PAGES for block in blocks(page, "python")],
    ids=lambda value: value.strip().splitlines()[-1][:60] if "\n" in value else value,
)
@pytest.mark.usefixtures("service")
def test_python_blocks_run(page: str, block: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    write_demo_store(tmp_path)
    write_duka(tmp_path, monkeypatch)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(block, page, "exec"), names)  # noqa: S102  # our own documentation


def write_duka(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's USSD application, as the module that its other blocks import."""
    (block,) = (block for block in blocks("README.md", "python") if block.startswith("# duka.py"))
    (directory / "duka.py").write_text(block, "utf-8")
    monkeypatch.syspath_prepend(directory)
    monkeypatch.delitem(sys.modules, "duka", raising=False)


def posted_by_flask(names: dict[str, Any]) -> Respond:
    client = names["app"].test_client()
    return lambda body: str(client.post("/ussd", data=body, content_type="application/json").text)


def posted_by_fastapi(names: dict[str, Any]) -> Respond:
    async def post(body: bytes) -> str:
        transport = httpx.ASGITransport(names["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            return (await client.post("/ussd", content=body)).text

    return lambda body: asyncio.run(post(body))


def posted_by_django(names: dict[str, Any]) -> Respond:
    import django  # type: ignore[import-untyped]  # it has no types of its own
    from django.conf import settings  # type: ignore[import-untyped]  # as above
    from django.test import Client  # type: ignore[import-untyped]  # as above

    urls = ModuleType("readme_urls")
    vars(urls).update(urlpatterns=names["urlpatterns"])
    sys.modules["readme_urls"] = urls
    if not settings.configured:
        settings.configure(ROOT_URLCONF="readme_urls", ALLOWED_HOSTS=["*"], SECRET_KEY="any")
        django.setup()
    client = Client(enforce_csrf_checks=True)
    return lambda body: client.post("/ussd", body, content_type="application/json").content.decode()


@pytest.mark.parametrize("posted_by", [posted_by_flask, posted_by_fastapi, posted_by_django])
def test_the_frameworks_in_the_readme_serve_the_application(
    posted_by: Callable[[dict[str, Any]], Respond], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever comes: a session, and then bytes that are none."""
    write_duka(tmp_path, monkeypatch)
    framework = posted_by.__name__.removeprefix("posted_by_")
    (block,) = (block for block in blocks("README.md", "python") if block.startswith(f"from {framework}"))
    names: dict[str, Any] = {"__name__": framework}
    exec(compile(block, "README.md", "exec"), names)  # noqa: S102  # our own documentation
    respond = posted_by(names)
    phone = Dialler(respond).dial("*384#").enter("2").enter("x").enter("500").enter("1")
    assert phone.text == "Paid KES 500"
    assert phone.repeat().text == "Paid KES 500"
    assert respond(b"\xff").startswith("END Sorry")


@pytest.mark.usefixtures("service")
def test_shell_blocks_of_the_guide_run(tmp_path: Path) -> None:
    """One after the other, as whoever follows the guide types them."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    (tmp_path / "all.sh").write_text("set -eu\n" + "\n".join(blocks("MIGRATION.md", "sh")), "utf-8")
    ran = subprocess.run(
        ["/bin/sh", "all.sh"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "the two APIs agree on every read" in ran.stdout
    assert AccountStore.load(tmp_path / "accounts.toml").verify("demo", Secret("demo-password"))


def test_the_tests_in_the_readme_pass(pytester: pytest.Pytester) -> None:
    """As whoever copies them into a file would run them."""
    tests = [block for block in blocks("README.md", "python") if "def test_" in block]
    assert len(tests) == 3
    for number, block in enumerate(tests):
        pytester.makepyfile(**{f"test_readme_{number}": block})
    plugin = () if is_installed() else ("-p", "mspace_legacy.testing.plugin")
    pytester.runpytest_inprocess(*plugin, "-p", "no:cacheprovider").assert_outcomes(passed=3)
    assert (pytester.path / "cassettes" / "balance.yaml").is_file()


def is_installed() -> bool:
    return any(point.name == "mspace_legacy" for point in entry_points(group="pytest11"))


def test_the_accounts_in_the_readme_are_read(tmp_path: Path) -> None:
    (block,) = (block for block in blocks("README.md", "toml") if "[[account]]" in block)
    (tmp_path / "accounts.toml").write_text(block, "utf-8")
    assert [account.username for account in load_accounts(tmp_path / "accounts.toml")] == ["shop", "branch"]


def test_the_settings_in_the_readme_are_read(tmp_path: Path) -> None:
    (block,) = (block for block in blocks("README.md", "toml") if "[[account]]" not in block)
    (tmp_path / "gateway.toml").write_text(block, "utf-8")
    settings = load_settings(tmp_path / "gateway.toml")
    assert str(settings.routes["subusers"]) == "shadow"
    for name in get_type_hints(Settings):
        assert f"{name} = " in block


@pytest.mark.parametrize("kind", get_args(FaultKind))
def test_every_fault_is_in_the_readme(kind: str) -> None:
    assert re.search(rf"`{kind}[:`]", text_of("README.md"))


def test_ci_runs_the_command_of_the_readme() -> None:
    (command,) = [block for block in blocks("README.md", "sh") if "pytest" in block]
    assert len(command.strip().splitlines()) == 1
    assert "<!-- test command -->\n\n```sh\n" + command in text_of("README.md")
    assert "<!-- test command -->" in text_of(".ci/run")


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text_of(page)):
        assert (ROOT / target).exists(), target


DIFFERENCES = """cut short; redirect; sent again; asked three times; time-out; response type; base URL; order of the
wire; compressed; `/` and `;`; `%41`; `{...}`; emoji; null; prints the password""".replace("\n", " ").split("; ")


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_the_scanner_points_to_is_a_heading(rule: Rule) -> None:
    assert rule.section in re.findall(r"^##+ (.*)$", text_of("MIGRATION.md"), re.MULTILINE)


FAILURES = """Error 100: Authentication Failure; Athentication failure; Insufficient Balance; Invalid sender ID;
You are not Authorized to make this transaction; Kindly Contact Providers for help; Top up not Successful;
Failed to deduct your account; internal service error""".replace("\n", " ").split("; ")


@pytest.mark.parametrize("phrase", DIFFERENCES)
def test_the_migration_guide_names_every_deliberate_difference(phrase: str) -> None:
    assert phrase in text_of("MIGRATION.md").partition("## What is different from the jar on purpose")[2]


@pytest.mark.parametrize("failure", FAILURES)
def test_every_documented_failure_is_a_heading(failure: str) -> None:
    assert failure in "\n".join(re.findall(r"^### (.*)$", text_of("MIGRATION.md"), re.MULTILINE))
