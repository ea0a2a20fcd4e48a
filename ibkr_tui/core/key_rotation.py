"""The key rotation of a profile, for a core that serves it and for a command when none does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from ibkr_tui.core.keys import generation
from ibkr_tui.core.keys.prime_search import PrimeSearch
from ibkr_tui.core.keys.rotation import Rotation
from ibkr_tui.core.keys.store import KeyStore
from ibkr_tui.core.session.oauth1 import Minting
from ibkr_tui.core.session.probe import MintProbe
from ibkr_tui.core.session.request_token import RequestTokens
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.rotation import RotationPhase


def managed_elsewhere(profile: Profile) -> str:
    """Why this profile's keys are not rotated here; empty when they are."""
    if profile.auth == "gateway":
        return "a person logs in at the gateway: there are no keys"
    if profile.auth == "oauth2":
        return "OAuth 2.0 keys are registered with IBKR by hand"
    if profile.environment is not None:
        return "the credentials come from the environment; unset them first (`ibkr-tui config import-env` keeps them)"
    if profile.key_store is None:
        return "the profile has a credentials_file; give it a key_store in the configuration instead"
    return ""


def rotation_of(
    profile: Profile, transport: Minting, clock: Clock, in_flight: Callable[[], list[str]] = lambda: []
) -> Rotation:
    """The rotation. Raises ROTATION_UNAVAILABLE when the keys are not kept in a store of ours."""
    if why := managed_elsewhere(profile):
        raise BrokerError("ROTATION_UNAVAILABLE", f"profile {profile.name}: {why}")
    assert profile.key_store is not None  # noqa: S101 - or its keys were managed elsewhere
    store = KeyStore(profile.key_store, clock)
    probe = MintProbe(transport, profile.rest_url, clock, profile.session.query_signing)
    grants = RequestTokens(transport, profile.rest_url, clock, profile.kind)
    return Rotation(store, clock, probe, in_flight, grants)


class _NoSigner:
    """The transport of a test login signs nothing by itself: the mint brings its own header."""

    epoch = 0

    async def authorize(self, method: str, url: str, query: object) -> dict[str, str]:
        raise BrokerError("IBKR_NO_SESSION", "a test login opens no session")

    async def renew(self, seen: int) -> None:
        raise BrokerError("IBKR_NO_SESSION", "a test login opens no session")


@contextlib.asynccontextmanager
async def rotation_without_core(profile: Profile, clock: Clock) -> AsyncIterator[Rotation]:
    """The rotation of a profile that no core serves, with connections of its own. Raises as `rotation_of`."""
    transport = Transport(profile.rest_url, _NoSigner(), clock)
    try:
        yield rotation_of(profile, transport, clock)
    finally:
        await transport.aclose()


async def staged_with_own_group(rotation: Rotation, prime: PrimeSearch) -> dict[str, bool]:
    """Look for a Diffie-Hellman prime, then stage a set with it; whether one is staged."""
    found = await asyncio.to_thread(rotation.status)
    if found.phase is not RotationPhase.IDLE:
        raise BrokerError("ROTATION_BUSY", "a set is staged already; finish or drop it first")
    number = await prime.run()
    if number is not None:
        await asyncio.to_thread(rotation.start, (number, generation.GENERATOR))
    return {"staged": number is not None}
