"""Reading the configuration file, strictly: every refusal names the file, the line and the nearest key."""

from __future__ import annotations

import difflib
import math
import re
import stat
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from ibkr_tui.core.config_live import live_checks
from ibkr_tui.core.hosts import url_problem
from ibkr_tui.core.settings import (
    ASSET_CLASSES,
    SCHEMA_VERSION,
    AuditSettings,
    ConfigFile,
    Limits,
    MarketSettings,
    ProfileSection,
    RiskPolicy,
    SafetySettings,
    SessionSettings,
    UiSettings,
)
from ibkr_tui.core.toml_lines import line_of
from ibkr_tui.model.errors import BrokerError

Section = TypeVar("Section", bound=msgspec.Struct)

_INDEX: Final = re.compile(r"\[[^\]]*\]")


def read_file(place: Path) -> tuple[ConfigFile, dict[str, str]]:
    """The file's content and the line of each value in it."""
    try:
        if place.stat().st_mode & stat.S_IWOTH:
            raise BrokerError(
                "CONFIG_INVALID",
                f"{place} can be written by every user of this machine, and with it the limits",
                user_action=f"chmod o-w {place}, after a look at what it says now.",
            )
        text = place.read_text(encoding="utf-8")
        raw = tomllib.loads(text, parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        raise BrokerError("CONFIG_INVALID", f"{place} cannot be read: {error.__class__.__name__}") from None
    except tomllib.TOMLDecodeError as error:
        raise BrokerError("CONFIG_INVALID", f"{place}: {error}") from None
    version = raw.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise _invalid(place, text, ("schema_version",), f"version {version} is not known; this program reads 1")
    _refuse_unknown_keys(raw, place, text)
    _refuse_quoted_numbers(raw, place, text)
    profiles, policies = raw.pop("profiles", {}), raw.pop("risk_policies", {})
    file = msgspec.structs.replace(
        _typed(raw, ConfigFile, (), place, text),
        risk_policies={
            name: _typed(section, RiskPolicy, ("risk_policies", name), place, text)
            for name, section in policies.items()
        },
        profiles={
            name: _typed(section, ProfileSection, ("profiles", name), place, text) for name, section in profiles.items()
        },
    )
    _check_values(file, place, text)
    written = raw | {"profiles": profiles, "risk_policies": policies}
    return file, {name: f"{place}:{line_of(text, name.split('.'))}" for name in _leaves(written)}


def _typed(raw: object, struct: type[Section], where: tuple[str, ...], place: Path, text: str) -> Section:
    try:
        return msgspec.convert(raw, struct)
    except msgspec.ValidationError as error:
        words, _, path = str(error).partition(" - at `$")
        keys = (*where, *(k for k in _INDEX.sub("", path.rstrip("`")).split(".") if k))
        raise _invalid(place, text, keys, words[:1].lower() + words[1:]) from None


def _refuse_unknown_keys(raw: Mapping[str, Any], place: Path, text: str) -> None:
    sections: dict[tuple[str, ...], type[msgspec.Struct]] = {
        (): ConfigFile,
        ("limits",): Limits,
        ("session",): SessionSettings,
        ("market",): MarketSettings,
        ("safety",): SafetySettings,
        ("audit",): AuditSettings,
        ("ui",): UiSettings,
    }
    kinds: dict[str, type[msgspec.Struct]] = {"profiles": ProfileSection, "risk_policies": RiskPolicy}
    for kind, struct in kinds.items():
        named = raw.get(kind, {})
        if not isinstance(named, dict):
            raise _invalid(place, text, (kind,), f"write each one as a section, [{kind}.NAME]")
        sections |= {(kind, str(name)): struct for name in named}
    for where, struct in sections.items():
        table: Any = raw
        for key in where:
            table = table.get(key, {}) if isinstance(table, dict) else {}
        known = struct.__struct_fields__
        for key in table if isinstance(table, dict) else ():
            if key not in known:
                near = difflib.get_close_matches(key, known, 1, 0.5)
                hint = f"; did you mean “{near[0]}”?" if near else f"; known here: {', '.join(known)}"
                raise _invalid(place, text, (*where, key), f"unknown key “{key}”{hint}")


def _refuse_quoted_numbers(raw: Mapping[str, Any], place: Path, text: str) -> None:
    """msgspec takes a text for a Decimal, with all that `Decimal()` takes: full-width digits, `1_0`, `NaN`."""
    policies = raw.get("risk_policies")
    named = policies.items() if isinstance(policies, dict) else ()
    tables: list[tuple[tuple[str, ...], Any]] = [(("limits",), raw.get("limits"))]
    tables += [(("risk_policies", str(name)), policy) for name, policy in named]
    for where, limits in tables:
        for key, value in limits.items() if isinstance(limits, dict) else ():
            if isinstance(value, str):
                raise _invalid(place, text, (*where, key), "must be a number, written without quotes")


def _check_values(file: ConfigFile, place: Path, text: str) -> None:
    """Ranges, and what one profile may not say at once."""
    limits = file.limits
    numbers = (
        "max_leverage", "max_order_value", "max_order_qty", "max_quote_age_s", "max_orders_per_minute", "max_day_value",
    )  # fmt: skip
    checks: list[tuple[bool, tuple[str, ...], str]] = [
        (_is_limit(getattr(limits, name)), ("limits", name), "must be a number more than zero") for name in numbers
    ]
    names = ", ".join(ASSET_CLASSES)
    checks += [
        (_is_collar(limits.price_collar_bps), ("limits", "price_collar_bps"), "must be from 0 to 10000"),
        (0 <= limits.duplicate_window_s <= 3600, ("limits", "duplicate_window_s"), "must be from 0 to 3600 seconds"),
        (
            set(limits.allowed_asset_classes) <= set(ASSET_CLASSES),
            ("limits", "allowed_asset_classes"),
            f"may hold: {names}",
        ),
        (all(limits.allowed_symbols), ("limits", "allowed_symbols"), "an empty text is no symbol"),
        (
            5 <= file.safety.approval_expires_s <= 3600,
            ("safety", "approval_expires_s"),
            "must be from 5 to 3600 seconds",
        ),
        (10 <= file.market.idle_timeout_s <= 86_400, ("market", "idle_timeout_s"), "must be from 10 to 86400 seconds"),
        (1 <= file.market.max_subscriptions <= 500, ("market", "max_subscriptions"), "must be from 1 to 500"),
        (
            60 <= file.session.status_check_s <= 86_400,
            ("session", "status_check_s"),
            "must be from 60 to 86400 seconds",
        ),
        (0 <= file.safety.max_reply_rounds <= 10, ("safety", "max_reply_rounds"), "must be from 0 to 10"),
        (1 <= file.ui.fps <= 60, ("ui", "fps"), "must be from 1 to 60"),
    ]
    for name, section in file.profiles.items():
        here = ("profiles", name)
        plain_name = name.isascii() and name.isidentifier()
        checks.append((plain_name, here, "a profile's name is letters, digits and underscores"))
        checks.append(
            (
                section.key_store is None or section.credentials_file is None,
                (*here, "credentials_file"),
                "give key_store or credentials_file, not both",
            )
        )
        for key, scheme in (("rest_url", "http"), ("ws_url", "ws")):
            url = getattr(section, key)
            problem = url_problem(url, scheme) if url is not None else ""
            checks.append((not problem, (*here, key), f"{key} {problem}"))
    for good, keys, words in (*checks, *live_checks(file)):
        if not good:
            raise _invalid(place, text, keys, words)


def _is_limit(value: Decimal | float | None) -> bool:
    """TOML knows `nan` and `inf`: neither may stand for a limit, or it would be none."""
    return value is None or (math.isfinite(value) and value > 0)


def _is_collar(bps: Decimal) -> bool:
    return bps.is_finite() and 0 <= bps <= 10_000


def _leaves(raw: Mapping[str, Any], prefix: str = "") -> list[str]:
    names: list[str] = []
    for key, value in raw.items():
        if isinstance(value, dict):
            names += _leaves(value, f"{prefix}{key}.")
        else:
            names.append(f"{prefix}{key}")
    return names


def _invalid(place: Path, text: str, keys: tuple[str, ...], words: str) -> BrokerError:
    line = line_of(text, keys)
    name = ".".join(keys)
    return BrokerError(
        "CONFIG_INVALID",
        f"{place}, line {line}: {name + ': ' if name else ''}{words}",
        details={"file": str(place), "line": line, "key": name},
    )
