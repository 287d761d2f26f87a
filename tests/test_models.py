"""models: calls and replies as data."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest

from mspace_legacy import models
from mspace_legacy.models import (
    CALLS,
    Balance,
    DeliveryReport,
    Outcome,
    ResellerClientTopUp,
    SendResult,
    SendText,
    SentMessage,
    SubAccountTopUp,
    SubUser,
    TopUp,
)


def test_there_is_a_call_for_each_documented_operation() -> None:
    assert sorted(CALLS) == [
        "balance", "deliveryreport", "login", "resellerclients", "resellerclienttopup", "sendtext", "subacctopup",
        "subusers",
    ]  # fmt: skip
    for name, kind in CALLS.items():
        assert kind.operation == name
        assert next(field.name for field in fields(kind)) == "username"


def test_only_sends_and_top_ups_are_not_repeatable() -> None:
    assert sorted(name for name, kind in CALLS.items() if not kind.repeatable) == [
        "resellerclienttopup", "sendtext", "subacctopup",
    ]  # fmt: skip


@pytest.mark.parametrize("name", models.__all__)
def test_every_public_name_is_described(name: str) -> None:
    assert getattr(models, name).__doc__


@pytest.mark.parametrize(
    "model",
    [Balance("u"), SendText("u", "S", ("1",), "m"), SubAccountTopUp("u", "b", 5), SentMessage("1", Outcome.ACCEPTED),
     DeliveryReport("1", "3"), SubUser("a", 1), TopUp("a", 1), SendResult((), 1)],
    ids=lambda model: type(model).__name__,
)  # fmt: skip
def test_a_model_is_data(model: object) -> None:
    assert is_dataclass(model)
    assert pickle.loads(pickle.dumps(model)) == model  # noqa: S301  # our own
    assert hash(model) == hash(pickle.loads(pickle.dumps(model)))  # noqa: S301  # our own
    with pytest.raises(FrozenInstanceError):
        setattr(model, fields(model)[0].name, "other")


@pytest.mark.parametrize("kind", [SubAccountTopUp, ResellerClientTopUp])
@pytest.mark.parametrize(
    ("given", "count"),
    [("5", 5), ("0", 0), (5, 5), ("1" + "0" * 17, 10**17), ("05", "05"), ("-5", "-5"), ("+5", "+5"), (" 5", " 5"),
     ("", ""), ("5.0", "5.0"), ("1_0", "1_0"), ("\u0665", "\u0665"), ("5\n", "5\n"), ("9" * 19, "9" * 19)],
)  # fmt: skip
def test_digits_become_a_number_and_other_texts_stay(
    kind: type[SubAccountTopUp] | type[ResellerClientTopUp], given: int | str, count: int | str
) -> None:
    call = kind("u", "bob", given)
    assert call.count == count
    assert type(call.count) is type(count)


def message(outcome: Outcome, status: str = "", description: str = "") -> SentMessage:
    return SentMessage("1", outcome, status=status, description=description)


def test_what_a_send_came_to() -> None:
    every = [message(outcome) for outcome in Outcome]
    result = SendResult((*every, every[0]), 3)
    assert result.accepted == (every[0], every[0])
    assert (result.rejected, result.unknown, result.not_sent) == ((every[1],), (every[2],), (every[3],))
    assert (result.cost, result.cost_at_most) == (6, 9)
    assert not result.all_accepted
    assert SendResult((every[0], every[0]), 2).all_accepted
    assert sum(map(len, (result.accepted, result.rejected, result.unknown, result.not_sent))) == len(result.messages)


def test_the_words_of_a_message() -> None:
    assert message(Outcome.REJECTED, status="7", description="no route").words == "no route"
    assert message(Outcome.REJECTED, status="failed").words == "failed"
    assert message(Outcome.UNKNOWN).words == ""


def test_an_outcome_is_its_word() -> None:
    assert [str(outcome) for outcome in Outcome] == ["accepted", "rejected", "unknown", "not sent"]
    assert f"{Outcome.NOT_SENT}" == "not sent"


@pytest.mark.parametrize(
    ("status", "delivered"), [("3", True), ("03", False), ("", False), ("delivered", False), ("33", False)]
)
def test_only_one_code_is_known_to_mean_delivered(status: str, delivered: bool) -> None:
    assert DeliveryReport("1", status).delivered is delivered
