"""`ibkr-tui call`: one operation, one JSON document, an exit status (design 3)."""

from __future__ import annotations

import sys
import uuid
from typing import Any, Final

import click

from ibkr_tui.cli.arguments import read_arguments
from ibkr_tui.cli.output import Exit, emit_error, emit_result, result_status, tell
from ibkr_tui.cli.running import run_command
from ibkr_tui.cli.selection import Selection
from ibkr_tui.model.errors import BrokerError

_BY_WORD: Final = frozenset({"take_over"})
"""Confirmed by a word in their arguments: no --yes."""
_OF_ANY_ACCOUNT: Final = frozenset({"list_accounts", "switch_account"})
"""What may be asked of a core that has gone over to another account: where it is, and to go back."""
_WITHOUT_SESSION: Final = _BY_WORD | {"set_kill_switch", "tighten_limits", "approve_order"}
"""What the core does by itself: no waiting for a session."""


class _OneDocument(click.Command):
    """Wrong usage is told as an envelope too: whoever reads stdout finds one JSON document in any case."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            emit_error(BrokerError("BAD_ARGUMENT", error.format_message()))
            raise


@click.command(cls=_OneDocument)
@click.argument("operation")
@click.argument("words", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--args", "document", metavar="JSON", help="Arguments as a JSON object; NAME=VALUE goes over it.")
@click.option(
    "--yes", is_flag=True, help="Do it; without it an order is only previewed. A live order needs its approval too."
)
@click.pass_obj
def call(selection: Selection, operation: str, words: tuple[str, ...], document: str | None, yes: bool) -> None:
    """Run OPERATION and print {"ok": true, "result": …} or {"ok": false, "error": {…}}.

    See `ibkr-tui operations`. A core is started when none runs; it leaves after five minutes without faces.
    """
    run_command(lambda: _call(selection, operation, words, document, yes), json_errors=True)


async def _call(selection: Selection, operation: str, words: tuple[str, ...], document: str | None, yes: bool) -> int:
    from ibkr_tui.cli.catalogue import describe
    from ibkr_tui.cli.desk import Desk
    from ibkr_tui.cli.launching import CALL_LEAVE_AFTER_S, CoreLauncher, as_it_runs
    from ibkr_tui.core.state import open_state
    from ibkr_tui.link.client import LinkClient

    described = describe(operation)
    arguments = read_arguments(described["schema"], words, document)
    chosen = selection.load()
    if operation in _OF_ANY_ACCOUNT:
        chosen = as_it_runs(chosen, open_state(chosen.name, selection.environ).facts())
    launcher = CoreLauncher(chosen, selection.environ, leave_after=CALL_LEAVE_AFTER_S)
    place = await launcher.attach(_tell_a_person)
    face_id = uuid.uuid4().hex
    async with await LinkClient.connect(
        place.socket_path, fingerprint=place.fingerprint, face="call", face_id=face_id
    ) as client:
        desk = Desk(client, place, face_id)
        if described["tier"] in {"read", "stream"}:
            emit_result(await desk.read(operation, arguments))
            return Exit.DONE
        if operation not in _WITHOUT_SESSION:
            await desk.session()
        if not yes and _needs_yes(described, arguments):
            raise await desk.unconfirmed(operation, arguments)
        if launcher.kind == "paper":  # on live an approval is an act of its own
            arguments = await desk.approved(operation, arguments, described["schema"])
        result = await desk.change(operation, arguments)
        emit_result(result)
        return result_status(result)


def _needs_yes(described: dict[str, Any], arguments: dict[str, Any]) -> bool:
    """New orders and sweeping changes; a cancel always passes, and so does turning the kill switch on."""
    if described["name"] in _BY_WORD or (described["name"] == "set_kill_switch" and arguments.get("on")):
        return False
    return described["tier"] == "dangerous" or str(described["name"]).startswith("place_")


def _tell_a_person(step: str) -> None:
    if sys.stderr.isatty():
        tell(f"{step} …")
