"""The command that records cassettes/: the same files each time, and nothing of a vendor's account in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mspace_legacy.emulator import Account, Ledger
from mspace_legacy.secrets import Secret
from mspace_legacy.testing.cassettes import recorder
from mspace_legacy.testing.running import RunningEmulator
from tests.cassette_calls import BY_EMULATOR, BY_VENDOR, CALLS, CASSETTES, DEMO, outcome_of
from tests.record_cassettes import main


def files(directory: Path) -> dict[str, bytes]:
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*.yaml")}


def test_recording_again_writes_the_same_bytes(tmp_path: Path) -> None:
    assert main(["--directory", str(tmp_path)]) == 0
    kept = {name: data for name, data in files(CASSETTES).items() if f"# {BY_EMULATOR}".encode() in data}
    again = files(tmp_path)
    assert {name: again[name] for name in kept} == kept
    assert again.keys() == {f"{call.name}.yaml" for call in CALLS}


# A vendor's account, in the emulator. Every value is one to be found, were it written.
REAL = {
    "MSPACE_USERNAME": "Acme Ltd/é",
    "MSPACE_PASSWORD": "pa/ss+w%rd&é",
    "MSPACE_API_KEY": "key=with&odd/characters",
    "MSPACE_SENDER_ID": "ACMELTD",
    "MSPACE_RECIPIENTS": "0711987654,+254 772 987 654",
    "MSPACE_SUB_ACCOUNT": "acme-sub",
    "MSPACE_CLIENT": "acme&co",
    "MSPACE_MESSAGE_ID": "49032377",
}
TELLING = ["acme", "987654", "pa/ss", "pa%2fss", "w%rd", "w%25rd", "odd", "unheard", "49032377"]


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningEmulator]:
    for name, value in REAL.items():
        monkeypatch.setenv(name, value)
    username = REAL["MSPACE_USERNAME"]
    key, password = Secret(REAL["MSPACE_API_KEY"]), Secret(REAL["MSPACE_PASSWORD"])
    accounts = [
        Account(username, password, key, 7_000, ("ACMELTD",), reseller=True),
        *(Account(name, password, key, 3, sub_user_of=username) for name in ("acme-sub", "unheard-of-sub")),
        *(Account(name, password, key, 4, client_of=username) for name in ("acme&co", "unheard-of-client")),
    ]
    with RunningEmulator(Ledger(accounts, delivery_delay=0)) as emulator:
        monkeypatch.setenv("MSPACE_URL", emulator.url)
        # The message that MSPACE_MESSAGE_ID names.
        for _ in range(6):
            emulator.v2_client().send_text("ACMELTD", "0711987654", "hi")
        yield emulator


def test_the_vendor_is_not_asked_to_send_or_to_top_up(
    vendor: RunningEmulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    total, sent = vendor.ledger.total(), len(vendor.ledger.messages())
    assert main(["--vendor", "--directory", str(tmp_path)]) == 0
    assert (vendor.ledger.total(), len(vendor.ledger.messages())) == (total, sent)
    assert vendor.ledger.balance("acme-sub") == 3
    assert files(tmp_path).keys() == {f"{call.name}.yaml" for call in CALLS if call.anywhere and not call.moves}
    assert "legacy/sendtext_json: left out, it costs or moves credits" in capsys.readouterr().out


def test_a_vendor_s_recordings_hold_nothing_of_the_account_and_replay(
    vendor: RunningEmulator, tmp_path: Path
) -> None:
    assert main(["--vendor", "--spend-credits", "--directory", str(tmp_path)]) == 0
    assert vendor.ledger.balance("acme-sub") > 3
    calls = [call for call in CALLS if call.anywhere]
    written = files(tmp_path)
    assert written.keys() == {f"{call.name}.yaml" for call in calls}
    for name, data in written.items():
        text = data.decode("ascii")
        assert text.startswith(f"# {BY_VENDOR}")
        assert not [telling for telling in TELLING if telling in text.lower()], name
    for call in calls:
        with recorder(tmp_path, scrub_numbers=True).use_cassette(call.name) as cassette:
            outcome = outcome_of(call, "http://127.0.0.1:1", DEMO)
        assert call.agrees_with(outcome, exactly=False), (call.name, outcome)
        assert cassette.all_played


@pytest.mark.parametrize("recipients", ["0711987654", "0711987654,+256772987654", "0711987654,x"])
def test_recipients_that_would_not_replay_are_refused(
    vendor: RunningEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipients: str
) -> None:
    monkeypatch.setenv("MSPACE_RECIPIENTS", recipients)
    with pytest.raises(SystemExit):
        main(["--vendor", "--spend-credits", "--directory", str(tmp_path)])
    assert not files(tmp_path)


def test_without_settings_nothing_is_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--vendor", "--directory", str(tmp_path)])
    assert left.value.code == 2
    assert "MSPACE_URL and MSPACE_USERNAME" in capsys.readouterr().err
    assert not files(tmp_path)


def test_a_password_that_is_wrong_records_nothing_wrong(
    vendor: RunningEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MSPACE_API_KEY", "no-key-of-this-account")
    monkeypatch.delenv("MSPACE_PASSWORD")
    assert main(["--vendor", "--directory", str(tmp_path)]) == 1
    assert files(tmp_path).keys() == {f"v2/balance_wrong_key_{style}.yaml" for style in ("json", "xml", "path")}
    printed = capsys.readouterr().out
    assert "v2/balance_json: not recorded" in printed
    assert "legacy/balance_text: left out, MSPACE_PASSWORD not given" in printed
