"""The questions a broker asks before it accepts an order (reference section 4.6)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ibkr_tui.sim.market import Market
from ibkr_tui.sim.text import plain, whole_text
from ibkr_tui.sim.tickets import Draft

SIZE_LIMIT = {"STK": 500, "OPT": 50, "FUT": 10, "CASH": 1_000_000}
VALUE_LIMIT = Decimal(100_000)
PRICE_LIMIT = Decimal("0.03")


@dataclass(frozen=True)
class Question:
    """One question; it can hold several messages, each with its id."""

    messages: tuple[str, ...]
    ids: tuple[str, ...]

    def row(self, reply_id: str) -> dict[str, Any]:
        """The question as an answer to place or reply."""
        return {
            "id": reply_id,
            "message": list(self.messages),
            "isSuppressed": False,
            "messageIds": list(self.ids),
            "messageOptions": ["Yes", "No"],
        }


@dataclass
class Pending:
    """An order that waits for answers."""

    reply_id: str
    draft: Draft
    questions: list[Question]
    asked_at: float


def questions_for(draft: Draft, market: Market, suppressed: set[str]) -> list[Question]:
    """What the broker asks about a draft, in the order it asks; size and value share one question."""
    walk = market.walks[draft.instrument.conid]
    item = draft.instrument
    what = f"{draft.side} {plain(draft.quantity)} {item.symbol} {item.listing_exchange}"
    price = draft.price if draft.price is not None else (walk.ask_price if draft.sign > 0 else walk.bid_price)
    asked: list[list[tuple[str, str]]] = []
    if walk.feed.startswith("N"):
        asked.append(
            [
                (
                    "o354",
                    "You are submitting an order without market data. We strongly recommend against this as "
                    "it may result in erroneous and unexpected trades.\nAre you sure you want to submit this "
                    "order?",
                )
            ]
        )
    if draft.price is not None and abs(draft.price / walk.mark - 1) > PRICE_LIMIT:
        asked.append(
            [
                (
                    "o163",
                    f'The following order "{what} @ {draft.price}" price exceeds \nthe Percentage '
                    "constraint of 3%.\nAre you sure you want to submit this order?",
                )
            ]
        )
    limits: list[tuple[str, str]] = []
    size_limit = SIZE_LIMIT[item.sec_type]
    if draft.quantity > size_limit:
        limits.append(
            (
                "o383",
                f"The following order {what} size exceeds the Size Limit of {size_limit:,}.\nAre you "
                "sure you want to submit this order?",
            )
        )
    value = price * draft.quantity * item.multiplier * market.rate(item.currency)
    if value > VALUE_LIMIT and item.sec_type != "CASH":
        limits.append(
            (
                "o451",
                f"The following order {what} value estimate of {value:,.2f} USD exceeds \nthe Total "
                f"Value Limit of {whole_text(VALUE_LIMIT)} USD.\nAre you sure you want to submit this order?",
            )
        )
    if limits:
        asked.append(limits)
    wanted = [[pair for pair in group if pair[0] not in suppressed] for group in asked]
    return [Question(tuple(text for _, text in group), tuple(code for code, _ in group)) for group in wanted if group]
