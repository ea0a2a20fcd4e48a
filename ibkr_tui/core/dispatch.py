"""How an operation is described and called: name, argument struct, safety tier, handler; listed in operations/."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec

from ibkr_tui.model.errors import BrokerError

Arguments = TypeVar("Arguments", bound=msgspec.Struct)


class Tier(StrEnum):
    """How much a call can harm: what the app asks before it, and what the command line wants to be told."""

    READ = "read"
    STREAM = "stream"
    CHANGE = "change"
    DANGEROUS = "dangerous"


class Caller(msgspec.Struct, frozen=True):
    """Who calls: the face, and whether a person there can answer a broker's question."""

    face: str = "core"
    face_id: str = ""
    interactive: bool = False


def unfit(operation: str, error: msgspec.ValidationError) -> BrokerError:
    """What is wrong with the arguments of an operation, said of the one that is: BAD_ARGUMENT."""
    text, _, place = str(error).replace("`", "").partition(" - at $")
    where = f"{place.lstrip('.')}: " if place else ""
    words = f"{operation}: {where}{text[:1].lower()}{text[1:]}"
    return BrokerError("BAD_ARGUMENT", words, details={"operation": operation})


class Operation(Generic[Arguments]):
    """One thing the core can do, described well enough to make a schema and a help text of it.

    `link_only`: it takes secrets, which have no place on a command line.
    """

    def __init__(
        self,
        name: str,
        tier: Tier,
        arguments: type[Arguments],
        handler: Callable[[Arguments, Caller], Awaitable[Any]],
        summary: str,
        *,
        link_only: bool = False,
    ) -> None:
        self.name = name
        self.tier = tier
        self.arguments = arguments
        self.handler = handler
        self.summary = summary
        self.link_only = link_only

    async def call(self, raw: Mapping[str, Any], caller: Caller) -> Any:
        """Check `raw` against the argument struct and run. Raises BrokerError; BAD_ARGUMENT names the field."""
        try:
            arguments = msgspec.convert(raw, self.arguments, strict=False)
        except msgspec.ValidationError as error:
            raise unfit(self.name, error) from None
        return await self.handler(arguments, caller)

    def describe(self) -> dict[str, Any]:
        """Name, tier, JSON Schema of the arguments, summary: one row of `ibkr-tui operations --json`."""
        return {
            "name": self.name,
            "tier": str(self.tier),
            "schema": msgspec.json.schema(self.arguments),
            "summary": self.summary,
        }


class Dispatcher:
    """All operations by name."""

    def __init__(self, operations: Iterable[Operation[Any]]) -> None:
        self._by_name = {operation.name: operation for operation in operations}

    def __iter__(self) -> Any:
        return iter(self._by_name.values())

    def get(self, name: str) -> Operation[Any]:
        """The operation of that name. Raises BrokerError UNKNOWN_OPERATION with the nearest names."""
        found = self._by_name.get(name)
        if found is None:
            raise BrokerError("UNKNOWN_OPERATION", f"there is no operation “{name[:60]}”")
        return found

    async def call(self, name: str, raw: Mapping[str, Any], caller: Caller) -> Any:
        """Run the operation `name`."""
        return await self.get(name).call(raw, caller)
