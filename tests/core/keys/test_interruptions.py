"""Whatever ends a rotation, and whenever: afterwards a whole set is there that the server takes, and all goes on."""

from __future__ import annotations

import asyncio
import base64
import errno
import functools
import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from ibkr_tui.core.keys import generation, pem
from ibkr_tui.core.keys.file_operations import FileOperations
from ibkr_tui.core.keys.generation import Material
from ibkr_tui.core.keys.key_set import KeySet, load_version
from ibkr_tui.core.keys.rotation import Rotation
from ibkr_tui.core.keys.store import KeyStore
from ibkr_tui.core.keys.third_party import Granted
from ibkr_tui.core.keys.token_entry import TokenEntry
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError
from tests.core.keys.interrupted import Interrupted, Killed, Recorded, Step, replay, unsynced

FAILURES: dict[str, Callable[[], BaseException]] = {
    "kill": Killed,
    "ENOSPC": lambda: OSError(errno.ENOSPC, "no space"),
    "EIO": lambda: OSError(errno.EIO, "broken"),
    "EACCES": lambda: OSError(errno.EACCES, "refused"),
}
OLD, NEW, THIRD = "CONSUMERA", "CONSUMERB", "0123456789abcdef012345678"
MOST_LOSSES = 400
"""Choices of what power loss undoes at one step; all of them where there are no more."""


def sealed_secret(place: Path) -> str:
    """A token's secret, sealed for the set that is staged."""
    public = load_pem_public_key((place / "staged" / "upload" / "public_encryption.pem").read_bytes())
    sealed = public.encrypt(bytes(range(32)), padding.PKCS1v15())  # type: ignore[union-attr]
    return base64.b64encode(sealed).decode()


@dataclass
class Accepting:
    """The server: it takes every set that is whole, and gives a token for any verifier."""

    place: Path

    async def ask(self, consumer_key: str, key: Any) -> tuple[str, str]:
        return "asked", "https://interactivebrokers.com/authorize?oauth_token=asked"

    async def exchange(self, consumer_key: str, key: Any, token: str, verifier: Secret) -> Granted:
        return Granted(consumer_key, Secret("token0123456789"), Secret(sealed_secret(self.place)))

    async def probe(self, keys: KeySet) -> None:
        assert len(keys.prepend()) == 32


@dataclass
class Stage:
    """A store as a scenario finds it."""

    template: Path
    clock: Any

    def copy(self, place: Path) -> Path:
        shutil.copytree(self.template, place, symlinks=True)
        return place

    def rotation(self, place: Path, files: FileOperations | None = None) -> Rotation:
        server = Accepting(place)
        return Rotation(KeyStore(place, self.clock, files), self.clock, server, grants=server)

    def entry(self, place: Path, consumer: str) -> TokenEntry:
        return TokenEntry(consumer, Secret("token0123456789"), Secret(sealed_secret(place)))

    def rotate(self, place: Path, consumer: str) -> None:
        rotation = self.rotation(place)
        rotation.start()
        asyncio.run(rotation.confirm(self.entry(place, consumer)))
        self.clock.jump_wall(1)


def start(stage: Stage, rotation: Rotation, place: Path) -> None:
    rotation.start()


def confirm(stage: Stage, rotation: Rotation, place: Path) -> None:
    asyncio.run(rotation.confirm(stage.entry(place, NEW)))


def allow(stage: Stage, rotation: Rotation, place: Path) -> None:
    asyncio.run(rotation.authorize(THIRD))
    asyncio.run(rotation.confirm(Secret("verifier")))


def abort(stage: Stage, rotation: Rotation, place: Path) -> None:
    rotation.abort()


def rollback(stage: Stage, rotation: Rotation, place: Path) -> None:
    rotation.rollback()


def prune(stage: Stage, rotation: Rotation, place: Path) -> None:
    rotation.prune(2)


@dataclass(frozen=True)
class Scenario:
    work: Callable[[Stage, Rotation, Path], None]
    taken: frozenset[str]
    staged: bool


SCENARIOS = {
    "start": Scenario(start, frozenset({OLD}), staged=False),
    "confirm": Scenario(confirm, frozenset({OLD, NEW}), staged=True),
    "allow": Scenario(allow, frozenset({OLD, THIRD}), staged=True),
    "abort": Scenario(abort, frozenset({OLD}), staged=True),
    "rollback": Scenario(rollback, frozenset({OLD, "CONSUMERZ"}), staged=False),
    "prune": Scenario(prune, frozenset({OLD}), staged=False),
}


@pytest.fixture(scope="module")
def materials() -> list[Material]:
    return [generation.new_material() for _ in range(3)]


@pytest.fixture
def stages(
    tmp_path: Path, fake_clock: Any, materials: list[Material], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Scenario], Stage]:
    """Stores with three sets behind them. What is slow, and not what is tried here, is done once: keys and primes."""
    turn: Iterator[Material] = itertools.cycle(materials)
    monkeypatch.setattr(generation, "new_material", lambda *_: next(turn))
    monkeypatch.setattr(pem, "check_dh", lambda *_: None)
    monkeypatch.setattr(pem, "load_pem_private_key", functools.cache(load_pem_private_key))

    def make(scenario: Scenario) -> Stage:
        template = tmp_path / "template"
        stage = Stage(template, fake_clock)
        for consumer in ("CONSUMERX", "CONSUMERY", "CONSUMERZ", OLD):
            stage.rotate(template, consumer)
        if scenario.staged:
            stage.rotation(template).start()
        return stage

    return make


def check(stage: Stage, place: Path, scenario: Scenario, *, thoroughly: bool) -> None:
    """A whole set is there that the server takes, recovery changes nothing the second time, and a rotation works."""
    store = KeyStore(place, stage.clock)
    store.recover()
    keys = load_version(place / "current")
    assert keys.consumer_key in scenario.taken
    assert len(keys.prepend()) == 32
    before = sorted(str(path.relative_to(place)) for path in place.rglob("*"))
    store.recover()
    assert sorted(str(path.relative_to(place)) for path in place.rglob("*")) == before
    assert not [name for name in before if ".tmp" in name]
    assert stage.rotation(place).status().current is not None
    if not thoroughly:
        return
    stage.rotate(place, "CONSUMERC")
    assert load_version(place / "current").consumer_key == "CONSUMERC"


def recorded(stage: Stage, scenario: Scenario, place: Path) -> list[str]:
    """The operations of an undisturbed run."""
    files = Interrupted()
    scenario.work(stage, stage.rotation(stage.copy(place), files), place)
    return files.done


def strike(stage: Stage, scenario: Scenario, place: Path, files: FileOperations) -> None:
    """Run the scenario on a disk that fails; a failure that is not a kill is told in words."""
    try:
        scenario.work(stage, stage.rotation(stage.copy(place), files), place)
    except Killed:
        return
    except BrokerError as error:
        assert error.code == "KEY_STORE_UNUSABLE"


@pytest.mark.slow
def test_enough_points_and_states_are_tried(stages: Callable[[Scenario], Stage], tmp_path: Path) -> None:
    """What the slow tests below go through, counted."""
    points = states = 0
    for name, scenario in SCENARIOS.items():
        shutil.rmtree(tmp_path / "template", ignore_errors=True)
        stage = stages(scenario)
        points += len(recorded(stage, scenario, tmp_path / name))
        states += sum(1 for _ in losses(stage, scenario, tmp_path / f"{name}-lost", MOST_LOSSES))
    assert points >= 40
    assert points * len(FAILURES) * 2 + states >= 5_000


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_every_operation(stages: Callable[[Scenario], Stage], tmp_path: Path, name: str) -> None:
    scenario = SCENARIOS[name]
    stage = stages(scenario)
    count = len(recorded(stage, scenario, tmp_path / "whole"))
    for at in range(0, count, 2):  # every one of them in the slow run
        place = tmp_path / str(at)
        strike(stage, scenario, place, Interrupted(at))
        check(stage, place, scenario, thoroughly=at == 6)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_failure_at_every_operation(
    stages: Callable[[Scenario], Stage], tmp_path: Path, name: str, failure: str, after: bool
) -> None:
    scenario = SCENARIOS[name]
    stage = stages(scenario)
    for at in range(len(recorded(stage, scenario, tmp_path / "whole"))):
        place = tmp_path / str(at)
        strike(stage, scenario, place, Interrupted(at, FAILURES[failure](), after=after))
        check(stage, place, scenario, thoroughly=True)
        shutil.rmtree(place)


def losses(stage: Stage, scenario: Scenario, place: Path, most: int) -> Iterator[tuple[list[Step | str], set[int]]]:
    """At every step of an undisturbed run, up to `most` choices of what is lost of what was not synced."""
    files = Recorded(place)
    scenario.work(stage, stage.rotation(stage.copy(place), files), place)
    chance = random.Random(7)  # noqa: S311
    for end in range(1, len(files.steps) + 1):
        steps = files.steps[:end]
        loose = unsynced(steps)
        every = [set(lost) for size in range(len(loose) + 1) for lost in itertools.combinations(loose, size)]
        chosen = every if len(every) <= most else [set(loose), *chance.sample(every, most - 1)]
        yield from ((steps, lost) for lost in chosen)


def lose_power(stage: Stage, scenario: Scenario, tmp_path: Path, most: int) -> int:
    """Try each of `losses`; how many states were tried."""
    count = 0
    for steps, lost in losses(stage, scenario, tmp_path / "run", most):
        place = tmp_path / str(count)
        replay(stage.copy(place), steps, lost)
        check(stage, place, scenario, thoroughly=most > 2)
        shutil.rmtree(place)
        count += 1
    return count


@pytest.mark.parametrize("name", ["confirm", "rollback"])
def test_power_fails_at_every_step(stages: Callable[[Scenario], Stage], tmp_path: Path, name: str) -> None:
    assert lose_power(stages(SCENARIOS[name]), SCENARIOS[name], tmp_path, most=2) > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_power_fails_and_any_subset_is_lost(stages: Callable[[Scenario], Stage], tmp_path: Path, name: str) -> None:
    assert lose_power(stages(SCENARIOS[name]), SCENARIOS[name], tmp_path, most=MOST_LOSSES) > 10
