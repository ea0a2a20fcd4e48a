"""The journal under fire (faults F1-F6, F9, F11): what fails is said, nothing is written after it, all can be read."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.journal.anchors import read_anchors
from ibkr_tui.core.journal.journal import DATABASE_NAME, Journal
from ibkr_tui.core.journal.schema import SCHEMA_VERSION
from ibkr_tui.model.errors import BrokerError

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="finds the descriptors of a process in /proc")


def descriptors(path: Path) -> list[int]:
    """Those of this process that have `path` open."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if entry.readlink() == path:
                found.append(int(entry.name))
    return found


@contextlib.contextmanager
def behind(path: Path, device: str, flags: int) -> Iterator[None]:
    """What the process believes to be `path` is `device`: a full disk, or one that takes no write."""
    kept = {descriptor: os.dup(descriptor) for descriptor in descriptors(path)}
    assert kept
    other = os.open(device, flags)
    for descriptor in kept:
        os.dup2(other, descriptor)
    os.close(other)
    yield
    for descriptor, real in kept.items():
        os.dup2(real, descriptor)
        os.close(real)


async def refused(place: Any, journal: Journal, coid: str = "tB") -> str:
    with pytest.raises(BrokerError) as caught:
        await place.send(journal, coid)
    assert caught.value.code == "JOURNAL_UNAVAILABLE"
    return caught.value.message


async def stopped(place: Any, journal: Journal, words: str) -> None:
    """It refuses with these words, goes on refusing, and what stands in it is as it was."""
    told: list[str] = []
    journal.on_failure = told.append
    said = await refused(place, journal)
    assert words in said
    assert await refused(place, journal, "tC") == said, "nothing is tried again"
    assert (journal.failure, told) == (said, [said]), "told once"


@on_linux
@pytest.mark.parametrize(
    ("device", "flags", "words"),
    [("/dev/full", os.O_RDWR, "the disk is full"), ("/dev/null", os.O_RDONLY, "the disk reports an error")],
)
async def test_a_disk_that_takes_nothing(place: Any, device: str, flags: int, words: str) -> None:
    async with place.journal() as journal:
        await place.send(journal, "tA", done=False)
        log = place.state / f"{DATABASE_NAME}-wal"
        with behind(log, device, flags):
            await stopped(place, journal, words)
        assert "the journal cannot be written" in journal.failure, "for good: a disk that failed once proves nothing"
        assert [intent.coid for intent in await journal.unfinished()] == ["tA"]
    assert place.found() is None
    async with place.journal() as journal:
        await place.send(journal, "tB")
        assert not journal.failure, "a restart begins anew"
    assert place.found() is None


@on_linux
async def test_a_disk_that_fills_while_old_commits_are_moved(place: Any) -> None:
    """Fault F2: the log takes commits, the file takes no page of them; nothing is lost and nobody falls."""
    async with place.journal() as journal:
        await place.send(journal, "tA")
        await journal._database.read(lambda connection: connection.execute("PRAGMA wal_autocheckpoint=1"))
        checkpoint = "PRAGMA wal_checkpoint(FULL)"
        with behind(place.database, "/dev/full", os.O_RDWR):
            await place.send(journal, "tB")
            with pytest.raises(sqlite3.OperationalError, match="full"):
                await journal._database._in_thread(lambda: journal._database._connection.execute(checkpoint).fetchall())  # type: ignore[union-attr]
        await place.send(journal, "tC")
        assert not journal.failure
    assert place.found() is None
    assert place.verdict().last == 10


async def test_a_file_that_may_not_be_written(place: Any) -> None:
    async with place.journal() as journal:
        await place.send(journal, "tA")
        await journal._database.read(lambda connection: connection.execute("PRAGMA query_only=ON"))
        await stopped(place, journal, "it is read-only")


async def test_a_page_too_many(place: Any) -> None:
    async with place.journal() as journal:
        await journal._database.read(lambda connection: connection.execute("PRAGMA max_page_count=1"))
        with pytest.raises(BrokerError, match="the disk is full"):
            for number in range(2000):
                await place.send(journal, f"t{number}")
        assert "full" in journal.failure
    assert place.found() is None


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    content = path.read_bytes()
    path.rename(path.with_name("away"))
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("name", "harm", "words"),
    [
        ("journal.db", remove, "journal.db was removed"),
        ("journal.db", replace, "journal.db was replaced"),
        ("journal.db", cut, "journal.db was cut short"),
        ("journal.db-wal", remove, "journal.db-wal was removed"),
        ("journal.db-wal", replace, "journal.db-wal was replaced"),
        ("journal.db.lock", remove, "journal.db.lock was removed"),
        ("journal.db.lock", replace, "journal.db.lock was replaced"),
    ],
)
async def test_files_that_change_under_it(place: Any, name: str, harm: Callable[[Path], None], words: str) -> None:
    async with place.journal() as journal:
        await place.send(journal, "tA")
        await journal._database._in_thread(
            lambda: journal._database._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()  # type: ignore[union-attr]
        )
        await place.send(journal, "tA2")
        harm(place.state / name)
        await stopped(place, journal, words)


async def test_a_file_that_went_while_it_was_written_is_no_commit(place: Any) -> None:
    async with place.journal() as journal:
        await place.send(journal, "tA")
        with pytest.raises(BrokerError, match="was removed"):
            await journal._database.run(lambda connection: place.database.unlink())
        assert journal.failure


async def test_one_core_writes_it(place: Any) -> None:
    async with place.journal() as journal:
        second = Journal(place.state, place.clock, "test")
        with pytest.raises(BrokerError, match="another process writes it"):
            await second.open()
        assert second.failure
        await second.close()
        await place.send(journal, "tA")
    await place.write("tB")
    assert place.found() is None


async def test_a_newer_journal_is_left_as_it_is(place: Any) -> None:
    with sqlite3.connect(place.database) as connection:
        connection.executescript(f"CREATE TABLE later (x); PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    before = place.database.read_bytes()
    journal = Journal(place.state, place.clock, "test")
    with pytest.raises(BrokerError, match=f"schema {SCHEMA_VERSION + 1}, this one knows {SCHEMA_VERSION}"):
        await journal.open()
    await journal.close()
    assert place.database.read_bytes() == before
    assert sorted(found.name for found in place.state.iterdir()) == [DATABASE_NAME, f"{DATABASE_NAME}.lock"]


async def test_a_file_that_is_no_journal(place: Any) -> None:
    place.database.write_bytes(b"something else entirely" * 100)
    journal = Journal(place.state, place.clock, "test")
    with pytest.raises(BrokerError, match="the file is no journal"):
        await journal.open()
    with pytest.raises(BrokerError, match="cannot be read"):
        await journal.unfinished()
    await journal.close()


async def test_an_anchor_that_cannot_be_noted_stops_no_order(place: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with place.journal() as journal:
        place.anchors.unlink()
        place.anchors.mkdir()
        await place.send(journal, "tA")
    assert "could not be noted" in caplog.text
    assert not journal.failure.startswith("the journal cannot")
    place.anchors.rmdir()
    assert read_anchors(place.anchors).missing
    assert place.found() == ("cut_tail", 5), "and their absence is found"
