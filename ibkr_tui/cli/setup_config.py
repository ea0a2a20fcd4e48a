"""The configuration of a first set-up: written once when there is none, never changed afterwards."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ibkr_tui.cli.selection import Chosen, Selection
from ibkr_tui.model.errors import BrokerError

if TYPE_CHECKING:
    from ibkr_tui.core.settings import Kind


@dataclass(frozen=True)
class FirstProfile:
    """What a person must say before there is a configuration."""

    name: str
    kind: Kind
    account: str

    @property
    def section(self) -> str:
        """Its lines in the file."""
        return (
            f'[profiles.{self.name}]\nkind = "{self.kind}"\naccount_id = "{self.account}"\n'
            f'key_store = "keys/{self.name}"\n'
        )

    @property
    def text(self) -> str:
        """A whole file for it alone."""
        return (
            "# Written by `ibkr-tui setup`, and yours from here on: it is never rewritten.\n"
            "# config.example.toml explains every setting. No secret belongs in here.\n\n"
            f'default_profile = "{self.name}"\n\n{self.section}'
        )


def config_place(selection: Selection) -> Path:
    """Where the configuration is or belongs."""
    from ibkr_tui.core.config import default_path

    return (selection.config or default_path(selection.environ)).absolute()


def write_config(path: Path, first: FirstProfile, selection: Selection) -> Chosen:
    """Write the file, readable by its owner only, if it can be used. Raises BrokerError naming what is wrong.

    Nothing is ever written over: when a file has come to be there meanwhile, it stays.
    """
    half = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            half.unlink()
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(first.text)
            file.flush()
            os.fsync(file.fileno())
        try:
            Selection(first.name, half, selection.environ).load()
            os.link(half, path)
        finally:
            half.unlink()
        _sync(path.parent)
    except FileExistsError:
        raise BrokerError("CONFIG_INVALID", f"{path} is there already; it is left as it is") from None
    except OSError as error:
        raise BrokerError("CONFIG_INVALID", f"{path} cannot be written: {error.strerror}") from None
    return Selection(first.name, path, selection.environ).load()


def missing_lines(chosen: Chosen | None, name: str, path: Path) -> str:
    """What a person should put into the file that is there, so that its keys are kept in a store; empty when nothing.

    `chosen` is None when the file has no such profile.
    """
    if chosen is None:
        kind: Kind = "live" if name == "live" else "paper"
        return FirstProfile(name, kind, "U1234567" if kind == "live" else "DU1234567").section
    profile = chosen.profile
    if profile.auth != "oauth1" or profile.key_store is not None or profile.environment is not None:
        return ""
    if profile.credentials_file is not None:
        return f'key_store = "keys/{name}"        # in [profiles.{name}], instead of credentials_file\n'
    return f'key_store = "keys/{name}"        # in [profiles.{name}]\n'


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
