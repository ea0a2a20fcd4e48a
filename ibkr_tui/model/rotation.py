"""How the keys of a profile stand: which set is in charge, which waits, and what comes next."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class RotationPhase(StrEnum):
    """Where a rotation, or a first set-up, stands."""

    IDLE = "idle"
    UPLOAD = "upload"
    """A new set is staged; IBKR must get its public files, and its token must be entered here."""
    PROVE = "prove"
    """The token is entered; a test login has to succeed before anything is switched."""
    EXPIRED = "expired"
    """The stage is older than a day: renew it, or drop it."""


class KeyVersion(msgspec.Struct, frozen=True):
    """One set, for people: nothing of it is secret."""

    version: str
    created: datetime | None
    signature: str
    encryption: str
    consumer_key: str = ""
    pointer: str = ""


class RotationNote(msgspec.Struct, frozen=True):
    """One line of what happened."""

    at: datetime
    mark: str
    version: str
    text: str = ""
    code: str = ""


class GroupSearch(msgspec.Struct, frozen=True):
    """The search for a Diffie-Hellman prime: numbers tried of about `expected` (luck decides), and for how long."""

    tried: int
    expected: int
    seconds: float


class RotationStatus(msgspec.Struct, frozen=True):
    """The whole of it. `upload` are the files for the portal, `refusal` why the last test login did not work."""

    phase: RotationPhase
    place: str
    current: KeyVersion | None
    previous: KeyVersion | None
    staged: KeyVersion | None
    expires_at: datetime | None = None
    upload: tuple[str, ...] = ()
    refusal: RotationNote | None = None
    versions: tuple[KeyVersion, ...] = ()
    notes: tuple[RotationNote, ...] = ()
    managed_by: str = ""
    """Why there is nothing to rotate here: the environment or a credentials file has the keys; empty when there is."""
    search: GroupSearch | None = None
    """While a Diffie-Hellman prime of one's own is looked for."""
    authorize_url: str = ""
    """A third party's: the page where a person allows the request token, as long as it waits for its verifier."""


class RotationStarted(msgspec.Struct, frozen=True):
    """What `start` made (design 3)."""

    version: str
    fingerprints: dict[str, str]
    upload: tuple[str, ...]
    expires_at: datetime


class RotationAuthorize(msgspec.Struct, frozen=True):
    """What a third party's `authorize` gives: the page where a person allows it."""

    consumer_key: str
    authorize_url: str


class RotationDone(msgspec.Struct, frozen=True):
    """What `confirm` and `rollback` did."""

    version: str
    old_version: str
    rotated_at: datetime
