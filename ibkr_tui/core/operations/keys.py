"""Keys: where their rotation stands, and its steps. Those that take or move secrets exist on the link only."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.key_rotation import managed_elsewhere, rotation_of, staged_with_own_group
from ibkr_tui.core.keys import generation
from ibkr_tui.core.keys.prime_search import PrimeSearch
from ibkr_tui.core.keys.rotation import Rotation
from ibkr_tui.core.keys.token_entry import TokenEntry
from ibkr_tui.core.operations.arguments import Nothing
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState
from ibkr_tui.model.rotation import RotationAuthorize, RotationDone, RotationPhase, RotationStarted, RotationStatus

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker

_ON_THEIR_WAY = {OrderState.SENDING, OrderState.UNKNOWN, OrderState.QUESTION}


class RotateStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`group`: the Diffie-Hellman group. `renew`: another day for the stage. A live profile wants its name typed."""

    group: Literal["keep", "group14"] = "keep"
    renew: bool = False
    confirm: str = ""


class RotateSearch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`stop` ends the search that runs. A live profile wants its name typed."""

    stop: bool = False
    confirm: str = ""


class RotateAuthorize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A third party's consumer key, 25 hex digits. A live profile wants its name typed."""

    consumer_key: str
    confirm: str = ""


class RotateConfirm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The portal's values, or a third party's verifier; all empty tries again with what was entered before."""

    new_consumer_key: str = ""
    new_access_token: str = ""
    new_access_token_secret: str = ""
    oauth_verifier: str = ""
    confirm: str = ""

    def entry(self) -> TokenEntry | Secret | None:
        """What was entered, if anything was."""
        if self.oauth_verifier:
            return Secret(self.oauth_verifier)
        values = (self.new_consumer_key, self.new_access_token, self.new_access_token_secret)
        if not any(values):
            return None
        return TokenEntry(values[0], Secret(values[1]), Secret(values[2]))


class Confirmed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`confirm` is the profile's name, typed; a live profile wants it."""

    confirm: str = ""


class Prune(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many sets stay; at least two."""

    keep: int = 3


def key_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""
    do = KeyHandlers(broker)
    change, dangerous = Tier.CHANGE, Tier.DANGEROUS
    return [
        Operation("rotate_status", Tier.READ, Nothing, do.status, "Which key set is in charge, and what is staged."),
        Operation("rotate_start", change, RotateStart, do.start, "Stage a new key set.", link_only=True),
        Operation(
            "rotate_search", change, RotateSearch, do.search, "Stage a set with a prime of one's own.", link_only=True
        ),
        Operation(
            "rotate_authorize", change, RotateAuthorize, do.authorize, "Ask for a request token.", link_only=True
        ),
        Operation("rotate_confirm", dangerous, RotateConfirm, do.confirm, "Prove and switch.", link_only=True),
        Operation("rotate_abort", change, Nothing, do.abort, "Drop the staged key set.", link_only=True),
        Operation("rotate_rollback", dangerous, Confirmed, do.rollback, "Back to the previous set.", link_only=True),
        Operation("rotate_prune", change, Prune, do.prune, "Take old key sets off the disk.", link_only=True),
    ]


class KeyHandlers:
    """What they do. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    @cached_property
    def _prime(self) -> PrimeSearch:
        """Made at its first use: a list of operations that is only described has no broker."""
        return PrimeSearch(self._broker.clock)

    async def status(self, arguments: Nothing, caller: Caller) -> RotationStatus:
        if why := managed_elsewhere(self._broker.profile):
            return RotationStatus(RotationPhase.IDLE, "", None, None, None, managed_by=why)
        found = await asyncio.to_thread(self._rotation().status)
        return msgspec.structs.replace(found, search=self._prime.progress)

    async def start(self, arguments: RotateStart, caller: Caller) -> RotationStarted:
        self._check_name(arguments.confirm)
        rotation = self._rotation()
        if arguments.renew:
            return await asyncio.to_thread(rotation.renew)
        group = (generation.GROUP_14, generation.GENERATOR) if arguments.group == "group14" else None
        return await asyncio.to_thread(rotation.start, group)

    async def search(self, arguments: RotateSearch, caller: Caller) -> dict[str, bool]:
        """Lasts as long as the search: some minutes, or until a call with `stop`. It outlives its caller."""
        if arguments.stop:
            return {"stopped": self._prime.stop()}
        self._check_name(arguments.confirm)
        return await staged_with_own_group(self._rotation(), self._prime)

    async def authorize(self, arguments: RotateAuthorize, caller: Caller) -> RotationAuthorize:
        self._check_name(arguments.confirm)
        return await self._rotation().authorize(arguments.consumer_key)

    async def confirm(self, arguments: RotateConfirm, caller: Caller) -> RotationDone:
        self._check_name(arguments.confirm)
        done = await self._rotation().confirm(arguments.entry())
        self._broker.session.use_new_keys()
        return done

    async def abort(self, arguments: Nothing, caller: Caller) -> dict[str, bool]:
        return {"aborted": await asyncio.to_thread(self._rotation().abort)}

    async def rollback(self, arguments: Confirmed, caller: Caller) -> RotationDone:
        self._check_name(arguments.confirm)
        done = await asyncio.to_thread(self._rotation().rollback)
        self._broker.session.use_new_keys()
        return done

    async def prune(self, arguments: Prune, caller: Caller) -> dict[str, list[str]]:
        return {"dropped": await asyncio.to_thread(self._rotation().prune, arguments.keep)}

    def _rotation(self) -> Rotation:
        return rotation_of(self._broker.profile, self._broker.transport, self._broker.clock, self._on_their_way)

    def _on_their_way(self) -> list[str]:
        """Orders whose answer is still to come: it must be asked for with the keys that sent them."""
        orders = [order for order in self._broker.orders.book if order.state in _ON_THEIR_WAY]
        return [f"{order.side.upper()} {order.qty.normalize():f} {order.symbol} ({order.state})" for order in orders]

    def _check_name(self, typed: str) -> None:
        profile = self._broker.profile
        if profile.kind == "live" and typed != profile.name:
            raise BrokerError(
                "CONFIRMATION_REQUIRED",
                f"the keys of the live profile {profile.name} are about to change",
                user_action=f"Type the profile's name, {profile.name}, if you mean it.",
            )
