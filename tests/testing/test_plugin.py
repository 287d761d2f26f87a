"""The pytest plugin, in a pytest of its own, as whoever installs the package runs it."""

from __future__ import annotations

import configparser
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from mspace_legacy.testing import plugin

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent.parent
CANARY = "cänary/pass word"


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """pytest with the plugin and without any other that is installed."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv(
        "PYTEST_ADDOPTS", "-p mspace_legacy.testing.plugin -W error --strict-markers -p no:cacheprovider"
    )
    return pytester


def passes(pytester: pytest.Pytester, count: int) -> None:
    pytester.runpytest_subprocess().assert_outcomes(passed=count)


def test_it_is_what_the_entry_point_names() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    _, _, module = setup["options.entry_points"]["pytest11"].partition("=")
    assert importlib.import_module(module.strip()) is plugin


def test_loading_it_imports_nothing_that_only_a_fixture_needs() -> None:
    code = "import sys, mspace_legacy.testing.plugin; print(*sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    unwanted = {"vcr", "yaml", "waitress", "hypothesis", "sqlite3", "mspace_legacy.server", "mspace_legacy.emulator"}
    assert unwanted.isdisjoint(printed.split())


def test_each_fixture_says_what_it_is(pytester: pytest.Pytester) -> None:
    printed = pytester.runpytest_subprocess("--fixtures").stdout.str()
    for name in plugin.__all__:
        assert name.startswith("mspace_")
        assert name in printed
    assert "no docstring available" not in printed.partition("mspace_legacy.testing.plugin")[2]


def test_the_emulator_serves_every_client(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from mspace_legacy import Client, MSpaceClient, errors

        def test_the_jar(mspace_emulator):
            with MSpaceClient(mspace_emulator.url) as client:
                assert client.getBalance(mspace_emulator.username, mspace_emulator.password) == "1000"
            client = mspace_emulator.jar_client(timeout=5)
            client.sendText_JSON(str, "demo", "demo-password", "MSPACE", "0722000000", "See you at 9")
            (message,) = mspace_emulator.ledger.messages()
            assert (message.recipient, message.text) == ("254722000000", "See you at 9")

        def test_the_next_test_has_a_fresh_one(mspace_emulator):
            assert mspace_emulator.ledger.messages() == []
            assert mspace_emulator.legacy_client().balance() == 1000

        @pytest.mark.parametrize("style", ["json", "xml", "path"])
        def test_v2(mspace_emulator, style):
            client = mspace_emulator.v2_client(style)
            (sent,) = client.send_text("DEMO", "0722000000", "hi").accepted
            assert client.delivery_report(sent.message_id).delivered
            with Client.v2("demo", mspace_emulator.api_key, base_url=mspace_emulator.url) as other:
                assert other.balance() == 999

        def test_faults(mspace_emulator):
            mspace_emulator.faults.add("sendtext=reset-after")
            with pytest.raises(errors.OutcomeUnknown):
                mspace_emulator.legacy_client().send_text("DEMO", "0722000000", "hi")
            assert len(mspace_emulator.ledger.messages()) == 1
        """
    )
    passes(pytester, 6)


def test_accounts_and_ledger_can_be_overridden(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest
        from mspace_legacy import Secret
        from mspace_legacy.emulator import Account, Ledger

        @pytest.fixture
        def mspace_accounts():
            return [Account("acme", Secret("p"), Secret("k"), 7, ("ACME",))]

        @pytest.fixture
        def mspace_ledger(mspace_accounts):
            return Ledger(mspace_accounts, delivery_delay=3600)
        """
    )
    pytester.makepyfile(
        """
        def test_accounts(mspace_emulator):
            assert mspace_emulator.username == "acme"
            assert mspace_emulator.legacy_client().login()
            client = mspace_emulator.v2_client()
            assert client.balance() == 7
            (sent,) = client.send_text("ACME", "0722000000", "hi").accepted
            assert not client.delivery_report(sent.message_id).delivered
        """
    )
    passes(pytester, 1)


def test_a_cassette_is_recorded_then_replayed(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        f"""
        import pytest

        @pytest.fixture
        def mspace_secrets():
            return [{CANARY!r}]

        @pytest.fixture
        def mspace_scrub_numbers():
            return True

        @pytest.fixture
        def mspace_record_mode(request):
            return "once" if "record" in request.node.name else "none"
        """
    )
    pytester.makepyfile(
        f"""
        from mspace_legacy import Client

        def send(url, key):
            with Client.v2("demo", key, base_url=url) as client:
                return client.send_text("DEMO", "0722987654", {CANARY!r}).accepted[0].recipient

        def test_record(mspace_vcr, mspace_emulator):
            with mspace_vcr.use_cassette("sent"):
                assert send(mspace_emulator.url, mspace_emulator.api_key) == "254722987654"

        def test_play(mspace_vcr, mspace_cassette_dir):
            written = (mspace_cassette_dir / "sent.yaml").read_text()
            assert "722987654" not in written and "nary" not in written and "demo-api-key" not in written
            with mspace_vcr.use_cassette("sent") as cassette:
                assert send("http://127.0.0.1:1", "another") == "254722987654"
                assert cassette.all_played
        """
    )
    passes(pytester, 2)
    assert (pytester.path / "cassettes" / "sent.yaml").exists()


def test_what_the_environment_holds_is_masked(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSPACE_PASSWORD", CANARY)
    monkeypatch.setenv("MSPACE_API_KEY", "canary-key")
    pytester.makepyfile(
        f"""
        def test_secrets(mspace_vcr, mspace_emulator, mspace_cassette_dir):
            with mspace_vcr.use_cassette("sent", record_mode="all"):
                mspace_emulator.v2_client().send_text("DEMO", "0722000000", {CANARY!r} + " canary-key")
            assert "*** ***" in (mspace_cassette_dir / "sent.yaml").read_text()
        """
    )
    passes(pytester, 1)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_a_test_that_fails_prints_no_secret(pytester: pytest.Pytester, known: bool) -> None:
    pytester.makepyfile(
        f"""
        import logging, os, pytest
        from mspace_legacy import Client, MSpaceClient

        @pytest.fixture
        def mspace_secrets():
            return [os.environ["CANARY"]] if {known} else []

        def test_the_jar(mspace_vcr):
            logging.getLogger().setLevel(logging.DEBUG)
            with mspace_vcr.use_cassette("none"):
                MSpaceClient("http://127.0.0.1:1").getBalance("u", os.environ["CANARY"])

        @pytest.mark.parametrize("style", ["json", "path"])
        def test_v2(mspace_vcr, style):
            logging.getLogger().setLevel(logging.DEBUG)
            with mspace_vcr.use_cassette("none"):
                Client.v2("u", os.environ["CANARY"], style=style, base_url="http://127.0.0.1:1").balance()
        """
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANARY", "canary/key&")
        result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=3)
    printed = result.stdout.str() + result.stderr.str()
    assert "CannotOverwriteExistingCassetteException" in printed
    assert "password=***" in printed
    assert "vcr.stubs" in printed
    assert "canary/key" not in printed
    assert "canary%2Fkey" not in printed


@pytest.mark.parametrize(
    ("absent", "fixture"), [("waitress", "mspace_emulator"), ("vcr", "mspace_vcr"), ("yaml", "mspace_vcr")]
)
def test_what_is_not_installed_is_named_when_it_is_needed(
    pytester: pytest.Pytester, absent: str, fixture: str
) -> None:
    pytester.makeconftest(f"import sys; sys.modules[{absent!r}] = None")
    pytester.makepyfile(f"def test_other(): pass\ndef test_it({fixture}): pass")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"{absent} is not installed: install mspace_legacy with its extra [[]testing]"])
