"""Ten thousand logins at the simulator, a thousand for each of ten sets of keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.config import load
from ibkr_tui.core.keys.key_set import load_key_set
from ibkr_tui.core.session.oauth1 import OAuth1
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.clock import SystemClock

MINTS = 1000


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
async def test_every_mint_is_proved_by_the_servers_signature(
    start_simulator: Callable[..., Any], tmp_path: Path, seed: int
) -> None:
    with start_simulator(tmp_path / "simulator", "--seed", str(seed)) as simulator:
        profile = load(simulator.config, {}).profile
        login = OAuth1(load_key_set(profile), profile.rest_url, profile.ws_url, SystemClock())
        transport = login.transport = Transport(profile.rest_url, login, SystemClock())
        try:
            for number in range(MINTS):
                await login.renew(number)  # raises when the server's signature is not that of our token
            assert login.epoch == MINTS
            assert (await transport.get("/portfolio/accounts")).status == 200
        finally:
            await transport.aclose()
