"""The `ibkr-tui` command: its options, and where each subcommand lives. A subcommand is imported when it is used."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final

import click

from ibkr_tui.cli.hardening import harden, leave_no_prompt
from ibkr_tui.cli.selection import Selection

_COMMANDS: Final = {
    "demo": ("ibkr_tui.cli.demo", "demo", "The app on the embedded simulator; needs nothing, leaves nothing."),
    "sim": ("ibkr_tui.cli.simulator", "sim", "Run the embedded IBKR simulator."),
    "portal": ("ibkr_tui.cli.portal", "portal", "The simulator's key portal, to practise a rotation on."),
    "call": ("ibkr_tui.cli.call", "call", "Run one operation; prints JSON."),
    "operations": ("ibkr_tui.cli.operations", "operations", "List every operation that call can run."),
    "watch": ("ibkr_tui.cli.watch", "watch", "Follow tables as JSON lines, live."),
    "core": ("ibkr_tui.cli.core", "core", "Run, start, stop or ask for the core."),
    "setup": ("ibkr_tui.cli.setup", "setup", "Set up an account: configuration, keys, test login."),
    "rotate": ("ibkr_tui.cli.rotate", "rotate", "New keys: stage, prove, switch, go back."),
    "kill": ("ibkr_tui.cli.kill", "kill", "Stop new orders at once: on, off, status."),
    "audit": ("ibkr_tui.cli.audit", "audit", "Verify, follow or export what was written down of every order."),
    "record": ("ibkr_tui.cli.record", "record", "Record what the core knows, for a replay."),
    "replay": ("ibkr_tui.cli.replay", "replay", "Replay a recorded day in the app, offline."),
    "health": ("ibkr_tui.cli.health", "health", "Say how every profile stands: ok, degraded or down."),
    "doctor": ("ibkr_tui.cli.doctor", "doctor", "Find what is broken between the configuration and the account."),
    "gateway": ("ibkr_tui.cli.gateway", "gateway", "Log in at a Client Portal Gateway; verify and maintain it."),
    "totp": ("ibkr_tui.cli.totp", "totp", "The code of the login's second factor, from a secret in a file."),
    "config": ("ibkr_tui.cli.config", "config", "Show, check or locate the configuration; import keys."),
}


class _Rooms(click.Group):
    """Subcommands by name, imported only when one is run: `--help` and `call` stay fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = _COMMANDS.get(cmd_name)
        if found is None:
            return None
        command: click.Command = getattr(importlib.import_module(found[0]), found[1])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in _COMMANDS.items()])


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from ibkr_tui.cli.version import commit, version

        click.echo(f"ibkr-tui {version()} (commit {commit()})")
        context.exit()


@click.group(
    cls=_Rooms,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Without a command: the app. Exit status: 0 done, 1 refused or failed, 2 wrong usage or configuration, "
        "3 outcome unknown, 130/143 on signals."
    ),
)
@click.option("--profile", metavar="NAME", help="Which profile of the configuration to use.")
@click.option("--account", metavar="ID", help="Another account of the profile's login than the profile names.")
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help="Another configuration file.")
@click.option("--low-bandwidth", is_flag=True, help="The app on a slow line: a frame a second at most, under 4 kB/s.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and its commit, and exit.",
)
@click.pass_context
def main(
    context: click.Context, profile: str | None, account: str | None, config: Path | None, low_bandwidth: bool
) -> None:
    """A full-screen terminal for trading with Interactive Brokers over the IBKR Web API."""
    leave_no_prompt()
    harden()
    context.obj = Selection(profile, config, account=account, low_bandwidth=low_bandwidth)
    if context.invoked_subcommand is None:
        from ibkr_tui.cli.application import run_application

        run_application(context.obj)


if __name__ == "__main__":
    main(prog_name="ibkr-tui")
