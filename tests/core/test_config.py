"""Settings: the file read strictly, the environment over it, and where each value came from."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from ibkr_tui.core.config import Config, default_path, load
from ibkr_tui.core.settings import Limits, MarketSettings
from ibkr_tui.model.errors import BrokerError

PAPER = '[profiles.paper]\nkind = "paper"\naccount_id = "DU1234567"\ncredentials_file = "paper/credentials.json"\n'
LIVE = '[profiles.live]\nkind = "live"\naccount_id = "U1234567"\nkey_store = "keys/live"\n'
CREDENTIALS = {
    "IBKR_CONSUMER_KEY": "TESTCONSA",
    "IBKR_ACCESS_TOKEN": "0123456789abcdef0123",
    "IBKR_ACCESS_TOKEN_SECRET": "c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUtc2VlbgDDDD",
    "IBKR_SIGNATURE_KEY_PATH": "/keys/signature.pem",
    "IBKR_ENCRYPTION_KEY_PATH": "/keys/encryption.pem",
    "IBKR_DH_PRIME": "ff",
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(place: Path, text: str, environ: dict[str, str] | None = None, profile: str | None = None) -> Config:
    place.write_text(text, encoding="utf-8")
    return load(place, environ or {}, profile)


def refusal(place: Path, text: str, environ: dict[str, str] | None = None, profile: str | None = None) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        read(place, text, environ, profile)
    return caught.value


def test_a_profile_is_resolved_with_paths_beside_the_file(place: Path) -> None:
    profile = read(place, PAPER + LIVE).profile
    assert (profile.name, profile.kind, profile.auth, profile.account_id) == ("paper", "paper", "oauth1", "DU1234567")
    assert profile.credentials_file == place.parent / "paper" / "credentials.json"
    assert profile.rest_url == "https://api.ibkr.com/v1/api"
    assert profile.ws_url == "wss://api.ibkr.com/v1/api/ws"
    assert profile.orders == "send"
    assert profile.limits == Limits()


def test_a_live_profile_refuses_orders_unless_told_otherwise(place: Path) -> None:
    assert read(place, PAPER + LIVE, profile="live").profile.orders == "refuse"
    assert read(place, PAPER + LIVE + 'orders = "dry_run"\n', profile="live").profile.orders == "dry_run"


def test_the_gateway_has_addresses_of_its_own(place: Path) -> None:
    profile = read(place, PAPER + 'auth = "gateway"\n').profile
    assert profile.rest_url == "https://localhost:5000/v1/api"
    assert profile.ws_url == "wss://localhost:5000/v1/api/ws"


@pytest.mark.parametrize(
    ("lines", "key", "line", "hint"),
    [
        ("[limits]\nmax_leverge = 3", "limits.max_leverge", 6, "did you mean “max_leverage”?"),
        ("[limits]\n\n# a comment\nmax_order_val = 3", "limits.max_order_val", 8, "did you mean “max_order_value”?"),
        ("[market]\nws_enable = true", "market.ws_enable", 6, "did you mean “ws_enabled”?"),
        ("[safty]\nauto_confirm = []", "safty", 5, "did you mean “safety”?"),
        ("[profiles.more]\nkind = 'paper'\naccount = 'DU1'", "profiles.more.account", 7, "did you mean “account_id”?"),
        ("[profiles.'x.y']\nzzz = 1", "profiles.x.y.zzz", 6, "known here: kind, account_id"),
        ("market.max_subs = 3", "profiles.paper.market", 5, "known here: kind, account_id"),
        ('"secret" = "x"', "profiles.paper.secret", 5, "known here: kind, account_id"),
    ],
)
def test_an_unknown_key_names_file_line_and_nearest_key(
    place: Path, lines: str, key: str, line: int, hint: str
) -> None:
    error = refusal(place, PAPER + lines + "\n")
    assert error.code == "CONFIG_INVALID"
    assert error.details == {"file": str(place), "line": line, "key": key}
    assert f"{place}, line {line}:" in error.message
    assert hint in error.message


@pytest.mark.parametrize(
    "lines",
    [
        "[limits]\nmax_leverage = 0",
        "[limits]\nmax_leverage = nan",
        "[limits]\nmax_leverage = inf",
        "[limits]\nmax_order_value = 0",
        "[limits]\nmax_order_value = -1",
        "[limits]\nmax_order_qty = nan",
        "[limits]\nmax_quote_age_s = inf",
        "[limits]\nmax_quote_age_s = 0",
        "[limits]\nmax_leverage = true",
        "[market]\nmax_subscriptions = 0",
        "[market]\nmax_subscriptions = 1.5",
        '[market]\nws_enabled = "yes"',
        '[market]\nprefer = "US"',
        "[safety]\nmax_reply_rounds = 11",
        "[safety]\nauto_confirm = [354]",
        "[ui]\nfps = 0",
        "[ui]\ntheme = 3",
        "[profiles.'a/../b']\nkind = 'paper'\naccount_id = 'DU1'",
    ],
)
def test_a_value_that_cannot_be_names_its_line(place: Path, lines: str) -> None:
    error = refusal(place, PAPER + lines + "\n")
    assert error.code == "CONFIG_INVALID"
    assert error.details["line"] == (5 if "profiles" in lines else 6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[profiles.paper\n", "line 1"),
        ("profiles = 3\n", "[profiles.NAME]"),
        ("[profiles]\npaper = 3\n", "profiles.paper"),
        ('[profiles.paper]\naccount_id = "DU1"\n', "kind"),
        ("schema_version = 2\n" + PAPER, "version 2"),
        (PAPER + 'key_store = "keys"\n', "not both"),
        (PAPER + 'orders = "sent"\n', "orders"),
        (PAPER.replace('"paper"', '"papr"'), "kind"),
        ('default_profile = "mine"\n' + PAPER, "no profile “mine”; it has: paper"),
    ],
)
def test_what_is_wrong_with_the_file_is_said(place: Path, text: str, words: str) -> None:
    error = refusal(place, text)
    assert error.code == "CONFIG_INVALID"
    assert words in error.message


def test_a_file_that_is_no_text_is_refused(place: Path) -> None:
    place.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BrokerError) as caught:
        load(place, {})
    assert caught.value.code == "CONFIG_INVALID"


def test_numbers_are_exact(place: Path) -> None:
    limits = read(
        place, PAPER + "[limits]\nmax_leverage = 2.1\nmax_order_value = 0.3\nmax_quote_age_s = 2.5"
    ).profile.limits
    assert (limits.max_leverage, limits.max_order_value) == (Decimal("2.1"), Decimal("0.3"))
    assert limits.max_quote_age_s == 2.5


@pytest.mark.parametrize(
    ("kind", "account", "code"),
    [
        ("paper", "U1234567", "ACCOUNT_KIND_MISMATCH"),
        ("live", "DU1234567", "ACCOUNT_KIND_MISMATCH"),
        ("live", "DF1234567", "ACCOUNT_KIND_MISMATCH"),
        ("live", "du1234567", "ACCOUNT_KIND_MISMATCH"),
        ("paper", "DU123/../4", "CONFIG_INVALID"),
        ("paper", "", "CONFIG_INVALID"),
        ("paper", "ＤＵ1234567", "CONFIG_INVALID"),
    ],
)
def test_an_account_of_the_other_kind_is_refused(place: Path, kind: str, account: str, code: str) -> None:
    assert refusal(place, f'[profiles.paper]\nkind = "{kind}"\naccount_id = "{account}"\n').code == code


@pytest.mark.parametrize("account", ["DU1234567", "DF1234567"])
def test_both_sorts_of_paper_account_are_taken(place: Path, account: str) -> None:
    assert read(place, PAPER.replace("DU1234567", account)).profile.account_id == account


@pytest.mark.parametrize(
    "url",
    [
        "https://api.ibkr.com/v1/api", "https://1.api.ibkr.com/v1/api", "http://127.0.0.1:5055/v1/api",
        "http://127.8.9.1:5055/v1/api", "http://[::1]:5055/v1/api", "http://localhost:5055", "https://localhost:5000/v1/api",
    ],
)  # fmt: skip
def test_ibkr_and_this_machine_may_be_named(place: Path, url: str) -> None:
    assert read(place, PAPER + f'rest_url = "{url}/"\n').profile.rest_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.ibkr.com/v1/api", "https://api.ibkr.com.evil.example/v1/api", "https://evil.example/v1/api",
        "https://evilapi.ibkr.com/v1/api", "http://127.0.0.1.evil.example/", "http://localhost./", "http://0.0.0.0:5000/",
        "http://127.1/", "http://2130706433/", "https://api.ibkr.com@evil.example/", "https://user:word@api.ibkr.com/",
        "https://api.ibkr.com/?", "https://api.ibkr.com/#", "https://api.ibkr.com\\n/v1", "https://api.ibkr.com/ v1",
        "ftp://127.0.0.1/", "https:///v1", "https://127.0.0.1:0/", "https://127.0.0.1:99999/", "https://[::1/", "",
    ],
)  # fmt: skip
def test_no_other_server_may_be_named(place: Path, url: str) -> None:
    error = refusal(place, PAPER + f'rest_url = "{url}"\n')
    assert (error.code, error.details["key"], error.details["line"]) == ("CONFIG_INVALID", "profiles.paper.rest_url", 5)
    from_environment = refusal(place, PAPER, {"IBKR_URL_TESTNET": url.replace("\\n", "\n") or "x"})
    assert from_environment.code == "CONFIG_INVALID"
    assert "IBKR_URL_TESTNET" in from_environment.message


def test_a_stream_needs_a_stream_address(place: Path) -> None:
    assert refusal(place, PAPER + 'ws_url = "https://api.ibkr.com/v1/api/ws"\n').code == "CONFIG_INVALID"


def test_the_environment_wins_and_provenance_says_so(place: Path) -> None:
    environ = {
        "IBKR_URL_TESTNET": "http://127.0.0.1:1/v1/api",
        "IBKR_URL": "http://127.0.0.1:2/v1/api",
        "IBKR_WS_URL": "ws://127.0.0.1:2/v1/api/ws",
        "IBKR_WS_URL_LIVE": "ws://127.0.0.1:3/v1/api/ws",
        "IBKR_MAX_LEVERAGE": "2.5",
        "IBKR_WS_ENABLED": "false",
        "IBKR_WS_MAX_SUBSCRIPTIONS": "12",
    }
    config = read(place, PAPER + "[limits]\nmax_leverage = 3\nmax_order_qty = 7\n", environ)
    profile, origin = config.profile, config.provenance
    assert (profile.rest_url, profile.ws_url) == ("http://127.0.0.1:1/v1/api", "ws://127.0.0.1:2/v1/api/ws")
    assert profile.limits == Limits(max_leverage=Decimal("2.5"), max_order_qty=Decimal(7))
    assert profile.market == MarketSettings(ws_enabled=False, max_subscriptions=12)
    assert origin["profiles.paper.rest_url"] == "IBKR_URL_TESTNET"
    assert origin["profiles.paper.ws_url"] == "IBKR_WS_URL"
    assert origin["limits.max_leverage"] == "IBKR_MAX_LEVERAGE"
    assert origin["limits.max_order_qty"] == f"{place}:7"
    assert origin["profiles.paper.account_id"] == f"{place}:3"
    assert origin["ui.fps"] == "default"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IBKR_MAX_LEVERAGE", "four"), ("IBKR_MAX_LEVERAGE", "0"), ("IBKR_MAX_LEVERAGE", "nan"),
        ("IBKR_WS_ENABLED", "perhaps"), ("IBKR_WS_MAX_SUBSCRIPTIONS", "0"), ("IBKR_WS_MAX_SUBSCRIPTIONS", "1.5"),
    ],
)  # fmt: skip
def test_a_bad_word_in_the_environment_is_named(place: Path, name: str, value: str) -> None:
    error = refusal(place, PAPER, {name: value})
    assert error.code == "CONFIG_INVALID"
    assert name in error.message


def test_everything_can_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(None, CREDENTIALS | {"IBKR_ACCOUNT_ID_TESTNET": "DU7654321"})
    assert config.path is None
    assert (config.profile.name, config.profile.kind, config.profile.account_id) == ("paper", "paper", "DU7654321")
    assert config.profile.environment is not None
    assert config.profile.environment.consumer_key == "TESTCONSA"
    for shown in (repr(config), str(config.profile), str(config.provenance)):
        assert CREDENTIALS["IBKR_ACCESS_TOKEN"] not in shown
        assert CREDENTIALS["IBKR_ACCESS_TOKEN_SECRET"] not in shown


def test_a_live_account_in_the_environment_alone_means_the_live_profile() -> None:
    config = load(None, {"IBKR_ACCOUNT_ID_LIVE": "U7654321"})
    assert (config.profile.name, config.profile.kind, config.profile.orders) == ("live", "live", "refuse")


def test_credentials_in_the_environment_are_all_or_nothing(place: Path) -> None:
    for left_out in CREDENTIALS:
        environ = {name: value for name, value in CREDENTIALS.items() if name != left_out}
        error = refusal(place, PAPER, environ)
        assert error.code == "CONFIG_INVALID"
        assert left_out in error.message
        assert not any(name in error.message.split() for name in environ)
        assert not any(value in str(error) for value in environ.values() if len(value) > 2)


def test_a_suffixed_credential_wins_over_the_plain_one_for_its_own_kind(place: Path) -> None:
    environ = CREDENTIALS | {"IBKR_CONSUMER_KEY_TESTNET": "PAPERCONS", "IBKR_CONSUMER_KEY_LIVE": "LIVECONSU"}
    paper = read(place, PAPER + LIVE, environ).profile
    live = read(place, PAPER + LIVE, environ, "live").profile
    assert paper.environment is not None
    assert live.environment is not None
    assert (paper.environment.consumer_key, live.environment.consumer_key) == ("PAPERCONS", "LIVECONSU")
    assert paper.credentials_file is None
    assert live.key_store is None


def test_credentials_of_the_other_kind_do_not_count(place: Path) -> None:
    environ = {f"{name}_LIVE": value for name, value in CREDENTIALS.items()}
    assert read(place, PAPER, environ).profile.environment is None


def test_no_file_and_no_account_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(BrokerError) as caught:
        load(None, {})
    assert caught.value.code == "CONFIG_NOT_FOUND"
    assert "IBKR_ACCOUNT_ID_TESTNET" in caught.value.message
    for wrong in ({}, {"IBKR_TUI_CONFIG": str(tmp_path / "none.toml")}):
        with pytest.raises(BrokerError) as named:
            load(None if wrong else tmp_path / "none.toml", wrong | {"IBKR_ACCOUNT_ID_TESTNET": "DU7654321"})
        assert named.value.code == "CONFIG_NOT_FOUND"
        assert "none.toml" in named.value.message


def test_the_default_place(tmp_path: Path) -> None:
    assert default_path({"IBKR_TUI_CONFIG": str(tmp_path / "mine.toml")}) == tmp_path / "mine.toml"
    assert default_path({}).name == "config.toml"


def test_a_fingerprint_tells_configurations_apart_and_holds_no_secret(place: Path) -> None:
    first = read(place, PAPER).profile

    def differs(**change: object) -> bool:
        return msgspec.structs.replace(first, **change).fingerprint != first.fingerprint  # type: ignore[arg-type]

    assert read(place, PAPER).profile.fingerprint == first.fingerprint
    assert differs(account_id="DU7654321")
    assert differs(rest_url="http://127.0.0.1:1/v1/api")
    assert differs(ws_url="ws://127.0.0.1:1/v1/api/ws")
    assert differs(credentials_file=place)
    assert differs(orders="dry_run")
    by_environment = read(place, PAPER, CREDENTIALS).profile
    other_token = read(place, PAPER, CREDENTIALS | {"IBKR_ACCESS_TOKEN": "f" * 20}).profile
    assert len({first.fingerprint, by_environment.fingerprint, other_token.fingerprint}) == 3
    assert by_environment.fingerprint.isalnum()
