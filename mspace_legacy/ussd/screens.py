"""What a screen shows: menus, questions and lists, how they look on a handset, and where an entry leads from them.

All of it is data, so that the next step may be taken by another process: a screen is referred to by its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple

from mspace_legacy.errors import InvalidInput, WrongType
from mspace_legacy.ussd.messages import DEFAULT_LIMIT, UNSHOWABLE, fits

__all__ = ["Again", "Ask", "Frame", "Menu", "Move", "Pages", "Screen", "Target", "View", "Widget", "Words"]

Screen = Callable[..., Any]
"""A function of the session and the entry, or of the session alone; see `UssdApp.screen`."""

Target = Screen | str
"""A screen, or its name."""

_BACK, _HOME, _MORE = "0", "00", "98"
_CUT = ".."


@dataclass(frozen=True, slots=True)
class Words:
    """What an application says of itself, in the language of its users."""

    back: str = "Back"
    home: str = "Home"
    more: str = "More"
    no_such_choice: str = "That is not one of the choices."
    not_taken: str = "That can't be taken."
    too_often: str = "Too many attempts. Please dial again."
    failed: str = "Sorry, something went wrong. Please dial again later."


@dataclass(frozen=True, slots=True)
class Menu:
    """A title, and numbered options: `{"1": ("Balance", balance)}` leads to the screen `balance`.

    `0` goes back to what was shown before, `00` home to the start, unless the options have those keys themselves or
    there is nowhere to go.

    :raises InvalidInput: there are no options, or they are of another form.
    """

    title: str
    options: Mapping[str, tuple[str, Target]]
    back: bool = True
    home: bool = True

    def __post_init__(self) -> None:
        _check_text("title", self.title)
        if not isinstance(self.options, Mapping) or not self.options:
            raise InvalidInput(f"menu {self.title!r}: options: it has none, and takes {{'1': ('Balance', balance)}}")
        for key, option in self.options.items():
            if not isinstance(option, (tuple, list)) or len(option) != 2:
                raise InvalidInput(f"options: {key!r} is not a pair of a label and a screen")
            _check_text("options", key)
            _check_text("options", option[0])


@dataclass(frozen=True, slots=True)
class Ask:
    """A question. The entry goes to the screen `then`, or else to the screen that asks, which it is given as a str.

    That screen returns `Again("why")` for an entry that it does not take. Where `pattern` is given, a regular
    expression, an entry that does not match as a whole is answered with `wrong` before any screen sees it. After so
    many `tries` the session ends; None is for no limit. With `back`, `0` and `00` lead back and home, and are never
    entries.

    :raises InvalidInput: the pattern is not a regular expression, or there is less than one try.
    """

    prompt: str
    then: Target | None = None
    pattern: str = ""
    wrong: str = ""
    tries: int | None = 3
    back: bool = False

    def __post_init__(self) -> None:
        _check_text("prompt", self.prompt)
        problem = "" if self.tries is None or self.tries > 0 else f"tries: {self.tries} is less than 1"
        try:
            re.compile(self.pattern)
        except re.error as error:
            problem = f"pattern: {error}"
        if problem:
            raise InvalidInput(problem)


@dataclass(frozen=True, slots=True)
class Pages:
    """A title and a list of any length, cut into pages that fit: `98` turns to the next one, `0` back, `00` is home.

    With `then` the items of a page are numbered from 1, and the one that was chosen is the entry of that screen: its
    key if `items` is a mapping of keys to labels, else the item itself. A label that does not fit a page is cut, and
    what can't be shown of it is a space: it may come from outside.
    """

    title: str
    items: Sequence[str] | Mapping[str, str]
    then: Target | None = None
    back: bool = True
    home: bool = True

    def __post_init__(self) -> None:
        _check_text("title", self.title)
        if isinstance(self.items, (str, bytes)) or not isinstance(self.items, (Mapping, Sequence)):
            raise WrongType(f"items: expected a list or a mapping, not {type(self.items).__name__}")
        for part in (*self.items, *(self.items.values() if isinstance(self.items, Mapping) else ())):
            if not isinstance(part, str):
                raise WrongType(f"items: expected str, not {type(part).__name__}")


@dataclass(frozen=True, slots=True)
class Again:
    """What was shown is shown again, with `text` above it: the entry was not taken.

    Where there is no room for both, `text` stands in place of the title or the question, and is cut if it has to be.
    """

    text: str = ""


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise WrongType(f"{name}: expected str, not {type(value).__name__}")
    if not value.strip():
        raise InvalidInput(f"{name}: is empty")


Widget = Menu | Ask | Pages
_WIDGETS: dict[str, type[Widget]] = {"Menu": Menu, "Ask": Ask, "Pages": Pages}


class Move(NamedTuple):
    """Where an entry leads: to a `screen`, with its `entry` or None; to another look at the `view`; or elsewhere."""

    to: Literal["screen", "view", "back", "home", "end"]
    screen: str = ""
    entry: str | None = None
    view: View | None = None
    above: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds a view: the words, the room for its text, and how many views it leads back to."""

    words: Words = field(default_factory=Words)
    limit: int = DEFAULT_LIMIT
    depth: int = 0

    def ways(self, *, back: bool, home: bool) -> dict[str, str]:
        """The keys that lead back and home, as far as there is somewhere to go, with their labels."""
        ways = {}
        if back and self.depth:
            ways[_BACK] = self.words.back
        if home and self.depth > 1:
            ways[_HOME] = self.words.home
        return ways

    def move(self, entry: str, *, back: bool, home: bool) -> Move | None:
        """Where a key for back or home leads, be it shown or not: `00` is known from elsewhere."""
        if entry == _BACK and back and self.depth:
            return Move("back")
        if entry == _HOME and home and self.depth:
            return Move("home")
        return None


@dataclass(frozen=True, slots=True)
class View:
    """A widget as it is shown: by which screen, which of its pages, and after how many tries."""

    widget: Widget
    screen: str
    page: int = 0
    tried: int = 0

    @classmethod
    def made(cls, widget: Widget, screen: str, name_of: Callable[[Target], str]) -> View:
        """A view of what a screen returned, with the names of the screens that it leads to."""
        match widget:
            case Menu(options=options):
                named = {key: (label, name_of(target)) for key, (label, target) in options.items()}
                widget = replace(widget, options=named)
            case Ask(then=then):
                widget = replace(widget, then=name_of(then) if then else None)
            case Pages(items=items, then=then):
                plain = dict(items) if isinstance(items, Mapping) else list(items)
                widget = replace(widget, items=plain, then=name_of(then) if then else None)
        return cls(widget, screen)

    def state(self) -> dict[str, Any]:
        """The view as JSON has it."""
        shown = {part.name: getattr(self.widget, part.name) for part in fields(self.widget)}
        widget = [type(self.widget).__name__, shown]
        return {"widget": widget, "screen": self.screen, "page": self.page, "tried": self.tried}

    @classmethod
    def of(cls, state: dict[str, Any]) -> View:
        """The view of what `state` gave."""
        kind, shown = state["widget"]
        return cls(**{**state, "widget": _WIDGETS[kind](**shown)})

    def text(self, frame: Frame, above: str = "") -> str:
        """What the handset shows, with `above` on top, or in place of the title, and cut where there is no room."""
        match self.widget:
            case Menu(title, options):
                keys = frame.ways(back=self.widget.back, home=self.widget.home)
                lines = [title, *_numbered({key: label for key, (label, _) in options.items()})]
                lines += _numbered({key: label for key, label in keys.items() if key not in options})
            case Ask(prompt):
                lines = [prompt, *_numbered(frame.ways(back=self.widget.back, home=self.widget.back))]
            case Pages():
                lines = _pages(self.widget, frame)[self.page][2]
        shorter = [above[:length] + _CUT for length in range(min(len(above), frame.limit) - 1, 0, -1)]
        for shown in [[above, *lines], *([text, *lines[1:]] for text in (above, *shorter))] if above else []:
            text = "\n".join(shown)
            if fits(text, frame.limit):
                return text
        return "\n".join(lines)

    def take(self, entry: str, frame: Frame) -> Move:
        """Where `entry` leads."""
        match self.widget:
            case Menu(_, options):
                chosen = next((key for key in options if key.casefold() == entry.casefold()), None)
                if chosen is not None:
                    return Move("screen", str(options[chosen][1]))
                move = frame.move(entry, back=self.widget.back, home=self.widget.home)
            case Ask(_, then, pattern, wrong, back=back):
                if not (back and entry in (_BACK, _HOME)):
                    if pattern and not re.fullmatch(pattern, entry):
                        return self.again(wrong or frame.words.not_taken, frame)
                    return Move("screen", str(then or self.screen), entry)
                move = frame.move(entry, back=True, home=True)
            case Pages():
                move = self._turn(self.widget, entry, frame)
        return move or self.again(frame.words.no_such_choice, frame)

    def again(self, above: str, frame: Frame) -> Move:
        """The same view once more, or the end if there were too many tries."""
        if isinstance(self.widget, Ask) and self.widget.tries is not None:
            if self.tried + 1 >= self.widget.tries:
                return Move("end", above=frame.words.too_often)
            return Move("view", view=replace(self, tried=self.tried + 1), above=above)
        return Move("view", view=self, above=above)

    def _turn(self, widget: Pages, entry: str, frame: Frame) -> Move | None:
        pages = _pages(widget, frame)
        if entry == _MORE and self.page + 1 < len(pages):
            return Move("view", view=replace(self, page=self.page + 1))
        if entry == _BACK and self.page:
            return Move("view", view=replace(self, page=self.page - 1))
        start, count, _ = pages[self.page]
        if widget.then and entry in map(str, range(1, count + 1)):
            return Move("screen", str(widget.then), list(widget.items)[start + int(entry) - 1])
        return frame.move(entry, back=widget.back, home=widget.home)


def _numbered(labels: Mapping[str, str]) -> list[str]:
    return [f"{key}. {label}" for key, label in labels.items()]


def _pages(widget: Pages, frame: Frame) -> list[tuple[int, int, list[str]]]:
    """Of each page where it starts in the list, how many items it has, and its lines."""
    items = widget.items.values() if isinstance(widget.items, Mapping) else widget.items
    shown = (UNSHOWABLE.sub(" ", item).replace("\n", " ") for item in items)
    # Each character takes one at least, so that no more of a label can be shown.
    labels = [label if len(label) <= frame.limit else label[: frame.limit] + _CUT for label in shown]
    more = _numbered({_MORE: frame.words.more})
    pages: list[tuple[int, int, list[str]]] = []
    start = 0
    while not pages or start < len(labels):
        ways = frame.ways(back=widget.back, home=widget.home)
        if pages:
            # One page back; and many pages on, it is a long way home.
            ways = {_BACK: frame.words.back, **({_HOME: frame.words.home} if widget.home and frame.depth else {})}
        back = _numbered(ways)

        def lines(count: int, *foot: str, start: int = start) -> list[str]:
            shown = labels[start : start + count]
            if widget.then:
                shown = _numbered({str(number): label for number, label in enumerate(shown, 1)})
            return [widget.title, *shown, *foot]

        def fit(count: int, *foot: str) -> bool:
            return fits("\n".join(lines(count, *foot)), frame.limit)

        left = len(labels) - start
        # A character for each item at least, and a newline.
        if left <= frame.limit and fit(left, *back):
            pages.append((start, left, lines(left, *back)))
            break
        count = 1
        while fit(count + 1, *more, *back):
            count += 1
        foot = back if count == left else [*more, *back]
        while labels[start].removesuffix(_CUT) and not fit(1, *foot):
            labels[start] = labels[start].removesuffix(_CUT)[:-1] + _CUT
        pages.append((start, count, lines(count, *foot)))
        start += count
    return pages
