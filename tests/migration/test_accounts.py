"""migration.accounts: the store's file to the letter, passwords to the letter, and nothing of either ever shown."""

from __future__ import annotations

import base64
import hashlib
import os
import pickle
import subprocess
import sys
import threading
import traceback
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy.errors import InvalidInput, MSpaceError, WrongType
from mspace_legacy.migration import AccountStore, StoredAccount, Verifier
from mspace_legacy.secrets import Secret
from tests.canary import in_our_frames
from tests.migration.stores import cheap_verifier

PASSWORD = "canary-passwörd"
KEY = "canary-key-0123456789"
ENV = "CANARY_KEY_OF_TEST"
SALT = base64.b64encode(b"s" * 32).decode()
VERIFIER = str(cheap_verifier(Secret(PASSWORD)))


def assert_clean(text: str) -> None:
    for secret in ("canary-pass", KEY, SALT, *VERIFIER.split("$")[-2:]):
        assert secret not in text


def refusal(make: Callable[[], object], kind: type[MSpaceError] = InvalidInput) -> str:
    """The text of the error, of which no form shows anything."""
    with pytest.raises(kind) as raised:
        make()
    error = raised.value
    assert error.__context__ is None
    for text in (repr(error), "".join(traceback.format_exception(error)), in_our_frames(error), repr(vars(error))):
        assert_clean(text)
    assert_clean(pickle.dumps(error).decode("latin-1"))
    return str(error)


def store_of(**passwords: str) -> AccountStore:
    return AccountStore(
        StoredAccount(name, cheap_verifier(Secret(password)), Secret(f"key of {name}"))
        for name, password in passwords.items()
    )


# The file


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AccountStore]:
    """Writes a store's file of such tables, and loads it."""
    monkeypatch.setenv(ENV, KEY)
    (tmp_path / "key.txt").write_text(KEY)

    def load(*tables: str, mode: int = 0o600) -> AccountStore:
        file = tmp_path / "accounts.toml"
        file.write_text("\n".join(tables), "utf-8")
        file.chmod(mode)
        return AccountStore.load(file)

    return load


def table(**fields: str) -> str:
    """An account that is right but for `fields`; those that are empty are left out."""
    given = {"username": '"u"', "password_verifier": f'"{VERIFIER}"', "api_key": f'"{KEY}"', **fields}
    return "[[account]]\n" + "\n".join(f"{name} = {value}" for name, value in given.items() if value)


Load = Callable[..., AccountStore]


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"api_key": "", "api_key_env": f'"{ENV}"'},
        {"api_key": "", "api_key_file": '"key.txt"'},
        {"api_key": "", "api_key_file": '"./sub/../key.txt"'},
    ],
)
def test_the_key_comes_from_where_the_account_says(load: Load, tmp_path: Path, source: dict[str, str]) -> None:
    (tmp_path / "sub").mkdir()
    store = load(table(**source))
    assert store.usernames == ("u",)
    assert store.api_key("u", Secret(PASSWORD)) == Secret(KEY)
    assert store.api_key("u", Secret("other")) is None


@pytest.mark.parametrize("written", [KEY, f"{KEY}\n", f"{KEY}\r\n", f"\ufeff{KEY}\n\n"])
def test_a_file_of_a_key_may_end_as_editors_end_it(load: Load, tmp_path: Path, written: str) -> None:
    (tmp_path / "key.txt").write_text(written, "utf-8", newline="")
    store = load(table(api_key="", api_key_file=f'"{tmp_path / "key.txt"}"'))
    assert store.api_key("u", Secret(PASSWORD)) == Secret(KEY)


def test_accounts_are_told_apart_by_any_difference_in_their_names(load: Load) -> None:
    names = ("u", "U", "u ", "\u00e9", "e\u0301", "\u0443", "u/password=x")
    store = load(*[table(username=f'"{name}"', api_key=f'"{KEY}{place}"') for place, name in enumerate(names)])
    assert store.usernames == names
    for place, name in enumerate(names):
        assert store.api_key(name, Secret(PASSWORD)) == Secret(f"{KEY}{place}")


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ([""], "a table [[account]] for each account"),
        (["account = []"], "a table [[account]] for each account"),
        (["account = 5"], "a table [[account]] for each account"),
        ([table().replace("[[account]]", "[account]")], "a table [[account]] for each account"),
        ([f'x = "{KEY}"', table()], "and nothing else"),
        ([table(), "[other]"], "and nothing else"),
        ([f'account = ["{KEY}"]'], "account 1 is not a table"),
        ([table(username="")], "account 1: username is missing"),
        ([table(), table(password_verifier="")], "account 2: password_verifier is missing"),
        ([table(password=f'"{PASSWORD}"')], "account 1: there is no key 'password': there are username, "),
        ([table(Username='"u"')], "account 1: there is no key 'Username'"),
        ([table(username='""')], "account 1: username is empty"),
        ([table(username="5")], "account 1: username is not a string"),
        ([table(api_key="12345")], "account 1: api_key is not a string"),
        ([table(api_key=f'["{KEY}"]')], "account 1: api_key is not a string"),
        ([table(api_key='""')], "account 1: the API key is empty"),
        ([table(api_key="")], "account 1: give one of api_key, api_key_env, api_key_file"),
        ([table(api_key_env=f'"{ENV}"')], "account 1: give one of api_key, api_key_env, api_key_file"),
        ([table(api_key="", api_key_env=f'"{KEY}"')], "account 1: api_key_env names an environment variable"),
        ([table(api_key="", api_key_env='"a=b"')], "account 1: api_key_env names an environment variable"),
        ([table(api_key="", api_key_env='"MSPACE_9F8A7B6C5D4E"')], "account 1: api_key_env names an environment"),
        (
            [table(api_key="", api_key_env='"SHOP_KEY"')],
            "account 1: api_key_env names SHOP_KEY, an environment variable",
        ),
        ([table(api_key="", api_key_file=f'"{KEY}"')], "account 1: api_key_file names a file that can't be read: "),
        ([table(api_key="", api_key_file='"a\\u0000b"')], "account 1: api_key_file names a file that can't be read"),
        ([table(api_key="", api_key_file='"."')], "account 1: api_key_file names a file that can't be read: "),
        ([table(api_key=f'"{KEY}\\n"')], "account 1: the API key is empty, or holds"),
        ([table(api_key=f'" {KEY}"')], "account 1: the API key is empty, or holds"),
        ([table(api_key=f'"{KEY}é"')], "account 1: the API key is empty, or holds"),
        ([table(password_verifier=f'"{PASSWORD}"')], "account 1: not a password verifier: 'mspace-legacy verifier'"),
        ([table(), table(api_key='"other"')], "account 2: username is that of account 1"),
        ([f'[[account]]\nusername = "{KEY}'], "is not TOML"),
    ],
)
def test_a_file_that_is_not_right_is_refused_by_place_and_key(
    load: Load, tmp_path: Path, tables: list[str], told: str
) -> None:
    text = refusal(lambda: load(*tables))
    assert text.startswith(str(tmp_path / "accounts.toml"))
    assert told in text


@pytest.mark.parametrize(
    "content", [b"", b"\n", f"{KEY}\nx".encode(), f"{KEY} \n".encode(), b"\xff\xfe" + KEY.encode()]
)
def test_a_file_of_a_key_that_holds_none_is_refused(load: Load, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.txt").write_bytes(content)
    assert "account 1: " in refusal(lambda: load(table(api_key="", api_key_file='"key.txt"')))


def test_an_environment_variable_that_is_empty_holds_no_key(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV, "")
    assert "is not set" in refusal(lambda: load(table(api_key="", api_key_env=f'"{ENV}"')))


# Elsewhere a file's mode does not say who can read it, so that `load_toml` does not look at it there.
@pytest.mark.skipif(os.name != "posix", reason="the system knows of no owners")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_a_file_that_others_may_touch_is_refused(load: Load, mode: int) -> None:
    told = refusal(lambda: load(table(), mode=mode))
    assert f"(mode {mode:o})" in told
    assert "chmod 600" in told


def test_a_store_may_be_given_by_itself_or_by_its_path(load: Load, tmp_path: Path) -> None:
    store = load(table())
    path = tmp_path / "accounts.toml"
    assert AccountStore.of(store) is store
    assert AccountStore.of(path).usernames == AccountStore.of(str(path)).usernames == ("u",)
    assert "accounts is a int" in refusal(lambda: AccountStore.of(5), WrongType)  # type: ignore[arg-type]  # the test is of just this
    assert "no-such-file" in refusal(lambda: AccountStore.of("no-such-file"))


def test_two_accounts_of_one_name_are_refused() -> None:
    account = StoredAccount("u", cheap_verifier(Secret(PASSWORD)), Secret(KEY))
    assert "two accounts 'u'" in refusal(lambda: AccountStore([account, account]))


# The verifier


def test_a_new_verifier_takes_its_password_alone_and_has_a_salt_of_its_own() -> None:
    one, other = Verifier.of(PASSWORD), Verifier.of(Secret(PASSWORD))
    assert one.accepts(Secret(PASSWORD))
    assert not one.accepts(Secret(PASSWORD + "x"))
    assert one.salt != other.salt
    assert one.digest != other.digest
    # 16 MiB by RFC 7914, section 2: 128 * r * N bytes.
    assert 128 * one.r * one.n >= 1 << 24
    assert Verifier.parse(f" {one}\n") == one


salts = st.binary(min_size=16, max_size=64)


@given(st.integers(1, 10), st.integers(1, 64), st.integers(1, 16), salts, salts)
def test_a_verifier_there_and_back(log_n: int, r: int, p: int, salt: bytes, digest: bytes) -> None:
    verifier = Verifier(1 << log_n, r, p, salt, digest)
    assert Verifier.parse(str(verifier)) == verifier
    assert str(verifier).startswith(f"scrypt${1 << log_n}${r}${p}$")


@given(st.text(max_size=40).filter(lambda password: not password.endswith("\0")), st.text(max_size=40))
def test_a_verifier_takes_no_other_password(password: str, other: str) -> None:
    verifier = cheap_verifier(Secret(password))
    assert verifier.accepts(Secret(password))
    assert verifier.accepts(Secret(other)) is (password == other)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not a password verifier"),
        (PASSWORD, "not a password verifier"),
        (f"scrypt${PASSWORD}", "not a password verifier"),
        (f"bcrypt$2$1$1${SALT}${SALT}", "not a password verifier"),
        (f"SCRYPT$2$1$1${SALT}${SALT}", "not a password verifier"),
        (f"scrypt$2$1$1${SALT}", "not a password verifier"),
        (f"scrypt$2$1$1${SALT}${SALT}${SALT}", "not a password verifier"),
        (f"scrypt$2$1$x${SALT}${SALT}", "not a password verifier"),
        (f"scrypt$2.0$1$1${SALT}${SALT}", "not a password verifier"),
        (f"scrypt${'9' * 5000}$1$1${SALT}${SALT}", "not a password verifier"),
        (f"scrypt$2$1$1${SALT}$canary-pass*", "not a password verifier"),
        (f"scrypt$2$1$1${SALT}$!{SALT}", "not a password verifier"),
        (f"scrypt$2$1$1${SALT}${SALT[:-1]}", "not a password verifier"),
        (f"scrypt$2$1$1${SALT}$é{SALT}", "not a password verifier"),
        (f"scrypt$2$1$1$$${SALT}", "not a password verifier"),
        (f"scrypt$2$1$1$${SALT}", "cut short"),
        (f"scrypt$2$1$1${SALT}$", "cut short"),
        (f"scrypt$2$1$1${SALT[:20]}${SALT}", "cut short"),
        *[
            (f"scrypt${cost}${SALT}${SALT}", "cost is out of bounds")
            for cost in ("0$1$1", "1$1$1", "-2$1$1", "3$1$1", "16385$8$1", "2$0$1", "2$1$0", "2$-1$1", "2$1$-1",
                         "2$65$1", "2$1$17", "1048576$8$1", "32768$64$1", "32768$64$16", f"{1 << 40}$1$1",
                         f"2${10**9}$1", f"2$1${10**9}", "65536$1$1")
        ],
    ],
)  # fmt: skip
def test_what_is_no_verifier_is_refused_without_being_shown(text: str, told: str) -> None:
    assert told in refusal(lambda: Verifier.parse(text))


COSTS = st.sampled_from([-1, 0, 1, 2, 3, 8, 16, 64, 65]) | st.integers(0, 22).map(lambda power: 1 << power)


@given(
    st.builds(f"scrypt${{}}${{}}${{}}${SALT}${SALT}".format, COSTS, COSTS, COSTS)
    | st.text("scrypt$0123456789=+/AB -", max_size=60)
    | st.text(max_size=20)
)
def test_any_text_is_a_verifier_or_refused(text: str) -> None:
    try:
        verifier = Verifier.parse(text)
    except InvalidInput:
        return
    assert 128 * verifier.r * verifier.n <= 1 << 28


@pytest.mark.parametrize("cost", ["32768$1$1", "2$64$16", "16384$8$16", "65536$8$1", "2$1$1"])
def test_whatever_cost_is_taken_can_be_run(cost: str) -> None:
    assert not Verifier.parse(f"scrypt${cost}${SALT}${SALT}").accepts(Secret("x"))


# Passwords and names


LOOK_ALIKES = [
    "", " ", "demo ", " demo", "Demo", "DEMO", "demo\0", "\0demo", "dem", "demoo", "demo\n", "demo\r", "demo\t",
    "d\u0435mo",  # a Cyrillic letter
    "\uff44\uff45\uff4d\uff4f",  # full width
    "demo\u200b", "de\u00admo", "\ufeffdemo", "dem\u00ba", "demo\u0301", "d\x00emo", "demo%00", "dem%6f", "demo/",
    "demo/password=demo", "\ud800demo", "demo" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("other", LOOK_ALIKES, ids=ascii)
def test_what_looks_like_a_name_or_a_password_is_none(other: str) -> None:
    store = store_of(demo="demo")
    assert store.api_key("demo", Secret(other)) is None
    assert store.api_key(other, Secret("demo")) is None
    assert store.api_key("demo", Secret("demo")) == Secret("key of demo")
    # Nor once the right one is remembered.
    assert store.api_key("demo", Secret(other)) is None
    assert not store.remembers(other, Secret("demo"))


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_composed_and_decomposed_are_two_passwords(form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> None:
    password = "p\u00e4ssw\u00f6rd\ufb01"
    other = unicodedata.normalize(form, password)
    assert store_of(u=password).verify("u", Secret(other)) is (other == password)


def test_a_password_with_nuls_behind_it_is_another() -> None:
    """Which scrypt itself does not know: HMAC fills a short key up with them (RFC 2104)."""
    verifier = Verifier.of("demo")
    assert verifier.accepts(Secret("demo"))
    assert not verifier.accepts(Secret("demo\0"))
    with pytest.raises(InvalidInput, match="ends with NUL") as caught:
        Verifier.of("demo\0\0")
    assert "demo" not in str(caught.value)


def test_an_empty_store_and_an_empty_password_let_nobody_in() -> None:
    assert AccountStore([]).api_key("", Secret("")) is None
    assert store_of(u="x").api_key("u", Secret("")) is None


def test_the_password_of_one_account_is_not_that_of_another() -> None:
    store = store_of(a="of a", b="of b", **{"": "of nobody"})
    for name, password in (("a", "of b"), ("b", "of a"), ("a", "of nobody"), ("", "of a")):
        assert store.verify("a", Secret("of a"))
        assert store.verify("b", Secret("of b"))
        assert not store.remembers(name, Secret(password))
        assert not store.verify(name, Secret(password))


def test_name_and_password_do_not_run_together() -> None:
    """What is remembered of `ab` and `c` is not what would be of `a` and `bc`."""
    store = store_of(ab="c", a="x")
    assert store.verify("ab", Secret("c"))
    assert not store.verify("a", Secret("bc"))
    assert not store.verify("abc", Secret(""))


# Remembering


@pytest.fixture
def scrypts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cost of each scrypt that was run."""
    run: list[int] = []
    scrypt = hashlib.scrypt

    def counted(*args: object, **named: int) -> bytes:
        run.append(named["n"])
        return scrypt(*args, **named)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(hashlib, "scrypt", counted)
    return run


def test_scrypt_runs_once_for_many_calls(scrypts: list[int]) -> None:
    store = store_of(a="x", b="y")
    scrypts.clear()
    for _ in range(100):
        assert store.api_key("a", Secret("x")) == Secret("key of a")
        assert store.api_key("b", Secret("y")) == Secret("key of b")
    assert scrypts == [2, 2]


def test_a_failure_is_not_remembered(scrypts: list[int]) -> None:
    store = store_of(a="x")
    scrypts.clear()
    assert [store.verify("a", Secret("wrong")) for _ in range(3)] == [False] * 3
    assert not store.remembers("a", Secret("wrong"))
    assert len(scrypts) == 3
    assert store.verify("a", Secret("x"))
    assert not store.verify("a", Secret("wrong"))
    assert store.remembers("a", Secret("x"))
    assert len(scrypts) == 5


def test_an_unknown_name_costs_what_a_known_one_does(scrypts: list[int]) -> None:
    store = AccountStore([StoredAccount("u", Verifier.of("x"), Secret(KEY))])
    scrypts.clear()
    assert not store.verify("u", Secret("wrong"))
    assert not store.verify("nobody", Secret("x"))
    known, unknown = scrypts
    assert known == unknown


def test_one_store_remembers_nothing_of_another() -> None:
    one, other = store_of(a="x"), store_of(a="y")
    assert one.verify("a", Secret("x"))
    assert not other.remembers("a", Secret("x"))
    assert not other.verify("a", Secret("x"))


def test_threads() -> None:
    store = store_of(a="x", b="y")

    def ask(turn: int) -> bool:
        name, password = ("a", "b")[turn % 2], ("x", "y", "z")[turn % 3]
        return store.verify(name, Secret(password)) is ((name, password) in (("a", "x"), ("b", "y")))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(600)))


# Never shown


def test_a_digest_of_another_length_is_one_too() -> None:
    # RFC 7914, section 12.
    digest = bytes.fromhex(
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d"
        "8360cbdfa2cc0640"
    )
    verifier = Verifier(1024, 8, 16, b"NaCl", digest)
    assert verifier.accepts(Secret("password"))
    assert not verifier.accepts(Secret("Password"))


def test_a_password_is_verified_even_while_the_interpreter_ends() -> None:
    # A comparison that began before is finished then, when no thread can be started any more.
    ending = (
        "import atexit\n"
        "from mspace_legacy import Secret\n"
        "from mspace_legacy.migration import AccountStore, StoredAccount, Verifier\n"
        "store = AccountStore([StoredAccount('u', Verifier.of('p'), Secret('k'))])\n"
        "atexit.register(lambda: print(store.verify('u', Secret('p')), store.verify('u', Secret('q'))))\n"
    )
    told = subprocess.run([sys.executable, "-c", ending], check=True, capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ("True False\n", "")


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file or directory"), (b"\xff", "UnicodeDecodeError")],
    ids=["none", "not UTF-8"],
)
def test_a_file_of_a_key_that_cannot_be_read_says_why(
    load: Load, tmp_path: Path, content: bytes | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    told = refusal(lambda: load(table(api_key="", api_key_file='"key"')))
    assert told.endswith(f"account 1: api_key_file names a file that can't be read: {why}")


def test_nothing_but_the_end_of_the_line_is_taken_off_a_key(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("keyX\n")
    store = load(table(api_key="", api_key_file='"key"'))
    assert store.api_key("u", Secret(PASSWORD)) == Secret("keyX")


def test_nothing_of_a_store_is_shown() -> None:
    verifier = cheap_verifier(Secret(PASSWORD))
    account = StoredAccount("u", verifier, Secret(KEY))
    store = AccountStore([account])
    assert store.verify("u", Secret(PASSWORD))
    for thing in (store, account, verifier, [account], {"u": verifier}):
        for text in (repr(thing), f"{thing!r:.500}"):
            assert_clean(text)
            assert str(verifier.digest) not in text
            assert str(verifier.salt) not in text
    assert repr(verifier) == "Verifier(***)"
    assert_clean(str(store))
    assert_clean(str(account))
    assert_clean(repr(vars(store)))
    for held in (store, account):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(held)


def test_many_that_come_at_once_are_verified_together(scrypts: list[int]) -> None:
    """Else the first seconds of a gateway would go by with scrypt."""
    # At the real cost, so that all are there before the first is done.
    store = AccountStore([StoredAccount("demo", Verifier.of("demo"), Secret("key"))])
    scrypts.clear()
    begin = threading.Barrier(16)

    def ask(_: int) -> bool:
        begin.wait()
        return store.verify("demo", Secret("demo"))

    with ThreadPoolExecutor(16) as callers:
        assert all(callers.map(ask, range(16)))
    # As many as may have begun before the first was done.
    assert len(scrypts) <= (os.cpu_count() or 1)


def test_another_store_takes_over_what_is_remembered_of_the_same_accounts(scrypts: list[int]) -> None:
    before = store_of(same="one", changed="two", gone="three")
    for username, password in (("same", "one"), ("changed", "two"), ("gone", "three")):
        assert before.verify(username, Secret(password))
    after = store_of(same="one", changed="four", new="five")
    after.remember_from(before)
    scrypts.clear()
    assert after.verify("same", Secret("one"))
    assert scrypts == []
    assert not after.verify("changed", Secret("two"))
    assert not after.verify("gone", Secret("three"))
    assert after.verify("changed", Secret("four"))
    assert after.verify("new", Secret("five"))
