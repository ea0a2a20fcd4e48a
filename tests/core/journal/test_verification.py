"""Whether the audit is whole: each flaw by its name and first bad number, cut ends by what stands outside the file."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.journal.anchors import EVERY_ROWS, EVERY_SECONDS, read_anchors
from ibkr_tui.core.journal.audit import StoredRow
from ibkr_tui.core.journal.journal import KEY_NAME, LOOK_EVERY, Journal
from ibkr_tui.core.journal.reading import DATABASE_NAME, missing_journal, verify_file
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError

SWAP = (
    "UPDATE audit SET seq = 100 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; "
    "UPDATE audit SET seq = 4 WHERE seq = 100"
)
RANDOM = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


async def test_what_nobody_touched_is_whole(written: Any) -> None:
    verdict = written.verdict()
    assert (verdict.first, verdict.last, verdict.anchored, verdict.finding, verdict.notes) == (1, 10, 10, None, ())
    assert written.anchored == [1, 7, 7, 10], "at each start and each end"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("UPDATE audit SET payload = '{}' WHERE seq = 3", ("broken_row", 3)),
        ("UPDATE audit SET payload = x'ff' WHERE seq = 3", ("broken_row", 3)),
        ("UPDATE audit SET payload = CAST(x'ff' AS TEXT) WHERE seq = 3", ("broken_row", 3)),
        ("UPDATE audit SET ts = 'yesterday' WHERE seq = 5", ("broken_row", 5)),
        ("UPDATE audit SET mac = x'00' WHERE seq = 6", ("broken_row", 6)),
        ("UPDATE audit SET prev_mac = 'text' WHERE seq = 6", ("broken_row", 6)),
        ("UPDATE audit SET kind = 'sent' WHERE seq = 1", ("broken_row", 1)),
        (SWAP, ("broken_row", 3)),
        ("DELETE FROM audit WHERE seq = 4", ("gap", 4)),
        ("DELETE FROM audit WHERE seq BETWEEN 4 AND 6", ("gap", 4)),
        ("DELETE FROM audit WHERE seq < 3", ("gap", 1)),
        ("DELETE FROM audit WHERE seq > 8", ("cut_tail", 9)),
        ("DELETE FROM audit", ("cut_tail", 1)),
        ("UPDATE intents SET coid = 'tZ' WHERE coid = 'tB'", ("orphan_intent", 0)),
        ("DELETE FROM intents WHERE coid = 'tC'", ("orphan_intent", 8)),
    ],
)
async def test_each_flaw_is_named_with_its_first_bad_row(written: Any, script: str, expected: tuple[str, int]) -> None:
    written.sql(script)
    assert written.found() == expected


async def test_a_cut_that_leaves_no_trace_in_the_file_is_found_by_the_anchors(written: Any) -> None:
    written.cut(7, coids=("tC",))
    assert written.found() == ("cut_tail", 8)
    written.anchors.unlink()
    assert written.found() == ("cut_tail", 8), "and anchors that went with it are missed"


async def test_a_cut_that_was_sealed_anew_with_the_key_is_found_by_the_anchors(written: Any) -> None:
    written.cut(7, coids=("tC",))
    written.seal("sent", "sent", "cancelled", "sent")
    finding = written.verdict().finding
    assert (finding.flaw, finding.seq) == ("cut_tail", 8)
    assert "row 10 is not the row that was anchored" in finding.text


async def test_a_copy_of_the_anchors_is_worth_more_than_the_file(written: Any, tmp_path: Any) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copy(written.anchors, copy)
    written.cut(4, coids=("tB", "tC"))
    written.anchors.write_bytes(b"")
    assert written.found() is None, "whoever has key, journal and anchors has all there is here"
    assert written.found(anchors=copy) == ("cut_tail", 5)
    with pytest.raises(BrokerError, match="no file of anchors"):
        written.verdict(anchors=tmp_path / "nowhere")


async def test_a_journal_copied_without_its_newest_part_is_behind_its_anchors(
    place: Any, fake_clock: Any, tmp_path: Path
) -> None:
    """Fault F10: a backup of the file alone, while a core writes, lacks what stands in the log beside it."""
    await place.write("tA")
    async with place.journal() as journal:
        keeping = asyncio.create_task(journal.keep_anchored())
        await place.send(journal, "tB")
        await fake_clock.advance(EVERY_SECONDS + LOOK_EVERY)
        async with asyncio.timeout(10):
            while place.anchored[-1] < 7:
                await asyncio.sleep(0.01)
        keeping.cancel()
        copy = tmp_path / "copy"
        copy.mkdir()
        for path in (place.database, place.anchors):
            shutil.copy(path, copy)
        assert (place.state / f"{DATABASE_NAME}-wal").stat().st_size > 0
        finding = verify_file(copy, place.key).finding
        assert finding is not None
        assert (finding.flaw, finding.seq) == ("cut_tail", 5)
    assert place.found() is None


async def test_a_journal_that_is_gone_was_there(written: Any, tmp_path: Any) -> None:
    assert missing_journal(written.state) is None
    written.database.unlink()
    verdict = missing_journal(written.state)
    assert verdict is not None and verdict.finding is not None
    assert (verdict.finding.flaw, verdict.finding.seq) == ("cut_tail", 1)
    assert missing_journal(tmp_path / "nobody") is None
    with pytest.raises(BrokerError, match="there is no journal"):
        written.verdict()


async def test_anchors_that_a_crash_cut_off_are_no_flaw(written: Any) -> None:
    with written.anchors.open("ab") as file:
        file.write(b'{"seq": 99')
    assert read_anchors(written.anchors).unreadable == ()
    await written.write("tD")
    verdict = written.verdict()
    assert verdict.finding is None
    assert verdict.notes == ("line 5 of the anchors is unreadable",)
    assert written.anchored[-1] == 13


async def test_anchors_come_with_rows_and_with_time(place: Any, fake_clock: Any) -> None:
    async def until(anchored: list[int]) -> None:
        async with asyncio.timeout(10):
            while place.anchored != anchored:
                await asyncio.sleep(0.01)

    async with place.journal() as journal:
        keeping = asyncio.create_task(journal.keep_anchored())
        await place.send(journal, "tA")
        await fake_clock.advance(LOOK_EVERY)
        assert place.anchored == [1], "a few rows wait"
        await fake_clock.advance(EVERY_SECONDS)
        await until([1, 4])
        await fake_clock.advance(EVERY_SECONDS * 3)
        for number in range(EVERY_ROWS // 3 + 1):
            await place.send(journal, f"t{number}")
        await fake_clock.advance(LOOK_EVERY)
        await until([1, 4, 106])
        keeping.cancel()


@pytest.mark.parametrize("script", ["UPDATE audit SET payload = '{}' WHERE seq = 9", "DELETE FROM audit WHERE seq > 9"])
async def test_the_end_is_verified_at_every_start(written: Any, script: str) -> None:
    await written.write("tLive", done=False)
    written.sql(script)
    journal = Journal(written.state, written.clock, "test")
    with pytest.raises(BrokerError) as caught:
        await journal.open()
    assert caught.value.code == "JOURNAL_UNAVAILABLE"
    assert "the audit is not whole" in journal.failure
    assert [intent.coid for intent in await journal.unfinished()] == ["tLive"], (
        "what is open is looked for all the same"
    )
    assert (await journal.audit(count=1)).rows, "and it can be read"
    with pytest.raises(BrokerError):
        await journal.note("limits", {})
    await journal.close()


async def test_the_wrong_key_is_not_taken_for_tampering(written: Any) -> None:
    with pytest.raises(BrokerError, match="begun with another key"):
        verify_file(written.state, b"another key of thirty-two bytes!!")
    journal = Journal(written.state, written.clock, "test", Secret(RANDOM))
    with pytest.raises(BrokerError, match="begun with another key"):
        await journal.open()
    await journal.close()
    (written.state / KEY_NAME).unlink()
    journal = Journal(written.state, written.clock, "test")
    with pytest.raises(BrokerError, match="is gone"):
        await journal.open()
    await journal.close()
    assert not (written.state / KEY_NAME).exists(), "a key that went missing is not replaced"


async def test_only_the_end_is_read_when_that_is_asked(written: Any) -> None:
    written.sql("UPDATE audit SET payload = '{}' WHERE seq = 2")
    assert written.found() == ("broken_row", 2)
    verdict = written.verdict(tail=4)
    assert (verdict.first, verdict.last, verdict.finding) == (7, 10, None)


async def test_a_reader_does_not_hold_up_the_core(place: Any) -> None:
    async with place.journal() as journal:
        await place.send(journal, "tA")
        assert place.found() is None
        await place.send(journal, "tB")
        assert place.verdict().last == 7


async def test_no_account_number_is_written_whoever_says_it(place: Any) -> None:
    async with place.journal() as journal:
        await journal.note("rejected", {"text": "account U1234567 (DU7654321) has no permission; XU1234567x stays"})
        shown = (await journal.audit(count=1)).rows[0].facts["text"]
    assert "U1234567 " not in shown and "DU7654321" not in shown and "XU1234567x stays" in shown
    old = StoredRow(3, "2026-01-01", "rejected", "t\x1b[1m", "", '{"text":"order of U1234567\x07","more":1}', b"", b"")
    assert old.told().facts == {}, "what is no JSON has no facts"
    old = msgspec.structs.replace(old, payload='{"text":"order of U1234567\\u001b","more":1}')
    assert old.told().facts == {"text": "order of account ***\N{REPLACEMENT CHARACTER}"}
    assert "\x1b" not in old.told().coid
