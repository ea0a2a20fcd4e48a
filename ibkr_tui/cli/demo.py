"""`ibkr-tui demo`: simulator, core and app in a private temporary directory that is gone afterwards.

The children hold a pipe from this process: when it ends, however it ends, they end.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import click
import msgspec

from ibkr_tui.cli.children import Child, core_facts, python, start_child
from ibkr_tui.cli.launching import core_words, stop_core
from ibkr_tui.cli.selection import Chosen, Selection
from ibkr_tui.core.state import open_state
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.tui.launcher import Attachment

PREFIX: Final = "ibkr-tui-demo-"
DEFAULT_SEED: Final = 1
SIMULATOR: Final = "sim"
KEY_STORES: Final = "key-stores.toml"  # the configuration of `sim --out` on whose keys a rotation can be practised
START_DEADLINE_S: Final = 20.0
_END_DEADLINE_S: Final = 5.0
_LOOK_AGAIN_S: Final = 0.05
_ACCOUNTS: Final = 2


@click.command()
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Another seed is another market.")
@click.option("--low-bandwidth", is_flag=True, help="On a slow line: a frame a second at most, under 4 kB/s.")
@click.pass_obj
def demo(selection: Selection, seed: int, low_bandwidth: bool) -> None:
    """The app on the embedded simulator: needs no configuration and no network, and leaves nothing behind."""
    from ibkr_tui.cli.application import run_demo

    run_demo(DemoLauncher(seed, selection.environ), spare=low_bandwidth or selection.low_bandwidth)


class Ready(msgspec.Struct, frozen=True):
    """The part of the simulator's ready line that the demo needs."""

    config: str


class DemoLauncher:
    """The app's `Launcher` for the demo. `close` it whatever happens."""

    profile = "paper"
    kind = "paper"
    is_demo = True

    def __init__(self, seed: int, environ: Mapping[str, str]) -> None:
        sweep(Path(tempfile.gettempdir()))
        self.place = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._held = _hold(self.place, os.O_RDWR | os.O_CREAT)
        self._seed = seed
        outside = {key: value for key, value in environ.items() if not key.startswith("IBKR_")}
        log = {key: value for key, value in environ.items() if key == "IBKR_TUI_LOG"}
        self._environ = outside | log | {"IBKR_TUI_STATE": str(self.place / "state")}
        self._children: list[Child] = []
        self._exchange: Child | None = None
        self._chosen: Chosen | None = None
        self._goes_to = ""

    def begin(self) -> None:
        """Start the exchange now, before the app is there to attach."""
        with contextlib.suppress(BrokerError):  # attaching says it
            self._exchange = self._start_simulator()

    async def attach(self, progress: Callable[[str], None]) -> Attachment:
        """Start what is not running yet. Raises BrokerError with the words of what failed."""
        if self._goes_to and (found := await self._gone_over()) is not None:
            return found
        progress("Starting the simulated exchange")
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            self._end_children()
            exchange = self._start_simulator()
        child = self._start_core()
        config = await self._configuration(exchange)
        progress("Starting the core")
        chosen = self._chosen = Selection(self.profile, config, self._environ).load()
        child.let_go()
        threading.Thread(target=self._end_with, args=(exchange, child), name="demo-exchange", daemon=True).start()
        facts = await core_facts(child, START_DEADLINE_S)
        progress("Logging in to the simulated exchange")
        return Attachment(facts["socket"], chosen.fingerprint)

    def mean(self, account: str) -> None:
        """Attach to the running core again, on this account."""
        self._goes_to = account

    async def _gone_over(self) -> Attachment | None:
        """The core that runs, once it serves the other account; None when it does not within its time to start."""
        wanted, self._goes_to = self._goes_to, ""
        if self._chosen is None:
            return None
        self._chosen = self._chosen.on(wanted)
        state = open_state(self.profile, self._environ)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_DEADLINE_S):
                while True:
                    facts = state.facts()
                    if facts is not None and facts.fingerprint == self._chosen.fingerprint:
                        return Attachment(facts.socket, facts.fingerprint)
                    await asyncio.sleep(_LOOK_AGAIN_S)
        return None

    async def stop(self) -> None:
        """Stop the core in order, then the simulator."""
        with contextlib.suppress(BrokerError):  # what does not stop in order is ended by close
            await stop_core(open_state(self.profile, self._environ))
        await asyncio.to_thread(self._end_children)

    def close(self) -> None:
        """End what still runs, and remove the directory."""
        self._end_children()
        shutil.rmtree(self.place, ignore_errors=True)
        os.close(self._held)

    def _start_simulator(self) -> Child:
        words = ["--out", str(self.place / SIMULATOR), "--seed", str(self._seed), "--exit-with-parent"]
        words += ["--accounts", str(_ACCOUNTS)]
        child = start_child(python("ibkr_tui.sim", *words), self._environ, stdin=subprocess.PIPE)
        self._children.append(child)
        return child

    def _start_core(self) -> Child:
        """A core that loads while the exchange does, and waits for it: its configuration is still to be written."""
        words = core_words(self.profile, self.place / SIMULATOR / KEY_STORES)
        child = start_child(
            python(*words, "--exit-with-parent", "--load-first"),
            self._environ,
            ready="--ready-fd",
            stdin=subprocess.PIPE,
            early=True,
        )
        self._children.append(child)
        return child

    async def _configuration(self, exchange: Child) -> Path:
        """Where the exchange has written the configuration, once it serves."""
        try:
            line = await exchange.first_line(START_DEADLINE_S)
        except TimeoutError:
            raise BrokerError("CORE_UNREACHABLE", f"the simulator was not ready in {START_DEADLINE_S:g} s") from None
        if not line:
            raise BrokerError("CORE_UNREACHABLE", f"the simulator ended while it started: {exchange.last_words()}")
        return Path(msgspec.json.decode(line, type=Ready).config).with_name(KEY_STORES)

    def _end_with(self, exchange: Child, core: Child) -> None:
        """A core whose exchange has gone would wait for it for ever: without it the app starts both anew."""
        exchange.process.wait()
        if exchange in self._children:
            core.process.kill()

    def _end_children(self) -> None:
        """Close the pipe each child holds, and see it end; the core goes before its exchange."""
        while self._children:
            process = self._children.pop().process
            if process.stdin is not None:
                process.stdin.close()
            process.terminate()
            try:
                process.wait(_END_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def sweep(temporary: Path) -> None:
    """Remove the directories of demos that were killed: nobody holds their lock any more."""
    for place in temporary.glob(f"{PREFIX}*"):
        try:
            if place.lstat().st_uid != os.geteuid() or place.is_symlink():
                continue
            held = _hold(place, os.O_RDWR)  # never made here: a demo that is just starting has none yet
        except OSError:
            continue
        shutil.rmtree(place, ignore_errors=True)
        os.close(held)


def running_demos(temporary: Path) -> list[Path]:
    """The directories of this user's demos that run now."""
    found = []
    for place in sorted(temporary.glob(f"{PREFIX}*/")):
        # Only one whose simulator has served: a look at the lock must not get in the way of a demo that just starts.
        if place.lstat().st_uid != os.geteuid() or not (place / SIMULATOR / "ready.json").exists():
            continue
        try:
            os.close(_hold(place, os.O_RDWR))
        except BlockingIOError:
            found.append(place)
        except OSError:
            continue
    return found


def _hold(place: Path, flags: int) -> int:
    """Lock `place` for as long as this process lives. Raises OSError when another one holds it."""
    handle = os.open(place / "demo.lock", flags | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle
