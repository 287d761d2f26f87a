"""cassettes/ replayed: every recording is used and played whole, none holds a secret or a telephone number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]  # vcrpy has no types

from mspace_legacy.emulator import DEMO_ACCOUNTS
from mspace_legacy.secrets import spellings
from mspace_legacy.testing.cassettes import recorder
from mspace_legacy.wire import legacy, v2
from tests.cassette_calls import BY_EMULATOR, BY_VENDOR, CALLS, CASSETTES, DEMO, RecordedCall, outcome_of

NOWHERE = "http://127.0.0.1:1"
FILES = sorted(path.relative_to(CASSETTES).with_suffix("").as_posix() for path in CASSETTES.rglob("*.yaml"))


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_cassette_gives_what_was_recorded_and_is_played_whole(call: RecordedCall) -> None:
    tape = recorder(CASSETTES, secrets=[DEMO.password, DEMO.api_key], scrub_numbers=True)
    with tape.use_cassette(call.name) as cassette:
        outcome = outcome_of(call, NOWHERE, DEMO)
    assert call.agrees_with(outcome, exactly=head(call.name).startswith(BY_EMULATOR)), outcome
    assert cassette.play_count == len(cassette) == 1
    assert cassette.all_played


def test_every_cassette_is_used_and_every_call_has_one() -> None:
    names = [call.name for call in CALLS]
    assert len(set(names)) == len(names)
    assert sorted(names) == FILES
    assert {path.suffix for path in CASSETTES.rglob("*") if path.is_file()} == {".yaml", ".md"}


def test_there_is_one_for_each_operation_api_and_form() -> None:
    forms = {"balance": ["text"], "login": ["text"]}
    expected = {
        f"legacy/{operation}_{form}" for operation in OPERATIONS for form in forms.get(operation, ["json", "xml"])
    }
    expected |= {f"v2/{operation}_{style}" for operation in V2_OPERATIONS for style in v2.STYLES}
    assert expected <= set(FILES)
    for name in expected:
        (interaction,) = interactions(name)
        operation, form = name.partition("/")[2].split("_")
        assert f"/{operation}" in interaction["request"]["uri"]
        (accept,) = interaction["request"]["headers"]["Accept"]
        assert accept.endswith({"text": "plain", "path": "json"}.get(form, form))


SHARED = ["sendtext", "balance", "subusers", "resellerclients", "subacctopup", "resellerclienttopup"]
OPERATIONS = [*SHARED, "login"]
V2_OPERATIONS = [*SHARED, "deliveryreport"]


@pytest.mark.parametrize("name", FILES)
def test_a_cassette_says_what_it_was_recorded_against(name: str) -> None:
    assert head(name).startswith((BY_EMULATOR, BY_VENDOR))


@pytest.mark.parametrize("name", FILES)
def test_a_cassette_holds_no_secret_and_no_number(name: str) -> None:
    # The text as it stands, and as YAML reads it: a long line is folded in the file.
    texts = [path_of(name).read_text("ascii"), *strings(interactions(name))]
    for account in DEMO_ACCOUNTS:
        for secret in (account.password, account.api_key):
            for spelling in spellings(secret.reveal()):
                assert not [text for text in texts if spelling.lower() in text.lower()]
    for text in texts:
        assert set(re.findall(r"(?:password|apikey)=([^/\s]*)", text)) <= {"***"}
        assert not re.search("722123456|733123456|wrong", text)
    for interaction in interactions(name):
        headers = {key.lower(): values for key, values in interaction["request"]["headers"].items()}
        assert headers.get("apikey", ["***"]) == ["***"]
        assert (f"{legacy.PATH}/" in interaction["request"]["uri"]) is name.startswith("legacy/")


def head(name: str) -> str:
    return path_of(name).read_text("ascii").partition("\n")[0].removeprefix("# ")


def path_of(name: str) -> Path:
    return CASSETTES / f"{name}.yaml"


def interactions(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yamlserializer.deserialize(path_of(name).read_text("ascii"))["interactions"]
    return found


def strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, (str, bytes)):
        yield value if isinstance(value, str) else value.decode("latin-1")
