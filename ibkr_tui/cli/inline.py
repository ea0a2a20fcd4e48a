"""The wizard of the keys under the prompt: it asks the profile's core when one runs, else it does the work itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ibkr_tui.cli.rotation_calls import ask_rotation, in_thread
from ibkr_tui.cli.selection import Chosen, Selection
from ibkr_tui.model.rotation import RotationStatus

if TYPE_CHECKING:
    from ibkr_tui.core.keys.prime_search import PrimeSearch
    from ibkr_tui.core.keys.rotation import Rotation

_UNNAMED: Final = frozenset({"rotate_status", "rotate_abort", "rotate_prune"})
"""What no live profile's name has to be typed for."""


class RotationCaller:
    """What the wizard asks, answered by the core or, without one, here."""

    def __init__(self, selection: Selection) -> None:
        from ibkr_tui.core.keys.prime_search import PrimeSearch
        from ibkr_tui.model.clock import SystemClock

        self._selection = selection
        self._prime: PrimeSearch = PrimeSearch(SystemClock())

    async def call(
        self, operation: str, arguments: Mapping[str, Any], *, result: Any = Any, deadline: float = 15
    ) -> Any:
        """The operation's value. Raises BrokerError."""
        asked = dict(arguments)
        stops = bool(asked.get("stop"))
        typed = None if operation in _UNNAMED or stops else str(asked.get("confirm", ""))
        value = await ask_rotation(
            self._selection, operation, asked, self._alone(operation, asked), Any, typed=typed, deadline=deadline
        )  # fmt: skip
        found = msgspec.convert(msgspec.to_builtins(value), result, strict=False)
        if isinstance(found, RotationStatus) and self._prime.progress is not None:
            return msgspec.structs.replace(found, search=self._prime.progress)
        return found

    def _alone(self, operation: str, asked: dict[str, Any]) -> Callable[[Rotation], Awaitable[Any]]:
        """The same without a core."""
        from ibkr_tui.core.key_rotation import staged_with_own_group
        from ibkr_tui.core.keys import generation
        from ibkr_tui.core.operations.keys import RotateConfirm

        group = (generation.GROUP_14, generation.GENERATOR) if asked.get("group") == "group14" else None

        async def stopped(_: Rotation) -> dict[str, bool]:
            return {"stopped": self._prime.stop()}

        steps: dict[str, Callable[[Rotation], Awaitable[Any]]] = {
            "rotate_status": in_thread(lambda it: it.status()),
            "rotate_start": in_thread(lambda it: it.renew() if asked.get("renew") else it.start(group)),
            "rotate_search": stopped if asked.get("stop") else lambda it: staged_with_own_group(it, self._prime),
            "rotate_authorize": lambda it: it.authorize(str(asked.get("consumer_key", ""))),
            "rotate_confirm": lambda it: it.confirm(msgspec.convert(asked, RotateConfirm).entry()),
            "rotate_abort": in_thread(lambda it: {"aborted": it.abort()}),
            "rotate_rollback": in_thread(lambda it: it.rollback()),
            "rotate_prune": in_thread(lambda it: {"dropped": it.prune(int(asked.get("keep", 3)))}),
        }
        return steps[operation]


def run_wizard(selection: Selection, chosen: Chosen) -> int:
    """The wizard until it is left; its exit status. Secrets stay in it: nothing of them is left in the scrollback."""
    from ibkr_tui.cli.application import ui_settings
    from ibkr_tui.model.clock import SystemClock
    from ibkr_tui.tui.actions import keymap
    from ibkr_tui.tui.rotation_app import RotationApp
    from ibkr_tui.tui.terminal import run_app

    ui = ui_settings(chosen)
    app = RotationApp(
        RotationCaller(selection),
        SystemClock(),
        profile=chosen.name,
        kind=chosen.kind,
        account=chosen.account,
        theme=ui.theme,
        keys=keymap(ui.keymap).keys,
    )
    return run_app(app, inline=True)


def may_draw() -> bool:
    """Whether a wizard can be drawn here."""
    import sys

    from ibkr_tui.tui.terminal import terminal_problem

    return sys.stdout.isatty() and not terminal_problem()
