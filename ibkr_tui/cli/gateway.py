"""`ibkr-tui gateway`: the login at a Client Portal Gateway, made by a person, looked after from here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
import msgspec

from ibkr_tui.cli.output import Exit, emit, emit_result, show, table, tell, tell_error
from ibkr_tui.cli.running import run_command
from ibkr_tui.cli.selection import Selection
from ibkr_tui.model.errors import BrokerError

if TYPE_CHECKING:
    from ibkr_tui.core.session.caretaker import Caretaker, Check

_URL = click.option("--url", metavar="URL", help="The gateway, instead of the profile's: https://localhost:5000.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def gateway() -> None:
    """Log in at a Client Portal Gateway, verify its session, and keep it in order."""


@gateway.command()
@_URL
@click.option("--timeout", "within", type=click.FloatRange(min=0), default=240, show_default=True, metavar="S",
              help="How long to wait for the login.")  # fmt: skip
@_JSON
@click.pass_obj
def login(selection: Selection, url: str | None, within: float, as_json: bool) -> None:
    """Say where to log in, and wait until a person has. Your name and password never pass through this program."""

    async def work() -> int:
        async with _caretaker(selection, url) as keeper:
            tell(f"Log in with a browser at {keeper.login_url}")
            if os.environ.get("SSH_CONNECTION"):
                port = urlsplit(keeper.login_url).port or 443
                tell(f"Over SSH: forward the port first, ssh -L {port}:localhost:{port} …, and use localhost there.")
            if not as_json:
                show(keeper.login_url)
            passed = await keeper.wait_for_login(within, tell)
            if as_json:
                emit_result({"login_url": keeper.login_url, "authenticated": True, "waited_s": round(passed, 1)})
            else:
                tell(f"Logged in after {passed:.0f} s: the brokerage session is open.")
        return Exit.DONE

    run_command(work, json_errors=as_json)


@gateway.command(short_help="Check the login and the brokerage session.")
@_URL
@_JSON
@click.pass_obj
def verify(selection: Selection, url: str | None, as_json: bool) -> None:
    """Check that somebody is logged in and the brokerage session is ours. Exits 1 when a check fails."""

    async def work() -> int:
        async with _caretaker(selection, url) as keeper:
            checks = await keeper.verify()
            error = _failed(checks, keeper.login_url)
        if as_json:
            document: dict[str, Any] = {"ok": error is None, "result": {"gateway": keeper.login_url, "checks": checks}}
            emit(document if error is None else document | {"error": msgspec.to_builtins(error.problem())})
        else:
            rows = [{"ok": "ok" if check.ok else "FAIL", "check": check.name, "found": check.found} for check in checks]
            show(table([*rows]))
            if error is not None:
                tell_error(error)
        return Exit.DONE if error is None else Exit.FAILED

    run_command(work, json_errors=as_json)


@gateway.command(short_help="Decide what the session needs, and do it.")
@_URL
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@_JSON
@click.pass_obj
def maintain(selection: Selection, url: str | None, dry_run: bool, as_json: bool) -> None:
    """Decide what the session needs, and do it: noop, login_required, reauth, logout_then_reauth or error.

    After logout_then_reauth a person must log in: the logout ends the login, too. Exits 0 only when the session is good
    afterwards; with --dry-run, when nothing would be done.
    """

    async def work() -> int:
        from ibkr_tui.core.session.caretaker import Upkeep
        from ibkr_tui.core.session.maintenance import Action

        async with _caretaker(selection, url) as keeper:
            if dry_run:
                action = await keeper.decide()
                why = "; `ibkr-tui gateway verify` says what is wrong" if action is Action.ERROR else ""
                upkeep = Upkeep(action, (), action, f"nothing was done{why}")
            else:
                upkeep = await keeper.maintain()
        if as_json:
            emit_result(upkeep)
        else:
            show(upkeep.action.value)
            tell(f"{upkeep.message[:1].upper()}{upkeep.message[1:]}.")
        return Exit.DONE if upkeep.now is Action.NOOP else Exit.FAILED

    run_command(work, json_errors=as_json)


@contextlib.asynccontextmanager
async def _caretaker(selection: Selection, url: str | None) -> AsyncIterator[Caretaker]:
    """The gateway named by `url`, or the profile's. What hinders a connection is said with its cause."""
    from ibkr_tui.core.session.caretaker import Caretaker
    from ibkr_tui.core.session.gateway import Gateway
    from ibkr_tui.core.web.reach import why_unreachable
    from ibkr_tui.core.web.transport import Transport
    from ibkr_tui.model.clock import SystemClock

    door = Gateway(_rest_url(selection, url), "")
    clock = SystemClock()
    transport = Transport(door.rest_url, door, clock, verify=door.verify_tls)
    try:
        yield Caretaker(transport, door.login_url, clock)
    except BrokerError as error:
        if error.code != "IBKR_UNAVAILABLE":
            raise
        raise await why_unreachable(door.rest_url, verify=door.verify_tls) or error from None
    finally:
        await transport.aclose()


def _rest_url(selection: Selection, url: str | None) -> str:
    """Where the gateway's API is. Raises CONFIG_INVALID for a URL that may not be used, or a profile without one."""
    from ibkr_tui.core.config import GATEWAY_REST
    from ibkr_tui.core.hosts import url_problem

    if url is None:
        if not selection.exists():
            return GATEWAY_REST
        profile = selection.load().profile
        if profile.auth != "gateway":
            raise BrokerError(
                "CONFIG_INVALID",
                f'profile {profile.name} logs in with {profile.auth}, not at a gateway (auth = "gateway")',
                user_action="Choose a gateway's profile with --profile, or name the gateway with --url.",
            )
        return profile.rest_url
    problem = url_problem(url, "http")
    if problem:
        raise BrokerError("CONFIG_INVALID", f"--url {problem}", user_action="For example --url https://localhost:5000.")
    return url.rstrip("/") + ("" if urlsplit(url).path.strip("/") else "/v1/api")


def _failed(checks: list[Check], login_url: str) -> BrokerError | None:
    """What the first failed check comes to."""
    failed = next((check for check in checks if not check.ok), None)
    if failed is None:
        return None
    said = f"{failed.name}: {failed.found}"
    if failed.found.startswith("401") or failed.name in {"authenticated", "connected"}:
        return BrokerError("IBKR_LOGIN_REQUIRED", f"{said}; log in at {login_url}", details={"login_url": login_url})
    if failed.name == "not competing":
        return BrokerError("IBKR_COMPETING_SESSION", said)
    return BrokerError("IBKR_UNAVAILABLE", said)
