"""The core and its session: what it is, how it stands, and taking the session back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.log_reading import read_log
from ibkr_tui.core.operations.arguments import GetLog, Nothing, TakeOver
from ibkr_tui.core.operations.prerequisites import Prerequisites
from ibkr_tui.model.core_log import LogTail
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import Health

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker

TAKE_OVER_WITHIN: Final = 20.0
TAKE_OVER_WORD: Final = "TAKE-OVER"


def session_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""
    do = SessionHandlers(broker)
    read = Tier.READ
    return [
        Operation("environment_info", read, Nothing, do.environment_info, "Profile, account, URLs and limits."),
        Operation("health", read, Nothing, do.health, "Session, stream, token, market hours and open intents."),
        Operation("get_log", read, GetLog, do.get_log, "The core's log, newest last; level=warning for trouble only."),
        Operation("list_accounts", read, Nothing, do.list_accounts, "The accounts of this login."),
        Operation(
            "take_over",
            Tier.DANGEROUS,
            TakeOver,
            do.take_over,
            "Take the session from the program that has it, and log that one out; confirm=TAKE-OVER.",
        ),
    ]


class SessionHandlers:
    """What they do. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._first = Prerequisites(broker)

    async def environment_info(self, arguments: Nothing, caller: Caller) -> dict[str, Any]:
        profile = self._broker.profile
        return {
            "profile": profile.name,
            "kind": profile.kind,
            "paper": profile.kind == "paper",
            "account": profile.account_id,
            "base_url": profile.rest_url,
            "ws_url": profile.ws_url,
            "ws_enabled": profile.market.ws_enabled,
            "orders": profile.orders,
            "max_leverage": profile.limits.max_leverage,
            "max_order_value": profile.limits.max_order_value,
            "max_order_qty": profile.limits.max_order_qty,
            "version": self._broker.version,
        }

    async def health(self, arguments: Nothing, caller: Caller) -> Health:
        self._broker.health.show()
        row = self._broker.tables["health"].get(self._broker.profile.name)
        assert isinstance(row, Health)  # noqa: S101 - show() puts it
        return row

    async def get_log(self, arguments: GetLog, caller: Caller) -> LogTail:
        path, wanted = self._broker.log_path, arguments
        return await asyncio.to_thread(read_log, path, lines=wanted.lines, level=wanted.level, after=wanted.after)

    async def list_accounts(self, arguments: Nothing, caller: Caller) -> list[dict[str, Any]]:
        await self._first.ready()
        found = await self._broker.reads.accounts()
        pinned = self._broker.profile.account_id
        return [{"account": name, "selected": name == pinned} for name in found.accounts]

    async def take_over(self, arguments: TakeOver, caller: Caller) -> dict[str, Any]:
        if arguments.confirm != TAKE_OVER_WORD:
            raise BrokerError(
                "CONFIRMATION_REQUIRED",
                "taking over logs the other program out of this username",
                user_action=f"Give confirm={TAKE_OVER_WORD} if you mean it.",
            )
        taken = await self._broker.session.take_over(TAKE_OVER_WITHIN)
        return {"taken": taken, "session": str(self._broker.session.state)}
