"""Shadow: the answer in charge comes back as it came, whatever the other does; and what differs is told."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from mspace_legacy import Secret, errors
from mspace_legacy.emulator import DEMO_ACCOUNTS, Emulator
from mspace_legacy.migration import Adapter, Comparison, Comparisons, Router, Shadow
from mspace_legacy.migration.shadow import Count
from mspace_legacy.models import (
    Balance,
    Call,
    DeliveryReports,
    Login,
    ResellerClients,
    ResellerClientTopUp,
    SendText,
    SubAccountTopUp,
    SubUsers,
)
from mspace_legacy.transport import Transport
from mspace_legacy.wire import legacy
from mspace_legacy.wire.documents import Form
from mspace_legacy.wire.http import Request, Response
from tests.migration.stores import demo_store, write_demo_store
from tests.migration.transports import Held, Says, Seen, json_reply

PASSWORD, KEY = DEMO_ACCOUNTS[0].password, DEMO_ACCOUNTS[0].api_key
BOTH = pytest.mark.parametrize("in_charge", ["legacy", "v2"])
PATIENCE = 20.0


@pytest.fixture(autouse=True)
def _threads_do_not_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mspace_legacy.migration.shadow._LINGER", 0.05)


def asking(call: Call[Any] = Balance("demo"), form: Form | None = None, password: Secret = PASSWORD) -> Request:  # noqa: B008  # it is frozen
    return legacy.encode_request(call, password, base="http://service/mspaceservice/wr/sms", form=form)


def shadow(answers: Transport, other: Transport, in_charge: Any, comparisons: Comparisons) -> Shadow:
    ways = (answers, other) if in_charge == "legacy" else (other, answers)
    return Shadow(*ways, in_charge=in_charge, comparisons=comparisons)


def compared(
    to_legacy: Transport | bytes, to_v2: Transport | bytes, request: Request | None = None, **hooks: Any
) -> Comparison:
    """The one event of a request that both are asked."""
    seen: list[Comparison] = []
    comparisons = Comparisons(seen.append, **hooks)
    ways = [Says(way) if isinstance(way, bytes) else way for way in (to_legacy, to_v2)]
    try:
        Shadow(*ways, comparisons=comparisons).handle(request or asking())
    except errors.MSpaceError:
        """That of the one in charge, which is told too."""
    assert comparisons.wait(PATIENCE)
    assert len(seen) == 1
    return seen[0]


# The answer in charge

OTHERS: dict[str, Response | BaseException | bytes] = {
    "the same": b"1000",
    "another balance": b"999",
    "a failure": b"Error 100: Authentication Failure",
    "a page": b"<!doctype html><html></html>",
    "nothing": b"",
    "noise": b"\xff\x00{]<",
    "a status": json_reply(b"", 500),
    "no connection": errors.NotSent("refused", fault="refused"),
    "a lost reply": errors.ReplyLost("lost", fault="reset"),
    "closed": errors.ClosedError("closed"),
    "an error of no kind of ours": ValueError("odd"),
    "an exit": SystemExit(3),
}


@BOTH
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_the_answer_in_charge_comes_back_as_it_came(other: Any, in_charge: str) -> None:
    comparisons = Comparisons()
    for told in (json_reply(b"1000"), json_reply(b"\xff{", 503), json_reply(b"", 204)):
        copy = replace(told)
        answer = shadow(Says(told), Says(other), in_charge, comparisons).handle(asking())
        assert (answer.status, answer.body, answer.headers, answer.reason) == (
            copy.status, copy.body, copy.headers, copy.reason
        )  # fmt: skip
    assert comparisons.wait(PATIENCE)


@BOTH
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize(
    "error", [errors.NotSent("no", fault="refused"), errors.ReplyLost("lost"), KeyError("odd")], ids=repr
)
def test_the_error_in_charge_is_the_one_that_is_raised(error: Exception, other: Any, in_charge: str) -> None:
    comparisons = Comparisons()
    with pytest.raises(type(error)) as caught:
        shadow(Says(error), Says(other), in_charge, comparisons).handle(asking())
    assert caught.value is error
    assert comparisons.wait(PATIENCE)


@BOTH
def test_the_caller_does_not_wait_for_the_other(in_charge: str) -> None:
    seen: list[Comparison] = []
    comparisons = Comparisons(seen.append)
    held = Held(Says(b"999"))
    # Were the other asked in the caller's thread, this would never come back.
    assert shadow(Says(b"1000"), held, in_charge, comparisons).handle(asking()).body == b"1000"
    assert held.entered.acquire(timeout=PATIENCE)
    assert (seen, comparisons.counts) == ([], {})
    assert not comparisons.wait(0)
    held.go.set()
    assert comparisons.wait(PATIENCE)
    assert comparisons.counts == {"balance": Count(different=1)}
    (event,) = seen
    assert event.in_charge == in_charge
    assert (event.legacy.text, event.v2.text) == (("1000", "999") if in_charge == "legacy" else ("999", "1000"))


def test_the_one_in_charge_is_asked_first_and_each_once() -> None:
    log: list[tuple[str, str]] = []
    comparisons = Comparisons()
    shadow(Seen("v2", Says(b"1"), log), Seen("legacy", Says(b"1"), log), "v2", comparisons).handle(asking())
    assert comparisons.wait(PATIENCE)
    assert log == [("v2", "balance"), ("legacy", "balance")]


@BOTH
@pytest.mark.parametrize(
    "call",
    [
        SendText("demo", "MSPACE", ("0722000000",), "hi"),
        SubAccountTopUp("demo", "subuser1", 5),
        ResellerClientTopUp("demo", "client1", 5),
    ],
    ids=lambda call: str(call.operation),
)
def test_what_would_be_made_twice_is_refused_before_either_is_asked(call: Call[Any], in_charge: str) -> None:
    log: list[tuple[str, str]] = []
    either = Seen("either", Says(b"[]"), log)
    comparisons = Comparisons()
    # Whatever the request says of itself: its URL says what it does.
    for request in (asking(call), replace(asking(call), operation="balance", repeatable=True)):
        with pytest.raises(errors.InvalidInput, match=f"{call.operation}.*twice"):
            shadow(either, either, in_charge, comparisons).handle(request)
        with pytest.raises(errors.InvalidInput, match=f"{call.operation}.*twice"):
            Router(either, either, "balance=shadow, *=legacy", comparisons=comparisons).handle(
                replace(request, operation="balance")
            )
    assert (log, comparisons.counts) == ([], {})


def test_a_request_that_can_not_be_read_reaches_neither() -> None:
    log: list[tuple[str, str]] = []
    either = Seen("either", Says(b"1"), log)
    report = legacy.encode_request(
        DeliveryReports("demo", "1"), PASSWORD, base="http://s/mspaceservice/wr/sms", ours=True
    )
    for request in (report, Request("GET", "http://s/mspaceservice/wr/sms/balance/username=u")):
        assert shadow(either, either, "legacy", Comparisons()).handle(request).status in (400, 404)
    assert log == []


# Bounds


def test_no_more_are_under_way_or_waiting_than_allowed_and_the_rest_is_dropped_and_counted() -> None:
    seen: list[Comparison] = []
    comparisons = Comparisons(seen.append, threads=2, most_waiting=3)
    held = Held(Says(b"1000"))
    asked = shadow(Says(b"1000"), held, "legacy", comparisons)
    for _ in range(2):
        asked.handle(asking())
        assert held.entered.acquire(timeout=PATIENCE)
    for call in (Balance("demo"), Balance("demo"), Login("demo"), Login("demo"), SubUsers("demo"), Login("demo")):
        assert asked.handle(asking(call)).body == b"1000"
    assert not held.entered.acquire(blocking=False)
    assert comparisons.counts == {"login": Count(dropped=2), "subusers": Count(dropped=1)}
    held.go.set()
    assert comparisons.wait(PATIENCE)
    assert comparisons.counts["balance"] == Count(equal=4)
    assert len(seen) == 5


def test_by_default_two_are_under_way_and_a_hundred_wait() -> None:
    """So that the API that is only looked at has no more to do than that, however many ask."""
    comparisons = Comparisons()
    held = Held(Says(b"1"))
    asked = shadow(Says(b"1"), held, "legacy", comparisons)
    of_others = {*shadow_threads()}
    for _ in range(2):
        asked.handle(asking())
        assert held.entered.acquire(timeout=PATIENCE)
    for _ in range(100):
        asked.handle(asking())
    assert comparisons.counts == {}
    asked.handle(asking())
    assert comparisons.counts == {"balance": Count(dropped=1)}
    assert not held.entered.acquire(timeout=0.05)
    assert len({*shadow_threads()} - of_others) == 2
    held.go.set()
    assert comparisons.wait(PATIENCE)
    assert comparisons.counts == {"balance": Count(equal=102, dropped=1)}


def shadow_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "mspace-legacy shadow"]


def test_threads_end_when_there_is_nothing_to_do_and_begin_again() -> None:
    comparisons = Comparisons(threads=4)
    for count in (8, 16):
        for _ in range(8):
            shadow(Says(b"1"), Says(b"1"), "legacy", comparisons).handle(asking())
        assert comparisons.wait(PATIENCE)
        for thread in shadow_threads():
            thread.join(PATIENCE)
        assert shadow_threads() == []
        assert comparisons.counts == {"balance": Count(equal=count)}


def test_a_thread_waits_for_the_next_read_and_no_longer_than_to_the_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """To begin one takes the caller as long as two calls do."""
    monkeypatch.setattr("mspace_legacy.migration.shadow._LINGER", 1e6)
    of_others = {*shadow_threads()}
    by: list[threading.Thread] = []
    comparisons = Comparisons(lambda comparison: by.append(threading.current_thread()))
    asked = shadow(Says(b"1"), Says(b"1"), "legacy", comparisons)
    for _ in range(3):
        asked.handle(asking())
        assert comparisons.wait(PATIENCE), "it is told when the last is done, not when its thread ends"
    assert [by[0]] * 3 == by
    # Two at once need another.
    held = Held(Says(b"1"))
    for _ in range(2):
        shadow(Says(b"1"), held, "legacy", comparisons).handle(asking())
        assert held.entered.acquire(timeout=PATIENCE)
    held.go.set()
    assert comparisons.wait(PATIENCE)
    assert len({*shadow_threads()} - of_others) == 2
    comparisons.close()
    for thread in {*by}:
        thread.join(PATIENCE)
    assert not {*by} & {*shadow_threads()}


def test_where_no_thread_is_to_be_had_the_answer_comes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container at its limit, or while the interpreter ends."""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    comparisons = Comparisons(threads=1)
    asked = shadow(Says(b"1"), Says(b"1"), "legacy", comparisons)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert asked.handle(asking()).body == b"1"
    assert comparisons.counts == {"balance": Count(dropped=1)}
    asked.handle(asking())
    assert comparisons.wait(PATIENCE)
    assert comparisons.counts == {"balance": Count(equal=1, dropped=1)}


def test_close_waits_for_what_is_under_way_and_takes_no_more() -> None:
    comparisons = Comparisons()
    held = Held(Says(b"1"))
    asked = shadow(Says(b"1"), held, "legacy", comparisons)
    asked.handle(asking())
    threading.Timer(0.05, held.go.set).start()
    comparisons.close(PATIENCE)
    assert comparisons.counts == {"balance": Count(equal=1)}
    assert asked.handle(asking()).body == b"1"
    assert comparisons.counts == {"balance": Count(equal=1, dropped=1)}


def test_close_is_bounded_and_counts_what_it_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mspace_legacy.migration.routes.CLOSING_GRACE", 0.05)
    comparisons = Comparisons(threads=1)
    held = Held(Says(b"1"))
    router = Router(Says(b"1"), held, "*=v2, balance=shadow, login=shadow", comparisons=comparisons)
    router.handle(asking())
    assert held.entered.acquire(timeout=PATIENCE)
    for call in (Balance("demo"), Login("demo")):
        router.handle(asking(call))
    comparisons.close(0)
    assert comparisons.counts == {"balance": Count(dropped=1), "login": Count(dropped=1)}
    # A second time does nothing: it would wait for good.
    comparisons.close(1e9)
    router.close()
    held.go.set()
    assert comparisons.wait(PATIENCE)
    assert comparisons.counts == {"balance": Count(equal=1, dropped=1), "login": Count(dropped=1)}


def test_closing_a_shadow_is_bounded_and_closes_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closes(Says):
        def close(self) -> None:
            closed.append(self)

    closed: list[Closes] = []
    monkeypatch.setattr("mspace_legacy.migration.shadow.CLOSING_GRACE", 0.05)
    to_legacy, to_v2 = Closes(b"1"), Closes(b"1")
    held = Held(to_v2)
    asked = Shadow(to_legacy, held, comparisons=Comparisons())
    asked.handle(asking())
    assert held.entered.acquire(timeout=PATIENCE)
    closing = threading.Thread(target=asked.close, daemon=True)
    closing.start()
    closing.join(PATIENCE)
    assert closed == [to_legacy, to_v2], "it waits for an answer that never comes"
    held.go.set()


# Where no process can be forked, there is no child that lacks its parent's threads.
@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_child_of_a_fork_compares_too() -> None:
    """Its parent's thread, which is busy with the one place, is not in it; nor is what waits for that."""
    code = """if True:
        import os
        from mspace_legacy.migration import Comparisons, Shadow
        from tests.migration.test_shadow import asking
        from tests.migration.transports import Held, Says
        comparisons, held = Comparisons(threads=1, most_waiting=1), Held(Says(b"1"))
        shadow = Shadow(Says(b"1"), held, comparisons=comparisons)
        shadow.handle(asking())
        assert held.entered.acquire(timeout=20)
        shadow.handle(asking())
        child = os.fork()
        if not child:
            Shadow(Says(b"1"), Says(b"2"), comparisons=comparisons).handle(asking())
            told = comparisons.wait(20)
            comparisons.close()
            print("child", told, comparisons.counts["balance"], flush=True)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        held.go.set()
        print("parent", comparisons.wait(20), comparisons.counts["balance"])
    """
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [f"child True {Count(different=1)}", f"parent True {Count(equal=2)}"]
    assert ended.stderr.startswith("balance: balance: legacy '1', v2 '2'; ")


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"most_waiting": 0}, {"threads": -1}], ids=repr)
def test_bounds_that_are_none(wrong: dict[str, int]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(errors.InvalidInput, match=f"^{name} is {value}: "):
        Comparisons(**wrong)  # type: ignore[arg-type]  # mypy can't tell which


# Events


def test_an_event_tells_operation_outcomes_difference_and_durations(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "mspace_legacy.shadow")
    event = compared(b"1000", b"999")
    assert (event.operation, event.in_charge, event.equal) == ("balance", "legacy", False)
    assert (event.legacy.text, event.v2.text) == ("1000", "999")
    assert (event.legacy.fields, event.v2.fields) == ({"balance": "1000"}, {"balance": "999"})
    assert [str(each) for each in event.differences] == ["balance: legacy '1000', v2 '999'"]
    assert event.legacy.seconds >= 0
    assert event.v2.seconds >= 0
    same = compared(b"1000", b"1000")
    assert (same.equal, same.differences) == (True, ())
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", str(event)), ("DEBUG", str(same))
    ]  # fmt: skip
    assert str(event).startswith("balance: balance: legacy '1000', v2 '999'; legacy 0.")
    assert str(same).startswith("balance: equal; legacy 0.")


def test_an_event_tells_each_difference_on_one_line() -> None:
    name = "a\nb.c"
    event = compared(
        json.dumps([{"subUserName": name, "smsBalance": 1, "note": "x"}]).encode(),
        json.dumps([{"subAccUser": name, "smsBalance": 2}]).encode(),
        asking(SubUsers("u")),
    )
    assert str(event).partition("; legacy 0.")[0] == (
        "subusers: 'a\\nb.c.smsbalance': legacy '1', v2 '2'; 'a\\nb.c.note': legacy 'x', v2 has none"
    )


def test_an_error_in_place_of_an_answer_is_told() -> None:
    event = compared(b"1", Says(errors.NotSent("no way there", fault="refused")))
    assert event.v2.text == "no way there"


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"x"), (503, b""), (502, b"<html>bad gateway"), (200, b"internal service error"), (404, b"<html>old"),
     (404, b""), (403, b"<html>blocked by a firewall"), (429, b"Too Many Requests"), (408, b"Too late"),
     (200, b"<html>sign in to this network"), (404, b"Not Found"), (407, b"Proxy authentication required"),
     (300, b"Choose"), (302, b"Moved"), (401, b"<html>sign in"), (200, b"please try again later"),
     (403, b"Rate limit exceeded"),
     (200, b'{"error": "timed out"}')],
)  # fmt: skip
def test_two_that_tell_nothing_do_not_agree(status: int, body: bytes) -> None:
    silent = Says(json_reply(body, status))
    event = compared(silent, silent)
    assert [each.field for each in event.differences] == ["no reply"]


@pytest.mark.parametrize(
    "body", [b"Kindly Contact Providers for help", b"You are not Authorized to make this transaction", b"No way, sir"]
)
def test_two_that_refuse_in_the_same_words_agree(body: bytes) -> None:
    assert compared(Says(body), Says(json_reply(body, 403))).equal


def accounts(**balances: int) -> bytes:
    return json.dumps([{"subUserName": name, "smsBalance": count} for name, count in balances.items()]).encode()


def test_what_differs_where_it_is_masked_differs() -> None:
    password = Secret("acme-kenya-ltd-2019")
    asked = asking(SubUsers("u"), password=password)
    for old, new in (
        (
            accounts(**{"acme-kenya-ltd": 1, "acme-kenya-l": 2}),
            accounts(**{"acme-kenya-ltd": 999, "acme-kenya-l": 2}),
        ),
        (accounts(**{"acme-kenya-ltd": 1}), accounts(**{"acme-kenya-l": 1})),
        (accounts(**{"x-acme-kenya-ltd-2019": 1}), accounts(**{"x-ACME-kenya-ltd-2019": 1})),
    ):
        event = compared(old, new, asked)
        assert not event.equal
        assert compared(old, old, asked).equal
        assert "acme-kenya" not in f"{event!r} {event}".lower()


def test_names_that_are_masked_alike_are_still_compared_field_by_field() -> None:
    asked = asking(SubUsers("u"), password=Secret("hunter22hunter"))
    names = ("Hunter22Hunter", "hunter22hunter")
    old, new = (
        json.dumps([{key: name, "smsBalance": 1, "responseTime": time} for name in names]).encode()
        for key, time in (("subUserName", "09:00"), ("subAccUser", "09:01"))
    )
    assert compared(old, new, asked).equal


def test_a_text_that_looks_like_a_mask_is_another() -> None:
    asked = asking(SubUsers("u"), password=Secret("hunter22hunter"))

    def noted(*notes: str) -> bytes:
        return json.dumps(
            [{"subUserName": name, "smsBalance": 1, "note": note} for name, note in zip("xy", notes, strict=True)]
        ).encode()

    old, new = noted("hunter22hunter", "***"), noted("hunter22hunter", "***#2")
    assert not compared(old, new, asked).equal
    assert not compared(new, old, asked).equal


def test_names_that_are_masked_alike_are_numbered() -> None:
    asked = asking(SubUsers("u"), password=Secret("acme-kenya-ltd-2019"))
    balances = {"acme-kenya-ltd": 1, "acme-kenya-l": 2, "acme-kenya-lt": 3}
    event = compared(accounts(**balances), b"[]", asked)
    told = {each.field: each.legacy for each in event.differences}
    assert {name: count for name, count in told.items() if name.endswith("balance")} == {
        "***.smsbalance": "1", "***#2.smsbalance": "2", "***#3.smsbalance": "3"
    }  # fmt: skip
    assert told["order"] == "***, ***, ***"


def test_a_name_with_a_dot_is_masked_whole() -> None:
    event = compared(accounts(**{"kamau.shop": 1}), b"[]", asking(SubUsers("u"), password=Secret("kamau.shop")))
    assert "kamau" not in repr(event)


def test_accounts_of_one_name_are_told_apart_from_those_that_are_called_like_it() -> None:
    def named(*counts: int) -> bytes:
        records = zip(("x", "x", "x#2"), counts, strict=True)
        return json.dumps([{"subUserName": name, "smsBalance": count} for name, count in records]).encode()

    event = compared(named(1, 2, 3), named(1, 9, 3), asking(SubUsers("u")))
    assert [str(each) for each in event.differences] == ["x#2.smsbalance: legacy '2', v2 '9'"]


def test_whoever_counts_is_told_of_each() -> None:
    told: list[tuple[str, str]] = []
    compared(b"1", b"1", on_count=lambda *one: told.append(one))
    compared(b"1", b"2", on_count=lambda *one: told.append(one))
    assert told == [("balance", "equal"), ("balance", "different")]


def test_a_count_that_fails_is_logged_and_the_comparison_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def fail(operation: str, result: str) -> None:
        raise OSError("no descriptor is left")

    assert compared(b"1", b"1", on_count=fail).equal
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage() == "balance: a comparison was not counted: OSError"


def test_a_text_is_no_collection_of_names() -> None:
    with pytest.raises(errors.WrongType, match=r"^ignore is the text 'order': give a collection of names, such as"):
        Comparisons(ignore="order")


def test_durations_are_those_of_each_api() -> None:
    slow = Held(Says(b"1"))
    threading.Timer(0.05, slow.go.set).start()
    event = compared(b"1", slow)
    assert event.legacy.seconds < event.v2.seconds


def test_a_counter_for_each_operation() -> None:
    comparisons = Comparisons()
    asked = shadow(Says(b"[]"), Says(b"[]"), "legacy", comparisons)
    for call in (SubUsers("demo"), SubUsers("demo"), ResellerClients("demo")):
        asked.handle(asking(call))
    shadow(Says(b"1"), Says(b"2"), "legacy", comparisons).handle(asking(Balance("demo")))
    assert comparisons.wait(PATIENCE)
    counts = comparisons.counts
    assert counts == {
        "subusers": Count(equal=2), "resellerclients": Count(equal=1), "balance": Count(different=1)
    }  # fmt: skip
    counts.clear()
    assert len(comparisons.counts) == 3


@pytest.mark.parametrize("error", [ValueError(PASSWORD.reveal()), SystemExit(PASSWORD.reveal())], ids=repr)
def test_a_callback_that_raises_spoils_nothing(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Comparison] = []

    def raising(comparison: Comparison) -> None:
        seen.append(comparison)
        raise error

    comparisons = Comparisons(raising, threads=1)
    asked = shadow(Says(b"1"), Says(b"2"), "legacy", comparisons)
    for _ in range(3):
        assert asked.handle(asking()).body == b"1"
        assert comparisons.wait(PATIENCE), "its thread is gone, and its place is still taken"
    assert (len(seen), comparisons.counts) == (3, {"balance": Count(different=3)})
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert told == [f"a comparison failed: {type(error).__name__}"] * 3
    assert PASSWORD.reveal() not in caplog.text


def test_a_hook_that_raises_spoils_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    comparisons = Comparisons(normalise=lambda operation, fields: {"x": fields["no such"]})
    assert shadow(Says(b"1"), Says(b"1"), "legacy", comparisons).handle(asking()).body == b"1"
    assert comparisons.wait(PATIENCE)
    assert "KeyError" in caplog.text


# Secrets

SPELT = [PASSWORD.reveal(), quote(PASSWORD.reveal().replace("-", "\xad")).replace("%C2%AD", "%2D"), "DEMO-password"]
ECHOES = [
    "{}", "Authentication failure for {}", '{{"error": "{}"}}', '[{{"subUserName": "{}", "smsBalance": "1"}}]',
    '[{{"subUserName": "a", "smsBalance": "1", "note {0}": "{0}"}}]', "<error>{}</error>",
    "<a><user><subUserName>{}</subUserName><smsBalance>2</smsBalance></user></a>", '{{"message": ["{}"',
]  # fmt: skip


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("spelt", SPELT)
def test_a_password_that_a_service_echoes_is_not_told(
    spelt: str, echo: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hooked: list[Any] = []

    def hook(operation: str, fields: dict[str, str]) -> dict[str, str]:
        hooked.append(dict(fields))
        return fields

    body = echo.format(spelt).encode()
    error = Says(errors.ReplyLost(f"at http://x/username=u/password={spelt}/message=a, {spelt}"))
    pairs: list[tuple[Any, Any]] = [(body, b"[]"), (b"[]", body), (body, body), (error, body), (body, error)]
    for old, new in pairs:
        event = compared(old, new, asking(SubUsers("demo")), normalise=hook)
        assert spelt not in f"{event!r} {event}"
        assert "***" in repr(event)
    assert spelt not in f"{caplog.text} {hooked}"


@pytest.mark.parametrize("password", ["pw secret9 more", 'a"secret9"b', "a\tsecret9"])
def test_a_password_that_a_service_cuts_at_is_not_told_in_part(password: str) -> None:
    request = asking(password=Secret(password))
    body = f"Not found: {unquote(request.url)}".encode()
    event = compared(body, body, request)
    assert "secret9" not in f"{event!r} {event}"
    assert "password=***" in event.legacy.text


@pytest.mark.parametrize(
    "body",
    ["bad key {}", '{{"error": "no such key: {}"}}', '[{{"subAccUser": "{}", "smsBalance": "2"}}]',
     "<a><u><subAccUser>{}</subAccUser><smsBalance>2</smsBalance></u></a>", '{{"message": [{{"{}": 1'],
)  # fmt: skip
def test_an_api_key_that_v2_echoes_is_not_told(body: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    adapter = Adapter(Says(body.format(KEY.reveal()).encode()), demo_store())
    event = compared(b"[]", adapter, asking(SubUsers("demo")))
    assert not event.equal
    assert KEY.reveal() not in f"{event!r} {event} {caplog.text}"
    assert KEY.reveal()[:40] not in f"{event!r} {event} {caplog.text}"


def test_a_long_answer_is_cut_after_it_was_cleaned() -> None:
    body = ("x" * 995 + PASSWORD.reveal() + "y" * 10_000).encode()
    event = compared(body, body)
    assert event.legacy.text == "x" * 995 + "***" + "yy"


# What counts as a difference


def records(*names: str, key: str = "subUserName", **more: str) -> bytes:
    return json.dumps([{"smsBalance": str(place), key: name, **more} for place, name in enumerate(names)]).encode()


XML = b"<users><user><smsBalance>0</smsBalance><subUserName>a</subUserName></user></users>"

EQUAL: dict[str, tuple[Call[Any], bytes, bytes]] = {
    "balance": (Balance("u"), b"50", b" 50\r\n"),
    "balance in a record": (Balance("u"), b"50", b'{"balance": 50}'),
    "login": (Login("u"), b"User exists.", b"user exists"),
    "no sub-accounts": (SubUsers("u"), b"[]", b"<subUsers/>"),
    "another field spelling": (SubUsers("u"), records("a", "b"), records("a", "b", key="subAccUser")),
    "another spelling of clients": (
        ResellerClients("u"), records("a", key="clientname"), records("a", key="clientUserName")
    ),
    "another case of fields": (SubUsers("u"), records("a"), records("a", key="SUBUSERNAME")),
    "balance for smsBalance": (SubUsers("u"), records("a"), records("a").replace(b"smsBalance", b"balance")),
    "a number for a text": (SubUsers("u"), b'[{"subUserName": "a", "smsBalance": 5}]',
                            b'[{"subUserName": "a", "smsBalance": "5"}]'),
    "XML for JSON": (SubUsers("u"), XML, records("a")),
    "another time": (
        SubUsers("u"), records("a", responseTime="2018-06-25 11:12:19:793"), records("a", responseTime="2025")
    ),
    "a time on one side": (SubUsers("u"), records("a", responseTime="2018-06-25 11:12:19:793"), records("a")),
    "a failure in another spelling": (
        Balance("u"), b"Error 100: Authentication Failure", b'{"error": "athentication failure"}'
    ),
    "undocumented words, the same": (Balance("u"), b"Account dormant", b"Account dormant"),
}  # fmt: skip

DIFFERENT: dict[str, tuple[Call[Any], bytes, bytes, list[str]]] = {
    "balance": (Balance("u"), b"50", b"49", ["balance: legacy '50', v2 '49'"]),
    "a missing sub-account": (
        SubUsers("u"), records("a", "b"), records("a"),
        ["order: legacy 'a, b', v2 'a'", "b.smsbalance: legacy '1', v2 has none",
         "b.subusername: legacy 'b', v2 has none"],
    ),
    "no sub-accounts at all": (
        SubUsers("u"), b"[]", records("a"),
        ["order: legacy '', v2 'a'", "a.smsbalance: legacy has none, v2 '0'",
         "a.subusername: legacy has none, v2 'a'"],
    ),
    "a balance among many": (
        ResellerClients("u"),
        records("a", "b", key="clientname"), records("a", "b", key="clientname").replace(b'"1"', b'"2"'),
        ["b.smsbalance: legacy '1', v2 '2'"],
    ),
    "another order": (
        SubUsers("u"), b'[{"subUserName": "a", "smsBalance": 1}, {"subUserName": "b", "smsBalance": 1}]',
        b'[{"subUserName": "b", "smsBalance": 1}, {"subUserName": "a", "smsBalance": 1}]',
        ["order: legacy 'a, b', v2 'b, a'"],
    ),
    "an extra field": (
        SubUsers("u"), records("a", status="active"), records("a"), ["a.status: legacy 'active', v2 has none"]
    ),
    "the case of a name": (
        SubUsers("u"), records("a"), records("A"),
        ["order: legacy 'a', v2 'A'", "a.smsbalance: legacy '0', v2 has none",
         "a.subusername: legacy 'a', v2 has none", "A.smsbalance: legacy has none, v2 '0'",
         "A.subusername: legacy has none, v2 'A'"],
    ),
    "a name that comes again": (
        SubUsers("u"), records("a", "b", "a", "a"), records("a", "b", "a"),
        ["order: legacy 'a, b, a#2, a#3', v2 'a, b, a#2'", "a#3.smsbalance: legacy '3', v2 has none",
         "a#3.subusername: legacy 'a', v2 has none"],
    ),
    "another balance in XML": (SubUsers("u"), XML, XML.replace(b">0<", b">7<"), ["a.smsbalance: legacy '0', v2 '7'"]),
    "one fails": (
        Balance("u"), b"50", b"Error 100: Authentication Failure",
        ["balance: legacy '50', v2 has none", "failure: legacy has none, v2 'AuthenticationError'"],
    ),
    "the other fails": (
        Login("u"), b"Authentication failure", b"User exists.",
        ["failure: legacy 'AuthenticationError', v2 has none", "login: legacy has none, v2 'True'"],
    ),
    "another failure": (
        Balance("u"), b"Authentication failure", b"Kindly Contact Providers for help",
        ["failure: legacy 'AuthenticationError', v2 'ContactProvider'"],
    ),
    "other words": (
        Balance("u"), b"Account dormant", b"Account closed",
        ["failure: legacy 'Account dormant', v2 'Account closed'"]
    ),
    "what is no balance": (
        Balance("u"), b"50", b'{"smsBalance": [5',
        ["balance: legacy '50', v2 has none", "no reply: legacy has none, v2 'ReplyError: HTTP 200'"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "old", "new"), EQUAL.values(), ids=EQUAL)
def test_what_is_the_same_to_a_caller_is_equal(call: Call[Any], old: bytes, new: bytes) -> None:
    for ways in ((old, new), (new, old)):
        event = compared(*ways, asking(call))
        assert event.equal, str(event)


@pytest.mark.parametrize(("call", "old", "new", "told"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_is_told_field_by_field(call: Call[Any], old: bytes, new: bytes, told: list[str]) -> None:
    event = compared(old, new, asking(call))
    assert [str(each) for each in event.differences] == told
    assert compared(new, old, asking(call)).equal is False


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (errors.NotSent("n", fault="refused"), b"50", "no reply: legacy 'NotSent: refused', v2 has none"),
        (errors.ReplyLost("l", fault="timeout"), errors.ReplyLost("l", fault="reset"),
         "no reply: legacy 'ReplyLost: timeout', v2 'ReplyLost: reset'"),
        (errors.ReplyLost("l", fault="reset"), errors.ReplyLost("l", fault="reset"),
         "no reply: legacy 'ReplyLost: reset', v2 'ReplyLost: reset'"),
        (b"Authentication failure", errors.ReplyLost("l", fault="reset"),
         "no reply: legacy has none, v2 'ReplyLost: reset'"),
        # What is no fault of the network says in words what it is.
        (b"50", errors.ClosedError("the client was closed"), "no reply: legacy has none, v2 'the client was closed'"),
    ],
)  # fmt: skip
def test_a_reply_that_did_not_come_is_a_difference_whatever_the_other_is(old: Any, new: Any, told: str) -> None:
    assert told in [str(each) for each in compared(Says(old), Says(new)).differences]


@pytest.mark.parametrize("form", ["json", "xml", "text"])
@pytest.mark.parametrize(
    "call",
    [
        Balance("demo"),
        Login("demo"),
        SubUsers("demo"),
        ResellerClients("demo"),
        SubUsers("subuser1"),
        Balance("nobody"),
    ],
    ids=repr,
)
def test_the_two_apis_of_an_emulator_are_equal_in_every_form(form: Form, call: Call[Any], emulator: Emulator) -> None:
    password = Secret(f"{call.username}-password")
    event = compared(emulator, Adapter(emulator, demo_store()), asking(call, form, password))
    assert event.equal, str(event)
    assert event.legacy.text == event.v2.text


# Hooks


def test_hooks_take_the_place_of_the_defaults() -> None:
    call = asking(SubUsers("u"))
    spelt, timed = (records("a"), records("a", key="subAccUser")), (records("a", responseTime="1"), records("a"))
    assert not compared(*spelt, call, normalise=lambda operation, fields: fields).equal
    assert not compared(*timed, call, ignore=()).equal
    assert compared(*timed, call, ignore=(), normalise=lambda operation, fields: {"operation": operation}).equal


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ((), ["order", "a.smsbalance", "b.smsbalance", "b.note"]),
        (("smsbalance",), ["order", "b.note"]),
        (("a.smsbalance", "order"), ["b.smsbalance", "b.note"]),
        ({"note", "smsbalance", "order"}, []),
    ],
)
def test_a_field_is_ignored_by_its_name_with_an_account_or_without(ignore: Any, left: list[str]) -> None:
    old = b'[{"subUserName": "a", "smsBalance": 1}, {"subUserName": "b", "smsBalance": 2, "note": "x"}]'
    new = b'[{"subUserName": "b", "smsBalance": 7, "note": "y"}, {"subUserName": "a", "smsBalance": 8}]'
    event = compared(old, new, asking(SubUsers("u")), ignore=ignore)
    assert [each.field for each in event.differences] == left
    assert not any(name.rpartition(".")[2] in ignore for name in {**event.legacy.fields, **event.v2.fields})


def test_a_field_of_an_account_with_a_point_in_its_name_is_ignored_too() -> None:
    old, new = (b'[{"subUserName": "j.r", "smsBalance": %d}]' % balance for balance in (1, 2))
    assert compared(old, new, asking(SubUsers("u")), ignore=("smsBalance",)).equal


def test_normalise_sees_each_answer_with_its_operation() -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    def rounded(operation: str, fields: dict[str, str]) -> dict[str, str]:
        seen.append((operation, fields))
        return {name: value[:-1] for name, value in fields.items()}

    assert compared(b"1001", b"1009", normalise=rounded).equal
    assert seen == [("balance", {"balance": "1001"}), ("balance", {"balance": "1009"})]


def test_a_program_ends_though_a_comparison_does_not() -> None:
    program = (
        "import threading\n"
        "from mspace_legacy import Secret\n"
        "from mspace_legacy.migration import Comparisons, Shadow, shadow\n"
        "from mspace_legacy.models import Balance\n"
        "from mspace_legacy.wire import legacy\n"
        "from mspace_legacy.wire.http import Response\n"
        "shadow.CLOSING_GRACE = 0.1\n"
        "class Answers:\n"
        "    def handle(self, request): return Response(200, b'1')\n"
        "class Hangs:\n"
        "    def handle(self, request): threading.Event().wait()\n"
        "request = legacy.encode_request(Balance('u'), Secret('p'), base='http://h/mspaceservice/wr/sms')\n"
        "print(Shadow(Answers(), Hangs(), comparisons=Comparisons()).handle(request).text())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr) == ("1\n", "")


def test_a_short_program_ends_when_its_comparisons_have(emulator_url: str, tmp_path: Path) -> None:
    write_demo_store(tmp_path)
    program = f"""
import sys
from mspace_legacy import MSpaceClient
from mspace_legacy.migration import Comparisons

client = MSpaceClient(
    {emulator_url!r}, routes="balance=shadow", accounts="accounts.toml", base_url={emulator_url!r},
    comparisons=Comparisons(lambda each: print(each.operation, each.equal, flush=True)),
)
print(client.getBalance("demo", "demo-password"))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.splitlines() == ["1000", "balance True"]
    assert ran.stderr == ""
