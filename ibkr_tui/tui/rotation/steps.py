"""The Keys page as lines of text: where a rotation stands, what to do next, and which set is in charge. Pure."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

import msgspec
from textual.content import Content

from ibkr_tui.model.rotation import GroupSearch, KeyVersion, RotationPhase, RotationStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.rotation.words import CHECKLIST, MANAGED, PRACTICE, portal_steps

DONE, NEXT, LATER = "✓", "▸", "·"
_COLUMN: Final = 26
_DID: Final = {"committed": "put in charge", "rolled_back": "left for the previous set", "aborted": "dropped"}


class Scene(msgspec.Struct, frozen=True):
    """What the lines are made of. `now` is UTC; `left` are the seconds to the next try while trying, else None."""

    found: RotationStatus
    now: datetime
    zone: tzinfo | None
    profile: str
    kind: str
    account: str = ""
    is_demo: bool = False
    login: str = ""
    """How the core stands with IBKR, in words."""
    login_keys: str = ""
    """The fingerprint of the set that the core uses, or the beginning of it."""
    busy: str = ""
    left: float | None = None
    tries: int = 0
    problem: str = ""


def step_of(found: RotationStatus) -> str:
    """The name of the help that fits."""
    if found.managed_by:
        return "keys_managed"
    if found.phase is RotationPhase.IDLE:
        return "keys_idle" if found.current is not None else "keys_first"
    return f"keys_{found.phase}"


def lines(scene: Scene, width: int) -> list[Content]:
    """The whole page, wrapped to `width` cells."""
    found = scene.found
    if found.managed_by:
        return list(_managed(scene, width))
    made = [*_steps(scene, width), *_news(scene, width), Content("")]
    made += _sets(scene, width)
    closing = list(_closing(scene, width))
    made += [Content(""), *closing] if closing else []
    if found.phase is RotationPhase.IDLE and found.current is None:
        made += [Content(""), *_checklist(width)]
    return made


def short(version: str) -> str:
    """`01JC…7Q`."""
    name = clean(version, limit=40)
    return name if len(name) <= 10 else f"{name[:4]}…{name[-2:]}"


# the four steps


def _steps(scene: Scene, width: int) -> Iterator[Content]:
    found = scene.found
    phase, staged = found.phase, found.staged
    if phase is RotationPhase.IDLE or staged is None:
        yield _step(NEXT, 1, "Make new keys", "on this machine: two RSA-2048 pairs, Diffie-Hellman")
        if found.search is not None:
            yield from _searching(found.search, width)
        yield _step(LATER, 2, "Upload to IBKR", "three public files, in its portal")
        yield _step(LATER, 3, "Enter the new token", "consumer key, access token, secret")
        yield _step(LATER, 4, "Prove and switch", "a test login with the new set, then one switch")
        return
    made = f"version {short(staged.version)}"
    if staged.created is not None:
        made += f"  {_day(staged.created, scene)}"
    yield _step(DONE, 1, "New keys made", made)
    if phase is RotationPhase.EXPIRED:
        yield Content.assemble(
            (f" {NEXT}   The stage is more than a day old.", "bold $warn"),
            "  Enter: renew it, or drop it.",
        )
        return
    if phase is RotationPhase.UPLOAD:
        if found.authorize_url:
            yield _step(NEXT, 2, "Allow it at IBKR", "a request token waits for its verifier")
            yield from _permission(found, width)
            yield _step(NEXT, 3, "Enter the verifier", "Enter: what stands behind oauth_verifier=")
        else:
            yield _step(NEXT, 2, "Upload to IBKR", "three public files (c copies); then make a token")
            yield from _portal(scene, width)
            yield _step(NEXT, 3, "Enter the new token", "Enter: consumer key, access token, secret")
        yield _step(LATER, 4, "Prove and switch", "a test login with the new set, then one switch")
        return
    yield _step(DONE, 2, "Uploaded to IBKR", "the three public files")
    yield _step(DONE, 3, "Token entered", f"for {clean(staged.consumer_key, limit=25)}; e enters another")
    yield _step(NEXT, 4, "Prove and switch", "Enter: a test login, then one switch")
    yield from _refusal(scene, width)
    if found.authorize_url:
        yield from _permission(found, width)


def _searching(search: GroupSearch, width: int) -> Iterator[Content]:
    """How far the search for a prime is. The bar is the share of searches that have found one by now."""
    share = 1 - math.exp(-search.tried / search.expected)
    room = max(10, min(40, width - 36))
    full = round(share * room)
    yield Content.assemble(
        "     ", ("█" * full, "$accent"), ("░" * (room - full), "$muted"),
        f"  {search.tried:,} tried in {figures.countdown(search.seconds)}",
    )  # fmt: skip
    words = f"Looking for a prime of 2048 bits: about {search.expected:,} numbers, luck decides. It goes on while you "
    yield from _hanging("     ", words + "look at other pages; a stops it, and nothing is lost.", width, "$muted")


def _permission(found: RotationStatus, width: int) -> Iterator[Content]:
    """A third party's steps outside."""
    yield from _hanging("      1. ", "IBKR has these public files for your consumer key.", width)
    yield from _hanging("      2. ", "Open this (c copies it), log in as the account's user, and allow it:", width)
    yield from _hanging(" ", clean(found.authorize_url, limit=400), width)
    yield from _hanging("      3. ", "The address it leads to ends in oauth_verifier=…: Enter takes that.", width)


def _portal(scene: Scene, width: int) -> Iterator[Content]:
    """What to do outside, in its order, and what goes where."""
    found = scene.found
    folder = str(Path(found.upload[0]).parent) if found.upload else found.place
    steps = PRACTICE if scene.is_demo else portal_steps(clean(scene.account, limit=20), _home(folder))
    for number, words in enumerate(steps, start=1):
        yield from _hanging(f"      {number}. ", words, width)


def _refusal(scene: Scene, width: int) -> Iterator[Content]:
    """Why the last test login did not work, and what follows from it."""
    refusal = scene.found.refusal
    if scene.busy or scene.problem:
        refusal = None  # not the latest any more
    if refusal is not None:
        at = f"{_day(refusal.at, scene)} "
        code = f" ({clean(refusal.code, limit=40)})" if refusal.code else ""
        yield from _hanging("     ✗ ", f"{at}{clean(refusal.text, limit=400)}{code}", width, "$danger")
        yield from _hanging("       ", _advice(refusal.code), width, "$muted")
    if scene.left is not None:
        count = "" if scene.tries == 0 else f" · tried {scene.tries}×"
        yield from _hanging(
            "     ", f"Trying again in {figures.countdown(scene.left)}{count} · k stops", width, "$accent"
        )


def _advice(code: str) -> str:
    if code == "IBKR_CONSUMER_REVOKED":
        return (
            "Not active yet: normal for up to a day. Enter tries again, k keeps trying every ten minutes. If it stays, "
            "compare the nine letters and the files with the portal."
        )
    if code == "IBKR_ACCESS_TOKEN_EXPIRED":
        return "Wrong token: waiting does not help. Make a token again in the portal, then e."
    if code == "IBKR_AUTH_FAILED":
        return "Wrong upload: upload the three files again, make a token again, then e."
    return "Enter tries again with what was entered; nothing has to be typed again."


# the sets


def _sets(scene: Scene, width: int) -> Iterator[Content]:
    """The picture of which set is in charge."""
    found = scene.found
    if found.current is None:
        yield _set_line("In charge", "○", ("none yet", ""), "")
    else:
        yield _set_line("In charge", "●", _facts(found.current, scene), _login(found.current, scene), "$accent")
    if found.previous is not None:
        yield _set_line("Previous", "○", _facts(found.previous, scene), "b goes back to it")
    if found.staged is not None:
        yield _set_line("Staged", "◌", _facts(found.staged, scene), _ends(scene), "$warn")
        yield from _prints(found.staged)
    elif found.current is not None:
        yield from _prints(found.current)
    rest = len(found.versions) - sum(one is not None for one in (found.current, found.previous, found.staged))
    if rest > 0:
        yield from _hanging(" ", f"Older sets on the disk: {rest} · p takes all but the newest three away", width,
                            "$muted")  # fmt: skip


def _facts(version: KeyVersion, scene: Scene) -> tuple[str, str]:
    since = _day(version.created, scene) if version.created is not None else "made by hand"
    return f"{short(version.version)}  {since}", clean(version.consumer_key, limit=12) or "no token yet"


def _login(version: KeyVersion, scene: Scene) -> str:
    """Whether the core's login is one with this set."""
    used = scene.login_keys
    if used and not version.signature.startswith(used):
        return "core uses another set"
    return scene.login


def _ends(scene: Scene) -> str:
    ends = scene.found.expires_at
    if ends is None:
        return ""
    left = (ends - scene.now).total_seconds()
    return f"expires in {figures.countdown(left)}" if left > 0 else "expired"


def _prints(version: KeyVersion) -> Iterator[Content]:
    """The fingerprints, whole: a comparison of the first letters only proves little."""
    for name, digest in (("sig", version.signature), ("enc", version.encryption)):
        if digest:
            yield Content.assemble((f"   {name} ", "$muted"), clean(digest, limit=80).removeprefix("SHA256:"))


def _set_line(name: str, mark: str, facts: tuple[str, str], words: str, style: str = "") -> Content:
    return Content.assemble(
        (f" {figures.left(name, 10)}", "$muted"), (f"{mark} ", style), (figures.left(facts[0], 23), "bold"),
        figures.left(facts[1], 14), (words, style or "$muted"),
    )  # fmt: skip


# around them


def _news(scene: Scene, width: int) -> Iterator[Content]:
    """What is being done, or why the last thing was not."""
    if scene.problem:
        yield from _hanging("     ✗ ", scene.problem, width, "$danger")
    if scene.busy:
        yield from _hanging("     … ", scene.busy, width, "$accent")


def _closing(scene: Scene, width: int) -> Iterator[Content]:
    found = scene.found
    if found.phase is not RotationPhase.IDLE:
        before = "the test login succeeds" if found.phase is RotationPhase.PROVE else "step 4 succeeds"
        yield from _hanging(" ", f"Nothing changes until {before}. You can leave and come back.", width, "$muted")
    elif found.notes and (last := found.notes[-1]).mark in _DID:
        did = {"committed": "put in charge", "rolled_back": "left for the previous set", "aborted": "dropped"}[
            last.mark
        ]
        yield from _hanging(" ", f"Last: {_day(last.at, scene)} {short(last.version)} was {did}.", width, "$muted")


def _checklist(width: int) -> Iterator[Content]:
    yield Content.styled(" What the account needs", "bold")
    for what, why in CHECKLIST:
        yield from _hanging("   □ ", f"{what}: {why}", width)
    yield from _hanging(
        "   ", "In a shell: `ibkr-tui setup` is the same wizard; with --lines it asks line by line.", width, "$muted"
    )


def _managed(scene: Scene, width: int) -> Iterator[Content]:
    why = clean(scene.found.managed_by, limit=300)
    yield Content.styled(" Nothing to rotate here", "bold")
    yield from _hanging(" ", f"{why[:1].upper()}{why[1:]}.", width)
    for key, sentences in MANAGED.items():
        if key in why:
            for sentence in sentences:
                yield Content("")
                yield from _hanging(" ", sentence, width)
            return


def _step(mark: str, number: int, what: str, more: str) -> Content:
    style = {NEXT: "bold $accent", LATER: "$muted"}.get(mark, "")
    head = (figures.left(what, _COLUMN - 5), style or "bold")
    return Content.assemble((f" {mark} {number} ", style), head, (more, "" if style else "$muted"))


def _hanging(head: str, words: str, width: int, style: str = "") -> Iterator[Content]:
    """Words after `head`, wrapped beneath themselves."""
    room = max(20, width - len(head))
    for at, line in enumerate(textwrap.wrap(words, room, break_on_hyphens=False) or [""]):
        yield Content.styled((head if at == 0 else " " * len(head)) + line, style)


def _day(at: datetime, scene: Scene) -> str:
    """`12 Mar`, or the time for today."""
    here = at.astimezone(scene.zone)
    now = scene.now.astimezone(scene.zone)
    if here.date() == now.date():
        return f"{here:%H:%M}"
    year = "" if here.year == now.year else f" {here:%Y}"
    return f"{here.day} {here:%b}{year}"


def _home(path: str) -> str:
    """A path as people write it."""
    home = str(Path.home())
    shown = clean(path, limit=300)
    return "~" + shown[len(home) :] if shown.startswith(home + "/") else shown
