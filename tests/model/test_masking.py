"""Account ids masked: the ends stay, the length stays, nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.model.masking import mask_account, mask_accounts


@pytest.mark.parametrize(
    ("account", "shown"),
    [("DU1234567", "DU·····67"), ("U7654321", "U7····21"), ("DU12", "····"), ("", ""), ("DU123", "DU·23")],
)
def test_the_ends_stay(account: str, shown: str) -> None:
    assert mask_account(account) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("account DU1234567: net", "account DU·····67: net"),
        ("U7654321,F7654321,DF765432", "U7····21,F7····21,DF····32"),
        ("/portfolio/DU1234567/ledger?acct=U7654321", "/portfolio/DU·····67/ledger?acct=U7····21"),
        (
            'fill="#F123456" XU1234567 U1234 DU12345678901 u1234567',
            'fill="#F123456" XU1234567 U1234 DU12345678901 u1234567',
        ),
    ],
)
def test_only_account_ids_are_masked(text: str, shown: str) -> None:
    assert mask_accounts(text) == shown


@given(st.text())
def test_the_length_stays(text: str) -> None:
    assert len(mask_accounts(text)) == len(text)
