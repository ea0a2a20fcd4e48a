"""The day's course of each instrument: bars, then what is seen since."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.tui.market.samples import Trends

D = Decimal


def test_live_prices_take_the_last_place_until_a_minute_is_over(scene: Any) -> None:
    trends = Trends()
    trends.load(265598, scene.bars(3), 100.0)
    before = trends.points(265598)
    trends.see(scene.quote("AAPL", last=D(200)), 110.0)
    assert trends.points(265598) == (*before[:2], D(200))
    trends.see(scene.quote("AAPL", last=D(201)), 161.0)
    trends.see(scene.quote("AAPL", last=D(202)), 170.0)
    assert trends.points(265598) == (*before[:2], D(200), D(202))


def test_a_price_that_is_not_live_is_no_point(scene: Any) -> None:
    trends = Trends()
    trends.see(scene.quote("AAPL", status=QuoteStatus.STALE), 1.0)
    trends.see(scene.quote("AAPL", last=None), 1.0)
    assert trends.points(265598) == ()
    assert trends.points(None) == ()


def test_what_nobody_watches_is_forgotten(scene: Any) -> None:
    trends = Trends()
    trends.see(scene.quote("AAPL"), 1.0)
    trends.see(scene.quote("MSFT"), 1.0)
    trends.miss(272093, 1.0)
    trends.forget_all_but([265598])
    assert trends.points(265598)
    assert trends.points(272093) == ()
    assert 272093 not in trends.loaded
