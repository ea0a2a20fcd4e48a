"""The acknowledged items of the checklist for live trading: a private, sealed file in the state directory.

Each item is bound to the account, the one on the limits to the limits themselves: other limits have not been reviewed.
A seal (HMAC-SHA256 with a key of its own) shows a file that was edited or copied from another profile; whoever can
read this user's files could forge it, as they could send the orders.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from ibkr_tui.core.private_files import read_private, write_private
from ibkr_tui.core.settings import Limits, Profile
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.live_gate import LiveCheck
from ibkr_tui.model.unreadable import UNREADABLE

FILE_NAME: Final = "live_checklist.json"
KEY_NAME: Final = "live_checklist.key"
_KEY_BYTES: Final = 32
_AHEAD: Final = timedelta(minutes=5)
_canonical: Final = msgspec.json.Encoder(order="sorted", enc_hook=str, decimal_format="string")


class Acknowledged(msgspec.Struct, frozen=True):
    """When a person acknowledged an item, and what they acknowledged (a digest)."""

    at: datetime
    subject: str


class _Sealed(msgspec.Struct, frozen=True):
    items: dict[str, Acknowledged]
    seal: str


class Standing(msgspec.Struct, frozen=True):
    """An item as it counts now; `why_not` when it was acknowledged and no longer counts."""

    at: datetime | None = None
    until: datetime | None = None
    why_not: str = ""

    @property
    def counts(self) -> bool:
        """Whether it stands."""
        return self.at is not None and not self.why_not


class Acknowledgements:
    """Those of one live profile. Looked up anew each time: no order leaves on what was true a minute ago."""

    def __init__(self, state_dir: Path, profile: Profile, clock: Clock) -> None:
        self._path = state_dir / FILE_NAME
        self._key_path = state_dir / KEY_NAME
        self._profile = profile
        self._clock = clock

    def standing(self) -> tuple[Mapping[LiveCheck, Standing], str]:
        """How each item stands, and what is wrong with the file, if something is: then none counts."""
        try:
            items = self._read()
        except BrokerError as error:
            return {item: Standing() for item in LiveCheck}, error.message
        return {item: self._judged(item, items.get(item)) for item in LiveCheck}, ""

    def acknowledge(self, item: LiveCheck) -> Standing:
        """Keep that a person acknowledged `item` now. Raises BrokerError STATE_UNUSABLE.

        A file that was tampered with is begun anew: its other items have to be acknowledged again.
        """
        try:
            items = self._read()
        except BrokerError:
            items = {}
        items = {name: found for name, found in items.items() if self._judged(name, found).counts}
        items[item] = Acknowledged(self._clock.now(), self._subject(item))
        key = self._key(create=True)
        document = _Sealed({str(name): found for name, found in items.items()}, self._seal(key, items))
        write_private(self._path, msgspec.json.format(msgspec.json.encode(document), indent=2))
        return self._judged(item, items[item])

    def _judged(self, item: LiveCheck, found: Acknowledged | None) -> Standing:
        if found is None:
            return Standing()
        now, until = self._clock.now(), found.at + timedelta(days=self._profile.safety.checklist_expires_days)
        why = ""
        if now >= until:
            why = "it has run out"
        elif found.at > now + _AHEAD:
            why = "it was acknowledged in the future: this machine's clock was set back"
        elif not hmac.compare_digest(found.subject, self._subject(item)):
            why = "the limits have changed since" if item is LiveCheck.LIMITS else "it was for another account"
        return Standing(found.at, until, why)

    def _subject(self, item: LiveCheck) -> str:
        """What stands for that which is acknowledged."""
        account = self._profile.account_id
        return subject_of(account, self._profile.limits, self._profile.allow_market, item)

    def _read(self) -> dict[LiveCheck, Acknowledged]:
        content = read_private(self._path)
        if content is None:
            return {}
        try:
            document = msgspec.json.decode(content, type=_Sealed)
            items = {LiveCheck(name): found for name, found in document.items.items() if found.at.tzinfo is not None}
        except (ValueError, *UNREADABLE):
            raise BrokerError("STATE_UNUSABLE", f"{self._path} cannot be read as a checklist") from None
        if not hmac.compare_digest(document.seal, self._seal(self._key(create=False), items)):
            raise BrokerError("STATE_UNUSABLE", f"{self._path} was changed by something else than this program")
        return items

    def _seal(self, key: bytes, items: Mapping[LiveCheck, Acknowledged]) -> str:
        facts = {
            "profile": self._profile.name,
            "items": {str(name): [found.at.isoformat(), found.subject] for name, found in items.items()},
        }
        return hmac.new(key, _canonical.encode(facts), hashlib.sha256).hexdigest()

    def _key(self, *, create: bool) -> bytes:
        key = read_private(self._key_path)
        if key is None and create:
            key = secrets.token_bytes(_KEY_BYTES)
            write_private(self._key_path, key)
        if key is None or len(key) != _KEY_BYTES:
            raise BrokerError("STATE_UNUSABLE", f"{self._key_path} is missing or damaged")
        return key


def subject_of(account: str, limits: Limits, allow_market: bool, item: LiveCheck) -> str:
    """A digest of what a person acknowledges with `item`."""
    facts: list[object] = [account, str(item)]
    if item is LiveCheck.LIMITS:
        facts += [msgspec.structs.asdict(limits), allow_market]
    return hashlib.sha256(_canonical.encode(facts)).hexdigest()
