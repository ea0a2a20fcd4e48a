"""What a version of a key store holds, by hash: a set is whole, or it is not used."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from ibkr_tui.core.keys.pem import read_private
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.unreadable import UNREADABLE

MANIFEST: Final = "MANIFEST.json"
SIGNATURE: Final = "signature.pem"
ENCRYPTION: Final = "encryption.pem"
GROUP: Final = "dhparam.pem"
CREDENTIALS: Final = "credentials.toml"
MATERIAL: Final = (SIGNATURE, ENCRYPTION, GROUP)
"""What is made here; the credentials come from the portal later."""


class Manifest(msgspec.Struct, frozen=True):
    """`files`: name → SHA-256. `signature` and `encryption` are the public halves' fingerprints."""

    version: str
    created: datetime
    parent: str
    signature: str
    encryption: str
    files: dict[str, str]

    @property
    def is_complete(self) -> bool:
        """It has its credentials too: a login can be made with it."""
        return CREDENTIALS in self.files


def digest(content: bytes) -> str:
    """The SHA-256 of a file's bytes."""
    return hashlib.sha256(content).hexdigest()


def packed(manifest: Manifest) -> bytes:
    """The manifest's file."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def read_manifest(place: Path) -> Manifest:
    """The manifest in `place`. Raises IBKR_KEY_NOT_FOUND or IBKR_KEY_INVALID."""
    path = place / MANIFEST
    try:
        return msgspec.json.decode(read_private(path, "manifest"), type=Manifest)
    except UNREADABLE:
        raise BrokerError("IBKR_KEY_INVALID", f"the manifest {path} cannot be read") from None


def verified(place: Path) -> Manifest:
    """The manifest of a version whose files are all there and as they were written. Raises as `read_manifest`."""
    manifest = read_manifest(place)
    missing = [name for name in MATERIAL if name not in manifest.files]
    if missing or manifest.version != place.name:
        raise BrokerError("IBKR_KEY_INVALID", f"the manifest in {place} is not that of this set")
    for name, expected in manifest.files.items():
        if "/" in name or name.startswith("."):
            raise BrokerError("IBKR_KEY_INVALID", f"the manifest in {place} names a file elsewhere")
        if digest(read_private(place / name, name)) != expected:
            raise BrokerError("IBKR_KEY_INVALID", f"{place / name} is not as it was written; the set is not used")
    return manifest
