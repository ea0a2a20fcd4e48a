"""Serving: bind, write the files, say ready, run until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvicorn

from ibkr_tui.sim.app import build_app
from ibkr_tui.sim.certificate import write_certificate
from ibkr_tui.sim.clock import Clock
from ibkr_tui.sim.credentials import write_config, write_credentials, write_oauth2_credentials, write_private
from ibkr_tui.sim.front import PREFIX
from ibkr_tui.sim.front_door import FrontDoor
from ibkr_tui.sim.key_stores import write_key_store, write_key_store_config
from ibkr_tui.sim.oauth import PUBLIC_BASE
from ibkr_tui.sim.options import SimOptions
from ibkr_tui.sim.simulator import Simulator

GRACE_S = 1
READY_FILE = "ready.json"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass
class Running:
    """A simulator that serves; ``ready`` is the line of design section 3."""

    sim: Simulator
    ready: dict[str, str]

    @property
    def ready_line(self) -> str:
        return msgspec.json.encode(self.ready).decode()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers (the caller owns the process) and without its polling.

    It says when it accepts connections, and ends when it is told to.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.stopping = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.stopping.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serve(options: SimOptions, clock: Clock | None = None) -> AsyncIterator[Running]:
    """Run a simulator in this event loop for as long as the block lasts."""
    out = options.out.resolve()
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    sim = Simulator(options, clock)
    listener = _listen(options.host, options.port)
    try:
        port = listener.getsockname()[1]
        certificate = write_certificate(out, options.host) if options.tls else None
        if options.front_door or any(fault.do == "door" for fault in sim.faults.faults):
            sim.door = FrontDoor(sim.clock, _listen, options.host)
        ready = _write_files(sim, out, port, certificate)
        config = uvicorn.Config(
            build_app(sim),
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            http="h11",
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            ws_ping_interval=None,
            proxy_headers=False,
            ssl_certfile=certificate[0] if certificate else None,
            ssl_keyfile=certificate[1] if certificate else None,
        )
        server = _Server(config)
        async with asyncio.TaskGroup() as group:
            engine = group.create_task(sim.run(), name="simulator")
            serving = group.create_task(server.serve(sockets=[listener]), name="http")
            await server.ready.wait()
            door = group.create_task(sim.door.run(port), name="front-door") if sim.door else None
            try:
                yield Running(sim, ready)
            finally:
                if door is not None:
                    door.cancel()
                server.stopping.set()
                for stream in list(sim.streams):
                    stream.close(1001)
                await serving
                engine.cancel()
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket that says it is TCP: asyncio turns Nagle's delay off only on sockets that do.

    Without it each answer, written as head and body, waits 40 ms for a delayed acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _write_files(sim: Simulator, out: Path, port: int, certificate: tuple[Path, Path] | None) -> dict[str, str]:
    options = sim.options
    secure = "s" if certificate else ""
    host = f"[{options.host}]" if ":" in options.host else options.host
    base = f"http{secure}://{host}:{port}"
    names = dict.fromkeys((base, f"http{secure}://127.0.0.1:{port}", f"http{secure}://localhost:{port}", PUBLIC_BASE))
    sim.bases = tuple(names)
    front = sim.door.port if sim.door else port
    rest_url, ws_url = f"http{secure}://{host}:{front}{PREFIX}", f"ws{secure}://{host}:{front}{PREFIX}/ws"
    config = write_config(out, rest_url, ws_url, options.paper_account, options.live_account, gateway=options.gateway)
    ready = {
        "rest_url": rest_url,
        "ws_url": ws_url,
        "config": str(config),
        "control_url": f"{base}/control/{sim.control_token}",
    }
    if options.gateway:
        ready["login_url"] = f"http{secure}://{host}:{front}"
    else:
        ready["credentials"] = str(write_credentials(out, sim.issued["paper"], options.paper_account))
        write_credentials(out / "live", sim.issued["live"], options.live_account)
        write_oauth2_credentials(out, sim.issued["paper"], sim.users[0].name, "127.0.0.1")
        write_oauth2_credentials(out / "live", sim.issued["live"], sim.users[1].name, "127.0.0.1")
        for name, issued in sim.issued.items():
            write_key_store(out / "keys" / name, issued)
        write_key_store_config(out, rest_url, ws_url, options.paper_account, options.live_account)
    if certificate:
        ready["certificate"] = str(certificate[0])
    write_private(out / READY_FILE, msgspec.json.encode(ready) + b"\n")
    return ready


async def run_until_signal(options: SimOptions, exit_with_parent: bool) -> int:
    """Serve, print the ready line, stop on a signal (or the end of stdin); returns the exit status."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(status: int) -> None:
        if not stopped.done():
            stopped.set_result(status)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop, 128 + number)
    if exit_with_parent:
        await _watch_parent(loop, stop)
    async with serve(options) as running:
        sys.stdout.write(running.ready_line + "\n")
        sys.stdout.flush()
        return await stopped


async def _watch_parent(loop: asyncio.AbstractEventLoop, stop: Callable[[int], None]) -> None:
    """The parent holds the other end of stdin; when it ends, so does the simulator."""

    class _Watcher(asyncio.Protocol):
        def connection_lost(self, error: Exception | None) -> None:
            stop(0)

    try:
        await loop.connect_read_pipe(_Watcher, sys.stdin)
    except (ValueError, PermissionError):
        raise OSError("--exit-with-parent needs a pipe on standard input") from None
