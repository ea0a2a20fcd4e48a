"""Disks that fail: one that stops at a chosen operation, and one that remembers what power loss would undo."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ibkr_tui.core.keys.file_operations import FileOperations

OPERATIONS = (
    "make_directory", "create", "append", "write", "sync", "sync_directory", "link", "rename", "remove",
    "remove_directory",
)  # fmt: skip


class Killed(BaseException):
    """The process is gone: nothing of ours runs any more."""


class Interrupted(FileOperations):
    """Counts its operations and fails at number `at`, before or after it is done; a write is cut in half."""

    def __init__(self, at: int = -1, failure: BaseException | None = None, *, after: bool = False) -> None:
        self.done: list[str] = []
        self._at = at
        self._failure = failure
        self._after = after

    def __getattribute__(self, name: str) -> Any:
        work = super().__getattribute__(name)
        return self._counted(name, work) if name in OPERATIONS else work

    def _counted(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            strikes = len(self.done) == self._at
            self.done.append(name)
            if strikes and not self._after:
                if name == "write":
                    os.write(arguments[0], arguments[1][: len(arguments[1]) // 2])
                raise self._failure or Killed
            result = work(*arguments)
            if strikes:
                raise self._failure or Killed
            return result

        return counted


@dataclass(frozen=True)
class Step:
    """One change of names, or of one file's bytes; `places` are the directories whose sync makes it last."""

    kind: str
    paths: tuple[str, ...]
    content: bytes
    places: frozenset[str]


class Recorded(FileOperations):
    """Does what it is told, and writes down what is not on the disk yet."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.steps: list[Step | str] = []
        """A text is the directory that was synced."""

    def make_directory(self, path: Path) -> None:
        super().make_directory(path)
        self._note("directory", path)

    def create(self, path: Path, content: bytes) -> None:
        super().create(path, content)
        self._note("create", path, content=content)

    def append(self, path: Path, content: bytes) -> None:
        new = not path.exists()
        super().append(path, content)
        self._note("create" if new else "append", path, content=content, lasts=not new)

    def sync_directory(self, path: Path) -> None:
        super().sync_directory(path)
        self.steps.append(self._name(path))

    def link(self, target: str, path: Path) -> None:
        super().link(target, path)
        self._note("link", path, content=target.encode())

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self._note("rename", source, target)

    def remove(self, path: Path) -> None:
        there = os.path.lexists(path)
        super().remove(path)
        if there:
            self._note("remove", path)

    def remove_directory(self, path: Path) -> None:
        super().remove_directory(path)
        self._note("remove_directory", path)

    def _note(self, kind: str, *paths: Path, content: bytes = b"", lasts: bool = False) -> None:
        places = frozenset() if lasts else frozenset(self._name(path.parent) for path in paths)
        self.steps.append(Step(kind, tuple(self._name(path) for path in paths), content, places))

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._root))


def unsynced(steps: Sequence[Step | str]) -> list[int]:
    """The numbers of the steps that power loss at the end of `steps` may undo."""
    open_ones: dict[int, set[str]] = {}
    for number, step in enumerate(steps):
        if isinstance(step, str):
            for places in open_ones.values():
                places.discard(step)
        elif step.places:
            open_ones[number] = set(step.places)
    return [number for number, places in open_ones.items() if places]


def replay(root: Path, steps: Sequence[Step | str], lost: Iterable[int]) -> None:
    """Do `steps` in `root` without those that were lost; what rests on a lost one is lost too."""
    gone = set(lost)
    for number, step in enumerate(steps):
        if isinstance(step, Step) and number not in gone:
            try:
                _apply(root, step)
            except OSError:
                continue


def _apply(root: Path, step: Step) -> None:
    path = root / step.paths[0]
    if step.kind == "directory":
        path.mkdir(mode=0o700)
    elif step.kind == "create":
        path.write_bytes(step.content)
        path.chmod(0o600)
    elif step.kind == "append":
        with path.open("ab") as file:
            file.write(step.content)
    elif step.kind == "link":
        path.symlink_to(step.content.decode())
    elif step.kind == "rename":
        path.rename(root / step.paths[1])
    elif step.kind == "remove":
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)  # what was in it is removed by steps before, or was lost with it
