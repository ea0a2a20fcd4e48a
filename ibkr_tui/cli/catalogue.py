"""The operations as a face knows them without a core: described, never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ibkr_tui.core.dispatch import Dispatcher
from ibkr_tui.core.operations.catalogue import operations

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker


def _unbound() -> Dispatcher:
    """The list needs its broker only when an operation runs, and here none does."""
    return Dispatcher(operations(cast("Broker", None)))


def describe_all() -> list[dict[str, Any]]:
    """Name, tier, schema and summary of every operation."""
    return [operation.describe() for operation in _unbound()]


def describe(name: str) -> dict[str, Any]:
    """One operation. Raises BrokerError UNKNOWN_OPERATION."""
    return _unbound().get(name).describe()
