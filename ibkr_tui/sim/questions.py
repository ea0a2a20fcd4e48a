"""The questions a broker asks before it accepts an order (reference section 4.6)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ibkr_tui.sim.market import Market
from ibkr_tui.sim.matching import reference_price
from ibkr_tui.sim.orders import Order
from ibkr_tui.sim.text import plain, whole_text
from ibkr_tui.sim.tickets import STOPPED, Draft
from ibkr_tui.sim.walk import Walk

SIZE_LIMIT = {"STK": 500, "OPT": 50, "FUT": 10, "CASH": 1_000_000}
VALUE_LIMIT = Decimal(100_000)
PRICE_LIMIT = Decimal("0.03")
TICK_LIMIT = 2_000
CHANGE_LIMIT = 5
SURE = "\nAre you sure you want to submit this order?"
# Every id of the reference with a text of its kind; ``{what}`` is the order in words.
TEXTS = {
    "o163": 'The following order "{what} @ {price}" price exceeds \nthe Percentage constraint of 3%.' + SURE,
    "o354": "You are submitting an order without market data. We strongly recommend against this as it may result in "
    "erroneous and unexpected trades." + SURE,
    "o382": 'The following value of the order "{what} @ {price}" exceeds \nthe Tick Size Limit of {ticks:,}.' + SURE,
    "o383": "The following order {what} size exceeds the Size Limit of {size_limit:,}." + SURE,
    "o403": "This order will most likely trigger and fill immediately." + SURE,
    "o451": "The following order {what} value estimate of {value:,.2f} USD exceeds \nthe Total Value Limit of "
    "{value_limit} USD." + SURE,
    "o2136": "This order mixes allocations of more than one account." + SURE,
    "o2137": "You are about to enter an order on the other side of a working order in {symbol}." + SURE,
    "o2165": "{symbol} does not support trading in fractions outside regular trading hours." + SURE,
    "o10082": "This bond has been called." + SURE,
    "o10138": "The following order size modification of {what} exceeds the size modification limit." + SURE,
    "o10151": "Market orders may be executed at prices far from the quote you see." + SURE,
    "o10152": "Once a stop order becomes active it is a market order and may be executed at a price far from its stop."
    + SURE,
    "o10153": "<h4>Confirm Mandatory Cap Price</h4>To avoid trading at a price that is not consistent with a fair and "
    "orderly market, IB may set a cap (for a buy order) or a floor (for a sell order).",
    "o10164": "Traders are responsible for understanding cash quantity details, which are provided on a best efforts "
    "basis only." + SURE,
    "o10223": "<h4>Cash Quantity Order Confirmation</h4>Orders that express size using a monetary value (cash quantity)"
    " are provided on a non-guaranteed basis.",
    "o10288": "Market orders for crypto may be executed at prices far from the quote you see." + SURE,
    "o10331": "You are about to submit a stop order. Please be aware of the various stop order types available and the "
    "risks associated with each one." + SURE,
    "o10332": "OSL Digital Securities LTD Crypto Order Warning" + SURE,
    "o10333": "The option is at the money: do you want to exercise it?",
    "o10334": "This order will be placed into the current omnibus account instead of the selected global account."
    + SURE,
    "o10335": "Rapid entry of {what}." + SURE,
    "o10336": "{symbol} has limited liquidity, which means heightened risk." + SURE,
    "p6": "This order will be distributed over multiple accounts." + SURE,
    "p12": "If your order is not immediately executable, our systems may, depending on market conditions, reject your "
    "order if its limit price is more than the allowed amount away from the reference price at that time." + SURE,
}


@dataclass(frozen=True)
class Question:
    """What is asked about one order: one or more messages, each with its id."""

    messages: tuple[str, ...]
    ids: tuple[str, ...]
    reply_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def row(self) -> dict[str, Any]:
        """The question as an answer to place or reply."""
        return {
            "id": self.reply_id,
            "message": list(self.messages),
            "isSuppressed": False,
            "messageIds": list(self.ids),
            "messageOptions": ["Yes", "No"],
        }


@dataclass
class Pending:
    """Orders that wait for answers: rounds of questions, in a round at most one for each order."""

    drafts: tuple[Draft, ...]
    rounds: list[list[Question]]
    asked_at: float

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The questions of the present round that are still open."""
        return [question.row() for question in self.rounds[0]]

    def answer(self, reply_id: str) -> bool:
        """Take a question as answered; False if it was never asked, or was answered before."""
        asked = [question for question in self.rounds[0] if question.reply_id == reply_id]
        if not asked:
            return False
        self.rounds[0].remove(asked[0])
        if not self.rounds[0]:
            self.rounds.pop(0)
        return True


@dataclass(frozen=True)
class Asker:
    """What decides on questions: the market, the precautions in force, and what the session has suppressed."""

    market: Market
    precautions: set[str]
    suppressed: set[str]

    def rounds(self, drafts: Sequence[Draft], forced: list[list[str]], replaced: Order | None) -> list[list[Question]]:
        """Every round of a request: those forced by the control URL first, then what each order gives reason for."""
        found = [[self._question(drafts[0], ids)] for ids in forced if ids]
        each = [self._reasons(draft, replaced) for draft in drafts]
        for index in range(max((len(groups) for groups in each), default=0)):
            pairs = [(draft, groups[index]) for draft, groups in zip(drafts, each, strict=True) if index < len(groups)]
            found.append([self._question(draft, ids) for draft, ids in pairs])
        return found

    def warning(self, draft: Draft) -> str | None:
        """What a preview warns of: the first message that would be asked."""
        reasons = self._reasons(draft, None)
        return self._question(draft, reasons[0]).messages[0] if reasons else None

    def _reasons(self, draft: Draft, replaced: Order | None) -> list[list[str]]:
        """Ids by round: no data, price, what a stop does, then size and value in one question."""
        walk = self.market.walks[draft.instrument.conid]
        groups = [
            ["o354"] if walk.feed.startswith("N") else [],
            self._price_reasons(draft, walk),
            self._kind_reasons(draft, walk),
            self._size_reasons(draft, replaced),
        ]
        wanted = [[code for code in ids if code in self.precautions - self.suppressed] for ids in groups]
        return [ids for ids in wanted if ids]

    def _price_reasons(self, draft: Draft, walk: Walk) -> list[str]:
        if draft.price is None or draft.parent:
            return []
        away = abs(draft.price / walk.mark - 1)
        reasons = ["o163"] if away > PRICE_LIMIT else []
        return reasons + (["o382"] if abs(draft.price - walk.mark) / draft.instrument.tick > TICK_LIMIT else [])

    def _kind_reasons(self, draft: Draft, walk: Walk) -> list[str]:
        if draft.order_type == "MKT":
            return ["o10151", "o10153"]
        if draft.order_type not in STOPPED:
            return []
        market = reference_price(draft, walk)
        at_once = draft.stop is not None and not draft.parent and draft.sign * (market - draft.stop) >= 0
        return ["o10331", "o10152", *(["o403"] if at_once else [])]

    def _size_reasons(self, draft: Draft, replaced: Order | None) -> list[str]:
        reasons = ["o383"] if draft.quantity > SIZE_LIMIT[draft.instrument.sec_type] else []
        if self._value(draft) > VALUE_LIMIT and draft.instrument.sec_type != "CASH":
            reasons.append("o451")
        if replaced is not None and draft.quantity > replaced.quantity * CHANGE_LIMIT:
            reasons.append("o10138")
        return reasons

    def _value(self, draft: Draft) -> Decimal:
        item = draft.instrument
        return price_of(draft, self.market) * draft.quantity * item.multiplier * self.market.rate(item.currency)

    def _question(self, draft: Draft, ids: Sequence[str]) -> Question:
        item = draft.instrument
        values = {
            "what": f"{draft.side} {plain(draft.quantity)} {item.symbol} {item.listing_exchange}",
            "symbol": item.symbol,
            "price": price_of(draft, self.market),
            "ticks": TICK_LIMIT,
            "size_limit": SIZE_LIMIT[item.sec_type],
            "value": self._value(draft),
            "value_limit": whole_text(VALUE_LIMIT),
        }
        return Question(tuple(TEXTS.get(code, f"Message {code}.{SURE}").format(**values) for code in ids), tuple(ids))


def price_of(draft: Draft, market: Market) -> Decimal:
    """What an order is expected to trade at: its limit, else its stop, else the quote it meets."""
    walk = market.walks[draft.instrument.conid]
    quoted = walk.ask_price if draft.sign > 0 else walk.bid_price
    return draft.price if draft.price is not None else draft.stop if draft.stop is not None else quoted
