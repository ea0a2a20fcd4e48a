"""A rotation: new keys are staged, IBKR gets their public halves, a test login proves them, one rename switches.

The old set stays in charge, whole, until the new one has logged in; IBKR can take a day to know it (W-12, W-13). A
first set-up is the same thing with no old set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from ibkr_tui.core.keys import generation
from ibkr_tui.core.keys.key_set import KeySet, load_version, read_stored
from ibkr_tui.core.keys.manifest import ENCRYPTION, GROUP, SIGNATURE, Manifest
from ibkr_tui.core.keys.pem import load_key, parse_dh_parameters, read_private
from ibkr_tui.core.keys.rotation_journal import Entry, Mark
from ibkr_tui.core.keys.store import CURRENT, POINTERS, PREVIOUS, STAGED, UPLOAD, KeyStore
from ibkr_tui.core.keys.third_party import ASKED, Asked, Granted, Grants, packed, read_asked, third_party_key
from ibkr_tui.core.keys.token_entry import TokenEntry
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.rotation import (
    KeyVersion,
    RotationAuthorize,
    RotationDone,
    RotationNote,
    RotationPhase,
    RotationStarted,
    RotationStatus,
)

STAGE_LIFE: Final = timedelta(hours=24)
KEPT_VERSIONS: Final = 3
_NOTES_SHOWN: Final = 20


class Prober(Protocol):
    """Proves a key set."""

    async def probe(self, keys: KeySet) -> None:
        """Mint a live session token with `keys` and check the server's signature on it. Raises BrokerError."""
        ...


class Rotation:
    """The rotation of one store. `in_flight` names the orders that must end before keys are switched.

    `grants` are IBKR's calls for third parties; without them there is no such way.
    """

    def __init__(
        self,
        store: KeyStore,
        clock: Clock,
        prober: Prober,
        in_flight: Callable[[], list[str]] = lambda: [],
        grants: Grants | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._prober = prober
        self._in_flight = in_flight
        self._grants = grants

    def status(self) -> RotationStatus:
        """How it stands. Reads only."""
        store = self._store
        staged = store.pointed(STAGED)
        entries = store.journal.entries()
        expires = self._expires_at(staged) if staged else None
        refusal = store.journal.last(staged, Mark.REFUSED, Mark.PROBED) if staged else None
        asked = read_asked(store.path_of(staged)) if staged else None
        return RotationStatus(
            phase=self._phase(staged, expires),
            place=str(store.place),
            current=self._described(store.pointed(CURRENT)),
            previous=self._described(store.pointed(PREVIOUS)),
            staged=self._described(staged),
            expires_at=expires,
            upload=tuple(str(path) for path in self._uploads(staged)),
            refusal=_note(refusal) if refusal is not None and refusal.mark is Mark.REFUSED else None,
            authorize_url=asked.authorize_url if asked is not None else "",
            versions=tuple(found for name in store.versions() if (found := self._described(name)) is not None),
            notes=tuple(_note(entry) for entry in entries[-_NOTES_SHOWN:]),
        )

    def start(self, group: tuple[int, int] | None = None) -> RotationStarted:
        """Stage a new set; one that is staged already is kept when it has not expired.

        `group` is a prime and its generator; without one the current set's is used, or that of RFC 3526.
        """
        with self._store.locked():
            staged = self._store.pointed(STAGED)
            if staged and self._is_alive(staged):
                return self._started(staged)
            self._store.check_space()
            prime, generator = group or self._current_group()
            material = generation.new_material(prime, generator)
            version = self._store.write(material.private, material.fingerprints, self._store.pointed(CURRENT))
            self._store.write_upload(version, material.upload)
            self._store.point(STAGED, version)
            self._store.note(Mark.STAGED, version)
            if staged:
                self._store.note(Mark.ABORTED, staged, "replaced after it had expired")
                self._store.drop(staged)
            return self._started(version)

    def renew(self) -> RotationStarted:
        """Give the stage another day."""
        with self._store.locked():
            staged = self._needed(STAGED)
            self._store.note(Mark.RENEWED, staged)
            return self._started(staged)

    async def authorize(self, consumer_key: str) -> RotationAuthorize:
        """For a third party: ask for a request token with the staged keys, which a person then allows in a browser.

        Raises TOKEN_INVALID, ROTATION_NOT_STARTED, ROTATION_EXPIRED, and IBKR's refusal.
        """
        with self._store.locked():
            staged = self._living_stage()
            consumer_key = third_party_key(consumer_key)
            grants = self._needed_grants()
            key = await asyncio.to_thread(load_key, self._store.path_of(staged) / SIGNATURE, "signature key")
            token, page = await grants.ask(consumer_key, key)
            await asyncio.to_thread(self._store.keep, staged, ASKED, packed(Asked(consumer_key, token, page)))
            return RotationAuthorize(consumer_key, page)

    async def confirm(self, entry: TokenEntry | Secret | None = None) -> RotationDone:
        """Prove the staged set with `entry`, or with what was entered before, and put it in charge.

        A Secret is the verifier of the request token that was asked for. Raises IBKR_ROTATION_VALIDATION_FAILED when
        the test login fails; then everything is as it was, and the stage waits. ROTATION_BLOCKED when an order is on
        its way, ROTATION_EXPIRED, ROTATION_NOT_STARTED, TOKEN_INVALID.
        """
        with self._store.locked():
            staged = self._living_stage()
            if isinstance(entry, Secret):
                granted = await self._exchanged(staged, entry)
                entry = TokenEntry(granted.consumer_key, granted.access_token, granted.access_token_secret)
            keys = await asyncio.to_thread(self._entered, staged, entry)
            await self._prove(staged, keys)
            busy = self._in_flight()
            if busy:
                raise BrokerError(
                    "ROTATION_BLOCKED",
                    f"the new keys work; they are switched when these orders are settled: {', '.join(busy)}",
                    details={"orders": busy},
                )
            return await asyncio.to_thread(self._commit, staged)

    def abort(self) -> bool:
        """Drop the stage; False when there was none."""
        if not self._store.place.is_dir():
            return False
        with self._store.locked():
            staged = self._store.pointed(STAGED)
            if not staged:
                return False
            self._store.note(Mark.ABORTED, staged)
            self._store.unpoint(STAGED)
            self._store.drop(staged)
            return True

    def rollback(self) -> RotationDone:
        """Put the previous set in charge again; the one that was is kept as the previous."""
        with self._store.locked():
            if busy := self._in_flight():
                words = f"keys are switched when these orders are settled: {', '.join(busy)}"
                raise BrokerError("ROTATION_BLOCKED", words, details={"orders": busy})
            previous, current = self._needed(PREVIOUS), self._store.pointed(CURRENT)
            load_version(self._store.path_of(previous))
            self._store.point(CURRENT, previous)
            self._store.note(Mark.ROLLED_BACK, current)
            self._store.point(PREVIOUS, current)
            return RotationDone(previous, current, self._clock.now())

    def prune(self, keep: int = KEPT_VERSIONS) -> list[str]:
        """Take old sets off the disk, all but the newest `keep` (at least two) and those that are pointed at."""
        with self._store.locked():
            held = {self._store.pointed(pointer) for pointer in POINTERS}
            loose = [version for version in self._store.versions() if version not in held]
            room = max(0, max(keep, 2) - len(held - {"", self._store.pointed(STAGED)}))
            dropped = loose[: len(loose) - room] if len(loose) > room else []
            for version in dropped:
                self._store.drop(version)
                self._store.note(Mark.PRUNED, version)
            return dropped

    async def _exchanged(self, staged: str, verifier: Secret) -> Granted:
        """What the verifier gives: it counts once."""
        place = self._store.path_of(staged)
        asked = await asyncio.to_thread(read_asked, place)
        if asked is None:
            raise BrokerError(
                "TOKEN_INVALID",
                "no request token waits for a verifier",
                user_action="Ask for one with `ibkr-tui rotate authorize CONSUMERKEY`.",
            )
        key = await asyncio.to_thread(load_key, place / SIGNATURE, "signature key")
        return await self._needed_grants().exchange(asked.consumer_key, key, asked.request_token, verifier)

    def _needed_grants(self) -> Grants:
        if self._grants is None:
            raise BrokerError("ROTATION_UNAVAILABLE", "there is nobody here to ask for a request token")
        return self._grants

    def _living_stage(self) -> str:
        staged = self._needed(STAGED)
        if not self._is_alive(staged):
            raise BrokerError("ROTATION_EXPIRED", "the staged keys are more than a day old")
        return staged

    def _entered(self, staged: str, entry: TokenEntry | None) -> KeySet:
        """The staged set as it is to be proved; what was entered is on the disk from here on."""
        place = self._store.path_of(staged)
        if entry is not None:
            entry.check(load_key(place / ENCRYPTION, "encryption key"))
            self._store.complete(staged, entry.packed())
            self._store.forget(staged, ASKED)
        elif not self._store.manifest(staged).is_complete:
            raise BrokerError("TOKEN_INVALID", "enter the new consumer key, access token and secret first")
        return load_version(place)

    async def _prove(self, staged: str, keys: KeySet) -> None:
        await asyncio.to_thread(self._store.note, Mark.PROBING, staged)
        try:
            await self._prober.probe(keys)
        except BrokerError as error:
            words, retryable = _why(error)
            await asyncio.to_thread(self._store.note, Mark.REFUSED, staged, words, error.code)
            raise BrokerError(
                "IBKR_ROTATION_VALIDATION_FAILED",
                f"{words} The old keys stay in charge, the new ones stay staged.",
                retryable=retryable,
                details={"cause": error.code, "version": staged},
                user_action=None if retryable else _ENTER_AGAIN,
            ) from None
        await asyncio.to_thread(self._store.note, Mark.PROBED, staged)

    def _commit(self, staged: str) -> RotationDone:
        old = self._store.pointed(CURRENT)
        if old:
            self._store.point(PREVIOUS, old)
        self._store.point(CURRENT, staged)
        self._store.note(Mark.COMMITTED, staged)
        self._store.unpoint(STAGED)
        return RotationDone(staged, old, self._clock.now())

    def _phase(self, staged: str, expires: datetime | None) -> RotationPhase:
        if not staged:
            return RotationPhase.IDLE
        if expires is None or self._clock.now() >= expires:
            return RotationPhase.EXPIRED
        manifest = self._manifest(staged)
        return RotationPhase.PROVE if manifest is not None and manifest.is_complete else RotationPhase.UPLOAD

    def _started(self, version: str) -> RotationStarted:
        manifest = self._store.manifest(version)
        return RotationStarted(
            version=version,
            fingerprints={"sig": manifest.signature, "enc": manifest.encryption},
            upload=tuple(str(path) for path in self._uploads(version)),
            expires_at=self._expires_at(version) or self._clock.now(),
        )

    def _uploads(self, version: str) -> list[Path]:
        if not version:
            return []
        place = self._store.place / STAGED / UPLOAD
        names = (generation.PUBLIC_SIGNATURE, generation.PUBLIC_ENCRYPTION, GROUP)
        return [place / name for name in names if (place / name).is_file()]

    def _expires_at(self, staged: str) -> datetime | None:
        """A day after it was staged or renewed; a time that is not to come yet is a clock that jumped."""
        entry = self._store.journal.last(staged, Mark.STAGED, Mark.RENEWED)
        begun = entry.at if entry is not None else self._created(staged)
        return min(begun, self._clock.now()) + STAGE_LIFE if begun is not None else None

    def _is_alive(self, staged: str) -> bool:
        expires = self._expires_at(staged)
        return expires is not None and self._clock.now() < expires

    def _needed(self, pointer: str) -> str:
        version = self._store.pointed(pointer)
        if not version:
            what = "rotation has been started" if pointer == STAGED else "previous key set is there"
            raise BrokerError("ROTATION_NOT_STARTED", f"no {what}")
        return version

    def _current_group(self) -> tuple[int, int]:
        path = self._store.place / CURRENT / GROUP
        if not path.is_file():
            return generation.GROUP_14, generation.GENERATOR
        return parse_dh_parameters(read_private(path, "Diffie-Hellman file"), path)

    def _manifest(self, version: str) -> Manifest | None:
        try:
            return self._store.manifest(version)
        except BrokerError:
            return None

    def _created(self, version: str) -> datetime | None:
        manifest = self._manifest(version)
        return manifest.created if manifest is not None else None

    def _described(self, version: str) -> KeyVersion | None:
        """A set for people. One that was made by hand has no manifest: its keys are looked at."""
        if not version or not self._store.path_of(version).is_dir():
            return None
        named = {self._store.pointed(pointer): pointer for pointer in (PREVIOUS, STAGED, CURRENT)}
        manifest = self._manifest(version)
        signature, encryption = (manifest.signature, manifest.encryption) if manifest else self._looked_at(version)
        return KeyVersion(
            version=version,
            created=manifest.created if manifest else None,
            signature=signature,
            encryption=encryption,
            consumer_key=self._consumer_of(version),
            pointer=named.get(version, ""),
        )

    def _looked_at(self, version: str) -> tuple[str, str]:
        place = self._store.path_of(version)
        try:
            keys = [load_key(place / name, name) for name in (SIGNATURE, ENCRYPTION)]
        except BrokerError:
            return "", ""
        return generation.fingerprint(keys[0]), generation.fingerprint(keys[1])

    def _consumer_of(self, version: str) -> str:
        try:
            return read_stored(self._store.path_of(version)).consumer_key
        except BrokerError:
            return ""


_REASONS: Final[Mapping[str, str]] = {
    "IBKR_CONSUMER_REVOKED": "IBKR does not know the new consumer key yet: activation can take a day. Try again later.",
    "IBKR_ACCESS_TOKEN_EXPIRED": "IBKR knows the consumer key, but not the new access token. Enter the token again.",
    "IBKR_AUTH_FAILED": "IBKR refused the new set's signature: the uploaded files and the token are not of one set.",
    "CLOCK_SKEW": "This machine's clock is wrong, so the test login was refused.",
    "IBKR_RATE_LIMITED": "IBKR asks to wait before the next login. Try again in ten minutes.",
}


_ENTER_AGAIN: Final = (
    "Waiting does not help: upload the stage's files, make a token after that, and enter it with "
    "`ibkr-tui rotate confirm`; or drop the stage with `ibkr-tui rotate abort`."
)


def _why(error: BrokerError) -> tuple[str, bool]:
    """What the refusal means for a person, and whether trying again later can help."""
    words = _REASONS.get(error.code, f"The test login did not work: {error.message}.")
    return words, error.code not in {"IBKR_ACCESS_TOKEN_EXPIRED", "IBKR_AUTH_FAILED"}


def _note(entry: Entry) -> RotationNote:
    return RotationNote(entry.at, str(entry.mark), entry.version, entry.text, entry.code)
