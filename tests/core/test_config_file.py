"""The file read strictly: each fault is named with its line and a word that helps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ibkr_tui.core.config import load
from ibkr_tui.model.errors import BrokerError

Write = Callable[[str], Path]
PAPER = '[profiles.paper]\nkind = "paper"\naccount_id = "DU1234567"\n'


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def put(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return put


def refused(path: Path | None, environ: dict[str, str] | None = None, profile: str | None = None) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        load(path, environ or {}, profile)
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (PAPER + "\n[limits]\nmax_leverag = 2\n", 6, "did you mean “max_leverage”?"),
        ("defualt_profile = 'paper'\n" + PAPER, 1, "did you mean “default_profile”?"),
        (PAPER + "acount_id = 'DU1'\n", 4, "did you mean “account_id”?"),
        (PAPER + "# a remark\n\nzzz = 1\n", 6, "known here: kind, account_id"),
        (PAPER + "[limit]\nmax_leverage = 2\n", 4, "did you mean “limits”?"),
        ("limits.max_leverag = 2\n" + PAPER, 1, "did you mean “max_leverage”?"),
        ("limits = { max_leverag = 2 }\n" + PAPER, 1, "did you mean “max_leverage”?"),
        (PAPER + "consumer_key = 'X'\n", 4, "unknown key “consumer_key”"),
        (PAPER + "[limits]\nmax_leverage = true\n", 5, "bool"),
        (PAPER + "[limits]\nmax_leverage = '4'\n", 5, "without quotes"),
        (PAPER + "[limits]\nmax_leverage = '１２'\n", 5, "without quotes"),
        (PAPER + "[limits]\nmax_leverage = nan\n", 5, "number more than zero"),
        (PAPER + "[limits]\nmax_leverage = inf\n", 5, "number more than zero"),
        (PAPER + "[limits]\nmax_leverage = 0\n", 5, "number more than zero"),
        (PAPER + "[limits]\nmax_order_value = -1\n", 5, "number more than zero"),
        (PAPER + "[limits]\nmax_order_qty = 0\n", 5, "number more than zero"),
        (PAPER + "[limits]\nmax_quote_age_s = 0.0\n", 5, "number more than zero"),
        (PAPER + "[limits]\nmax_orders_per_minute = 0\n", 5, "number more than zero"),
        (PAPER + "[limits]\nmax_day_value = -5\n", 5, "number more than zero"),
        (PAPER + "[limits]\nprice_collar_bps = nan\n", 5, "from 0 to 10000"),
        (PAPER + "[limits]\nprice_collar_bps = 10001\n", 5, "from 0 to 10000"),
        (PAPER + "[limits]\nduplicate_window_s = nan\n", 5, "from 0 to 3600"),
        (PAPER + "[limits]\nallowed_asset_classes = ['stock']\n", 5, "may hold: stocks"),
        (PAPER + "[limits]\nallowed_symbols = ['']\n", 5, "no symbol"),
        (PAPER + "[safety]\napproval_expires_s = 4\n", 5, "from 5 to 3600"),
        (PAPER + "[market]\n\nws_enabled = 1\n", 6, "bool"),
        (PAPER + "[market]\nmax_subscriptions = 501\n", 5, "from 1 to 500"),
        (PAPER + "[market]\nmax_subscriptions = 80.5\n", 5, "int"),
        (PAPER + "[market]\nprefer = 'US'\n", 5, "array"),
        (PAPER + "[market]\nprefer = ['US', 1]\n", 5, "str"),
        (PAPER + "[safety]\nmax_reply_rounds = 11\n", 5, "from 0 to 10"),
        (PAPER + "[ui]\nfps = 0\n", 5, "from 1 to 60"),
        (PAPER + "orders = 'yes'\n", 4, "enum"),
        (PAPER + "auth = 'oauth3'\n", 4, "enum"),
        (PAPER + "rest_url = 'http://api.ibkr.com/v1/api'\n", 4, "https://"),
        (PAPER + "ws_url = 'https://api.ibkr.com/v1/api/ws'\n", 4, "wss://"),
        (PAPER + "key_store = 'a'\ncredentials_file = 'b'\n", 5, "not both"),
        ("schema_version = 2\n" + PAPER, 1, "version 2"),
        ("limits = 4\n" + PAPER, 1, "object"),
        ("profiles = 4\n", 1, "[profiles.NAME]"),
        ("[profiles]\npaper = 4\n", 2, "object"),
        ("[profiles.paper]\nkind = 'paper'\n", 1, "account_id"),
        ("[profiles.'a.b']\nkind = 'paper'\naccount_id = 'DU1'\n", 1, "letters, digits"),
        ("[profiles.'café']\nkind = 'paper'\naccount_id = 'DU1'\n", 1, "letters, digits"),
        ("[profiles.'../x']\nkind = 'paper'\naccount_id = 'DU1'\n", 1, "letters, digits"),
    ],
)
def test_a_fault_is_named_with_file_line_and_word(write: Write, text: str, line: int, words: str) -> None:
    path = write(text)
    error = refused(path)
    assert error.code == "CONFIG_INVALID"
    assert f"{path}, line {line}:" in error.message
    assert words in error.message
    assert error.details["line"] == line


def test_toml_that_is_none_names_the_line(write: Write) -> None:
    error = refused(write(PAPER + "kind = \n"))
    assert error.code == "CONFIG_INVALID" and "line 4" in error.message


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe")
    assert refused(path).code == "CONFIG_INVALID"


def test_a_file_that_anybody_can_write_is_refused(write: Write) -> None:
    path = write(PAPER)
    path.chmod(0o646)
    error = refused(path)
    assert error.code == "CONFIG_INVALID"
    assert "by every user" in error.message and "chmod o-w" in error.user_action
