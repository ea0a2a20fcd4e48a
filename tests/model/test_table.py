"""Tables that conflate, logs that do not, and the mirror on the other side."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.model.log import Log
from ibkr_tui.model.table import Mirror, Table


def test_the_first_delta_is_full_and_the_next_holds_only_what_changed() -> None:
    table: Table[int] = Table("quotes")
    table.put("a", 1)
    table.put("b", 2)
    watcher = table.watch()
    first = watcher.take()
    assert first is not None
    assert first.full
    assert first.rows == {"a": 1, "b": 2}
    assert watcher.take() is None
    table.put("a", 3)
    table.put("a", 4)
    second = watcher.take()
    assert second is not None
    assert (second.full, second.rows, second.gone) == (False, {"a": 4}, ())


def test_an_equal_row_is_no_change() -> None:
    table: Table[int] = Table("quotes")
    table.put("a", 1)
    watcher = table.watch()
    watcher.take()
    table.put("a", 1)
    assert watcher.take() is None
    assert not watcher.changed.is_set()


def test_a_touched_row_is_written_once_when_it_is_read() -> None:
    table: Table[int] = Table("quotes")
    table.put("a", 1)
    watcher, other = table.watch(), table.watch()
    watcher.take(), other.take()
    written: list[str] = []
    newest = [1]

    def write(key: str) -> None:
        written.append(key)
        table.put(key, newest[-1])

    table.write = write
    table.touch("a")
    assert watcher.changed.is_set()
    assert watcher.take() is None, "what is equal in the end is no change"
    for value in (2, 3):
        newest.append(value)
        table.touch("a")
    assert written == ["a"]
    assert (table.get("a"), table.rows(), written) == (3, {"a": 3}, ["a", "a"])
    delta = watcher.take()
    assert delta is not None
    assert delta.rows == {"a": 3}
    assert not watcher.changed.is_set()
    table.touch("a")
    table.remove("a")
    delta = other.take()
    assert delta is not None
    assert (delta.rows, delta.gone, written) == ({}, ("a",), ["a", "a"])


def test_a_removed_row_leaves_a_tombstone_and_one_that_came_back_none() -> None:
    table: Table[int] = Table("orders")
    table.put("a", 1)
    watcher = table.watch()
    watcher.take()
    table.remove("a")
    table.remove("never there")
    delta = watcher.take()
    assert delta is not None
    assert (delta.rows, delta.gone) == ({}, ("a",))
    table.put("a", 2)
    table.remove("a")
    table.put("a", 3)
    delta = watcher.take()
    assert delta is not None
    assert (delta.rows, delta.gone) == ({"a": 3}, ())


def test_a_watcher_that_does_not_read_holds_keys_and_no_queue() -> None:
    table: Table[int] = Table("quotes")
    watcher = table.watch()
    watcher.take()
    for n in range(10_000):
        table.put(str(n % 80), n)
    delta = watcher.take()
    assert delta is not None
    assert len(delta.rows) == 80
    assert delta.rows["79"] == 9_999
    assert delta.rows["0"] == 9_920


def test_a_closed_watcher_is_forgotten() -> None:
    table: Table[int] = Table("quotes")
    watcher = table.watch()
    watcher.take()
    watcher.close()
    table.put("a", 1)
    assert not watcher.changed.is_set()


async def test_a_waiting_face_is_woken() -> None:
    table: Table[int] = Table("quotes")
    watcher = table.watch()
    watcher.take()
    async with asyncio.timeout(5):
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(watcher.changed.wait())
            table.put("a", 1)
    assert waiting.result()


def test_a_mirror_of_another_epoch_is_replaced() -> None:
    mirror: Mirror[int] = Mirror("orders")
    old: Table[int] = Table("orders", epoch=1)
    old.put("gone", 1)
    delta = old.watch().take()
    assert delta is not None
    mirror.apply(delta)
    new: Table[int] = Table("orders", epoch=2)
    new.put("here", 2)
    delta = new.watch().take()
    assert delta is not None
    assert mirror.apply(delta) == {"gone", "here"}
    assert mirror.rows == {"here": 2}


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.one_of(st.none(), st.integers(0, 3)), st.booleans()),
        max_size=60,
    )
)
def test_a_mirror_equals_the_table_whenever_it_has_read(steps: list[tuple[str, int | None, bool]]) -> None:
    table: Table[int] = Table("t")
    watcher = table.watch()
    mirror: Mirror[int] = Mirror("t")
    for key, value, read in steps:
        if value is None:
            table.remove(key)
        else:
            table.put(key, value)
        if read and (delta := watcher.take()) is not None:
            mirror.apply(delta)
            assert mirror.rows == table.rows()
    if (delta := watcher.take()) is not None:
        mirror.apply(delta)
    assert mirror.rows == table.rows()


def test_replace_puts_and_removes() -> None:
    table: Table[int] = Table("positions")
    table.replace({"a": 1, "b": 2})
    watcher = table.watch()
    watcher.take()
    table.replace({"b": 2, "c": 3})
    delta = watcher.take()
    assert delta is not None
    assert (delta.rows, delta.gone) == ({"c": 3}, ("a",))


def test_a_log_gives_every_entry_in_order_and_says_what_is_gone() -> None:
    log: Log[str] = Log("events", keep=3)
    watcher = log.watch()
    assert watcher.take() is None
    for text in "abcde":
        log.append(text)
    page = watcher.take()
    assert page is not None
    assert (page.first, page.entries, page.missed) == (3, ("c", "d", "e"), 2)
    log.append("f")
    page = watcher.take()
    assert page is not None
    assert (page.first, page.entries, page.missed) == (6, ("f",), 0)


def test_a_long_log_comes_in_pages_and_stays_awake_until_it_is_read() -> None:
    log: Log[int] = Log("fills")
    for n in range(1_200):
        log.append(n)
    watcher = log.watch(after=100)
    seen: list[int] = []
    while (page := watcher.take()) is not None:
        seen.extend(page.entries)
    assert seen == list(range(100, 1_200))
    assert not watcher.changed.is_set()


def test_nothing_known_is_told_from_nothing_there() -> None:
    table: Table[int] = Table("positions", is_read=False)
    watcher = table.watch()
    mirror: Mirror[int] = Mirror("positions")
    assert not mirror.is_read
    delta = watcher.take()
    assert delta is not None
    mirror.apply(delta)
    assert not mirror.is_read
    table.mark_read()
    assert watcher.changed.is_set()
    delta = watcher.take()
    assert delta is not None
    assert (delta.full, delta.rows, delta.is_read) == (False, {}, True)
    assert mirror.apply(delta) == set()
    assert mirror.is_read
    table.mark_read()
    assert watcher.take() is None
