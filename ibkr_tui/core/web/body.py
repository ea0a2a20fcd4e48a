"""The body of an answer, decompressed here so that a bomb is cut at the cap and not after it."""

from __future__ import annotations

import zlib
from typing import Final

import httpx

from ibkr_tui.model.errors import BrokerError

LARGEST_BODY: Final = 16 * 1024 * 1024


async def read_body(response: httpx.Response) -> bytes:
    """The whole body. Raises IBKR_RESPONSE_INVALID when it is too large, cut short or not packed as it says."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"identity", ""}:
        plain = bytearray()
        async for chunk in response.aiter_raw():
            plain += chunk
            if len(plain) > LARGEST_BODY:
                raise _too_large()
        return bytes(plain)
    if encoding not in {"gzip", "deflate"}:
        raise BrokerError("IBKR_RESPONSE_INVALID", "IBKR's answer has an encoding that was not asked for")
    unpacker = zlib.decompressobj(47)
    out = bytearray()
    try:
        async for chunk in response.aiter_raw():
            data = chunk
            while data:
                out += unpacker.decompress(data, LARGEST_BODY + 1 - len(out))
                if len(out) > LARGEST_BODY:
                    raise _too_large()
                data = unpacker.unconsumed_tail
    except zlib.error:
        raise BrokerError("IBKR_RESPONSE_INVALID", "IBKR's answer is not compressed as it says") from None
    if not unpacker.eof:
        raise BrokerError("IBKR_RESPONSE_INVALID", "IBKR's compressed answer is not whole")
    return bytes(out)


def _too_large() -> BrokerError:
    return BrokerError("IBKR_RESPONSE_INVALID", f"IBKR's answer is over {LARGEST_BODY // 1024 // 1024} MiB")
