"""The environment above the file: suffixes, all-or-nothing credentials, and faults that name the variable."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_tui.core.config import load
from ibkr_tui.model.errors import BrokerError

Write = Callable[[str], Path]
PAPER = '[profiles.paper]\nkind = "paper"\naccount_id = "DU1234567"\n'
LIVE = '[profiles.live]\nkind = "live"\naccount_id = "U7654321"\n'
CREDENTIALS = {
    "IBKR_CONSUMER_KEY": "ABCDEFGHI",
    "IBKR_ACCESS_TOKEN": "token-words",
    "IBKR_ACCESS_TOKEN_SECRET": "secret-words",
    "IBKR_SIGNATURE_KEY_PATH": "/k/s.pem",
    "IBKR_ENCRYPTION_KEY_PATH": "/k/e.pem",
    "IBKR_DH_PRIME": "c0ffee",
}


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


def test_the_profile_is_chosen_by_argument_environment_and_file(write: Write) -> None:
    path = write('default_profile = "live"\n' + PAPER + LIVE)
    assert load(path, {}).profile.name == "live"
    assert load(path, {"IBKR_TUI_PROFILE": "paper"}).profile.name == "paper"
    assert load(path, {"IBKR_TUI_PROFILE": "paper"}, "live").profile.name == "live"
    error = refused(path, {}, "papre")
    assert error.code == "CONFIG_INVALID" and "paper, live" in error.message


def test_the_environment_of_the_process_is_the_default(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_ACCOUNT_ID_TESTNET", "DU42")
    assert load(write(PAPER)).profile.account_id == "DU42"


def test_a_suffix_wins_and_a_plain_name_fills(write: Write) -> None:
    environ = {
        "IBKR_ACCOUNT_ID": "DU1",
        "IBKR_ACCOUNT_ID_TESTNET": "DU2",
        "IBKR_ACCOUNT_ID_LIVE": "U3",
        "IBKR_URL": "https://1.api.ibkr.com/v1/api",
        "IBKR_URL_LIVE": "https://2.api.ibkr.com/v1/api",
        "IBKR_WS_URL_TESTNET": "wss://3.api.ibkr.com/ws",
        "IBKR_ORDERS": "send",
    }
    path = write(PAPER + LIVE)
    paper, live = load(path, environ).profile, load(path, environ, "live").profile
    assert (paper.account_id, paper.rest_url, paper.ws_url) == (
        "DU2",
        "https://1.api.ibkr.com/v1/api",
        "wss://3.api.ibkr.com/ws",
    )
    assert (live.account_id, live.rest_url, live.ws_url) == (
        "U3",
        "https://2.api.ibkr.com/v1/api",
        "wss://api.ibkr.com/v1/api/ws",
    )
    assert live.orders == "refuse"


def test_an_empty_name_says_nothing(write: Write) -> None:
    environ = {"IBKR_ACCOUNT_ID_TESTNET": " ", "IBKR_URL_TESTNET": ""}
    assert load(write(PAPER), environ).profile.account_id == "DU1234567"


@pytest.mark.parametrize(
    ("name", "value", "setting", "expected"),
    [
        ("IBKR_MAX_LEVERAGE", "2.5", "limits.max_leverage", Decimal("2.5")),
        ("IBKR_WS_ENABLED", "False", "market.ws_enabled", False),
        ("IBKR_WS_ENABLED", "1", "market.ws_enabled", True),
        ("IBKR_WS_MAX_SUBSCRIPTIONS_TESTNET", "12", "market.max_subscriptions", 12),
        ("IBKR_WS_IDLE_TIMEOUT_S", "600", "market.idle_timeout_s", 600.0),
    ],
)
def test_settings_from_the_environment(write: Write, name: str, value: str, setting: str, expected: object) -> None:
    config = load(write(PAPER), {name: value})
    assert operator.attrgetter(setting)(config.profile) == expected
    assert config.provenance[setting] == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IBKR_MAX_LEVERAGE", "four"),
        ("IBKR_MAX_LEVERAGE", "NaN"),
        ("IBKR_MAX_LEVERAGE", "0"),
        ("IBKR_WS_ENABLED", "maybe"),
        ("IBKR_WS_MAX_SUBSCRIPTIONS", "1.5"),
        ("IBKR_WS_MAX_SUBSCRIPTIONS", "0"),
        ("IBKR_WS_IDLE_TIMEOUT_S", "abc"),
        ("IBKR_WS_IDLE_TIMEOUT_S", "5"),
        ("IBKR_WS_MAX_SUBSCRIPTIONS", "many"),
        ("IBKR_URL_TESTNET", "http://api.ibkr.com"),
        ("IBKR_WS_URL", "https://localhost/ws"),
    ],
)
def test_a_bad_value_in_the_environment_names_it(write: Write, name: str, value: str) -> None:
    error = refused(write(PAPER), {name: value})
    assert error.code == "CONFIG_INVALID" and name in error.message


@pytest.mark.parametrize("missing", sorted(CREDENTIALS))
def test_credentials_are_all_or_nothing(write: Write, missing: str) -> None:
    environ = {name: value for name, value in CREDENTIALS.items() if name != missing}
    error = refused(write(PAPER), environ)
    assert error.code == "CONFIG_INVALID"
    assert error.message.endswith(f"missing: {missing} (or with _TESTNET)")


def test_one_credential_names_all_five_that_miss(write: Write) -> None:
    error = refused(write(PAPER), {"IBKR_CONSUMER_KEY_TESTNET": "ABCDEFGHI"})
    assert all(name in error.message for name in CREDENTIALS if name != "IBKR_CONSUMER_KEY")


def test_credentials_of_the_other_kind_do_not_mix_in(write: Write) -> None:
    path = write(PAPER + 'key_store = "keys"\n' + LIVE)
    live_only = {f"{name}_LIVE": value for name, value in CREDENTIALS.items()}
    assert load(path, live_only).profile.environment is None
    assert load(path, live_only).profile.key_store is not None
    assert load(path, live_only, "live").profile.environment is not None


def test_credentials_of_the_environment_stand_instead_of_the_files(write: Write) -> None:
    profile = load(write(PAPER + 'key_store = "keys"\n'), CREDENTIALS).profile
    assert profile.environment is not None and profile.key_store is None
