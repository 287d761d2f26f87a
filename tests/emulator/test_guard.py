"""emulator.guard: programs are let in, pages of other origins are not."""

from __future__ import annotations

import socket

import pytest

from mspace_legacy.emulator import Emulator, Guard, is_local_name
from mspace_legacy.server import Server
from mspace_legacy.wire.http import Request, Response

LOCAL = "127.0.0.1:8080"


class Counting:
    """A transport that counts what reaches it."""

    def __init__(self) -> None:
        self.count = 0
        self.closed = False

    def handle(self, request: Request) -> Response:
        self.count += 1
        return Response(200, b"fine")

    def close(self) -> None:
        self.closed = True


def asked(headers: dict[str, str], method: str = "GET", path: str = "/x", **settings: object) -> int:
    """The status, having seen that what is refused reached nobody and quotes nothing."""
    transport = Counting()
    guard = Guard(transport, is_local_name, **settings)  # type: ignore[arg-type]  # as the tests give them
    response = guard.handle(Request(method, f"http://127.0.0.1{path}", headers))
    assert transport.count == (response.status == 200)
    if response.status != 200:
        assert response.status == 403
        assert response.text().startswith("Refused: ")
        assert "evil" not in response.text()
    assert not [name for name, _ in response.headers if name.lower().startswith("access-control")]
    return response.status


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", LOCAL, "localhost", "LOCALHOST:8080", "localhost.", "app.localhost:8080", "[::1]:8080", "[::1]",
        "mspace", "emulator:8080", "10.1.2.3", "192.168.1.5:80", "api.mspace.co.ke", "mspace.co.ke:80",
        "host.docker.internal:8080", "sms.test", "emulator.default.svc.cluster.local:8080", "sms.lan", "",
    ],
)  # fmt: skip
def test_names_of_this_machine_are_let_in(host: str) -> None:
    assert asked({"Host": host}) == 200


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0:8080", "[::]:8080", "[::ffff:127.0.0.1]:8080", "api.mspace.co.ke:8080", "emulator:8080", "10.1.2.3"],
)
def test_a_browser_that_does_not_say_whose_page_asks_is_not_let_in(host: str) -> None:
    agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156", "Accept-Language": "en"}
    assert asked({"Host": host, **agent}) == 403
    # Programs have been seen to call themselves that.
    assert asked({"Host": host, "User-Agent": "Mozilla/4.0 (compatible; MSIE 6.0)"}) == 200
    # By these names browsers do say it, as they take them for this machine's own.
    for own in ("127.0.0.1:8080", "[::1]:8080", "localhost", "app.localhost"):
        assert asked({"Host": own, **agent}) == 200
        assert asked({"Host": own, **agent, "Sec-Fetch-Site": "cross-site"}) == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "evil-mspace.co.ke",
        "mspace.co.ke.evil.example", "evil.com.", " ", "127.0.0.1,evil.example", "evil.example@127.0.0.1",
        "127.0.0.1:8080:evil", "127.0.0.1/evil", "[::1].evil.example", "127.0.0.1 evil", "evil.localdomain.example",
    ],
)  # fmt: skip
def test_other_names_are_not(host: str) -> None:
    assert asked({"Host": host}) == 403


def test_a_program_that_names_no_host_is_let_in_unless_one_is_needed() -> None:
    assert asked({}) == 200
    assert asked({}, needs_host=True) == 403


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD"])
@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://127.0.0.1:8080", "http://127.0.0.1", "http://127.0.0.1:9090",
     "http://localhost:8080", "null", "", "file://"],
)  # fmt: skip
def test_a_page_of_another_origin_is_refused(origin: str, method: str) -> None:
    assert asked({"Host": LOCAL, "Origin": origin}, method) == 403
    assert asked({"Host": LOCAL, "Origin": f"http://{LOCAL}"}, method) == 200
    assert asked({"Host": "LocalHost:8080", "Origin": "http://localhost:8080"}, method) == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site"])
def test_what_a_page_of_another_site_asks_for_is_refused(site: str) -> None:
    headers = {"Host": LOCAL, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    link = {**headers, "Sec-Fetch-Mode": "navigate"}
    assert asked(headers) == asked(link) == 403
    # A link may lead to a page that does nothing by itself.
    assert asked(link, path="/", open_to_links=("/",)) == 200
    assert asked(headers, path="/", open_to_links=("/",)) == 403
    assert asked(link, path="/?x", open_to_links=("/",)) == 403
    assert asked(link, "POST", path="/", open_to_links=("/",)) == 403
    assert asked({**link, "Origin": "http://evil.example"}, path="/", open_to_links=("/",)) == 403


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_what_a_person_asks_for_is_let_in(site: str) -> None:
    assert asked({"Host": LOCAL, "Sec-Fetch-Site": site}) == 200


def test_closing_it_closes_what_is_behind() -> None:
    transport = Counting()
    Guard(transport, is_local_name).close()
    assert transport.closed


def test_a_guarded_emulator_over_a_socket(emulator: Emulator) -> None:
    path = "/mspaceservice/wr/sms/sendtext/username=demo/password=demo-password/senderid=MSPACE/recipient=0722000000"

    def ask(headers: str, version: str = "1.1") -> str:
        request = f"GET {path}/message=Hi HTTP/{version}\r\n{headers}Connection: close\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    with Server(Guard(emulator, is_local_name)) as server:
        host = f"Host: 127.0.0.1:{server.port}\r\n"
        for refused in (
            "Host: rebound.example\r\n",
            f"Host: rebound.example:{server.port}\r\n",
            f"{host}Host: rebound.example\r\n",
            f"{host}Origin: http://evil.example\r\n",
            f"{host}Sec-Fetch-Site: cross-site\r\n",
        ):
            reply = ask(refused)
            assert reply.startswith("HTTP/1.1 403"), reply
            assert "access-control" not in reply.lower()
        assert emulator.ledger.messages() == []
        for count, (taken, version) in enumerate(
            [(host, "1.1"), ("Host: api.mspace.co.ke\r\n", "1.1"), ("", "1.0")], 1
        ):
            assert " 200 " in ask(taken, version).splitlines()[0]
            assert len(emulator.ledger.messages()) == count
