"""What the configuration may not say of live trading: flags that disagree, policies that loosen a limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ibkr_tui.core.orders.limits import tightened
from ibkr_tui.core.settings import ConfigFile, ProfileSection, RiskPolicy
from ibkr_tui.model.errors import BrokerError

Check = tuple[bool, tuple[str, ...], str]

_SECOND: Final = "safety.live_trading_enabled"


def live_checks(file: ConfigFile) -> Iterator[Check]:
    """Whether it is good, the keys it is about, and what is wrong otherwise."""
    armed = [name for name, section in file.profiles.items() if section.live_trading]
    enabled = file.safety.live_trading_enabled
    for name in armed:
        here = ("profiles", name, "live_trading")
        yield file.profiles[name].kind == "live", here, "only a live profile can trade live; leave it out"
        yield (
            enabled,
            here,
            f"is true, but {_SECOND} is false: live trading takes both. Set that one true too, or this one false",
        )
    live = [name for name, section in file.profiles.items() if section.kind == "live"]
    first = f"profiles.{live[0] if live else 'live'}.live_trading"
    yield (
        bool(armed) or not enabled,
        ("safety", "live_trading_enabled"),
        f"is true, but {first} is false: live trading takes both. Set that one true too, or this one false",
    )
    days = file.safety.checklist_expires_days
    yield 1 <= days <= 365, ("safety", "checklist_expires_days"), "must be from 1 to 365 days"
    accounts = file.safety.allowed_accounts
    named = all(account.isascii() and account.isalnum() for account in accounts)
    yield named, ("safety", "allowed_accounts"), "may hold account numbers only"
    days = file.audit.live_write_retention_days
    yield 1 <= days <= 36_500, ("audit", "live_write_retention_days"), "must be from 1 to 36500 days"
    for name, policy in file.risk_policies.items():
        yield from _policy_checks(file, name, policy)
    for name, section in file.profiles.items():
        yield from _naming_checks(file, name, section)


def _policy_checks(file: ConfigFile, name: str, policy: RiskPolicy) -> Iterator[Check]:
    """Every value on its own, so that the line of the wrong one can be named."""
    yield name.isascii() and name.isidentifier(), ("risk_policies", name), "a name is letters, digits and underscores"
    for key, value in policy.changes().items():
        here = ("risk_policies", name, key)
        try:
            tightened(file.limits, {key: value})
        except BrokerError as error:
            looser = error.code == "LIMIT_LOOSENED"
            yield False, here, f"{error.message}: a policy only tightens [limits]" if looser else error.message


def _naming_checks(file: ConfigFile, name: str, section: ProfileSection) -> Iterator[Check]:
    if section.risk_policy is None:
        return
    known = ", ".join(file.risk_policies) or "none"
    words = f"there is no [risk_policies.{section.risk_policy[:40]}]; known: {known}"
    yield section.risk_policy in file.risk_policies, ("profiles", name, "risk_policy"), words
