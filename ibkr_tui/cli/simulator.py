"""``ibkr-tui sim``: the embedded simulator as a process of its own."""

from __future__ import annotations

import click


@click.command(
    "sim",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    short_help="Run the embedded IBKR simulator.",
)
@click.pass_context
def sim(context: click.Context) -> None:
    """Run the embedded IBKR simulator. Its options are read by the simulator itself, which imports only itself."""
    from ibkr_tui.sim.command import sim as command

    command.main(context.args, prog_name="ibkr-tui sim")
