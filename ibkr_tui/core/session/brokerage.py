"""What the session's own endpoints say, and nothing else: init, status, tickle, accounts (reference 1.5, 4.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ibkr_tui.core.secrets import Secret
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.errors import decode
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean

_COOKIE: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,256}")


class BrokerageStatus(msgspec.Struct, frozen=True):
    """`authenticated` and not `competing` is a brokerage session of ours."""

    authenticated: bool
    connected: bool
    competing: bool
    message: str = ""


class Tickle(msgspec.Struct, frozen=True):
    """A keep-alive's answer: the value of the stream's cookie (empty: none that can be used), and the status."""

    session: Secret
    status: BrokerageStatus | None


class AccountsFacts(msgspec.Struct, frozen=True):
    """Which accounts the username has, whether the server calls it a paper login, and which account it has selected
    for the calls that name none (orders, trades, P&L); empty when it does not say."""

    accounts: tuple[str, ...]
    is_paper: bool | None
    selected: str = ""


def _table(answer: Answer, what: str) -> Mapping[str, Any]:
    found = decode(answer, what)
    if not isinstance(found, dict):
        raise BrokerError("IBKR_RESPONSE_INVALID", f"{what} could not be read")
    return found


def read_status(answer: Answer, what: str) -> BrokerageStatus:
    """The status in the answer of `ssodh/init` or `auth/status`. Raises BrokerError."""
    return _status(_table(answer, what))


def _status(found: Mapping[str, Any]) -> BrokerageStatus:
    return BrokerageStatus(
        authenticated=found.get("authenticated") is True,
        connected=found.get("connected") is True,
        competing=found.get("competing") is True,
        message=clean(str(found.get("message") or "")),
    )


def read_tickle(answer: Answer) -> Tickle:
    """The answer of `/tickle`. Raises BrokerError."""
    found = _table(answer, "the keep-alive")
    iserver = found.get("iserver")
    status = iserver.get("authStatus") if isinstance(iserver, dict) else None
    session = found.get("session")
    usable = isinstance(session, str) and _COOKIE.fullmatch(session) is not None
    return Tickle(Secret(str(session) if usable else ""), _status(status) if isinstance(status, dict) else None)


def read_accounts(answer: Answer) -> AccountsFacts:
    """The answer of `/iserver/accounts`. Raises BrokerError."""
    found = _table(answer, "the accounts")
    accounts = found.get("accounts")
    paper = found.get("isPaper")
    return AccountsFacts(
        tuple(clean(str(account)) for account in accounts) if isinstance(accounts, list) else (),
        paper if isinstance(paper, bool) else None,
        clean(selected) if isinstance(selected := found.get("selectedAccount"), str) else "",
    )


def check_account(facts: AccountsFacts, account: str, kind: str) -> None:
    """The account pin: listed, and paper exactly when the profile is (A-062, W-24).

    Raises IBKR_ACCOUNT_NOT_FOUND or ACCOUNT_KIND_MISMATCH.
    """
    if account not in facts.accounts:
        raise BrokerError(
            "IBKR_ACCOUNT_NOT_FOUND", f"the account {account} is not one of this username", details={"account": account}
        )
    if facts.is_paper is not None and facts.is_paper != (kind == "paper"):
        said = "a paper" if facts.is_paper else "a live"
        raise BrokerError("ACCOUNT_KIND_MISMATCH", f"the profile is {kind}, but IBKR says {account} is {said} account")
