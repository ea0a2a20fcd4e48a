"""The doctor at real simulators: every kind of break is named at its own step, and nothing secret is said."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ibkr_tui.core import doctor as doctor_module
from ibkr_tui.core.config import load
from ibkr_tui.core.doctor import Doctor, Step
from ibkr_tui.core.keys.pem import parse_dh_parameters
from ibkr_tui.core.session import renewal
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.state import StateDirectory, open_state
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import Health, SessionState

INIT = "^/iserver/auth/ssodh/init$"
MINT = "^/oauth/live_session_token$"
ORDER = ["files", "keys", "diffie-hellman", "secret", "dns", "tcp", "clock", "login", "session", "account"]


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return open_state("paper", {"IBKR_TUI_STATE": str(tmp_path / "state")})


@pytest.fixture
async def profile(simulator: Any, tmp_path: Path) -> Profile:
    """The paper profile of the shared simulator, on credentials of this test's own that it may spoil."""
    await simulator.control("session", {"do": "expire"})  # whatever another test left logged in would compete
    given = json.loads(simulator.credentials.read_text())
    for name in ("signature", "encryption"):
        write(tmp_path / f"{name}.pem", Path(given[f"{name}_key_path"]).read_bytes())
        given[f"{name}_key_path"] = f"{name}.pem"
    given.pop("account_id")
    path = write(tmp_path / "credentials.json", json.dumps(given).encode())
    found = load(simulator.config, {}, "paper").profile
    return msgspec.structs.replace(found, credentials_file=path)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mints are tried again at once, and a core is not waited for."""
    monkeypatch.setattr(renewal, "MINT_AGAIN_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(doctor_module, "SESSION_WITHIN_S", 0.1)


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


async def examine(profile: Profile, state: StateDirectory, core: Health | None = None) -> list[Step]:
    """The steps; each is told as it ends."""
    told: list[Step] = []

    async def ask() -> Health | None:
        return core

    steps = await Doctor(profile, state, SystemClock(), ask).run(told.append)
    assert told == steps
    assert all(step.error is None for step in steps[:-1])
    return steps


async def broken(profile: Profile, state: StateDirectory, core: Health | None = None) -> tuple[str, BrokerError]:
    last = (await examine(profile, state, core))[-1]
    assert last.error is not None, last
    return last.name, last.error


def spoil(profile: Profile, **changes: Any) -> None:
    assert profile.credentials_file is not None
    given = json.loads(profile.credentials_file.read_text())
    write(profile.credentials_file, json.dumps(given | changes).encode())


async def test_all_is_in_order_and_nothing_stays_behind(
    profile: Profile, state: StateDirectory, fresh_simulator: Any
) -> None:
    found = load(fresh_simulator.config, {}, "paper").profile
    steps = await examine(found, state)
    assert [step.name for step in steps] == ORDER
    assert all(step.error is None and step.found for step in steps)
    seen = await fresh_simulator.state()
    assert (seen["mints"], seen["requests"]["POST /logout"]) == (1, 1)
    assert not (state.path / "session.held").exists()
    with state.serve():
        pass  # a core may start again
    given = json.loads(fresh_simulator.credentials.read_text())
    said = " ".join(step.found for step in steps)
    for name in ("access_token", "access_token_secret", "consumer_key", "dh_prime"):
        assert given[name] not in said


def small_key() -> bytes:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - too small, which is the point
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def other_key() -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (lambda d: (d / "signature.pem").chmod(0o644), ("files", "IBKR_KEY_INVALID", "mode 0644")),
        (lambda d: (d / "encryption.pem").unlink(), ("files", "IBKR_KEY_NOT_FOUND", "does not exist")),
        (lambda d: (d / "credentials.json").chmod(0o640), ("files", "IBKR_KEY_INVALID", "mode 0640")),
        (lambda d: write(d / "credentials.json", b"{"), ("files", "IBKR_KEY_INVALID", "credentials file")),
        (lambda d: write(d / "signature.pem", small_key()), ("keys", "IBKR_KEY_INVALID", "1024 bits")),
        (lambda d: write(d / "encryption.pem", b"nonsense"), ("keys", "IBKR_KEY_INVALID", "not a PEM private key")),
        (lambda d: write(d / "encryption.pem", other_key()), ("secret", "IBKR_KEY_INVALID", "two sets")),
    ],
)
async def test_files_and_keys(
    profile: Profile, state: StateDirectory, tmp_path: Path, break_it: Any, expected: tuple[str, str, str]
) -> None:
    break_it(tmp_path)
    name, error = await broken(profile, state)
    assert (name, error.code) == expected[:2] and expected[2] in error.message and error.user_action


@pytest.mark.parametrize(("prime", "words"), [("xyz", "not hexadecimal"), ("ffff", "not a 2048-bit prime")])
async def test_a_prime_that_is_none(profile: Profile, state: StateDirectory, prime: str, words: str) -> None:
    spoil(profile, dh_prime=prime)
    name, error = await broken(profile, state)
    assert (name, error.code) == ("diffie-hellman", "IBKR_KEY_INVALID") and words in error.message


async def test_no_keys_are_named(profile: Profile, state: StateDirectory) -> None:
    name, error = await broken(msgspec.structs.replace(profile, credentials_file=None), state)
    assert (name, error.code) == ("files", "IBKR_KEY_NOT_FOUND")


def integer(number: int) -> bytes:
    content = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + length(content) + content


def length(content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([size])
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits


def armoured(content: bytes) -> bytes:
    return b"-----BEGIN DH PARAMETERS-----\n" + base64.encodebytes(content) + b"-----END DH PARAMETERS-----\n"


def sequence(content: bytes) -> bytes:
    return b"\x30" + length(content) + content


@pytest.fixture
def store(profile: Profile, tmp_path: Path) -> tuple[Profile, Path, int]:
    """The same credentials as a key store, its dhparam.pem and the prime."""
    assert profile.credentials_file is not None
    given = json.loads(profile.credentials_file.read_text())
    current = tmp_path / "store" / "current"
    names = ("consumer_key", "access_token", "access_token_secret")
    lines = [f'{name} = "{given[name]}"' for name in names]
    write(current / "credentials.toml", "\n".join(lines).encode())
    for name in ("signature.pem", "encryption.pem"):
        write(current / name, (tmp_path / name).read_bytes())
    prime = int(given["dh_prime"], 16)
    path = write(current / "dhparam.pem", armoured(sequence(integer(prime) + integer(2))))
    stored = msgspec.structs.replace(profile, credentials_file=None, key_store=tmp_path / "store")
    return stored, path, prime


async def test_a_key_store_logs_in_and_windows_line_ends_are_remarked(
    store: tuple[Profile, Path, int], state: StateDirectory
) -> None:
    profile, path, _ = store
    write(path, path.read_bytes().replace(b"\n", b"\r\n"))
    steps = await examine(profile, state)
    assert steps[-1].error is None, steps[-1]
    assert "portal refuses" in next(step.found for step in steps if step.name == "diffie-hellman")


async def test_damaged_group_files(store: tuple[Profile, Path, int], state: StateDirectory) -> None:
    profile, path, prime = store
    good = path.read_bytes()
    bare = prime.to_bytes(256, "big")
    unsigned = sequence(b"\x02" + length(bare) + bare + integer(2))
    damage = {
        "base64 is damaged": good.replace(b"MII", b"M!I", 1),
        "something follows it": armoured(sequence(integer(prime) + integer(2)) + b"\x00"),
        "it is cut off": armoured(sequence(integer(prime) + integer(2))[:-20]),
        "lost its sign byte": armoured(unsigned),
        "not a sequence": armoured(integer(prime)),
        "not an integer": armoured(sequence(b"\x04\x01\x02" + integer(2))),
        "holds 1 numbers": armoured(sequence(integer(prime))),
        "holds no Diffie-Hellman": b"nothing",
        "not a 2048-bit prime": armoured(sequence(integer(prime + 2) + integer(2))),
    }
    for words, content in damage.items():
        write(path, content)
        name, error = await broken(profile, state)
        assert (name, error.code) == ("diffie-hellman", "IBKR_KEY_INVALID") and words in error.message, words
    assert parse_dh_parameters(good, path) == (prime, 2)


@pytest.mark.parametrize(
    ("rest", "step", "cause"),
    [
        ("https://nobody.invalid/v1/api", "dns", "dns"),
        ("http://127.0.0.1:1/v1/api", "tcp", "refused"),
        ("SECURE", "tls", "tls"),
    ],
)
async def test_the_network(profile: Profile, state: StateDirectory, rest: str, step: str, cause: str) -> None:
    url = profile.rest_url.replace("http:", "https:") if rest == "SECURE" else rest
    changed = msgspec.structs.replace(profile, rest_url=url, ws_url=url)
    name, error = await broken(changed, state)
    assert (name, error.code, error.details["cause"]) == (step, "IBKR_UNAVAILABLE", cause) and error.user_action


async def test_a_certificate_that_nobody_vouches_for(
    profile: Profile, state: StateDirectory, tmp_path: Path, start_simulator: Any
) -> None:
    with start_simulator(tmp_path / "secure", "--tls") as secure:
        changed = msgspec.structs.replace(profile, rest_url=secure.rest_url, ws_url=secure.ws_url)
        name, error = await broken(changed, state)
    assert (name, error.details["cause"]) == ("tls", "tls") and "certificate" in error.message


async def test_a_clock_that_is_wrong(profile: Profile, state: StateDirectory, control: Callable[..., Any]) -> None:
    await control("clock", {"seconds": 600})
    try:
        name, error = await broken(profile, state)
    finally:
        await control("clock", {"seconds": -600})
    assert (name, error.code) == ("clock", "CLOCK_SKEW") and "behind" in error.message


async def test_a_server_that_hangs(
    profile: Profile, state: StateDirectory, control: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_module, "ANSWER_WITHIN_S", 0.3)
    await control("faults", {"path": "^/tickle$", "do": "hang"})
    name, error = await broken(profile, state)
    assert (name, error.code, error.details["cause"]) == ("clock", "IBKR_UNAVAILABLE", "timeout")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((401, "id: 7, error: invalid consumer"), "IBKR_CONSUMER_REVOKED"),
        ((401, "LST failed, error: No access secret key found for x"), "IBKR_ACCESS_TOKEN_EXPIRED"),
        ((401, "invalid signature"), "IBKR_AUTH_FAILED"),
        ((503, "Service Unavailable"), "IBKR_SESSION_MINT_FAILED"),
    ],
)
@pytest.mark.usefixtures("impatient")
async def test_a_login_that_is_refused(
    profile: Profile, state: StateDirectory, control: Callable[..., Any], answer: tuple[int, str], code: str
) -> None:
    body = {"error": answer[1], "statusCode": answer[0]}
    await control("faults", {"path": MINT, "do": "status", "status": answer[0], "body": body, "times": 0})
    assert (await broken(profile, state))[0] == "login"
    assert (await broken(profile, state))[1].code == code


async def test_a_session_that_somebody_else_has(
    profile: Profile, state: StateDirectory, control: Callable[..., Any]
) -> None:
    body = {"authenticated": False, "competing": True, "connected": True}
    await control("faults", {"path": INIT, "do": "status", "status": 200, "body": body, "times": 0})
    name, error = await broken(profile, state)
    assert (name, error.code) == ("session", "IBKR_COMPETING_SESSION")


async def test_an_account_of_somebody_else(profile: Profile, state: StateDirectory) -> None:
    name, error = await broken(msgspec.structs.replace(profile, account_id="DU9999999"), state)
    assert (name, error.code) == ("account", "IBKR_ACCOUNT_NOT_FOUND")
    name, error = await broken(msgspec.structs.replace(profile, kind="live"), state)
    assert (name, error.code) == ("account", "ACCOUNT_KIND_MISMATCH")


async def test_while_a_core_holds_the_lock_there_is_no_second_login(profile: Profile, state: StateDirectory) -> None:
    with state.serve():
        name, error = await broken(profile, state)
    assert (name, error.code) == ("login", "CORE_RUNNING")


CORE = Health("paper", "paper", "DU1234567", session=SessionState.READY, core_pid=4711)


@pytest.mark.parametrize(
    ("session", "code", "step"),
    [
        ("blocked", "IBKR_CONSUMER_REVOKED", "login"), ("offline", "IBKR_SESSION_MINT_FAILED", "login"),
        ("competing", "IBKR_COMPETING_SESSION", "session"), ("offline", "IBKR_MAINTENANCE", "session"),
        ("blocked", "IBKR_ACCOUNT_NOT_FOUND", "account"),
        ("blocked", "SOMETHING_NEWER", "login"), ("ready", "", ""),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("impatient")
async def test_a_core_that_serves_is_asked(
    profile: Profile, state: StateDirectory, session: str, code: str, step: str
) -> None:
    core = msgspec.structs.replace(CORE, session=SessionState(session), code=code, message=code and "what is wrong")
    with state.serve():  # a login of its own would meet this lock
        last = (await examine(profile, state, core))[-1]
    if step:
        assert last.name == step and last.error is not None and last.error.message == "what is wrong"
    else:
        assert last.error is None


async def test_a_gateway(state: StateDirectory, tmp_path: Path, start_simulator: Any) -> None:
    with start_simulator(tmp_path / "gateway", "--gateway", "--tls") as running:
        profile = load(running.config, {}, "paper").profile
        name, error = await broken(profile, state)
        assert (name, error.code) == ("login", "IBKR_LOGIN_REQUIRED") and error.details["login_url"] in error.message
        await running.control("gateway", {"do": "login", "user": "simlive"})
        assert (await broken(profile, state))[0] == "account"
        await running.control("gateway", {"do": "login"})
        steps = await examine(profile, state)
        assert [step.name for step in steps] == ["dns", "tcp", "tls", "clock", "login", "session", "account"]
        assert steps[-1].error is None and "unchecked" in steps[2].found
        assert "POST /logout" not in (await running.state())["requests"], "the login is a person's"
        await running.control("faults", {"path": "^/tickle$", "nth": 2, "do": "status", "status": 500})
        assert (await broken(profile, state))[0] == "login"
