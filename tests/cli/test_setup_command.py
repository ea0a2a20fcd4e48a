"""`ibkr-tui setup` as a new user types it, against the simulator's portal: from an empty directory to a login."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.cli.inline import RotationCaller
from ibkr_tui.cli.rotation_calls import TokenDocument
from ibkr_tui.cli.selection import Selection
from ibkr_tui.cli.setup import TRY_EVERY_S, Setup
from ibkr_tui.cli.setup_config import FirstProfile, write_config
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.tui.rotation import calls
from tests.cli.conftest import Exchange, running_exchange


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """Of this module's own: its keys are changed."""
    with running_exchange(tmp_path_factory.mktemp("exchange")) as running:
        yield running


class Place:
    """An empty directory, and the exchange to set it up for."""

    def __init__(self, shell: Any, tmp_path: Path) -> None:
        self.shell = shell
        self.config = tmp_path / "mine" / "config.toml"
        self.upload = self.config.parent / "keys" / "paper" / "staged" / "upload"
        self.urls = {"IBKR_URL_TESTNET": shell.exchange.rest_url, "IBKR_WS_URL_TESTNET": shell.exchange.ws_url}
        self.environ = shell.environ | self.urls

    def run(self, *words: str) -> Any:
        return self.shell.run("--config", str(self.config), "setup", *words, **self.urls)

    def portal(self, do: str, **more: Any) -> Any:
        return self.shell.exchange.control("portal", {"do": do, **more})

    def token(self, consumer: str, *, delay: float = 0) -> dict[str, str]:
        """Upload what is staged, and make a token."""
        self.portal("upload_directory", consumer_key=consumer, path=str(self.upload), activation_delay_s=delay)
        made = self.portal("token", consumer_key=consumer)
        return {
            "new_consumer_key": consumer,
            "new_access_token": made["access_token"],
            "new_access_token_secret": made["access_token_secret"],
        }


@pytest.fixture
def place(shell: Any, tmp_path: Path) -> Place:
    return Place(shell, tmp_path)


def test_a_person_on_a_terminal(place: Place, terminal: Callable[..., Any]) -> None:
    seat = terminal("--config", str(place.config), "setup", "--lines", environ=place.environ)
    assert b"IBKR Pro" in seat.until(b"Paper or live")
    seat.type(b"\n")
    seat.until(b"Account number")
    seat.type(b"U1234567\n")
    assert b"ACCOUNT_KIND_MISMATCH" in seat.until(b"Account number")
    seat.type(b"DU1234567\n")
    assert b"Generate Token" in seat.until(b"Consumer key (nine letters)")
    values = place.token("SETUPONEA", delay=3000)
    seat.type(b"SHORT\n")
    seat.until(b"Access token (not shown)")
    seat.type(values["new_access_token"].encode() + b"\n")
    seat.until(b"secret (not shown)")
    seat.type(values["new_access_token_secret"].encode() + b"\n")
    assert b"TOKEN_INVALID" in seat.until(b"Consumer key (nine letters)")
    words = (b"token (not shown)", b"secret (not shown)", b"Keep trying every ten minutes?")
    for word, value in zip(words, values.values(), strict=True):
        seat.type(value.encode() + b"\n")
        seat.until(word)
    seat.type(b"n\n")
    assert seat.wait() == 1
    assert values["new_access_token"].encode() not in seat.seen
    assert values["new_access_token_secret"].encode() not in seat.seen
    assert stat.S_IMODE(place.config.stat().st_mode) == 0o600
    written = place.config.read_bytes()

    place.portal("activate", consumer_key="SETUPONEA")
    ended = place.run()  # goes on from where it was, without anything to type
    assert (ended.returncode, "can log in" in ended.stdout) == (0, True), ended
    assert place.config.read_bytes() == written


def insist(seat: Any, key: bytes, word: bytes) -> None:
    """Press a guarded key until it counts: one that comes too soon after what it confirms does not."""
    for _ in range(12):
        seat.type(key)
        with contextlib.suppress(AssertionError):
            seat.until(word, 2)
            return
    raise AssertionError(seat.seen[-2000:])


def test_the_wizard_under_the_prompt(place: Place, terminal: Callable[..., Any]) -> None:
    """Left in the middle and taken up again, without the alternate screen; nothing secret stays on the terminal."""
    words = ("--config", str(place.config), "setup", "--account", "DU1234567")
    seat = terminal(*words, environ=place.environ)
    seat.until(b"none yet")
    seat.type(b"\r")
    seat.until(b"Make the first keys?")
    insist(seat, b"y", b"Now upload the three files")
    seat.type(b"q")
    assert seat.wait() == 1
    assert b"to upload:" in seat.seen and b"?1049h" not in seat.seen

    place.token("WIZARDONE")
    seat = terminal(*words, environ=place.environ)
    seat.until(b"New keys made")
    seat.type(b"\r")
    seat.until(b"not shown")  # the form for the token
    seat.type(b"\x1b")
    seat.until(b"Leave")
    insist(seat, b"q", b"goes on from here")
    assert seat.wait() == 1 and b"?1049h" not in seat.seen


async def test_what_the_wizard_asks_is_done_here_without_a_core(place: Place, monkeypatch: Any) -> None:
    write_config(place.config, FirstProfile("paper", "paper", "DU1234567"), Selection(None, None, place.environ))
    caller = RotationCaller(Selection(None, place.config, place.environ))
    searching = asyncio.create_task(calls.search(caller))
    async with asyncio.timeout(20):
        while (await calls.status(caller)).search is None:
            await asyncio.sleep(0.02)
    await calls.stop_search(caller)
    assert await searching is False and (await calls.status(caller)).staged is None

    started = await calls.start(caller)
    assert (await calls.status(caller)).upload == started.upload
    values = place.token("WIZARDTWO", delay=3000)
    entered = calls.TokenEntered(*values.values())
    with pytest.raises(BrokerError, match="activation can take a day"):
        await calls.confirm(caller, entered)
    place.portal("activate", consumer_key="WIZARDTWO")
    assert (await calls.confirm(caller, None)).version == started.version
    with pytest.raises(BrokerError, match="no previous key set"):
        await calls.rollback(caller)
    await calls.start(caller, group="group14")
    assert await calls.abort(caller) is True and await calls.prune(caller, 3) == 0


def test_a_script_with_files_and_then_a_rotation(place: Place, tmp_path: Path) -> None:
    ended = place.run()
    assert ended.returncode == 2 and "--kind" in ended.stderr and not place.config.exists()
    ended = place.run("--account", "DU1234567")
    assert ended.returncode == 0 and ended.stdout.split() == [
        str(place.upload / name) for name in ("public_signature.pem", "public_encryption.pem", "dhparam.pem")
    ]
    document = tmp_path / "token.json"
    document.write_text(json.dumps(place.token("SETUPTWOA")))
    ended = place.run("--input", str(document))
    assert ended.returncode == 0 and "can log in" in ended.stdout
    first = (place.config.parent / "keys" / "paper" / "current").resolve()

    ended = place.run()
    assert ended.returncode == 0 and "in charge already" in ended.stderr
    assert place.run("--rotate").returncode == 0
    document.write_text(json.dumps(place.token("SETUPTWOB")))
    ended = place.run("--rotate", "--input", str(document))
    assert ended.returncode == 0 and "before it" in ended.stderr
    assert (place.config.parent / "keys" / "paper" / "previous").resolve() == first
    ended = place.run("--kind", "live")
    assert ended.returncode == 2 and "is paper" in ended.stderr


def test_a_file_that_is_there_is_not_changed(place: Place) -> None:
    place.config.parent.mkdir(parents=True)
    text = '[profiles.paper]\nkind = "paper"\naccount_id = "DU1234567"\ncredentials_file = "c.json"\n'
    place.config.write_text(text)
    ended = place.run()
    assert ended.returncode == 2 and 'key_store = "keys/paper"' in ended.stdout
    ended = place.shell.run("--config", str(place.config), "--profile", "live", "setup")
    assert ended.returncode == 2 and "[profiles.live]" in ended.stdout and 'kind = "live"' in ended.stdout
    assert place.config.read_text() == text


def test_keep_trying_waits_ten_minutes_and_then_works(place: Place, tmp_path: Path, monkeypatch: Any) -> None:
    assert place.run("--account", "DU1234567").returncode == 0
    document = tmp_path / "token.json"
    document.write_text(json.dumps(place.token("SETUPTREE", delay=3000)))
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            place.portal("activate", consumer_key="SETUPTREE")

    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin", open("/dev/null", encoding="ascii"))  # noqa: PTH123, SIM115
    selection = Selection(None, place.config, place.environ)
    made = Setup(selection, keep_trying=True, source=str(document), wait=wait)
    assert made.run() == 0
    assert waited == [TRY_EVERY_S, TRY_EVERY_S]


def test_a_third_party_s_consumer(place: Place, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """Files to IBKR, a request token that a person allows, its verifier, the login: each in a run of its own."""
    key = "0123456789abcdef012345678"
    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin", open("/dev/null", encoding="ascii"))  # noqa: PTH123, SIM115

    def run(**options: Any) -> str:
        assert Setup(Selection(None, place.config, place.environ), third_party_key=key, **options).run() == 0
        return str(capsys.readouterr().out)

    with pytest.raises(BrokerError, match="25 hexadecimal digits"):
        Setup(Selection(None, place.config, place.environ), third_party_key="NINELETTE").run()
    assert not place.config.exists()
    assert str(place.upload / "dhparam.pem") in run(account="DU1234567")
    place.portal("register", consumer_key=key, **{
        name: (place.upload / file).read_text() for name, file in (
            ("signature", "public_signature.pem"), ("encryption", "public_encryption.pem"), ("dhparam", "dhparam.pem"))
    })  # fmt: skip
    page = run().strip()
    assert "/authorize?oauth_token=" in page
    document = tmp_path / "verifier.json"
    document.write_text(json.dumps(place.portal("authorize", oauth_token=page.rpartition("=")[2])))
    assert "can log in" in run(source=str(document))
    assert key in (place.config.parent / "keys" / "paper" / "current" / "credentials.toml").read_text()


def test_ctrl_c_leaves_with_its_status(place: Place, terminal: Callable[..., Any]) -> None:
    seat = terminal("--config", str(place.config), "setup", "--lines", "--account", "DU1234567", environ=place.environ)
    seat.until(b"Consumer key (nine letters)")
    seat.until_it_reads()
    seat.process.send_signal(signal.SIGINT)
    assert seat.wait() == 130
    assert b"Nothing is lost" in seat.seen and b"Traceback" not in seat.seen


def test_live_wants_its_name(place: Place) -> None:
    ended = place.run("--account", "U1234567")
    assert ended.returncode == 1 and "CONFIRMATION_REQUIRED" in ended.stderr
    assert not (place.config.parent / "keys").exists()


def test_the_document_has_no_repr() -> None:
    assert "topsecret" not in repr(TokenDocument("A", "topsecret", "topsecret"))


def test_the_search_stops_when_it_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from ibkr_tui.cli import prime_search

    def interrupted(tried: Callable[[int], bool]) -> int:
        assert tried(1) is True
        raise KeyboardInterrupt

    monkeypatch.setattr(prime_search.safe_prime, "search", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prime_search.search_group()
    monkeypatch.setattr(prime_search.safe_prime, "search", lambda tried: 23)
    assert prime_search.search_group() == (23, 2)
    assert "about 1,300 numbers" in capsys.readouterr().err


def test_environment_credentials_are_refused(place: Place) -> None:
    assert place.run("--account", "DU1234567").returncode == 0
    names = (*("CONSUMER_KEY", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET"),
             *("SIGNATURE_KEY_PATH", "ENCRYPTION_KEY_PATH", "DH_PRIME"))  # fmt: skip
    ended = place.shell.run("--config", str(place.config), "setup", **{f"IBKR_{name}": "x" for name in names})
    assert ended.returncode == 1 and "ROTATION_UNAVAILABLE" in ended.stderr and "import-env" in ended.stderr
