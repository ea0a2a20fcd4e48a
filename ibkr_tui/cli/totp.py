"""`ibkr-tui totp`: the login page's second factor, for people who choose to keep its secret in a file."""

from __future__ import annotations

from pathlib import Path

import click

from ibkr_tui.cli.output import Exit, emit_result, show, tell
from ibkr_tui.cli.running import guard

WARNING = (
    "Warning: with its secret on this machine, the code is no second factor any more: who gets the password and this "
    "file gets in. Keep the file on another machine than the password, or use your phone."
)


@click.command()
@click.option("--secret-file", required=True, metavar="FILE", type=click.Path(path_type=Path),
              help="The secret as base32 text, readable by you only.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def totp(secret_file: Path, as_json: bool) -> None:
    """Print the one-time code of this moment and how long it is good. Nothing is sent anywhere."""
    from ibkr_tui.core.keys.totp import code_at, read_secret
    from ibkr_tui.model.clock import SystemClock

    def work() -> int:
        found = code_at(read_secret(secret_file), SystemClock().now())
        tell(WARNING)
        if as_json:
            emit_result(found)
        else:
            show(found.code)
            tell(f"Good for {found.seconds_left} s.")
        return Exit.DONE

    guard(work, json_errors=as_json)
