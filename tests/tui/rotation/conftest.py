"""Key sets and a core that rotates them, by table."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.rotation import (
    KeyVersion,
    RotationDone,
    RotationNote,
    RotationPhase,
    RotationStarted,
    RotationStatus,
)
from tests.tui.conftest import NOW

PLACE = "/home/trader/.config/ibkr_tui/keys/paper"
UPLOAD = tuple(
    f"{PLACE}/staged/upload/{name}" for name in ("public_signature.pem", "public_encryption.pem", "dhparam.pem")
)
NOT_YET = "IBKR does not know the new consumer key yet: activation can take a day. Try again later."


def version(name: str, print: str, *, days: int = 0, consumer: str = "PAPERCONS") -> KeyVersion:
    return KeyVersion(name, NOW - timedelta(days=days), f"SHA256:{print * 16}", f"SHA256:{print[::-1] * 16}", consumer)


CURRENT = version("01JC9F2C41AA7B0011223344K2", "9f2c", days=200)
PREVIOUS = version("01JA000000000000000000AB9X", "41aa", days=400)
STAGED = version("01JCAB0000000000000000007Q", "be12", consumer="")
ENTERED = msgspec.structs.replace(STAGED, consumer_key="NEWCONSUM")

IDLE = RotationStatus(
    RotationPhase.IDLE, PLACE, CURRENT, PREVIOUS, None, versions=(PREVIOUS, CURRENT),
    notes=(RotationNote(NOW - timedelta(days=3), "committed", CURRENT.version),),
)  # fmt: skip
FIRST = RotationStatus(RotationPhase.IDLE, PLACE, None, None, None)
TO_UPLOAD = RotationStatus(
    RotationPhase.UPLOAD, PLACE, CURRENT, PREVIOUS, STAGED, NOW + timedelta(hours=23, minutes=41, seconds=7), UPLOAD,
    versions=(PREVIOUS, CURRENT, STAGED),
)  # fmt: skip
TO_PROVE = msgspec.structs.replace(
    TO_UPLOAD, phase=RotationPhase.PROVE, staged=ENTERED,
    refusal=RotationNote(NOW - timedelta(minutes=2), "refused", STAGED.version, NOT_YET, "IBKR_CONSUMER_REVOKED"),
)  # fmt: skip
EXPIRED = msgspec.structs.replace(TO_UPLOAD, phase=RotationPhase.EXPIRED, expires_at=NOW - timedelta(hours=1))


def managed(why: str) -> RotationStatus:
    return RotationStatus(RotationPhase.IDLE, "", None, None, None, managed_by=why)


def refused(cause: str, words: str = NOT_YET) -> BrokerError:
    """How the core says that the test login did not work."""
    return BrokerError("IBKR_ROTATION_VALIDATION_FAILED", words, details={"cause": cause})


class HandCore:
    """Answers as the core's operations do, and moves `found` on. `refusals` are raised by confirm, one each."""

    def __init__(self, feed: Any, found: RotationStatus) -> None:
        self.feed = feed
        self.found = found
        self.refusals: list[BrokerError] = []
        feed.answers |= {
            "rotate_status": lambda _: self.found,
            "rotate_start": self.start,
            "rotate_confirm": self.confirm,
            "rotate_abort": self.abort,
            "rotate_rollback": lambda _: RotationDone(PREVIOUS.version, CURRENT.version, NOW),
            "rotate_prune": lambda _: {"dropped": ["01J"]},
        }

    def start(self, asked: dict[str, Any]) -> RotationStarted:
        self.found = TO_UPLOAD if self.found.current is not None else msgspec.structs.replace(
            TO_UPLOAD, current=None, previous=None, versions=(STAGED,)
        )  # fmt: skip
        return RotationStarted(STAGED.version, {"sig": "", "enc": ""}, UPLOAD, NOW + timedelta(days=1))

    def confirm(self, asked: dict[str, Any]) -> Any:
        if self.refusals:
            error = self.refusals.pop(0)
            if error.code == "IBKR_ROTATION_VALIDATION_FAILED":
                cause = str((error.details or {})["cause"])
                note = RotationNote(NOW, "refused", STAGED.version, error.message, cause)
                self.found = msgspec.structs.replace(
                    self.found, phase=RotationPhase.PROVE, staged=ENTERED, refusal=note
                )
            return error
        self.found = msgspec.structs.replace(IDLE, current=ENTERED, previous=self.found.current)
        return RotationDone(STAGED.version, CURRENT.version, NOW)

    def abort(self, asked: dict[str, Any]) -> dict[str, bool]:
        self.found = IDLE
        return {"aborted": True}


@pytest.fixture
def on_keys(drive: Any) -> Any:
    """`async with on_keys(found, …) as (desk, core):` shows the Keys page of a core whose keys stand so."""
    import contextlib
    from collections.abc import AsyncIterator

    @contextlib.asynccontextmanager
    async def opened(found: RotationStatus, **options: Any) -> AsyncIterator[tuple[Any, HandCore]]:
        async with drive(**options) as desk:
            core = HandCore(desk.feed, found)
            await desk.press("9")
            await desk.frame()
            await desk.until(lambda: desk.app.key_sets.found is not None, "the status is read")
            yield desk, core

    return opened


@pytest.fixture
def upload_files(tmp_path: Path) -> tuple[str, ...]:
    """Three public files, as they lie on the disk."""
    place = tmp_path / "upload"
    place.mkdir()
    texts = {
        "public_signature.pem": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "public_encryption.pem": "-----BEGIN PUBLIC KEY-----\nBBBB\n-----END PUBLIC KEY-----\n",
        "dhparam.pem": "-----BEGIN DH PARAMETERS-----\nCCCC\n-----END DH PARAMETERS-----\n",
    }
    for name, text in texts.items():
        (place / name).write_text(text)
    return tuple(str(place / name) for name in texts)
