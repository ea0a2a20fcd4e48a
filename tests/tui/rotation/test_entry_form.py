"""The form for what IBKR gave: nothing secret is shown or kept, a wrong value is said beside its field."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from textual.widgets import Input

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.rotation import RotationAuthorize
from ibkr_tui.tui.rotation.calls import TokenEntered
from ibkr_tui.tui.screens.entry_form import EntryForm
from ibkr_tui.tui.screens.help import HelpScreen
from tests.tui.rotation.conftest import TO_PROVE, TO_UPLOAD, refused

FIRST = msgspec.structs.replace(TO_UPLOAD, current=None, previous=None)
VALUES = {"consumer_key": "NEWCONSUM", "access_token": "topsecret", "access_token_secret": "c2VjcmV0"}


async def filled(desk: Any) -> None:
    """The form is open and whole, and the last field has the focus. A key takes a pilot a twentieth of a second."""
    await desk.press("enter")
    for name, value in VALUES.items():
        desk.app.screen.query_one(f"#{name}", Input).value = value
    desk.app.screen.query_one("#access_token_secret", Input).focus()
    await desk.pilot.pause()


def words(desk: Any) -> str:
    return " ".join(desk.text.replace("│", " ").split())


async def test_nothing_secret_is_shown(on_keys: Any) -> None:
    async with on_keys(FIRST) as (desk, _):
        await desk.press("enter", *"NEW", "enter", *"hush", "enter", *"c2Vj")
        assert [field.value for field in desk.app.screen.query(Input)] == ["NEW", "hush", "c2Vj"]
        assert "NEW" in desk.line("Consumer key")
        assert "hush" not in desk.text and "c2Vj" not in desk.text
        assert "4 characters" in desk.text
        assert "hush" not in desk.app.export_screenshot()


async def test_a_secret_goes_to_no_clipboard(on_keys: Any) -> None:
    async with on_keys(FIRST) as (desk, _):
        await filled(desk)
        await desk.press("shift+home", "ctrl+c", "ctrl+x")
        assert desk.app.clipboard == ""
        assert desk.app.screen.query_one("#access_token_secret", Input).value == "c2VjcmV0"


async def test_leaving_clears_the_form_and_sends_nothing(on_keys: Any) -> None:
    async with on_keys(FIRST) as (desk, _):
        await filled(desk)
        fields = list(desk.app.screen.query(Input))
        await desk.press("escape")
        assert [field.value for field in fields] == ["", "", ""]
        assert desk.feed.called("rotate_confirm") == []


async def test_an_empty_field_is_not_sent(on_keys: Any) -> None:
    async with on_keys(FIRST) as (desk, _):
        await desk.press("enter", "enter")
        assert "It is empty" in desk.text
        await desk.press("tab", "tab", "c", "enter")
        assert desk.app.focused.id == "consumer_key"
        assert desk.feed.called("rotate_confirm") == []


async def test_a_wrong_value_is_said_beside_its_field(on_keys: Any) -> None:
    async with on_keys(FIRST) as (desk, core):
        await filled(desk)
        label = {"consumer_key": "Consumer key", "access_token": "Access token", "access_token_secret": "Token secret"}
        for field in VALUES:
            core.refusals = [BrokerError("TOKEN_INVALID", "this is not as it should be", details={"field": field})]
            desk.app.screen.query_one("#access_token_secret", Input).focus()
            await desk.press("enter")
            await desk.until(lambda: "This is not as it should be (TOKEN_INVALID)" in desk.text, "the refusal")
            lines = desk.text.split("\n")
            at = next(n for n, line in enumerate(lines) if "TOKEN_INVALID" in line)
            assert label[field] in lines[at - 1]
            assert desk.app.focused.id == field
            await desk.press("a")
            assert "TOKEN_INVALID" not in desk.text


async def test_a_refused_login_closes_the_form_and_stands_on_the_page(on_keys: Any) -> None:
    async with on_keys(FIRST) as (desk, core):
        core.refusals = [refused("IBKR_CONSUMER_REVOKED")]
        await filled(desk)
        fields = list(desk.app.screen.query(Input))
        await desk.press("enter")
        await desk.until(lambda: "Not active yet" in words(desk), "the refusal on the page")
        assert [field.value for field in fields] == ["", "", ""]
        await desk.press("enter")
        await desk.until(lambda: len(desk.feed.called("rotate_confirm")) == 2, "another try")
        assert desk.feed.called("rotate_confirm")[1] == {"confirm": ""}


async def test_a_core_that_went_away_keeps_what_was_typed(on_keys: Any) -> None:
    async with on_keys(FIRST) as (desk, core):
        core.refusals = [BrokerError("CORE_UNREACHABLE", "the core is not connected yet")]
        await filled(desk)
        await desk.press("enter")
        await desk.until(lambda: "CORE_UNREACHABLE" in words(desk), "why")
        await desk.press("enter")
        await desk.until(lambda: len(desk.feed.called("rotate_confirm")) == 2, "another try")
        sent = desk.feed.called("rotate_confirm")
        assert sent[0] == sent[1] and sent[1]["new_access_token"] == "topsecret"


async def test_a_paste_that_ends_with_enter_sends_nothing(on_keys: Any) -> None:
    async with on_keys(FIRST) as (desk, _):
        await filled(desk)
        await desk.pilot.press("x", "enter")  # as fast as a terminal without bracketed paste delivers it
        await desk.pilot.pause()
        assert desk.feed.called("rotate_confirm") == []
        assert "Press Enter again to go on" in desk.text
        await desk.press("enter", calm=2)
        await desk.until(lambda: desk.feed.called("rotate_confirm"), "sent")


async def test_live_types_the_name_in_the_form(on_keys: Any) -> None:
    async with on_keys(FIRST, kind="live") as (desk, core):
        core.refusals = [BrokerError("CONFIRMATION_REQUIRED", "the keys of the live profile are about to change")]
        await filled(desk)
        await desk.press("enter", *"oops", "enter")
        await desk.until(lambda: "CONFIRMATION_REQUIRED" in words(desk), "the refusal")
        assert desk.app.focused.id == "typed"
        await desk.press("ctrl+u", *"live", "enter")
        await desk.until(lambda: len(desk.feed.called("rotate_confirm")) == 2, "sent")
        assert desk.feed.called("rotate_confirm")[1]["confirm"] == "live"


async def test_while_it_proves_the_form_says_so_and_stays(on_keys: Any) -> None:
    async with on_keys(FIRST) as (desk, core):
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def slow() -> Any:
            return await answer

        desk.feed.answers["rotate_confirm"] = lambda _: slow()
        await filled(desk)
        await desk.press("enter")
        await desk.until(lambda: "Testing: a login" in words(desk), "what is done")
        await desk.press("escape", "enter")
        assert isinstance(desk.app.screen, EntryForm)
        assert len(desk.feed.called("rotate_confirm")) == 1
        answer.set_result(core.confirm({}))
        await desk.until(lambda: desk.app.screen is desk.app.key_sets, "closed")


async def test_a_third_party_asks_allows_and_enters_its_verifier(on_keys: Any) -> None:
    page = "https://interactivebrokers.com/authorize?oauth_token=4b0cfa1d0a0f4d2b91b7"
    async with on_keys(FIRST) as (desk, core):
        desk.feed.answers["rotate_authorize"] = BrokerError("IBKR_CONSUMER_REVOKED", "it is not active yet")
        await desk.press("v")
        desk.app.screen.query_one("#consumer_key", Input).value = "0123456789abcdef012345678"
        await desk.press("enter")
        await desk.until(lambda: "IBKR_CONSUMER_REVOKED" in words(desk), "the refusal, in the form")

        def allowed(asked: dict[str, Any]) -> RotationAuthorize:
            core.found = msgspec.structs.replace(core.found, authorize_url=page)
            return RotationAuthorize(asked["consumer_key"], page)

        desk.feed.answers["rotate_authorize"] = allowed
        await desk.press("enter")
        await desk.until(lambda: page in desk.text, "the page where it is allowed, on one line")
        assert "▸ 3 Enter the verifier" in desk.text
        copied: list[str] = []
        desk.app.copy_public = copied.append
        await desk.press("c", "u", "enter")
        assert copied == [page]
        desk.app.screen.query_one("#oauth_verifier", Input).value = "topsecret"
        await desk.pilot.pause()
        assert "topsecret" not in desk.text
        await desk.press("enter")
        await desk.until(lambda: core.found.phase == "idle" and desk.app.screen is desk.app.key_sets, "switched")
        assert desk.feed.called("rotate_confirm") == [{"confirm": "", "oauth_verifier": "topsecret"}]


async def test_f1_explains_the_form(on_keys: Any) -> None:
    async with on_keys(TO_PROVE) as (desk, _):
        await desk.press("e", "f1")
        assert isinstance(desk.app.screen, HelpScreen) and "White space and quotes" in words(desk)
        await desk.press("escape")
        assert isinstance(desk.app.screen, EntryForm)


def test_the_entered_values_have_no_repr() -> None:
    assert "topsecret" not in repr(TokenEntered("NEWCONSUM", "topsecret", "c2VjcmV0"))
