"""The control URL's ``POST orders``: what a test makes the broker do with orders. ``do`` says what:

``ask`` (``rounds``: lists of message ids, ``times``) questions about the next requests · ``precautions`` (``on``,
``off``: message ids) which are asked by themselves · ``refuse`` (``leg``, ``outcome``, ``text``) a leg of the next
array · ``bad_leg`` (``outcome``) what becomes of an array with a leg in error · ``partials`` (``group``, ``bracket``:
cancel, reduce or wait) · ``prompt`` (``messageId``, ``text``, ``options``, ``accepts``) in place of the next answer ·
``fill`` (``order``, ``quantity``, ``price``), ``reject`` and ``cancel`` (``order``, ``text``) one order, named by its
id or its cOID · ``clear`` everything that waits.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from ibkr_tui.sim.broker import Broker
from ibkr_tui.sim.desk import DEFAULT_REASON, OUTCOMES, PARTIALS, Desk, Forced, Prompt, RefusedLeg
from ibkr_tui.sim.orders import Order
from ibkr_tui.sim.questions import TEXTS

KEYS: dict[str, frozenset[str]] = {
    "ask": frozenset({"rounds", "times"}),
    "precautions": frozenset({"on", "off"}),
    "refuse": frozenset({"leg", "outcome", "text"}),
    "bad_leg": frozenset({"outcome"}),
    "partials": frozenset({"group", "bracket"}),
    "prompt": frozenset({"messageId", "text", "options", "accepts"}),
    "fill": frozenset({"order", "quantity", "price"}),
    "reject": frozenset({"order", "text"}),
    "cancel": frozenset({"order", "text"}),
    "clear": frozenset(),
}


def command(broker: Broker, body: Any) -> Any:
    """Carry out one command; ``ValueError`` says what is wrong with it."""
    if not isinstance(body, dict) or body.get("do") not in KEYS:
        raise ValueError(f"do must be one of {', '.join(sorted(KEYS))}")
    kind = body["do"]
    unknown = set(body) - KEYS[kind] - {"do"}
    if unknown:
        raise ValueError(f"unknown key for {kind}: {', '.join(sorted(unknown))}")
    settings: dict[str, Callable[[Desk, dict[str, Any]], None]] = {
        "ask": _ask,
        "precautions": _precautions,
        "refuse": _refuse,
        "bad_leg": _bad_leg,
        "partials": _partials,
        "prompt": _prompt,
    }
    if kind in settings:
        settings[kind](broker.desk, body)
    elif kind == "clear":
        broker.desk = Desk()
    else:
        order = _named(broker, body)
        if kind == "fill":
            broker.fill(order, _amount(body, "quantity", order.remaining, order.remaining), _price(broker, order, body))
        else:
            status = "Inactive" if kind == "reject" else "Cancelled"
            broker.end(order, status, str(body.get("text", DEFAULT_REASON)))
        return order.row()
    return None


def _ask(desk: Desk, body: dict[str, Any]) -> None:
    rounds = body["rounds"]
    if not isinstance(rounds, list) or not rounds or not all(isinstance(ids, list) and ids for ids in rounds):
        raise ValueError("rounds must be a list of lists of message ids")
    desk.forced.append(Forced([[str(code) for code in ids] for ids in rounds], int(body.get("times", 1))))


def _precautions(desk: Desk, body: dict[str, Any]) -> None:
    for name in ("on", "off"):
        unknown = set(map(str, body.get(name, []))) - set(TEXTS)
        if unknown:
            raise ValueError(f"unknown message id: {', '.join(sorted(unknown))}")
    desk.precautions |= set(body.get("on", []))
    desk.precautions -= set(body.get("off", []))


def _refuse(desk: Desk, body: dict[str, Any]) -> None:
    outcome = _one_of(body.get("outcome", "live"), OUTCOMES, "outcome")
    desk.refused_leg = RefusedLeg(int(body["leg"]), outcome, str(body.get("text", DEFAULT_REASON)))


def _bad_leg(desk: Desk, body: dict[str, Any]) -> None:
    desk.bad_leg = _one_of(body["outcome"], OUTCOMES, "outcome")


def _partials(desk: Desk, body: dict[str, Any]) -> None:
    for name in ("group", "bracket"):
        if name in body:
            desk.partial_fills[name] = _one_of(body[name], PARTIALS, name)


def _prompt(desk: Desk, body: dict[str, Any]) -> None:
    options = tuple(str(text) for text in body.get("options", ("Cancel", "Submit")))
    accepts = str(body.get("accepts", options[-1]))
    if accepts not in options:
        raise ValueError("accepts must be one of options")
    code = str(body.get("messageId", "p12"))
    desk.prompts.append(Prompt(code, str(body.get("text", TEXTS.get(code, code))), options, accepts))


def _one_of(value: object, known: tuple[str, ...], name: str) -> str:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}")
    return str(value)


def _named(broker: Broker, body: dict[str, Any]) -> Order:
    wanted = str(body["order"])
    for order in reversed(broker.orders.values()):
        if wanted in (str(order.order_id), order.coid):
            if order.finished:
                raise ValueError(f"order {wanted} is {order.status}")
            return order
    raise ValueError(f"no order {wanted!r}")


def _amount(body: dict[str, Any], name: str, default: Decimal, most: Decimal | None = None) -> Decimal:
    try:
        value = Decimal(str(body.get(name, default)))
    except InvalidOperation:
        raise ValueError(f"{name} must be a number") from None
    if not value.is_finite() or value <= 0 or (most is not None and value > most):
        raise ValueError(f"{name} must be above 0" + (f" and at most {most}" if most is not None else ""))
    return value


def _price(broker: Broker, order: Order, body: dict[str, Any]) -> Decimal:
    """The price asked for, else the order's own, else the market's."""
    own = order.price if order.price is not None else order.stop
    return _amount(body, "price", own if own is not None else broker.mark(order))
