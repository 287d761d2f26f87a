"""One cell of the matrix: what a caller may be told for a fault, and whether that is what became of it.

What is demanded, for whatever acts (a send, a top-up, a submit_sm):

- The port refuses, or TLS fails before the client has the whole of the server's part of the handshake: **not sent**.
  That no byte of the request left is known.
- The connection is made, and ends or falls silent before the whole reply is there: **unknown**. Nobody here can know
  how far the request came.
- Nothing ends before the reply does: **what the service says**. So too where the reply comes twice; and each call is
  told its own.
- A byte is another, by TLS: **any of these that is true**. A record that was changed is no record.
- A byte of the request is another, in the clear: **any that is true of what arrived**. The service answers what it
  was asked.
- A byte of the reply is another, in the clear: **anything but a success that was none**. Nothing tells `status: 191`
  by a flipped bit from `status: 191` by the service, so a failure may be told of what was done; these are counted as
  *misled*. It takes TLS to exclude them.

And in every cell: the service acted no more often than it was asked, a success was acted on, a certain failure was
not (the last point apart), no read is an `OutcomeUnknown`, nothing outlasts its time-outs, and no secret shows. A
read that fails once is asked again, and so succeeds.

What TCP itself leaves open is allowed both ways: a reset may overtake the reply before it, or come while the
connection is still being made; and a part of a long message may still be to write when the one before it is lost.
"""

from __future__ import annotations

import pickle
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Literal

from mspace_legacy import Outcome, OutcomeUnknown, SendResult, SentMessage
from mspace_legacy.errors import MSpaceError, NotSent, ProcessingException, ReplyLost
from mspace_legacy.smpp import SubmittedMessage
from mspace_legacy.wire.replies import failure_kind
from tests.canary import assert_clean, shown
from tests.matrix.cases import Case
from tests.matrix.proxy import Fault, Sizes
from tests.matrix.surfaces import (
    ATTEMPTS,
    CREDITS,
    FINAL,
    LONG_TEXT,
    SENDS,
    SURFACES,
    Bench,
    Call,
    Calls,
    GatewayReply,
    State,
    Surface,
)

__all__ = ["Cell", "Word", "measure", "run"]

Word = Literal["success", "refused", "not sent", "unknown", "failed"]
"""What a caller was told; `failed` is a read's."""

_PATIENT, _IMPATIENT = 10.0, 0.5
"""Seconds of time-out: where nothing should take any time, and where the fault is that it does."""
_BETWEEN = 3.0
"""Seconds: where both are so, of two calls."""
_SLACK = 6.0
"""Seconds that a busy machine may take."""
_SILENT = ("stall", "half-close", "drip", "corrupt")


_ENDS = ("reset", "close", "half-close")
_FINISHED = 80
"""Bytes of the client's last part of a handshake, at most (TLS 1.3), which come with the request."""
_RECORD = 29
"""Bytes that TLS adds to what it carries, in each record, at most (TLS 1.2)."""


@dataclass(slots=True)
class Cell:
    """One cell: what was told of each call, how often the server acted, the longest in seconds; what is wrong."""

    case: Case
    told: list[Word] = field(default_factory=list)
    acted: int = 0
    seconds: float = 0.0
    misled: bool = False
    """A corrupted reply made a failure of a success, which can't be known."""
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.case}: told {self.told}, acted {self.acted}, {self.seconds:.1f} s: {'; '.join(self.problems)}"


def measure(surface: Surface, name: str, operation: str, bench: Bench) -> Sizes:
    """The bytes of one healthy exchange. Each further one has as many."""
    with ExitStack() as opened:
        bench.proxy.set(None)
        calls = opened.enter_context(surface.opened(bench, _PATIENT))
        bench.proxy.set(None)
        word, problems, _ = _told_by(calls[operation], operation)
        sizes = bench.proxy.sizes()
    bench.settle()
    assert (word, problems) == (FINAL.get(operation, "success"), []), (name, operation)
    return sizes


def run(surface: Surface, case: Case, bench: Bench) -> Cell:
    """Make the call, or with a late duplicate two of them, and find out what became of it."""
    cell = Cell(case)
    fault = case.fault
    timeout = _PATIENT
    if fault is not None and (fault.act in _SILENT or fault.act == "duplicate-late"):
        timeout = _IMPATIENT if fault.act in _SILENT else _BETWEEN
    bench.proxy.set(None)
    began = time.monotonic()
    with ExitStack() as opened:
        calls = _opened(surface, bench, timeout, opened)
        if case.prelude != "fresh":
            with suppress(MSpaceError):
                # The same read, as another may be routed elsewhere and go by another secret's connection.
                calls["balance" if case.acts else case.operation]()
        if case.prelude in ("closed", "reset"):
            bench.proxy.hang_up("close" if case.prelude == "closed" else "reset")
        before = bench.state()
        bench.proxy.set(fault)
        for _ in range(2 if fault is not None and fault.act == "duplicate-late" else 1):
            began = time.monotonic()
            word, problems, seconds = _told_by(calls[case.operation], case.operation)
            cell.told.append(word)
            cell.problems += problems
            cell.seconds = max(cell.seconds, seconds)
        began = time.monotonic()
    closing = time.monotonic() - began
    bench.settle()
    struck, withheld = bench.proxy.struck, bench.proxy.withheld
    bench.proxy.set(None)
    cell.acted, whole, twice = _acted(case.operation, before, bench.state(), len(cell.told))
    allowed = _allowed(
        case, struck=struck, whole=not withheld or (fault is not None and fault.offset >= case.sizes.reply)
    )
    _judge(cell, allowed, whole, twice, _longest(timeout), closing)
    return cell


def _opened(surface: Surface, bench: Bench, timeout: float, opened: ExitStack) -> Calls:
    """The surface's calls, however long a machine that is busy takes to bind."""
    while True:
        with suppress(NotSent):
            return opened.enter_context(surface.opened(bench, timeout))


def _longest(timeout: float) -> float:
    """Seconds: each attempt has a time-out for connecting and one for the reply."""
    return ATTEMPTS * 2 * timeout + _SLACK


def _judge(cell: Cell, allowed: set[str], whole: int, twice: bool, longest: float, closing: float) -> None:
    case, fault = cell.case, cell.case.fault
    certain = sum(word in ("not sent", "refused") for word in cell.told)
    corrupted = fault is not None and fault.act == "corrupt"
    in_the_clear = corrupted and not case.sizes.handshake
    if case.acts:
        if twice or cell.acted > len(cell.told):
            cell.problems.append("ACTED TWICE")
        if cell.told.count("success") > whole:
            cell.problems.append("TOLD SUCCESS WITHOUT ACTING")
        # Of a long message some parts may be taken, and one be refused; the error has the ids of those.
        done = cell.acted if "not sent" in cell.told else whole
        if done > len(cell.told) - certain:
            if in_the_clear and fault is not None and fault.point == "reply":
                cell.misled = True
            else:
                cell.problems.append("ACTED, AND TOLD OF A CERTAIN FAILURE")
    elif "unknown" in cell.told:
        cell.problems.append("a read is an OutcomeUnknown")
    if cell.told[0] not in allowed:
        cell.problems.append(f"should be told {' or '.join(sorted(allowed))}")
    if cell.seconds > longest or closing > longest:
        cell.problems.append(
            f"took {cell.seconds:.1f} seconds, and {closing:.1f} to close: {longest:.1f} are allowed"
        )


def _allowed(case: Case, *, struck: bool, whole: bool) -> set[str]:
    """What the first call may be told: if the fault did happen, and if the client had the whole reply before."""
    fault, wire = case.fault, SURFACES[case.surface].wire
    final = FINAL.get(case.operation, "success")
    # What is told where the request may have arrived, and where it can't have.
    failure, early = ("unknown", "not sent") if case.acts else ("failed", "failed")
    if case.operation == "bind":
        failure = early = "not sent"
    allowed: set[str]
    if SURFACES[case.surface].compares:
        allowed = {final, failure}
    elif fault is None or not (struck or fault.act == "refuse"):
        # A transmitter may have written before it can see that the connection is gone.
        allowed = {final, failure} if case.prelude != "fresh" and case.operation.startswith("submit") else {final}
    elif case.operation == "receive":
        # A service that takes the acknowledgement for something else goes on waiting for it.
        allowed = {final, failure} if fault.act == "corrupt" and fault.point == "request" else {final}
    elif fault.act == "corrupt":
        allowed = {final, "success", "refused", early, failure}
    elif fault.point in ("connect", "hello", "handshake"):
        allowed = _allowed_before(case, fault, final, failure, early)
    elif wire == "https" and fault.point == "request" and fault.offset <= _FINISHED and fault.act in _ENDS:
        # To the client the handshake is over. It is known whether that came before the first byte of the request.
        allowed = {failure, early} if fault.lasting else {failure, final}
    elif case.sizes.handshake and fault.point == "reply" and abs(fault.offset - case.sizes.reply) <= _RECORD:
        # The same reply may take one record more or less, so that its end is not where it was.
        allowed = {final, failure}
    elif case.operation == "submit long" and fault.offset < case.sizes.reply:
        # With a window of one, all that was due had come, and a part had still to be sent.
        allowed = {final, failure}
    elif "duplicate" in fault.act or (fault.point == "reply" and whole and fault.act != "drip"):
        allowed = {final, failure} if fault.act == "reset" else {final}
    # Making a transmitter is not repeated.
    elif case.acts or fault.lasting or case.operation == "bind":
        allowed = {failure}
    else:
        allowed = {final}
    if fault is not None and fault.act in _SILENT and final in allowed:
        # Where a silence is to end soon, a machine that is busy may be taken for a silent one.
        allowed |= {failure, early}
    return allowed


def _allowed_before(case: Case, fault: Fault, final: str, failure: str, early: str) -> set[str]:
    """As `_allowed`, of what breaks before the request."""
    if case.prelude == "reused" and not case.acts:
        return {final}
    told = early if case.sizes.handshake or fault.act == "refuse" else failure
    # What ends a connection may come before it is used, or just as it is.
    may_be_told = {told, early} if fault.act in _ENDS else {told}
    if fault.lasting or case.operation == "bind":
        return may_be_told
    return {final} if told == early or not case.acts else {told, final} if fault.act in _ENDS else {told}


def _acted(operation: str, before: State, after: State, calls: int) -> tuple[int, int, bool]:
    """How often the server acted, how often on the whole of what was asked, and whether twice on one thing."""
    texts = after.texts - before.texts
    messages = sum(texts.values())
    if operation == "submit long":
        parts = list(texts.values())
        needed = -(-len(LONG_TEXT) // 153)
        whole = min(parts) if len(parts) == needed else 0
        return max(parts, default=0), whole, any(count > calls for count in parts)
    moved = after.sub_user - before.sub_user + after.client - before.client
    # Another amount is that of one request that was corrupted on its way.
    topped_up = moved // CREDITS if moved in range(0, (calls + 1) * CREDITS + 1, CREDITS) else 1
    acted = messages + topped_up
    return acted, acted, acted > calls


def _told_by(call: Call, operation: str) -> tuple[Word, list[str], float]:
    """What a caller is told, what it is told wrongly, and the seconds that it took."""
    began = time.monotonic()
    outcome: object
    try:
        outcome = call()
    except Exception as error:
        outcome = error
    seconds = time.monotonic() - began
    problems = []
    if isinstance(outcome, AssertionError) or (
        isinstance(outcome, Exception) and not isinstance(outcome, MSpaceError)
    ):
        return "failed", [f"{type(outcome).__name__}: {outcome}"], seconds
    word = _word(outcome, acts=operation in SENDS or operation == "bind")
    try:
        if isinstance(outcome, MSpaceError):
            for text in shown(outcome):
                assert_clean(text)
            if outcome.__context__ is not None:
                problems.append("the error has a context, which a traceback shows")
            problems += _result_problems(outcome, word)
        else:
            assert_clean(repr(outcome))
            assert_clean(pickle.dumps(outcome).decode("latin-1"))
    except AssertionError as leak:
        problems.append(f"A SECRET SHOWS: {leak}")
    return word, problems, seconds


def _word(outcome: object, *, acts: bool) -> Word:
    match outcome:
        case OutcomeUnknown():
            return "unknown"
        case MSpaceError():
            if not acts:
                return "failed"
            return "not sent" if isinstance(outcome, (NotSent, ProcessingException)) else "refused"
        case SendResult():
            return _of_outcome(outcome.messages[0].outcome)
        case SentMessage():
            return _of_outcome(outcome.outcome)
        case GatewayReply():
            return _of_reply(outcome, acts=acts)
        case False:
            return "failed"
        case SubmittedMessage():
            return "success" if None not in outcome.message_ids else "unknown"
    return "success"


def _of_outcome(outcome: Outcome) -> Word:
    words: dict[Outcome, Word] = {
        Outcome.ACCEPTED: "success", Outcome.REJECTED: "refused", Outcome.NOT_SENT: "not sent",
    }  # fmt: skip
    return words.get(outcome, "unknown")


def _of_reply(reply: GatewayReply, *, acts: bool) -> Word:
    """As MIGRATION.md tells callers of the gateway to read it; but for 503, which no API here says by itself."""
    if not acts:
        return "success" if reply.status == 200 and not failure_kind(reply.body) else "failed"
    if reply.status == 503:
        return "not sent"
    if reply.status >= 500:
        return "unknown"
    done = reply.status == 200 and ("successful" in reply.body.lower()) and not failure_kind(reply.body)
    return "success" if done else "refused"


def _result_problems(error: MSpaceError, word: Word) -> list[str]:
    """What an error tells of each recipient is what it tells by its class."""
    if error.result is None:
        return []
    told = {_of_outcome(message.outcome) for message in error.result.messages}
    lost = isinstance(error, ReplyLost) and not isinstance(error, OutcomeUnknown)
    problems = ["a send that lost its reply is no OutcomeUnknown"] if lost else []
    return problems if told == {word} else [*problems, f"its result tells {told}, and its class {word!r}"]
