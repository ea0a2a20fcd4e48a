"""`ibkr-tui rotate`: new keys for a profile, in steps that can be left and taken up again."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from ibkr_tui.cli.inline import may_draw, run_wizard
from ibkr_tui.cli.output import Exit, emit_result, show, tell
from ibkr_tui.cli.rotation_calls import NOTHING_NEW, ask_rotation, ask_status, confirm_rotation, entered, in_thread
from ibkr_tui.cli.running import guard, run_command
from ibkr_tui.cli.selection import Selection
from ibkr_tui.model.rotation import (
    KeyVersion,
    RotationAuthorize,
    RotationDone,
    RotationPhase,
    RotationStarted,
    RotationStatus,
)

if TYPE_CHECKING:
    from ibkr_tui.core.keys.rotation import Rotation

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
STAGED = "staged"
_NAME = click.option("--confirm", "typed", default="", metavar="NAME", help="The live profile's name, if you mean it.")


@click.group(invoke_without_command=True)
@click.pass_context
def rotate(context: click.Context) -> None:
    """Rotate a profile's keys. The old set stays in charge until the new one has logged in.

    On a terminal and without a command: a wizard of all steps, under the prompt.
    """
    if context.invoked_subcommand is not None:
        return
    if not (sys.stdin.isatty() and may_draw()):
        click.echo(context.get_help(), err=True)
        context.exit(Exit.USAGE)

    def work() -> int:
        chosen = context.obj.load()
        status = run_wizard(context.obj, chosen)
        for line in status_lines(asyncio.run(ask_status(context.obj))):
            show(line)
        return status

    guard(work)


@rotate.command()
@click.option("--new-group", is_flag=True, help="Take the group of RFC 3526 instead of the current set's own.")
@click.option("--renew", is_flag=True, help="Give what is staged another day.")
@_NAME
@_JSON
@click.pass_obj
def start(selection: Selection, new_group: bool, renew: bool, typed: str, as_json: bool) -> None:
    """Stage a new key set, and say what to upload to IBKR."""

    async def work() -> int:
        arguments = {"group": "group14" if new_group else "keep", "renew": renew, "confirm": typed}

        def alone(rotation: Rotation) -> RotationStarted:
            from ibkr_tui.core.keys import generation

            if renew:
                return rotation.renew()
            return rotation.start((generation.GROUP_14, generation.GENERATOR) if new_group else None)

        begun = await ask_rotation(selection, "rotate_start", arguments, in_thread(alone), RotationStarted, typed=typed)
        if as_json:
            emit_result(begun)
            return Exit.DONE
        tell(f"Staged: {begun.version}. Nothing changes until `ibkr-tui rotate confirm` has logged in with it.")
        tell("Upload these in IBKR's portal (Settings, OAuth), then make a new access token there:")
        for path in begun.upload:
            show(path)
        for name, digest in begun.fingerprints.items():
            tell(f"  {name}  {digest}")
        tell(f"The stage ends at {begun.expires_at:%Y-%m-%d %H:%M} UTC; `rotate start --renew` gives it another day.")
        return Exit.DONE

    run_command(work, json_errors=as_json)


@rotate.command()
@_JSON
@click.pass_obj
def status(selection: Selection, as_json: bool) -> None:
    """Which set is in charge, what is staged, and what comes next."""

    async def work() -> int:
        found = await ask_status(selection)
        if as_json:
            emit_result(found)
        else:
            for line in status_lines(found):
                show(line)
        return Exit.DONE

    run_command(work, json_errors=as_json)


@rotate.command(short_help="For third parties: ask for a request token.")
@click.argument("consumer_key", metavar="CONSUMERKEY")
@_NAME
@_JSON
@click.pass_obj
def authorize(selection: Selection, consumer_key: str, typed: str, as_json: bool) -> None:
    """For third parties (a consumer key of 25 hex digits): ask for a request token, and say where to allow it.

    IBKR must have the staged public files. A person allows it in a browser; then `rotate confirm` takes the verifier.
    """

    async def work() -> int:
        arguments = {"consumer_key": consumer_key, "confirm": typed}
        found = await ask_rotation(
            selection, "rotate_authorize", arguments, lambda it: it.authorize(consumer_key), RotationAuthorize,
            typed=typed,
        )  # fmt: skip
        if as_json:
            emit_result(found)
            return Exit.DONE
        tell("Open this in a browser, log in as the account's user, and allow it:")
        show(found.authorize_url)
        tell("The page's next address holds oauth_verifier=…: give that to `ibkr-tui rotate confirm`.")
        return Exit.DONE

    run_command(work, json_errors=as_json)


@rotate.command()
@click.option("--input", "source", metavar="FILE|-", help="JSON with new_consumer_key, new_access_token and "
              "new_access_token_secret, or with oauth_verifier; - reads stdin.")  # fmt: skip
@click.option("--input-fd", type=click.IntRange(min=3), metavar="N", help="The same from a file descriptor.")
@click.option("--again", is_flag=True, help="Try again with what was entered before.")
@_NAME
@_JSON
@click.pass_obj
def confirm(
    selection: Selection, *, source: str | None, input_fd: int | None, again: bool, typed: str, as_json: bool
) -> None:
    """Prove the staged set with a test login, then switch to it. Asks for the portal's values, and echoes nothing."""

    async def work() -> int:
        asks = not again and source is None and input_fd is None
        waits = asks and bool((await ask_status(selection)).authorize_url)
        entry = NOTHING_NEW if again else await asyncio.to_thread(entered, source, input_fd, verifier=waits)
        done = await confirm_rotation(selection, entry, typed)
        if as_json:
            emit_result(done)
        else:
            tell(f"Switched at {done.rotated_at:%H:%M:%S} UTC: {done.version} is in charge.")
            tell(f"Before it: {done.old_version or 'nothing'}; `ibkr-tui rotate rollback` goes back.")
        return Exit.DONE

    run_command(work, json_errors=as_json)


@rotate.command()
@_JSON
@click.pass_obj
def abort(selection: Selection, as_json: bool) -> None:
    """Drop what is staged. The set in charge is not touched; a second abort does nothing."""

    async def work() -> int:
        def alone(rotation: Rotation) -> dict[str, bool]:
            return {"aborted": rotation.abort()}

        done = await ask_rotation(selection, "rotate_abort", {}, in_thread(alone), dict[str, bool])
        if as_json:
            emit_result(done)
        else:
            tell("The staged set is gone." if done["aborted"] else "Nothing was staged.")
        return Exit.DONE

    run_command(work, json_errors=as_json)


@rotate.command(short_help="Go back to the previous set.")
@_NAME
@_JSON
@click.pass_obj
def rollback(selection: Selection, typed: str, as_json: bool) -> None:
    """Go back to the previous set; the one in charge now becomes the previous."""

    async def work() -> int:
        done = await ask_rotation(
            selection, "rotate_rollback", {"confirm": typed}, in_thread(lambda it: it.rollback()), RotationDone,
            typed=typed,
        )  # fmt: skip
        if as_json:
            emit_result(done)
        else:
            tell(f"Back to {done.version}.")
        return Exit.DONE

    run_command(work, json_errors=as_json)


@rotate.command(short_help="Take old sets off the disk.")
@click.option("--keep", type=click.IntRange(min=2), default=3, show_default=True, help="How many sets stay.")
@_JSON
@click.pass_obj
def prune(selection: Selection, keep: int, as_json: bool) -> None:
    """Take old sets off the disk; never the one in charge, the one before it, or the staged one."""

    async def work() -> int:
        def alone(rotation: Rotation) -> dict[str, list[str]]:
            return {"dropped": rotation.prune(keep)}

        done = await ask_rotation(selection, "rotate_prune", {"keep": keep}, in_thread(alone), dict[str, list[str]])
        if as_json:
            emit_result(done)
        else:
            count = len(done["dropped"])
            tell(f"{count} old sets are gone." if count != 1 else "One old set is gone.")
        return Exit.DONE

    run_command(work, json_errors=as_json)


def status_lines(found: RotationStatus) -> list[str]:
    """How the keys stand, for people, and what comes next."""
    if found.managed_by:
        return [f"Nothing to rotate here: {found.managed_by}"]
    lines = [line for name, version in (
        ("in charge", found.current), ("before it", found.previous), ("staged", found.staged))
        for line in _version_lines(name, version)]  # fmt: skip
    says = {
        RotationPhase.IDLE: "next: ibkr-tui rotate start",
        RotationPhase.UPLOAD: "next: upload these, make a token in the portal, then ibkr-tui rotate confirm",
        RotationPhase.PROVE: "next: ibkr-tui rotate confirm --again",
        RotationPhase.EXPIRED: "the stage has expired: ibkr-tui rotate start --renew, or ibkr-tui rotate abort",
    }
    if found.expires_at is not None:
        lines.append(f"stage ends  {found.expires_at:%Y-%m-%d %H:%M} UTC")
    if found.authorize_url:
        lines.append(f"to allow    {found.authorize_url}")
        says[found.phase] = "next: allow it in a browser, then ibkr-tui rotate confirm takes the verifier"
    if found.refusal is not None:
        lines.append(f"last test   {found.refusal.at:%Y-%m-%d %H:%M} UTC  {found.refusal.text}")
    if found.upload and found.phase is RotationPhase.UPLOAD and not found.authorize_url:
        lines += ["to upload:", *(f"  {path}" for path in found.upload)]
    return [*lines, says[found.phase]]


def _version_lines(name: str, version: KeyVersion | None) -> list[str]:
    if version is None:
        return [f"{name:11} –"]
    made = f"made {version.created:%Y-%m-%d}" if version.created else "made by hand"
    head = f"{name:11} {version.version}  {made}  {version.consumer_key or 'no token yet'}"
    if version.pointer != STAGED:
        return [head]
    return [head, f"    sig {version.signature}", f"    enc {version.encryption}"]
