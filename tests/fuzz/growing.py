"""Large inputs, made to take time or memory; run by `test_growth` in a process with bounds.

`python -m tests.fuzz.growing TARGET` reads each of them and prints what it took.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

__all__ = ["LARGE", "main"]

_SIZE = 1 << 18
"""A quarter of what the network transport reads of a reply, and a server of a request: in this much what grows with
the square of the length shows, and the rest is soon read."""

_ALIASES = b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (c, c, c - 1, c - 1) for c in range(98, 122))


def _filled(before: bytes, unit: bytes, behind: bytes = b"", size: int = _SIZE) -> bytes:
    return before + unit * ((size - len(before) - len(behind)) // len(unit)) + behind


def _replies() -> Iterator[bytes]:
    for unit in (
        b"password=a'", b"password%3Da'", b"<password><![CDATA[", b"apikey: ", b"password='", b'"password', b"&#0",
        b"\\", b"successful top up of ", b"not authorised ",
        b'{"message":', b"[", b'"', b"<a>", b"<a b='c'>", b"9",
    ):  # fmt: skip
        yield _filled(b"00", unit)
    yield _filled(b"01[", b'{"status": "Insufficient Balance"},', b"{}]")
    yield _filled(b"02<a>", b"<b><status>x</status></b>", b"</a>")
    yield _filled(b"02<a>", b"<b/>", b"</a>")
    yield _filled(b"02<a ", b"x='' ", b"/>").replace(b"x", b"y", 1)
    yield _filled(b"00Successful Top up of ", b"9", b" SMS to x")
    yield _filled(b'01{"smsBalance": ', b"9", b"}")
    yield _filled(b'01{"smsBalance": 0.', b"9", b"}")
    yield _filled(b"05", b"\xff")


def _source(suffix: int, unit: bytes) -> bytes:
    return _filled(bytes([0x30 + suffix]) + b'u = "http://h/mspaceservice/wr/sms/sendtext/username=";\n', unit)


LARGE: dict[str, tuple[bytes, ...]] = {
    "replies": tuple(_replies()),
    "legacy_requests": (
        _filled(b"0/balance/username=u/password=", b"%"),
        _filled(b"0/sendtext", b"/username="),
        _filled(b"0/sendtext/username=u/password=p/senderid=s/recipient=", b",", b"/message=m"),
    ),
    "v2_requests": (
        _filled(b"01{", b'"username": "u", ', b"}"),
        _filled(b"00[", b"["),
        _filled(b"10<sms>", b"<username>u</username>", b"</sms>"),
    ),
    "redacted": (
        _filled(b"", b"password=a'"), _filled(b"", b"\x01&#0"), _filled(b"", b"password=\\"),
        _filled(b"", b"<password a "),
    ),
    "numbers": (_filled(b"", b"("), _filled(b"", b","), _filled(b"", b"0"), _filled(b"+", b" ")),
    "segments": (_filled(b"", b"a"), _filled(b"", b"\x1b"), _filled(b"", "😀".encode())),
    "receipts": tuple(
        _filled(b"0", unit, size=65_000) for unit in (b"id:", b"submit ", b"id: ", b"text:", b" ", b"stat", b"\0a")
    ),
    "pdus": (
        b"\0\x01\x11\x70\0\0\0\x05" + bytes(70_000 - 8),
        b"\0\0\0\x10\0\0\0\x15\0\0\0\0\0\0\0\1" * 4_000,
        b"\0\x01\x11\x70\0\0\0\x04\0\0\0\0\0\0\0\1" + b"a" * 69_984,
    ),
    "message_parts": (
        b"00" + b"\xff".join(b"\x05\x00\x03\x07\x02\x01%d" % number for number in range(40_000)),
        _filled(b"00", b"\xff", size=1 << 17),
    ),
    "routes": (_filled(b"", b"balance=v2,"), _filled(b"balance=canary:", b"9")),
    "addresses": (_filled(b"http://h", b"/mspaceservice"), _filled(b"http://", b"["), _filled(b"http://", b"@")),
    "emulator_accounts": (
        _filled(b"a = ", b"["), _filled(b"a = ", b"9"), _filled(b"", b"[[account]]\n"),
        _filled(b"", b"a.", size=1 << 20),
    ),
    "cassettes": (
        _filled(b"interactions: ", b"["), _filled(b"", b"- "), _filled(b"", b"? "),
        _ALIASES + b"interactions: *y\n",
    ),
    "scrubbed": (
        _filled(b"00/password=\x01", b"/password="), _filled(b"01/x\n", b"0722123456 "),
        _filled(b"01/x\n", b"25 4 7 "), _filled(b"01/x\n", b"\x01%20", size=1 << 17),
    ),
    "scanned": tuple(
        _source(suffix, unit)
        for suffix, unit in (
            (5, b"$"), (5, b'$"{'), (0, b"${"), (1, b"= /["), (1, b"`${"), (2, b"f'{"),
            (3, b'"sendtext/username=" + '), (6, b"#{"), (7, b"$("), (10, b"\\("), (12, b"<a "), (12, b"<!--"),
            (13, b"a: "), (14, b"["), (16, b"}"),
        )
    ),
}  # fmt: skip
"""For each target, what it has to get through."""


def main() -> None:
    """Read what is large for one target."""
    from tests.fuzz.targets import TARGETS

    (name,) = sys.argv[1:]
    for data in LARGE[name]:
        began = time.process_time()
        print(data[:60], end=" ", flush=True)
        TARGETS[name].check(data)
        print(f"{time.process_time() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
