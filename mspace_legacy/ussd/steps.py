"""Steps: which step of which session a request is, and that each is taken once.

The vendor's elements do not number the steps. So what tells one from another is:

- Entries joined by `*` grow with each step: the whole string stands for the step, and a step that comes again is
  given the answer that it was given before, for as long as the session is kept.
- With entries alone, "1" delivered twice and 1 entered twice look the same. A repeat is taken for the same step while
  that step is being answered; for `repeat_window` seconds after that, as a person has to be sent the next text, read
  it and enter something; and for as long as the session is remembered, if it had ended, as nothing can be entered
  then. So a delivery that comes again later than that counts as an entry: what must not happen twice should end the
  session, or be behind a question whose answer differs from the one before. A window that is too long costs less: the
  user sees the same text once more.

A step is claimed in the store, then taken, then its answer is stored; no lock is held meanwhile. If a process dies on
the way its claim runs out, and the session ends: nobody can know what the screen had done, so it is not run again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from mspace_legacy.errors import RequestError
from mspace_legacy.ussd.messages import Answer, End, Entries, UssdRequest, read_answer, write_answer
from mspace_legacy.ussd.sessions import Sessions

__all__ = ["Clock", "Play", "Played", "Steps", "place_of"]

_log = logging.getLogger("mspace_legacy.ussd")

Clock = Callable[[], float]

_MOST_DIALLED = 20
_REMEMBERED = 50
"""Steps of a session whose answers are kept: more than a network's session has time for."""
_REMEMBERED_AFTER = 3600.0
"""Seconds after a session has expired in which its entries are still known for what they are, not for shortcuts."""
_PAUSES = (0.005, 0.01, 0.02, 0.05)
"""Seconds between two looks at whether another one has answered."""


class Played(NamedTuple):
    """What became of a step: the answer, what is to be kept (None: the session is over), and what went wrong."""

    answer: Answer
    state: dict[str, Any] | None
    error: Exception | SystemExit | None = None


Play = Callable[[UssdRequest, int, "dict[str, Any] | None", list[str]], Played]
"""Takes a step: the request, its number, what was kept (None at the first one) and the entries; raises no Exception.

At the first step the entries are what was dialled along with the code, later there is always one.
"""


@dataclass(frozen=True, slots=True)
class _Record:
    """What is kept of a session, apart from what the screens keep. Numbers and entries only as digests."""

    owner: str
    length: int = 0
    """Of the joined entries that were taken, whose digest is `said`."""
    said: str = ""
    count: int = 0
    answers: tuple[tuple[str, str], ...] = ()
    """The last steps, by their digests, and the answer to each."""
    answered: float = 0.0
    claim: str = ""
    """The digest of the step that is being taken, `until` when it may be."""
    until: float = 0.0
    ended: bool = False
    state: dict[str, Any] | None = None

    def text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> _Record:
        members = json.loads(text)
        return cls(**{**members, "answers": tuple((step, answer) for step, answer in members["answers"])})

    def answer_to(self, step: str) -> str | None:
        return next((answer for known, answer in self.answers if known == step), None)


class _Claim(NamedTuple):
    """A step that is this thread's to take: its digest, what the network said, and the session as it is kept now."""

    step: str
    said: str
    record: _Record
    version: int
    entries: list[str]


class Steps:
    """Takes each step once, whichever thread or process it is delivered to, and however often.

    :param shortcuts: take what was dialled along with the code, as in `*384*1*2#`, for the first entries. Where it
        is off, a session that is not known begins at its beginning, whatever entries it comes with.
    :param failed: the answer where nobody can know what a step did.
    """

    def __init__(
        self,
        sessions: Sessions,
        *,
        entries: Entries,
        shortcuts: bool,
        expiry: float,
        longest_step: float,
        repeat_window: float,
        limit: int,
        failed: End,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._entries = entries
        self._shortcuts = shortcuts
        self._expiry = expiry
        self._longest_step = longest_step
        self._repeat_window = repeat_window
        self._limit = limit
        self._failed = failed
        self._clock = clock

    def take(self, request: UssdRequest, play: Play, *, is_new: bool) -> Played:
        """The answer to a step: by `play`, or the one that it was given before.

        :param is_new: do not take it for a repeat within the window.
        :raises RequestError: it is no step of this session: another number's, after the end, or out of order.
        """
        claim = self._claim(request, is_new=is_new)
        return claim if isinstance(claim, Played) else self._played(request, claim, play)

    def _claim(self, request: UssdRequest, *, is_new: bool) -> Played | _Claim:
        """The step, which nobody else will take from now on; or the answer that it was given before."""
        said = self._said(request)
        step = _digest(request.session_id, said)
        owner = _digest(request.session_id, request.msisdn)
        looks = 0
        while True:
            now = self._clock()
            kept = self._sessions.load(request.session_id)
            record = _Record.read(kept.text) if kept else None
            version = kept.version if kept else 0
            is_over = record is not None and not record.claim and abs(now - record.answered) > self._expiry
            if is_over and said and self._entries == "joined" and self._shortcuts:
                # Taken for a beginning, every entry of the session would be entered again.
                raise RequestError("SESSION_ID is that of a session that has expired")
            if record is None or is_over:
                record = _Record(owner)
                is_dialled = self._entries == "joined" or said != request.entry
                entries = _dialled_along(said) if self._shortcuts and is_dialled else []
            elif record.owner != owner:
                raise RequestError("SESSION_ID is that of another number's session")
            elif record.claim:
                # The clock may be set back a little meanwhile; by more, nobody knows when the claim runs out.
                if 0 < record.until - now <= 2 * self._longest_step:
                    time.sleep(_PAUSES[min(looks, len(_PAUSES) - 1)])
                    looks += 1
                else:
                    _log.error("a step was begun and never answered: its session ends")
                    lost = self._answered(record, record.claim, Played(self._failed, None), now)
                    self._save(request, lost, version, now)
                continue
            else:
                answer = self._answer_before(record, step, said, now, is_new=is_new)
                if answer is not None:
                    return Played(read_answer(answer, limit=self._limit), None)
                if record.ended:
                    raise RequestError("SESSION_ID is that of a session that has ended")
                entries = [self._entered(record, request.session_id, said)]
            claimed = replace(record, claim=step, until=now + self._longest_step)
            if self._save(request, claimed, version, now):
                return _Claim(step, said, record, version + 1, entries)

    def _played(self, request: UssdRequest, claim: _Claim, play: Play) -> Played:
        record = claim.record
        try:
            played = play(request, record.count + 1, record.state, claim.entries)
        except BaseException:
            # Nobody can know what the screen had done, and nobody is to wait for the rest of it.
            now = self._clock()
            failed = self._answered(record, claim.step, Played(self._failed, None), now)
            self._save(request, failed, claim.version, now)
            raise
        now = self._clock()
        answered = replace(
            self._answered(record, claim.step, played, now),
            length=len(claim.said),
            said=claim.step,
        )
        try:
            if not self._save(request, answered, claim.version, now):
                _log.error("a step took longer than %g seconds: its session has ended", self._longest_step)
        except Exception as error:  # the screen has acted, so its answer is worth more than the store's trouble
            _log.error("an answer was not kept: %s", place_of(error))
        return played

    def _save(self, request: UssdRequest, record: _Record, version: int, now: float) -> bool:
        # From when its screen ends or is given up: a step that nobody remembers would be a new one, and act again.
        begins = max(now, record.until)
        expires = begins + self._expiry + (_REMEMBERED_AFTER if self._shortcuts else 0.0)
        return self._sessions.save(request.session_id, record.text(), version=version, expires=expires, now=now)

    def _answered(self, record: _Record, step: str, played: Played, now: float) -> _Record:
        remembered = _REMEMBERED if self._entries == "joined" else 1
        return replace(
            record,
            count=record.count + 1,
            answers=(*record.answers, (step, write_answer(played.answer)))[-remembered:],
            answered=now,
            claim="",
            until=0.0,
            ended=played.state is None,
            state=played.state,
        )

    def _answer_before(self, record: _Record, step: str, said: str, now: float, *, is_new: bool) -> str | None:
        answer = record.answer_to(step)
        if answer is None or self._entries == "joined" or record.ended:
            return answer
        is_first = record.count == 1 and not said
        is_soon = abs(now - record.answered) < self._repeat_window
        return answer if not is_new and (is_first or is_soon) else None

    def _said(self, request: UssdRequest) -> str:
        """The entry without the code, where the vendor should have put what was dialled before it or in its place."""
        stem = re.escape(request.service_code.strip("*#")) or "[0-9]+"
        found = re.fullmatch(rf"\*{stem}(?:\*([0-9*]*))?#(?:\*(.*))?", request.entry, re.DOTALL)
        return "*".join(part for part in found.groups() if part) if found else request.entry

    def _entered(self, record: _Record, session_id: str, said: str) -> str:
        if self._entries == "alone":
            return said
        if not record.length:
            return said
        before, entry = said[: record.length], said[record.length :]
        # What follows is one entry, though it may hold a `*`: the user saw the answer to the step before.
        if _digest(session_id, before) == record.said and entry.startswith("*"):
            return entry[1:]
        raise RequestError(
            "USSD_STRING does not go on from the step before: are entries joined by '*', or is each sent alone?"
        )


def _dialled_along(said: str) -> list[str]:
    entries = said.split("*") if said else []
    if len(entries) > _MOST_DIALLED:
        raise RequestError(f"USSD_STRING begins with more than {_MOST_DIALLED} entries at once")
    return entries


def _digest(session_id: str, text: str) -> str:
    return hashlib.sha256(f"{session_id}\0{text}".encode()).hexdigest()[:32]


def place_of(error: BaseException) -> str:
    """What may be logged of an error: its class, and where it was raised. Its text may hold a number or a PIN."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " < ".join((type(error).__name__, *reversed(places)))
