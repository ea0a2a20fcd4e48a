"""How a person wants the app: what the `[ui]` table of the configuration says."""

from __future__ import annotations

import msgspec


class UiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`theme` empty: the one chosen last. `fps` is frames a second at most, 1 to 60. `keymap`: action id → key.
    `mask_account`: account ids are shown by their ends only. `low_bandwidth`: for a slow line, a frame a second at most
    and fewer where a picture is large, nothing that only moves, a mark on the status bar."""

    theme: str = ""
    fps: int = 10
    keymap: dict[str, str] = {}
    mask_account: bool = False
    low_bandwidth: bool = False

    @property
    def second_s(self) -> float:
        """Seconds after which ages and clocks move on."""
        return 5.0 if self.low_bandwidth else 1.0

    @property
    def frame_s(self) -> float:
        """Seconds from frame to frame."""
        return 1.0 if self.low_bandwidth else 1 / min(60, max(1, self.fps))

    @property
    def look_s(self) -> float:
        """How often to look whether a frame is due."""
        return self.frame_s / 4 if self.low_bandwidth else self.frame_s
