"""emulator.faults: what an emulator does wrong on request."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mspace_legacy.emulator import Fault, Faults
from mspace_legacy.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("refuse", Fault("refuse")),
        ("sendtext=refuse", Fault("refuse", operation="sendtext")),
        ("*=html", Fault("html")),
        ("delay:2", Fault("delay", "2")),
        ("delay:0.25", Fault("delay", "0.25")),
        ("balance=status:503", Fault("status", "503", "balance")),
        ("status-after:502", Fault("status-after", "502")),
        ("login=fail:Athentication failure", Fault("fail", "Athentication failure", "login")),
        ("sendtext=fail:a=b:c", Fault("fail", "a=b:c", "sendtext")),
        ("reset-before", Fault("reset-before")),
        ("reset-after", Fault("reset-after")),
        ("truncate", Fault("truncate")),
        ("garbage", Fault("garbage")),
        ("submit_sm=throttle", Fault("throttle", operation="submit_sm")),
        ("submit_sm=delay:0.05", Fault("delay", "0.05", "submit_sm")),
        ("split", Fault("split")),
        ("reorder", Fault("reorder")),
        ("duplicate", Fault("duplicate")),
    ],
)
def test_a_fault_as_the_command_line_writes_it(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there are delay, status"),
        ("explode", "fault 'explode' is not known: there are delay, status"),
        ("Refuse", "is not known"),
        ("send=refuse", "operation 'send' is not known: there are balance"),
        ("refuse:now", "fault refuse takes nothing behind it"),
        ("delay", "fault delay takes seconds, such as delay:2"),
        ("delay:", "fault delay takes seconds"),
        ("delay:soon", "takes seconds"),
        ("delay:-1", "takes seconds"),
        ("delay:nan", "takes seconds"),
        ("delay:inf", "takes seconds"),
        ("delay:3600", "takes seconds"),
        ("status", "takes an HTTP status, such as status:503"),
        ("status:0", "takes an HTTP status"),
        ("status:100", "takes an HTTP status"),
        ("status:600", "takes an HTTP status"),
        ("status:5xx", "takes an HTTP status"),
        ("status-after:-1", "takes an HTTP status, such as status-after:502"),
        ("fail", "takes a text, such as fail:Insufficient Balance"),
        ("throttle:1", "fault throttle takes nothing behind it"),
        ("sendtext=throttle", "fault throttle makes no sense for sendtext: there are delay, status"),
        ("balance=split", "fault split makes no sense for balance: there are delay, status"),
        (
            "submit_sm=html",
            "fault html makes no sense for submit_sm: there are delay, refuse, reset-before, reset-after, throttle, "
            "split, reorder, duplicate",
        ),
        ("submit_sm=status:503", "fault status makes no sense for submit_sm"),
        ("submit_sm=fail:Insufficient Balance", "fault fail makes no sense for submit_sm"),
    ],
)
def test_a_fault_that_is_none_says_what_there_is(text: str, told: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Fault.parse(text)
    assert told in str(raised.value)


@pytest.mark.parametrize("times", [-1, -5])
def test_a_fault_cannot_happen_less_than_never(times: int) -> None:
    with pytest.raises(InvalidInput, match="times is -"):
        Fault("refuse", times=times)


def kinds(faults: Faults, operation: str) -> list[Any]:
    return [fault.kind for fault in faults.due(operation)]


def test_a_fault_happens_for_its_operation_as_often_as_asked() -> None:
    faults = Faults([Fault("html", operation="balance", times=2), Fault("garbage")])
    assert kinds(faults, "sendtext") == ["garbage"]
    assert kinds(faults, "balance") == ["html", "garbage"]
    assert kinds(faults, "balance") == ["html", "garbage"]
    assert kinds(faults, "balance") == ["garbage"]
    faults.clear()
    assert kinds(faults, "balance") == []


def test_a_fault_for_all_happens_where_it_makes_sense() -> None:
    faults = Faults([Fault("html", times=1), Fault("throttle", times=1), Fault("reset-after")])
    assert kinds(faults, "submit_sm") == ["throttle", "reset-after"]
    assert kinds(faults, "submit_sm") == ["reset-after"]
    assert kinds(faults, "balance") == ["html", "reset-after"]
    assert kinds(faults, "balance") == ["reset-after"]


def test_a_fault_of_a_kind_that_is_not_asked_for_keeps_its_times() -> None:
    faults = Faults([Fault("split", times=1), Fault("delay", "1", times=1)])
    assert [fault.kind for fault in faults.due("submit_sm", ("delay", "throttle"))] == ["delay"]
    assert kinds(faults, "submit_sm") == ["split"]
    assert kinds(faults, "submit_sm") == []


def test_a_fault_that_happens_no_times_never_happens() -> None:
    faults = Faults([Fault("refuse", times=0)])
    assert kinds(faults, "balance") == []
    assert kinds(faults, "balance") == []


def test_a_fault_is_added_as_it_is_or_as_text() -> None:
    faults = Faults()
    faults.add("balance=refuse")
    faults.add(Fault("html"))
    assert kinds(faults, "balance") == ["refuse", "html"]
    with pytest.raises(InvalidInput):
        faults.add("explode")
    assert kinds(faults, "login") == ["html"]


def test_what_is_on_is_told_and_one_of_it_is_turned_off() -> None:
    faults = Faults([Fault("html")])
    number = faults.add(Fault("delay", "0.5", "sendtext", times=2))
    assert [str(fault) for fault in faults.on.values()] == ["*=html", "sendtext=delay:0.5"]
    assert [Fault.parse(str(fault)).kind for fault in faults.on.values()] == ["html", "delay"]
    kinds(faults, "sendtext")
    assert faults.on[number].times == 1
    kinds(faults, "sendtext")
    assert number not in faults.on, "it has happened as often as it was to"
    (other,) = faults.on
    faults.remove(other)
    faults.remove(other)
    assert (faults.on, kinds(faults, "balance")) == ({}, [])
    assert faults.add("refuse") not in (number, other)


def test_the_revision_is_another_when_what_is_on_is() -> None:
    faults = Faults([Fault("html")])
    seen = [faults.revision]
    kinds(faults, "balance")
    assert faults.revision == seen[0], "one that happens for good is the same afterwards"
    number = faults.add(Fault("garbage", times=1))
    seen.append(faults.revision)
    kinds(faults, "balance")
    seen.append(faults.revision)
    faults.remove(number)
    seen.append(faults.revision)
    faults.clear()
    seen.append(faults.revision)
    assert len(set(seen)) == 5


def test_each_operation_has_kinds_that_make_sense_for_it() -> None:
    assert "throttle" not in Fault.kinds_of("sendtext")
    assert set(Fault.kinds_of("sendtext")) < set(Fault.kinds_of("*"))
    for kind in Fault.kinds_of("submit_sm"):
        Fault(kind, "1" if kind == "delay" else "", "submit_sm")


@pytest.fixture
def _threads_that_take_turns_often() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_threads_that_take_turns_often")
def test_threads_share_the_times_exactly() -> None:
    faults = Faults([Fault("refuse", times=500), *[Fault("html", operation="login")] * 50])
    happened: list[int] = []

    def ask() -> None:
        happened.append(sum(bool(faults.due("balance")) for _ in range(100)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(happened) == 500
