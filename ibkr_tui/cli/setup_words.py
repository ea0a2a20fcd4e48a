"""What `ibkr-tui setup` says at length: the portal's steps, and what to put into a file of the person's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from ibkr_tui.cli.output import show, tell
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.rotation import RotationStatus


def say_portal(found: RotationStatus, account: str) -> None:
    """What to do in IBKR's portal, in its order; the files on stdout."""
    from ibkr_tui.tui.rotation.words import portal_steps

    staged = found.staged
    tell("")
    tell("Now, in a browser:")
    folder = str(Path(found.upload[0]).parent) if found.upload else found.place
    for number, words in enumerate(portal_steps(account, folder), start=1):
        tell(f"{number}. {words}")
    for path in found.upload:
        show(path)
    if staged is not None:
        tell(f"To compare: sig {staged.signature}\n            enc {staged.encryption}")
    tell("IBKR may take until its nightly or weekend reset to activate a new consumer key.")
    tell("")


def refuse_for_lines(lines: str, path: Path) -> NoReturn:
    """A file that is there is never changed: show what is missing in it, and raise CONFIG_INVALID."""
    tell(f"{path} is yours and is not changed. Put this into it, then run `ibkr-tui setup` again:")
    show(lines)
    raise BrokerError("CONFIG_INVALID", f"{path} names no key store for this profile")


def say_where(path: Path, environ: Mapping[str, str]) -> None:
    """Where a configuration was written, if that is not where every command looks."""
    from ibkr_tui.core.config import default_path

    if path != default_path(environ).absolute():
        tell(f"It is not in the default place: give --config {path}, or set IBKR_TUI_CONFIG.")
