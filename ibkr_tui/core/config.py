"""Settings resolved: the file, the environment over it, and where each value came from (requirements A-038…A-046)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
import platformdirs

from ibkr_tui.core.config_file import read_file
from ibkr_tui.core.environment import (
    EnvironmentSettings,
    Found,
    audit_secret_from,
    credentials_from,
    settings_from,
)
from ibkr_tui.core.hosts import url_problem
from ibkr_tui.core.orders.limits import tightened
from ibkr_tui.core.paths import expand
from ibkr_tui.core.settings import ConfigFile, Kind, Limits, MarketSettings, Profile, ProfileSection
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import parse_entry

__all__ = ["Config", "Profile", "default_path", "load", "profile_names"]

BROKER_REST: Final = "https://api.ibkr.com/v1/api"
BROKER_STREAM: Final = "wss://api.ibkr.com/v1/api/ws"
_OWN: Final = ("auth", "rest_url", "ws_url", "orders", "compete", "live_trading", "risk_policy")
GATEWAY_REST: Final = "https://localhost:5000/v1/api"
GATEWAY_STREAM: Final = "wss://localhost:5000/v1/api/ws"


class Config(msgspec.Struct, frozen=True):
    """The file and the environment together, with one profile chosen. `provenance`: dotted name → its source."""

    file: ConfigFile
    profile: Profile
    provenance: dict[str, str]
    path: Path | None


def default_path(environ: Mapping[str, str]) -> Path:
    """Where the configuration belongs: IBKR_TUI_CONFIG, or the user's configuration directory."""
    if chosen := environ.get("IBKR_TUI_CONFIG"):
        return expand(chosen)
    return Path(platformdirs.user_config_dir("ibkr_tui")) / "config.toml"


def load(path: Path | None, environ: Mapping[str, str] | None = None, profile: str | None = None) -> Config:
    """Read the file at `path` (or the default place), lay the environment over it, resolve `profile`.

    Raises BrokerError CONFIG_NOT_FOUND, CONFIG_INVALID (with file, line and the nearest key) or ACCOUNT_KIND_MISMATCH.
    """
    environ = os.environ if environ is None else environ
    place, file, provenance = _read(path, environ)
    chosen = profile or environ.get("IBKR_TUI_PROFILE") or _default_profile(file, environ)
    resolved = _resolve(file, chosen, place, environ, provenance)
    return Config(file, resolved, _complete(resolved, file, provenance), place if place.is_file() else None)


def profile_names(path: Path | None, environ: Mapping[str, str]) -> list[str]:
    """Every profile there is: the file's, or those that the environment names an account for. Raises as `load`."""
    _, file, _ = _read(path, environ)
    if file.profiles:
        return list(file.profiles)
    kinds: tuple[Kind, ...] = ("paper", "live")
    return [kind for kind in kinds if settings_from(environ, kind).account_id] or [_default_profile(file, environ)]


def _read(path: Path | None, environ: Mapping[str, str]) -> tuple[Path, ConfigFile, dict[str, str]]:
    """The file at `path` or in the default place, with the line of each value; without any, an empty one."""
    named = path or (expand(environ["IBKR_TUI_CONFIG"]) if environ.get("IBKR_TUI_CONFIG") else None)
    place = named or default_path(environ)
    if place.is_file():
        return place, *read_file(place)
    if named is not None:
        raise BrokerError("CONFIG_NOT_FOUND", f"there is no configuration file {named}")
    return Path.cwd() / "config.toml", ConfigFile(), {}


def _resolve(
    file: ConfigFile, name: str, place: Path, environ: Mapping[str, str], provenance: dict[str, str]
) -> Profile:
    section = file.profiles.get(name)
    kind: Kind = section.kind if section else "live" if name == "live" else "paper"
    overlay = settings_from(environ, kind)
    if section is None:
        section = _from_environment(file, name, kind, overlay, place)
    auth = section.auth
    values = {
        "account_id": (overlay.account_id, section.account_id),
        "rest_url": (overlay.rest_url, section.rest_url or (GATEWAY_REST if auth == "gateway" else BROKER_REST)),
        "ws_url": (overlay.ws_url, section.ws_url or (GATEWAY_STREAM if auth == "gateway" else BROKER_STREAM)),
    }
    chosen: dict[str, str] = {}
    for key, (over, written) in values.items():
        chosen[key] = (over.value if over else written).strip()
        if over:
            provenance[f"profiles.{name}.{key}"] = over.name
    for key, scheme in (("rest_url", "http"), ("ws_url", "ws")):
        if problem := url_problem(chosen[key], scheme):
            raise BrokerError("CONFIG_INVALID", f"{provenance.get(f'profiles.{name}.{key}', key)}: {key} {problem}")
    _check_account(name, kind, chosen["account_id"])
    credentials = credentials_from(environ, kind) if auth == "oauth1" else None
    if credentials:
        provenance[f"profiles.{name}.credentials"] = "environment"
    return Profile(
        name=name,
        kind=kind,
        auth=auth,
        account_id=chosen["account_id"],
        rest_url=chosen["rest_url"].rstrip("/"),
        ws_url=chosen["ws_url"].rstrip("/"),
        orders=section.orders or ("refuse" if kind == "live" else "send"),
        limits=_under_policy(file, section, _over_limits(file.limits, overlay, provenance), provenance),
        market=_over_market(file.market, overlay, provenance),
        safety=file.safety,
        ui=file.ui,
        session=file.session,
        key_store=None if credentials else _beside(place, section.key_store),
        credentials_file=None if credentials else _beside(place, section.credentials_file),
        environment=credentials,
        compete=section.compete,
        live_trading=section.live_trading,
        risk_policy=section.risk_policy or "",
        allow_market=bool(section.risk_policy) and file.risk_policies[section.risk_policy or ""].allow_market,
        audit=file.audit,
        audit_secret=audit_secret_from(environ, kind),
    )


def _from_environment(
    file: ConfigFile, name: str, kind: Kind, overlay: EnvironmentSettings, place: Path
) -> ProfileSection:
    """A profile that no file describes: `paper` and `live` exist when the environment names an account."""
    if file.profiles:
        known = ", ".join(file.profiles)
        raise BrokerError("CONFIG_INVALID", f"{place} has no profile “{name}”; it has: {known}")
    if name not in {"paper", "live"} or overlay.account_id is None:
        raise BrokerError(
            "CONFIG_NOT_FOUND",
            "there is no configuration file, and the environment names no account "
            f"(IBKR_ACCOUNT_ID_{'LIVE' if kind == 'live' else 'TESTNET'})",
        )
    return ProfileSection(kind=kind, account_id=overlay.account_id.value)


def _check_account(name: str, kind: Kind, account: str) -> None:
    """Paper accounts are DU… or DF…, live ones are not (correction W-24); the login checks it again."""
    if not account.isascii() or not account.isalnum():
        raise BrokerError("CONFIG_INVALID", f"profile {name}: account_id “{account[:20]}” is not an account number")
    is_paper = account[:2].upper() in {"DU", "DF"}
    if is_paper != (kind == "paper"):
        said = "a paper" if is_paper else "a live"
        raise BrokerError("ACCOUNT_KIND_MISMATCH", f"profile {name} is {kind}, but {account} is {said} account")


def _number(found: Found) -> Decimal:
    """A number from the environment. Raises CONFIG_INVALID, naming it."""
    try:
        return parse_entry(found.value, what=found.name)
    except BrokerError as error:
        raise BrokerError("CONFIG_INVALID", error.message) from None


def _over_limits(limits: Limits, overlay: EnvironmentSettings, provenance: dict[str, str]) -> Limits:
    if overlay.max_leverage is None:
        return limits
    provenance["limits.max_leverage"] = overlay.max_leverage.name
    leverage = _number(overlay.max_leverage)
    if leverage <= 0:
        raise BrokerError("CONFIG_INVALID", f"{overlay.max_leverage.name} must be more than zero")
    return msgspec.structs.replace(limits, max_leverage=leverage)


def _under_policy(file: ConfigFile, section: ProfileSection, limits: Limits, provenance: dict[str, str]) -> Limits:
    """`limits` with the profile's risk policy in force; where the environment is tighter still, that holds."""
    if not section.risk_policy:
        return limits
    changes = file.risk_policies[section.risk_policy].changes()
    if changes.get("max_leverage", limits.max_leverage) > limits.max_leverage:
        del changes["max_leverage"]
    for name in changes:
        provenance[f"limits.{name}"] = provenance[f"risk_policies.{section.risk_policy}.{name}"]
    return tightened(limits, changes)


def _over_market(market: MarketSettings, overlay: EnvironmentSettings, provenance: dict[str, str]) -> MarketSettings:
    if overlay.ws_enabled is not None:
        provenance["market.ws_enabled"] = overlay.ws_enabled.name
        word = overlay.ws_enabled.value.strip().lower()
        if word not in {"true", "false", "1", "0", "yes", "no"}:
            raise BrokerError("CONFIG_INVALID", f"{overlay.ws_enabled.name} must be true or false")
        market = msgspec.structs.replace(market, ws_enabled=word in {"true", "1", "yes"})
    if overlay.ws_max_subscriptions is not None:
        provenance["market.max_subscriptions"] = overlay.ws_max_subscriptions.name
        most = _number(overlay.ws_max_subscriptions)
        if most != int(most) or not 1 <= most <= 500:
            raise BrokerError("CONFIG_INVALID", f"{overlay.ws_max_subscriptions.name} must be from 1 to 500")
        market = msgspec.structs.replace(market, max_subscriptions=int(most))
    if overlay.ws_idle_timeout_s is not None:
        provenance["market.idle_timeout_s"] = overlay.ws_idle_timeout_s.name
        idle = _number(overlay.ws_idle_timeout_s)
        if not 10 <= idle <= 86_400:
            raise BrokerError("CONFIG_INVALID", f"{overlay.ws_idle_timeout_s.name} must be from 10 to 86400 seconds")
        market = msgspec.structs.replace(market, idle_timeout_s=float(idle))
    return market


def _default_profile(file: ConfigFile, environ: Mapping[str, str]) -> str:
    if (
        not file.profiles
        and not settings_from(environ, "paper").account_id
        and settings_from(environ, "live").account_id
    ):
        return "live"
    return file.default_profile


def _beside(place: Path, written: str | None) -> Path | None:
    """A path of the file's, relative to the file."""
    return (place.parent / expand(written)).absolute() if written else None


def _complete(profile: Profile, file: ConfigFile, provenance: dict[str, str]) -> dict[str, str]:
    """`provenance` with “default” for every value that nobody set."""
    names = ["schema_version", "default_profile"]
    for section in ("limits", "session", "market", "safety", "audit", "ui"):
        names += [f"{section}.{key}" for key in getattr(file, section).__struct_fields__]
    names += [f"profiles.{profile.name}.{key}" for key in _OWN]
    return dict.fromkeys(names, "default") | provenance
