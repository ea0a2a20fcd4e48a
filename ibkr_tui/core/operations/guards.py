"""What guards orders: approvals, the kill switch, limits; and what takes risk away: cancel all, close, reverse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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
from ibkr_tui.core.orders.closing import ClosedAll, ClosedPosition, CloseHow
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
            "Cancel every order, then close every position at market; live needs confirm=CLOSE-ALL.",
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
        return await broker.outlives(lambda: self._close_all(caller), "close all positions")

    async def _close_all(self, caller: Caller) -> ClosedAll:
        """Orders first, so that no exit meets a closing order; then position by position, each outcome told."""
        swept = await self._broker.orders.sweeper.cancel_all(caller)
        closed = [await self._close_one(position, caller) for position in await self._positions() if position.qty]
        sent = sum(1 for one in closed if one.order is not None)
        return ClosedAll(sent, len(closed) - sent, swept.orders, tuple(closed))

    async def _close_one(self, position: Position, caller: Caller) -> ClosedPosition:
        def told(order: Order | None = None, error: BrokerError | None = None) -> ClosedPosition:
            code, text = (error.code, error.message) if error else ("", "")
            return ClosedPosition(position.conid, position.description, position.qty, order, code, text)

        try:
            instrument = await self._broker.contracts.resolve("", position.conid)
            await self._first.quoted(instrument, needed=True)
            how = CloseHow(manual=caller.interactive)
            approval = self._approved(position, instrument, how)
            return told(await self._broker.orders.closer.close(instrument, how, caller, approval))
        except BrokerError as error:
            return told(error=error)

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


def _is_called(position: Position, name: str) -> bool:
    """An option goes by its whole name only: who names the underlying doesn't mean its options."""
    names = {position.description.upper()}
    if position.sec_type not in _OPTIONS:
        names.add(position.symbol.upper())
    return name in names
