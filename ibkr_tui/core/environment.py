"""What the environment may say (requirement A-046): IBKR_… names, with `_TESTNET` for paper and `_LIVE` for live.

A name with its suffix wins over the plain one. Credentials are all or nothing: half a set from here and half from a
file would be a third, wrong set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError

SUFFIX: Final = {"paper": "_TESTNET", "live": "_LIVE"}
CREDENTIALS: Final = (
    "CONSUMER_KEY",
    "ACCESS_TOKEN",
    "ACCESS_TOKEN_SECRET",
    "SIGNATURE_KEY_PATH",
    "ENCRYPTION_KEY_PATH",
    "DH_PRIME",
)
AUDIT_SECRET: Final = "AUDIT_HMAC_SECRET"  # noqa: S105 - its name


class Found(msgspec.Struct, frozen=True):
    """A value and the name it was found under."""

    name: str
    value: str


class EnvironmentSettings(msgspec.Struct, frozen=True):
    """The settings that the environment gives for one kind of account."""

    account_id: Found | None
    rest_url: Found | None
    ws_url: Found | None
    max_leverage: Found | None
    ws_enabled: Found | None
    ws_max_subscriptions: Found | None
    ws_idle_timeout_s: Found | None


class EnvironmentCredentials(msgspec.Struct, frozen=True):
    """A whole set of OAuth credentials from the environment; the key files are named, never held, there."""

    consumer_key: str
    access_token: Secret
    access_token_secret: Secret
    signature_key_path: str
    encryption_key_path: str
    dh_prime: Secret

    @property
    def identity(self) -> str:
        """Names this set without giving it away."""
        told = f"{self.consumer_key}\n{self.access_token.reveal()}\n{self.signature_key_path}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def audit_secret_from(environ: Mapping[str, str], kind: Literal["paper", "live"]) -> Secret | None:
    """The key of the audit's chain, where the environment gives it (requirement B-022)."""
    found = _find(environ, AUDIT_SECRET, kind)
    return None if found is None else Secret(found.value)


def _find(environ: Mapping[str, str], name: str, kind: Literal["paper", "live"]) -> Found | None:
    for candidate in (f"IBKR_{name}{SUFFIX[kind]}", f"IBKR_{name}"):
        value = environ.get(candidate, "").strip()
        if value:
            return Found(candidate, value)
    return None


def settings_from(environ: Mapping[str, str], kind: Literal["paper", "live"]) -> EnvironmentSettings:
    """The settings for that kind of account."""
    return EnvironmentSettings(
        account_id=_find(environ, "ACCOUNT_ID", kind),
        rest_url=_find(environ, "URL", kind),
        ws_url=_find(environ, "WS_URL", kind),
        max_leverage=_find(environ, "MAX_LEVERAGE", kind),
        ws_enabled=_find(environ, "WS_ENABLED", kind),
        ws_max_subscriptions=_find(environ, "WS_MAX_SUBSCRIPTIONS", kind),
        ws_idle_timeout_s=_find(environ, "WS_IDLE_TIMEOUT_S", kind),
    )


def credentials_from(environ: Mapping[str, str], kind: Literal["paper", "live"]) -> EnvironmentCredentials | None:
    """The credentials, None when the environment has none. Raises CONFIG_INVALID naming what is missing of a set."""
    found = {name: _find(environ, name, kind) for name in CREDENTIALS}
    missing = [f"IBKR_{name}" for name, value in found.items() if value is None]
    if len(missing) == len(CREDENTIALS):
        return None
    if missing:
        raise BrokerError(
            "CONFIG_INVALID",
            f"credentials in the environment are all or nothing; missing: {', '.join(missing)} "
            f"(or with {SUFFIX[kind]})",
        )
    values = {name: value.value for name, value in found.items() if value is not None}
    return EnvironmentCredentials(
        consumer_key=values["CONSUMER_KEY"],
        access_token=Secret(values["ACCESS_TOKEN"]),
        access_token_secret=Secret(values["ACCESS_TOKEN_SECRET"]),
        signature_key_path=values["SIGNATURE_KEY_PATH"],
        encryption_key_path=values["ENCRYPTION_KEY_PATH"],
        dh_prime=Secret(values["DH_PRIME"]),
    )
