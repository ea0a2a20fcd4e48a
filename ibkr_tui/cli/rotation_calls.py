"""Asking for a rotation's steps: of the profile's core when one runs, else done here; and the portal's values."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import msgspec

from ibkr_tui.cli.selection import Selection
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.rotation import RotationDone, RotationStatus
from ibkr_tui.model.unreadable import UNREADABLE

if TYPE_CHECKING:
    from ibkr_tui.core.keys.rotation import Rotation
    from ibkr_tui.core.settings import Profile

Answer = TypeVar("Answer")
CONFIRM_WITHIN_S: Final = 120.0
VERIFIER_WORDS: Final = "Verifier, after oauth_verifier= in the address (not shown)"


class TokenDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rotate confirm --input` reads: the portal's three values, or a third party's verifier.

    Its repr shows nothing of it.
    """

    new_consumer_key: str = ""
    new_access_token: str = ""
    new_access_token_secret: str = ""
    oauth_verifier: str = ""

    def __repr__(self) -> str:
        return "TokenDocument(not shown)"

    @property
    def is_whole(self) -> bool:
        """Whether it is one of the two, and not a part or both."""
        portal = (self.new_consumer_key, self.new_access_token, self.new_access_token_secret)
        return all(portal) != bool(self.oauth_verifier) and all(portal) == any(portal)


NOTHING_NEW: Final = TokenDocument()
"""Try again with what was entered before."""


async def ask_rotation(
    selection: Selection,
    operation: str,
    arguments: dict[str, Any],
    alone: Callable[[Rotation], Awaitable[Answer]],
    kind: type[Answer],
    *,
    typed: str | None = None,
    deadline: float = CONFIRM_WITHIN_S,
) -> Answer:
    """Ask the profile's core when one runs, so that it logs in anew by itself; else do it here."""
    from ibkr_tui.cli.launching import CoreLauncher
    from ibkr_tui.core.key_rotation import rotation_without_core
    from ibkr_tui.link.client import LinkClient
    from ibkr_tui.model.clock import SystemClock

    chosen = selection.load()
    place = await CoreLauncher(chosen, selection.environ, leave_after=None).running()
    if place is None:
        if typed is not None:
            check_name(chosen.profile, typed)
        async with rotation_without_core(chosen.profile, SystemClock()) as rotation:
            return await alone(rotation)
    async with await LinkClient.connect(
        place.socket_path, fingerprint=place.fingerprint, face="rotate", face_id=uuid.uuid4().hex
    ) as client:
        return msgspec.convert(await client.call(operation, arguments, deadline=deadline), kind, strict=False)


async def ask_status(selection: Selection) -> RotationStatus:
    """How the keys stand."""
    return await ask_rotation(selection, "rotate_status", {}, in_thread(lambda it: it.status()), RotationStatus)


async def confirm_rotation(selection: Selection, entry: TokenDocument, typed: str) -> RotationDone:
    """Prove the staged set with `entry` and switch to it. Raises as Rotation.confirm."""
    values = msgspec.to_builtins(entry)

    async def alone(rotation: Rotation) -> RotationDone:
        from ibkr_tui.core.operations.keys import RotateConfirm

        return await rotation.confirm(RotateConfirm(**values).entry())

    return await ask_rotation(
        selection, "rotate_confirm", {**values, "confirm": typed}, alone, RotationDone, typed=typed
    )


def in_thread(work: Callable[[Rotation], Answer]) -> Callable[[Rotation], Awaitable[Answer]]:
    """`work` off the event loop."""
    return lambda rotation: asyncio.to_thread(work, rotation)


def check_name(profile: Profile, typed: str) -> None:
    """Raise CONFIRMATION_REQUIRED unless a live profile was named."""
    if profile.kind == "live" and typed != profile.name:
        raise BrokerError(
            "CONFIRMATION_REQUIRED",
            f"the keys of the live profile {profile.name} are about to change",
            user_action=f"Give --confirm {profile.name} if you mean it.",
        )


def entered(source: str | None, input_fd: int | None, *, verifier: bool = False) -> TokenDocument:
    """The portal's values from a file, a descriptor or a person; never from the command line.

    `verifier`: a person is asked for the verifier of a request token that waits.
    """
    if source is None and input_fd is None:
        if not sys.stdin.isatty():
            raise BrokerError("BAD_ARGUMENT", "nobody is here to ask: give --input FILE, --input - or --input-fd N")
        if verifier:
            return TokenDocument(oauth_verifier=click.prompt(VERIFIER_WORDS, hide_input=True, err=True))
        return TokenDocument(
            click.prompt("Consumer key (nine letters)", err=True),
            click.prompt("Access token (not shown)", hide_input=True, err=True),
            click.prompt("Access token secret (not shown)", hide_input=True, err=True),
        )
    try:
        if input_fd is not None:
            with open(input_fd, "rb") as file:  # noqa: PTH123 (a descriptor)
                text = file.read(65536)
        else:
            text = sys.stdin.buffer.read(65536) if source == "-" else Path(str(source)).read_bytes()[:65536]
        document = msgspec.json.decode(text, type=TokenDocument)
    except (OSError, *UNREADABLE) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not the JSON that `rotate confirm --help` names"
        raise BrokerError("BAD_ARGUMENT", f"the input cannot be read: {why}") from None
    if not document.is_whole:
        raise BrokerError(
            "BAD_ARGUMENT",
            "the input wants new_consumer_key, new_access_token and new_access_token_secret, or oauth_verifier alone",
        )
    return document
