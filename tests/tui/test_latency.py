"""The broker's latency over the last minutes."""

from __future__ import annotations

import pytest

from ibkr_tui.tui.latency import BUCKET_S, KEPT, Latencies


def test_the_slowest_answer_of_five_seconds_counts() -> None:
    kept = Latencies()
    for second, latency in enumerate([20.0, 400.0, 30.0, None, 25.0, 50.0]):
        kept.sample(1000.0 + second, latency)
    assert kept.worst == 400.0
    assert kept.bars(4) == "··█▁"


def test_a_quick_line_stays_low_and_a_gap_is_a_dot() -> None:
    kept = Latencies()
    for bucket, latency in enumerate([5.0, None, 49.0]):
        kept.sample(1000.0 + bucket * BUCKET_S, latency)
    assert kept.bars(3) == "▁·▂"


@pytest.mark.parametrize("width", [0, 1, 30, 200])
def test_it_is_as_wide_as_asked_and_forgets_what_is_old(width: int) -> None:
    kept = Latencies()
    kept.sample(0.0, 9000.0)
    for bucket in range(1, KEPT + 1):
        kept.sample(bucket * BUCKET_S, 10.0)
    assert len(kept.bars(width)) == width
    assert kept.worst == 10.0


def test_nothing_known_is_no_number() -> None:
    kept = Latencies()
    assert (kept.worst, kept.bars(3)) == (None, "···")
