"""The control URL: what a test asks the simulator and makes it do. Unguessable path, no OAuth.

``GET state`` counters and books · ``POST faults`` add faults, as JSON or TOML (``DELETE`` clears) · ``POST clock``
jump · ``POST market`` move, halt or freeze instruments · ``POST ws`` do something to the open WebSockets ·
``POST session`` end, reset or compete for a brokerage session, maintenance · ``POST gateway`` a person logs in or out ·
``POST oauth`` awkward or inactive keys · ``POST pacing`` enforce limits, penalty box · ``POST orders`` questions,
refused legs, prompts, fills (see ``desk_control``) · ``POST door`` breaks connections (see ``front_door``) · ``portal``
registers keys, gives tokens, revokes (see ``portal``; ``GET``: what is registered, for a browser a page to do it on).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ibkr_tui.sim import desk_control, gateway, market_control, portal
from ibkr_tui.sim.acts import end_sessions, swap_accounts
from ibkr_tui.sim.calls import answer
from ibkr_tui.sim.fault_script import read_script
from ibkr_tui.sim.faults import FaultError
from ibkr_tui.sim.front_door import read_rule
from ibkr_tui.sim.portal_page import PORTAL_HEADERS, PORTAL_PAGE
from ibkr_tui.sim.simulator import Simulator
from ibkr_tui.sim.text import plain

ROOT = "/control/"


def routes(sim: Simulator) -> list[Route]:
    """The routes under the simulator's secret path."""
    root = f"{ROOT}{sim.control_token}"
    actions: dict[str, Callable[[Simulator, Any], Any]] = {
        "faults": _add_faults,
        "clock": _clock,
        "market": market_control.command,
        "ws": _websockets,
        "session": _session,
        "gateway": _gateway,
        "oauth": _oauth,
        "pacing": _pacing,
        "door": _door,
        "portal": portal.command,
        "orders": lambda sim, body: desk_control.command(sim.broker, body),
    }

    async def act(request: Request) -> Response:
        try:
            action, body = request.path_params["action"], await request.body()
            if action == "faults" and "toml" in request.headers.get("content-type", ""):
                sim.faults.add(read_script(body.decode()))
                return answer({"ok": True})
            result = actions[action](sim, json.loads(body or b"{}"))
        except KeyError as error:
            return answer({"error": f"missing or unknown: {error}"}, 400)
        except (FaultError, ValueError, TypeError) as error:
            return answer({"error": str(error)}, 400)
        return answer(result if result is not None else {"ok": True})

    async def read(request: Request) -> Response:
        return answer(state(sim))

    async def read_portal(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(PORTAL_PAGE, headers=PORTAL_HEADERS)
        return answer(portal.state(sim))

    async def clear(request: Request) -> Response:
        sim.faults.clear()
        return answer({"ok": True})

    return [
        Route(f"{root}/state", read, methods=["GET"]),
        Route(f"{root}/portal", read_portal, methods=["GET"]),
        Route(f"{root}/faults", clear, methods=["DELETE"]),
        Route(f"{root}/{{action}}", act, methods=["POST"]),
    ]


def state(sim: Simulator) -> dict[str, Any]:
    """Everything countable."""
    stats = sim.statistics
    return {
        "now": sim.clock.now(),
        "exchange_now": sim.time.now(),
        "mints": sim.verifier.mints,
        "logins": stats.logins,
        "requests": dict(stats.requests),
        "statuses": {str(key): count for key, count in stats.statuses.items()},
        "pacing_violations": dict(sim.pacing.violations),
        "too_many_requests": stats.statuses[429],
        "oauth2": {
            "tokens": sim.oauth2.tokens,
            "sessions": sim.oauth2.sessions,
            "refusals": dict(sim.oauth2.refusals),
        },
        "dialects": dict(sim.verifier.dialects),
        "refusals": dict(sim.verifier.refusals),
        "ws": {
            "connections": stats.ws_connections,
            "refused": stats.ws_refused,
            "frames": stats.ws_frames,
            "open": [
                {
                    "user": stream.login.user.name,
                    "smd": stream.subscriptions.conids,
                    "sbd": stream.subscriptions.depth_conids,
                    "topics": stream.subscriptions.topics,
                }
                for stream in sim.streams
            ],
        },
        "faults": sim.faults.rows(),
        "door": sim.door.state() if sim.door else None,
        "orders_received": list(sim.broker.received),
        "orders": [order.row() for order in sim.broker.orders.values()],
        "executions": [execution.row() for execution in sim.broker.executions],
        "accounts": {
            account: {
                "net_liquidation": plain(book.net_liquidation),
                "total_cash": plain(book.total_cash),
                "cash": {currency: plain(amount) for currency, amount in book.cash.items()},
                "commissions": plain(book.commissions),
                "realized": plain(book.realized_today),
                "positions": {str(item.conid): plain(holding.quantity) for item, holding in book.open_positions()},
            }
            for account, book in sim.broker.portfolios.items()
        },
    }


def _add_faults(sim: Simulator, body: Any) -> None:
    sim.faults.add(body)


def _clock(sim: Simulator, body: Any) -> Any:
    """``{"seconds": s}`` moves both clocks, ``{"exchange_seconds": s}`` the exchange's alone.

    A jump back moves the wall only: trading can't unhappen.
    """
    if "seconds" in body:
        before, seconds = sim.time.now(), float(body["seconds"])
        sim.clock.jump(seconds)
        if seconds < 0:
            sim.time.jump(before - sim.time.now())
    if "exchange_seconds" in body:
        sim.time.jump(float(body["exchange_seconds"]))
    sim.market.advance()
    return {"now": sim.clock.now(), "exchange_now": sim.time.now()}


def _websockets(sim: Simulator, body: Any) -> Any:
    """``do``: ``close`` (``code``), ``abort``, ``silence``, ``resume`` (all but heartbeats), ``text``, ``send``.

    ``send`` sends its ``frame``; ``text`` makes all that follow text frames.
    """
    kind = body["do"]
    if kind not in ("close", "abort", "silence", "resume", "text", "send"):
        raise ValueError(f"unknown: {kind}")
    for stream in list(sim.streams):
        if kind == "close":
            stream.close(int(body.get("code", 1001)))
        elif kind == "abort":
            stream.abort()
        elif kind == "text":
            stream.text_frames = True
        elif kind == "send":
            stream.send(body["frame"])
        else:
            stream.silent = kind == "silence"
    return {"connections": len(sim.streams)}


def _session(sim: Simulator, body: Any) -> None:
    """``do``: ``compete`` (somebody else has it), ``end`` (no bridge), ``timeout`` (idle), ``expire`` (tokens void).

    ``hold``: another program has it until ``release``, or until it is competed for; ``reset``: the nightly one, for
    ``seconds``; ``maintenance``: ``on`` true or false; ``swap_account``: the users' accounts change places.
    """
    kind = body["do"]
    if kind not in ("compete", "end", "timeout", "expire", "hold", "release", "reset", "maintenance", "swap_account"):
        raise ValueError(f"unknown: {kind}")
    if kind == "swap_account":
        swap_accounts(sim)
        return
    if kind == "maintenance":
        sim.outages.maintenance = bool(body["on"])
    if kind == "reset":
        sim.outages.reset(float(body.get("seconds", 0)))
    for user in sim.users:
        if kind == "hold":
            user.hold()
        elif kind == "release":
            user.release()
    if kind in ("compete", "end", "timeout", "expire", "reset"):
        end_sessions(sim, competing=kind == "compete", timed_out=kind == "timeout", expire=kind == "expire")
        return
    for stream in list(sim.streams):
        if sim.outages.maintenance:
            stream.close(1001)
        else:
            stream.session_changed()


def _gateway(sim: Simulator, body: Any) -> None:
    """``do``: ``login`` (``user``, by default the paper one) or ``logout``: what a person does in the browser."""
    kind = body["do"]
    if not sim.options.gateway or kind not in ("login", "logout"):
        raise ValueError(f"unknown: {kind}" if sim.options.gateway else "this simulator is no gateway")
    if kind == "login":
        gateway.log_in(sim, str(body.get("user", sim.users[0].name)))
    else:
        gateway.log_out(sim)


def _oauth(sim: Simulator, body: Any) -> None:
    """``wanted_secret``: ``top_bit``, ``leading_zero``, ``odd_response`` or empty, for the mints that follow.

    ``active``: false makes every consumer key one that is not active yet.
    """
    if "active" in body:
        sim.verifier.active = bool(body["active"])
        if "wanted_secret" not in body:
            return
    kind = body["wanted_secret"]
    if kind not in ("", "top_bit", "leading_zero", "odd_response"):
        raise ValueError(f"unknown: {kind}")
    sim.verifier.wanted_secret = kind


def _door(sim: Simulator, body: Any) -> Any:
    """A rule of the front door; answers with what it has counted until now."""
    if sim.door is None:
        raise ValueError("this simulator has no front door; start it with --front-door")
    counted = sim.door.state()
    sim.door.set(read_rule(body))
    return counted


def _pacing(sim: Simulator, body: Any) -> None:
    """``enforce``: limits are answered with 429; ``box_s``: the penalty box, for so many seconds from now."""
    if "box_s" in body:
        sim.outages.box(float(body["box_s"]))
    if "enforce" in body or "box_s" not in body:
        sim.pacing.enforce = bool(body["enforce"])
