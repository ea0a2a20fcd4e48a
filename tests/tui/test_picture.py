"""A picture of the screen, exported by the app."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest


async def test_a_picture_is_the_users_own_file(drive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with drive() as desk:
        await desk.press("f12")
        await desk.frame()
        (picture,) = tmp_path.glob("ibkr-tui-*.svg")
        assert stat.S_IMODE(picture.stat().st_mode) == 0o600
        assert "189.43" in picture.read_text(encoding="utf-8")
        assert "Picture saved" in desk.text


async def test_a_directory_that_refuses_is_said(drive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    async with drive() as desk:
        monkeypatch.setattr(Path, "cwd", lambda: tmp_path / "never made")
        await desk.press("f12")
        await desk.frame()
        assert "No picture" in desk.text
