"""`ibkr-tui config import-env`: the credentials of the environment become the first version of the key store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from ibkr_tui.cli.output import Exit, emit_result, show, tell
from ibkr_tui.cli.running import guard
from ibkr_tui.cli.selection import Chosen, Selection
from ibkr_tui.cli.setup_config import FirstProfile, config_place, write_config
from ibkr_tui.model.errors import BrokerError

if TYPE_CHECKING:
    from ibkr_tui.core.settings import Kind

_WORDS = (
    "CONSUMER_KEY",
    "ACCESS_TOKEN",
    "ACCESS_TOKEN_SECRET",
    "SIGNATURE_KEY_PATH",
    "ENCRYPTION_KEY_PATH",
    "DH_PRIME",
)
_OUR_NAMES = tuple(f"IBKR_{word}{suffix}" for word in _WORDS for suffix in ("", "_TESTNET", "_LIVE"))


@click.command("import-env", short_help="Copy the environment's credentials to the key store.")
@click.option("--account", metavar="ID", help="The account's number, when neither file nor environment names it.")
@click.option("--confirm", "typed", default="", metavar="NAME", help="The live profile's name, if you mean it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def import_env(selection: Selection, account: str | None, typed: str, as_json: bool) -> None:
    """Copy the environment's OAuth credentials into the profile's key store, once.

    Reads IBKR_CONSUMER_KEY and its companions (also with _TESTNET or _LIVE), or OAUTH_CONSUMER_KEY, OAUTH_ACCESS_TOKEN,
    OAUTH_ACCESS_TOKEN_SECRET, OAUTH_SIGNATURE_PATH, OAUTH_ENCRYPTION_PATH and OAUTH_DH_PRIME (PAPER_TRADING=false means
    the live profile). The key files are read and left where they are. Refuses when a set is in charge already.
    """

    def work() -> int:
        from ibkr_tui.cli.rotation_calls import check_name
        from ibkr_tui.core.environment import credentials_from
        from ibkr_tui.core.keys.importing import ALIASES, import_set, with_aliases
        from ibkr_tui.core.keys.key_set import load_key_set
        from ibkr_tui.core.keys.store import KeyStore
        from ibkr_tui.model.clock import SystemClock

        environ = with_aliases(_absolute(selection.environ))
        chosen = _profile(selection, environ, account)
        profile = chosen.profile
        credentials = credentials_from(environ, profile.kind)
        if credentials is None:
            raise BrokerError(
                "IBKR_KEY_NOT_FOUND",
                "the environment holds no credentials",
                user_action=f"Set IBKR_CONSUMER_KEY and its companions, or {', '.join(ALIASES)}.",
            )
        if profile.auth != "oauth1" or profile.key_store is None:
            raise BrokerError(
                "ROTATION_UNAVAILABLE",
                f"profile {profile.name} keeps no keys in a store",
                user_action=f'Put key_store = "keys/{profile.name}" into [profiles.{profile.name}] of {chosen.path}.',
            )
        check_name(profile, typed)
        keys = load_key_set(msgspec.structs.replace(profile, environment=credentials))
        version = import_set(KeyStore(profile.key_store, SystemClock()), keys)
        if as_json:
            emit_result({"version": version, "identity": keys.identity, "key_store": str(profile.key_store)})
            return Exit.DONE
        show(f"{version} is in charge of {profile.key_store}: {keys.identity}")
        tell(
            "Now unset the names of the credentials: those of the environment win over the store, and can't be rotated."
        )
        return Exit.DONE

    guard(work, json_errors=as_json)


def _profile(selection: Selection, environ: Mapping[str, str], account: str | None) -> Chosen:
    """The profile as the file has it, without credentials of the environment; a first file when there is none."""
    from ibkr_tui.core.environment import CREDENTIALS, SUFFIX

    ours = {f"IBKR_{name}{suffix}" for name in CREDENTIALS for suffix in ("", *SUFFIX.values())}
    plain = {name: value for name, value in environ.items() if name not in ours}
    name = selection.profile or environ.get("IBKR_TUI_PROFILE")
    path = config_place(selection)
    if name is None and environ.get("PAPER_TRADING", "").strip().lower() in {"false", "0", "no"}:
        name = "live"
    if path.exists():
        return Selection(name, path, plain).load()
    kind: Kind = "live" if name == "live" else "paper"
    suffix = SUFFIX[kind]
    named = account or plain.get(f"IBKR_ACCOUNT_ID{suffix}") or plain.get("IBKR_ACCOUNT_ID")
    if not named:
        raise BrokerError(
            "BAD_ARGUMENT",
            "there is no configuration, and nothing names the account",
            user_action=f"Give --account, or set IBKR_ACCOUNT_ID{suffix}.",
        )
    chosen = write_config(path, FirstProfile(name or kind, kind, named.strip().upper()), Selection(None, None, plain))
    tell(f"Written: {path}")
    return chosen


def _absolute(environ: Mapping[str, str]) -> dict[str, str]:
    """The other programs' paths made absolute too; ours are already."""
    paths = {
        name: str(Path(environ[name].strip()).expanduser().absolute())
        for name in ("OAUTH_SIGNATURE_PATH", "OAUTH_ENCRYPTION_PATH")
        if environ.get(name, "").strip()
    }
    return {**environ, **paths}
