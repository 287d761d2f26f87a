"""The dev phone in a real browser: what people see, do, and must not be done to."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import flask
import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from werkzeug.serving import make_server

from mspace_legacy import OutcomeUnknown
from mspace_legacy.emulator import Account, Emulator, Ledger, UssdCode
from mspace_legacy.emulator.phone import serving_phone
from mspace_legacy.errors import ServerError
from mspace_legacy.models import SendText
from mspace_legacy.secrets import Secret
from mspace_legacy.smpp.client import Transmitter
from mspace_legacy.testing.running import RunningEmulator
from tests.emulator.clock import Clock
from tests.smpp.smsc import eventually

NASTY = "<script>window.executed = 1</script><img src=x onerror='window.executed = 2'>"


@pytest.fixture
def emulator(clock: Clock) -> Iterator[RunningEmulator]:
    with RunningEmulator(Ledger(delivery_delay=10, clock=clock)) as running:
        yield running


class Page:
    """The phone's page as a person uses it: what is not on the screen is not there."""

    def __init__(self, browser: Chrome, url: str) -> None:
        self.browser = browser
        browser.get(url)
        # A page that was loaded again would have lost it.
        browser.execute_script("window.loadedOnce = true")
        self.sees("#connection", "Live")

    def __enter__(self) -> Page:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        is_the_same = self.is_the_same
        # Before the emulator goes, of which it would complain.
        self.browser.get("about:blank")
        assert kind or is_the_same, "it was loaded again, or something of it was executed"

    def all(self, css: str) -> list[WebElement]:
        return [element for element in self.browser.find_elements(By.CSS_SELECTOR, css) if element.is_displayed()]

    def one(self, css: str) -> WebElement:
        eventually(lambda: self.all(css))
        return self.all(css)[0]

    def texts(self, css: str) -> list[str]:
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter(e => e.checkVisibility()).map(e => e.innerText.trim())",
            css,
        )
        return found

    def sees(self, css: str, text: str) -> None:
        try:
            eventually(lambda: any(text in shown for shown in self.texts(css)))
        except AssertionError:
            raise AssertionError(f"no {text!r} in {css}: {self.texts(css)}") from None

    def click(self, css: str) -> None:
        self.one(css).click()

    def look(self, view: str) -> None:
        self.click(f"nav button[data-view={view}]")

    def fill(self, css: str, text: str) -> None:
        field = self.one(css)
        field.clear()
        field.send_keys(text)

    def run(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(script, *arguments)

    def keys(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    @property
    def focused(self) -> str:
        """The id of what has the focus, or its text."""
        return str(self.run("const e = document.activeElement; return e.id || e.innerText.trim()"))

    @property
    def is_the_same(self) -> bool:
        return bool(self.run("return window.loadedOnce === true && window.executed === undefined"))


@pytest.fixture
def page(quiet_browser: Chrome, emulator: RunningEmulator) -> Iterator[Page]:
    with Page(quiet_browser, emulator.phone_url) as page:
        yield page


def send(emulator: RunningEmulator, text: str, recipients: str = "0722000000") -> None:
    emulator.jar_client().sendText_JSON(str, "demo", "demo-password", "MSPACE", recipients, text)


# Messages


def test_a_message_is_there_the_moment_it_is_sent(page: Page, emulator: RunningEmulator) -> None:
    page.sees("#no-conversations", "Nothing was sent yet")
    send(emulator, "Habari / 100% 😀 " + "a" * 100)
    page.sees("#conversation-list", "254722000000")
    page.sees("#bubbles .sender", "MSPACE")
    page.sees("#bubbles .bubble", "Habari / 100% 😀 aaa")
    page.sees("#bubbles .facts", "2 segments, 2 credits")
    page.sees("#bubbles .facts", "by demo")
    page.sees("#bubbles .state", "Submitted")
    eventually(lambda: "New message to 254722000000 from MSPACE" in str(page.run("return announcer.textContent")))
    send(emulator, "Another", "0733000000")
    page.sees("#conversation-list", "254733000000")
    assert "Another" not in page.texts("#bubbles .bubble"), "it is of another conversation"
    page.click("#conversation-list li:first-child button")
    page.sees("#thread-title", "254733000000")
    assert page.texts("#bubbles .bubble") == ["Another"]


def test_a_message_over_smpp_is_there_too(page: Page, emulator: RunningEmulator) -> None:
    with Transmitter("127.0.0.1", emulator.smpp_port, "demo", "smpp-pwd") as transmitter:
        transmitter.send("DEMO", "254722000000", "Over SMPP")
    page.sees("#bubbles .bubble", "Over SMPP")
    page.click("#bubbles .facts a")
    page.sees("#exchange-request", "submit_sm")
    page.sees("#exchange-reply", "submit_sm_resp")


def test_the_state_changes_as_it_does(page: Page, emulator: RunningEmulator, clock: Clock) -> None:
    send(emulator, "x", "0722000000")
    page.sees("#bubbles .state", "Submitted")
    send(emulator, "y", "254700000001")
    clock.now += 11
    page.sees("#bubbles .state", "Delivered")
    page.click("#conversation-list li:first-child button")
    page.sees("#bubbles .state", "Failed")


def test_what_came_from_outside_is_text(quiet_browser: Chrome) -> None:
    accounts = [
        Account(f"a{NASTY}", Secret("p"), Secret("k"), 1000, (NASTY,), reseller=True),
        Account(f"b{NASTY}", Secret("p"), Secret("k"), 1000, (NASTY,), sub_user_of=f"a{NASTY}"),
    ]
    emulator = Emulator(Ledger(accounts, delivery_delay=0))
    with (
        answering(f"CON {NASTY}") as callback,
        serving_phone(emulator) as url,
        Page(quiet_browser, url) as page,
    ):
        emulator.ledger.answer(SendText(f"a{NASTY}", NASTY, ("0722000000",), f"{NASTY}\x07\u202eevil\u200b\r\n2"))
        page.sees("#bubbles .sender", NASTY)
        page.sees("#bubbles .facts", f"by a{NASTY}")
        page.sees("#bubbles .bubble", f"{NASTY}U+0007U+202EevilU+200BU+000D\n2")
        page.sees("#conversation-list .last", "<script>")
        emulator.faults.add(f"sendtext=fail:{NASTY}")
        page.look("faults")
        page.sees("#fault-list code", f"sendtext=fail:{NASTY}")
        page.look("accounts")
        page.sees("#account-rows", f"b{NASTY}")
        page.look("ussd")
        page.fill("#new-code", "*384#")
        page.fill("#callback", f"{callback}?{'<img>'.replace('<', '%3C')}")
        page.click("#code-form button")
        page.sees("#codes", "*384#")
        page.click("#dial")
        page.sees("#screen", NASTY)
        page.click("#steps summary")
        page.sees("#steps pre", NASTY)
        assert page.is_the_same
        assert not page.run("return document.querySelectorAll('main img, main script').length")
    emulator.close()


def test_of_many_messages_the_newest_are_shown_and_older_ones_on_request(
    page: Page, emulator: RunningEmulator
) -> None:
    for number in range(120):
        emulator.ledger.answer(SendText("demo", "MSPACE", ("0722000000",), f"message {number}"))
    page.sees("#bubbles .bubble", "message 119")
    assert len(page.texts("#bubbles li")) == 50
    page.run("document.getElementById('scroll').scrollTop = 0")
    page.click("#older")
    eventually(lambda: len(page.texts("#bubbles li")) == 100)
    page.click("#older")
    page.sees("#bubbles .bubble", "message 0")
    page.sees("#thread-count", "120 messages")
    # Who reads further up is not taken away from there.
    page.run("document.getElementById('scroll').scrollTop = 0")
    emulator.ledger.answer(SendText("demo", "MSPACE", ("0722000000",), "one more"))
    page.sees("#bubbles .bubble", "one more")
    assert page.run("return document.getElementById('scroll').scrollTop") == 0


def test_thousands_of_messages_leave_the_page_usable(quiet_browser: Chrome) -> None:
    account = Account("demo", Secret("p"), Secret("k"), 10**6, ("MSPACE",))
    emulator = Emulator(Ledger([account], delivery_delay=0))
    for turn in range(4):
        numbers = tuple(f"07{turn}2{number:06}" for number in range(2000))
        emulator.ledger.answer(SendText("demo", "MSPACE", numbers, f"turn {turn}"))
    emulator.ledger.answer(SendText("demo", "MSPACE", ("0702000005",), "again"))
    with serving_phone(emulator) as url, Page(quiet_browser, url) as page:
        page.sees("#bubbles .bubble", "again")
        page.sees("#thread-count", "last 1 message")
        page.click("#older")
        page.sees("#bubbles .bubble", "turn 0")
        assert len(page.texts("#conversation-list li")) == 100
        for _ in range(2):
            shown = len(page.texts("#conversation-list li"))
            page.click("#more-conversations")
            eventually(lambda before=shown: len(page.texts("#conversation-list li")) == before + 100)  # type: ignore[misc]  # a default
        emulator.ledger.answer(SendText("demo", "MSPACE", ("0702000005",), "and now"))
        page.sees("#bubbles .bubble", "and now")
        page.fill("#find", "0732001999")
        eventually(lambda: page.texts("#conversation-list .name") == ["254732001999"])
        page.fill("#find", "nobody")
        page.sees("#no-conversations", "No number here is like that")
    emulator.close()


# Requests, accounts


def test_the_request_of_a_message_is_a_link_away_without_its_secret(page: Page, emulator: RunningEmulator) -> None:
    send(emulator, "Hi")
    page.click("#bubbles .facts a")
    page.sees("#exchange-request", "GET /mspaceservice/wr/sms/sendtext/username=demo/password=***/senderid=MSPACE")
    page.sees("#exchange-reply", "HTTP/1.1 200")
    assert page.focused == "close-exchange"
    page.keys(Keys.ESCAPE)
    eventually(lambda: not page.all("#exchange"))
    assert page.run("return location.hash") == ""
    assert page.focused == "Request 1"
    assert "demo-password" not in page.browser.page_source
    page.look("requests")
    page.sees("#exchanges li", "sendtext demo")
    with pytest.raises(Exception, match=r"(?i)sender"):
        emulator.v2_client().send_text("NOBODY", "0722000000", "x")
    page.sees("#exchanges li:first-child", "InvalidSenderId")


def test_balances_and_top_ups_are_there_as_they_change(page: Page, emulator: RunningEmulator) -> None:
    page.look("accounts")
    page.sees("#account-rows tr:first-child", "1,000")
    emulator.v2_client().top_up_sub_account("subuser1", 40)
    page.sees("#top-ups", "demo gave 40 credits to subuser1")
    page.sees("#account-rows tr:first-child", "960")
    page.sees("#account-rows tr:nth-child(2)", "sub-account of demo")
    page.sees("#account-rows tr:nth-child(2)", "60")


# Faults


def test_a_fault_is_turned_on_met_and_turned_off(page: Page, emulator: RunningEmulator) -> None:
    page.look("faults")
    Select(page.one("#operation")).select_by_visible_text("sendtext")
    Select(page.one("#kind")).select_by_visible_text("reset-after")
    page.sees("#kind-words", "the reply is lost")
    assert not page.all("#argument")
    page.fill("#times", "2")
    page.click("#fault-form button")
    page.sees("#fault-list", "sendtext=reset-after")
    page.sees("#fault-list", "2 times more")
    page.sees("#fault-count", "1")
    with pytest.raises(OutcomeUnknown):
        emulator.v2_client().send_text("MSPACE", "0722000000", "x")
    page.sees("#fault-list", "1 time more")
    page.sees("#bubbles .bubble", "x")
    page.click("#fault-list button")
    page.sees("#no-faults", "All is well")
    assert emulator.v2_client().send_text("MSPACE", "0722000000", "y").all_accepted
    Select(page.one("#operation")).select_by_visible_text("balance")
    Select(page.one("#kind")).select_by_visible_text("fail")
    page.fill("#argument", "internal service error")
    page.fill("#times", "")
    page.click("#fault-form button")
    page.sees("#fault-list", "balance=fail:internal service error")
    with pytest.raises(ServerError):
        emulator.v2_client().balance()


# USSD


class answering:  # noqa: N801  # used as a function
    """A callback in plain Flask, such as anybody writes: a menu, or the same `text` each time."""

    def __init__(self, text: str = "") -> None:
        app = flask.Flask("callback")
        self.bodies: list[dict[str, str]] = []

        @app.post("/ussd")
        def ussd() -> str:
            body = flask.request.get_json()
            self.bodies.append(body)
            steps = body["USSD_STRING"].split("*") if body["USSD_STRING"] else []
            if text:
                return text
            if not steps:
                return "CON Welcome to Duka\n1. Balance\n2. Airtime"
            if steps == ["1"]:
                return "CON Which account?\n1. Savings\n2. Current"
            if steps == ["1", "2"]:
                return f"END {body['MSISDN']}: KES 1,200.50"
            return "I do not know"

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.port}/ussd"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_a_menu_of_a_flask_program_is_walked_to_its_end(page: Page, emulator: RunningEmulator) -> None:
    callback = answering()
    with callback as url:
        emulator.ussd_codes.add(UssdCode("*384#", url))
        page.sees("#codes", "*384#")
        page.fill("#msisdn", "0722 000 001")
        page.click("#dial")
        page.sees("#screen", "Welcome to Duka\n1. Balance\n2. Airtime")
        assert page.focused == "entry"
        page.keys("1", Keys.ENTER)
        page.sees("#screen", "Which account?")
        page.keys("2", Keys.ENTER)
        page.sees("#screen", "254722000001: KES 1,200.50")
        page.sees("#screen", "the session has ended")
        assert not page.one("#entry").is_enabled()
        steps = page.texts("#steps .head")
        assert [step.split("\n")[0].split()[0] for step in steps] == ["*384#", "1", "2"]
        assert all(step.endswith(("ms", "s")) for step in steps)
        page.click("#steps li:last-child summary")
        page.sees("#steps pre", '"USSD_STRING": "1*2"')
        page.sees("#steps pre", "HTTP status 200")
        page.sees("#steps pre", "END 254722000001: KES 1,200.50")
    assert [body["USSD_STRING"] for body in callback.bodies] == ["", "1", "1*2"]


def test_an_answer_that_no_network_takes_ends_the_session(page: Page, emulator: RunningEmulator) -> None:
    with answering() as url:
        emulator.ussd_codes.add(UssdCode("*384#", url))
        page.click("#dial")
        page.sees("#screen", "Welcome to Duka")
        page.keys("9", Keys.ENTER)
        page.sees("#screen", "The session ended: ReplyError: the answer begins with neither 'CON ' nor 'END '")
        assert not page.one("#send").is_enabled()
        page.click("#dial")
        page.sees("#screen", "Welcome to Duka")
        page.click("#hang-up")
        page.sees("#screen", "Dial a code")


# By keyboard, on a small screen, by a screen reader, and when the emulator goes


def test_all_of_it_is_reached_by_keyboard(page: Page, emulator: RunningEmulator) -> None:
    send(emulator, "first")
    page.sees("#conversation-list", "254722000000")
    page.keys(Keys.TAB)
    assert page.focused == "Skip to the messages"
    page.keys(Keys.TAB, Keys.TAB, Keys.TAB, Keys.ENTER)
    page.sees("nav button[aria-current=page]", "Faults")
    reached = []
    for _ in range(40):
        page.keys(Keys.TAB)
        reached.append(page.focused)
        if page.focused == "Turn on":
            break
    for wanted in ("find", "scroll", "Request 1", "operation", "kind", "argument", "times", "Turn on"):
        assert wanted in reached
    page.keys(Keys.ENTER)
    page.sees("#fault-list", "sendtext=delay:2")
    assert page.focused == "Turn on"


def test_focus_stays_when_the_list_changes_its_order(page: Page, emulator: RunningEmulator) -> None:
    send(emulator, "x", "0722000000,0733000000,0744000000")
    eventually(lambda: len(page.texts("#conversation-list li")) == 3)
    page.run("document.querySelector('#conversation-list li:last-child button').focus()")
    before = page.focused
    assert before.startswith("254722000000")
    send(emulator, "y", "0722000000")
    eventually(lambda: page.texts("#conversation-list .name")[0] == "254722000000")
    assert page.focused.startswith("254722000000")


def small(browser: Chrome, width: int = 360) -> None:
    metrics = {"width": width, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@pytest.mark.parametrize("width", [320, 360, 700, 1000, 1200])
def test_it_fits_on_a_screen_of_any_width(page: Page, emulator: RunningEmulator, width: int) -> None:
    small(page.browser, width)
    send(emulator, "w" * 500 + " " + NASTY, "0722000000")
    emulator.faults.add("sendtext=fail:" + "w" * 300)
    emulator.ussd_codes.add(UssdCode("*384#", "http://127.0.0.1:1/" + "w" * 300))
    emulator.v2_client().top_up_sub_account("subuser1", 1)
    page.sees("#connection", "Live")
    if width < 680:
        page.click("#conversation-list button")
        page.sees("#bubbles .bubble", "www")
        assert page.focused == "back"
        page.click("#back")
        page.sees("#conversation-list", "254722000000")
    views = ["messages"] if width < 1140 else []
    for view in [*views, "ussd", "accounts", "faults", "requests"]:
        page.look(view)
        assert page.run("return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]") <= [
            page.run("return innerWidth"),
            page.run("return innerHeight"),
        ], view
        for box in page.run(
            "return [...document.querySelectorAll('main > section')].map(e => [e.scrollWidth, e.clientWidth])"
        ):
            assert box[0] <= box[1], view


# Colours and layout do not depend on each other, so that each is tried once.
@pytest.mark.parametrize(("scheme", "width"), [("dark", 360), ("light", 1440)])
def test_nothing_on_it_is_a_barrier(
    page: Page, emulator: RunningEmulator, clock: Clock, axe: str, scheme: str, width: int
) -> None:
    small(page.browser, width)
    media = {
        "features": [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
    }
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    with answering() as url:
        emulator.ussd_codes.add(UssdCode("*384#", url))
        send(emulator, "x", "0722000000,254700000001")
        clock.now += 11
        send(emulator, "\x07y", "0722000000,0733000000")
        emulator.v2_client().top_up_sub_account("subuser1", 1)
        emulator.faults.add("balance=html")
        page.run(axe)
        page.click("#conversation-list li[data-key$='254722000000'] button")
        page.sees("#bubbles .state", "Delivered")
        page.sees("#bubbles .state", "Submitted")
        look_for_barriers(page)
        page.look("ussd")
        page.click("#dial")
        page.sees("#screen", "Welcome")
        page.keys("9", Keys.ENTER)
        page.sees("#screen", "ended")
        page.click("#steps summary")
        look_for_barriers(page)
        for view in ("accounts", "faults", "requests"):
            page.look(view)
            look_for_barriers(page)
        page.click("#exchanges a")
        page.sees("#exchange-reply", "HTTP")
        look_for_barriers(page)


def look_for_barriers(page: Page) -> None:
    found = page.browser.execute_async_script(
        "const done = arguments[0]; axe.run().then(found => done(found.violations"
        ".map(v => [v.id, v.help, v.nodes.map(n => n.html + ' ' + n.failureSummary)])))"
    )
    assert found == []


def test_it_says_that_the_emulator_has_gone_and_goes_on_when_it_is_back(browser: Chrome) -> None:
    emulator = Emulator()
    emulator.faults.add("balance=delay:2")
    with serving_phone(emulator) as url:
        page = Page(browser, url)
        port = int(url.rstrip("/").rpartition(":")[2])
        emulator.ledger.answer(SendText("demo", "MSPACE", ("0722000000",), "before that"))
        page.sees("#bubbles .bubble", "before that")
    emulator.close()
    page.sees("#connection", "The emulator does not answer")
    again = Emulator()
    # All of it has the numbers that the other one had given to other things.
    again.faults.add("sendtext=truncate")
    with serving_phone(again, port=port):
        page.sees("#connection", "Live")
        again.ledger.answer(SendText("demo", "MSPACE", ("0722000000",), "after that"))
        page.sees("#bubbles .bubble", "after that")
        shown = browser.execute_script("return document.body.textContent")
        assert "before that" not in shown
        assert "sendtext=truncate" in shown.replace(" ", "") or "truncate" in shown
        assert "delay:2" not in shown
        assert page.is_the_same
    again.close()


# Pages of others

ATTACK = """<!doctype html><title>evil</title><body><script>
const phone = %(phone)s, service = %(service)s;
const sent = service + "/mspaceservice/wr/sms/sendtext/username=demo/password=demo-password/senderid=MSPACE"
  + "/recipient=0722000000/message=evil";
const fault = JSON.stringify({operation: "*", kind: "html"});
const told = {};
const attempt = async (name, work) => {
  try { told[name] = await work(); } catch (error) { told[name] = "blocked"; }
};
const read = (url, options) => async () => {
  const response = await fetch(url, options);
  return (await response.text()) || response.type;
};
const load = (tag, url) => () => new Promise((done) => {
  const element = document.createElement(tag);
  element.onload = () => done("loaded");
  element.onerror = () => done("blocked");
  element.src = url;
  document.body.append(element);
  if (tag === "iframe") setTimeout(() => done("blocked"), 1500);
});
const submit = (url, type) => () => new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.name = "f" + Math.random();
  const form = document.createElement("form");
  Object.assign(form, {method: "POST", action: url, enctype: type, target: frame.name});
  const field = document.createElement("input");
  field.name = '{"operation": "*", "kind": "html", "x": "';
  field.value = '"}';
  form.append(field);
  document.body.append(frame, form);
  form.submit();
  setTimeout(() => done("sent"), 700);
});
(async () => {
  for (const mode of ["cors", "no-cors"]) {
    await attempt("state " + mode, read(phone + "/state", {mode}));
    await attempt("page " + mode, read(phone + "/", {mode}));
    await attempt("fault as text " + mode, read(phone + "/faults", {mode, method: "POST", body: fault}));
    await attempt("sent " + mode, read(sent + mode, {mode}));
    await attempt("balance " + mode, read(sent.replace("sendtext", "balance"), {mode}));
    await attempt("v2 " + mode, read(service + "/smsapi/v2/balance", {mode, method: "POST", body: "{}"}));
  }
  const headers = {"Content-Type": "application/json"};
  await attempt("fault", read(phone + "/faults", {method: "POST", headers, body: fault}));
  await attempt("fault with cookies", read(phone + "/faults",
    {method: "POST", headers, body: fault, credentials: "include"}));
  await attempt("image", load("img", sent + "img"));
  await attempt("script", load("script", phone + "/phone.js"));
  await attempt("state as a script", load("script", phone + "/state"));
  await attempt("frame of the service", load("iframe", sent + "frame"));
  await attempt("frame", load("iframe", phone + "/"));
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
    await attempt("form " + type, submit(phone + "/faults", type));
  await attempt("form to the service", submit(sent + "form", "text/plain"));
  navigator.sendBeacon(phone + "/faults", new Blob([fault], {type: "text/plain"}));
  await new Promise((done) => setTimeout(done, 300));
  window.told = told;
})();
</script></body>"""


@pytest.fixture
def evil() -> Iterator[Any]:
    """A server of somebody else's page: a function that takes the page, and gives the port."""
    served: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html;charset=utf-8")
            self.end_headers()
            self.wfile.write(served["page"])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def serve(page: str) -> int:
        served["page"] = page.encode()
        return int(server.server_address[1])

    yield serve
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_page_of_another_origin_can_neither_read_nor_act(
    browser: Chrome, emulator: RunningEmulator, evil: Any, host: str
) -> None:
    send(emulator, "secret news")
    phone_url = emulator.phone_url.rstrip("/")
    page = ATTACK % {"phone": json.dumps(phone_url), "service": json.dumps(emulator.url)}
    browser.set_script_timeout(40)
    browser.get(f"http://{host}:{evil(page)}/")
    eventually(lambda: browser.execute_script("return window.told"), seconds=40)
    told = browser.execute_script("return window.told")
    assert len(told) == 23
    for name, result in told.items():
        # What a page gets of a request without CORS is "opaque": it can read nothing of it.
        assert result in ("blocked", "opaque", "sent", "loaded"), (name, result)
        if result == "loaded":
            # A frame tells that it has loaded, even where it was refused.
            assert name.startswith("frame"), name
    assert [message.text for message in emulator.ledger.messages()] == ["secret news"]
    assert emulator.faults.on == {}
    assert emulator.ledger.balance("demo") == 999


def test_the_page_can_not_be_framed_even_by_this_machine(
    browser: Chrome, emulator: RunningEmulator, evil: Any
) -> None:
    port = evil(f'<iframe src="{emulator.phone_url}" width=500 height=500></iframe>')
    browser.get(f"http://127.0.0.1:{port}/")
    browser.switch_to.frame(0)
    assert "Dev phone" not in browser.page_source
    browser.switch_to.default_content()


def test_a_link_of_another_page_leads_to_the_phone(browser: Chrome, emulator: RunningEmulator, evil: Any) -> None:
    browser.get(f"http://localhost:{evil(f'<a href={emulator.phone_url}>phone</a>')}/")
    browser.find_element(By.TAG_NAME, "a").click()
    eventually(lambda: "Live" in browser.find_element(By.ID, "connection").text)
