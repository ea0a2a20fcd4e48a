"""An alert in words, before it is set."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ibkr_tui.model.alerts import AlertKind, Direction
from ibkr_tui.tui.market.alert_draft import AlertDraft, arguments, in_words, problem_of

PRICE = AlertDraft("AAPL", 265598, level="190")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "price is at or above 190, once. Now 189.43."),
        ({"level": "188.5"}, "price is at or below 188.5, once."),
        ({"direction": Direction.BELOW, "repeat": True}, "price is at or below 190, each time."),
        ({"kind": AlertKind.CHANGE, "level": "-2.5"}, "day's change is at or below -2.5 %, once. Now 1.21 %."),
        ({"kind": AlertKind.STALENESS, "level": "60"}, "has had no fresh price for 60 s, once."),
    ],
)
def test_a_draft_is_a_sentence(scene: Any, changes: dict[str, Any], words: str) -> None:
    assert words in in_words(msgspec.structs.replace(PRICE, **changes), scene.quote("AAPL"))


def test_without_a_price_the_side_is_left_to_the_core() -> None:
    assert "on the other side of 190" in in_words(PRICE, None)
    assert "direction" not in arguments(PRICE)


@pytest.mark.parametrize("level", ["", "1,000", "abc", "１９０", "1e3"])
def test_a_level_that_is_no_number_is_said(level: str) -> None:
    assert problem_of(msgspec.structs.replace(PRICE, level=level), None)


def test_another_kind_has_another_level() -> None:
    change = PRICE.with_next_kind()
    stale = change.with_next_kind()
    assert (change.kind, change.level) == (AlertKind.CHANGE, "")
    assert (stale.kind, stale.level) == (AlertKind.STALENESS, "60")
    assert stale.with_next_direction() == stale
    assert PRICE.with_next_direction().direction is Direction.ABOVE


def test_what_is_asked_of_the_core() -> None:
    draft = msgspec.structs.replace(PRICE, direction=Direction.ABOVE, note=" take profit ", level=" 190 ")
    assert arguments(draft) == {
        "symbol": "AAPL", "conid": 265598, "kind": "price", "level": "190", "repeat": False, "note": "take profit",
        "direction": "above",
    }  # fmt: skip
    assert Decimal(str(arguments(draft)["level"])) == 190
