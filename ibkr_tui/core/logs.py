"""The core's log: a file that rotates, levelled, of this user only, and nothing secret in it (requirement P16).

Tracebacks have frames and no local variables; what an exception says passes the same redaction as any other line.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import re
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO

from ibkr_tui.model.masking import mask_accounts

LOG_NAME: Final = "core.log"
LARGEST_FILE: Final = 5_000_000
OLD_FILES: Final = 4
REDACTED: Final = "«redacted»"
_SHORTEST_SECRET: Final = 6
_OURS: Final = "ibkr_tui"
_SECRET_NAME: Final = re.compile(r"TOKEN|SECRET|DH_PRIME|CONSUMER_KEY|PASSWORD|TOTP")

_NAMED = re.compile(
    r"(?i)(\b(?:authorization|cookie|set-cookie|oauth_token|oauth_signature|oauth_consumer_key|access_token(?:_secret)?"
    r"|consumer_key|diffie_hellman_\w+|live_session_token(?:_signature)?|password|secret|api(?==)|session(?=[\"']))\b"
    r"[\"']?\s*[=:]\s*)(?:OAuth\s[^\n]*|[\"'][^\"'\n]*[\"']|[^\s,;&\"'}]+)"
)
_LONG_HEX = re.compile(r"\b[0-9a-fA-F]{32,}\b")
_LONG_BASE64 = re.compile(  # upper, lower and digit: a long path has rarely all three
    r"(?<![\w/+])(?=[A-Za-z/+]*[0-9])(?=[a-z0-9/+]*[A-Z])(?=[A-Z0-9/+]*[a-z])[A-Za-z0-9+/]{40,}={0,2}(?![\w/+])"
)
_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _is_allowed(record: logging.LogRecord) -> bool:
    """Our own lines, and warnings of a library: whatever level somebody gave that library's logger."""
    return record.levelno >= logging.WARNING or record.name == _OURS or record.name.startswith(f"{_OURS}.")


def _secrets_in(environ: Mapping[str, str]) -> list[str]:
    """What the environment holds of credentials, under any of our names."""
    return [value for name, value in environ.items() if name.startswith("IBKR_") and _SECRET_NAME.search(name)]


class RedactingFormatter(logging.Formatter):
    """One line a record (a traceback adds lines), UTC, with known secrets and whatever looks like one taken out."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._secrets = sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """ISO 8601 in UTC, to the millisecond."""
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def format(self, record: logging.LogRecord) -> str:
        """The whole text of the record, redacted; a message can't begin a line of its own."""
        said = record.getMessage().replace("\r", " ").replace("\n", " ")
        plain = logging.makeLogRecord({**record.__dict__, "msg": said, "args": None, "exc_text": None})
        return self.redact(super().format(plain))

    def redact(self, text: str) -> str:
        """`text` without secrets and control characters."""
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        text = _PEM.sub(REDACTED, text)
        text = _NAMED.sub(lambda match: match[1] + REDACTED, text)
        text = _LONG_HEX.sub(REDACTED, text)
        text = mask_accounts(_LONG_BASE64.sub(REDACTED, text))
        return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


class FramesFormatter(RedactingFormatter):
    """As its base, and of an exception its frames and its type alone: its words may hold what nobody has named."""

    def formatException(self, ei: Any) -> str:
        """File, line and function of each frame, then the type."""
        kind, _, frames = ei
        lines = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(frames)]
        return "\n".join(["Frames, without values:", *lines, f"  {kind.__qualname__}"])


class _PrivateRotatingFile(logging.handlers.RotatingFileHandler):
    """A rotating file that only its owner may read, whatever the umask."""

    def _open(self) -> TextIO:  # type: ignore[override]
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        return os.fdopen(handle, "a", encoding="utf-8", errors="backslashreplace")


def log_to(
    path: Path, environ: Mapping[str, str], *, secrets: Iterable[str] = (), only_frames: bool = False
) -> logging.Handler:
    """Send all logging to `path`, at the level IBKR_TUI_LOG names (default info). Returns the handler, to be closed.

    `only_frames`: for a process that cannot name what is secret to it.

    A full disk costs log lines and never an order: the handler's own errors are dropped.
    """
    logging.raiseExceptions = False
    handler = _PrivateRotatingFile(path, maxBytes=LARGEST_FILE, backupCount=OLD_FILES)
    formatter = FramesFormatter if only_frames else RedactingFormatter
    handler.setFormatter(formatter([*secrets, *_secrets_in(environ)]))
    # Of ourselves what the level says; of everybody else only trouble: their lines carry URLs and headers.
    level = logging.getLevelNamesMapping().get(environ.get("IBKR_TUI_LOG", "").upper(), logging.INFO)
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(level)
    handler.addFilter(_is_allowed)
    root.addHandler(handler)
    return handler
