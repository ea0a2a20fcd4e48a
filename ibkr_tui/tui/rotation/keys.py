"""The keys of the Keys page."""

from __future__ import annotations

from typing import Final

from ibkr_tui.tui.action import Action, Scope, Tier

SHOW_KEYS: Final = Action(
    "screen.keys",
    "9",
    "Keys",
    "The OAuth keys: set up, rotate, go back.",
    Scope.EVERYWHERE,
    "show_keys",
    rank=8,
)


def _do(id: str, key: str, label: str, help: str, method: str, *, rank: int, tier: Tier = Tier.CHANGE) -> Action:
    return Action(id, key, label, help, Scope.KEYS, method, tier, rank)


ROTATION_ACTIONS: Final[tuple[Action, ...]] = (
    _do("keys.next", "enter", "Next step", "The next step; what it is stands on the page.", "next_step", rank=1),
    _do(
        "keys.token",
        "e",
        "Enter token",
        "Enter the portal's consumer key, access token and secret, or enter them again.",
        "enter_token",
        rank=2,
        tier=Tier.DANGEROUS,
    ),
    _do(
        "keys.permission",
        "v",
        "Third party",
        "For third parties with a consumer key of 25 digits: ask for a request token that you allow in a browser.",
        "ask_permission",
        rank=0,
    ),
    _do(
        "keys.copy",
        "c",
        "Copy",
        "Copy a public part to the terminal's clipboard: a file for the portal, where the files are, a fingerprint.",
        "copy_part",
        rank=3,
        tier=Tier.READ,
    ),
    _do(
        "keys.try",
        "k",
        "Keep trying",
        "Try the test login every ten minutes until IBKR knows the new set, or stop trying.",
        "keep_trying",
        rank=2,
        tier=Tier.DANGEROUS,
    ),
    _do(
        "keys.abort",
        "a",
        "Abort",
        "Drop the staged set, which wants a word typed; or stop looking for a prime.",
        "abort_stage",
        rank=4,
        tier=Tier.DANGEROUS,
    ),
    _do(
        "keys.back",
        "b",
        "Go back",
        "Put the previous set in charge again. Wants a word typed.",
        "go_back",
        rank=5,
        tier=Tier.DANGEROUS,
    ),
    _do("keys.prune", "p", "Prune", "Take old sets off the disk, all but the newest three.", "prune_sets", rank=6),
)
