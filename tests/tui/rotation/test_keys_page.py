"""The Keys page: each step, each refusal, and that nothing is lost by leaving."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.rotation import GroupSearch
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.rotation.trying import EVERY_S
from ibkr_tui.tui.screens.help import HelpScreen
from tests.tui.rotation.conftest import (
    CURRENT,
    EXPIRED,
    FIRST,
    IDLE,
    TO_PROVE,
    TO_UPLOAD,
    managed,
    refused,
)

SIZES = [(80, 24), (120, 40)]


def words(desk: Any) -> str:
    return " ".join(desk.text.replace("│", " ").split())


async def type_word(desk: Any, word: str) -> None:
    await desk.press(*(("underscore" if letter == "_" else letter) for letter in word), "enter")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_which_set_is_in_charge(on_keys: Any, size: tuple[int, int]) -> None:
    async with on_keys(IDLE, size=size) as (desk, _):
        assert "▸ 1 Make new keys" in desk.text
        assert "●" in desk.line("In charge") and "01JC…K2" in desk.line("In charge")
        assert "logged in" in desk.line("In charge")
        assert "01JA…9X" in desk.line("Previous")
        assert "9f2c" * 16 in desk.text


async def test_a_set_that_the_core_does_not_use_is_said(on_keys: Any, scene: Any) -> None:
    async with on_keys(IDLE) as (desk, _):
        desk.feed.rows("health", {"paper": scene.health(keys_id="SHA256:9f2c9f2c")})
        await desk.frame()
        assert "logged in" in desk.line("In charge")
        desk.feed.rows("health", {"paper": scene.health(keys_id="SHA256:0000")})
        await desk.frame()
        assert "core uses another set" in desk.line("In charge")


async def test_from_start_to_the_switch(on_keys: Any) -> None:
    async with on_keys(IDLE) as (desk, core):
        await desk.press("enter", "y")
        await desk.until(lambda: "▸ 2 Upload to IBKR" in desk.text, "the portal's steps")
        assert desk.feed.called("rotate_start") == [{"group": "keep", "renew": False, "confirm": ""}]
        told = words(desk)
        for part in ("Portal → Settings → OAuth", "public_signature.pem", "nine letters A to Z", "Generate Token"):
            assert part in told
        assert "expires in 23:41" in desk.line("Staged")

        await desk.press("enter")
        assert "Enter keeps it" in desk.line("Consumer key")
        await desk.press("enter", *"tok", "enter", *"c2Vj", "enter")
        await desk.until(lambda: core.found.phase == "idle" and desk.app.screen is desk.app.key_sets, "switched")
        assert desk.feed.called("rotate_confirm") == [
            {
                "confirm": "",
                "new_consumer_key": "PAPERCONS",
                "new_access_token": "tok",
                "new_access_token_secret": "c2Vj",
            }
        ]
        await desk.frame()
        assert "Switched: 01JC…7Q is in charge" in desk.text


async def test_the_demo_says_how_to_practise(on_keys: Any) -> None:
    async with on_keys(TO_UPLOAD, is_demo=True) as (desk, _):
        assert "ibkr-tui portal register PRACTISED" in words(desk)


async def test_a_held_key_makes_no_keys(on_keys: Any) -> None:
    async with on_keys(IDLE) as (desk, _):
        await desk.press("enter")
        await desk.pilot.press("y", "y")
        await desk.pilot.pause()
        assert desk.feed.called("rotate_start") == []


async def test_another_group_is_a_choice(on_keys: Any) -> None:
    async with on_keys(IDLE) as (desk, _):
        await desk.press("enter", "g")
        await desk.until(lambda: desk.feed.called("rotate_start"), "started")
        assert desk.feed.called("rotate_start")[0]["group"] == "group14"


async def test_a_prime_of_one_s_own_is_looked_for_and_can_be_stopped(on_keys: Any) -> None:
    async with on_keys(FIRST) as (desk, core):
        found: asyncio.Future[dict[str, bool]] = asyncio.get_running_loop().create_future()

        async def last() -> dict[str, bool]:
            return await found

        def search(asked: dict[str, Any]) -> Any:
            core.found = msgspec.structs.replace(FIRST, search=None if "stop" in asked else GroupSearch(650, 1300, 130))
            if "stop" in asked:
                found.set_result({"staged": False})
                return {"stopped": True}
            return last()

        desk.feed.answers["rotate_search"] = search
        await desk.press("enter", "s")
        await desk.frame()
        await desk.until(lambda: "650 tried in 2:10" in desk.text, "how far it is")
        await desk.press("enter")  # nothing else is begun meanwhile
        assert desk.app.screen is desk.app.key_sets
        await desk.press("a")
        await desk.until(lambda: "The search was stopped" in desk.text, "stopped")
        assert "tried" not in desk.text and desk.feed.called("rotate_start") == []


async def test_a_first_set_up_has_a_checklist(on_keys: Any) -> None:
    async with on_keys(FIRST) as (desk, _):
        told = words(desk)
        for part in ("Set up keys", "IBKR Pro", "Self-service OAuth", "Paper first", "activate the key", "none yet"):
            assert part in told
        await desk.press("enter", "y")
        await desk.until(lambda: "▸ 2 Upload to IBKR" in desk.text, "the portal's steps")
        assert "none yet" in desk.line("In charge")


async def test_not_active_yet_waits_and_tries_again_without_typing(on_keys: Any) -> None:
    async with on_keys(TO_PROVE) as (desk, core):
        told = words(desk)
        assert "Not active yet" in told and "IBKR_CONSUMER_REVOKED" in told
        core.refusals = [refused("IBKR_CONSUMER_REVOKED")]
        await desk.press("enter")
        await desk.until(lambda: desk.feed.called("rotate_confirm") and not desk.app.key_sets.busy, "tried")
        assert desk.feed.called("rotate_confirm") == [{"confirm": ""}]
        await desk.press("enter")
        await desk.until(lambda: core.found.phase == "idle" and not desk.app.key_sets.busy, "switched")


async def test_each_refusal_says_what_follows_from_it(on_keys: Any) -> None:
    async with on_keys(TO_PROVE) as (desk, core):
        for cause, said in (
            ("IBKR_CONSUMER_REVOKED", "Not active yet"),
            ("IBKR_ACCESS_TOKEN_EXPIRED", "Wrong token: waiting does not help"),
            ("IBKR_AUTH_FAILED", "Wrong upload"),
            ("IBKR_UNAVAILABLE", "nothing has to be typed again"),
        ):
            core.refusals = [refused(cause, "It did not work.")]
            await desk.press("enter")
            await desk.until(lambda: cause in words(desk), "the refusal")  # noqa: B023
            assert said in words(desk)


async def test_keep_trying_counts_down_goes_on_elsewhere_and_stops(on_keys: Any) -> None:
    async with on_keys(TO_PROVE) as (desk, core):
        core.refusals = [refused("IBKR_CONSUMER_REVOKED"), refused("IBKR_CONSUMER_REVOKED")]
        await desk.press("k")
        await desk.until(lambda: "Trying again in 10:00" in desk.text, "the countdown")
        assert "tried 1×" in desk.text
        await desk.press("1")
        await desk.frame(EVERY_S)
        await desk.until(lambda: len(desk.feed.called("rotate_confirm")) == 2, "the second try")
        await desk.until(lambda: not desk.app.key_sets.busy, "its answer")
        await desk.press("9", "k")
        await desk.frame()
        assert "Trying again" not in desk.text
        await desk.frame(EVERY_S)
        assert len(desk.feed.called("rotate_confirm")) == 2


async def test_trying_ends_with_success_and_says_so_on_any_page(on_keys: Any) -> None:
    async with on_keys(TO_PROVE) as (desk, core):
        core.refusals = [refused("IBKR_CONSUMER_REVOKED")]
        await desk.press("k")
        await desk.until(lambda: not desk.app.key_sets.busy and desk.app.key_sets.trying.tries == 1, "the first try")
        await desk.press("1")
        await desk.frame(EVERY_S)
        await desk.until(lambda: not desk.app.key_sets.trying.is_on, "the end of trying")
        assert core.found.phase == "idle"
        assert any("is in charge" in str(toast.message) for toast in desk.app._notifications)


async def test_a_wrong_token_ends_the_trying(on_keys: Any) -> None:
    async with on_keys(TO_PROVE) as (desk, core):
        core.refusals = [refused("IBKR_ACCESS_TOKEN_EXPIRED")]
        await desk.press("k")
        await desk.until(lambda: not desk.app.key_sets.trying.is_on, "the end of trying")


async def test_no_try_is_made_while_the_core_is_away(on_keys: Any) -> None:
    async with on_keys(TO_PROVE) as (desk, core):
        core.refusals = [refused("IBKR_CONSUMER_REVOKED")]
        await desk.press("k")
        await desk.until(lambda: not desk.app.key_sets.busy and desk.app.key_sets.trying.tries == 1, "the first try")
        desk.feed.say(LinkState.LOST, "The core has gone.")
        await desk.frame(EVERY_S * 2)
        assert len(desk.feed.called("rotate_confirm")) == 1
        desk.feed.say(LinkState.LIVE)
        await desk.frame()
        await desk.until(lambda: len(desk.feed.called("rotate_confirm")) == 2, "the second try")


async def test_orders_on_their_way_block_the_switch_by_name(on_keys: Any) -> None:
    async with on_keys(TO_PROVE) as (desk, core):
        core.refusals = [
            BrokerError(
                "ROTATION_BLOCKED",
                "the new keys work; they are switched when these orders are settled: BUY 200 MSFT (unknown)",
                details={"orders": ["BUY 200 MSFT (unknown)"]},
            )
        ]
        await desk.press("enter")
        await desk.until(lambda: "ROTATION_BLOCKED" in words(desk), "the reason")
        assert "BUY 200 MSFT (unknown)" in words(desk)
        assert "Settle or cancel those orders" in words(desk)


async def test_an_expired_stage_is_renewed_or_dropped(on_keys: Any) -> None:
    async with on_keys(EXPIRED) as (desk, core):
        assert "more than a day old" in desk.text and "expired" in desk.line("Staged")
        await desk.press("enter", "y")
        await desk.until(lambda: desk.feed.called("rotate_start"), "renewed")
        assert desk.feed.called("rotate_start")[0]["renew"] is True
        core.found = EXPIRED
        await desk.frame(6)
        await desk.until(lambda: "more than a day old" in desk.text, "expired again")
        await desk.press("enter", "d")
        await type_word(desk, "abort")
        await desk.until(lambda: desk.feed.called("rotate_abort"), "dropped")


async def test_abort_wants_its_word(on_keys: Any) -> None:
    async with on_keys(TO_UPLOAD) as (desk, _):
        await desk.press("a")
        await type_word(desk, "abor")
        await desk.press("escape")
        assert desk.feed.called("rotate_abort") == []
        await desk.press("a")
        await type_word(desk, "ABORT")
        await desk.until(lambda: "The staged set is gone" in desk.text, "aborted")


async def test_going_back_wants_its_word(on_keys: Any) -> None:
    async with on_keys(IDLE) as (desk, _):
        await desk.press("b")
        assert "01JA…9X" in desk.text and "No test login" in desk.text
        await type_word(desk, "rollback")
        await desk.until(lambda: desk.feed.called("rotate_rollback"), "back")
        assert desk.feed.called("rotate_rollback") == [{"confirm": ""}]


async def test_live_wants_the_profile_s_name_everywhere(on_keys: Any) -> None:
    async with on_keys(IDLE, kind="live") as (desk, core):
        assert "LIVE" in desk.line("Rotate keys")
        await desk.press("enter", "y")
        await type_word(desk, "LIVE")
        assert desk.feed.called("rotate_start") == []
        await desk.press("ctrl+u")
        await type_word(desk, "live")
        await desk.until(lambda: desk.feed.called("rotate_start"), "started")
        assert desk.feed.called("rotate_start")[0]["confirm"] == "live"
        core.found = TO_PROVE
        await desk.frame(6)
        await desk.until(lambda: "▸ 4 Prove" in desk.text, "to prove")
        await desk.press("enter")
        await type_word(desk, "live")
        await desk.until(lambda: desk.feed.called("rotate_confirm"), "proved")
        assert desk.feed.called("rotate_confirm") == [{"confirm": "live"}]
        await desk.until(lambda: core.found.phase == "idle" and not desk.app.key_sets.busy, "switched")
        await desk.press("b")
        await type_word(desk, "live")
        await desk.until(lambda: desk.feed.called("rotate_rollback"), "back")
        assert desk.feed.called("rotate_rollback") == [{"confirm": "live"}]


async def test_old_sets_are_pruned_after_a_question(on_keys: Any) -> None:
    olds = tuple(msgspec.structs.replace(CURRENT, version=f"01H{n}000000000000000000000AA") for n in range(3))
    async with on_keys(msgspec.structs.replace(IDLE, versions=(*olds, *IDLE.versions))) as (desk, _):
        assert "Older sets on the disk: 3" in desk.text
        await desk.press("p", "y")
        await desk.until(lambda: desk.feed.called("rotate_prune"), "pruned")
        assert desk.feed.called("rotate_prune") == [{"keep": 3}]


async def test_few_sets_are_not_pruned(on_keys: Any) -> None:
    async with on_keys(IDLE) as (desk, _):
        await desk.press("p")
        assert desk.app.screen is desk.app.key_sets


async def show(desk: Any, core: Any, found: Any) -> None:
    """Another face has moved it on, and the page has read it."""
    core.found = found
    await desk.frame(6)
    await desk.until(lambda: desk.app.key_sets.found == found, "read again")


async def test_keys_that_are_kept_elsewhere_are_explained(on_keys: Any) -> None:
    async with on_keys(IDLE) as (desk, core):
        for why, said in (
            ("the credentials come from the environment; unset them first", "config import-env"),
            ("the profile has a credentials_file; give it a key_store", "never writes it"),
            ("a person logs in at the gateway: there are no keys", "gateway login"),
            ("OAuth 2.0 keys are registered with IBKR by hand", "have IBKR register it"),
        ):
            await show(desk, core, managed(why))
            assert "Nothing to rotate here" in desk.text and said in words(desk)
            await desk.press("enter", "a", "b", "k")
            assert desk.app.screen is desk.app.key_sets


async def test_f1_explains_every_step(on_keys: Any) -> None:
    async with on_keys(IDLE) as (desk, core):
        for found, title in (
            (FIRST, "This profile has no keys yet"),
            (IDLE, "The set in charge logs you in"),
            (TO_UPLOAD, "Three files belong to IBKR"),
            (TO_PROVE, "The token is on the disk"),
            (EXPIRED, "wants a decision"),
            (managed("a person logs in at the gateway"), "kept elsewhere"),
        ):
            await show(desk, core, found)
            await desk.press("f1")
            assert isinstance(desk.app.screen, HelpScreen)
            assert title in words(desk)
            await desk.press("escape")


async def test_leaving_and_coming_back_goes_on_where_it_stood(on_keys: Any) -> None:
    async with on_keys(IDLE) as (desk, core):
        await desk.press("1")
        core.found = TO_PROVE  # another face has moved it on
        await desk.press("9")
        await desk.frame()
        await desk.until(lambda: "▸ 4 Prove" in desk.text, "the step it stands at")


async def test_a_lost_link_keeps_the_page_and_changes_nothing(on_keys: Any) -> None:
    async with on_keys(TO_UPLOAD) as (desk, _):
        desk.feed.say(LinkState.LOST, "The core has gone. Starting it again…")
        await desk.frame()
        assert "STALE" in desk.text and "▸ 2 Upload" in desk.text
        await desk.press("enter")
        assert desk.app.screen is desk.app.key_sets
        assert "nothing can be changed now" in desk.text


async def test_before_the_core_and_when_it_refuses(drive: Any) -> None:
    async with drive(live=False) as desk:
        await desk.press("9")
        assert "when the core is ready" in desk.text
        desk.feed.answers["rotate_status"] = BrokerError("KEY_STORE_UNUSABLE", "the key store: Permission denied")
        desk.feed.begin()
        await desk.frame()
        await desk.until(lambda: "Permission denied" in desk.text, "why there is nothing")


async def test_only_public_parts_are_copied(on_keys: Any, upload_files: tuple[str, ...]) -> None:
    async with on_keys(msgspec.structs.replace(TO_UPLOAD, upload=upload_files)) as (desk, _):
        copied: list[str] = []
        desk.app.copy_public = copied.append
        await desk.press("c", "1", "c", "3", "c", "f", "c", "s", "c", "escape")
        assert copied[0].startswith("-----BEGIN PUBLIC KEY-----") and "DH PARAMETERS" in copied[1]
        assert copied[2] == upload_files[0].rpartition("/")[0]
        assert copied[3].startswith("sig SHA256:be12") and len(copied) == 4
        Path(upload_files[1]).write_text("-----BEGIN PRIVATE KEY-----\n", encoding="utf-8")
        await desk.press("c", "2")
        assert len(copied) == 4 and "Not copied" in desk.text


async def test_a_stage_that_would_not_be_made_says_why(on_keys: Any) -> None:
    async with on_keys(IDLE) as (desk, _):
        desk.feed.answers["rotate_start"] = BrokerError("KEY_STORE_UNUSABLE", "the disk of the key store is full")
        await desk.press("enter", "y")
        await desk.until(lambda: "KEY_STORE_UNUSABLE" in words(desk), "why")
        assert "Make room on the disk" in words(desk)
