"""Only a fresh press by a person who has seen what is confirmed may confirm."""

from __future__ import annotations

from ibkr_tui.tui.fresh_key import FreshKey


def press(key: FreshKey, now: float) -> bool:
    key.pressed(now)
    return key.may_confirm(now)


def test_a_calm_press_after_reading_confirms() -> None:
    key = FreshKey()
    key.show(10)
    assert press(key, 10.4)


def test_nothing_shown_nothing_confirmed() -> None:
    key = FreshKey()
    assert not press(key, 5)
    key.show(6)
    key.hide()
    assert not press(key, 9)


def test_too_soon_after_it_was_shown() -> None:
    key = FreshKey()
    key.show(10)
    assert not press(key, 10.2)


def test_a_held_key_never_confirms() -> None:
    key = FreshKey()
    key.show(10)
    # pressed before it could be read; the keyboard repeats after 0.66 s, then thirty times a second
    times = [10.05, *(10.71 + n / 30 for n in range(200))]
    assert not any(press(key, now) for now in times)


def test_a_paste_without_brackets_never_confirms() -> None:
    key = FreshKey()
    key.show(10)
    key.pressed(11)
    assert not any(press(key, 11 + n / 1000) for n in range(1, 50))


def test_what_is_followed_at_once_was_no_persons_press() -> None:
    key = FreshKey()
    key.show(10)
    assert press(key, 11), "the first character of a paste looks like a press"
    key.pressed(11.001)
    assert not key.stood_alone(11)
    assert not press(key, 11.9), "the next one waits as after a held key"
    assert press(key, 13)
    assert key.stood_alone(13)


def test_a_bracketed_paste_is_not_a_press_and_blocks_one() -> None:
    key = FreshKey()
    key.show(10)
    key.pasted(11)
    assert not press(key, 11.1)
    assert press(key, 12.3)
