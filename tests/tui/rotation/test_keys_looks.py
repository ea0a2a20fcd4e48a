"""How the Keys page looks, as snapshots: frozen clock, given key sets."""

from __future__ import annotations

from typing import Any

import pytest

from ibkr_tui.model.errors import BrokerError
from tests.tui.rotation.conftest import EXPIRED, FIRST, IDLE, TO_PROVE, TO_UPLOAD, HandCore, managed, refused

SIZES = [(80, 24), (120, 40)]
STEPS = {
    "first": FIRST,
    "idle": IDLE,
    "upload": TO_UPLOAD,
    "prove": TO_PROVE,
    "expired": EXPIRED,
    "managed": managed("the credentials come from the environment; unset them first"),
}


def shown(app: Any) -> str:
    """What stands on the screen, as text."""
    return "".join(segment.text for strip in app.screen._compositor.render_strips() for segment in strip)


@pytest.fixture
def look(snap_compare: Any, make_app: Any, scene: Any) -> Any:
    def compare(
        size: tuple[int, int], found: Any, *keys: str, refusals: Any = (), until: str = "", **options: Any
    ) -> bool:
        app = make_app(**options)
        core = HandCore(app.feed, found)
        core.refusals = list(refusals)

        async def settle(pilot: Any) -> None:
            app, clock = pilot.app, pilot.app.clock
            app.feed.rows("health", {"paper": scene.whole_health(keys_id="SHA256:9f2c9f2c9f2c9f2c")})
            app.feed.rows("orders", {}, "t2")
            clock.advance(12)
            await pilot.press("9")
            app._frame()
            while app.key_sets.found is None:
                await pilot.pause()
            for key in keys:
                clock.advance(0.5)
                await pilot.press(key)
            while until not in shown(app) or app.key_sets.busy:
                await pilot.pause()
            clock.advance(12)
            app._frame()
            for field in app.screen.query("Input"):
                field.cursor_blink = False
            await pilot.pause()

        return bool(snap_compare(app, terminal_size=size, run_before=settle))

    return compare


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("step", STEPS)
def test_each_step(look: Any, step: str, size: tuple[int, int]) -> None:
    assert look(size, STEPS[step])


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_token_form_with_a_refusal(look: Any, size: tuple[int, int]) -> None:
    wrong = BrokerError(
        "TOKEN_INVALID",
        "the access token secret was not made for the new encryption key: upload the new public files first, then make "
        "a new token in the portal",
        details={"field": "access_token_secret"},
    )
    assert look(
        size,
        TO_UPLOAD,
        "enter",
        "enter",
        *"sometoken",
        "enter",
        *"c2VjcmV0",
        "enter",
        refusals=[wrong],
        until="TOKEN_INVALID",
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_trying_on_after_a_refusal(look: Any, size: tuple[int, int]) -> None:
    assert look(size, TO_PROVE, "k", refusals=[refused("IBKR_CONSUMER_REVOKED")], until="tried 1×")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_blocked_by_an_order(look: Any, size: tuple[int, int]) -> None:
    busy = BrokerError(
        "ROTATION_BLOCKED",
        "the new keys work; they are switched when these orders are settled: BUY 200 MSFT (unknown)",
    )
    assert look(size, TO_PROVE, "enter", refusals=[busy], until="ROTATION_BLOCKED")


def test_live(look: Any) -> None:
    assert look((80, 24), TO_PROVE, "enter", until="Type live", kind="live")


def test_copying(look: Any) -> None:
    assert look((80, 24), TO_UPLOAD, "c", until="dhparam  3")
