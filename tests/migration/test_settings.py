"""migration.settings: the gateway's TOML file, and what in it can't be right."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from mspace_legacy.errors import InvalidInput
from mspace_legacy.migration import Routes, Settings, load_settings
from tests.canary import in_our_frames


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "gateway.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_what_is_left_out_is_safe(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, 'accounts = "accounts.toml"\nmain_url = "http://legacy.example"\n'))
    assert settings == Settings(str(tmp_path / "accounts.toml"), "http://legacy.example")
    assert (settings.host, settings.routes) == ("127.0.0.1", Routes.parse("*=legacy"))
    assert settings.base_url.startswith("https://api.mspace.co.ke/")
    assert settings.trusted_proxies == ()
    assert settings.connect_timeout > 0 < settings.reply_timeout


def test_every_key(tmp_path: Path) -> None:
    text = """
        accounts = "/etc/gateway/accounts.toml"
        main_url = "http://legacy.example/mspaceservice/wr/sms"
        base_url = "http://v2.example"
        routes = "balance=v2, subusers=shadow, sendtext=canary:5, *=legacy"
        host = "::1"
        port = 0
        workers = 3
        threads = 4
        connect_timeout = 1
        reply_timeout = 2.5
        trusted_proxies = ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"]
    """
    settings = load_settings(written(tmp_path, text))
    assert settings.accounts == "/etc/gateway/accounts.toml"
    assert str(settings.routes["sendtext"]) == "canary:5"
    assert (settings.host, settings.port, settings.workers, settings.threads) == ("::1", 0, 3, 4)
    assert (settings.connect_timeout, settings.reply_timeout) == (1.0, 2.5)
    assert settings.trusted_proxies == ("127.0.0.1", "10.0.0.0/8", "2001:db8::/32")
    assert all(field.name in text for field in fields(Settings)), "a key that this test does not know"


def test_the_edges_of_what_is_right(tmp_path: Path) -> None:
    store = 'accounts = "a"\nroutes = "*=v2"\n'
    settings = load_settings(written(tmp_path, store + "port = 65535\nthreads = 1\nworkers = 0\n"))
    assert (settings.port, settings.threads, settings.workers) == (65535, 1, 0)


def test_routes_that_a_gateway_runs_by_are_not_left_out(tmp_path: Path) -> None:
    text = 'accounts = "a"\nmain_url = "http://legacy.example"\n'
    with pytest.raises(InvalidInput, match=r'gateway\.toml: routes is missing: .* routes = "\*=legacy"'):
        load_settings(written(tmp_path, text), needs_routes=True)
    settings = load_settings(written(tmp_path, text + 'routes = "*=legacy"\n'), needs_routes=True)
    assert settings.routes == Routes({})


def test_routes_as_a_table(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, 'accounts = "a"\n[routes]\nsendtext = "v2"\n"*" = "v2"\n'))
    assert settings.routes == Routes.parse("sendtext=v2, *=v2")


@pytest.mark.parametrize("more", ["", "port = 'x'\n", "prot = 1\n"])
def test_a_password_in_a_url_is_in_no_traceback_that_shows_variables(tmp_path: Path, more: str) -> None:
    file = written(tmp_path, f'accounts = "a"\nmain_url = "http://u:canary-71f3@h"\n{more}')
    with pytest.raises(InvalidInput) as raised:
        load_settings(file)
    assert "canary" not in str(raised.value) + in_our_frames(raised.value)


@pytest.fixture
def without_main_url() -> str:
    return 'accounts = "a"\nroutes = "*=v2"\n'


def test_a_main_url_is_needed_while_a_route_leads_there(tmp_path: Path, without_main_url: str) -> None:
    assert load_settings(written(tmp_path, without_main_url)).main_url == ""
    for route in ("legacy", "canary:0"):
        with pytest.raises(InvalidInput, match=r"gateway\.toml: main_url is missing"):
            load_settings(written(tmp_path, without_main_url.replace("*=v2", f"*={route}")))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "prot = 1",
            "there is no key 'prot': there are accounts, main_url, base_url, routes, host, port, workers, threads, "
            "connect_timeout, reply_timeout, trusted_proxies$",
        ),
        ("workers = -1", "workers is -1: 0 for as many as there are processors"),
        ("port = '80'", "port is not an integer"),
        ("port = true", "port is not an integer"),
        ("port = 65536", "port is 65536"),
        ("port = -1", "port is -1"),
        ("threads = 0", "threads is 0"),
        ("threads = 1.5", "threads is not an integer"),
        ("reply_timeout = 0", "reply_timeout is 0"),
        ("connect_timeout = nan", "connect_timeout is nan"),
        ("connect_timeout = inf", "connect_timeout is inf"),
        ("reply_timeout = true", "reply_timeout is not a number"),
        ("base_url = 'ftp://h'", "base_url 'ftp://h'"),
        ("base_url = ''", "base_url ''"),
        ("main_url = 'legacy.example'", "main_url 'legacy.example'"),
        ("main_url = 'http://h/smsapi/v2'", "main_url .* the other API"),
        ("trusted_proxies = '10.0.0.0/8'", "trusted_proxies is not an array of strings"),
        ("trusted_proxies = [1]", "trusted_proxies is not an array of strings"),
        ("trusted_proxies = ['proxy.example']", "'proxy.example' is no address, and no network"),
        ("trusted_proxies = ['10.0.0.1/8']", r"'10\.0\.0\.1/8' is no address, and no network such as"),
        ("host = 1", "host is not a string"),
        ("port = 1\nport = 2", "not TOML"),
        ("x = " + "[" * 10_000, "RecursionError"),
        ("[host]\nx = 1", "host is not a string"),
    ],
)
def test_what_cannot_be_right_names_the_file_and_the_key(
    text: str, told: str, tmp_path: Path, without_main_url: str
) -> None:
    with pytest.raises(InvalidInput, match=rf"gateway\.toml.*{told}"):
        load_settings(written(tmp_path, without_main_url + text))


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        ('"sendtext=shadow"', "sendtext=shadow would make sendtext twice"),
        ('"*=verify"', "would make sendtext twice"),
        ('"sendtxt=v2"', "no operation 'sendtxt'.*sendtext"),
        ('"balance=v3"', "no mode 'v3'.*canary:N"),
        ("5", "routes"),
        ("{ balance = 5 }", "(?<!routes: )routes: the route of balance is an? int"),
        ("{ balance = ['v2'] }", "routes: the route of balance is a list"),
        ("['balance=v2']", "routes"),
    ],
)
def test_routes_that_cannot_be_right(routes: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=rf"gateway\.toml: .*{told}"):
        load_settings(written(tmp_path, f'accounts = "a"\nmain_url = "http://h"\nroutes = {routes}\n'))


@pytest.mark.parametrize("text", ["", 'accounts = ""', "accounts = 1", 'main_url = "http://h"'])
def test_without_accounts_there_is_no_gateway(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"gateway\.toml: accounts"):
        load_settings(written(tmp_path, text))


@pytest.mark.parametrize("content", [None, b"\xff", b"accounts = "], ids=["none", "not UTF-8", "not TOML"])
def test_a_file_that_cannot_be_read(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    if content is not None:
        written(tmp_path, content)
    with pytest.raises(InvalidInput, match=r"gateway\.toml"):
        load_settings(file)
    with pytest.raises(InvalidInput):
        load_settings(tmp_path)
