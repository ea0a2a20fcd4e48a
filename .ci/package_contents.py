"""Looks into the built wheel and source archive: what must be in them is, and nothing is that no rule lets in.

Run it with the folder of the archives; it prints each problem and exits 1 when there is one.
"""

from __future__ import annotations

import fnmatch
import re
import sys
import tarfile
import zipfile
from pathlib import Path

WHEEL_MAY = (
    "ibkr_tui/*.py", "ibkr_tui/tui/*.tcss", "ibkr_tui/tui/themes/*.toml", "ibkr_tui/cli/config.example.toml",
    "ibkr_tui/cli/live_runbook.md", "ibkr_tui/cli/commit.txt", "ibkr_tui-*.dist-info/METADATA",
    "ibkr_tui-*.dist-info/WHEEL", "ibkr_tui-*.dist-info/RECORD", "ibkr_tui-*.dist-info/entry_points.txt",
    "ibkr_tui-*.dist-info/licenses/LICENSE",
)  # fmt: skip
WHEEL_MUST = (
    "ibkr_tui/cli/main.py", "ibkr_tui/core/broker.py", "ibkr_tui/link/client.py", "ibkr_tui/model/errors.py",
    "ibkr_tui/sim/*.py", "ibkr_tui/tui/*.tcss", "ibkr_tui/tui/themes/*.toml", "ibkr_tui/cli/config.example.toml",
    "ibkr_tui/cli/live_runbook.md", "ibkr_tui-*.dist-info/entry_points.txt", "ibkr_tui-*.dist-info/licenses/LICENSE",
)  # fmt: skip
SDIST_MAY = (
    "ibkr_tui/*.py", "ibkr_tui/tui/*.tcss", "ibkr_tui/cli/live_runbook.md", "ibkr_tui/cli/commit.txt",
    "themes/*.toml", ".ci/commit_hook.py", ".gitignore", "config.example.toml", "pyproject.toml", "README.md",
    "CHANGELOG.md", "LICENSE", "PKG-INFO",
)  # fmt: skip
SDIST_MUST = (
    "ibkr_tui/cli/main.py", "ibkr_tui/cli/live_runbook.md", "themes/*.toml", ".ci/commit_hook.py",
    "config.example.toml", "pyproject.toml", "LICENSE",
)  # fmt: skip
NEVER = re.compile(
    r"(^|/)(tests?|__pycache__|__snapshots__|keys|conftest\.py|\.env.*|credentials\.(json|toml))(/|$)"
    r"|\.(pem|key|p12|db|log|sqlite|svg|pyc)$"
)
_SECRETS = (
    re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40,}"),
    re.compile(rb"(?<![0-9A-Za-z])(?:AKIA|ASIA)[A-Z0-9]{16}(?![0-9A-Za-z])"),
    re.compile(rb"(?<![0-9A-Za-z])(?:ghp|gho|pypi|xox[bp])[-_][A-Za-z0-9_-]{30,}"),
)


def problems(names: dict[str, bytes], may: tuple[str, ...], must: tuple[str, ...]) -> list[str]:
    """What is wrong with an archive of these files."""
    found = [f"{rule} is missing" for rule in must if not any(_meets(name, rule) for name in names)]
    for name, content in sorted(names.items()):
        if NEVER.search(name) and not name.startswith("ibkr_tui/core/keys/"):
            found.append(f"{name} has no place in it")
        elif not any(_meets(name, rule) for rule in may):
            found.append(f"{name}: no rule lets it in")
        found += [f"{name} holds what looks like a secret" for secret in _SECRETS if secret.search(content)]
    return found


def _meets(name: str, rule: str) -> bool:
    return fnmatch.fnmatchcase(name, rule)


def of_wheel(path: Path) -> dict[str, bytes]:
    """The files of a wheel."""
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}


def of_sdist(path: Path) -> dict[str, bytes]:
    """The files of a source archive, without its folder; a link or a device in it is a file of no content."""
    with tarfile.open(path) as archive:
        found = {}
        for info in archive.getmembers():
            if not info.isdir():
                file = archive.extractfile(info) if info.isfile() else None
                found[info.name.partition("/")[2]] = file.read() if file is not None else b""
        return found


def main(folder: Path) -> int:
    """Look into both archives; the exit status."""
    wheels, sdists = sorted(folder.glob("*.whl")), sorted(folder.glob("*.tar.gz"))
    found = [] if len(wheels) == len(sdists) == 1 else [f"{folder}: one wheel and one source archive are wanted"]
    for path in wheels:
        found += [f"{path.name}: {words}" for words in problems(of_wheel(path), WHEEL_MAY, WHEEL_MUST)]
    for path in sdists:
        found += [f"{path.name}: {words}" for words in problems(of_sdist(path), SDIST_MAY, SDIST_MUST)]
    print("\n".join(found) if found else "wheel and sdist hold what they should, and nothing else")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
