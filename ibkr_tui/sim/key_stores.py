"""The same keys as key stores (design section 8): a configuration on them can practise a rotation."""

from __future__ import annotations

import secrets
from pathlib import Path

from ibkr_tui.sim.credentials import Issued, profile_lines, write_private
from ibkr_tui.sim.dhparam import write_dhparam

CONFIG = "key-stores.toml"


def write_key_store(store: Path, issued: Issued) -> Path:
    """Write the set as a version of its own, and point ``current`` at it; older versions stay where they are."""
    known = issued.registration
    version = store / "versions" / f"simulated-{known.consumer_key}"
    for directory in (store.parent, store, version.parent, version):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    credentials = {
        "consumer_key": known.consumer_key,
        "access_token": known.access_token,
        "access_token_secret": issued.access_token_secret,
    }
    write_private(version / "signature.pem", issued.signature_pem)
    write_private(version / "encryption.pem", issued.encryption_pem)
    write_private(version / "dhparam.pem", write_dhparam(known.dh_prime, known.dh_generator))
    write_private(version / "credentials.toml", "".join(f'{k} = "{v}"\n' for k, v in credentials.items()).encode())
    temporary = store / f".current.{secrets.token_hex(4)}"
    temporary.symlink_to(version.relative_to(store))
    temporary.replace(store / "current")
    return store


def write_key_store_config(directory: Path, rest_url: str, ws_url: str, paper: str, live: str) -> Path:
    """Write ``key-stores.toml``: the profiles ``paper`` and ``live`` on the stores under ``keys``."""
    lines = ['default_profile = "paper"', ""]
    for name, account in (("paper", paper), ("live", live)):
        settings = {"kind": name, "auth": "oauth1", "account_id": account, "rest_url": rest_url, "ws_url": ws_url}
        lines += profile_lines(name, {**settings, "key_store": f"keys/{name}"})
    target = directory / CONFIG
    write_private(target, "\n".join(lines).encode())
    return target
