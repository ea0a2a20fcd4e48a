"""The self-service portal: who registers which public keys, when they begin to count, and the tokens it hands out.

Reference sections 1.1, 1.5 and corrections W-10, W-12. A consumer whose files changed is ``invalid consumer`` for
everybody who logs in until it is activated; a token alone counts at once; a consumer goes on until it is revoked, and
so does a live session token that was made before its consumer's files or access token changed.
"""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import padding

from ibkr_tui.sim.credentials import Registration
from ibkr_tui.sim.uploads import LARGEST, key_fingerprint, read_parameters, read_public_key

if TYPE_CHECKING:
    from ibkr_tui.sim.logins import User
    from ibkr_tui.sim.simulator import Simulator

SECRET_BYTES = 32
# What a directory of uploads may call its three files: W-10, and the plain name.
_FILES = {
    "signature": ("public_signature.pem", "signature.pem"),
    "encryption": ("public_encryption.pem", "encryption.pem"),
    "dhparam": ("dhparam.pem",),
}


@dataclass(frozen=True)
class Token:
    """An access token and its sealed secret: shown once."""

    access_token: str
    access_token_secret: str


def command(sim: Simulator, body: Any) -> Any:
    """``do``: ``register`` (``consumer_key``, any of ``signature encryption dhparam`` as PEM, ``activation_delay_s``,
    ``account``), ``upload_directory`` (the same from ``path``), ``token``, ``authorize`` (a person allows the request
    token ``oauth_token``: its verifier), ``revoke``, ``activate``. Raises ValueError with the portal's sentence.
    """
    kind = body.get("do") if isinstance(body, dict) else None
    if kind == "register":
        return register(sim, body)
    if kind == "upload_directory":
        return register(sim, {**body, **_files_of(body.get("path"))})
    if kind == "token":
        token = issue_token(sim, body.get("consumer_key"))
        return {"access_token": token.access_token, "access_token_secret": token.access_token_secret}
    if kind == "authorize":
        return {"oauth_verifier": sim.request_tokens.allow(body.get("oauth_token"))}
    if kind == "revoke":
        return revoke(sim, body.get("consumer_key"))
    if kind == "activate":
        return activate(sim, body.get("consumer_key"))
    raise ValueError(f"do must be register, upload_directory, token, authorize, revoke or activate, not {kind!r}")


def state(sim: Simulator) -> dict[str, Any]:
    """Every consumer, without secrets."""
    return {"consumers": [_row(sim, user, known) for user in sim.users for known in user.registrations.values()]}


def register(sim: Simulator, body: dict[str, Any]) -> dict[str, Any]:
    """Take one, two or all three files of a consumer; nothing is taken if one of them is refused."""
    key = _consumer_key(body.get("consumer_key"))
    user = _user(sim, body.get("account"), key)
    delay = body.get("activation_delay_s", 0)
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay <= 30 * 86_400:
        raise ValueError("activation_delay_s: give seconds, from 0 to 2592000 (30 days)")
    changes: dict[str, Any] = {}
    if body.get("signature") is not None:
        changes["signature_key"] = read_public_key(body["signature"], "signature")
    if body.get("encryption") is not None:
        changes["encryption_key"] = read_public_key(body["encryption"], "encryption")
    if body.get("dhparam") is not None:
        changes["dh_prime"], changes["dh_generator"] = read_parameters(body["dhparam"], "dhparam")
    if not changes:
        raise ValueError("nothing was uploaded: give signature, encryption, dhparam, or all of them")
    before = user.registrations.get(key) or Registration(key, "", b"", None, dh_prime=0)
    user.registrations[key] = replace(before, **changes, active_from=sim.clock.monotonic() + delay)
    return _row(sim, user, user.registrations[key])


def issue_token(sim: Simulator, consumer_key: object) -> Token:
    """A new access token, in the place of the one before; its secret is sealed with the registered encryption key."""
    user, known = _known(sim, consumer_key)
    if known.encryption_key is None:
        raise ValueError(f"{known.consumer_key} has no encryption key yet: upload one, then make the token")
    if known.is_third_party:
        raise ValueError(
            f"{known.consumer_key} is a third party's: it asks for a request token, and a person allows it"
        )
    return grant_token(user, known)


def grant_token(user: User, known: Registration) -> Token:
    """A new access token of a consumer with an encryption key, by either way."""
    assert known.encryption_key is not None  # noqa: S101 - both callers have looked
    secret = secrets.token_bytes(SECRET_BYTES)
    token = secrets.token_hex(10)
    sealed = known.encryption_key.encrypt(secret, padding.PKCS1v15())
    user.registrations[known.consumer_key] = replace(known, access_token=token, secret=secret)
    return Token(token, base64.b64encode(sealed).decode())


def revoke(sim: Simulator, consumer_key: object) -> dict[str, Any]:
    """The consumer is no more, and neither are the logins made with it."""
    user, known = _known(sim, consumer_key)
    del user.registrations[known.consumer_key]
    ended = [login for login in user.logins if login.consumer_key == known.consumer_key]
    for login in ended:
        user.drop(login)
    for stream in list(sim.streams):
        if stream.login in ended:
            stream.session_changed()
    return {"consumer_key": known.consumer_key, "logins_ended": len(ended)}


def activate(sim: Simulator, consumer_key: object = None) -> dict[str, Any]:
    """What waits for its activation counts from now: one consumer, or all of them."""
    found = [_known(sim, consumer_key)] if consumer_key is not None else _waiting(sim)
    for user, known in found:
        user.registrations[known.consumer_key] = replace(known, active_from=None)
    return {"activated": [known.consumer_key for _, known in found]}


def _waiting(sim: Simulator) -> list[tuple[User, Registration]]:
    now = sim.clock.monotonic()
    return [
        (user, known) for user in sim.users for known in user.registrations.values() if known.seconds_to_wait(now) > 0
    ]


def _row(sim: Simulator, user: User, known: Registration) -> dict[str, Any]:
    waits = known.seconds_to_wait(sim.clock.monotonic())
    return {
        "consumer_key": known.consumer_key,
        "account": user.account,
        "environment": "paper" if user.is_paper else "live",
        "signature": key_fingerprint(known.signature_key) if known.signature_key else None,
        "encryption": key_fingerprint(known.encryption_key) if known.encryption_key else None,
        "dhparam": known.dh_prime > 0,
        "token": bool(known.access_token),
        "missing": known.missing,
        "active": not known.missing and waits <= 0,
        "active_in_s": waits,
        "logins": sum(
            login.consumer_key == known.consumer_key and login.expires_at > sim.clock.now() for login in user.logins
        ),
    }


def _consumer_key(value: object) -> str:
    if not isinstance(value, str) or re.fullmatch(r"[A-Z]{9}|[0-9a-f]{25}", value) is None:
        raise ValueError("consumer_key: choose nine letters, A to Z in capitals (a third party has 25 hex digits)")
    return value


def _known(sim: Simulator, value: object) -> tuple[User, Registration]:
    key = _consumer_key(value)
    for user in sim.users:
        if key in user.registrations:
            return user, user.registrations[key]
    raise ValueError(f"no consumer {key} is registered; register its three files first")


def _user(sim: Simulator, account: object, key: str) -> User:
    """Whose consumer it is: the one who has it already, the one that ``account`` names, else the paper user."""
    owner = next((user for user in sim.users if key in user.registrations), None)
    if account is None:
        return owner or sim.users[0]
    for user in sim.users:
        if account in ("paper" if user.is_paper else "live", user.name, *user.accounts):
            if owner not in (None, user):
                raise ValueError(f"the consumer key {key} is taken; choose another one")
            return user
    raise ValueError("account: give paper, live, or an account's number")


def _files_of(path: object) -> dict[str, str]:
    """The uploads of a directory on this machine, by field."""
    if not isinstance(path, str) or not Path(path).is_absolute():
        raise ValueError("path: give the absolute path of the directory with the files to upload")
    directory = Path(path)
    if not directory.is_dir():
        raise ValueError(f"path: {path} is no directory here; `ibkr-tui rotate start` makes staged/upload")
    found: dict[str, str] = {}
    for what, names in _FILES.items():
        for name in names:
            try:
                found[what] = (directory / name).read_bytes()[: LARGEST + 1].decode("latin-1")
                break
            except FileNotFoundError:
                continue
            except OSError as error:
                raise ValueError(f"{what}: {directory / name} cannot be read: {error.strerror}") from None
    if not found:
        raise ValueError(f"path: {path} holds none of {', '.join(names[0] for names in _FILES.values())}")
    return found
