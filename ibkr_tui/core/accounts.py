"""Another account of the same login: who may go over to it, and what the profile is then."""

from __future__ import annotations

import msgspec

from ibkr_tui.core.settings import Profile
from ibkr_tui.model.errors import BrokerError


def on_account(profile: Profile, account: str) -> Profile:
    """`profile` on another account of its login; everything else of it stays. Whether the login has it, IBKR says.

    Paper stays paper and live stays live (W-24); a live profile goes to `safety.allowed_accounts` only. Raises
    BrokerError BAD_ARGUMENT, ACCOUNT_KIND_MISMATCH or ACCOUNT_PINNED.
    """
    account = account.strip().upper()
    if not (account.isascii() and account.isalnum()):
        raise BrokerError("BAD_ARGUMENT", "account: an account number has letters and digits only")
    if account == profile.account_id:
        return profile
    if (account[:2] in {"DU", "DF"}) != (profile.kind == "paper"):
        said = "live" if profile.kind == "paper" else "paper"
        raise BrokerError(
            "ACCOUNT_KIND_MISMATCH", f"{account} is a {said} account, and the profile {profile.name} is {profile.kind}"
        )
    home = profile.login_account
    if profile.kind == "live" and account != home and account not in profile.safety.allowed_accounts:
        raise BrokerError(
            "ACCOUNT_PINNED",
            f"the live profile {profile.name} is pinned to {home}: {account} is not among safety.allowed_accounts",
            user_action="Add it there, or give it a profile of its own; then restart the core.",
            details={"account": account, "pinned": home},
        )
    return msgspec.structs.replace(profile, account_id=account, home="" if account == home else home)
