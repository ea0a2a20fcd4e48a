"""The one way to a core: attach to the profile's, or start it in the background, where it outlives this terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibkr_tui.cli.children import core_facts, python, start_child
from ibkr_tui.core.state import CoreFacts, StateDirectory, open_state
from ibkr_tui.link.client import LinkClient
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.tui.launcher import Attachment

if TYPE_CHECKING:
    from ibkr_tui.cli.selection import Chosen

ATTACH_DEADLINE_S: Final = 20.0
STOP_DEADLINE_S: Final = 8.0
CALL_LEAVE_AFTER_S: Final = 300.0
_LOOK_AGAIN_S: Final = 0.05
_HANDOVER_S: Final = 2.0


class CoreLauncher:
    """Finds or starts the core of one chosen profile: the app's `Launcher`, and the commands'.

    `leave_after`: a core started for this face goes after so many seconds without faces; None: it stays.
    """

    is_demo = False

    def __init__(self, chosen: Chosen, environ: Mapping[str, str] | None = None, *, leave_after: float | None) -> None:
        self._chosen = chosen
        self._environ = os.environ if environ is None else environ
        self._leave_after = leave_after

    @property
    def profile(self) -> str:
        return self._chosen.name

    @property
    def kind(self) -> str:
        return self._chosen.kind

    async def attach(self, progress: Callable[[str], None]) -> Attachment:
        """The core that serves, started if need be.

        Raises BrokerError: CONFIG_MISMATCH, STATE_UNUSABLE, or what keeps the core from starting, in its own words.
        """
        state = open_state(self.profile, self._environ)
        progress("Looking for the core")
        try:
            async with asyncio.timeout(ATTACH_DEADLINE_S):
                while True:
                    if (found := await self._serving(state)) is not None:
                        return found
                    progress("Starting the core")
                    try:
                        return await self._start()
                    except BrokerError as error:
                        if error.code != "CORE_RUNNING":
                            raise
                    await asyncio.sleep(_LOOK_AGAIN_S)  # another face has just started it
        except TimeoutError:
            raise BrokerError(
                "CORE_UNREACHABLE", f"the profile's core has not answered for {ATTACH_DEADLINE_S:g} s"
            ) from None

    async def running(self) -> Attachment | None:
        """The core that serves now; None when none does. Raises BrokerError CONFIG_MISMATCH, STATE_UNUSABLE."""
        return await self._serving(open_state(self.profile, self._environ))

    def mean(self, account: str) -> None:
        """Attach to a core on this account of the login from now on. Raises BrokerError as `on_account` does."""
        self._chosen = self._chosen.on(account)

    async def stop(self) -> None:
        """Stop the core and wait for it. Raises BrokerError CORE_UNREACHABLE when it does not go in time."""
        await stop_core(open_state(self.profile, self._environ))

    async def _serving(self, state: StateDirectory) -> Attachment | None:
        facts = state.facts()
        if facts is None:
            return None
        try:
            client = await LinkClient.connect(
                facts.socket, fingerprint=self._chosen.fingerprint, face="launcher", face_id=uuid.uuid4().hex
            )
        except BrokerError as error:
            if error.code == "CORE_UNREACHABLE":
                return None
            raise
        await client.close()
        return Attachment(facts.socket, self._chosen.fingerprint)

    async def _start(self) -> Attachment:
        words = [*core_run_words(self._chosen), "--detach"]
        if self._leave_after is not None:
            words += ["--leave-after", str(self._leave_after)]
        child = start_child(python(*words), self._environ, ready="--ready-fd")
        try:
            facts = await core_facts(child, ATTACH_DEADLINE_S)
        finally:
            # It hands over to the process that serves, and ends; one that does not is of no use to anybody.
            await asyncio.to_thread(_see_end, child.process)
        return Attachment(facts["socket"], self._chosen.fingerprint)


def as_it_runs(chosen: Chosen, facts: CoreFacts | None) -> Chosen:
    """`chosen` on the account that its running core has gone over to; as it is when none runs or it is on no account
    that this configuration may go to."""
    try:
        return chosen if facts is None else chosen.on(facts.account)
    except BrokerError:
        return chosen


def _see_end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_HANDOVER_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def core_run_words(chosen: Chosen) -> list[str]:
    """The module and arguments that run this profile's core."""
    return core_words(chosen.name, chosen.path, chosen.account if chosen.profile.home else "")


def core_words(profile: str, config: Path | None, account: str = "") -> list[str]:
    """The same of a configuration that need not be there yet; `account`: another one than the configured."""
    accounts = ["--account", account] if account else []
    configs = ["--config", str(config)] if config is not None else []
    return ["ibkr_tui.cli.main", "--profile", profile, *accounts, *configs, "core", "run"]


async def stop_core(state: StateDirectory) -> int | None:
    """Ask the core to leave and wait until it has; its process number, None when none serves.

    Raises BrokerError CORE_UNREACHABLE when it is still there after eight seconds.
    """
    facts = state.facts()
    if facts is None:
        return None
    try:
        client = await LinkClient.connect(facts.socket, fingerprint="", face="launcher", face_id=uuid.uuid4().hex)
    except BrokerError as error:
        if error.code == "CORE_UNREACHABLE":
            return None
        raise
    try:
        async with asyncio.timeout(STOP_DEADLINE_S):
            with contextlib.suppress(BrokerError):  # it may leave before it answers
                await client.call("shutdown")
            while True:
                left = state.facts()
                if left is None or left.pid != facts.pid:
                    return facts.pid
                await asyncio.sleep(_LOOK_AGAIN_S / 2)
    except TimeoutError:
        raise BrokerError(
            "CORE_UNREACHABLE",
            f"the core (process {facts.pid}) has not stopped within {STOP_DEADLINE_S:g} s",
            user_action=f"Look at {state.log_path}, then end process {facts.pid} yourself.",
        ) from None
    finally:
        await client.close()
