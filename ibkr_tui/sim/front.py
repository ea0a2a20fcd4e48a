"""The front of the REST side: counts, faults, pacing, OAuth and session checks, then the handler."""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import formatdate
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ibkr_tui.sim.acts import perform
from ibkr_tui.sim.calls import Call, Endpoint, Problem, answer
from ibkr_tui.sim.gateway import ALIAS, is_offered, present_login
from ibkr_tui.sim.logins import Login
from ibkr_tui.sim.oauth import Refused, Signed
from ibkr_tui.sim.oauth2 import bearer_of
from ibkr_tui.sim.rest import accounts, contracts, marketdata, orders, portfolio, previews, session, trading
from ibkr_tui.sim.simulator import Simulator
from ibkr_tui.sim.spoiling import Exchange, deliver

PREFIX = "/v1/api"
MINT = "/oauth/live_session_token"
_OPEN_UNDER_ISERVER = ("/iserver/auth/", "/iserver/reauthenticate")
_GROUPS: Iterable[list[Endpoint]] = (
    session.ROUTES,
    accounts.ROUTES,
    portfolio.ROUTES,
    contracts.ROUTES,
    marketdata.ROUTES,
    orders.ROUTES,
    trading.ROUTES,
    previews.ROUTES,
)
ENDPOINTS: list[Endpoint] = [endpoint for group in _GROUPS for endpoint in group]


class Front:
    """The ASGI application of everything under /v1/api but the WebSocket."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        # The signature covers the path as it was sent; routing ignores a slash at its end.
        sent_path = scope.get("raw_path", scope["path"].encode()).split(b"?")[0].decode("latin-1")
        prefix = ALIAS if self._sim.options.gateway and scope["path"].startswith(ALIAS) else PREFIX
        path = scope["path"].removeprefix(prefix).rstrip("/") or "/"
        body = await request.body()
        for act in self._sim.faults.acts(request.method, path):
            perform(self._sim, act)
        fault = self._sim.faults.pick(request.method, path)
        if fault is not None:
            response = self._dispatch(request, sent_path, path, body) if fault.needs_answer else None
            status = await deliver(fault, response, self._sim.clock, Exchange(scope, receive, send))
        else:
            response = self._dispatch(request, sent_path, path, body)
            status = response.status_code
            await response(scope, receive, send)
        self._sim.statistics.statuses[status] += 1

    def _dispatch(self, request: Request, sent_path: str, path: str, body: bytes) -> Response:
        endpoint, params = _find(request.method, path)
        known = path == MINT or self._sim.oauth2.serves(path) or self._sim.request_tokens.serves(path)
        name = endpoint.template if endpoint else path if known else "unknown"
        self._sim.statistics.requests[f"{request.method} {name}"] += 1
        try:
            outage = self._sim.outages.answer(path)
            if outage is not None:
                return self._dated(outage)
            signed = self._signed(request, sent_path, body)
            if self._sim.options.gateway and not is_offered(path):
                raise Problem(404, "Resource not found")
            if self._sim.oauth2.serves(path):
                response = self._sim.oauth2.answer(request.method, path, dict(request.headers), body)
            elif path == MINT and request.method == "POST":
                response = answer(self._sim.verifier.mint(signed))
            elif self._sim.request_tokens.serves(path):
                response = answer(self._sim.request_tokens.answer(path, signed))
            else:
                login = self._admit(signed, path, endpoint)
                call = Call(
                    self._sim,
                    login,
                    request.method,
                    path,
                    params,
                    request.query_params,
                    body,
                    request.headers.get("content-type", ""),
                )
                response = _run(endpoint, call)
        except Problem as problem:
            response = problem.response()
        except Refused as refused:
            response = Problem(refused.status, refused.error).response()
        return self._dated(response)

    def _dated(self, response: Response) -> Response:
        response.headers["Date"] = formatdate(self._sim.clock.now(), usegmt=True)
        return response

    def _admit(self, signed: Signed, path: str, endpoint: Endpoint | None) -> Login:
        """The checks before a handler: signature (or the gateway's login), request limits, brokerage session."""
        login = self._login(signed)
        if not self._sim.pacing.allows(login.user.name, path, self._sim.clock.monotonic()):
            raise Problem(429, "Too Many Requests")
        if path.startswith("/iserver/") and not path.startswith(_OPEN_UNDER_ISERVER) and not login.authenticated:
            raise Problem(400, "Bad Request: no bridge")
        if endpoint is not None and endpoint.order:
            # A question in the air is void as soon as another order-related request comes (section 4.6).
            login.pending = None
        return login

    def _login(self, signed: Signed) -> Login:
        """Who asks: the person at the gateway, the bearer of a session, or who signed."""
        if self._sim.options.gateway:
            return present_login(self._sim)
        if bearer_of(signed.authorization):
            login = self._sim.oauth2.check(signed.authorization)
            if login is None:
                raise Refused("not authenticated")
            return login
        return self._sim.verifier.check(signed)

    def _signed(self, request: Request, sent_path: str, body: bytes) -> Signed:
        """What the signature may cover; clients differ in the host they sign, so several are tried."""
        headers = request.headers
        if request.method == "POST" and "content-length" not in headers and "transfer-encoding" not in headers:
            raise Problem(411, "Length Required")
        host = request.headers.get("host", "")
        bases = dict.fromkeys((*self._sim.bases, f"{request.url.scheme}://{host}", f"https://{host}"))
        form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        return Signed(
            request.method,
            tuple(bases),
            sent_path,
            request.scope["query_string"].decode("latin-1"),
            body.decode("utf-8", "replace") if form else "",
            request.headers.get("authorization", ""),
        )


def _find(method: str, path: str) -> tuple[Endpoint | None, dict[str, str]]:
    for endpoint in ENDPOINTS:
        params = endpoint.match(method, path)
        if params is not None:
            return endpoint, params
    return None, {}


def _run(endpoint: Endpoint | None, call: Call) -> Response:
    if endpoint is None:
        raise Problem(404, "Resource not found")
    result: Any = endpoint.handler(call)
    return result if isinstance(result, Response) else answer(result)
