"""A broker's definite no as our error: margin, suitability and permission are told apart, each with its remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ibkr_tui.core.orders.answers import Concern, Refused
from ibkr_tui.model.errors import BrokerError

_REMEDIES: Final = {
    Concern.MARGIN: "Make the order smaller, or free margin: cancel working orders, reduce positions, add funds.",
    Concern.PERMISSION: "Ask for the trading permission in IBKR's portal, under Settings; it can take a day.",
    Concern.SUITABILITY: "IBKR holds it unsuitable for you: review your profile in its portal, or choose another.",
}


def refusal(outcome: Refused, details: Mapping[str, Any], *, interactive: bool = False) -> BrokerError:
    """QUESTION_DECLINED, IBKR_ORDER_REJECTED_WARNING (`details.about` says what about) or IBKR_ORDER_REJECTED."""
    if outcome.declined:
        action = "Place it again and answer yes, or change the order." if interactive else None
        return BrokerError("QUESTION_DECLINED", outcome.text, user_action=action, details=details)
    if outcome.concern is None:
        return BrokerError("IBKR_ORDER_REJECTED", outcome.text, details=details)
    return BrokerError(
        "IBKR_ORDER_REJECTED_WARNING",
        outcome.text,
        user_action=_REMEDIES[outcome.concern],
        details={**details, "about": outcome.concern.value},
    )
