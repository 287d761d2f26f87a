"""Routes: their grammar, which API each call reaches, and that it is one and no other."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy import Secret, errors
from mspace_legacy.emulator import DEMO_ACCOUNTS, Emulator, Ledger
from mspace_legacy.migration import Adapter, Comparisons, Route, Router, Routes
from mspace_legacy.migration.shadow import Count
from mspace_legacy.models import (
    Balance,
    Call,
    DeliveryReports,
    Login,
    ResellerClients,
    ResellerClientTopUp,
    SendText,
    SubAccountTopUp,
    SubUsers,
)
from mspace_legacy.transport import Transport
from mspace_legacy.wire import legacy
from mspace_legacy.wire.http import Request, Response
from tests.migration.stores import demo_store
from tests.migration.transports import Held, Says, Seen

READS = ("balance", "subusers", "resellerclients", "login")
MOVING = ("sendtext", "subacctopup", "resellerclienttopup")
"""What moves messages or credits."""
STORE = demo_store()
PASSWORD = DEMO_ACCOUNTS[0].password
SEND = SendText("demo", "MSPACE", ("0722000000",), "hi")
CALLS: dict[str, Call[Any]] = {
    call.operation: call
    for call in (
        Balance("demo"),
        SubUsers("demo"),
        ResellerClients("demo"),
        Login("demo"),
        SEND,
        SubAccountTopUp("demo", "subuser1", 5),
        ResellerClientTopUp("demo", "client1", 5),
    )
}


class Apis(NamedTuple):
    """Both APIs, each with a ledger of its own, and who was asked for what."""

    legacy: Emulator
    v2: Emulator
    asked: list[tuple[str, str]]

    def router(self, routes: str | Routes, *, to_legacy: Transport | None = None) -> Router:
        adapter = Adapter(Seen("v2", self.v2, self.asked), STORE)
        return Router(Seen("legacy", to_legacy or self.legacy, self.asked), adapter, routes)


@pytest.fixture
def apis() -> Iterator[Apis]:
    accounts = [replace(account, balance=account.balance and 10_000) for account in DEMO_ACCOUNTS]
    apis = Apis(Emulator(Ledger(accounts)), Emulator(Ledger(accounts)), [])
    yield apis
    apis.legacy.close()
    apis.v2.close()


def asking(call: Call[Any], password: Secret = PASSWORD) -> Request:
    return legacy.encode_request(call, password, base="http://service/mspaceservice/wr/sms", ours=True)


def way(router: Router, call: Call[Any]) -> str:
    return router.way(call.operation, lambda: call).name


# Grammar

_canaries = st.integers(0, 100_000).map(lambda thousandths: Route("canary", thousandths / 1000))
_any_mode = _canaries | st.builds(Route, st.sampled_from(["legacy", "v2", "shadow", "verify"]))
_one_api = _canaries | st.builds(Route, st.sampled_from(["legacy", "v2"]))


@given(
    st.fixed_dictionaries({}, optional={**dict.fromkeys(READS, _any_mode), **dict.fromkeys([*MOVING, "*"], _one_api)})
)
def test_routes_written_as_text_are_read_back(given_routes: dict[str, Route]) -> None:
    routes = Routes(given_routes)
    again = Routes.parse(str(routes))
    assert (again, str(again), hash(again)) == (routes, str(routes), hash(routes))
    assert eval(repr(routes)) == routes  # noqa: S307  # our own repr
    for operation in CALLS:
        assert again[operation] == given_routes.get(operation, given_routes.get("*", Route("legacy")))
    assert Routes.of(routes) is routes
    as_texts: dict[str, Route | str] = {operation: str(route) for operation, route in given_routes.items()}
    assert Routes.of(as_texts) == routes


def test_the_example_of_the_documentation() -> None:
    routes = Routes.parse("balance=v2, subusers=shadow, sendtext=canary:5, *=legacy")
    assert [str(routes[operation]) for operation in ("balance", "subusers", "sendtext", "login")] == [
        "v2", "shadow", "canary:5", "legacy"
    ]  # fmt: skip
    assert routes == Routes.parse("\n*=legacy ,sendtext = canary:5.0,balance=v2,\tsubusers=shadow ")
    assert routes != Routes.parse("balance=v2")
    assert routes != str(routes)


_MODES = ("legacy", "v2", "shadow", "verify", "canary:N")


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        (
            "balnce=v2",
            [
                "there is no operation 'balnce': there are balance, sendtext, subusers, resellerclients, "
                "subacctopup, resellerclienttopup, login; * is the rest"
            ],
        ),
        ("Balance=v2", ["'Balance'", "balance"]),
        ("=v2", ["''", "balance"]),
        ("balance=v3", ["balance=v3: there is no mode 'v3': there are legacy, v2, shadow, verify, canary:N"]),
        ("sendtext=shadow, *=v2", ["routes: sendtext=shadow would make sendtext twice"]),
        ("*=shadow", ["routes: *=shadow would make sendtext twice"]),
        ("balance=V2", ["'V2'", *_MODES]),
        ("*=mirror", ["*=mirror", *_MODES]),
        ("balance=", ["balance=", "''", *_MODES]),
        ("balance=v2=legacy", ["'v2=legacy'", *_MODES]),
        ("balance=legacy:5", ["'legacy:5'", *_MODES]),
        ("sendtext=canary", ["'canary'", *_MODES]),
        ("sendtext=canary:", ["sendtext=canary:", "0 to 100"]),
        ("sendtext=canary:101", ["sendtext=canary:101", "0 to 100"]),
        ("sendtext=canary:100.001", ["0 to 100"]),
        ("sendtext=canary:-1", ["canary:-1", "0 to 100"]),
        ("sendtext=canary:5%", ["canary:5%", "0 to 100"]),
        ("sendtext=canary:nan", ["0 to 100"]),
        ("sendtext=canary:1e1", ["0 to 100"]),
        ("sendtext=canary:\u0665", ["0 to 100"]),
        ("sendtext=canary:0.0001", ["canary:0.0001", "decimals"]),
        ("balance", ["'balance'", "operation=mode"]),
        ("", ["''", "operation=mode"]),
        ("balance=v2,", ["''", "operation=mode"]),
        ("balance=v2; subusers=v2", ["'v2; subusers=v2'", *_MODES]),
        ("balance=v2,balance=v2", ["balance comes twice"]),
        ("*=v2,*=legacy", ["* comes twice"]),
        ("deliveryreport=legacy", ["deliveryreport=legacy", "v2 alone"]),
        ("deliveryreport=canary:50", ["deliveryreport=canary:50", "v2 alone"]),
        ({"sendtext": Route("canary", 150)}, ["canary:150", "0 to 100"]),
        ({"sendtext": Route("canary", 99.99999)}, ["canary:99.99999", "decimals"]),
        ({"sendtext": Route("canary", float("nan"))}, ["canary:nan", "0 to 100"]),
        ({"sendtext": Route("mirror")}, ["'mirror'", *_MODES]),  # type: ignore[arg-type]  # the test is of this
        ({"balance ": "v2"}, ["'balance '", "balance"]),
    ],
)
def test_a_refusal_names_what_is_wrong_and_what_there_is(routes: Any, told: list[str]) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        Routes.of(routes)
    for part in ["routes:", *told]:
        assert part in str(caught.value)


@pytest.mark.parametrize("routes", [None, 5, b"balance=v2", ["balance=v2"], {"balance": None}, {"*": 5}], ids=repr)
def test_what_is_of_no_type_that_routes_have(routes: Any) -> None:
    wrong = next(iter(routes.values())) if isinstance(routes, dict) else routes
    with pytest.raises(errors.WrongType, match=rf"^routes.* is a {type(wrong).__name__}: give a text such as '"):
        Routes.of(routes)


@pytest.mark.parametrize(
    ("route", "apis"),
    [
        ("legacy", ["legacy"]),
        ("v2", ["v2"]),
        *[(mode, ["legacy", "v2"]) for mode in ("shadow", "verify", "canary:0")],
    ],
)
def test_which_apis_a_route_ever_asks(route: str, apis: list[str]) -> None:
    routes = Routes.parse(f"balance={route}, *={apis[0]}")
    assert [api for api in ("legacy", "v2") if routes["balance"].asks(api)] == apis
    assert [api for api in ("legacy", "v2") if routes.ask(api)] == apis


@pytest.mark.parametrize(("mode", "balance"), [("shadow", "7"), ("verify", "10000")])
def test_a_route_that_asks_both_answers_from_the_one_in_charge(mode: str, balance: str, apis: Apis) -> None:
    router = apis.router(f"balance={mode}, *=v2", to_legacy=Says(b"7"))
    assert router.handle(asking(Balance("demo"))).text() == balance
    router.close()
    assert sorted(apis.asked) == [("legacy", "balance"), ("v2", "balance")]
    assert router.comparisons.counts["balance"].different == 1


def test_a_way_has_the_name_of_its_route(apis: Apis) -> None:
    router = apis.router("balance=shadow, subusers=verify, login=legacy, sendtext=canary:100, *=v2")
    names = {operation: way(router, call) for operation, call in CALLS.items()}
    assert names == {
        "balance": "shadow", "subusers": "verify", "login": "legacy", "sendtext": "canary:100 to v2",
        "resellerclients": "v2", "subacctopup": "v2", "resellerclienttopup": "v2",
    }  # fmt: skip
    assert router.way("deliveryreport", lambda: Balance("demo")).name == "v2"


def test_a_router_over_one_transport_reaches_both_apis(apis: Apis) -> None:
    comparisons = Comparisons()
    urls: list[str] = []

    class Both(Seen):
        def handle(self, request: Request) -> Response:
            urls.append(request.url.partition("/smsapi/")[0])
            return super().handle(request)

    both = Both("both", apis.legacy, apis.asked)
    router = Router.over(
        both, "balance=shadow, login=legacy, *=v2", STORE, base_url="http://v2.example", comparisons=comparisons
    )
    assert router.comparisons is comparisons
    for call in (Balance("demo"), Login("demo"), SubUsers("demo")):
        assert router.handle(asking(call)).status == 200
    assert comparisons.wait(20)
    assert comparisons.counts["balance"].equal == 1
    assert urls.count("http://v2.example") == 2
    # A login would be a balance call of v2.
    assert sorted(apis.asked) == [("both", name) for name in ("balance", "balance", "login", "subusers")]
    router.close()
    comparisons.close()


# Nothing is made by both


@pytest.mark.parametrize("mode", ["shadow", "verify"])
@pytest.mark.parametrize("operation", MOVING)
def test_what_would_be_made_twice_is_refused_when_routes_are_made(operation: str, mode: Any, apis: Apis) -> None:
    others = ", ".join(f"{other}=v2" for other in MOVING if other != operation)
    for routes in (f"{operation}={mode}", f"*={mode}, {others}", {operation: mode}, {operation: Route(mode)}):
        with pytest.raises(errors.InvalidInput) as caught:
            Routes.of(routes)
        assert f"={mode} would make {operation} twice" in str(caught.value)
        for one in ("legacy", "v2", "canary:N"):
            assert one in str(caught.value)
    assert Routes.parse(f"*={mode}, {operation}=canary:1, {others}")["balance"].mode == mode
    router = apis.router("*=v2")
    with pytest.raises(errors.InvalidInput, match="twice"):
        router.routes = f"{operation}={mode}"
    assert router.routes == Routes.parse("*=v2")


@pytest.mark.parametrize("mode", ["v2", "shadow", "verify", "canary:0"])
def test_routes_that_need_v2_are_refused_without_accounts(mode: str) -> None:
    for routes in (f"balance={mode}", {"balance": mode}):
        with pytest.raises(errors.InvalidInput, match="accounts"):
            Router(Emulator(), None, routes)
    router = Router.over(Emulator(), "*=legacy", None)
    with pytest.raises(errors.InvalidInput, match="accounts"):
        router.routes = Routes.parse(f"balance={mode}")
    assert router.handle(asking(Balance("demo"))).text() == "1000"
    router.close()


# One way, and no other


@pytest.mark.parametrize("api", ["legacy", "v2"])
def test_the_api_of_the_route_answers_each_operation(api: str, apis: Apis) -> None:
    router = apis.router(f"*={api}")
    for operation, call in CALLS.items():
        apis.asked.clear()
        assert router.handle(asking(call)).status == 200
        # v2 has no login: a balance tells whether the account is there.
        assert apis.asked == [(api, "balance" if (api, operation) == ("v2", "login") else operation)]
        assert way(router, call) == api
    idle = apis.v2 if api == "legacy" else apis.legacy
    assert idle.ledger.messages() == []
    assert idle.ledger.balance("demo") == 10_000


def test_a_named_operation_goes_its_way_and_the_rest_another(apis: Apis) -> None:
    router = apis.router("balance=v2, *=legacy")
    for operation in ("balance", "login", "subusers"):
        # A request that someone put together says nothing but its URL.
        router.handle(replace(asking(CALLS[operation]), operation=""))
    assert [api for api, _ in apis.asked] == ["v2", "legacy", "legacy"]


FAULTS = ("refuse", "reset-before", "reset-after", "truncate", "status:503", "status:404", "status-after:502",
          "fail:internal service error", "fail:Insufficient Balance", "html", "garbage")  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("routes", ["*=legacy", "*=v2", "*=canary:0", "*=canary:100", "*=canary:50"])
def test_whatever_goes_wrong_the_other_api_is_not_asked(routes: str, fault: str, apis: Apis) -> None:
    apis.legacy.faults.add(fault)
    apis.v2.faults.add(fault)
    router = apis.router(routes)
    for operation in MOVING:
        apis.asked.clear()
        with pytest.raises((errors.OutcomeUnknown, errors.ServiceError, errors.ReplyError)):
            legacy.decode_reply(CALLS[operation], router.handle(asking(CALLS[operation])))
        assert len(apis.asked) == 1, apis.asked
    assert len([*apis.legacy.ledger.messages(), *apis.v2.ledger.messages()]) <= 1


@pytest.mark.parametrize(
    "error",
    [errors.NotSent("no", fault="refused"), errors.ReplyLost("lost"), errors.ClosedError("closed"), OSError("odd")],
    ids=repr,
)
@pytest.mark.parametrize("api", ["legacy", "v2"])
def test_an_error_of_the_api_in_charge_is_raised_as_it_is(api: str, error: Exception, apis: Apis) -> None:
    log: list[tuple[str, str]] = []
    broken, whole = Seen("broken", Says(error), log), Seen("whole", apis.legacy, log)
    ways = (broken, Adapter(whole, STORE)) if api == "legacy" else (whole, Adapter(broken, STORE))
    with pytest.raises(type(error)) as caught:
        Router(*ways, f"*={api}").handle(asking(SEND))
    assert caught.value is error
    assert log == [("broken", "sendtext")]


@pytest.mark.parametrize("routes", ["*=legacy", "*=v2", "*=canary:0", "balance=shadow", "deliveryreport=v2"])
def test_delivery_reports_go_to_v2_and_nowhere_else(routes: str, apis: Apis) -> None:
    router = apis.router(routes)
    router.handle(asking(DeliveryReports("demo", "1")))
    assert apis.asked == [("v2", "deliveryreport")]
    # Whoever made the request need not have said what it is.
    router.handle(replace(asking(DeliveryReports("demo", "1")), operation=""))
    assert apis.asked == [("v2", "deliveryreport")] * 2
    apis.v2.faults.add("reset-after")
    with pytest.raises(errors.ReplyLost):
        router.handle(asking(DeliveryReports("demo", "1")))
    assert {api for api, _ in apis.asked} == {"v2"}


def test_a_delivery_report_without_a_way_to_v2_is_refused_before_anything_is_sent(apis: Apis) -> None:
    router = Router(Seen("legacy", apis.legacy, apis.asked), None, "*=legacy")
    with pytest.raises(errors.Unsupported, match="accounts"):
        router.handle(asking(DeliveryReports("demo", "1")))
    assert apis.asked == []


@pytest.mark.parametrize(
    "url",
    ["http://service/", "http://service/mspaceservice/wr/sms/sendtext/username=demo",
     "http://service/mspaceservice/wr/sms/nothing/username=u/password=canary-8f31",
     "http://service/smsapi/v2/sendtext/apikey=canary-8f31"],
)  # fmt: skip
def test_a_request_that_can_not_be_read_reaches_neither(url: str, apis: Apis) -> None:
    for routes in ("*=v2", "*=canary:50", "*=legacy"):
        response = apis.router(routes).handle(Request("GET", url))
        assert response.status in (400, 404)
        assert "canary-8f31" not in response.text()
    assert apis.asked == []


def test_closing_a_router_closes_the_comparisons_that_are_its_own() -> None:
    given = Comparisons()
    for comparisons, dropped in ((None, 1), (given, 0)):
        router = Router(Says(b"1"), Says(b"1"), "balance=shadow", comparisons=comparisons)
        router.close()
        router.comparisons.later("balance", lambda: None)
        assert router.comparisons.counts.get("balance", Count()).dropped == dropped
    given.close()


def test_what_v2_alone_has_is_no_choice() -> None:
    assert Routes.parse("deliveryreport=v2, balance=v2") == Routes.parse("balance=v2")
    assert "deliveryreport" not in str(Routes.parse("deliveryreport=v2"))


def test_a_router_shows_its_routes() -> None:
    assert repr(Router(Says(b"1"), None, "*=legacy")) == f"Router({str(Routes.parse('*=legacy'))!r})"
    assert "balance=legacy" in repr(Router(Says(b"1"), None, "*=legacy"))


def test_closing_waits_for_the_comparisons_of_others_within_bounds(
    apis: Apis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mspace_legacy.migration.routes.CLOSING_GRACE", 0.05)
    held, comparisons = Held(Says(b"1")), Comparisons()
    router = Router(Says(b"1"), held, "balance=shadow", comparisons=comparisons)
    router.handle(asking(Balance("demo")))
    assert held.entered.acquire(timeout=20)
    router.close()
    assert comparisons.counts == {}
    held.go.set()
    assert comparisons.wait(20)
    assert comparisons.counts["balance"].equal == 1
    comparisons.close()


def test_closing_a_router_closes_both_ways(apis: Apis) -> None:
    router = apis.router("*=canary:50")
    router.close()
    router.close()
    for emulator in (apis.legacy, apis.v2):
        with pytest.raises(errors.ClosedError):
            emulator.handle(asking(Balance("demo")))


# Canary

_BINS = range(10, 101, 10)

FAMILIES: dict[str, list[Call[Any]]] = {
    "numbers in a row": [SendText("demo", "M", (str(254722000000 + n),), "hi") for n in range(3000)],
    "user names in a row": [SendText(f"user{n}", "M", ("254722000000",), "hi") for n in range(3000)],
    "more and more recipients": [SendText("u", "M", ("0722000000",) * n, "hi") for n in range(1, 600)],
    "sub-accounts": [SubAccountTopUp("demo", f"sub{n}", 5) for n in range(3000)],
    "accounts of reads": [Balance(f"user{n}") for n in range(3000)],
}


@pytest.mark.parametrize("calls", FAMILIES.values(), ids=FAMILIES)
def test_a_canary_is_evenly_spread_and_who_is_in_it_stays_in_a_larger_one(calls: list[Call[Any]], apis: Apis) -> None:
    router = apis.router("*=legacy")
    smallest: Counter[int] = Counter()
    chosen_before: set[int] = set()
    for percent in _BINS:
        router.routes = Routes.parse(f"*=canary:{percent}")
        chosen = {n for n, call in enumerate(calls) if way(router, call).endswith("v2")}
        assert chosen >= chosen_before
        smallest[percent] = len(chosen - chosen_before)
        chosen_before = chosen
    assert len(chosen_before) == len(calls), "100 percent are all"
    expected = len(calls) / len(_BINS)
    # 27.9 is passed by one of a thousand even spreads (chi-square, 9 degrees of freedom).
    assert sum((smallest[percent] - expected) ** 2 / expected for percent in _BINS) < 27.9


@pytest.mark.parametrize("percent", ["0.001", "0.5", "5", "99.5"])
def test_a_canary_takes_its_part_and_no_other(percent: str, apis: Apis) -> None:
    router = apis.router(f"*=canary:{percent}")
    calls = [SendText("demo", "M", (f"2547{n:08}",), "hi") for n in range(20_000)]
    ways = Counter(way(router, call) for call in calls)
    assert ways.keys() <= {f"canary:{percent} to v2", f"canary:{percent} to legacy"}
    part = float(percent) / 100
    off = abs(ways[f"canary:{percent} to v2"] - part * len(calls))
    assert off <= 4 * (part * (1 - part) * len(calls)) ** 0.5 + 1, "four standard deviations"


def test_a_canary_of_all_takes_even_the_last_one(apis: Apis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash that is all ones, or all zeros, comes once in 2**48 calls: too seldom to look for."""

    class Fixed:
        octet = b"\xff"

        def __init__(self, data: bytes) -> None: ...

        def digest(self) -> bytes:
            return self.octet * 32

    monkeypatch.setattr("hashlib.sha256", Fixed)
    assert way(apis.router("*=canary:100"), SEND) == "canary:100 to v2"
    assert way(apis.router("*=canary:99.999"), SEND) == "canary:99.999 to legacy"
    monkeypatch.setattr(Fixed, "octet", b"\0")
    assert way(apis.router("*=canary:0"), SEND) == "canary:0 to legacy"
    assert way(apis.router("*=canary:0.001"), SEND) == "canary:0.001 to v2"


def test_a_canary_takes_any_user_name_that_a_program_can_hold(apis: Apis) -> None:
    assert way(apis.router("*=canary:100"), Balance("\ud800")) == "canary:100 to v2"


def test_who_is_in_a_canary_is_the_same_in_every_version(apis: Apis) -> None:
    # Whoever was moved by an earlier version must not be moved back by a later one.
    for call, subject in (
        (Balance("demo"), b"4:demo:"),
        (SEND, b"4:demo:0722000000"),
        (SubAccountTopUp("demo", "subuser1", 5), b"4:demo:subuser1"),
    ):
        share = int.from_bytes(hashlib.sha256(subject).digest()[:6], "big") * 100 / 2**48
        below, above = share // 0.001 / 1000, share // 0.001 / 1000 + 0.001
        assert way(apis.router(f"*=canary:{below:.3f}"), call).endswith(" to legacy")
        assert way(apis.router(f"*=canary:{above:.3f}"), call).endswith(" to v2")


def test_the_same_call_goes_the_same_way_in_every_process(apis: Apis) -> None:
    code = """if True:
        from mspace_legacy.emulator import Emulator
        from mspace_legacy.migration import Adapter, AccountStore, Router
        from mspace_legacy.models import SendText
        router = Router(Emulator(), Adapter(Emulator(), AccountStore([])), "*=canary:50")
        for n in range(64):
            call = SendText("demo", "M", (f"2547220000{n:02}", "0733000000"), "hi")
            print(router.way("sendtext", lambda: call).name)
    """
    router = apis.router("*=canary:50")
    calls = [SendText("demo", "M", (f"2547220000{n:02}", "0733000000"), "hi") for n in range(64)]
    ways = [way(router, call) for call in calls]
    assert len(set(ways)) == 2
    for seed in ("1", "2"):
        ended = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert ended.stdout.split("\n")[:-1] == ways


def test_a_canary_looks_at_user_name_and_recipients_alone(apis: Apis) -> None:
    router = apis.router("*=canary:50")
    for n in range(40):
        call = SendText("demo", "MSPACE", (f"25472200{n:04}",), "hi")
        apis.asked.clear()
        router.handle(asking(call))
        router.handle(asking(call))
        router.handle(asking(replace(call, message="another / text", sender_id="DEMO")))
        router.handle(replace(asking(call), operation="", headers={}))
        assert len(apis.asked) == 4
        assert len({api for api, _ in apis.asked}) == 1
        apis.asked.clear()
        # A wrong password is refused on the way to v2, and by the legacy API otherwise; the way is the same.
        told = router.handle(asking(call, Secret("wrong"))).text()
        assert told == "Athentication failure"
        assert apis.asked == ([] if way(router, call).endswith("v2") else [("legacy", "sendtext")])
    reached = {message.recipient for message in apis.legacy.ledger.messages()}
    assert not reached & {message.recipient for message in apis.v2.ledger.messages()}


# Changed while running


def test_a_call_under_way_finishes_as_it_began(apis: Apis) -> None:
    held = Held(apis.legacy)
    router = apis.router("*=legacy", to_legacy=held)
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(router.handle, asking(SEND))
        assert held.entered.acquire(timeout=20)
        router.routes = Routes.parse("*=v2")
        router.handle(asking(SEND))
        assert begun.running()
        held.go.set()
        assert legacy.decode_reply(SEND, begun.result(20))[0].message_id
    assert apis.asked == [("legacy", "sendtext"), ("v2", "sendtext")]
    assert len(apis.legacy.ledger.messages()) == len(apis.v2.ledger.messages()) == 1


def test_no_call_is_lost_or_doubled_while_routes_change(apis: Apis) -> None:
    router = apis.router("*=legacy")
    begin = threading.Barrier(8)

    def send(worker: int) -> list[tuple[str, str]]:
        begin.wait(20)
        told = []
        for turn in range(40):
            # Only one of them changes the routes, so that its own calls go each way, however the rest are scheduled.
            if worker == 0:
                router.routes = Routes.parse(("*=v2", "*=canary:50", "*=legacy")[turn % 3])
            call = SendText("demo", "MSPACE", (f"2547220{worker}{turn:04}",), "hi")
            (sent,) = legacy.decode_reply(call, router.handle(asking(call)))
            told.append((sent.message_id, call.recipients[0]))
        return told

    with ThreadPoolExecutor(8) as pool:
        parts = [pool.submit(send, worker) for worker in range(8)]
    told = Counter(pair for part in parts for pair in part.result())
    kept = Counter(
        (message.message_id, message.recipient)
        for emulator in (apis.legacy, apis.v2)
        for message in emulator.ledger.messages()
    )
    assert told == kept
    assert set(told.values()) == {1}
    assert len(told) == 8 * 40
    assert apis.legacy.ledger.messages()
    assert apis.v2.ledger.messages()
    assert apis.legacy.ledger.balance("demo") + apis.v2.ledger.balance("demo") == 20_000 - 8 * 40
