"""Which version runs, and of which commit: read from the checkout's own files, so that no git is needed."""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path
from typing import Final

_HASH: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHOWN: Final = 10


def version() -> str:
    """The installed version; in a checkout that is not installed, the one of its project file."""
    try:
        return metadata.version("ibkr-tui")
    except metadata.PackageNotFoundError:
        project = _top() / "pyproject.toml"
        found = re.search(r'(?m)^version = "([^"]+)"', project.read_text()) if project.is_file() else None
        return found[1] if found else "unknown"


def commit() -> str:
    """The commit of the checkout or of the build; “unknown” when neither says."""
    return (_of_checkout(_top()) or _of_build() or _of_install() or "unknown")[:_SHOWN]


def _top() -> Path:
    return Path(__file__).resolve().parents[2]


def _of_checkout(top: Path) -> str:
    git = top / ".git"
    if not (top / "pyproject.toml").is_file():
        return ""
    try:
        if git.is_file():  # a linked worktree
            git = (top / git.read_text().removeprefix("gitdir:").strip()).resolve()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref:"):
            return head if _HASH.fullmatch(head) else ""
        return _of_reference(git, head.removeprefix("ref:").strip())
    except (OSError, UnicodeDecodeError):
        return ""


def _of_reference(git: Path, name: str) -> str:
    shared = git / "commondir"
    homes = [git, (git / shared.read_text().strip()).resolve()] if shared.is_file() else [git]
    for home in homes:
        loose = home / name
        if loose.is_file():
            found = loose.read_text().strip()
            return found if _HASH.fullmatch(found) else ""
    packed = homes[-1] / "packed-refs"
    lines = packed.read_text().splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {name}") and _HASH.match(line)), "")


def _of_build() -> str:
    baked = Path(__file__).with_name("commit.txt")
    return baked.read_text().strip() if baked.is_file() else ""


def _of_install() -> str:
    """What pip wrote down when it installed from a repository (PEP 610)."""
    try:
        said = metadata.distribution("ibkr-tui").read_text("direct_url.json")
        found = json.loads(said or "{}").get("vcs_info", {}).get("commit_id", "")
    except (metadata.PackageNotFoundError, ValueError):
        return ""
    return found if isinstance(found, str) and _HASH.fullmatch(found) else ""
