"""The third parties' way to an access token: request token, a person's permission, verifier (reference 1.3).

A self-service consumer skips all of it. Both calls are signed with the signature key. A request token is good for one
permission, its verifier for one access token.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ibkr_tui.sim.oauth import Refused, Signed, Verifier
from ibkr_tui.sim.portal import grant_token

if TYPE_CHECKING:
    from ibkr_tui.sim.simulator import Simulator

ASK = "/oauth/request_token"
EXCHANGE = "/oauth/access_token"
AUTHORIZE = "/authorize"
GRANTED = "/authorize/granted"
_PAGE = (
    """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>{content}</html>"""
)
_FORM = (
    "<p>The consumer {consumer} asks to trade for {account}. A rehearsal: nothing here reaches Interactive Brokers.</p>"
    '<form method="post" action="/authorize"><input type="hidden" name="oauth_token" value="{token}">'
    "<button>Allow it</button></form>"
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass
class Asked:
    """A request token; ``verifier`` is empty until a person has allowed it."""

    consumer_key: str
    account: str
    verifier: str = ""


class RequestTokens:
    """Every request token that waits."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._asked: dict[str, Asked] = {}
        self.exchanged = 0

    @staticmethod
    def serves(path: str) -> bool:
        """Whether the path is one of the two calls."""
        return path in {ASK, EXCHANGE}

    def answer(self, path: str, signed: Signed) -> dict[str, object]:
        """What the call gives, or :class:`~ibkr_tui.sim.oauth.Refused`."""
        if signed.method != "POST":
            raise Refused("Method Not Allowed", 405)
        return self._ask(signed) if path == ASK else self._exchange(signed)

    def waiting(self, token: object) -> Asked | None:
        """The request token's state, if it is one."""
        return self._asked.get(token) if isinstance(token, str) else None

    def allow(self, token: object) -> str:
        """A person allows it: the verifier. Raises ValueError."""
        asked = self.waiting(token)
        if asked is None:
            raise ValueError("oauth_token: no such request token waits; each is good for one access token")
        asked.verifier = asked.verifier or secrets.token_hex(10)
        return asked.verifier

    def _ask(self, signed: Signed) -> dict[str, object]:
        user, registration, oauth = self._verifier.third_party(signed)
        if oauth.get("oauth_callback") != "oob":
            raise self._verifier.refuse("invalid oauth_callback")
        token = secrets.token_hex(10)
        self._asked[token] = Asked(registration.consumer_key, user.account)
        return {"oauth_token": token}

    def _exchange(self, signed: Signed) -> dict[str, object]:
        user, registration, oauth = self._verifier.third_party(signed)
        token = oauth.get("oauth_token", "")
        asked = self.waiting(token)
        if asked is None or asked.consumer_key != registration.consumer_key:
            raise self._verifier.refuse("invalid request token")
        given = oauth.get("oauth_verifier", "")
        if not asked.verifier or not secrets.compare_digest(given.encode(), asked.verifier.encode()):
            raise self._verifier.refuse("invalid oauth_verifier")
        del self._asked[token]
        made = grant_token(user, registration)
        self.exchanged += 1
        return {
            "oauth_token": made.access_token,
            "oauth_token_secret": made.access_token_secret,
            "is_paper": user.is_paper,
        }


def routes(sim: Simulator) -> list[Route]:
    """The page where a person allows a request token, and the one it leads to with the verifier in its address."""

    async def page(request: Request) -> Response:
        token = request.query_params.get("oauth_token", "")
        asked = sim.request_tokens.waiting(token)
        if asked is None:
            return _shown("No such request", "<p>Ask for a new request token.</p>", 400)
        form = _FORM.format(consumer=escape(asked.consumer_key), account=escape(asked.account), token=escape(token))
        return _shown("Simulated authorization", form)

    async def allow(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        token = form.get("oauth_token", "")
        try:
            given = {"oauth_token": token, "oauth_verifier": sim.request_tokens.allow(token)}
        except ValueError as error:
            return _shown("No such request", f"<p>{escape(str(error))}</p>", 400)
        return RedirectResponse(f"{GRANTED}?{urlencode(given)}", 303)

    async def granted(request: Request) -> Response:
        verifier = request.query_params.get("oauth_verifier", "")
        if re.fullmatch(r"[0-9a-f]{1,64}", verifier) is None:
            return _shown("No verifier", "<p>The address holds no verifier.</p>", 400)
        return _shown("Allowed", f"<p>The verifier, for the program that asked: <code>{verifier}</code></p>")

    return [
        Route(AUTHORIZE, page, methods=["GET"]),
        Route(AUTHORIZE, allow, methods=["POST"]),
        Route(GRANTED, granted, methods=["GET"]),
    ]


def _shown(title: str, content: str, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(title=title, content=content), status, headers=_HEADERS)
