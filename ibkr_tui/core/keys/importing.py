"""A key set that was made elsewhere becomes the first version of a key store (requirements A-046, C-040)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ibkr_tui.core.keys import generation
from ibkr_tui.core.keys.key_set import KeySet
from ibkr_tui.core.keys.manifest import CREDENTIALS
from ibkr_tui.core.keys.rotation_journal import Mark
from ibkr_tui.core.keys.store import CURRENT, KeyStore
from ibkr_tui.core.keys.token_entry import TokenEntry
from ibkr_tui.model.errors import BrokerError

ALIASES: Final = {
    "OAUTH_CONSUMER_KEY": "IBKR_CONSUMER_KEY",
    "OAUTH_ACCESS_TOKEN": "IBKR_ACCESS_TOKEN",
    "OAUTH_ACCESS_TOKEN_SECRET": "IBKR_ACCESS_TOKEN_SECRET",
    "OAUTH_SIGNATURE_PATH": "IBKR_SIGNATURE_KEY_PATH",
    "OAUTH_ENCRYPTION_PATH": "IBKR_ENCRYPTION_KEY_PATH",
    "OAUTH_DH_PRIME": "IBKR_DH_PRIME",
}
"""Names that other programs use for the same values."""


def with_aliases(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with the other programs' names under ours; ours win. A set of one kind is never filled up by one of
    the other: when any of our names is there, none of theirs is taken."""
    found = dict(environ)
    ours = [name for name in environ if name.startswith(tuple(ALIASES.values())) and environ[name].strip()]
    if not ours:
        found |= {ALIASES[name]: environ[name] for name in ALIASES if environ.get(name, "").strip()}
    return found


def import_set(store: KeyStore, keys: KeySet) -> str:
    """Write `keys` as a version of the store and put it in charge; the version's name.

    Raises ROTATION_UNAVAILABLE when a set is in charge already, IBKR_KEY_INVALID when the secret does not belong to the
    encryption key, KEY_STORE_UNUSABLE when the disk does not let us; then nothing has changed.
    """
    keys.prepend()
    with store.locked():
        if store.pointed(CURRENT):
            raise BrokerError(
                "ROTATION_UNAVAILABLE",
                f"the key store {store.place} has a set in charge already",
                user_action="`ibkr-tui setup --rotate` makes new keys beside it; nothing was imported.",
            )
        store.check_space()
        group = generation.group_file(keys.dh_prime, keys.dh_generator)
        entry = TokenEntry(keys.consumer_key, keys.access_token, keys.access_token_secret)
        content = {
            **generation.private_files(keys.signature_key, keys.encryption_key, group),
            CREDENTIALS: entry.packed(),
        }
        prints = generation.fingerprint(keys.signature_key), generation.fingerprint(keys.encryption_key)
        version = store.write(content, prints)
        store.point(CURRENT, version)
        store.note(Mark.COMMITTED, version, "imported")
        return version
