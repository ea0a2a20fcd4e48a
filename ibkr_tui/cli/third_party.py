"""What `ibkr-tui setup --third-party` says and asks: the way of those to whom IBKR gave a consumer key."""

from __future__ import annotations

import asyncio
from typing import Final

from ibkr_tui.cli.output import show, tell
from ibkr_tui.cli.rotation_calls import ask_rotation
from ibkr_tui.cli.selection import Selection
from ibkr_tui.model.rotation import RotationAuthorize, RotationStatus

ASKED_ANEW: Final = frozenset(
    {"IBKR_AUTH_FAILED", "IBKR_RESPONSE_INVALID", "IBKR_REQUEST_REFUSED", "ACCOUNT_KIND_MISMATCH"}
)
"""Refusals after which the verifier is worth nothing: a new request token has to be asked for."""


def say_files(found: RotationStatus) -> None:
    """What IBKR must have before it answers."""
    tell("IBKR registers a third party's keys by hand. Send it these public files for your consumer key:")
    for path in found.upload:
        show(path)
    if found.staged is not None:
        tell(f"To compare: sig {found.staged.signature}\n            enc {found.staged.encryption}")


def ask_page(selection: Selection, consumer_key: str, typed: str) -> str:
    """The page where a new request token is allowed. Raises BrokerError."""
    arguments = {"consumer_key": consumer_key, "confirm": typed}
    found = asyncio.run(
        ask_rotation(
            selection, "rotate_authorize", arguments, lambda it: it.authorize(consumer_key), RotationAuthorize,
            typed=typed,
        )
    )  # fmt: skip
    return found.authorize_url


def say_page(page: str) -> None:
    """What a person does there."""
    tell("Open this in a browser, log in as the account's user, and allow it:")
    show(page)
    tell("The address that it leads to ends in oauth_verifier=…; what stands behind the = is wanted here.")
