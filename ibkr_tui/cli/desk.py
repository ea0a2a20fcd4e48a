"""What a one-shot command asks of a core: waiting for its session, reads, and changes whose fate must be told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from ibkr_tui.cli.output import tell
from ibkr_tui.link.client import LinkClient, watch
from ibkr_tui.model.errors import CATALOGUE, BrokerError
from ibkr_tui.model.health import Health, SessionState
from ibkr_tui.model.table import TableDelta
from ibkr_tui.tui.launcher import Attachment

SESSION_DEADLINE_S: Final = 30.0
READ_DEADLINE_S: Final = 30.0
CHANGE_DEADLINE_S: Final = (
    120.0  # a submission has its own total deadline in the core; this one is for a core that hangs
)
_PREVIEWED: Final = {
    "place_order": "simple",
    "place_bracket_order": "bracket",
    "place_oco_order": "oco",
    "place_oto_order": "oto",
    "close_position": "close",
    "reverse_position": "reverse",
}
"""The operations that send one order or group, and the kind of preview of each."""
_SWEEPS: Final = {"cancel_all_orders": "get_open_orders", "close_all_positions": "get_positions"}
_READY: Final = frozenset({SessionState.READY, SessionState.DEGRADED})
_HOPELESS: Final = frozenset({SessionState.BLOCKED, SessionState.COMPETING, SessionState.MAINTENANCE})


class Desk:
    """A connection and the place to watch from."""

    def __init__(self, client: LinkClient, place: Attachment, face_id: str) -> None:
        self._client = client
        self._place = place
        self._face_id = face_id

    async def read(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """A read; when the session is not there yet, wait for it and ask again."""
        try:
            return await self._client.call(operation, arguments, deadline=READ_DEADLINE_S)
        except BrokerError as error:
            if error.code != "IBKR_NO_SESSION":
                raise
        await self.session()
        return await self._client.call(operation, arguments, deadline=READ_DEADLINE_S)

    async def change(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """A change, asked once and never again. Raises IBKR_ORDER_UNKNOWN when the core goes while it works on it."""
        try:
            return await self._client.call(operation, arguments, deadline=CHANGE_DEADLINE_S)
        except asyncio.CancelledError:
            tell(f"ibkr-tui: {operation} goes on in the core; see `ibkr-tui call get_open_orders`")
            raise
        except BrokerError as error:
            if error.details.get("outcome") != "unknown":
                raise
            raise BrokerError("IBKR_ORDER_UNKNOWN", error.message, details=error.details) from None

    async def unconfirmed(self, operation: str, arguments: Mapping[str, Any]) -> BrokerError:
        """The refusal of a change without --yes; its details hold the preview: of an order what it would do, of a
        sweeping change what there is to sweep."""
        details: dict[str, Any] = {"operation": operation}
        if operation in _PREVIEWED:
            details["preview"] = await self._preview(operation, arguments)
            words, todo = f"{operation} was not sent: this is a preview", None
        elif operation in _SWEEPS:
            rows = await self._client.call(_SWEEPS[operation], {}, deadline=READ_DEADLINE_S)
            details["preview"] = [row for row in rows if _is_meant(row, arguments)]
            words, todo = f"{operation} was not done: this is what there is", "Read what there is; add --yes to do it."
        else:
            words, todo = f"{operation} was not done: it needs --yes", "Add --yes if you mean it."
        return BrokerError("CONFIRMATION_REQUIRED", words, details=details, user_action=todo)

    async def approved(self, operation: str, arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of an order with its approval: previewed, its warnings told, approved.

        Other operations' arguments, and those that have an approval, are as they were.
        """
        known = any("approval" in shape.get("properties", {}) for shape in _shapes(schema))
        if operation not in _PREVIEWED or not known or arguments.get("approval"):
            return dict(arguments)
        preview = await self._preview(operation, arguments)
        for warning in preview["warnings"]:
            tell(f"ibkr-tui: {warning}")
        wanted = {"preview_id": preview["preview_id"]}
        given = await self._client.call("approve_order", wanted, deadline=READ_DEADLINE_S)
        return dict(arguments) | {"approval": given["approval"]}

    async def _preview(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        asked = dict(arguments) | {"kind": _PREVIEWED[operation]}
        return await self._client.call("preview_order", asked, deadline=READ_DEADLINE_S)

    async def session(self) -> None:
        """Wait until the core is logged in.

        Raises what keeps it from that: the code in its health, or IBKR_NO_SESSION after 30 seconds.
        """
        health: Health | None = None
        try:
            async with asyncio.timeout(SESSION_DEADLINE_S), contextlib.aclosing(self._health()) as states:
                async for health in states:
                    if health.session in _READY:
                        return
                    if health.session in _HOPELESS:
                        raise _why(health)
        except TimeoutError:
            raise _why(health) from None
        raise BrokerError("CORE_UNREACHABLE", "the core has gone")

    async def _health(self) -> AsyncGenerator[Health, None]:
        place = self._place
        async with contextlib.aclosing(
            watch(
                place.socket_path,
                tables=["health"],
                fingerprint=place.fingerprint,
                face="call",
                face_id=self._face_id,
            )
        ) as items:
            async for item in items:
                if isinstance(item, TableDelta):
                    for row in item.rows.values():
                        yield row


def _is_meant(row: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    """Whether a sweep with these arguments means that order or position; without arguments it means every one."""
    symbol, conid, side = (arguments.get(name) for name in ("symbol", "conid", "side"))
    names = {str(row.get(name, "")).upper() for name in ("symbol", "description")}
    return (
        (not symbol or str(symbol).strip().upper() in names)
        and (conid is None or row.get("conid") == conid)
        and (side is None or row.get("side") == side)
    )


def _shapes(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schema itself, or what it refers to."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return [schema, schema.get("$defs", {}).get(name, {})]


def _why(health: Health | None) -> BrokerError:
    """The error that a core without a session amounts to."""
    if health is None or not health.message:
        return BrokerError("IBKR_NO_SESSION", f"there is no session after {SESSION_DEADLINE_S:g} s")
    return BrokerError(health.code if health.code in CATALOGUE else "IBKR_NO_SESSION", health.message)
