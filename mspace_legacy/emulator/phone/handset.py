"""Handsets: the USSD sessions that are open on the page, each over a dialler of its own."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mspace_legacy.emulator.ussd import UssdCode, UssdCodes
from mspace_legacy.errors import InvalidInput
from mspace_legacy.secrets import redact
from mspace_legacy.ussd.dialler import Dialler

__all__ = ["Handsets"]

_MOST_SESSIONS = 32
_LONGEST_ENTRY = 200


@dataclass(slots=True)
class _Handset:
    dialler: Dialler
    code: UssdCode
    lock: threading.Lock = field(default_factory=threading.Lock)


class Handsets:
    """Dials, enters and hangs up, and tells what came of it as JSON has it. Safe for threads.

    So many sessions are kept; the one that was used longest ago makes room.
    """

    def __init__(self, codes: UssdCodes) -> None:
        self._codes = codes
        self._lock = threading.Lock()
        self._open: OrderedDict[str, _Handset] = OrderedDict()

    def dial(self, msisdn: str, code: str) -> dict[str, Any]:
        """Begin a session; what the handset shows, and `session`, which `enter` takes.

        :raises InvalidInput: no such number, or nobody answers the code.
        """
        code = code.strip()
        registered = self._codes.find(code)
        dialler = Dialler(registered.callback, msisdn=msisdn, entries=registered.entries)
        handset = _Handset(dialler, registered)
        try:
            told = self._told(handset, lambda: dialler.dial(code, service_code=registered.code))
        except BaseException:
            dialler.close()
            raise
        with self._lock:
            self._open[dialler.session_id] = handset
            dropped = [self._open.popitem(last=False)[1] for _ in range(len(self._open) - _MOST_SESSIONS)]
        for other in dropped:
            other.dialler.close()
        return told

    def enter(self, session: str, text: str) -> dict[str, Any]:
        """Send an entry.

        :raises InvalidInput: the session is not open.
        """
        if len(text) > _LONGEST_ENTRY:
            raise InvalidInput(f"the entry has {len(text)} characters: {_LONGEST_ENTRY} at most")
        with self._lock:
            handset = self._open.get(session)
            if handset:
                self._open.move_to_end(session)
        if handset is None:
            raise InvalidInput("the session is not open any more: dial again")
        return self._told(handset, lambda: handset.dialler.enter(text))

    def hang_up(self, session: str) -> None:
        """Forget a session. The vendor tells a callback nothing of that."""
        with self._lock:
            handset = self._open.pop(session, None)
        if handset:
            handset.dialler.close()

    def close(self) -> None:
        """Hang up everywhere."""
        for session in list(self._open):
            self.hang_up(session)

    def _told(self, handset: _Handset, act: Callable[[], object]) -> dict[str, Any]:
        dialler = handset.dialler
        with handset.lock:
            before = dialler.transcript
            try:
                act()
            except Exception:
                # What went wrong on the way stands in the transcript; what could not be asked for at all does not.
                if dialler.transcript is before:
                    raise
            step, is_open = dialler.transcript[-1], not dialler.ended
        code = handset.code
        body = json.dumps(step.sent)
        return {
            "session": dialler.session_id,
            "open": is_open,
            "entered": step.entered,
            "text": step.answer.text if step.answer else "",
            "problem": redact(step.problem),
            "seconds": round(step.seconds, 4),
            "request": redact(f"POST {code.shown}\nContent-Type: application/json\n\n{body}"),
            "status": step.status,
            "reply": redact(step.raw.decode("utf-8", "replace")),
        }
