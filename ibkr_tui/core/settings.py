"""The settings, typed: what a configuration file may hold, and what one profile comes to."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from ibkr_tui.core.environment import EnvironmentCredentials
from ibkr_tui.core.secrets import Secret

SCHEMA_VERSION: Final = 1

Kind = Literal["paper", "live"]
Auth = Literal["oauth1", "oauth2", "gateway"]
QuerySigning = Literal["whole", "by_value", "omitted"]
Orders = Literal["send", "dry_run", "refuse"]
ASSET_CLASSES: Final = {"stocks": "STK", "options": "OPT", "futures": "FUT", "forex": "CASH"}
"""The asset classes of requirement A-096 and the security type of each."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an order may be at most. Money in the account's base currency; None: no such limit.

    `max_orders_per_minute` counts every leg, `max_day_value` what was sent since midnight in New York.
    `price_collar_bps`: how far beyond the market a price may reach, in hundredths of a per cent. `duplicate_window_s`:
    how long the same order again is taken for a slip. Both: 0 turns the rule off. No names allowed means all are.
    """

    max_leverage: Decimal = Decimal(4)
    max_order_value: Decimal | None = None
    max_order_qty: Decimal | None = None
    max_quote_age_s: float = 30.0
    max_orders_per_minute: int | None = 120
    max_day_value: Decimal | None = None
    price_collar_bps: Decimal = Decimal(500)
    duplicate_window_s: float = 5.0
    allowed_symbols: tuple[str, ...] = ()
    allowed_asset_classes: tuple[str, ...] = ()


class RiskPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[risk_policies.NAME]`: the limits again, for a live profile to name. What it says must be tighter than
    `[limits]`; what it leaves out is as there. `allow_market`: live orders may be market orders."""

    max_leverage: Decimal | None = None
    max_order_value: Decimal | None = None
    max_order_qty: Decimal | None = None
    max_quote_age_s: float | None = None
    max_orders_per_minute: int | None = None
    max_day_value: Decimal | None = None
    price_collar_bps: Decimal | None = None
    duplicate_window_s: float | None = None
    allowed_symbols: tuple[str, ...] | None = None
    allowed_asset_classes: tuple[str, ...] | None = None
    allow_market: bool = False

    def changes(self) -> dict[str, Any]:
        """The limits that it says, by name."""
        said = {name: getattr(self, name) for name in Limits.__struct_fields__}
        return {name: value for name, value in said.items() if value is not None}


class SessionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`query_signing`: how a query enters an OAuth 1.0a signature. `status_check_s`: how often IBKR is asked,
    unprompted, what it thinks of the session."""

    query_signing: QuerySigning = "whole"
    status_check_s: float = 21_600.0


class MarketSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`prefer`: which listing a plain symbol means, best first (`US`, a currency or an exchange)."""

    ws_enabled: bool = True
    max_subscriptions: int = 80
    idle_timeout_s: float = 300.0
    prefer: tuple[str, ...] = ("US", "USD")


class SafetySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`auto_confirm`: the messageIds of questions that are answered yes without asking, for so many rounds.

    `require_approval`: paper orders need an approved preview too, as live ones always do. `approval_expires_s`: how
    long a preview may be approved, and an approval used. `cancel_on_kill`: the kill switch also cancels what works.
    `ext_operator`: who enters orders for futures (CME rule 576); the account id when it is empty.

    `live_trading_enabled`: the second of the two flags of live trading; the first is the live profile's own.
    `allowed_accounts`: those that live orders may go to. `checklist_expires_days`: how long an item of the checklist
    for live trading stands once it was acknowledged.
    """

    auto_confirm: tuple[str, ...] = ("o354",)
    max_reply_rounds: int = 3
    require_approval: bool = False
    approval_expires_s: float = 60.0
    cancel_on_kill: bool = False
    ext_operator: str = ""
    live_trading_enabled: bool = False
    allowed_accounts: tuple[str, ...] = ()
    checklist_expires_days: int = 30


class AuditSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`live_write_retention_days`: how long the audit of live orders is kept at least."""

    live_write_retention_days: int = 2555


class UiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the app looks. `fps` is the most frames a second it paints; `keymap` gives actions other keys, by id.

    `mask_account`: account ids are shown by their first and last characters only. `low_bandwidth`: fewer and smaller
    pictures, for a slow line."""

    theme: str = "harbour"
    fps: int = 10
    keymap: dict[str, str] = {}
    mask_account: bool = False
    low_bandwidth: bool = False


class ProfileSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[profiles.NAME]` as it stands in the file."""

    kind: Kind
    account_id: str
    auth: Auth = "oauth1"
    rest_url: str | None = None
    ws_url: str | None = None
    key_store: str | None = None
    credentials_file: str | None = None
    orders: Orders | None = None
    compete: bool = False
    live_trading: bool = False
    risk_policy: str | None = None


class ConfigFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    default_profile: str = "paper"
    profiles: dict[str, ProfileSection] = {}
    limits: Limits = Limits()
    risk_policies: dict[str, RiskPolicy] = {}
    session: SessionSettings = SessionSettings()
    market: MarketSettings = MarketSettings()
    safety: SafetySettings = SafetySettings()
    audit: AuditSettings = AuditSettings()
    ui: UiSettings = UiSettings()


class Profile(msgspec.Struct, frozen=True):
    """One profile, resolved: what a core runs on. Paths are absolute; `limits` are those of its risk policy.

    `account_id` is the account that everything is about; `home`, where it is not empty, the one that the configuration
    names: a person has gone over to another account of the same login.
    """

    name: str
    kind: Kind
    auth: Auth
    account_id: str
    rest_url: str
    ws_url: str
    orders: Orders
    limits: Limits
    market: MarketSettings
    safety: SafetySettings
    ui: UiSettings
    session: SessionSettings = SessionSettings()
    key_store: Path | None = None
    credentials_file: Path | None = None
    environment: EnvironmentCredentials | None = None
    compete: bool = False
    live_trading: bool = False
    risk_policy: str = ""
    allow_market: bool = False
    audit: AuditSettings = AuditSettings()
    audit_secret: Secret | None = None
    home: str = ""

    @property
    def login_account(self) -> str:
        """The account that the configuration, and with it the credentials, names."""
        return self.home or self.account_id

    @property
    def keys_source(self) -> str:
        """Where the credentials come from, for people; empty when the profile names none."""
        if self.auth == "gateway":
            return "gateway"
        if self.environment is not None:
            return "environment"
        if self.credentials_file is not None:
            return "credentials file"
        return "key store" if self.key_store is not None else ""

    @property
    def fingerprint(self) -> str:
        """Names the configuration a face expects of its core: where it logs in, as whom, with which keys."""
        identity = self.environment.identity if self.environment else str(self.credentials_file or self.key_store or "")
        facts = [self.name, self.kind, self.auth, self.account_id, self.rest_url, self.ws_url, self.orders, identity]
        if self.kind == "live":  # a face must not take a core that trades for one that only reads
            facts += [str(self.live_trading and self.safety.live_trading_enabled), self.risk_policy]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]
