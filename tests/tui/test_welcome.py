"""The welcome: the demo, two real pages, a starter configuration that never overwrites."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibkr_tui.tui.screens.welcome import DEMO, SETUP, MenuScreen, WelcomeApp

EXAMPLE = 'default_profile = "paper"\n'


def shown(app: WelcomeApp) -> str:
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


async def test_enter_tries_it_now(tmp_path: Path) -> None:
    app = WelcomeApp(tmp_path / "config.toml", EXAMPLE)
    async with app.run_test() as pilot:
        assert "Try it now" in shown(app)
        await pilot.press("enter")
    assert app.return_value == DEMO


async def test_q_leaves_without_a_wish(tmp_path: Path) -> None:
    app = WelcomeApp(tmp_path / "config.toml", EXAMPLE)
    async with app.run_test() as pilot:
        await pilot.press("q")
    assert app.return_value is None


async def test_connecting_an_account_leads_to_the_set_up(tmp_path: Path) -> None:
    app = WelcomeApp(tmp_path / "config.toml", EXAMPLE)
    async with app.run_test() as pilot:
        await pilot.press("down", "enter")
        await pilot.pause()
        assert "IBKR Pro" in shown(app) and "Enter set up now" in shown(app)
        await pilot.press("enter")
    assert app.return_value == SETUP


async def test_only_that_page_begins_it(tmp_path: Path) -> None:
    app = WelcomeApp(tmp_path / "config.toml", EXAMPLE)
    async with app.run_test() as pilot:
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        await pilot.press("enter", "q")
    assert app.return_value is None


async def test_w_writes_a_configuration_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    app = WelcomeApp(path, EXAMPLE)
    async with app.run_test(size=(100, 60)) as pilot:
        await pilot.press("down", "enter")
        await pilot.pause()
        assert str(path) in shown(app)
        assert "IBKR_CONSUMER_KEY" in shown(app)
        await pilot.press("w")
        await pilot.pause()
        assert "Written:" in shown(app)
        assert path.read_text() == EXAMPLE
        assert path.stat().st_mode & 0o777 == 0o600
        path.write_text("mine")
        await pilot.press("w")
        await pilot.pause()
        assert "left as it is" in shown(app)
        assert path.read_text() == "mine"
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, MenuScreen)


async def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "could not be written" in WelcomeApp(tmp_path / "file" / "config.toml", EXAMPLE).write_starter()


@pytest.mark.parametrize(("downs", "words"), [(2, "https://localhost:5000"), (3, "An order is never sent twice")])
async def test_the_other_pages_are_real(tmp_path: Path, downs: int, words: str) -> None:
    app = WelcomeApp(tmp_path / "config.toml", EXAMPLE)
    async with app.run_test(size=(100, 60)) as pilot:
        await pilot.press(*["down"] * downs, "enter")
        await pilot.pause()
        assert words in shown(app)
