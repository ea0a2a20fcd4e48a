"""Keys that are switched while the session waits for better ones: it logs in with them at once."""

from __future__ import annotations

from typing import Any

import pytest

from ibkr_tui.model.errors import BrokerError


@pytest.mark.parametrize("wait", [60.0, 600.0])
async def test_a_first_set_ends_the_wait_at_once(scripted: Any, wait: float) -> None:
    def without_keys(login: Any) -> None:
        login.tokens.failures = [BrokerError("IBKR_KEY_NOT_FOUND", "no keys yet", details={"retry_in_s": wait})]

    async with scripted(without_keys) as login:
        assert login.states[-1] == "blocked"
        login.tokens.new_files = True
        assert login.session.use_new_keys()
        await login.clock.settle()
        assert login.states[-1] == "ready"
