"""What a REST handler gets and gives, and the table that finds it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.responses import Response

from ibkr_tui.sim.logins import Login
from ibkr_tui.sim.portfolio import Portfolio
from ibkr_tui.sim.simulator import Simulator
from ibkr_tui.sim.text import to_json


class Problem(Exception):
    """An answer that is an error (reference section 4.10); ``text`` None means an empty body."""

    def __init__(self, status: int, text: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text

    def response(self) -> Response:
        if self.text is None:
            return Response(b"", self.status)
        body: dict[str, Any] = {"error": self.text}
        if self.status != 200:
            body["statusCode"] = self.status
        return answer(body, self.status)


def answer(body: object, status: int = 200) -> Response:
    """A JSON response."""
    return Response(to_json(body), status, media_type="application/json; charset=utf-8")


@dataclass
class Call:
    """One authenticated request."""

    sim: Simulator
    login: Login
    method: str
    path: str
    params: dict[str, str]
    query: QueryParams
    body: bytes
    content_type: str = ""

    @property
    def account(self) -> str:
        """The selected account."""
        return self.login.account

    @property
    def portfolio(self) -> Portfolio:
        """The account of the path, where there is one, else the selected one."""
        named = self.params.get("account", self.account)
        return self.sim.broker.portfolios[named if named in self.login.user.accounts else self.account]

    def json(self) -> Any:
        """The body as JSON; bad JSON is a 400, no body an empty object."""
        if not self.body.strip():
            return {}
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Problem(400, "Bad Request: invalid JSON") from None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object."""
        value = self.json()
        if not isinstance(value, dict):
            raise Problem(400, "Bad Request: JSON object expected")
        return value

    def conid(self, text: str | None) -> int:
        """A conid of the catalogue, or a 400."""
        try:
            value = int(str(text))
        except ValueError:
            raise Problem(400, f"Bad Request: invalid conid {text}") from None
        if value not in self.sim.market.instruments:
            raise Problem(400, f"Bad Request: contract not found: {text}")
        return value


Handler = Callable[[Call], Any]


@dataclass(frozen=True)
class Endpoint:
    """One method and path template under /v1/api. ``order`` calls void a question that waits for its reply."""

    methods: tuple[str, ...]
    template: str
    handler: Handler
    order: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The template as a regular expression."""
        return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.template))

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Path parameters if the request is for this endpoint."""
        found = self.pattern.fullmatch(path)
        if found is None or method not in self.methods:
            return None
        return dict(found.groupdict())


def get(template: str, handler: Handler, order: bool = False) -> Endpoint:
    return Endpoint(("GET",), template, handler, order)


def post(template: str, handler: Handler, order: bool = False) -> Endpoint:
    return Endpoint(("POST",), template, handler, order)


def get_or_post(template: str, handler: Handler) -> Endpoint:
    return Endpoint(("GET", "POST"), template, handler)


def delete(template: str, handler: Handler, order: bool = False) -> Endpoint:
    return Endpoint(("DELETE",), template, handler, order)
