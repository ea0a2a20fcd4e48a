"""The command line of the simulator (design section 3)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from ibkr_tui.sim.fault_script import read_script
from ibkr_tui.sim.faults import FaultError
from ibkr_tui.sim.options import SimOptions
from ibkr_tui.sim.server import run_until_signal


@click.command("sim", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 picks a free one.")
@click.option("--seed", default=1, show_default=True, type=int, help="Seed of the market's random walk.")
@click.option(
    "--speed", default=1.0, show_default=True, type=click.FloatRange(0.01, 1000), help="Exchange seconds a second."
)
@click.option(
    "--faults", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Fault script, TOML or JSON."
)
@click.option("--tls", is_flag=True, help="Serve HTTPS and WSS with a self-signed certificate.")
@click.option("--gateway", is_flag=True, help="Serve as the Client Portal Gateway does: a login page, no OAuth.")
@click.option("--pacing", is_flag=True, help="Answer 429 beyond the documented request limits.")
@click.option("--front-door", is_flag=True, help="Listen through a TCP relay that the control URL can break.")
@click.option("--page-size", default=30, show_default=True, type=click.IntRange(1, 1000), help="Positions a page.")
@click.option(
    "--accounts", default=1, show_default=True, type=click.IntRange(1, 20), help="Accounts of the paper user."
)
@click.option(
    "--instruments",
    default=0,
    type=click.IntRange(0, 5_000),
    help="So many, with made-up stocks for the rest.",
)
@click.option(
    "--updates", default=0, type=click.IntRange(0, 50_000), help="Quotes that change a second, over all instruments."
)
@click.option("--exit-with-parent", is_flag=True, help="Stop when standard input ends.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for credentials and configuration.",
)
def sim(
    *,
    host: str,
    port: int,
    seed: int,
    speed: float,
    faults: Path | None,
    tls: bool,
    gateway: bool,
    pacing: bool,
    front_door: bool,
    page_size: int,
    accounts: int,
    instruments: int,
    updates: int,
    exit_with_parent: bool,
    out: Path,
) -> None:
    """Run the embedded IBKR simulator; prints one JSON line when it is ready."""
    script: list[dict[str, object]] = []
    if faults is not None:
        try:
            script = read_script(faults.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, FaultError) as error:
            raise click.BadParameter(f"{faults}: {error}", param_hint="--faults") from None
    options = SimOptions(
        out,
        host,
        port,
        seed,
        speed,
        tls,
        gateway,
        script,
        pacing,
        page_size,
        accounts=accounts,
        instruments=instruments,
        updates=updates,
        front_door=front_door,
    )
    try:
        status = asyncio.run(run_until_signal(options, exit_with_parent))
    except OSError as error:
        click.echo(f"ibkr-tui sim: {error}", err=True)
        sys.exit(1)
    sys.exit(status)
