"""UssdApp: functions that are screens, and the walk from one to the next."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from mspace_legacy import msisdn
from mspace_legacy.checks import seconds
from mspace_legacy.errors import InvalidInput, RequestError
from mspace_legacy.ussd.messages import (
    DEFAULT_LIMIT,
    Answer,
    Continue,
    End,
    Entries,
    UssdRequest,
    check_text,
    read_request,
    write_answer,
)
from mspace_legacy.ussd.screens import Again, Ask, Frame, Menu, Pages, Screen, Target, View, Words
from mspace_legacy.ussd.sessions import MemorySessions, Session, Sessions
from mspace_legacy.ussd.steps import Clock, Played, Steps, place_of

__all__ = ["UssdApp"]

_log = logging.getLogger("mspace_legacy.ussd")

_MOST_SCREENS = 20
"""In a row for one entry; more is a circle."""
_MOST_VIEWS = 20
"""That back leads through."""

_Screen = TypeVar("_Screen", bound=Screen)


class UssdApp:
    """An application: screens by their names, the sessions of whoever dialled, and an answer to every step.

    :param entries: what the entry of a request holds, all entries "joined" by `*` or the last one "alone". The
        vendor does not document which; the screens are the same.
    :param limit: how long a text may be, in characters of the GSM 7-bit alphabet; see `fits`.
    :param sessions: where sessions are kept; in memory by default, which serves one process. See `SqliteSessions`.
    :param shortcuts: take what a session begins with, as it is dialled in `*384*1*2#`, through the screens.
        Off by default: a joined step that is delivered again when its session is forgotten looks the same.
    :param expiry: seconds after its last step in which a session goes on.
    :param longest_step: seconds that a screen may take. After that its process is taken for dead, and the session
        ends.
    :param repeat_window: seconds in which the same entry, where entries come alone, is the same step delivered again.
    :param words: what the application says of itself.
    :param country: how local numbers are read, "KE" or "UG".
    :param clock: seconds since the epoch.
    :raises InvalidInput: one of these can't be right.
    """

    def __init__(
        self,
        *,
        entries: Entries = "joined",
        limit: int = DEFAULT_LIMIT,
        sessions: Sessions | None = None,
        shortcuts: bool = False,
        expiry: float = 900.0,
        longest_step: float = 60.0,
        repeat_window: float = 2.0,
        words: Words | None = None,
        country: str = "KE",
        clock: Clock = time.time,
    ) -> None:
        if entries not in ("joined", "alone"):
            raise InvalidInput(f"entries: {entries!r} is neither 'joined' nor 'alone'")
        msisdn.check_country(country)
        self._words = words or Words()
        self._limit = limit
        self._country = country
        self._failed = End(self._words.failed, limit=limit)
        check_text(self._words.too_often, limit)
        self._screens: dict[str, Callable[[Session, str | None], Any]] = {}
        self._names: dict[Screen, str] = {}
        self._start = ""
        self._steps = Steps(
            MemorySessions() if sessions is None else sessions,
            entries=entries,
            shortcuts=shortcuts,
            expiry=seconds("expiry", expiry, or_for_ever=True),
            longest_step=seconds("longest_step", longest_step, or_for_ever=True),
            repeat_window=seconds("repeat_window", repeat_window, or_zero=True, or_for_ever=True),
            limit=limit,
            failed=self._failed,
            clock=clock,
        )

    def screen(self, function: _Screen) -> _Screen:
        """Make a function a screen, under its name: a decorator that gives the function back.

        It takes the `Session` and the entry: a str, without spaces around it, that the user entered; or None, when
        the screen is to show itself. One that needs no entry may take the session alone. It returns

        - `Menu`, `Ask` or `Pages`, which say where the next entry goes, or `Continue("text")`, after which the next
          entry comes back to this screen
        - `End("text")`
        - another screen, which then shows itself
        - `Again("why")`, to show once more what was there

        What it raises ends the session politely, and is logged without its text.

        :raises InvalidInput: there is a screen of that name, or the function takes something else.
        """
        name = getattr(function, "__name__", "")
        if not name or name == "<lambda>":
            raise InvalidInput(f"a screen is a function with a name of its own, which {name or function!r} is not")
        if name in self._screens:
            raise InvalidInput(f"there is a screen {name!r} already")
        parameters = inspect.signature(function).parameters.values()
        count = sum(parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
                    for parameter in parameters)  # fmt: skip
        if count not in (1, 2) or inspect.iscoroutinefunction(function):
            raise InvalidInput(f"screen {name!r}: a function of the session and the entry is needed, and not async")
        self._screens[name] = function if count == 2 else functools.partial(_without_entry, function)
        self._names[function] = name
        return function

    def start(self, function: _Screen) -> _Screen:
        """Make a function the screen that a session begins with; otherwise as `screen`.

        :raises InvalidInput: there is one already.
        """
        if self._start:
            raise InvalidInput(f"the application starts with {self._start!r} already")
        self.screen(function)
        self._start = self._names[function]
        return function

    def answer(self, request: UssdRequest, *, is_new: bool = False) -> Answer:
        """The answer to a step, for tests: what a screen raises is raised, and so is what it must not return.

        :param is_new: that it is not a step delivered again, though entries come alone and it looks like the last.
        :raises RequestError: it is no step of its session.
        :raises InvalidInput: a screen returned what is no answer.
        """
        played = self._steps.take(request, self._play, is_new=is_new)
        if played.error:
            raise played.error
        return played.answer

    def respond(self, body: bytes | str) -> str:
        """The text of the answer to a request's body, whatever it is: raises nothing, and logs what went wrong.

        A step that can't be answered is answered with `END` and the words for it.
        """
        answer: Answer = self._failed
        try:
            request = read_request(body, country=self._country)
            played = self._steps.take(request, self._play, is_new=False)
        except RequestError as error:
            _log.warning("a step was refused: %s", error)
        except Exception as error:
            _log.error("a step was not answered: %s", place_of(error))
        else:
            answer = played.answer
            if played.error:
                _log.error("a screen failed, and its session ends: %s", place_of(played.error))
        return write_answer(answer)

    def _name_of(self, target: Target, *, by: str = "") -> str:
        name = target if isinstance(target, str) else self._names.get(target, "") if callable(target) else ""
        if name in self._screens:
            return name
        source = f"screen {by!r} returned " if by else ""
        if target is None:
            raise InvalidInput(f"{source}nothing: is a `return` missing?")
        what = repr(target) if isinstance(target, str) else getattr(target, "__name__", type(target).__name__)
        raise InvalidInput(
            f"{source}{what}, which is no screen: it takes End(...), Ask(...), Menu(...), Pages(...), or a function "
            "marked with @app.screen"
        )

    def _play(self, request: UssdRequest, step: int, state: dict[str, Any] | None, entries: list[str]) -> Played:
        try:
            turn = _Turn(self, request, step, state)
            for entry in entries:
                if not turn.enter(entry.strip()):
                    break
            return turn.played()
        except (Exception, SystemExit) as error:
            return Played(self._failed, None, error)


def _without_entry(function: Screen, session: Session, entry: str | None) -> Any:
    return function(session)


class _Turn:
    """One step of a session: the view that it is at, the views before, and the answer so far."""

    def __init__(self, app: UssdApp, request: UssdRequest, step: int, state: dict[str, Any] | None) -> None:
        self._app = app
        kept = state or {"data": {}, "views": []}
        self._session = Session(request.msisdn, request.session_id, request.service_code, step, kept["data"])
        self._views = [View.of(view) for view in kept["views"]]
        self._answer: Answer | None = None
        if state is None:
            self._home()

    def enter(self, entry: str) -> bool:
        """Take an entry; whether it led anywhere from which another one could go on."""
        if isinstance(self._answer, End):
            return False
        view = self._views[-1]
        move = view.take(entry, self._frame())
        match move.to:
            case "screen":
                return self._go(move.screen, move.entry)
            case "back":
                self._views.pop()
                self._show()
            case "home":
                self._home()
            case "end":
                self._answer = End(move.above, limit=self._app._limit)
            case "view":
                self._again(move.view or view, move.above)
                return not move.above
        return True

    def played(self) -> Played:
        """What came of it."""
        if self._answer is None:
            raise InvalidInput("nothing was shown")
        if isinstance(self._answer, End):
            return Played(self._answer, None)
        data = self._session.data
        try:
            kept = json.loads(json.dumps(data, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"session.data holds what JSON can't: {error}") from None
        if kept != data:
            raise InvalidInput("session.data holds what JSON changes: keys are texts, and lists stand for tuples")
        return Played(self._answer, {"data": data, "views": [view.state() for view in self._views]})

    def _frame(self) -> Frame:
        return Frame(self._app._words, self._app._limit, len(self._views) - 1)

    def _home(self) -> None:
        self._views = []
        if not self._app._start:
            raise InvalidInput("the application has no screen to start with: mark one with @app.start")
        self._go(self._app._start, None)

    def _show(self, above: str = "") -> None:
        self._answer = Continue(self._views[-1].text(self._frame(), above), limit=self._app._limit)

    def _again(self, view: View, above: str) -> None:
        self._views[-1] = view
        self._show(above)

    def _go(self, name: str, entry: str | None) -> bool:
        for _ in range(_MOST_SCREENS):
            returned = self._app._screens[name](self._session, entry)
            if isinstance(returned, Again):
                if entry is None or not self._views:
                    raise InvalidInput(f"screen {name!r} returned Again, and there was no entry")
                move = self._views[-1].again(returned.text, self._frame())
                if move.view is None:
                    self._answer = End(move.above, limit=self._app._limit)
                else:
                    self._again(move.view, move.above)
                return False
            if isinstance(returned, End):
                check_text(returned.text, self._app._limit)
                self._answer = returned
                return True
            if isinstance(returned, Continue):
                returned = Ask(returned.text, tries=None)
            if isinstance(returned, (Menu, Ask, Pages)):
                self._views.append(View.made(returned, name, self._app._name_of))
                # The first one stays: it is where back ends.
                del self._views[1:-_MOST_VIEWS]
                self._show()
                return True
            name, entry = self._app._name_of(returned, by=name), None
        raise InvalidInput(f"screen {name!r}: one leads to the next without end")
