"""Archives of the audit, and what may leave the journal for them."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.journal.archives import verify_archive
from ibkr_tui.core.journal.audit import AuditChain, StoredRow
from ibkr_tui.core.journal.export import PAPER_DAYS, Archive, archive_and_purge, write_archive
from ibkr_tui.core.journal.reading import reading, stored_rows, verify_file
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.live_gate import LEAST_RETENTION_DAYS

DAY = 86_400.0


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def purged(place: Any, out: Path, days: float, kind: str = "paper", configured: int = 2555) -> Archive:
    """Everything older than so many days."""
    return await archive_and_purge(
        place.state,
        AuditChain(place.key),
        out,
        until=place.clock.now() - timedelta(days=days),
        clock=place.clock,
        kind=kind,
        configured_days=configured,
    )


async def code(place: Any, out: Path, days: float, **how: Any) -> str:
    with pytest.raises(BrokerError) as caught:
        await purged(place, out, days, **how)
    return caught.value.code


async def test_an_archive_has_every_row_and_no_account(written: Any, tmp_path: Path) -> None:
    out = tmp_path / "audit.jsonl"
    with reading(written.database) as connection:
        made = write_archive(out, stored_rows(connection))
    assert (made.rows, made.first, made.last) == (10, 1, 10)
    assert made.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert out.stat().st_mode & 0o777 == 0o600
    found = lines(out)
    assert [row["seq"] for row in found] == list(range(1, 11))
    assert found[1] | {"mac": "", "prev_mac": "", "at": "", "acct_tag": ""} == {
        "seq": 2, "at": "", "kind": "intent", "coid": "tA", "acct_tag": "", "prev_mac": "", "mac": "",
        "facts": {"symbol": "AAPL", "qty": "1", "face": "app"},
    }  # fmt: skip
    assert all(row["prev_mac"] == before["mac"] for before, row in pairwise(found))
    assert "DU7654321" not in out.read_text()


async def test_an_archive_that_is_there_is_not_touched(written: Any, tmp_path: Path) -> None:
    out = tmp_path / "audit.jsonl"
    out.write_text("last year's")
    with reading(written.database) as connection:
        for path, words in ((out, "is there already"), (tmp_path / "no" / "where", "cannot be written")):
            with pytest.raises(BrokerError, match=words) as caught:
                write_archive(path, stored_rows(connection))
            assert caught.value.code == "EXPORT_FAILED"
    assert out.read_text() == "last year's"
    assert not list(tmp_path.glob(".*.new"))


async def test_what_was_purged_is_in_the_archive_and_the_rest_is_whole(
    place: Any, fake_clock: Any, tmp_path: Path
) -> None:
    out = tmp_path / "old.jsonl"
    await place.write("tA", "tB")
    fake_clock.jump_wall(100 * DAY)
    await place.write("tC")
    made = await purged(place, out, PAPER_DAYS)
    assert (made.rows, made.first, made.last) == (7, 1, 7)
    assert [row["coid"] for row in lines(out) if row["kind"] == "intent"] == ["tA", "tB"]
    verdict = place.verdict()
    assert (verdict.finding, verdict.purged, verdict.first, verdict.last) == (None, 7, 8, 11)
    await place.write("tD")
    assert place.found() is None
    assert place.verdict(tail=2).finding is None
    with pytest.raises(BrokerError, match="begun with another key"):
        verify_file(place.state, b"another key of thirty-two bytes!!")
    fake_clock.jump_wall(100 * DAY)
    assert (await purged(place, tmp_path / "second.jsonl", PAPER_DAYS)).last == 14, "all of it"
    verdict = place.verdict()
    assert (verdict.finding, verdict.purged, verdict.first, verdict.last) == (None, 14, 15, 15)
    await place.write("tE")
    assert place.found() is None


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("DELETE FROM audit WHERE seq <= 9", ("gap", 8)),
        ("UPDATE audit SET payload = replace(payload, '7', '9') WHERE kind = 'purged'", ("broken_row", 10)),
        ("DELETE FROM audit WHERE kind = 'purged'", ("gap", 1)),
        ("UPDATE audit SET prev_mac = x'00' WHERE seq = 8", ("broken_row", 8)),
    ],
)
async def test_a_purge_covers_nothing_that_it_did_not_take(
    place: Any, fake_clock: Any, tmp_path: Path, script: str, expected: tuple[str, int]
) -> None:
    await place.write("tA", "tB")
    fake_clock.jump_wall(100 * DAY)
    await place.write("tC")
    await purged(place, tmp_path / "old.jsonl", PAPER_DAYS)
    place.sql(script)
    assert place.found() == expected


async def test_the_rows_of_live_orders_stay_their_time_whatever_is_set(
    place: Any, fake_clock: Any, tmp_path: Path
) -> None:
    out = tmp_path / "old.jsonl"
    await place.write("tA")
    fake_clock.jump_wall(4000 * DAY)
    assert await code(place, out, LEAST_RETENTION_DAYS - 1, kind="live", configured=1) == "AUDIT_RETENTION"
    assert await code(place, out, 2999, kind="live", configured=3000) == "AUDIT_RETENTION"
    assert await code(place, out, PAPER_DAYS - 1) == "AUDIT_RETENTION"
    assert not out.exists()
    assert place.verdict().first == 1
    assert (await purged(place, out, LEAST_RETENTION_DAYS, kind="live", configured=1)).rows == 4


async def test_an_order_that_may_still_live_keeps_its_rows(place: Any, fake_clock: Any, tmp_path: Path) -> None:
    await place.write("tA")
    await place.write("tOpen", done=False)
    await place.write("tB")
    fake_clock.jump_wall(100 * DAY)
    made = await purged(place, tmp_path / "old.jsonl", PAPER_DAYS)
    assert made.last == 4
    async with place.journal() as journal:
        assert [intent.coid for intent in await journal.unfinished()] == ["tOpen"]
    assert place.found() is None


async def test_nothing_is_purged_while_a_core_writes(place: Any, fake_clock: Any, tmp_path: Path) -> None:
    async with place.journal() as journal:
        await place.send(journal, "tA")
        fake_clock.jump_wall(100 * DAY)
        assert await code(place, tmp_path / "old.jsonl", PAPER_DAYS) == "JOURNAL_UNAVAILABLE"
    assert place.verdict().first == 1


async def test_nothing_is_purged_that_the_archive_has_not(
    place: Any, fake_clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.write("tA")
    fake_clock.jump_wall(100 * DAY)

    def forgetful(path: Path, rows: Any) -> Archive:
        made = write_archive(path, rows)
        path.write_text("\n".join(path.read_text().splitlines()[:-1]))
        return made

    monkeypatch.setattr("ibkr_tui.core.journal.export.write_archive", forgetful)
    assert await code(place, tmp_path / "old.jsonl", PAPER_DAYS) == "EXPORT_FAILED"
    verdict = place.verdict()
    assert (verdict.first, verdict.finding) == (1, None)


async def archive_of(place: Any, out: Path, after: int = 0) -> Path:
    with reading(place.database) as connection:
        write_archive(out, stored_rows(connection, after=after))
    return out


async def test_an_archive_can_be_verified_by_itself(written: Any, tmp_path: Path) -> None:
    out = await archive_of(written, tmp_path / "a.jsonl")
    verdict = verify_archive(out, written.state, written.key)
    assert (verdict.finding, verdict.first, verdict.last, verdict.notes) == (None, 1, 10, ())
    part = await archive_of(written, tmp_path / "part.jsonl", after=4)
    verdict = verify_archive(part, written.state, written.key)
    assert (verdict.finding, verdict.first, verdict.last) == (None, 5, 10)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    verdict = verify_archive(out, elsewhere, written.key)
    assert (verdict.finding, "nothing here vouches for its end" in verdict.notes[0]) == (None, True)
    verdict = verify_archive(out, elsewhere, written.key, anchors=written.anchors)
    assert (verdict.finding, verdict.anchored, verdict.notes) == (None, 10, ())
    with pytest.raises(BrokerError, match="another key"):
        verify_archive(out, written.state, b"another key of thirty-two bytes!!")
    for path, more in ((tmp_path / "none", {}), (out, {"anchors": tmp_path / "none"})):
        with pytest.raises(BrokerError) as caught:
            verify_archive(path, written.state, written.key, **more)
        assert caught.value.code == "ARCHIVE_UNREADABLE"


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda rows: [*rows[:3], rows[3].replace(b'"tA"', b'"tZ"'), *rows[4:]], ("broken_row", 4)),
        (lambda rows: [*rows[:3], b"{}\n", *rows[4:]], ("broken_row", 4)),
        (lambda rows: [*rows[:3], *rows[4:]], ("gap", 4)),
        (lambda rows: rows[:6], None),
        (lambda rows: [*rows[:6], rows[6][:40]], ("broken_row", 7)),
        (lambda rows: [rows[0], rows[2], rows[1], *rows[3:]], ("gap", 2)),
        (lambda rows: [], None),
    ],
    ids=["changed", "no row", "removed", "shorter", "cut line", "swapped", "empty"],
)
async def test_what_was_done_to_an_archive_is_named(
    written: Any, tmp_path: Path, harm: Any, expected: tuple[str, int] | None
) -> None:
    out = await archive_of(written, tmp_path / "a.jsonl")
    out.write_bytes(b"".join(harm(out.read_bytes().splitlines(keepends=True))))
    finding = verify_archive(out, written.state, written.key).finding
    assert (None if finding is None else (finding.flaw.value, finding.seq)) == expected


async def test_an_archive_that_ends_where_the_journal_does_not_go_on(
    place: Any, fake_clock: Any, tmp_path: Path
) -> None:
    """Its last rows were sealed anew with the key: the purge in the journal knows the seal that it took."""
    out = tmp_path / "old.jsonl"
    await place.write("tA", "tB")
    fake_clock.jump_wall(100 * DAY)
    await place.write("tC")
    await purged(place, out, PAPER_DAYS)
    assert verify_archive(out, place.state, place.key).finding is None
    rows = out.read_bytes().splitlines(keepends=True)
    chain, last = AuditChain(place.key), json.loads(rows[-1])
    forged = StoredRow(7, last["at"], "sent", "tB", last["acct_tag"], "{}", bytes.fromhex(last["prev_mac"]), b"")
    sealed = chain.seal(forged).hex()
    out.write_bytes(
        b"".join(rows[:-1]) + json.dumps(last | {"kind": "sent", "facts": {}, "mac": sealed}).encode() + b"\n"
    )
    place.anchors.unlink()
    finding = verify_archive(out, place.state, place.key).finding
    assert finding is not None and (finding.flaw.value, finding.seq) == ("cut_tail", 8)
