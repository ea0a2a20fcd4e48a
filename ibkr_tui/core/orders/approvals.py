"""Previews that were shown, and approvals of them: bound to exactly that order and account, used once, running out.

They live in memory alone: after a restart nothing that was approved before is sent. That one was given is audited.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import Proposal
from ibkr_tui.model.numbers import plain

MOST: Final = 500
"""How many previews and how many approvals are kept; the oldest go first."""
_canonical: Final = msgspec.json.Encoder(order="sorted", enc_hook=str, decimal_format="string")


class Approval(msgspec.Struct, frozen=True):
    """What `approve_order` gives: `approval` goes with the order."""

    approval: str
    preview_id: str
    expires_at: datetime


class _Kept(msgspec.Struct, frozen=True):
    digest: str
    until: float


class Approvals:
    """Keeps previews and approvals for so many seconds each."""

    def __init__(self, clock: Clock, lasts: float) -> None:
        self._clock = clock
        self._lasts = lasts
        self._previews: OrderedDict[str, _Kept] = OrderedDict()
        self._approvals: OrderedDict[str, _Kept] = OrderedDict()

    def previewed(self, proposal: Proposal) -> tuple[str, datetime]:
        """The id under which this preview can be approved, and until when."""
        return self._keep(self._previews, "p", digest_of(proposal))

    def digest(self, preview_id: str) -> str:
        """What stands for the previewed order. Raises BrokerError PREVIEW_NOT_FOUND."""
        kept = self._previews.get(preview_id)
        if kept is None or kept.until <= self._clock.monotonic():
            raise BrokerError("PREVIEW_NOT_FOUND", "there is no such preview, or it has run out")
        return kept.digest

    def approve(self, preview_id: str) -> Approval:
        """Approve the order of that preview, which is used up. Raises BrokerError PREVIEW_NOT_FOUND."""
        digest = self.digest(preview_id)
        del self._previews[preview_id]
        name, until = self._keep(self._approvals, "a", digest)
        return Approval(name, preview_id, until)

    def use(self, approval: str, proposal: Proposal) -> None:
        """Use an approval up for `proposal`.

        Raises BrokerError APPROVAL_INVALID: there is none of that name, it was used, or is another order's (then it is
        kept for that one); APPROVAL_EXPIRED.
        """
        kept = self._approvals.get(approval)
        if kept is None:
            raise BrokerError("APPROVAL_INVALID", "there is no such approval, or it has been used")
        if kept.until <= self._clock.monotonic():
            del self._approvals[approval]
            raise BrokerError("APPROVAL_EXPIRED", f"the approval is older than {self._lasts:g} s")
        if not secrets.compare_digest(kept.digest, digest_of(proposal)):
            raise BrokerError("APPROVAL_INVALID", "the approval is for another order than this one")
        del self._approvals[approval]

    def _keep(self, where: OrderedDict[str, _Kept], letter: str, digest: str) -> tuple[str, datetime]:
        name = letter + secrets.token_hex(12)
        where[name] = _Kept(digest, self._clock.monotonic() + self._lasts)
        while len(where) > MOST:
            where.popitem(last=False)
        return name, self._clock.now() + timedelta(seconds=self._lasts)


def digest_of(proposal: Proposal) -> str:
    """What stands for a proposal: the account, every leg's instrument and every word of its ticket."""
    legs = [
        {"role": leg.role, "conid": leg.instrument.conid} | _ticket(msgspec.structs.asdict(leg.ticket))
        for leg in proposal.legs
    ]
    facts = {
        "kind": proposal.kind, "account": proposal.account, "legs": legs, "amends": proposal.amends,
        "closes": proposal.closes, "turns": proposal.turns,
    }  # fmt: skip
    return hashlib.sha256(_canonical.encode(facts)).hexdigest()


def _ticket(fields: dict[str, Any]) -> dict[str, Any]:
    """The ticket's fields; how its instrument was named does not matter, nor how a number was written."""
    kept = {name: value for name, value in fields.items() if name not in {"symbol", "conid"}}
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in kept.items()}
