"""The commit is read from a checkout's own files, in each way git writes them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ibkr_tui.cli import version as versions

HASH = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "9.9.9"\n')
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(versions, "_top", lambda: tmp_path)
    return tmp_path


def test_a_loose_reference(checkout: Path) -> None:
    (checkout / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (checkout / ".git" / "refs" / "heads").mkdir(parents=True)
    (checkout / ".git" / "refs" / "heads" / "main").write_text(HASH + "\n")
    assert versions.commit() == HASH[:10]


def test_a_packed_reference(checkout: Path) -> None:
    (checkout / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (checkout / ".git" / "packed-refs").write_text(
        f"# pack-refs\n{'f' * 40} refs/heads/maintain\n{HASH} refs/heads/main\n"
    )
    assert versions.commit() == HASH[:10]


def test_a_detached_head(checkout: Path) -> None:
    (checkout / ".git" / "HEAD").write_text(HASH + "\n")
    assert versions.commit() == HASH[:10]


def test_a_linked_worktree(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".git").rmdir()
    home = tmp_path / "elsewhere" / ".git"
    (home / "worktrees" / "w").mkdir(parents=True)
    (checkout / ".git").write_text(f"gitdir: {home}/worktrees/w\n")
    (home / "worktrees" / "w" / "HEAD").write_text("ref: refs/heads/side\n")
    (home / "worktrees" / "w" / "commondir").write_text("../..\n")
    (home / "refs" / "heads").mkdir(parents=True)
    (home / "refs" / "heads" / "side").write_text(HASH + "\n")
    assert versions.commit() == HASH[:10]


@pytest.mark.parametrize("head", ["", "ref: refs/heads/unborn\n", "not a hash\n"])
def test_nothing_to_say_is_unknown(checkout: Path, head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_of_install", str)
    monkeypatch.setattr(versions, "_of_build", str)
    (checkout / ".git" / "HEAD").write_text(head)
    assert versions.commit() == "unknown"


def test_it_agrees_with_git_in_this_checkout() -> None:
    top = Path(versions.__file__).resolve().parents[2]
    asked = subprocess.run(["git", "-C", str(top), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if asked.returncode == 0 and (top / ".git").exists():
        assert asked.stdout.startswith(versions.commit())


def test_without_an_installation_the_project_file_says_the_version(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: str) -> str:
        raise versions.metadata.PackageNotFoundError

    monkeypatch.setattr(versions.metadata, "version", absent)
    assert versions.version() == "9.9.9"
