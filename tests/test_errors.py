"""errors: one tree, as it is drawn; every member picklable, none holding a secret."""

from __future__ import annotations

import copy
import pickle
import re
import traceback
from typing import Any, get_args

import pytest

from mspace_legacy import errors
from mspace_legacy.errors import (
    InsufficientBalance,
    InternalServerErrorException,
    MSpaceError,
    OutcomeUnknown,
    ProcessingException,
    ProtocolError,
    ReplyError,
    ReplyLost,
    RequestError,
    ServerError,
    ServiceError,
    TransportError,
    TransportFault,
    UnrecognisedFailure,
    WebApplicationException,
    outcome_unknown,
)
from mspace_legacy.models import Outcome, SendResult, SentMessage
from mspace_legacy.secrets import Secret

KINDS: list[type[MSpaceError]] = [
    kind
    for name in errors.__all__
    if isinstance(kind := getattr(errors, name), type) and issubclass(kind, MSpaceError)
]

# The tree


def drawn_tree() -> dict[str, tuple[str, set[str]]]:
    """Each name of the drawing, with the name that it hangs from and the others that its note names."""
    assert errors.__doc__ is not None
    drawing = errors.__doc__.split("\n\n")[1]
    above: list[str] = []
    tree: dict[str, tuple[str, set[str]]] = {}
    note_of = ""
    for line in drawing.splitlines():
        found = re.match(r"^ {4}(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+)(?P<note>\s{2,}.*|)$", line)
        if found and not found["branch"].strip("│ ") and found["branch"]:
            found = None
        if found:
            depth = len(found["branch"]) // 4
            del above[depth:]
            tree[found["name"]] = (above[-1] if above else "", set())
            above.append(found["name"])
            note_of, note = found["name"], found["note"]
        else:
            note = line.strip("│ ")
        for name in re.findall(r"(?<=also a )\w+", note):
            tree[note_of][1].add(name)
        for name in re.findall(r"\b[A-Z][A-Za-z]+Exception\b", note):
            tree[name] = (note_of, set())
    return tree


def test_the_drawing_is_read() -> None:
    tree = drawn_tree()
    assert tree["MSpaceError"] == ("", set())
    assert tree["WrongType"] == ("InvalidInput", {"TypeError"})
    assert tree["NotFoundException"] == ("ClientErrorException", set())
    assert tree["ServiceUnavailableException"] == ("ServerErrorException", set())
    assert tree["OutcomeUnknown"] == ("MSpaceError", set())


def test_the_drawing_shows_every_class_and_no_other() -> None:
    assert sorted(drawn_tree()) == sorted(kind.__name__ for kind in KINDS)


@pytest.mark.parametrize("name", sorted(drawn_tree()))
def test_a_class_hangs_where_it_is_drawn(name: str) -> None:
    parent, others = drawn_tree()[name]
    kind = getattr(errors, name)
    if parent:
        bases = {base.__name__ for base in kind.__mro__[1:]}
        assert parent in bases
        # And from nothing that is drawn below its parent or beside it, but for what the note says.
        drawn = drawn_tree()
        line = {parent}
        while drawn[parent][0]:
            parent = drawn[parent][0]
            line.add(parent)
        also = {base for other in others if other in drawn for base in _line(other)}
        also |= {base for ancestor in line for other in drawn[ancestor][1] if other in drawn for base in _line(other)}
        assert (bases & set(drawn)) - line - also == set()
    for other in others:
        assert other in {base.__name__ for base in kind.__mro__}


def _line(name: str) -> set[str]:
    line = {name}
    while name := drawn_tree()[name][0]:
        line.add(name)
    return line


def test_every_public_name_is_there_and_described() -> None:
    assert sorted(errors.__all__) == sorted(set(errors.__all__))
    for kind in KINDS:
        assert kind.__doc__, kind
        assert kind.__module__ == "mspace_legacy.errors"


# Pickles

RESULT = SendResult((SentMessage("1", Outcome.ACCEPTED, "254722000000"),), 1)


def filled(kind: type[MSpaceError]) -> MSpaceError:
    """An error of this class with something in each of its attributes."""
    error = kind("what went wrong")
    for name, value in {
        "status": 418, "text": "the words", "body": "the body", "fault": "reset", "operation": "sendtext",
        "command_status": 2, "command_id": 4, "sequence_number": 7, "length": 16,
    }.items():  # fmt: skip
        if hasattr(error, name):
            setattr(error, name, value)
    error.result = RESULT
    return error


def attributes(error: MSpaceError) -> dict[str, Any]:
    names = (
        "status", "text", "body", "fault", "operation", "command_status", "command_id", "sequence_number", "length",
        "result", "args", "__notes__",
    )  # fmt: skip
    return {name: getattr(error, name, None) for name in names}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickling_with_all_it_knows(kind: type[MSpaceError], unknown: bool, protocol: int) -> None:
    error = outcome_unknown(filled(kind), "subacctopup") if unknown else filled(kind)
    for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301  # our own
        assert type(again) is type(error)
        assert attributes(again) == attributes(error)
        assert (str(again), repr(again)) == (str(error), repr(error))
        assert isinstance(again, OutcomeUnknown) == (unknown or kind is OutcomeUnknown)


def test_what_may_hold_a_secret_is_not_pickled() -> None:
    failed = InternalServerErrorException("HTTP 500 Internal Server Error")
    failed.response = Secret("canary")
    lost = ReplyLost("cut short", fault="cut-short")
    lost.uncut = Secret("canary")
    for error in (failed, lost, outcome_unknown(lost, "sendtext"), outcome_unknown(failed, "sendtext")):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own
        assert getattr(again, "response", None) is None
        assert getattr(again, "uncut", None) is None
        assert type(again) is type(error)


# OutcomeUnknown


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_unknown_outcome_is_both_and_keeps_its_name(kind: type[MSpaceError]) -> None:
    certain = filled(kind)
    unknown = outcome_unknown(certain, "sendtext")
    assert isinstance(unknown, kind)
    assert isinstance(unknown, OutcomeUnknown)
    assert type(unknown).__name__ == kind.__name__
    assert type(unknown).__doc__ == kind.__doc__
    assert unknown.operation == "sendtext"
    expected = {**attributes(certain), "operation": "sendtext"}
    got = attributes(unknown)
    del expected["__notes__"], got["__notes__"]
    assert got == expected
    assert outcome_unknown(unknown, "subacctopup") is unknown
    assert isinstance(certain, OutcomeUnknown) == (kind is OutcomeUnknown)


def test_it_is_caught_by_each_of_its_names() -> None:
    for caught in (OutcomeUnknown, ReplyLost, TransportError, MSpaceError):
        with pytest.raises(caught):
            raise outcome_unknown(ReplyLost("gone", fault="timeout"), "sendtext")


def test_the_class_is_made_once() -> None:
    one, two = (outcome_unknown(ReplyError(text), "sendtext") for text in ("a", "b"))
    assert type(one) is type(two)


def test_it_says_what_to_check() -> None:
    sent = outcome_unknown(ReplyLost("no reply"), "sendtext")
    assert str(sent).startswith("no reply; ")
    assert "balance" in str(sent)
    # There is nothing to ask for it by.
    assert "delivery report" not in str(sent)
    sent.result = SendResult((SentMessage("", Outcome.UNKNOWN), SentMessage("7", Outcome.UNKNOWN)), 1)
    assert "delivery report" in str(sent)
    moved = outcome_unknown(ServerError("broke"), "subacctopup")
    assert "balances of both accounts" in str(moved)
    assert "delivery report" not in str(moved)


def test_the_message_of_an_exception_of_java_stays_as_java_has_it() -> None:
    reset = ProcessingException("java.net.SocketException: Connection reset", fault="reset")
    error = outcome_unknown(reset, "sendtext")
    assert isinstance(error, OutcomeUnknown)
    assert str(error) == "java.net.SocketException: Connection reset"
    assert "balance" in error.advice
    assert error.__notes__ == [error.advice]


# Each by itself


def test_a_bad_argument_is_a_value_error_and_a_wrong_one_a_type_error() -> None:
    assert issubclass(errors.InvalidInput, ValueError)
    assert issubclass(errors.WrongType, TypeError)
    assert issubclass(errors.WrongType, ValueError)
    assert issubclass(UnrecognisedFailure, ServiceError)
    assert issubclass(UnrecognisedFailure, ReplyError)


def test_what_each_keeps() -> None:
    assert RequestError("x").status == 400
    assert RequestError("x", status=404).status == 404
    assert (ReplyError("x", body="b", status=200).body, ReplyError("x").body) == ("b", "")
    told = UnrecognisedFailure("x", text="t", body="b", status=418)
    assert (told.text, told.body, told.status, str(told)) == ("t", "b", 418, "x")
    assert (InsufficientBalance("x", text="t", status=200).text, InsufficientBalance("x").status) == ("t", 0)
    assert (ProtocolError("x").length, ProtocolError("x").stream_lost) == (0, True)
    assert not ProtocolError("x", length=16).stream_lost
    assert (TransportError("x").fault, TransportError("x", fault="tls").fault) == ("broken", "tls")
    assert WebApplicationException("x").getResponse() is None
    assert MSpaceError("x").result is None
    assert len(set(get_args(TransportFault))) == len(get_args(TransportFault)) == 13


def test_a_traceback_shows_the_advice() -> None:
    error = outcome_unknown(ReplyLost("no reply"), "sendtext")
    assert isinstance(error, OutcomeUnknown)
    assert error.advice in "".join(traceback.format_exception_only(type(error), error))
