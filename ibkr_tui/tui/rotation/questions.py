"""The questions of the Keys page, and the public parts that may be copied."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from textual.content import Content

from ibkr_tui.model.rotation import KeyVersion, RotationStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui.rotation.steps import short
from ibkr_tui.tui.screens.choice import Answer, ChoiceScreen
from ibkr_tui.tui.screens.typed_word import TypedWordScreen

KEEP, GROUP_14, SEARCH, LEAVE = "keep", "group14", "search", "leave"
RENEW, DROP, PRUNE = "renew", "drop", "prune"
FOLDER, PRINTS, PAGE = "folder", "fingerprints", "page"
_PUBLIC: Final = ("-----BEGIN PUBLIC KEY-----", "-----BEGIN DH PARAMETERS-----")
_LARGEST: Final = 16_384


def start_screen(found: RotationStatus) -> ChoiceScreen:
    """Whether to make new keys."""
    if found.current is None:
        body = [
            Content("Two RSA-2048 pairs and the Diffie-Hellman group of RFC 3526, in"),
            Content.styled(clean(found.place, limit=200), "bold"),
            Content("Only your user can read them. What IBKR gets lies beside them, in a folder of its own."),
        ]
        answers = [
            Answer(LEAVE, "Leave it", "n"),
            Answer(GROUP_14, "Make them", "y", guarded=True),
            Answer(SEARCH, "with a prime of my own", "s", guarded=True),
        ]
        return ChoiceScreen("Make the first keys?", body, answers)
    body = [
        Content("A new set is made beside the one in charge, which stays in charge until the new one has logged in."),
        Content(
            "Once its files are at IBKR, the old set may stop working there before the new one works: begin when no "
            "position needs you, on a Friday evening for one."
        ),
    ]
    answers = [
        Answer(LEAVE, "Leave it", "n"),
        Answer(KEEP, "Make new keys", "y", guarded=True),
        Answer(GROUP_14, "RFC 3526 group", "g", guarded=True),
        Answer(SEARCH, "a prime of my own", "s", guarded=True),
    ]
    return ChoiceScreen("Make new keys?", body, answers)


def expired_screen(found: RotationStatus) -> ChoiceScreen:
    """What becomes of a stage that is a day old."""
    body = [
        Content("Renew: another day, with its keys and any token as they are. Right when IBKR is still activating it."),
        Content("Drop: it goes off the disk. The set in charge is not touched."),
    ]
    answers = [
        Answer(LEAVE, "Leave it", "n"),
        Answer(RENEW, "Renew", "y", guarded=True),
        Answer(DROP, "Drop", "d", guarded=True),
    ]
    return ChoiceScreen(f"The stage {_named(found.staged)} has expired", body, answers, tone="warn")


def switch_words(found: RotationStatus) -> list[Content]:
    """What proving the staged set means."""
    return [
        Content(
            f"A test login with {_named(found.staged)}; when it works it takes the place of {_named(found.current)}, "
            "and the core logs in with it."
        ),
    ]


def typed(title: str, body: list[Content], word: str) -> TypedWordScreen:
    """The word is typed before it is done."""
    return TypedWordScreen(title, body, word)


def abort_screen(found: RotationStatus, word: str) -> TypedWordScreen:
    """Whether to drop the stage."""
    token = " Its token goes too." if found.staged is not None and found.staged.consumer_key else ""
    body = [
        Content(f"The staged set {_named(found.staged)} goes off the disk.{token}"),
        Content("If IBKR has its files already, they are of no more use: the next set has other ones."),
        Content(f"In charge stays {_named(found.current)}." if found.current else "Nothing is in charge yet."),
    ]
    return TypedWordScreen("Drop the staged set", body, word)


def rollback_screen(found: RotationStatus, word: str) -> TypedWordScreen:
    """Whether to go back."""
    body = [
        Content(f"In charge again: {_named(found.previous)}. The one that is now, {_named(found.current)}, is kept."),
        Content("IBKR accepts it only while it has those public files: an upload in the portal replaces the old ones."),
        Content("No test login is made; the core logs in with it at once."),
    ]
    return TypedWordScreen("Go back to the previous set", body, word)


def prune_screen(found: RotationStatus, kept: int) -> ChoiceScreen:
    """Whether to take old sets away."""
    body = [
        Content(
            f"{len(found.versions)} sets are on the disk. The newest {kept} stay, and any that is in charge, previous "
            "or staged. The others are taken off the disk for good."
        ),
    ]
    answers = [Answer(LEAVE, "Leave them", "n"), Answer(PRUNE, "Take them away", "y", guarded=True)]
    return ChoiceScreen("Take old sets off the disk?", body, answers, tone="warn")


def copy_screen(found: RotationStatus) -> ChoiceScreen:
    """Which public part to copy. Escape copies none."""
    answers = [Answer("", "None", "n")]
    answers += [Answer(path, _label(path), str(at)) for at, path in enumerate(found.upload, start=1)]
    if found.upload:
        answers.append(Answer(FOLDER, "folder", "f"))
    if found.authorize_url:
        answers.append(Answer(PAGE, "address", "u"))
    answers.append(Answer(PRINTS, "fingerprints", "s"))
    body = [
        Content("Only what is public: files for the portal, where they are, the fingerprints."),
        Content.styled("It goes to the clipboard of the terminal you sit at (OSC 52), also over SSH.", "$muted"),
    ]
    return ChoiceScreen("Copy", body, answers)


def public_part(found: RotationStatus, which: str) -> str:
    """The text of a part; empty when a file does not hold something public. Raises OSError."""
    if which == PRINTS:
        version = found.staged or found.current
        return f"sig {version.signature}\nenc {version.encryption}\n" if version is not None else ""
    if which == PAGE:
        return found.authorize_url
    if which == FOLDER:
        return str(Path(found.upload[0]).parent) if found.upload else ""
    if which not in found.upload:
        return ""
    with Path(which).open("rb") as file:
        text = file.read(_LARGEST).decode("ascii", errors="replace")
    return text if text.startswith(_PUBLIC) and "PRIVATE" not in text else ""


def _label(path: str) -> str:
    return Path(path).stem.removeprefix("public_")


def _named(version: KeyVersion | None) -> str:
    return short(version.version) if version is not None else "nothing"
