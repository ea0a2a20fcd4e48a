"""`ibkr-tui doctor --smoke`: account, depth, one share and a bracket on a paper account, and nothing left behind.

Everything goes through the profile's core, like any order of a person: the same gate, the same journal. What was bought
is sold again and what works is cancelled, also when a step fails.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any, Final

from ibkr_tui.core.doctor import Step
from ibkr_tui.link.client import LinkClient
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import plain

if TYPE_CHECKING:
    from ibkr_tui.cli.desk import Desk
    from ibkr_tui.cli.selection import Chosen, Selection

SYMBOL: Final = "SPY"
DONE_WITHIN_S: Final = 20.0
LOOK_EVERY_S: Final = 0.25
_BELOW: Final = Decimal("0.98")
_STOP: Final = Decimal("0.96")
_ABOVE: Final = Decimal("1.02")
_DEARER: Final = Decimal("1.01")
_CHEAPER: Final = Decimal("0.99")
_CENT: Final = Decimal("0.01")
_OVER: Final = frozenset({"filled", "cancelled", "rejected"})


async def smoke(selection: Selection, chosen: Chosen, tell: Callable[[Step], None]) -> list[Step]:
    """The steps up to the first that is broken, then the clearing up; on a paper profile, and no other."""
    from ibkr_tui.cli.desk import Desk
    from ibkr_tui.cli.launching import CALL_LEAVE_AFTER_S, CoreLauncher

    launcher = CoreLauncher(chosen, selection.environ, leave_after=CALL_LEAVE_AFTER_S)
    try:
        place = await launcher.attach(lambda step: None)
    except BrokerError as error:
        return [_said(Step("smoke core", error.message, error), tell)]
    face_id = uuid.uuid4().hex
    async with await LinkClient.connect(
        place.socket_path, fingerprint=place.fingerprint, face="call", face_id=face_id
    ) as client:
        return await _Walk(Desk(client, place, face_id), tell).run()


class _Walk:
    """The steps of one run, and what they have to clear up."""

    def __init__(self, desk: Desk, tell: Callable[[Step], None]) -> None:
        self._desk = desk
        self._tell = tell
        self._left: list[Mapping[str, Any]] = []
        self._bought = Decimal(0)
        self._bid = self._ask = Decimal(0)

    async def run(self) -> list[Step]:
        """All of them; the clearing up runs in any case and is the last one when there was anything to clear."""
        steps: list[Step] = []
        for name, work in (
            ("smoke account", self._account), ("smoke depth", self._depth), ("smoke share", self._share),
            ("smoke bracket", self._bracket),
        ):  # fmt: skip
            steps.append(await self._step(name, work))
            if steps[-1].error is not None:
                break
        cleared = await self._step("smoke clearing up", self._clear)
        if cleared.error is None and steps[-1].error is not None:
            return [*steps[:-1], cleared, steps[-1]]  # the broken step is the last one
        return [*steps, cleared]

    async def _step(self, name: str, work: Callable[[], Awaitable[str]]) -> Step:
        try:
            return _said(Step(name, await work()), self._tell)
        except BrokerError as error:
            return _said(Step(name, error.message, error), self._tell)

    async def _account(self) -> str:
        await self._desk.session()
        account = await self._desk.read("get_account", {})
        return f"{account['account']} has {account['net_liquidation']} {account['currency']}"

    async def _depth(self) -> str:
        book = await self._desk.read("get_depth", {"symbol": SYMBOL, "rows": 5})
        await self._price()
        return f"{SYMBOL} {plain(self._bid)} / {plain(self._ask)}, {len(book['bids'])} and {len(book['asks'])} rows"

    async def _price(self) -> None:
        quote = await self._desk.read("get_ticker", {"symbol": SYMBOL})
        last = Decimal(str(quote["last"] or quote["close"] or 0))
        self._bid, self._ask = (Decimal(str(quote[side] or last)) for side in ("bid", "ask"))
        if self._bid <= 0 or self._ask <= 0:
            raise BrokerError("RISK_NO_QUOTE", f"there is no price of {SYMBOL} to place an order at")

    async def _share(self) -> str:
        """One share at the market, by a limit beyond it; where nobody trades now it rests, and is cancelled later."""
        await self._price()
        order = await self._place("place_order", _limit("buy", self._ask * _DEARER))
        self._left.append({"coid": order["coid"]})
        now = await self._ended(order["coid"])
        self._bought += Decimal(str(now["filled"]))
        if now["state"] == "rejected":
            raise BrokerError("IBKR_ORDER_REJECTED", now["text"] or "the share was rejected")
        return f"one share of {SYMBOL}: {now['state']}"

    async def _bracket(self) -> str:
        """An entry below the market with a stop and a target, seen as three orders."""
        prices = {
            "entry_price": _at(self._bid * _BELOW),
            "stop_loss": _at(self._bid * _STOP),
            "take_profit": _at(self._ask * _ABOVE),
        }
        group = await self._place("place_bracket_order", {"symbol": SYMBOL, "side": "buy", "qty": "1"} | prices)
        self._left.append({"group_id": group["group_id"]})
        roles = sorted(order["role"] for order in group["orders"])
        if roles != ["entry", "stop", "target"]:
            raise BrokerError("IBKR_RESPONSE_INVALID", f"the bracket came back as {', '.join(roles) or 'nothing'}")
        return ", ".join(f"{order['role']} {order['status']}" for order in group["orders"])

    async def _clear(self) -> str:
        """Cancel what works, sell what was bought; the first thing that stays is the error, after all was tried."""
        kept: list[BrokerError] = []
        for name in self._left:
            try:
                await self._cancelled(name)
            except BrokerError as error:
                kept.append(error)
        if self._bought > 0:
            try:
                await self._price()
                asked = _limit("sell", self._bid * _CHEAPER) | {"qty": plain(self._bought)}
                sold = await self._place("place_order", asked)
                ended = await self._ended(sold["coid"])
                if ended["state"] != "filled":
                    raise BrokerError("ORDERS_STILL_WORK", f"the share of {SYMBOL} is not sold yet: {ended['state']}")
            except BrokerError as error:
                kept.append(error)
        if kept:
            raise kept[0]
        return "nothing is left of it"

    async def _cancelled(self, name: Mapping[str, Any]) -> None:
        try:
            await self._desk.change("cancel_order", name)
        except BrokerError as error:
            if error.code != "ORDER_DONE":
                raise
        found = await self._look(name, DONE_WITHIN_S)
        states = [order["status"] for order in found["orders"]] if "orders" in found else [found["state"]]
        if not set(states) <= _OVER:
            raise BrokerError("ORDERS_STILL_WORK", f"an order of the smoke test is still {', '.join(states)}")
        if "orders" not in found:  # it may have filled, in whole or in part, before it was cancelled
            self._bought = max(self._bought, Decimal(str(found["filled"])))

    async def _place(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        from ibkr_tui.cli.catalogue import describe

        schema = describe(operation)["schema"]
        return await self._desk.change(operation, await self._desk.approved(operation, arguments, schema))

    async def _ended(self, coid: str) -> Any:
        return await self._look({"coid": coid}, 5.0)

    async def _look(self, name: Mapping[str, Any], seconds: float) -> Any:
        """The order or group, as soon as it is over, or as it is after `seconds`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            found = await self._desk.read("get_order", name)
            states = {order["status"] for order in found["orders"]} if "orders" in found else {found["state"]}
            if states <= _OVER or loop.time() >= until:
                return found
            await asyncio.sleep(LOOK_EVERY_S)


def _limit(side: str, price: Decimal) -> dict[str, Any]:
    return {"symbol": SYMBOL, "side": side, "qty": "1", "order_type": "limit", "limit_price": _at(price)}


def _at(price: Decimal) -> str:
    return plain(price.quantize(_CENT, ROUND_DOWN))


def _said(step: Step, tell: Callable[[Step], None]) -> Step:
    tell(step)
    return step
