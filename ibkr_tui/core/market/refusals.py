"""Why IBKR gives no prices or no book: the words of an error frame, made one of our errors (reference 6).

The codes of these frames are in no document, so the words decide; what they don't tell is passed on as it was said.
"""

from __future__ import annotations

from typing import Final

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import sentence

_PERMISSION: Final = ("permission", "subscri", "entitle", "agreement")
_LIMIT: Final = ("max number", "maximum", "limit")
_NO_SESSION: Final = ("no bridge", "no session", "not authenticated")


def refusal_of(name: str, words: str) -> BrokerError | None:
    """The refusal of the depth of `name`; None where only the session is missing: the next one asks again."""
    said = words.lower()
    if any(word in said for word in _NO_SESSION):
        return None
    if any(word in said for word in _PERMISSION):
        return no_permission(name)
    quoted = f"“{sentence(words, limit=120)}”"
    if any(word in said for word in _LIMIT):
        return BrokerError(
            "IBKR_WS_SUB_LIMIT",
            f"IBKR gives no more books of depth at once: {quoted}",
            user_action="Look at fewer books at a time; IBKR's limit of depth is smaller than that of quotes.",
        )
    return BrokerError("IBKR_REQUEST_REFUSED", f"no depth of {name}: {quoted}")


def no_permission(name: str) -> BrokerError:
    """The exchange's depth is not subscribed."""
    return BrokerError(
        "IBKR_NO_MARKET_DATA_SUBSCRIPTION",
        f"depth of {name} needs a subscription of its own",
        user_action="Subscribe to this exchange's depth in IBKR's portal; the best bid and ask need none.",
    )


def not_subscribed(name: str, problem: str) -> BrokerError:
    """No prices of `name`: what its row says of it, without the code that stands there for people."""
    code = "IBKR_NO_MARKET_DATA_SUBSCRIPTION"
    return BrokerError(code, f"{name}: {problem.removesuffix(f'({code})').rstrip()}")


def has_no_book(availability: str) -> bool:
    """Whether field 6509 says that there is no depth: not subscribed, or no `B` after its first letter."""
    return bool(availability) and (availability[0] in "NO" or "B" not in availability[1:])
