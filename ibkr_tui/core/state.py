"""The state directory of one profile: who serves it (a lock), where (`core.json`), and how often it crashed.

Everything in it belongs to this user alone. The lock is the kernel's, so kill -9 frees it (faults F6).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import platformdirs

from ibkr_tui.core.logs import LOG_NAME
from ibkr_tui.model.clock import Clock, SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.unreadable import UNREADABLE

LONGEST_SOCKET_PATH: Final = 100
CRASHES_ALLOWED: Final = 5
CRASH_WINDOW_S: Final = 60.0
_PROFILE: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,39}")


class CoreFacts(msgspec.Struct, frozen=True):
    """What `core.json` says of the core that serves: enough for a face to find it and to know what it is."""

    pid: int
    socket: str
    fingerprint: str
    profile: str
    kind: str
    account: str
    version: str
    started: datetime


class StateDirectory:
    """One profile's directory, existing and private. Get one from `open_state`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock

    @property
    def log_path(self) -> Path:
        """The core's log."""
        return self.path / LOG_NAME

    def facts(self) -> CoreFacts | None:
        """What the last core said of itself; None when none serves, or its words can't be read.

        A core that was killed leaves its facts behind: only its socket proves that it lives.
        """
        try:
            return msgspec.json.decode(self._facts_path.read_bytes(), type=CoreFacts)
        except (OSError, *UNREADABLE):
            return None

    @contextlib.contextmanager
    def serve(self) -> Iterator[None]:
        """Be the one core of this profile. What a killed core left behind is cleared away.

        Raises BrokerError CORE_RUNNING at once when another one is, CORE_CRASHING after too many crashes in a minute,
        STATE_UNUSABLE when the directory can't be used.
        """
        handle = self._lock()
        try:
            self._clear_remains()
            try:
                yield
            finally:
                self._remove(self._facts_path)
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def socket(self) -> Iterator[Path]:
        """A path for the core's socket, in a private directory; both are gone afterwards.

        Unix socket paths hold about 100 bytes: a longer one goes to a directory of its own under the system's
        temporary directory (design 2).
        """
        path = self.path / "core.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            try:
                yield path
            finally:
                self._remove(path)
            return
        place = Path(tempfile.mkdtemp(prefix="ibkr-tui-"))
        if len(os.fsencode(place / "core.sock")) > LONGEST_SOCKET_PATH:
            place.rmdir()
            place = Path(tempfile.mkdtemp(prefix="ibkr-tui-", dir="/tmp"))
        try:
            yield place / "core.sock"
        finally:
            self._remove(place / "core.sock")
            with contextlib.suppress(OSError):
                place.rmdir()

    def announce(self, facts: CoreFacts) -> None:
        """Write `core.json` in one step: a reader sees the whole of it or nothing."""
        self._write(self._facts_path, msgspec.json.format(msgspec.json.encode(facts), indent=2))

    @property
    def _facts_path(self) -> Path:
        return self.path / "core.json"

    @property
    def _crashes_path(self) -> Path:
        return self.path / "crashes.json"

    def _lock(self) -> int:
        try:
            handle = os.open(self.path / "core.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unusable(self.path, error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            if not isinstance(error, BlockingIOError):
                raise _unusable(self.path, error) from None
            facts = self.facts()
            who = f" (process {facts.pid})" if facts else ""
            raise BrokerError("CORE_RUNNING", f"another core{who} serves this profile") from None
        return handle

    def _clear_remains(self) -> None:
        """Facts that are still there were left by a core that crashed: count it, and remove its socket."""
        remains = self.facts()
        if remains is None:
            return
        self._count_crash()
        socket = Path(remains.socket)
        self._remove(socket)
        if socket.parent != self.path and socket.parent.name.startswith("ibkr-tui-"):
            with contextlib.suppress(OSError):
                socket.parent.rmdir()
        self._remove(self._facts_path)

    def _count_crash(self) -> None:
        """Raise BrokerError CORE_CRASHING after too many in a minute: each start mints a token (faults P12)."""
        now = self._clock.now().timestamp()
        try:
            known = msgspec.json.decode(self._crashes_path.read_bytes(), type=list[float])
        except (OSError, *UNREADABLE):
            known = []
        recent = [at for at in known if 0 <= now - at < CRASH_WINDOW_S]
        if len(recent) >= CRASHES_ALLOWED:
            raise BrokerError(
                "CORE_CRASHING",
                f"the core ended without a word {len(recent)} times in the last minute and is not started again",
                details={"log": str(self.log_path)},
            )
        self._write(self._crashes_path, msgspec.json.encode([*recent, now]))

    def _write(self, path: Path, content: bytes) -> None:
        fresh = path.with_suffix(f".{os.getpid()}.new")
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            raise _unusable(self.path, error) from None

    @staticmethod
    def _remove(path: Path) -> None:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def open_state(profile: str, environ: Mapping[str, str], clock: Clock | None = None) -> StateDirectory:
    """The state directory of `profile`, made if need be: under IBKR_TUI_STATE or where the platform keeps state.

    Raises BrokerError STATE_UNUSABLE: it can't be made, belongs to another user, or is no directory.
    """
    if not _PROFILE.fullmatch(profile):
        raise BrokerError("CONFIG_INVALID", "a profile's name has only letters, digits, “-”, “_” and “.”")
    root = state_root(environ)
    path = root / profile
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(root, root.stat(), {os.geteuid(), 0})
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise BrokerError("STATE_UNUSABLE", f"{path} is not a directory")
        _check_owner(path, found, {os.geteuid()})
        if stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
            path.chmod(stat.S_IRWXU)
    except OSError as error:
        raise _unusable(path, error) from None
    return StateDirectory(path, clock or SystemClock())


def state_root(environ: Mapping[str, str]) -> Path:
    """Where the state directories of all profiles are."""
    named = environ.get("IBKR_TUI_STATE", "")
    return Path(named).expanduser().absolute() if named else Path(platformdirs.user_state_dir("ibkr_tui"))


def _check_owner(path: Path, found: os.stat_result, allowed: set[int]) -> None:
    if found.st_uid not in allowed:
        raise BrokerError("STATE_UNUSABLE", f"{path} belongs to another user")


def _unusable(path: Path, error: OSError) -> BrokerError:
    return BrokerError("STATE_UNUSABLE", f"{path}: {error.strerror or type(error).__name__}")
