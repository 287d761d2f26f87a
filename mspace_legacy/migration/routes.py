"""Routes: which API answers which operation, and the transport that sends each request its way."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from mspace_legacy.errors import InvalidInput, RequestError, Unsupported, WrongType
from mspace_legacy.migration.accounts import AccountStore
from mspace_legacy.migration.adapter import Adapter
from mspace_legacy.migration.shadow import CLOSING_GRACE, Api, Comparisons, Shadow
from mspace_legacy.models import CALLS, Call
from mspace_legacy.transport.base import Transport
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.dialect import malformed, wire_text
from mspace_legacy.wire.http import Request, Response

__all__ = ["Mode", "Route", "Router", "Routes", "Way"]

Mode = Literal["legacy", "v2", "shadow", "verify", "canary"]
"""`legacy` and `v2`: that API answers. `shadow`: legacy answers, v2 is asked too and compared; `verify`: the other
way round. `canary`: some of the calls go to v2, the rest to legacy."""

_REST = "*"
_COMPARING = ("shadow", "verify")
_V2_ALONE = tuple(operation for operation in CALLS if operation not in legacy.OPERATIONS)
"""What the legacy API does not have, so that there is nothing to choose."""

_OPERATIONS = tuple(operation for operation in CALLS if operation not in _V2_ALONE)


@dataclass(frozen=True, slots=True)
class Route:
    """How one operation is answered; as text `legacy`, `shadow`, `canary:5`.

    :param percent: of the calls that go to v2, from 0 to 100 in thousandths, for a canary.
    """

    mode: Mode
    percent: float = 0.0

    def __str__(self) -> str:
        return f"canary:{self.percent:.15g}" if self.mode == "canary" else self.mode

    def asks(self, api: Api) -> bool:
        """Whether that API is ever asked."""
        return self.mode != ("v2" if api == "legacy" else "legacy")


class Routes:
    """A route for each operation; never changed once it is made.

    :param routes: the route, or its text, under the operation's name on the wire; `*` stands for those not named,
        and is `legacy` where it is left out. Delivery reports, which v2 alone has, are none of them.
    :raises InvalidInput: an operation or a mode that is not known, or a send or a top-up that would be made by both
        APIs.
    """

    def __init__(self, routes: Mapping[str, Route | str]) -> None:
        given = {operation: _route(operation, route) for operation, route in routes.items()}
        rest = given.pop(_REST, Route("legacy"))
        for operation, route in given.items():
            if operation in _V2_ALONE and route.mode != "v2":
                raise InvalidInput(f"routes: {operation}={route}: v2 alone has it: leave it out, or give it v2")
            if operation not in CALLS:
                known = ", ".join(_OPERATIONS)
                raise InvalidInput(f"routes: there is no operation {operation!r}: there are {known}; * is the rest")
        chosen = {operation: route for operation, route in given.items() if operation not in _V2_ALONE}
        self._routes = {**dict.fromkeys(_OPERATIONS, rest), **chosen}
        for operation, route in self._routes.items():
            if route.mode in _COMPARING and not CALLS[operation].repeatable:
                written = operation if operation in given else _REST
                raise InvalidInput(
                    f"routes: {written}={route} would make {operation} twice, as {route} asks both APIs: give "
                    f"{operation} legacy, v2 or canary:N"
                )

    @classmethod
    def parse(cls, text: str) -> Routes:
        """The routes of a text such as `balance=v2, subusers=shadow, sendtext=canary:5, *=legacy`.

        :raises InvalidInput: names what is wrong, and what there is.
        """
        routes: dict[str, Route | str] = {}
        for part in text.split(","):
            operation, equals, route = (piece.strip() for piece in part.partition("="))
            if not equals:
                raise InvalidInput(f"routes: {part.strip()!r} is no route: write operation=mode, such as balance=v2")
            if operation in routes:
                raise InvalidInput(f"routes: {operation} comes twice")
            routes[operation] = route
        return cls(routes)

    @classmethod
    def of(cls, routes: Routes | Mapping[str, Route | str] | str) -> Routes:
        """`routes` itself, or those of a text or of a mapping.

        :raises InvalidInput: routes that are wrong; or it is none of the three: a `WrongType`.
        """
        if isinstance(routes, Routes):
            return routes
        if isinstance(routes, str):
            return cls.parse(routes)
        if isinstance(routes, Mapping):
            return cls(routes)
        raise WrongType(f"routes is a {type(routes).__name__}: give a text such as 'balance=v2, *=legacy'")

    def __getitem__(self, operation: str) -> Route:
        """Of an operation that there is a choice for."""
        return self._routes[operation]

    def __eq__(self, other: object) -> bool:
        return self._routes == other._routes if isinstance(other, Routes) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._routes.items()))

    def __str__(self) -> str:
        return ", ".join(f"{operation}={route}" for operation, route in self._routes.items())

    def __repr__(self) -> str:
        return f"Routes.parse({str(self)!r})"

    def ask(self, api: Api) -> bool:
        """Whether any of them ever asks that API."""
        return any(route.asks(api) for route in self._routes.values())


def _route(operation: str, route: Route | str) -> Route:
    if not isinstance(route, (Route, str)):
        raise WrongType(
            f"routes: the route of {operation} is a {type(route).__name__}: give a text such as 'canary:5'"
        )
    mode, colon, percent = str(route).partition(":")
    if mode not in get_args(Mode) or bool(colon) != (mode == "canary"):
        known = ", ".join(f"{mode}:N" if mode == "canary" else mode for mode in get_args(Mode))
        raise InvalidInput(f"routes: {operation}={route}: there is no mode {str(route)!r}: there are {known}")
    if not colon:
        return Route(mode)  # type: ignore[arg-type]  # it was just found to be one
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3})?", percent, re.ASCII) or not float(percent) <= 100:
        raise InvalidInput(
            f"routes: {operation}={route}: N is a percentage from 0 to 100, with three decimals at most: canary:5"
        )
    return Route("canary", float(percent))


class Way(NamedTuple):
    """Where one request goes: `name` is the route, with what a canary chose, such as `canary:5 to v2`."""

    name: str
    transport: Transport


class Router:
    """A transport that sends each legacy request the way that its operation's route says.

    A request goes one way, and its outcome is what came of that: there is no second way for what failed.

    :param to_legacy: answers from the legacy API.
    :param to_v2: answers the same requests from v2, as `Adapter` does; None where no route needs it.
    :param comparisons: what to do with the answers of a route that asks both.
    """

    def __init__(
        self,
        to_legacy: Transport,
        to_v2: Transport | None,
        routes: Routes | Mapping[str, Route | str] | str,
        *,
        comparisons: Comparisons | None = None,
    ) -> None:
        self._routes = Routes({})
        self._legacy = to_legacy
        self._v2 = to_v2
        self._closes_comparisons = comparisons is None
        self.comparisons = comparisons or Comparisons()
        if to_v2 is not None:
            self._shadow = Shadow(to_legacy, to_v2, in_charge="legacy", comparisons=self.comparisons)
            self._verify = Shadow(to_legacy, to_v2, in_charge="v2", comparisons=self.comparisons)
        self.routes = Routes.of(routes)

    @classmethod
    def over(
        cls,
        transport: Transport,
        routes: Routes | Mapping[str, Route | str] | str,
        accounts: AccountStore | str | os.PathLike[str] | None,
        *,
        base_url: str = v2.BASE_URL,
        comparisons: Comparisons | None = None,
    ) -> Router:
        """The router that reaches both APIs over one transport.

        :param accounts: the store, or the path of its file; None where no route needs v2.
        :param base_url: where v2 lives.
        :raises InvalidInput: an argument that can't be right, or no accounts where they are needed.
        """
        to_v2 = None if accounts is None else Adapter(transport, AccountStore.of(accounts), base_url=base_url)
        return cls(transport, to_v2, routes, comparisons=comparisons)

    def __repr__(self) -> str:
        return f"Router({str(self._routes)!r})"

    @property
    def routes(self) -> Routes:
        """The routes; may be set at any time, and hold for the requests that begin after that.

        :raises InvalidInput: set to routes that are wrong, or that it has no accounts for.
        """
        return self._routes

    @routes.setter
    def routes(self, routes: Routes | Mapping[str, Route | str] | str) -> None:
        made = Routes.of(routes)
        if made.ask("v2") and self._v2 is None:
            raise InvalidInput("routes: v2 wants an API key: give accounts, or route everything to legacy")
        self._routes = made

    def way(self, operation: str, call: Callable[[], Call[Any]]) -> Way:
        """Where a request goes by the routes of this moment.

        :param call: gives what it asks for, which only a canary looks at.
        :raises Unsupported: a delivery report, where there is no way to v2.
        """
        if operation in _V2_ALONE:
            if self._v2 is None:
                raise Unsupported(f"the legacy API has no {operation}: give accounts, so that v2 can be asked")
            return Way("v2", self._v2)
        route = self._routes[operation]
        if self._v2 is None or route.mode == "legacy":
            return Way("legacy", self._legacy)
        match route.mode:
            case "v2":
                return Way("v2", self._v2)
            case "shadow":
                return Way("shadow", self._shadow)
            case "verify":
                return Way("verify", self._verify)
        chosen = _share(call()) < route.percent
        return Way(f"{route} to {'v2' if chosen else 'legacy'}", self._v2 if chosen else self._legacy)

    def handle(self, request: Request) -> Response:
        """The reply by the route of the request's operation; see `Transport`."""

        def call() -> Call[Any]:
            return legacy.decode_request(request, ours=True).call

        try:
            way = self.way(request.operation or call().operation, call)
        except RequestError as error:
            return malformed(error)
        return way.transport.handle(request)

    def close(self) -> None:
        """Wait for the comparisons under way, within bounds, and close both ways.

        Comparisons that were given stay open, as others may use them too.
        """
        if self._closes_comparisons:
            self.comparisons.close()
        else:
            self.comparisons.wait(CLOSING_GRACE)
        self._legacy.close()
        if self._v2 is not None:
            self._v2.close()


def _share(call: Call[Any]) -> float:
    """A number from 0 to below 100, always the same for the same user name and recipients, evenly spread."""
    subject = wire_text(getattr(call, "recipients", getattr(call, "name", "")))
    digest = hashlib.sha256(
        f"{len(call.username)}:{call.username}:{subject}".encode("utf-8", "surrogatepass")
    ).digest()
    # As many bits as a float can hold: of more, the highest would be rounded up to 100.
    return int.from_bytes(digest[:6], "big") * 100 / 2**48
