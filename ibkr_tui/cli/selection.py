"""Which configuration, profile and account a command is about: `--config`, `--profile`, `--account`, environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ibkr_tui.model.errors import BrokerError

if TYPE_CHECKING:
    from ibkr_tui.core.config import Config, Profile


class Chosen(msgspec.Struct, frozen=True):
    """A configuration with its profile."""

    config: Config

    @property
    def fingerprint(self) -> str:
        """What a face and its core must agree on."""
        return self.config.profile.fingerprint

    @property
    def profile(self) -> Profile:
        return self.config.profile

    @property
    def path(self) -> Path | None:
        return self.config.path

    @property
    def name(self) -> str:
        return self.config.profile.name

    @property
    def kind(self) -> str:
        return self.config.profile.kind

    @property
    def account(self) -> str:
        return self.config.profile.account_id

    def on(self, account: str) -> Chosen:
        """The same on another account of its login. Raises BrokerError as `on_account` does."""
        from ibkr_tui.core.accounts import on_account

        return Chosen(msgspec.structs.replace(self.config, profile=on_account(self.profile, account)))


class Selection:
    """What the person typed before the command. `environ` has absolute paths, so that any process reads the same."""

    def __init__(
        self,
        profile: str | None = None,
        config: Path | None = None,
        environ: Mapping[str, str] | None = None,
        account: str | None = None,
        *,
        low_bandwidth: bool = False,
    ) -> None:
        self.low_bandwidth = low_bandwidth
        self.profile = profile
        self.account = account
        self.config = config.absolute() if config is not None else None
        self.environ = with_absolute_paths(os.environ if environ is None else environ)

    def load(self) -> Chosen:
        """Read and resolve. Raises BrokerError CONFIG_NOT_FOUND, CONFIG_INVALID, ACCOUNT_KIND_MISMATCH, and for
        `--account` what `on_account` does."""
        from ibkr_tui.core.config import load

        chosen = Chosen(load(self.config, self.environ, self.profile))
        return chosen.on(self.account) if self.account else chosen

    def exists(self) -> bool:
        """Whether there is any configuration at all; if not, the app welcomes."""
        try:
            self.load()
        except BrokerError as error:
            named = self.config is not None or self.profile is not None or self.environ.get("IBKR_TUI_CONFIG")
            return bool(named) or error.code != "CONFIG_NOT_FOUND"
        return True


def with_absolute_paths(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with our own names of files made absolute."""
    found = dict(environ)
    for name, value in environ.items():
        is_path = name in {"IBKR_TUI_CONFIG", "IBKR_TUI_STATE"} or (name.startswith("IBKR_") and "_KEY_PATH" in name)
        if is_path and value.strip():
            found[name] = str(Path(value.strip()).expanduser().absolute())
    return found
