"""The example configuration: loads as it stands, names every setting, and its commented values are the defaults."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from ibkr_tui.core.config import load
from ibkr_tui.core.settings import (
    AuditSettings,
    ConfigFile,
    Limits,
    MarketSettings,
    ProfileSection,
    RiskPolicy,
    SafetySettings,
    UiSettings,
)

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
WITHOUT_DEFAULT = {"max_order_value", "max_order_qty", "max_day_value"}
SETTING = re.compile(r"^# (?=\[|\w+ = )", re.MULTILINE)


@pytest.fixture
def uncommented(tmp_path: Path) -> Path:
    """The example with every setting in force."""
    path = tmp_path / "config.toml"
    path.write_text(SETTING.sub("", EXAMPLE.read_text()))
    return path


def test_loads_as_it_stands() -> None:
    config = load(EXAMPLE, {})
    assert config.profile.account_id == "DU1234567"
    assert config.profile.key_store == EXAMPLE.parent / "keys" / "paper"


def test_says_only_the_defaults_where_it_says_anything_of_limits_and_looks() -> None:
    file = load(EXAMPLE, {}).file
    assert (file.limits, file.market, file.safety, file.ui) == (
        Limits(),
        MarketSettings(),
        SafetySettings(),
        UiSettings(),
    )


@pytest.mark.parametrize("section", ["limits", "market", "safety", "audit", "ui"])
def test_the_commented_values_are_the_defaults(uncommented: Path, section: str) -> None:
    values = getattr(load(uncommented, {}).file, section)
    for name, default in msgspec.structs.asdict(type(values)()).items():
        written = getattr(values, name)
        if name in WITHOUT_DEFAULT:
            assert default is None and written is not None
        else:
            assert written == default, name


def test_the_commented_profile_values_are_the_defaults(uncommented: Path) -> None:
    for name in ("paper", "live", "gateway"):
        written, plain = load(uncommented, {}, name).profile, ProfileSection("paper", "DU1")
        assert written.name == name
        if name == "paper":
            bare = load(EXAMPLE, {}, name).profile
            assert (written.rest_url, written.ws_url, written.orders) == (bare.rest_url, bare.ws_url, bare.orders)
            assert written.auth == plain.auth
    assert load(uncommented, {}, "live").profile.orders == "refuse"


@pytest.mark.parametrize(
    "struct",
    [ConfigFile, ProfileSection, Limits, RiskPolicy, MarketSettings, SafetySettings, AuditSettings, UiSettings],
)
def test_names_every_setting(struct: type[msgspec.Struct]) -> None:
    text = EXAMPLE.read_text()
    for name in struct.__struct_fields__:
        assert re.search(rf"^(# )?{name} = |^(# )?\[{name}[.\]]", text, re.MULTILINE), name
