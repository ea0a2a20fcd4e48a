"""The operations as a face knows them without a core: described, never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ibkr_tui.core.dispatch import Dispatcher
from ibkr_tui.core.operations.catalogue import operations
from ibkr_tui.model.errors import BrokerError

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker


def _unbound() -> Dispatcher:
    """The list needs its broker only when an operation runs, and here none does."""
    return Dispatcher(operations(cast("Broker", None)))


def describe_all() -> list[dict[str, Any]]:
    """Name, tier, schema and summary of every operation."""
    return [operation.describe() for operation in _unbound() if not operation.link_only]


def describe(name: str) -> dict[str, Any]:
    """One operation. Raises BrokerError UNKNOWN_OPERATION."""
    found = _unbound().get(name)
    if found.link_only:
        raise BrokerError(
            "UNKNOWN_OPERATION",
            f"{name} can take secrets, which have no place on a command line",
            user_action="Use `ibkr-tui rotate`.",
        )
    return found.describe()
