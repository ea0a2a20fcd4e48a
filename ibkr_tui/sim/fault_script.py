"""Fault scripts as files: TOML with ``[[fault]]`` tables, or a JSON list. A mistake is named with its line."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from ibkr_tui.sim.faults import FaultError, FaultScript

_HEADER = re.compile(r"^\s*\[\[\s*fault\s*\]\]")


def read_script(text: str) -> list[dict[str, Any]]:
    """The entries of a script, checked; ``FaultError`` says what is wrong and in which line."""
    return _read_json(text) if re.match(r"\s*(\{|\[\s*(\{|\]))", text) else _read_toml(text)


def _read_json(text: str) -> list[dict[str, Any]]:
    try:
        script = json.loads(text)
    except ValueError as error:
        raise FaultError(f"this is no JSON: {error}") from None
    entries: list[dict[str, Any]] = script if isinstance(script, list) else [script]
    try:
        FaultScript(entries)
    except FaultError as error:
        raise FaultError(f"fault {error.entry + 1}: {error}") from None
    return entries


def _read_toml(text: str) -> list[dict[str, Any]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FaultError(f"this is no TOML: {error}") from None
    for key in document:
        if key != "fault":
            raise FaultError(f"line {_line(text, -1, key)}: unknown key {key!r}; a script has [[fault]] tables only")
    entries = document.get("fault", [])
    if not isinstance(entries, list):
        raise FaultError(f"line {_line(text, -1, 'fault')}: write [[fault]], in double brackets")
    try:
        FaultScript(entries)
    except FaultError as error:
        raise FaultError(f"line {_line(text, error.entry, error.key)}: {error}") from None
    return entries


def _line(text: str, entry: int, key: str) -> int:
    """The line of a key in the entry (-1: before the first one), else the line the entry begins in."""
    place, start = -1, 1
    wanted = re.compile(rf"""(^|[\s{{,.\["'])({re.escape(key)})["']?\s*(=|\]|\.)""") if key else None
    for number, line in enumerate(text.splitlines(), 1):
        if _HEADER.match(line):
            place += 1
            start = number if place == entry else start
            continue
        if place == entry and wanted is not None and wanted.search(line.split("#")[0]):
            return number
    return start
