"""Shadow: one API answers, the other is asked the same beside it, and what they said is compared.

The one in charge is asked as if there were no other: its answer, or its failure, goes back as it came. The other is
asked by threads of this module, so late or so badly as it likes; and only for reads, which cost nothing and change
nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from mspace_legacy.checks import at_least_one
from mspace_legacy.errors import (
    InvalidInput,
    MSpaceError,
    RequestError,
    ServerError,
    ServiceError,
    TransportError,
    UnrecognisedFailure,
    WrongType,
)
from mspace_legacy.models import Call
from mspace_legacy.transport.base import Transport
from mspace_legacy.wire import legacy
from mspace_legacy.wire.dialect import malformed
from mspace_legacy.wire.http import Request, Response
from mspace_legacy.wire.replies import SAME_FIELDS, content_of, decode_reply, failure_kind

__all__ = [
    "BOUND_TO_DIFFER",
    "CLOSING_GRACE",
    "Answer",
    "Api",
    "Asked",
    "Comparison",
    "Comparisons",
    "Count",
    "Difference",
    "Fields",
    "Shadow",
    "ask",
    "same_spelling",
]

Api = Literal["legacy", "v2"]
Fields = dict[str, str]
"""What an answer says, field by field; see `Answer.fields`."""

BOUND_TO_DIFFER = ("responsetime",)
"""Fields that two answers to the same call never agree on."""

_SPELLINGS = {other: first for first, *others in SAME_FIELDS for other in others}
"""v2's names of a field, in lower case, and the legacy API's."""

_LONGEST_TEXT = 1_000
_NO_REPLY = "no reply"
_REFUSE = (400, 401, 402, 403, 409, 410, 422)
"""Statuses of refusals that answer what was asked, and not where or how often."""
_PASSING = re.compile(
    r"try again|rate limit|too many|tim(?:ed|e)[ -]?out|unavailable|maintenance|busy|exception", re.I
)
"""Words of what may be another thing in a moment."""

CLOSING_GRACE = 5.0
"""Seconds for comparisons under way when what they ask over is closed."""

_LINGER = 2.0
"""Seconds for which a thread waits for the next read: to begin one takes the caller as long as two calls."""

_log = logging.getLogger("mspace_legacy.shadow")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one API said.

    `text` is the body, or the error in place of one, with secrets masked and cut to 1,000 characters; `seconds` how
    long it took.

    `fields` is what of it is compared, after the hooks: a lone value by its operation, such as `balance`; a record's
    by the account and the field, in lower case, such as `subuser1.smsbalance`; the records' accounts as `order`; a
    refusal's kind, or its words where they are not documented, as `failure`; or why there was no reply, or none that
    tells anything, as `no reply`, which is never equal. Texts that differ do so when they are masked, too: `***#2`.
    """

    text: str
    seconds: float
    fields: Fields


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that the two do not agree on; None where one of them does not have it."""

    field: str
    legacy: str | None
    v2: str | None

    def __str__(self) -> str:
        # An account's name stands in it, and may hold a line break.
        field = self.field if self.field.isprintable() else repr(self.field)
        return f"{field}: legacy {_shown(self.legacy)}, v2 {_shown(self.v2)}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One read, asked of both APIs. `in_charge` says whose answer the caller got."""

    operation: str
    in_charge: Api
    legacy: Answer
    v2: Answer
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether they agree on every field that counts."""
        return not self.differences

    def __str__(self) -> str:
        took = f"legacy {self.legacy.seconds:.3f} s, v2 {self.v2.seconds:.3f} s"
        if self.equal:
            return f"{self.operation}: equal; {took}"
        return f"{self.operation}: {'; '.join(map(str, self.differences))}; {took}"


def _shown(value: str | None) -> str:
    return "has none" if value is None else repr(value)


class Asked(NamedTuple):
    """What came of asking one API: a reply, or the error in place of one, and how many seconds it took."""

    came: Response | MSpaceError
    seconds: float


class Count(NamedTuple):
    """How many comparisons of an operation were equal, differed, or were dropped: at the bound, or by `close`."""

    equal: int = 0
    different: int = 0
    dropped: int = 0


def same_spelling(operation: str, fields: Fields) -> Fields:
    """The hook that normalises by default: the legacy API's name of a field for v2's."""
    return {_respelt(name): value for name, value in fields.items()}


def _respelt(name: str) -> str:
    account, dot, field = name.rpartition(".")
    return f"{account}{dot}{_SPELLINGS.get(field, field)}" if dot else name


class Comparisons:
    """What becomes of two answers to one call: compared by threads of their own, told, logged and counted.

    Equal ones are logged at DEBUG and others as warnings, by the logger `mspace_legacy.shadow`.

    :param on_comparison: called with each, from another thread than the call's.
    :param normalise: gives the fields to compare in place of those that an operation's answer has.
    :param ignore: names of fields that don't count; that of a record's field without its account.
    :param on_count: called for each with its operation and what it counts as: `equal`, `different` or `dropped`.
    :param threads: how many reads are under way at once, at most.
    :param most_waiting: how many wait for that; more are dropped, and counted.
    :raises InvalidInput: a setting that can't be right.
    """

    def __init__(
        self,
        on_comparison: Callable[[Comparison], object] | None = None,
        *,
        normalise: Callable[[str, Fields], Fields] = same_spelling,
        ignore: Collection[str] = BOUND_TO_DIFFER,
        on_count: Callable[[str, str], object] | None = None,
        threads: int = 2,
        most_waiting: int = 100,
    ) -> None:
        self._on_comparison = on_comparison
        self._on_count = on_count
        self._normalise = normalise
        if isinstance(ignore, str):
            raise WrongType(f"ignore is the text {ignore!r}: give a collection of names, such as {{{ignore!r}}}")
        self._ignore = frozenset(name.lower() for name in ignore)
        self._threads = at_least_one("threads", threads)
        self._most_waiting = at_least_one("most_waiting", most_waiting)
        self._closed = False
        self._counts: dict[str, Count] = {}
        self._forget()
        _all.add(self)

    def _forget(self) -> None:
        """Begin without threads, as a child of a fork must, which has none of its parent's."""
        self._changed = threading.Condition()
        self._waiting: deque[tuple[str, Callable[[], object]]] = deque()
        self._running = 0
        self._idle = 0

    def __repr__(self) -> str:
        return f"Comparisons({self.counts})"

    @property
    def counts(self) -> dict[str, Count]:
        """By operation, since this was made."""
        with self._changed:
            return dict(self._counts)

    def compare(
        self, call: Call[Any], request: Request, from_legacy: Asked, from_v2: Asked, in_charge: Api
    ) -> Comparison:
        """What both said to `request`, after the hooks, and where they differ."""
        masked = _each_its_own_mask(request.redact)
        old, new = (self._answer(call, request, outcome, masked) for outcome in (from_legacy, from_v2))
        names = dict.fromkeys([*old.fields, *new.fields])
        both = (Difference(name, old.fields.get(name), new.fields.get(name)) for name in names)
        different = tuple(each for each in both if each.legacy != each.v2 or each.field == _NO_REPLY)
        return Comparison(call.operation, in_charge, old, new, different)

    def tell(self, comparison: Comparison) -> None:
        """Count it, log it, and hand it to whoever asked for it."""
        self._count(comparison.operation, "equal" if comparison.equal else "different")
        _log.log(logging.DEBUG if comparison.equal else logging.WARNING, "%s", comparison)
        if self._on_comparison:
            self._on_comparison(comparison)

    def _answer(self, call: Call[Any], request: Request, asked: Asked, masked: Callable[[str], str]) -> Answer:
        came = asked.came
        text = str(came) if isinstance(came, MSpaceError) else came.text()
        found = {
            # Each by itself, as whoever normalises or ignores a field knows it by its name.
            "".join(map(masked, name.rpartition("."))): masked(value)
            for name, value in _fields(call, came).items()
        }
        fields = {
            name: value
            for name, value in self._normalise(call.operation, found).items()
            if name.lower() not in self._ignore and name.rpartition(".")[2].lower() not in self._ignore
        }
        return Answer(request.redact(text)[:_LONGEST_TEXT], asked.seconds, fields)

    def _count(self, operation: str, what: str) -> None:
        with self._changed:
            count = self._counts.get(operation, Count())
            self._counts[operation] = count._replace(**{what: getattr(count, what) + 1})
        if self._on_count:
            try:
                self._on_count(operation, what)
            except Exception as error:  # the call that is compared is made all the same
                _log.error("%s: a comparison was not counted: %s", operation, type(error).__name__)

    def later(self, operation: str, work: Callable[[], object]) -> None:
        """Do `work`, which compares answers of `operation`, in a thread of this object; drop it if too many wait."""
        with self._changed:
            accepted = not self._closed and len(self._waiting) < self._most_waiting and self._has_thread()
            if accepted:
                self._waiting.append((operation, work))
                self._changed.notify_all()
        if not accepted:
            self._count(operation, "dropped")

    def _has_thread(self) -> bool:
        """Whether a thread will take one more; begins one where all have something to do and there may be one."""
        if len(self._waiting) >= self._idle and self._running < self._threads:
            # There may be none to be had, and there is none while the interpreter ends.
            with contextlib.suppress(RuntimeError):
                threading.Thread(target=self._work, name="mspace-legacy shadow", daemon=True).start()
                self._running += 1
        return self._running > 0

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._closed, _LINGER)
                self._idle -= 1
                if not self._waiting:
                    self._running -= 1
                    return
                _, work = self._waiting.popleft()
            try:
                work()
            except BaseException as error:  # a hook of the caller's, whose text may hold a secret, or sys.exit()
                _log.error("a comparison failed: %s", type(error).__name__)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until none is under way or waiting; whether that came within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and self._idle == self._running, timeout)

    def close(self, grace: float = CLOSING_GRACE) -> None:
        """Take no more, and give those that wait `grace` seconds at most. A second time does nothing."""
        if self._closed:
            return
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if not self.wait(grace):
            with self._changed:
                left = list(self._waiting)
                self._waiting.clear()
            for operation, _ in left:
                self._count(operation, "dropped")


class Shadow:
    """A transport that answers from one API and compares what the other says.

    :param to_legacy: answers from the legacy API.
    :param to_v2: answers the same requests from v2, as `Adapter` does.
    :param in_charge: whose answer is given; the other's is only looked at.
    :param comparisons: what becomes of the two.
    """

    def __init__(
        self, to_legacy: Transport, to_v2: Transport, *, in_charge: Api = "legacy", comparisons: Comparisons
    ) -> None:
        self._ways: dict[Api, Transport] = {"legacy": to_legacy, "v2": to_v2}
        self._in_charge = in_charge
        self._comparisons = comparisons

    def __repr__(self) -> str:
        return f"Shadow(in_charge={self._in_charge!r})"

    def handle(self, request: Request) -> Response:
        """The reply of the API in charge, as it came; see `Transport`.

        :raises InvalidInput: a send or a top-up, which two APIs would make twice. Neither was asked.
        """
        try:
            call = legacy.decode_request(request).call
        except RequestError as error:
            return malformed(error)
        if not call.repeatable:
            raise InvalidInput(f"{call.operation} is never asked of both APIs: it would be made twice")
        answer = ask(self._ways[self._in_charge], request)

        def compare() -> None:
            other = ask(self._ways["v2" if self._in_charge == "legacy" else "legacy"], request)
            both = (answer, other) if self._in_charge == "legacy" else (other, answer)
            self._comparisons.tell(self._comparisons.compare(call, request, *both, self._in_charge))

        self._comparisons.later(call.operation, compare)
        if isinstance(answer.came, MSpaceError):
            raise answer.came
        return answer.came

    def close(self) -> None:
        """Wait for the comparisons under way, within bounds, and close both ways."""
        self._comparisons.wait(CLOSING_GRACE)
        for way in self._ways.values():
            way.close()


def ask(transport: Transport, request: Request) -> Asked:
    """Ask, and take an error of ours for an outcome too."""
    began = time.perf_counter()
    came: Response | MSpaceError
    try:
        came = transport.handle(request)
    except MSpaceError as error:
        came = error
    return Asked(came, time.perf_counter() - began)


def _each_its_own_mask(redact: Callable[[str], str]) -> Callable[[str], str]:
    """`redact` that gives each text one of its own: two that differ by what is masked are not to look alike."""
    masks: dict[str, str] = {}
    taken: set[str] = set()
    counts: Counter[str] = Counter()

    def masked(text: str) -> str:
        if text not in masks:
            own = told = redact(text)
            while own in taken:
                counts[told] += 1
                own = f"{told}#{counts[told] + 1}"
            taken.add(own)
            masks[text] = own
        return masks[text]

    return masked


def _fields(call: Call[Any], came: Response | MSpaceError) -> Fields:
    if isinstance(came, MSpaceError):
        return {_NO_REPLY: f"{type(came).__name__}: {came.fault}" if isinstance(came, TransportError) else str(came)}
    try:
        # As it came: by its name alone a part of a secret might be masked, and what is left be known no more.
        model = decode_reply(call, came, str)
    except ServiceError as error:
        kind = failure_kind(error.text) or type(error)
        if kind is ServerError or (failure_kind(error.text) is None and _tells_nothing(came, error.text)):
            return {_NO_REPLY: f"{kind.__name__}: HTTP {came.status}"}
        return {"failure": error.text if kind is UnrecognisedFailure else kind.__name__}
    except MSpaceError as error:
        return {_NO_REPLY: f"{type(error).__name__}: HTTP {came.status}"}
    if not isinstance(model, list):
        return {call.operation: str(model)}
    # The records as they came, not the models: a field that one of them has more is a difference too.
    fields: Fields = {}
    names = _each_its_own([record.name for record in model])
    for name, record in zip(names, content_of(came).records or [], strict=True):
        fields |= {f"{name}.{field}": value for field, value in record.items()}
    return {"order": ", ".join(names), **fields}


def _tells_nothing(came: Response, words: str) -> bool:
    """Whether a refusal in words that are not documented has nothing to do with what was asked."""
    is_known = came.status < 300 or came.status in _REFUSE
    return not is_known or bool(_PASSING.search(words)) or (not words and bool(came.body.strip()))


def _each_its_own(names: list[str]) -> list[str]:
    """Names with the number of their occurrence behind those that came before."""
    counts: Counter[str] = Counter()
    told: dict[str, None] = {}
    for name in names:
        own = name
        while own in told:
            counts[name] += 1
            own = f"{name}#{counts[name] + 1}"
        told[own] = None
    return list(told)


_all: weakref.WeakSet[Comparisons] = weakref.WeakSet()


def _forget_all() -> None:
    for comparisons in list(_all):
        comparisons._forget()


@atexit.register
def _finish_all() -> None:
    """A program that is short ends before its comparisons do, whose threads end with it: give them some time."""
    end = time.monotonic() + CLOSING_GRACE
    for comparisons in list(_all):
        comparisons.wait(max(0.0, end - time.monotonic()))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
