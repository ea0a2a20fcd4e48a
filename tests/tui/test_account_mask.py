"""With `[ui] mask_account` no page shows an account id; a picture never does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.segment import ControlType, Segment
from textual.color import Color

from ibkr_tui.tui.account_mask import AccountMask
from ibkr_tui.tui.settings import UiSettings

ACCOUNT = "DU1234567"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_no_page_shows_it_when_it_is_masked(drive: Any, size: tuple[int, int]) -> None:
    async with drive(size=size, settings=UiSettings(mask_account=True)) as desk:
        shown = ""
        for page in "123456789":
            await desk.press(page)
            await desk.frame()
            shown += desk.text
            assert ACCOUNT not in desk.text, page
        assert "DU·····67" in shown


async def test_it_is_shown_otherwise_and_never_in_a_picture(
    drive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with drive(size=(120, 40)) as desk:
        assert ACCOUNT in desk.text
        desk.app.action_save_picture()
        (picture,) = tmp_path.glob("*.svg")
        assert ACCOUNT not in picture.read_text()
        assert "DU·····67" in picture.read_text()


def test_an_id_in_two_styles_is_masked_in_both() -> None:
    beep = Segment("", None, [(ControlType.BELL,)])
    line = [Segment("at DU12"), beep, Segment("34567 now")]
    found = AccountMask().apply(line, Color(0, 0, 0))
    assert [segment.text for segment in found] == ["at DU··", "", "···67 now"]
    plain = [Segment("no account here")]
    assert AccountMask().apply(plain, Color(0, 0, 0)) is plain
