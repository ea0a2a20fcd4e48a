"""Which login a profile has, and where its keys come from: files that a person may mend while the core runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from ibkr_tui.core.keys.client_keys import ClientKeys, load_client_keys
from ibkr_tui.core.keys.key_set import load_key_set
from ibkr_tui.core.keys.store import KeyStore
from ibkr_tui.core.paths import expand
from ibkr_tui.core.session.authenticator import Authenticator
from ibkr_tui.core.session.gateway import Gateway
from ibkr_tui.core.session.oauth1 import OAuth1
from ibkr_tui.core.session.oauth2 import OAuth2
from ibkr_tui.core.settings import Profile
from ibkr_tui.model.clock import Clock

Keys = TypeVar("Keys")
_Stamp = frozenset[tuple[str, int, int, int, int]]


class KeyFiles(Generic[Keys]):
    """A profile's keys on the disk, read by `load`. Changes are seen by the files' names, times, sizes and modes."""

    def __init__(self, profile: Profile, load: Callable[[Profile], Keys]) -> None:
        self._profile = profile
        self._load = load
        self._stamp = self._look()

    def read(self) -> Keys:
        """The keys as they are now. Raises IBKR_KEY_NOT_FOUND or IBKR_KEY_INVALID."""
        self._stamp = self._look()
        return self._load(self._profile)

    def has_changed(self) -> bool:
        """Whether the files are others than when they were last read."""
        return self._look() != self._stamp

    def _look(self) -> _Stamp:
        return frozenset(stamp for place in self._places() for stamp in _stamps(place))

    def _places(self) -> list[Path]:
        profile = self._profile
        if profile.environment is not None:
            named = (profile.environment.signature_key_path, profile.environment.encryption_key_path)
            return [expand(name) for name in named]
        if profile.credentials_file is not None:
            return [profile.credentials_file.parent]
        return [profile.key_store / "current"] if profile.key_store is not None else []


def _stamps(place: Path) -> list[tuple[str, int, int, int, int]]:
    """One for the place and, if it is a directory, for each file in it; nothing for what is not there."""
    found: list[tuple[str, int, int, int, int]] = []
    try:
        names = [place, *(Path(entry) for entry in os.scandir(place))] if place.is_dir() else [place]
        for name in names:
            seen = name.stat()
            found.append((str(name.resolve()), seen.st_mtime_ns, seen.st_size, seen.st_mode, seen.st_ino))
    except OSError:
        return found
    return found


def _client_keys(profile: Profile) -> ClientKeys:
    return load_client_keys(profile.credentials_file, profile.login_account)


def authenticator_of(profile: Profile, clock: Clock) -> Authenticator:
    """The login that the profile asks for. Keys that are missing or unusable are said at the first use."""
    if profile.auth == "gateway":
        return Gateway(profile.rest_url, profile.ws_url)
    if profile.auth == "oauth2":
        return OAuth2(KeyFiles(profile, _client_keys), profile.ws_url, clock)
    if profile.key_store is not None:
        KeyStore(profile.key_store, clock).recover()
    dialect = profile.session.query_signing
    return OAuth1(KeyFiles(profile, load_key_set), profile.rest_url, profile.ws_url, clock, dialect=dialect)
