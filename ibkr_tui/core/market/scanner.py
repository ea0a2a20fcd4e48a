"""Market scanners: what is asked, and the rows that come (reference 4.9)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.scanner import ScanRow
from ibkr_tui.model.text import clean

_WORD: Final = re.compile(r"[A-Za-z0-9_.,]{1,60}")


def check_scan(**words: str) -> None:
    """Raise BrokerError BAD_ARGUMENT for a word that no scanner has."""
    for name, word in words.items():
        if not _WORD.fullmatch(word):
            raise BrokerError("BAD_ARGUMENT", f"{name}: “{clean(word, limit=40)}” is no scanner code")


def read_scan(answer: Mapping[str, Any]) -> list[ScanRow]:
    """The rows in the broker's order. Raises BrokerError IBKR_RESPONSE_INVALID when there is no list."""
    rows = answer.get("contracts")
    if not isinstance(rows, list):
        raise BrokerError("IBKR_RESPONSE_INVALID", "the scan came without its list of contracts")
    column = _text(answer.get("scan_data_column_name"))
    found: list[ScanRow] = []
    for row in rows:
        conid = str(row.get("con_id") or row.get("conidex") or "").partition("@")[0] if isinstance(row, Mapping) else ""
        if not (conid.isascii() and conid.isdigit() and int(conid) > 0):
            continue
        found.append(
            ScanRow(
                rank=len(found) + 1,
                conid=int(conid),
                symbol=_text(row.get("symbol") or row.get("contract_description_1")),
                name=clean(str(row.get("company_name") or ""), limit=80),
                sec_type=_text(row.get("sec_type")),
                exchange=_text(row.get("listing_exchange")),
                value=_text(row.get("scan_data")),
                column=_text(row.get("column_name")) or column,
            )
        )
    return found


def _text(value: Any) -> str:
    return clean(str(value), limit=40) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
