"""Child processes: what they inherit (little), and how they say that they are ready.

A child gets a scrubbed environment. What the configuration takes from the environment, secrets among it, goes through
an inherited pipe, so that no process list and no crash report of a child shows it (design 2).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from ibkr_tui.model.errors import BrokerError, Problem
from ibkr_tui.model.text import clean

_KEPT: Final = frozenset({"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"})
# COVERAGE_: a measured run measures its children too.
_KEPT_PREFIXES: Final = ("LC_", "XDG_", "IBKR_TUI_", "COVERAGE_")
_SETTINGS_PREFIX: Final = "IBKR_"


class Envelope(msgspec.Struct):
    """What a core says on its ready pipe."""

    ok: bool
    result: Any = None
    error: Problem | None = None


def scrubbed(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of `environ` that a child may see: no credentials, no proxies, nothing that steers an interpreter."""
    kept = {k: v for k, v in environ.items() if k in _KEPT or k.startswith(_KEPT_PREFIXES)}
    paths = [str(Path(p).absolute()) for p in environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    top = Path(__file__).resolve().parents[2]
    if (top / "pyproject.toml").is_file() and str(top) not in paths:  # a checkout: the child runs this same code
        paths.insert(0, str(top))
    if paths:
        kept["PYTHONPATH"] = os.pathsep.join(paths)
    return kept


def settings_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of `environ` that the configuration reads."""
    return {k: v for k, v in environ.items() if k.startswith(_SETTINGS_PREFIX)}


def python(*words: str) -> list[str]:
    """The command line of a module of ours, by this interpreter, never from the current directory."""
    return [sys.executable, "-P", "-m", *words]


class Child:
    """A started process and the pipe on which it says one line when it is ready. One that was started early waits for
    its settings until `let_go`."""

    def __init__(
        self, process: subprocess.Popen[bytes], ready: int, stderr: IO[bytes], settings: IO[bytes] | None = None
    ) -> None:
        self.process = process
        self._ready = ready
        self._stderr = stderr
        self._settings = settings

    def let_go(self) -> None:
        """What it needs is there now."""
        if self._settings is not None:
            self._settings.close()

    async def first_line(self, deadline: float) -> bytes:
        """The line; empty when the child closes the pipe without one. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        pipe = os.fdopen(self._ready, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        try:
            async with asyncio.timeout(deadline):
                return await reader.readline()
        finally:
            transport.close()

    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        self._stderr.seek(0)
        lines = [line for line in self._stderr.read()[-4000:].decode(errors="replace").splitlines() if line.strip()]
        return clean(lines[-1], limit=300) if lines else ""


def start_child(
    command: list[str],
    environ: Mapping[str, str],
    *,
    ready: str = "",
    stdin: int = subprocess.DEVNULL,
    early: bool = False,
) -> Child:
    """Start `command` in a session of its own.

    With `ready` (an option's name) the child is told the descriptor of its ready pipe, and gets the configuration's
    part of `environ` on another one; without, its ready line comes on stdout. `early`: that part has no end, and the
    child therefore nothing to do but to load, before it is let go.
    """
    stderr = tempfile.TemporaryFile()  # noqa: SIM115 - read by last_words, gone with the Child
    reading, writing = os.pipe()
    passed = [writing]
    settings: IO[bytes] | None = None
    if ready:
        source, settings = _pipe_with(msgspec.json.encode(settings_of(environ)))
        passed.append(source)
        command = [*command, ready, str(writing), "--settings-fd", str(source)]
    try:
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.DEVNULL if ready else writing,
            stderr=stderr,
            env=scrubbed(environ),
            cwd="/",
            start_new_session=True,
            pass_fds=passed if ready else (),
        )
    except OSError as error:
        os.close(reading)
        if settings is not None:
            settings.close()
        raise BrokerError("CORE_UNREACHABLE", f"no process can be started: {error.strerror or error}") from None
    finally:
        for descriptor in passed:
            os.close(descriptor)
    child = Child(process, reading, stderr, settings)
    if not early:
        child.let_go()
    return child


def _pipe_with(content: bytes) -> tuple[int, IO[bytes]]:
    """A pipe that holds `content` (far less than its capacity): the reading end, and the one that ends it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    pipe = os.fdopen(writing, "wb", buffering=0)
    pipe.write(content)
    return reading, pipe


async def core_facts(child: Child, deadline: float) -> Any:
    """What a starting core says of itself. Raises its own BrokerError, or CORE_UNREACHABLE when it says nothing."""
    try:
        line = await child.first_line(deadline)
    except TimeoutError:
        raise BrokerError("CORE_UNREACHABLE", f"the core was not ready within {deadline:g} s") from None
    if not line:
        why = child.last_words()
        raise BrokerError("CORE_UNREACHABLE", "the core ended while it started" + (f": {why}" if why else ""))
    said = msgspec.json.decode(line, type=Envelope)
    if said.error is not None:
        raise BrokerError.of(said.error)
    return said.result
