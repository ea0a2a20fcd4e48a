"""One core from its start to its end: lock, log, broker, link, and whatever may end it (faults P1–P3)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import logging
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from ibkr_tui.cli.hardening import harden
from ibkr_tui.cli.output import Exit, exit_status, tell, tell_error
from ibkr_tui.cli.selection import Chosen, Selection
from ibkr_tui.cli.service_notices import ServiceNotices
from ibkr_tui.cli.version import version
from ibkr_tui.core.logs import log_to
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.state import CoreFacts, StateDirectory, open_state
from ibkr_tui.core.watchdog import LoopWatchdog
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.unreadable import UNREADABLE

LOGGER = logging.getLogger(__name__)

STOP_DEADLINE_S: Final = 5.5  # the broker gives orders under way five seconds
END_DEADLINE_S: Final = 1.0
_LOOK_FOR_FACES_S: Final = 1.0
_SECRET_KEYS: Final = frozenset({"access_token", "access_token_secret", "consumer_key", "dh_prime"})


class Terms(msgspec.Struct, frozen=True):
    """How a core runs: in the background or not, and what ends it besides a signal."""

    detach: bool = False
    leave_after: float | None = None
    exit_with_parent: bool = False
    ready_fd: int | None = None


def serve_profile(selection: Selection, terms: Terms) -> int:
    """Serve until stopped; the exit status. What keeps it from starting goes to the ready pipe and to stderr."""
    harden()
    if terms.detach and os.fork():
        os._exit(0)
    announcing = _Announcement(terms.ready_fd)
    try:
        chosen = selection.load()
        state = open_state(chosen.name, selection.environ)
        with state.serve(), state.socket() as path:
            handler = log_to(state.log_path, selection.environ, secrets=_secrets(chosen.profile))
            try:
                return asyncio.run(_serve(chosen, state, path, terms, announcing))
            except BrokerError:
                raise
            except Exception:
                LOGGER.exception("the core failed")
                raise
            finally:
                handler.close()
    except BrokerError as error:
        announcing.failed(error)
        tell_error(error)
        return exit_status(error)


async def _serve(chosen: Chosen, state: StateDirectory, path: Path, terms: Terms, announcing: _Announcement) -> int:
    try:
        while True:
            service = _Service(chosen, state, path, terms, announcing)
            status = await service.run()
            if service.switches_to is None:
                return status
            chosen = chosen.on(service.switches_to)
    except BaseExceptionGroup as group:
        found = group.subgroup(BrokerError)
        if found is None:
            raise
        raise _first(found) from None


def _first(group: BaseExceptionGroup[BrokerError]) -> BrokerError:
    found = group.exceptions[0]
    return found if isinstance(found, BrokerError) else _first(found)


class _Announcement:
    """The pipe on which whoever started the core waits for one line."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def ready(self, facts: CoreFacts) -> None:
        self._say({"ok": True, "result": facts})

    def failed(self, error: BrokerError) -> None:
        self._say({"ok": False, "error": error.problem()})

    def _say(self, envelope: object) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as pipe:
                pipe.write(msgspec.json.encode(envelope) + b"\n")


def load_core() -> None:
    """Load what a core needs, before there is anything to serve."""
    importlib.import_module("ibkr_tui.core.broker")
    importlib.import_module("ibkr_tui.link.server")


class _Service:
    """The running core and its link. Made inside its loop."""

    def __init__(
        self, chosen: Chosen, state: StateDirectory, path: Path, terms: Terms, announcing: _Announcement
    ) -> None:
        from ibkr_tui.core.broker import Broker  # after the lock: a second core is refused before it loads anything
        from ibkr_tui.link.server import LinkServer

        clock = SystemClock()
        self._state = state
        self._terms = terms
        self._announcing = announcing
        self.switches_to: str | None = None
        self._broker = Broker(chosen.profile, state.path, clock, version())
        self._broker.on_switch = self._switch
        self._facts = CoreFacts(
            os.getpid(),
            str(path),
            chosen.fingerprint,
            chosen.name,
            chosen.kind,
            chosen.account,
            version(),
            datetime.now(UTC),
        )
        self._clock = clock
        self._server = LinkServer(self._broker, self._facts, on_shutdown=self._asked_to_stop, clock=clock)
        self._broker.health.count_faces = lambda: self._server.faces
        self._notices = ServiceNotices(os.environ)
        self._watchdog = LoopWatchdog(self._stood_still)
        self._watchdog.on_beat = self._notices.alive
        self._broker.health.watchdog = self._watchdog
        self._stopping = asyncio.Event()
        self._status = Exit.DONE
        self._reason = ""

    async def run(self) -> int:
        self._catch_signals()
        async with asyncio.TaskGroup() as group:
            broker = group.create_task(self._broker.run(), name="broker")
            others = [
                group.create_task(self._server.run(), name="link-server"),
                group.create_task(self._announce(), name="announce"),
                group.create_task(self._watchdog.run(), name="loop-watchdog"),
            ]
            if (seconds := self._terms.leave_after) is not None:
                others.append(group.create_task(self._leave_when_alone(seconds), name="leave-when-alone"))
            if self._terms.exit_with_parent:
                others.append(group.create_task(self._leave_with_parent(), name="leave-with-parent"))
            await self._stopping.wait()
            LOGGER.info("the core stops: %s", self._reason)
            self._notices.stopping(self._reason)
            self._server.refuse_calls(self._reason, next_account=self.switches_to or "")
            await self._stop_broker(broker)
            for task in (broker, *others):
                task.cancel()
        return self._status

    async def _stop_broker(self, running: asyncio.Task[None]) -> None:
        """Let orders under way end; what has not let go a second later is cancelled by the caller."""
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                await self._broker.stop()
        except TimeoutError:
            LOGGER.warning("the orders under way have not ended within %s s", STOP_DEADLINE_S)
        _, slow = await asyncio.wait([running], timeout=END_DEADLINE_S)
        if slow:
            names = sorted(task.get_name() for task in asyncio.all_tasks())
            LOGGER.warning("not ended within %s s: %s", END_DEADLINE_S, ", ".join(names))

    async def _announce(self) -> None:
        await self._server.serving.wait()
        self._state.announce(self._facts)
        LOGGER.info("the core %s serves profile %s", self._facts.version, self._facts.profile)
        self._announcing.ready(self._facts)
        self._notices.ready(f"serves profile {self._facts.profile}")
        if self._terms.ready_fd is None:
            tell(f"The core serves profile {self._facts.profile} (process {self._facts.pid}); Ctrl-C stops it.")
        gc.freeze()  # what is loaded now stays: the collector's full passes over it would hold up the stream
        if self._terms.detach:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nowhere, descriptor)
            os.close(nowhere)

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop, Exit.TERMINATED, "stopped by SIGTERM")
        loop.add_signal_handler(signal.SIGINT, self._stop, Exit.INTERRUPTED, "stopped by Ctrl-C")
        loop.add_signal_handler(signal.SIGQUIT, self._stop, Exit.QUIT, "stopped by SIGQUIT")
        for number in (signal.SIGUSR1, signal.SIGUSR2):  # they mean nothing here, and would end it without a word
            signal.signal(number, signal.SIG_IGN)
        if self._terms.detach or self._terms.exit_with_parent:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            # A core that stands still keeps no session and sees no fill; no terminal has a say in that.
            for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
                signal.signal(number, signal.SIG_IGN)
        else:
            loop.add_signal_handler(signal.SIGHUP, self._stop, Exit.HANGUP, "its terminal has gone")

    def _stood_still(self, words: str) -> None:
        self._broker.orders.recorder.say(words, Severity.WARNING)

    def _switch(self, profile: Profile) -> None:
        """Make room for a broker on another account; the face that asked has its answer before this one ends."""
        if not self._stopping.is_set():
            self._stop(Exit.DONE, f"the core goes over to account {profile.account_id}")
            self.switches_to = profile.account_id

    def _asked_to_stop(self) -> None:
        self._stop(Exit.DONE, "a face asked it to stop")

    def _stop(self, status: Exit, reason: str) -> None:
        if not self._stopping.is_set() or self.switches_to is not None:
            self.switches_to = None  # whoever stops the core means the process, not the account it is on
            self._status, self._reason = status, reason
            self._stopping.set()

    async def _leave_when_alone(self, seconds: float) -> None:
        """End a core that was started for a call; never while an order's fate is open or an alert waits, nor after an
        app has used it."""
        while True:
            await self._clock.sleep(min(_LOOK_FOR_FACES_S, seconds))
            if self._server.had_app or self._server.faces:
                continue
            if self._broker.open_intents or self._broker.alerts.armed:
                continue
            if self._clock.monotonic() - self._server.last_face_at >= seconds:
                self._stop(Exit.DONE, f"no face for {seconds:g} s")

    async def _leave_with_parent(self) -> None:
        """Standard input is a pipe that the parent holds: when it ends, the parent has, however it died."""
        reader = asyncio.StreamReader()
        pipe = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)  # its own: the next account's core looks too
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            while await reader.read(1024):
                continue
        finally:
            transport.close()
        self._stop(Exit.DONE, "the process that started it has gone")


def _secrets(profile: Profile) -> list[str]:
    """Everything secret that this profile can name: the log must never show it, whoever says it."""
    found: list[str] = []
    if (given := profile.environment) is not None:
        found += [given.access_token.reveal(), given.access_token_secret.reveal(), given.dh_prime.reveal()]
    if (key := profile.audit_secret) is not None:
        found.append(key.reveal())
    try:
        found += [value for key, value in _credentials(profile).items() if key in _SECRET_KEYS]
    except (OSError, *UNREADABLE):
        return found  # the login says what is wrong with the file
    return found


def _credentials(profile: Profile) -> dict[str, str]:
    if profile.credentials_file is not None:
        said = msgspec.json.decode(profile.credentials_file.read_bytes(), type=dict[str, Any])
    elif profile.key_store is not None:
        said = msgspec.toml.decode((profile.key_store / "current" / "credentials.toml").read_bytes())
    else:
        said = {}
    return {key: value for key, value in said.items() if isinstance(value, str)}
