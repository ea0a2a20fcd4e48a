"""The ASGI application: REST, WebSocket and control, put together."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from ibkr_tui.sim import gateway, request_tokens
from ibkr_tui.sim.acts import perform
from ibkr_tui.sim.control import ROOT, routes
from ibkr_tui.sim.front import PREFIX, Front
from ibkr_tui.sim.simulator import Simulator
from ibkr_tui.sim.stream import TRANSPORT, websocket_endpoint


def build_app(sim: Simulator) -> ASGIApp:
    """The application of one simulator.

    REST does not pass through Starlette's middleware: a fault that cuts the connection needs the server's own ``send``.
    """
    front = Front(sim)
    prefixes = (PREFIX, gateway.ALIAS) if sim.options.gateway else (PREFIX,)
    streams = [WebSocketRoute(f"{prefix}/ws", websocket_endpoint) for prefix in prefixes]
    pages = gateway.routes(sim) if sim.options.gateway else request_tokens.routes(sim)
    rest = Starlette(routes=[*streams, *routes(sim), *pages])
    rest.state.sim = sim
    page_paths = {page.path for page in pages}

    def strike() -> None:
        for act in sim.faults.moments():
            perform(sim, act)

    sim.market.on_step(strike)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            # Starlette wraps ``send``: a connection that is to be cut needs the server's own transport.
            scope[TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        if scope["type"] == "http" and not scope["path"].startswith(ROOT) and scope["path"] not in page_paths:
            await front(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return application
