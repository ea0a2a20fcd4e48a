"""What the Keys page asks of the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeVar, overload

import msgspec

from ibkr_tui.model.rotation import RotationAuthorize, RotationDone, RotationStarted, RotationStatus

T = TypeVar("T")
_PROVE_WITHIN_S: Final = 120.0
_WRITE_WITHIN_S: Final = 30.0
_SEARCH_WITHIN_S: Final = 12 * 3600.0


class Caller(Protocol):
    """Who does what is asked: the core over the link, or a command without a core. Raises BrokerError."""

    @overload
    async def call(self, operation: str, arguments: Mapping[str, Any], *, deadline: float = 15) -> Any: ...

    @overload
    async def call(
        self, operation: str, arguments: Mapping[str, Any], *, result: type[T], deadline: float = 15
    ) -> T: ...


class TokenEntered(msgspec.Struct, frozen=True):
    """What IBKR gave, as it was typed: three values or a verifier. Its repr shows nothing of it."""

    consumer_key: str = ""
    access_token: str = ""
    access_token_secret: str = ""
    oauth_verifier: str = ""

    def __repr__(self) -> str:
        return "TokenEntered(not shown)"


async def status(caller: Caller) -> RotationStatus:
    """How the keys stand."""
    return await caller.call("rotate_status", {}, result=RotationStatus, deadline=10)


async def start(caller: Caller, *, group: str = "keep", renew: bool = False, confirm: str = "") -> RotationStarted:
    """Stage a new set, or give the staged one another day."""
    arguments = {"group": group, "renew": renew, "confirm": confirm}
    return await caller.call("rotate_start", arguments, result=RotationStarted, deadline=_WRITE_WITHIN_S)


async def search(caller: Caller, *, confirm: str = "") -> bool:
    """Look for a Diffie-Hellman prime of one's own, and stage a set with it. False when it was stopped."""
    return bool((await caller.call("rotate_search", {"confirm": confirm}, deadline=_SEARCH_WITHIN_S))["staged"])


async def stop_search(caller: Caller) -> None:
    """Stop looking."""
    await caller.call("rotate_search", {"stop": True}, deadline=_WRITE_WITHIN_S)


async def authorize(caller: Caller, consumer_key: str, *, confirm: str = "") -> RotationAuthorize:
    """A third party's request token, and the page where a person allows it."""
    arguments = {"consumer_key": consumer_key, "confirm": confirm}
    return await caller.call("rotate_authorize", arguments, result=RotationAuthorize, deadline=_PROVE_WITHIN_S)


async def confirm(caller: Caller, entered: TokenEntered | None, *, confirm: str = "") -> RotationDone:
    """Prove the staged set, with what was entered now or before, and switch to it. Raises as Rotation.confirm."""
    arguments = {"confirm": confirm}
    if entered is not None and entered.oauth_verifier:
        arguments |= {"oauth_verifier": entered.oauth_verifier}
    elif entered is not None:
        arguments |= {
            "new_consumer_key": entered.consumer_key,
            "new_access_token": entered.access_token,
            "new_access_token_secret": entered.access_token_secret,
        }
    return await caller.call("rotate_confirm", arguments, result=RotationDone, deadline=_PROVE_WITHIN_S)


async def abort(caller: Caller) -> bool:
    """Drop the stage; False when there was none."""
    found = await caller.call("rotate_abort", {}, deadline=_WRITE_WITHIN_S)
    return bool(found["aborted"])


async def rollback(caller: Caller, *, confirm: str = "") -> RotationDone:
    """Back to the previous set."""
    return await caller.call("rotate_rollback", {"confirm": confirm}, result=RotationDone, deadline=_WRITE_WITHIN_S)


async def prune(caller: Caller, keep: int) -> int:
    """Old sets off the disk; how many went."""
    found = await caller.call("rotate_prune", {"keep": keep}, deadline=_WRITE_WITHIN_S)
    return len(found["dropped"])
