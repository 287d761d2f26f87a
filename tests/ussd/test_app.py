"""Screens: menus, back and home, questions and lists, and what an application answers whatever it is sent."""

from __future__ import annotations

import decimal
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy.errors import InvalidInput, RequestError
from mspace_legacy.ussd import (
    Again,
    Ask,
    Continue,
    Dialler,
    End,
    Entries,
    Menu,
    Pages,
    Session,
    SqliteSessions,
    UssdApp,
    UssdRequest,
    Words,
    fits,
    read_answer,
    write_request,
)

FAILED = f"END {Words().failed}"
TOWNS = {f"t{number}": f"Town of the number {number}" for number in range(1, 24)}


def shop(**settings: Any) -> UssdApp:
    """A shop: a balance, a payment, a list of towns."""
    app = UssdApp(**settings)

    @app.start
    def home(session: Session) -> Menu:
        return Menu("Duka", {"1": ("Balance", balance), "2": ("Pay", amount), "3": ("Towns", towns)})

    @app.screen
    def balance(session: Session) -> End:
        return End(f"KES 5 for {session.msisdn}")

    @app.screen
    def amount(session: Session) -> Ask:
        return Ask("Amount?", then=confirm, pattern="[0-9]{1,6}", wrong="Digits only.", back=True)

    @app.screen
    def confirm(session: Session, entry: str | None) -> Menu | Again:
        if entry is not None:
            if int(entry) > 1000:
                return Again("At most 1000.")
            session.data["amount"] = int(entry)
        return Menu(f"Pay {session.data['amount']}?", {"1": ("Yes", "paid")})

    @app.screen
    def paid(session: Session) -> End:
        return End(f"Paid {session.data['amount']} at step {session.step}")

    @app.screen
    def towns(session: Session) -> Pages:
        return Pages("Town?", TOWNS, then=town)

    @app.screen
    def town(session: Session, entry: str | None) -> End:
        return End(f"Town {entry}")

    return app


BOTH: list[Entries] = ["joined", "alone"]


@pytest.fixture(params=BOTH)
def phone(request: pytest.FixtureRequest) -> Dialler:
    return Dialler(shop(entries=request.param), entries=request.param)


# Both ways of entries


def test_a_menu_leads_to_its_screens(phone: Dialler) -> None:
    assert phone.dial("*384#").text == "Duka\n1. Balance\n2. Pay\n3. Towns"
    assert phone.enter("1").text == "KES 5 for 254722000000"
    assert phone.ended


def test_what_is_no_choice_shows_the_menu_again(phone: Dialler) -> None:
    menu = phone.dial().text
    for entry in ("9", "0", "00", "1*1", "", "pay", "1.0", "\N{ARABIC-INDIC DIGIT ONE}"):
        assert phone.enter(entry).text in (f"That is not one of the choices.\n{menu}", menu)
    assert phone.enter(" 2 ").text == "Amount?\n0. Back"


def test_an_entry_is_validated_and_asked_again(phone: Dialler) -> None:
    phone.dial().enter("2")
    assert phone.enter("abc").text == "Digits only.\nAmount?\n0. Back"
    assert phone.enter("5000").text == "At most 1000.\nAmount?\n0. Back"
    assert phone.enter("500").text == "Pay 500?\n1. Yes\n0. Back\n00. Home"
    assert phone.enter("1").text == "Paid 500 at step 6"


def test_the_keys_for_back_and_home_are_never_entries_of_a_question_that_has_them(phone: Dialler) -> None:
    start = phone.dial().text
    assert phone.enter("2").enter("00").text == start

    app = UssdApp()

    @app.start
    def pin(session: Session, entry: str | None = None) -> Ask | End:
        return End(f"PIN {entry}") if entry else Ask("PIN?", back=True, tries=None)

    asked = Dialler(app).dial()
    for key in ("0", "00"):
        assert asked.enter(key).text == "That is not one of the choices.\nPIN?"
    assert asked.enter("000").text == "PIN 000"


def test_many_pages_on_it_is_one_key_home(phone: Dialler) -> None:
    start = phone.dial().text
    phone.enter("3").enter("98").enter("98")
    assert phone.text.endswith("0. Back\n00. Home")
    assert phone.enter("00").text == start


def test_a_label_of_any_length_is_cut() -> None:
    app = UssdApp()

    @app.start
    def home(session: Session) -> Pages:
        return Pages("Who?", ["x" * 300_000, "y"], then="home")

    text = Dialler(app).dial().text
    assert text.startswith("Who?\n1. xxx")
    assert "xx..\n" in text
    assert fits(text)


def test_tries_are_limited(phone: Dialler) -> None:
    phone.dial().enter("2").enter("abc").enter("5000")
    assert phone.enter("abc").text == "Too many attempts. Please dial again."
    assert phone.ended


def test_back_shows_what_was_shown_before_and_home_the_start(phone: Dialler) -> None:
    start = phone.dial().text
    asked = phone.enter("2").text
    phone.enter("500")
    assert phone.enter("0").text == asked
    assert phone.enter("70").text.startswith("Pay 70?")
    assert phone.enter("00").text == start
    assert phone.enter("2").enter("0").text == start
    assert phone.enter("0").text.startswith("That is not one"), "there is nothing before the start"


def test_a_long_list_has_pages_that_fit(phone: Dialler) -> None:
    first = phone.dial().enter("3").text
    assert first.startswith("Town?\n1. Town of the number 1\n")
    assert first.endswith("\n98. More\n0. Back")
    seen = [first]
    while "98. More" in phone.text:
        seen.append(phone.enter("98").text)
    labels = [line.partition(". ")[2] for page in seen for line in page.splitlines()[1:]]
    assert [label for label in labels if label not in ("More", "Back", "Home")] == list(TOWNS.values())
    assert all(fits(page) for page in seen)
    assert "98" in phone.text or phone.enter("98").text.startswith("That is not one")
    assert phone.enter("0").text == seen[-2]
    shown = [line for line in seen[-2].splitlines() if line.startswith("2. ")]
    assert shown == [f"2. {TOWNS[phone.enter('2').text.removeprefix('Town ')]}"]


@pytest.mark.parametrize(("length", "pages"), [(179, 1), (180, 2)])
def test_a_list_that_just_fits_is_one_page(length: int, pages: int) -> None:
    app = UssdApp()

    @app.start
    def start(session: Session) -> Pages:
        return Pages("T", ["a" * 4, "b" * (length - 4)])

    assert ("98. More" in Dialler(app).dial().text) is (pages > 1)


def test_back_from_the_first_page_leads_to_the_menu(phone: Dialler) -> None:
    start = phone.dial().text
    assert phone.enter("3").enter("98").enter("0").enter("0").text == start


def test_the_same_entry_several_times_is_as_many_steps() -> None:
    app = UssdApp(entries="alone")

    @app.start
    def count(session: Session, entry: str | None) -> Continue:
        session.data["count"] = session.data.get("count", 0) + 1
        return Continue(str(session.data["count"]))

    assert Dialler(app, entries="alone").dial().enter("1").enter("1").enter("1").text == "4"


def test_entries_of_one_kind_sent_to_the_other_are_refused_in_words() -> None:
    phone = Dialler(shop(entries="joined"), entries="alone").dial().enter("2")
    with pytest.raises(RequestError, match="joined by '\\*', or is each sent alone"):
        phone.enter("500")


# Entries joined


def asking(**settings: Any) -> UssdApp:
    app = UssdApp(**settings)

    @app.start
    def ask(session: Session) -> Ask:
        return Ask("Name?", then=greet)

    @app.screen
    def greet(session: Session, entry: str | None) -> Ask:
        session.data.setdefault("names", []).append(entry)
        return Ask(f"{session.data['names']}", then=greet)

    return app


def test_an_entry_may_hold_an_asterisk() -> None:
    assert Dialler(asking()).dial().enter("a*b").enter("*").enter("c").text == "['a*b', '*', 'c']"


def test_what_is_dialled_along_walks_through_the_screens() -> None:
    phone = Dialler(shop(shortcuts=True)).dial("*384*2*70#", service_code="*384#")
    assert phone.text == "Pay 70?\n1. Yes\n0. Back\n00. Home"
    assert phone.enter("0").text == "Amount?\n0. Back"
    assert phone.enter("80").enter("1").text == "Paid 80 at step 4"


def test_walking_ends_at_an_entry_that_is_not_taken() -> None:
    """Else what was meant for one screen would be entered in another."""
    assert (
        Dialler(shop(shortcuts=True))
        .dial("*384*9*1#", service_code="*384#")
        .text.startswith("That is not one of the choices.")
    )
    phone = Dialler(shop(shortcuts=True)).dial("*384*2*5000*1#", service_code="*384#")
    assert phone.text == "At most 1000.\nAmount?\n0. Back"
    assert Dialler(shop(shortcuts=True)).dial("*384*1*1*1#", service_code="*384#").text.startswith("KES 5")


@pytest.mark.parametrize("entries", BOTH)
@pytest.mark.parametrize(
    ("entry", "shown"), [("*384#", "Duka"), ("*384*2#", "Amount?"), ("*384*2*70#", "Pay 70?"), ("*999#", "Duka")]
)
def test_the_first_entry_may_be_the_whole_of_what_was_dialled(entries: Entries, entry: str, shown: str) -> None:
    answer = shop(entries=entries, shortcuts=True).answer(UssdRequest("254722000000", "s1", "*384#", entry))
    assert answer.text.splitlines()[0 if shown != "Duka" or entry != "*999#" else -4] == shown


def test_a_first_entry_that_comes_alone_is_not_taken_for_a_choice() -> None:
    """It may be a PIN, of a session that was forgotten meanwhile."""
    answer = shop(entries="alone").answer(UssdRequest("254722000000", "s1", "*384#", "1"))
    assert answer.text.startswith("Duka")


def test_without_shortcuts_an_unknown_session_begins_at_its_beginning() -> None:
    """Else a step that is delivered again when its session is forgotten would act again."""
    app = shop()
    request = UssdRequest("254722000000", "s1", "*384#", "2*70*1")
    assert app.answer(request).text.startswith("Duka")
    assert app.answer(UssdRequest("254722000000", "s1", "*384#", "2*70*1*2")).text.startswith("Amount?")


def test_more_is_dialled_at_once_than_any_handset_could() -> None:
    with pytest.raises(RequestError, match="more than 20"):
        shop(shortcuts=True).answer(UssdRequest("254722000000", "s1", "*384#", "1*" * 30))


# Screens


def test_continue_comes_back_to_its_screen() -> None:
    app = UssdApp()

    @app.start
    def echo(session: Session, entry: str | None) -> Continue | Any:
        if entry is None:
            return Continue("Say something")
        return Continue(f"You said {entry!r}") if entry != "bye" else bye

    @app.screen
    def bye(session: Session) -> End:
        return End("Bye")

    phone = Dialler(app).dial()
    assert phone.enter("").text == "Say something", "joined, an empty entry is no step"
    assert phone.enter("hi").text == "You said 'hi'"
    assert phone.enter("bye").text == "Bye"


def test_options_may_take_the_keys_of_back_and_home() -> None:
    app = UssdApp()

    @app.start
    def first(session: Session) -> Menu:
        return Menu("First", {"1": ("On", second)})

    @app.screen
    def second(session: Session) -> Menu:
        return Menu("Second", {"0": ("Exit", leave), "A": ("Again", second)}, home=False)

    @app.screen
    def leave(session: Session) -> End:
        return End("Left")

    phone = Dialler(app).dial().enter("1").enter("a")
    assert phone.text == "Second\n0. Exit\nA. Again"
    assert phone.enter("0").text == "Left"


def test_the_words_are_the_applications() -> None:
    words = Words(back="Rudi", home="Mwanzo", more="Zaidi", no_such_choice="Chagua tena.")
    phone = Dialler(shop(words=words)).dial().enter("2").enter("5")
    assert phone.text == "Pay 5?\n1. Yes\n0. Rudi\n00. Mwanzo"
    assert phone.enter("7").text.startswith("Chagua tena.\n")


def test_back_remembers_many_views_and_the_first_one_always() -> None:
    app = UssdApp()

    @app.start
    def first(session: Session) -> Menu:
        return Menu("First", {"1": ("On", other)})

    @app.screen
    def other(session: Session) -> Menu:
        return Menu(f"Step {session.step}", {"1": ("On", other)})

    phone = Dialler(app).dial()
    for _ in range(40):
        phone.enter("1")
    for _ in range(20):
        phone.enter("0")
    assert phone.text.startswith("First")


def test_a_line_above_takes_the_place_of_the_title_where_there_is_no_room() -> None:
    app = UssdApp(limit=40, words=Words(failed="Failed", too_often="Enough"))

    @app.start
    def full(session: Session) -> Menu:
        return Menu("a" * 30, {"1": ("Go", full)})

    assert Dialler(app, limit=40).dial().enter("9").text == "That is not one of the choices.\n1. Go"


def test_a_line_above_is_cut_where_there_is_no_room_for_all_of_it() -> None:
    app = UssdApp(limit=40, words=Words(failed="Failed", too_often="Enough"))

    @app.start
    def start(session: Session) -> Menu:
        return Menu("Go", {"1": ("On", amount)})

    @app.screen
    def amount(session: Session, entry: str | None) -> Ask | Again:
        return Again("Please give whole shillings only, and no cents.") if entry else Ask("How much?", back=True)

    phone = Dialler(app, limit=40).dial().enter("1").enter("x")
    assert phone.text == "Please give whole shillings on..\n0. Back"


@given(
    st.lists(st.text(max_size=90), max_size=30),
    st.booleans(),
    st.integers(60, 182),
)
def test_pages_of_any_labels_fit_and_lose_none(labels: list[str], chosen: bool, limit: int) -> None:
    app = UssdApp(limit=limit, words=Words(failed="Failed", too_often="Enough"))

    @app.start
    def start(session: Session) -> Menu:
        return Menu("Go", {"1": ("On", pages)})

    @app.screen
    def pages(session: Session) -> Pages:
        return Pages("Pick", {str(n): label for n, label in enumerate(labels)}, then=picked if chosen else None)

    @app.screen
    def picked(session: Session, entry: str | None) -> End:
        return End(f"={entry}")

    phone = Dialler(app, limit=limit).dial().enter("1")
    count = 0
    while True:
        foot = [line for line in phone.text.split("\n") if line in ("98. More", "0. Back", "00. Home")]
        count += len(phone.text.split("\n")) - 1 - len(foot)
        if foot[0] != "98. More":
            break
        phone.enter("98")
    assert count == len(labels)
    if chosen and labels:
        last = phone.text.split("\n")[-1 - len(foot)].partition(".")[0]
        assert phone.enter(last).text == f"={len(labels) - 1}"


# What is wrong in an application


def broken(returned: Any) -> UssdApp:
    app = UssdApp()

    @app.start
    def start(session: Session) -> Any:
        return returned() if callable(returned) and returned.__name__ == "<lambda>" else returned

    return app


def stranger(session: Session) -> None:
    """No screen."""


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        (None, "start.*nothing: is a `return` missing"),
        (3, r"start.*int, which is no screen: it takes End\("),
        ("nowhere", "'nowhere', which is no screen"),
        (stranger, "stranger, which is no screen"),
        (lambda: Menu("x", {"1": ("y", stranger)}), "stranger, which is no screen"),
        (lambda: Menu("x", {}), "options"),
        (lambda: Menu("x", {"1": "y"}), "options"),  # type: ignore[dict-item]  # the test is of just this
        (lambda: Menu("", {"1": ("y", "start")}), "title: is empty"),
        (lambda: Ask("x", pattern="["), "pattern"),
        (lambda: Ask("x", tries=0), "tries"),
        (lambda: Pages("x", "abc"), "items"),
        (lambda: Pages("x", [1]), "items"),  # type: ignore[list-item]  # as above
        (lambda: End(""), "text: is empty"),
        (lambda: End("a\x07b"), r"U\+0007"),
        (lambda: Continue("a" * 183), "183 of 182"),
        (lambda: Menu("a" * 180, {"1": ("y", "start")}), "too long"),
        (lambda: Pages("a" * 182, ["b"]), "too long"),
        (lambda: Again("x"), "Again"),
        (lambda: "start", "without end"),
    ],
)
def test_a_developer_is_told_and_a_user_gets_an_end(returned: Any, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        Dialler(broken(returned)).dial()
    assert broken(returned).respond(write_request(UssdRequest("254722000000", "s1", "*384#", ""))) == FAILED


def test_an_application_has_a_start() -> None:
    with pytest.raises(InvalidInput, match=r"@app\.start"):
        Dialler(UssdApp()).dial()


@pytest.mark.parametrize(
    "entry", ["01", "+1", "1.", "\N{ARABIC-INDIC DIGIT ONE}", "9999999999999999999999", "-1", "3", "1 1"]
)
def test_what_is_no_item_of_a_page_is_no_choice(entry: str) -> None:
    app = UssdApp()

    @app.start
    def start(session: Session) -> Pages:
        return Pages("T", ["a", "b"], then=chosen)

    @app.screen
    def chosen(session: Session, entry: str) -> End:
        return End(f"took {entry}")

    phone = Dialler(app).dial()
    assert phone.enter(entry).text.startswith("That is not one of the choices.")
    assert phone.enter("1").text == "took a"


@pytest.mark.parametrize("value", [{1: "x"}, (1,), [(1,)], {"a": {None: 1}}])
def test_data_that_json_changes_is_refused(value: Any) -> None:
    """It would be another at the next step."""
    app = UssdApp()

    @app.start
    def start(session: Session) -> Ask:
        session.data["kept"] = value
        return Ask("?", then=start)

    with pytest.raises(InvalidInput, match=r"session\.data holds what JSON changes"):
        Dialler(app).dial()


@pytest.mark.parametrize("value", [decimal.Decimal(1), {1, 2}, float("nan"), [float("inf")], b"x"])
def test_data_is_what_json_can_hold(value: object) -> None:
    app = UssdApp()

    @app.start
    def start(session: Session) -> Continue:
        session.data["it"] = value
        return Continue("x")

    with pytest.raises(InvalidInput, match=r"session\.data holds what JSON can't"):
        Dialler(app).dial()


def test_what_is_no_screen_is_not_registered() -> None:
    app = shop()
    with pytest.raises(InvalidInput, match="'home' already"):
        app.start(stranger)
    with pytest.raises(InvalidInput, match="name of its own"):
        app.screen(lambda session: None)
    with pytest.raises(InvalidInput, match="function of the session"):

        @app.screen
        def none() -> None: ...

    with pytest.raises(InvalidInput, match="not async"):

        @app.screen
        async def later(session: Session) -> None: ...

    app.screen(stranger)
    with pytest.raises(InvalidInput, match="'stranger' already"):
        app.screen(stranger)


@pytest.mark.parametrize(
    "settings",
    [{"entries": "both"}, {"limit": 0}, {"expiry": 0}, {"longest_step": -1}, {"repeat_window": -1}, {"country": "XX"},
     {"words": Words(failed="")}, {"words": Words(failed="x" * 200)}, {"words": Words(too_often="")}],
)  # fmt: skip
def test_settings_are_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        UssdApp(**settings)


def test_the_limit_of_the_application_is_that_of_its_screens() -> None:
    app = UssdApp(limit=160)

    @app.start
    def start(session: Session) -> End:
        return End("a" * 161)

    with pytest.raises(InvalidInput, match="161 of 160"):
        Dialler(app).dial()


# In production


def step(entry: str = "", *, session: str = "s1", number: str = "254722123456") -> bytes:
    return write_request(UssdRequest(number, session, "*384#", entry))


def test_a_failing_screen_ends_the_session_and_logs_no_number(caplog: pytest.LogCaptureFixture) -> None:
    app = asking()

    @app.screen
    def fail(session: Session, entry: str | None) -> None:
        raise KeyError(f"{session.msisdn} has no PIN {entry}")

    app._screens["greet"] = app._screens["fail"]
    caplog.set_level(logging.DEBUG)
    assert app.respond(step()) == "CON Name?"
    assert app.respond(step("4321")) == FAILED
    assert app.respond(step("4321")) == FAILED
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    told = logging.Formatter().format(record)
    assert "KeyError" in told
    assert f"test_app.py:{fail.__code__.co_firstlineno + 2} fail" in told
    for secret in ("22123456", "4321"):
        assert secret not in told
    assert app.respond(step("4321*1")) == FAILED, "it has ended"


def test_a_developer_sees_what_a_screen_raised() -> None:
    app = UssdApp()

    @app.start
    def start(session: Session) -> End:
        return End(f"{1 / 0}")

    phone = Dialler(app)
    with pytest.raises(ZeroDivisionError):
        phone.dial()
    assert phone.ended
    assert "ZeroDivisionError" in str(phone)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"null", b"\xff", b"[" * 5000, b"x" * 100_000, "text", None, 5, {"MSISDN": 1},
     step().replace(b"254722123456", b"Jane 4321"), step("1*2").replace(b'"1*2"', b'{"a": 4321}')],
)  # fmt: skip
def test_any_body_has_an_answer_and_no_value_is_logged(body: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert shop().respond(body) == FAILED
    assert "a step was refused" in caplog.text
    assert "4321" not in caplog.text


@given(st.binary() | st.text() | st.builds(json.dumps, st.dictionaries(st.text(), st.text() | st.integers())))
def test_respond_raises_nothing(body: bytes | str) -> None:
    assert read_answer(SHOP.respond(body))


SHOP = shop()
entered = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["1", "2", "98", "0", "00"]
)


@given(st.lists(entered, max_size=12), st.sampled_from(BOTH))
def test_any_entries_have_answers_that_can_be_shown(entries: list[str], kind: Entries) -> None:
    phone = Dialler(shop(entries=kind), entries=kind).dial()
    for entry in entries:
        if phone.ended:
            break
        phone.enter(entry)
    assert fits(phone.text)


def test_a_store_that_fails_is_no_reason_to_raise(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(SqliteSessions):
        def load(self, session_id: str) -> None:
            raise OSError(f"disk of {session_id}")

    assert shop(sessions=Failing(tmp_path / "sessions")).respond(step(session="id-77")) == FAILED
    assert "OSError" in caplog.text
    assert "id-77" not in caplog.text


def test_a_session_prints_neither_number_nor_data() -> None:
    printed = repr(Session("254722123456", "s1", "*384#", 2, {"pin": "4321"}))
    assert "22123456" not in printed
    assert "4321" not in printed
