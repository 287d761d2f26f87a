"""emulator.ussd: which codes can be dialled, and who answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from mspace_legacy.emulator import UssdCode, UssdCodes, load_accounts, load_ussd_codes
from mspace_legacy.errors import InvalidInput
from tests.canary import in_our_frames

CANARY = "canary-71f3"
URL = "http://127.0.0.1:5000/ussd"
ACCOUNT = '[[account]]\nusername = "a"\npassword = "p"\napi_key = "k"\n'


def test_a_code_as_the_command_line_writes_it() -> None:
    assert UssdCode.parse(f"*384#={URL}?a=b") == UssdCode("*384#", f"{URL}?a=b", "joined")
    assert UssdCode.parse(f" *384*12# = {URL} ") == UssdCode("*384*12#", URL)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "code: '' is not a USSD code"),
        (URL, "is not a USSD code such as *384#"),
        ("*384#", "callback of *384#: a URL such as"),
        (f"384#={URL}", "code: '384#' is not a USSD code"),
        (f"*384={URL}", "code: '*384' is not a USSD code"),
        (f"*#={URL}", "is not a USSD code"),
        (f"*384**1#={URL}", "is not a USSD code"),
        ("*384#=ftp://127.0.0.1/ussd", "callback of *384#"),
        ("*384#=http://", "callback of *384#"),
        ("*384#=http://h:99999/", "callback of *384#"),
        ("*384#=http://user:QX-secret@h/", "callback of *384#"),
        ("*384#=http://h/a b", "callback of *384#"),
        ("*384#=javascript:alert(1)", "callback of *384#"),
        ("*384#=http://h/x#part", "callback of *384#"),
        (f"*384#=http://h/{'x' * 2000}", "callback of *384#"),
    ],
)
def test_what_is_no_code_or_no_callback_is_told(text: str, told: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        UssdCode.parse(text)
    assert told in str(raised.value)
    assert "QX-secret" not in str(raised.value)


def test_a_code_is_shown_without_the_secret_of_its_callback() -> None:
    assert CANARY not in repr(UssdCodes([UssdCode("*384#", f"{URL}?key={CANARY}")]).find("*384#"))


def test_an_entry_is_joined_or_alone() -> None:
    assert UssdCode("*1#", URL, "alone").entries == "alone"
    with pytest.raises(InvalidInput, match="'both' is none of joined, alone"):
        UssdCode("*1#", URL, "both")  # type: ignore[arg-type]  # the test is of just this


def test_what_is_dialled_goes_to_the_longest_code_that_takes_it() -> None:
    codes = UssdCodes([UssdCode("*384#", URL), UssdCode("*384*1#", f"{URL}/one"), UssdCode("*38#", f"{URL}/38")])
    for dialled, code in [
        ("*384#", "*384#"), ("*384*2#", "*384#"), ("*384*1#", "*384*1#"), ("*384*1*5#", "*384*1#"),
        ("*384*12#", "*384#"), ("*38#", "*38#"),
    ]:  # fmt: skip
        assert codes.find(dialled).code == code
    for dialled in ("", "*3#", "*3845#", "384#", "*384", "x" * 500):
        with pytest.raises(InvalidInput, match=r"nobody answers .*there are \*384#, \*384\*1#, \*38#"):
            codes.find(dialled)


def test_codes_are_registered_and_forgotten() -> None:
    codes = UssdCodes()
    revisions = [codes.revision]
    with pytest.raises(InvalidInput, match="register a callback for it first"):
        codes.find("*384#")
    codes.add(UssdCode("*384#", URL))
    revisions.append(codes.revision)
    codes.add(UssdCode("*384#", f"{URL}/new", "alone"))
    revisions.append(codes.revision)
    assert codes.registered == (UssdCode("*384#", f"{URL}/new", "alone"),)
    codes.remove("*384#")
    codes.remove("*384#")
    revisions.append(codes.revision)
    assert not codes.registered
    assert len(set(revisions)) == 4
    with pytest.raises(InvalidInput, match="twice"):
        UssdCodes([UssdCode("*384#", URL), UssdCode("*384#", URL)])


def test_codes_stand_in_the_file_of_the_accounts(tmp_path: Path) -> None:
    file = tmp_path / "emulated.toml"
    file.write_text(
        f'{ACCOUNT}[[ussd]]\ncode = "*384#"\ncallback = "{URL}"\n'
        f'[[ussd]]\ncode = "*385#"\ncallback = "{URL}"\nentries = "alone"\n'
    )
    assert load_ussd_codes(file) == (UssdCode("*384#", URL), UssdCode("*385#", URL, "alone"))
    assert [account.username for account in load_accounts(file)] == ["a"]
    file.write_text(ACCOUNT)
    assert load_ussd_codes(file) == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ussd = 5", "codes are tables"),
        ("ussd = [5]", "ussd 1 is not a table"),
        ('[[ussd]]\ncode = "*1#"', "ussd 1: callback is missing"),
        (f'[[ussd]]\ncallback = "{URL}"', "ussd 1: code is missing"),
        (f'[[ussd]]\ncode = 384\ncallback = "{URL}"', "ussd 1: code is not a string"),
        (f'[[ussd]]\ncode = "*1#"\ncallback = "{URL}"\nurl = "x"', "there is no key 'url': there are code, callback"),
        (f'[[ussd]]\ncode = "1"\ncallback = "{URL}?key={CANARY}"', "ussd 1: code: '1' is not a USSD code"),
        (f'[[ussd]]\ncode = 1\ncallback = "{URL}?key={CANARY}"', "ussd 1: code is not a string"),
        (f'[[ussd]]\ncode = "*1#"\ncallback = "{URL}"\n' * 2, "twice"),
    ],
)
def test_what_is_wrong_in_the_file_is_told(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "emulated.toml"
    file.write_text(text)
    with pytest.raises(InvalidInput) as raised:
        load_ussd_codes(file)
    assert told in str(raised.value)
    assert CANARY not in in_our_frames(raised.value)
    assert raised.value.__context__ is None
