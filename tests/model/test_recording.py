"""A recording: rows become what changed of them, times of the monotonic clock become times, account ids are masked."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal as D

import msgspec

from ibkr_tui.model.audit import AuditRow
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.recording import Beginning, Recorder, line

AT = datetime(2026, 11, 20, 15, tzinfo=UTC)


def quote(last: str, mono: float) -> Quote:
    return Quote(1, "AAPL", "AAPL", QuoteStatus.LIVE, D(last), changed_mono=mono, times={"last": mono})


def test_a_row_is_whole_once_and_then_what_changed_of_it() -> None:
    recorder = Recorder(lambda seconds: seconds + 1000)
    first = recorder.table("quotes", AT, {"1": quote("189.40", 5.0)}, (), full=True)
    assert (first.full, first.rows["1"]["last"], first.rows["1"]["symbol"]) == (True, "189.4", "AAPL")
    assert (first.rows["1"]["changed_mono"], first.rows["1"]["times"]) == (1005.0, {"last": 1005.0})
    assert recorder.table("quotes", AT, {"1": quote("189.40", 5.0)}, (), full=False).rows == {}
    then = recorder.table("quotes", AT, {"1": quote("189.41", 6.0)}, (), full=False)
    assert then.rows == {"1": {"last": "189.41", "changed_mono": 1006.0, "times": {"last": 1006.0}}}
    assert recorder.table("quotes", AT, {}, ("1", "2"), full=False).gone == ("1",)
    assert "symbol" in recorder.table("quotes", AT, {"1": quote("189.41", 6.0)}, (), full=False).rows["1"]


def test_a_line_has_no_account_and_one_end() -> None:
    entry = AuditRow(1, AT, "intent", facts={"text": "for DU1234567\nand U7654321"})
    written = line(Recorder(float).log("audit", AT, (entry,)))
    assert b"DU1234567" not in written and b"7654321" not in written
    assert written.count(b"\n") == 1
    assert msgspec.json.decode(written)["log"] == "audit"
    assert line(Beginning(1, AT, "paper", "paper")).startswith(b'{"recording":1,')
