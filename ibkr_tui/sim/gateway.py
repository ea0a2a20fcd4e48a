"""The Client Portal Gateway's manners: a person logs in at a page, nothing is signed (reference section 3).

The gateway holds one login at a time, for whoever reaches its port. Nobody logged in: everything is a 401.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ibkr_tui.sim.logins import Login, User
from ibkr_tui.sim.oauth import Refused
from ibkr_tui.sim.simulator import Simulator

ALIAS = "/v1/portal"
LOGIN_PAGES = ("/", "/sso/Login", "/sso/Dispatcher")
_NOT_OFFERED = ("/oauth", "/gw/")
_PAGE = """<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1>{content}</html>"""
_BUTTON = '<form method="post" action="/sso/Login"><button name="user" value="{name}">Log in as {name}</button></form>'


def is_offered(path: str) -> bool:
    """A gateway has neither OAuth nor the newer gateway API."""
    return not path.startswith(_NOT_OFFERED)


def present_login(sim: Simulator) -> Login:
    """The login of the person at the gateway, or :class:`Refused` with the empty 401."""
    login = sim.at_gateway
    if login is None or login not in login.user.logins or login.expires_at <= sim.clock.now():
        raise Refused(None)
    return login


def log_in(sim: Simulator, name: str) -> Login:
    """A person logs in: who was there before is out, and the brokerage session starts by itself."""
    user = _user(sim, name)
    log_out(sim)
    sim.at_gateway = login = user.add_login(b"", sim.clock.now())
    user.take_brokerage(login, compete=True)
    sim.statistics.logins += 1
    return login


def log_out(sim: Simulator) -> None:
    """The person's login ends, and its streams with it."""
    login, sim.at_gateway = sim.at_gateway, None
    if login is None:
        return
    login.user.drop(login)
    for stream in list(sim.streams):
        if stream.login is login:
            stream.close(1000)


def _user(sim: Simulator, name: str) -> User:
    for user in sim.users:
        if user.name == name:
            return user
    raise ValueError(f"no user {name!r}; known: {', '.join(user.name for user in sim.users)}")


def routes(sim: Simulator) -> list[Route]:
    """The login page of a browser."""

    async def page(request: Request) -> Response:
        buttons = "".join(_BUTTON.format(name=user.name) for user in sim.users)
        return HTMLResponse(_PAGE.format(title="Simulated gateway", content=buttons))

    async def submit(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            log_in(sim, form.get("user", sim.users[0].name))
        except ValueError:
            return HTMLResponse(_PAGE.format(title="Unknown user", content=""), 401)
        return HTMLResponse(_PAGE.format(title="Client login succeeds", content=""))

    pages = [Route(path, page, methods=["GET"]) for path in LOGIN_PAGES]
    return [*pages, Route("/sso/Login", submit, methods=["POST"])]
