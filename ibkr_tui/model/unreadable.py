"""What reading somebody else's bytes as JSON or MessagePack may raise."""

from __future__ import annotations

from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""msgspec says with an error that is none of its own that a text is no UTF-8, or nested too deep."""
