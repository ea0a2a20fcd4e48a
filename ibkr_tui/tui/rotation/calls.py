"""What the Keys page asks of the core."""

from __future__ import annotations

from typing import Final

import msgspec

from ibkr_tui.model.rotation import RotationDone, RotationStarted, RotationStatus
from ibkr_tui.tui.feed import Feed

_PROVE_WITHIN_S: Final = 120.0
_WRITE_WITHIN_S: Final = 30.0


class TokenEntered(msgspec.Struct, frozen=True):
    """The portal's three values as they were typed. Its repr shows none of them."""

    consumer_key: str
    access_token: str
    access_token_secret: str

    def __repr__(self) -> str:
        return "TokenEntered(not shown)"


async def status(feed: Feed) -> RotationStatus:
    """How the keys stand."""
    return await feed.call("rotate_status", {}, result=RotationStatus, deadline=10)


async def start(feed: Feed, *, group: str = "keep", renew: bool = False, confirm: str = "") -> RotationStarted:
    """Stage a new set, or give the staged one another day."""
    arguments = {"group": group, "renew": renew, "confirm": confirm}
    return await feed.call("rotate_start", arguments, result=RotationStarted, deadline=_WRITE_WITHIN_S)


async def confirm(feed: Feed, entered: TokenEntered | None, *, confirm: str = "") -> RotationDone:
    """Prove the staged set, with what was entered now or before, and switch to it. Raises as Rotation.confirm."""
    arguments = {"confirm": confirm}
    if entered is not None:
        arguments |= {
            "new_consumer_key": entered.consumer_key,
            "new_access_token": entered.access_token,
            "new_access_token_secret": entered.access_token_secret,
        }
    return await feed.call("rotate_confirm", arguments, result=RotationDone, deadline=_PROVE_WITHIN_S)


async def abort(feed: Feed) -> bool:
    """Drop the stage; False when there was none."""
    found = await feed.call("rotate_abort", {}, deadline=_WRITE_WITHIN_S)
    return bool(found["aborted"])


async def rollback(feed: Feed, *, confirm: str = "") -> RotationDone:
    """Back to the previous set."""
    return await feed.call("rotate_rollback", {"confirm": confirm}, result=RotationDone, deadline=_WRITE_WITHIN_S)


async def prune(feed: Feed, keep: int) -> int:
    """Old sets off the disk; how many went."""
    found = await feed.call("rotate_prune", {"keep": keep}, deadline=_WRITE_WITHIN_S)
    return len(found["dropped"])
