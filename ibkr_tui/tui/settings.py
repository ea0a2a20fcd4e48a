"""How a person wants the app: what the `[ui]` table of the configuration says."""

from __future__ import annotations

import msgspec


class UiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`theme` empty: the one chosen last. `fps` is frames a second at most, 1 to 60. `keymap`: action id → key.
    `mask_account`: account ids are shown by their ends only."""

    theme: str = ""
    fps: int = 10
    keymap: dict[str, str] = {}
    mask_account: bool = False

    @property
    def frame_s(self) -> float:
        """Seconds from frame to frame."""
        return 1 / min(60, max(1, self.fps))
