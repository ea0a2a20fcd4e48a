"""A core in a process of its own, driven by lines: `python -m tests.core.broker.driven_core CONFIG STATE`.

A line is `{"id": 1, "operation": "place_order", "arguments": {…}}`, its answer `{"id": 1, "result": …}` or
`{"id": 1, "code": …, "message": …}`, in the sequence in which answers come. `orders` tells all that the core follows.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec

from ibkr_tui.core.broker import Broker
from ibkr_tui.core.config import load
from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError
from tests.core.hasty_clock import HastyClock

SCRIPT = Caller("call", "face-1", False)


async def answer(broker: Broker, asked: dict[str, Any]) -> dict[str, Any]:
    """What the operation came to."""
    if asked["operation"] == "orders":
        return {"id": asked["id"], "result": list(broker.orders.book)}
    try:
        result = await broker.dispatcher.call(asked["operation"], asked["arguments"], SCRIPT)
    except BrokerError as error:
        return {"id": asked["id"], "code": error.code, "message": error.message, "details": error.details}
    return {"id": asked["id"], "result": result}


async def main(config: str, state: str) -> None:
    profile = load(Path(config), {}, "paper").profile
    profile = msgspec.structs.replace(profile, limits=Limits(duplicate_window_s=0))
    broker = Broker(profile, Path(state), HastyClock(), "test")
    running = asyncio.create_task(broker.run())
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)

    async def take(line: bytes) -> None:
        told = msgspec.json.encode(await answer(broker, msgspec.json.decode(line)), enc_hook=str)
        sys.stdout.buffer.write(told + b"\n")
        sys.stdout.buffer.flush()

    async def serve() -> None:
        async with asyncio.TaskGroup() as tasks:
            while line := await lines.readline():
                tasks.create_task(take(line))
        await broker.stop()

    serving = asyncio.create_task(serve())
    await asyncio.wait((serving, running), return_when=asyncio.FIRST_COMPLETED)
    await running  # a core that ends by itself ends this process, with its reason


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
