"""`ibkr-tui config`: what is set, where each value came from, and whether it can be used."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import msgspec

from ibkr_tui.cli.import_env import import_env
from ibkr_tui.cli.output import Exit, emit, show, table
from ibkr_tui.cli.running import guard
from ibkr_tui.cli.selection import Chosen, Selection
from ibkr_tui.model.numbers import plain


@click.group()
def config() -> None:
    """Show, check or locate the configuration; import keys from the environment."""


config.add_command(import_env)


@config.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def show_config(selection: Selection, as_json: bool) -> None:
    """Show every value of the profile and where it came from. Secrets are never shown."""

    def work() -> int:
        chosen = selection.load()
        rows = _rows(chosen)
        if as_json:
            emit({"ok": True, "result": {"profile": chosen.name, "path": _path(chosen), "values": rows}})
        else:
            show(f"Profile {chosen.name}, from {_path(chosen) or 'the environment alone'}")
            show(
                table(
                    [{"name": row["name"], "value": _as_written(row["value"]), "source": row["source"]} for row in rows]
                )
            )
        return Exit.DONE

    guard(work, json_errors=as_json)


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def check(selection: Selection, as_json: bool) -> None:
    """Check the configuration and the keys it names. Exits 2 when they can't be used."""
    from ibkr_tui.core.keys.key_set import load_key_set

    def work() -> int:
        chosen = selection.load()
        if chosen.profile.auth == "oauth1":
            load_key_set(chosen.profile).prepend()
        if as_json:
            emit({"ok": True, "result": {"profile": chosen.name, "path": _path(chosen)}})
        else:
            show(f"{_path(chosen) or 'The environment'} is in order and its keys fit: profile {chosen.name}.")
        return Exit.DONE

    guard(work, json_errors=as_json)


@config.command()
@click.pass_obj
def path(selection: Selection) -> None:
    """Say where the configuration belongs."""
    from ibkr_tui.core.config import default_path

    def work() -> int:
        show(str((selection.config or default_path(selection.environ)).absolute()))
        return Exit.DONE

    guard(work)


def _path(chosen: Chosen) -> str:
    return str(chosen.path) if chosen.path is not None else ""


def _rows(chosen: Chosen) -> list[dict[str, Any]]:
    """Dotted name, value, source; the profile's own settings first."""
    profile, file = chosen.profile, chosen.config.file
    values: dict[str, Any] = {"default_profile": file.default_profile}
    sections = {
        "limits": profile.limits, "session": profile.session, "market": profile.market, "safety": profile.safety,
        "audit": profile.audit, "ui": profile.ui,
    }  # fmt: skip
    prefix = f"profiles.{profile.name}"
    own = ["kind", "auth", "account_id", "rest_url", "ws_url", "orders", "compete", "key_store", "credentials_file"]
    for key in [*own, "live_trading", "risk_policy"] if profile.kind == "live" else own:
        values[f"{prefix}.{key}"] = getattr(profile, key)
    if profile.environment is not None:
        values[f"{prefix}.credentials"] = "(set, not shown)"
    for name, section in sections.items():
        for key in section.__struct_fields__:
            values[f"{name}.{key}"] = getattr(section, key)
    return [
        {"name": name, "value": _shown(value), "source": chosen.config.provenance.get(name, "default")}
        for name, value in values.items()
        if value is not None
    ]


def _as_written(value: Any) -> str:
    """As the file would have it, a word without its quotes."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{name}" = "{item}"' for name, item in value.items()) + " }" if value else "{}"
    return value if isinstance(value, str) else msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


def _shown(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Path):
        return str(value)
    return msgspec.to_builtins(value)
