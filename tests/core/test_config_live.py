"""What the configuration says of live trading: two flags that agree, policies that only tighten."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal as D
from pathlib import Path

import pytest

from ibkr_tui.core.config import load
from ibkr_tui.model.errors import BrokerError

LIVE = '[profiles.live]\nkind = "live"\naccount_id = "U7654321"\n'
PAPER = '[profiles.paper]\nkind = "paper"\naccount_id = "DU1234567"\n'
ENABLED = "[safety]\nlive_trading_enabled = true\n"
POLICY = "[risk_policies.cautious]\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def put(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return put


@pytest.mark.parametrize("profile", ["paper", "live"])
@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (PAPER + LIVE + "live_trading = true\n", 7, "safety.live_trading_enabled is false"),
        (PAPER + LIVE + ENABLED, 8, "profiles.live.live_trading is false"),
        (PAPER + LIVE + "live_trading = false\n" + ENABLED, 9, "profiles.live.live_trading is false"),
        (PAPER + "live_trading = true\n" + LIVE + ENABLED, 4, "only a live profile"),
        (PAPER + LIVE + "risk_policy = 'none'\n" + POLICY, 7, "no [risk_policies.none]; known: cautious"),
        (PAPER + LIVE + "risk_policy = ''\n", 7, "no [risk_policies.]; known: none"),
        (PAPER + LIVE + POLICY + "max_leverage = 5\n", 8, "max_leverage is 4; 5 would be looser: a policy only"),
        (PAPER + LIVE + POLICY + "duplicate_window_s = 1\n", 8, "duplicate_window_s is 5; 1 would be looser"),
        (PAPER + LIVE + POLICY + "price_collar_bps = 0\n", 8, "price_collar_bps is 500; 0 would be looser"),
        (PAPER + LIVE + POLICY + "max_order_qty = 0\n", 8, "max_order_qty must be more than zero"),
        (PAPER + LIVE + POLICY + "max_order_qty = nan\n", 8, "max_order_qty must be more than zero"),
        (PAPER + LIVE + POLICY + "max_order_qty = '5'\n", 8, "without quotes"),
        (PAPER + LIVE + POLICY + "max_order_qt = 5\n", 8, "did you mean “max_order_qty”?"),
        (PAPER + LIVE + POLICY + "allow_market = 1\n", 8, "bool"),
        (PAPER + LIVE + POLICY + "allowed_asset_classes = ['shares']\n", 8, "may hold: stocks"),
        ("risk_policies = 1\n" + PAPER + LIVE, 1, "[risk_policies.NAME]"),
        (PAPER + LIVE + "[risk_policies.'a b']\n", 7, "letters, digits"),
        (PAPER + LIVE + "[safety]\nallowed_accounts = ['U1 ']\n", 8, "account numbers"),
        (PAPER + LIVE + "[safety]\nchecklist_expires_days = 0\n", 8, "from 1 to 365"),
        (PAPER + LIVE + "[audit]\nlive_write_retention_days = 0\n", 8, "from 1 to 36500"),
    ],
)
def test_nothing_starts_and_the_line_is_named(
    text: str, line: int, words: str, profile: str, write: Callable[[str], Path]
) -> None:
    with pytest.raises(BrokerError) as caught:
        load(write(text), {}, profile)
    assert caught.value.code == "CONFIG_INVALID"
    assert f"line {line}: " in caught.value.message
    assert words in caught.value.message


def test_a_policy_takes_the_place_of_the_limits_it_names(write: Callable[[str], Path]) -> None:
    policy = POLICY + "max_leverage = 1\nmax_order_qty = 10\nallowed_symbols = ['AAPL']\nallow_market = true\n"
    path = write(PAPER + LIVE + "risk_policy = 'cautious'\n" + "[limits]\nmax_order_qty = 20\n" + policy)
    live, paper = load(path, {}, "live"), load(path, {}, "paper").profile
    limits = live.profile.limits
    assert (limits.max_leverage, limits.max_order_qty, limits.allowed_symbols) == (D(1), D(10), ("AAPL",))
    assert limits.max_quote_age_s == 30
    assert (live.profile.risk_policy, live.profile.allow_market) == ("cautious", True)
    assert live.provenance["limits.max_order_qty"].endswith(":12")
    assert (paper.limits.max_leverage, paper.limits.max_order_qty, paper.allow_market) == (D(4), D(20), False)


def test_the_environment_may_be_tighter_than_the_policy_and_not_looser(write: Callable[[str], Path]) -> None:
    path = write(LIVE + "risk_policy = 'cautious'\n" + POLICY + "max_leverage = 2\n")
    assert load(path, {"IBKR_MAX_LEVERAGE": "1"}, "live").profile.limits.max_leverage == D(1)
    assert load(path, {"IBKR_MAX_LEVERAGE": "9"}, "live").profile.limits.max_leverage == D(2)


def test_both_flags_together_start_and_make_another_core(write: Callable[[str], Path]) -> None:
    closed = load(write(PAPER + LIVE), {}, "live").profile
    armed = load(write(PAPER + LIVE + "live_trading = true\n" + ENABLED), {}, "live").profile
    assert (closed.live_trading, closed.orders) == (False, "refuse")
    assert (armed.live_trading, armed.safety.live_trading_enabled, armed.orders) == (True, True, "refuse")
    assert closed.fingerprint != armed.fingerprint
