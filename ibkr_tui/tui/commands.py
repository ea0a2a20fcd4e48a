"""The command palette's entries: the actions that do something now."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from ibkr_tui.tui.action import Action, Scope
from ibkr_tui.tui.actions import ACTIONS


class ActionCommands(Provider):
    """Finds actions by label and help."""

    def _actions(self) -> list[Action]:
        screen = self.screen
        return [
            action
            for action in ACTIONS
            if action.scope is not Scope.TICKET
            and action.method != "command_palette"
            and screen.check_action(action.method, ())
            and _does(screen, action)
        ]

    async def discover(self) -> Hits:
        for action in self._actions():
            yield DiscoveryHit(action.label, partial(self._run, action), help=action.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._actions():
            score = matcher.match(f"{action.label} {action.help}")
            if score > 0:
                yield Hit(score, matcher.highlight(action.label), partial(self._run, action), help=action.help)

    async def _run(self, action: Action) -> None:
        await self.screen.run_action(f"app.{action.method}" if action.scope is Scope.EVERYWHERE else action.method)


def _does(screen: object, action: Action) -> bool:
    return action.scope is Scope.EVERYWHERE or hasattr(screen, f"action_{action.method}")
