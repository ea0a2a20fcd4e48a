"""What guards orders: approvals, the kill switch, limits; and what takes risk away: cancel all, close, reverse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.operations.guard_arguments import (
    ApproveOrder,
    CancelAllOrders,
    CloseAllPositions,
    ClosePosition,
    ReversePosition,
    SetKillSwitch,
    TightenLimits,
)
from ibkr_tui.core.operations.prerequisites import Prerequisites
from ibkr_tui.core.orders.approvals import Approval
from ibkr_tui.core.orders.closing import ClosedAll, ClosedPosition, CloseHow, guards, side_out
from ibkr_tui.core.orders.pricing import marketable
from ibkr_tui.core.orders.sweep import SweepResult
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.guards import Guards
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order
from ibkr_tui.model.portfolio import Position
from ibkr_tui.model.text import clean

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker

CLOSE_ALL_WORD: Final = "CLOSE-ALL"
_OPTIONS: Final = frozenset({"OPT", "FOP", "WAR"})


def guard_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""
    do = GuardHandlers(broker)
    change, dangerous = Tier.CHANGE, Tier.DANGEROUS
    return [
        Operation("approve_order", change, ApproveOrder, do.approve_order, "Approve a preview; sends nothing."),
        Operation(
            "set_kill_switch",
            dangerous,
            SetKillSwitch,
            do.set_kill_switch,
            "Kill switch: on=true stops new orders at once, on=false lets them leave again.",
        ),
        Operation(
            "tighten_limits", change, TightenLimits, do.tighten_limits, "Tighten risk limits until the core ends."
        ),
        Operation(
            "cancel_all_orders",
            dangerous,
            CancelAllOrders,
            do.cancel_all_orders,
            "Ask to cancel every working order, or those of a symbol or side; one by one, each outcome told.",
        ),
        Operation(
            "close_position",
            dangerous,
            ClosePosition,
            do.close_position,
            "Cancel an instrument's orders, then close its position, at market or a limit.",
        ),
        Operation(
            "close_all_positions",
            dangerous,
            CloseAllPositions,
            do.close_all_positions,
            "Cancel every order, then close every position, at market or at_limit=true; live needs confirm=CLOSE-ALL.",
        ),
        Operation(
            "reverse_position",
            dangerous,
            ReversePosition,
            do.reverse_position,
            "Cancel an instrument's orders, then turn its position round.",
        ),
    ]


class GuardHandlers:
    """What they do. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._first = Prerequisites(broker)

    async def approve_order(self, arguments: ApproveOrder, caller: Caller) -> Approval:
        broker = self._broker
        digest = broker.orders.approvals.digest(arguments.preview_id)
        facts = {"request_hash": digest, "preview_id": arguments.preview_id, "face": caller.face}
        await broker.journal.note("approved", facts, account=broker.profile.account_id)
        return broker.orders.approvals.approve(arguments.preview_id)

    async def set_kill_switch(self, arguments: SetKillSwitch, caller: Caller) -> Guards:
        reason = clean(arguments.reason, limit=200)
        return await self._broker.orders.guards.set(arguments.on, reason, clean(caller.face, limit=40))

    async def tighten_limits(self, arguments: TightenLimits, caller: Caller) -> Guards:
        return await self._broker.orders.guards.tighten(arguments.changes(), clean(caller.face, limit=40))

    async def cancel_all_orders(self, arguments: CancelAllOrders, caller: Caller) -> SweepResult:
        wanted = arguments
        if all(order.state.is_done for order in self._broker.orders.book):
            await self._first.ready()
        work = self._broker.orders.sweeper.cancel_all
        return await self._broker.outlives(
            lambda: work(caller, conid=wanted.conid, symbol=wanted.symbol.strip(), side=wanted.side), "cancel all"
        )

    async def close_position(self, arguments: ClosePosition, caller: Caller) -> Order:
        how = arguments.how(caller)
        instrument = await self._held(arguments.symbol, arguments.conid, how, caller)
        work = self._broker.orders.closer.close
        return await self._broker.outlives(lambda: work(instrument, how, caller, arguments.approval), "close position")

    async def reverse_position(self, arguments: ReversePosition, caller: Caller) -> Order:
        how = arguments.how(caller)
        instrument = await self._held(arguments.symbol, arguments.conid, how, caller)
        work = self._broker.orders.closer.reverse
        return await self._broker.outlives(
            lambda: work(instrument, how, caller, arguments.approval), "reverse position"
        )

    async def close_all_positions(self, arguments: CloseAllPositions, caller: Caller) -> ClosedAll:
        broker = self._broker
        if broker.profile.kind == "live" and arguments.confirm != CLOSE_ALL_WORD:
            raise BrokerError(
                "CONFIRMATION_REQUIRED",
                "closing every position of a live account takes a word",
                user_action=f"Give confirm={CLOSE_ALL_WORD} if you mean it.",
            )
        await self._prepare(caller)
        return await broker.outlives(
            lambda: self._close_all(caller, at_limit=arguments.at_limit), "close all positions"
        )

    async def _close_all(self, caller: Caller, *, at_limit: bool) -> ClosedAll:
        """Every closing is judged first. Then orders are cancelled, so that no exit meets a closing order, but not what
        guards a position whose closing is refused; then position by position, each outcome told.

        Raises BrokerError, and leaves all as it is, when one rule refuses every closing.
        """
        orders = self._broker.orders
        held = [position for position in await self._positions() if position.qty]
        refused: dict[int, BrokerError] = {}
        for position in held:
            try:
                await self._closing(position, caller, at_limit=at_limit)
            except BrokerError as error:
                refused[position.conid] = error
        if held and len(refused) == len(held) and len({error.code for error in refused.values()}) == 1:
            raise _all_refused(next(iter(refused.values())))
        kept = {position.conid: position.qty for position in held if position.conid in refused}
        swept = await orders.sweeper.cancel_all(
            caller, keep=lambda order: order.conid in kept and guards(order, kept[order.conid]), insist=False
        )
        closed = []
        for position in [position for position in await self._positions() if position.qty]:  # an exit may have filled
            told = ClosedPosition(position.conid, position.description, position.qty)
            try:
                if position.conid in refused:
                    raise refused[position.conid]
                instrument, how, approval = await self._closing(position, caller, at_limit=at_limit)
                sent = await orders.closer.close(instrument, how, caller, approval)
                closed.append(msgspec.structs.replace(told, order=sent))
            except BrokerError as error:
                closed.append(msgspec.structs.replace(told, error=error.code, text=error.message))
        count = sum(1 for one in closed if one.order is not None)
        return ClosedAll(count, len(closed) - count, swept.orders, tuple(closed))

    async def _closing(self, position: Position, caller: Caller, *, at_limit: bool) -> tuple[Instrument, CloseHow, str]:
        """How a position is closed, and its approval. Raises BrokerError with what would refuse it."""
        broker = self._broker
        instrument = await broker.contracts.resolve("", position.conid)
        await self._first.quoted(instrument, needed=True)
        price = None
        if at_limit:
            side, quote = side_out(position), broker.orders.facts.quote(position.conid)
            price = marketable(instrument, side, quote, broker.orders.limits.now)
            if price is None:
                raise BrokerError("RISK_NO_QUOTE", f"there is no fresh quote of {instrument.description} to close at")
        how = CloseHow(limit_price=price, manual=caller.interactive)
        approval = self._approved(position, instrument, how)
        await broker.orders.closer.check(broker.orders.closer.proposal(position, instrument, how), approval)
        return instrument, how, approval

    def _approved(self, position: Position, instrument: Instrument, how: CloseHow) -> str:
        """The word that was typed approves each of the closing orders, as they are now."""
        broker = self._broker
        if not broker.orders.gate.needs_approval:
            return ""
        preview_id, _ = broker.orders.approvals.previewed(broker.orders.closer.proposal(position, instrument, how))
        return broker.orders.approvals.approve(preview_id).approval

    async def _held(self, symbol: str, conid: int | None, how: CloseHow, caller: Caller) -> Instrument:
        """The instrument of the position that is meant, with a quote if its closing takes one."""
        await self._prepare(caller)
        instrument = await self.held_instrument(symbol, conid)
        await self._first.quoted(instrument, needed=how.limit_price is None)
        return instrument

    async def held_instrument(self, symbol: str, conid: int | None) -> Instrument:
        """The instrument of the position named. Raises BrokerError NO_POSITION, SYMBOL_AMBIGUOUS, BAD_ARGUMENT."""
        name = symbol.strip().upper()
        if not name and conid is None:
            raise BrokerError("BAD_ARGUMENT", "name the position: symbol or conid")
        held = [position for position in await self._positions() if position.qty != 0]
        meant = [position for position in held if (position.conid == conid if conid else _is_called(position, name))]
        if not meant:
            raise BrokerError("NO_POSITION", f"there is no position in {clean(symbol, limit=40) or conid}")
        if len(meant) > 1:
            which = ", ".join(f"{position.description} (conid {position.conid})" for position in meant)
            raise BrokerError("SYMBOL_AMBIGUOUS", f"several positions have that name: {which}")
        return await self._broker.contracts.resolve("", meant[0].conid)

    async def _positions(self) -> list[Position]:
        return list(await self._broker.portfolio.read_positions())

    async def _prepare(self, caller: Caller) -> None:
        broker = self._broker
        broker.live.check_orders()
        broker.check_open()
        broker.orders.desk.face_came(caller.face_id)
        await self._first.ready()
        broker.check_clock()
        await self._first.holdings()


def _all_refused(error: BrokerError) -> BrokerError:
    """One rule refuses every closing: nothing was done at all."""
    todo, missing = error.user_action, error.details.get("set")
    if missing:
        todo = f"Set {missing} = true and restart the core, or give at_limit=true: each at a limit where its market is."
    return BrokerError(
        error.code, f"nothing was cancelled or closed: {error.message}", retryable=error.retryable, user_action=todo
    )


def _is_called(position: Position, name: str) -> bool:
    """An option goes by its whole name only: who names the underlying doesn't mean its options."""
    names = {position.description.upper()}
    if position.sec_type not in _OPTIONS:
        names.add(position.symbol.upper())
    return name in names
