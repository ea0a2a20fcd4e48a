"""`ibkr-tui operations`: what `call` can run, known without a core."""

from __future__ import annotations

from typing import Any

import click

from ibkr_tui.cli.output import Exit, emit, show, table
from ibkr_tui.cli.running import guard


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with every argument's schema.")
def operations(as_json: bool) -> None:
    """List every operation: its name, its safety tier, its arguments."""
    guard(lambda: _operations(as_json))


def _operations(as_json: bool) -> int:
    from ibkr_tui.cli.catalogue import describe_all

    found = describe_all()
    if as_json:
        emit(found)
    else:
        show(table([_row(operation) for operation in found]))
    return Exit.DONE


def _row(operation: dict[str, Any]) -> dict[str, str]:
    schema = operation["schema"]
    shape = schema["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    required = shape.get("required", ())
    words = [name if name in required else f"[{name}]" for name in shape.get("properties", {})]
    return {
        "name": operation["name"],
        "tier": operation["tier"],
        "summary": operation["summary"],
        "arguments": " ".join(words),
    }
