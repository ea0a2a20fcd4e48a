"""A rotation from start to switch, and every way in which it does not get there."""

from __future__ import annotations

import base64
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ibkr_tui.core.keys.key_set import KeySet, load_version
from ibkr_tui.core.keys.rotation import Rotation
from ibkr_tui.core.keys.store import KeyStore
from ibkr_tui.core.keys.token_entry import TokenEntry
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.rotation import RotationPhase


class Portal:
    """Makes tokens for what was uploaded, and answers the test logins."""

    def __init__(self) -> None:
        self.refusals: list[BrokerError] = []
        self.proved: list[str] = []

    def token(self, upload: tuple[str, ...], consumer: str = "NEWCONSUM") -> TokenEntry:
        public = load_pem_public_key(Path(upload[1]).read_bytes())
        sealed = public.encrypt(bytes(range(32)), padding.PKCS1v15())  # type: ignore[union-attr]
        return TokenEntry(consumer, Secret("newtoken0123456789"), Secret(base64.b64encode(sealed).decode()))

    async def probe(self, keys: KeySet) -> None:
        assert keys.prepend() == bytes(range(32))
        if self.refusals:
            raise self.refusals.pop(0)
        self.proved.append(keys.consumer_key)


class Orders:
    """Orders that are on their way."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self) -> list[str]:
        return self.names


class Bench:
    def __init__(self, place: Path, clock: Any) -> None:
        self.clock = clock
        self.portal = Portal()
        self.orders = Orders()
        self.store = KeyStore(place, clock)
        self.rotation = Rotation(self.store, clock, self.portal, self.orders)

    def in_charge(self) -> str:
        return load_version(self.store.place / "current").consumer_key


@pytest.fixture
def bench(places: Any, fake_clock: Any) -> Bench:
    """A store with one set, made by hand."""
    place = places.store()
    for path in (place, place / "versions"):
        path.chmod(0o700)
    return Bench(place, fake_clock)


@pytest.fixture
def empty(tmp_path: Path, fake_clock: Any) -> Bench:
    return Bench(tmp_path / "keys" / "paper", fake_clock)


async def test_a_rotation_from_start_to_switch(bench: Bench) -> None:
    begun = bench.clock.now()
    started = bench.rotation.start()
    assert started.expires_at == begun + timedelta(hours=24)
    assert set(started.fingerprints) == {"sig", "enc"}
    assert [Path(name).name for name in started.upload] == [
        "public_signature.pem",
        "public_encryption.pem",
        "dhparam.pem",
    ]
    for name in started.upload:
        text = Path(name).read_bytes()
        assert b"PRIVATE" not in text
        assert b"\r" not in text
    assert bench.in_charge() == "ABCDEFGHI"
    assert bench.rotation.status().phase is RotationPhase.UPLOAD
    old = bench.store.pointed("current")

    done = await bench.rotation.confirm(bench.portal.token(started.upload))

    assert (done.version, done.old_version, done.rotated_at) == (started.version, old, bench.clock.now())
    assert bench.in_charge() == "NEWCONSUM"
    status = bench.rotation.status()
    assert status.phase is RotationPhase.IDLE
    assert status.current is not None and status.current.signature == started.fingerprints["sig"]
    assert status.previous is not None and status.previous.version == old
    assert status.staged is None


async def test_a_first_set_is_a_rotation_with_nothing_before_it(empty: Bench) -> None:
    assert empty.rotation.status().phase is RotationPhase.IDLE
    started = empty.rotation.start()
    done = await empty.rotation.confirm(empty.portal.token(started.upload, "FIRSTKEYS"))
    assert (empty.in_charge(), done.old_version) == ("FIRSTKEYS", "")
    for path in [empty.store.place, *empty.store.place.rglob("*")]:
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode == (0o700 if path.is_dir() else 0o600), path


async def test_keys_that_are_not_active_yet_stay_staged_and_need_no_second_entry(bench: Bench) -> None:
    started = bench.rotation.start()
    bench.portal.refusals = [BrokerError("IBKR_CONSUMER_REVOKED", "invalid consumer")]
    with pytest.raises(BrokerError, match="activation can take a day") as caught:
        await bench.rotation.confirm(bench.portal.token(started.upload))
    assert (caught.value.code, caught.value.retryable) == ("IBKR_ROTATION_VALIDATION_FAILED", True)
    assert caught.value.details["cause"] == "IBKR_CONSUMER_REVOKED"
    assert bench.in_charge() == "ABCDEFGHI"
    status = bench.rotation.status()
    assert status.phase is RotationPhase.PROVE
    assert status.refusal is not None and status.refusal.code == "IBKR_CONSUMER_REVOKED"
    await bench.rotation.confirm()
    assert bench.in_charge() == "NEWCONSUM"


async def test_a_wrong_token_is_told_apart_and_can_be_entered_again(bench: Bench) -> None:
    started = bench.rotation.start()
    bench.portal.refusals = [BrokerError("IBKR_ACCESS_TOKEN_EXPIRED", "No access secret key found")]
    with pytest.raises(BrokerError, match="not the new access token") as caught:
        await bench.rotation.confirm(bench.portal.token(started.upload))
    assert not caught.value.retryable
    assert "Waiting does not help" in caught.value.user_action
    await bench.rotation.confirm(bench.portal.token(started.upload, "SECONDTRY"))
    assert bench.in_charge() == "SECONDTRY"


async def test_orders_on_their_way_hold_the_switch_back(bench: Bench) -> None:
    started = bench.rotation.start()
    bench.orders.names = ["BUY 100 AAPL"]
    with pytest.raises(BrokerError, match="BUY 100 AAPL") as caught:
        await bench.rotation.confirm(bench.portal.token(started.upload))
    assert caught.value.code == "ROTATION_BLOCKED"
    assert bench.in_charge() == "ABCDEFGHI"
    bench.orders.names = []
    await bench.rotation.confirm()
    assert bench.in_charge() == "NEWCONSUM"


@pytest.mark.parametrize(
    ("consumer", "token", "secret", "field"),
    [
        ("short", "newtoken0123456789", None, "consumer_key"),
        ("lowercase", "newtoken0123456789", None, "consumer_key"),
        ("ABCDEFGHIJ", "newtoken0123456789", None, "consumer_key"),
        ("NEWCONSUM", "", None, "access_token"),
        ("NEWCONSUM", "two words", None, "access_token"),
        ("NEWCONSUM", "newtoken0123456789", "%%%", "access_token_secret"),
        ("NEWCONSUM", "newtoken0123456789", base64.b64encode(bytes(256)).decode(), "access_token_secret"),
    ],
)
async def test_what_was_entered_wrong_is_named_and_nothing_is_kept(
    bench: Bench, consumer: str, token: str, secret: str | None, field: str
) -> None:
    started = bench.rotation.start()
    good = bench.portal.token(started.upload)
    entry = TokenEntry(consumer, Secret(token), good.access_token_secret if secret is None else Secret(secret))
    with pytest.raises(BrokerError) as caught:
        await bench.rotation.confirm(entry)
    assert (caught.value.code, caught.value.details["field"]) == ("TOKEN_INVALID", field)
    assert bench.rotation.status().phase is RotationPhase.UPLOAD
    assert bench.portal.proved == []


async def test_white_space_and_quotes_of_a_copy_do_not_matter(bench: Bench) -> None:
    started = bench.rotation.start()
    good = bench.portal.token(started.upload)
    secret = good.access_token_secret.reveal()
    spoiled = Secret(f'"{secret[:40]}\r\n{secret[40:]}"\n')
    await bench.rotation.confirm(TokenEntry(" NEWCONSUM\n", Secret(" newtoken0123456789 "), spoiled))
    assert bench.in_charge() == "NEWCONSUM"


async def test_a_stage_ends_after_a_day_unless_it_is_renewed(bench: Bench) -> None:
    started = bench.rotation.start()
    bench.clock.jump_wall(23 * 3600)
    bench.rotation.renew()
    bench.clock.jump_wall(2 * 3600)
    assert bench.rotation.status().phase is RotationPhase.UPLOAD
    bench.clock.jump_wall(23 * 3600)
    assert bench.rotation.status().phase is RotationPhase.EXPIRED
    with pytest.raises(BrokerError) as caught:
        await bench.rotation.confirm(bench.portal.token(started.upload))
    assert caught.value.code == "ROTATION_EXPIRED"
    again = bench.rotation.start()
    assert again.version != started.version
    assert started.version not in bench.store.versions()


def test_a_clock_that_jumps_back_does_not_make_a_stage_eternal(bench: Bench) -> None:
    bench.rotation.start()
    bench.clock.jump_wall(-7 * 24 * 3600)
    expires = bench.rotation.status().expires_at
    assert expires is not None and expires - bench.clock.now() <= timedelta(hours=24)


def test_starting_twice_keeps_the_stage(bench: Bench) -> None:
    assert bench.rotation.start() == bench.rotation.start()


def test_an_abort_drops_the_stage_and_a_second_one_does_nothing(bench: Bench) -> None:
    started = bench.rotation.start()
    assert bench.rotation.abort()
    assert not bench.rotation.abort()
    assert started.version not in bench.store.versions()
    assert bench.in_charge() == "ABCDEFGHI"


def test_an_abort_of_nothing_makes_no_store(empty: Bench) -> None:
    assert not empty.rotation.abort()
    assert not empty.store.place.exists()


async def test_back_to_the_previous_set_and_forth(bench: Bench) -> None:
    started = bench.rotation.start()
    await bench.rotation.confirm(bench.portal.token(started.upload))
    bench.rotation.rollback()
    assert bench.in_charge() == "ABCDEFGHI"
    bench.rotation.rollback()
    assert bench.in_charge() == "NEWCONSUM"


def test_without_a_previous_set_there_is_no_way_back(bench: Bench) -> None:
    with pytest.raises(BrokerError) as caught:
        bench.rotation.rollback()
    assert caught.value.code == "ROTATION_NOT_STARTED"


async def test_old_sets_are_pruned_but_never_the_last_two(empty: Bench) -> None:
    made = []
    for number in range(5):
        started = empty.rotation.start()
        made.append(started.version)
        await empty.rotation.confirm(empty.portal.token(started.upload, f"CONSUMER{chr(65 + number)}"))
        empty.clock.jump_wall(60)
    assert empty.rotation.prune(keep=1) == made[:3]
    assert empty.store.versions() == made[3:]
    assert empty.in_charge() == "CONSUMERE"
    empty.rotation.rollback()
    assert empty.in_charge() == "CONSUMERD"


def test_a_second_program_is_refused(bench: Bench, fake_clock: Any) -> None:
    with bench.store.locked(), pytest.raises(BrokerError) as caught:
        Rotation(KeyStore(bench.store.place, fake_clock), fake_clock, bench.portal).start()
    assert caught.value.code == "ROTATION_BUSY"


@pytest.mark.parametrize("name", ["", "versions"])
def test_a_store_that_is_open_to_others_is_refused(bench: Bench, name: str) -> None:
    (bench.store.place / name).chmod(0o750)
    with pytest.raises(BrokerError, match="chmod 700") as caught:
        bench.rotation.start()
    assert caught.value.code == "IBKR_KEY_INVALID"


def test_a_planted_link_is_refused(empty: Bench, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    empty.store.place.mkdir(parents=True, mode=0o700)
    (empty.store.place / "versions").symlink_to(elsewhere)
    with pytest.raises(BrokerError, match="not a directory of its own"):
        empty.rotation.start()
    assert list(elsewhere.iterdir()) == []


def test_a_store_on_two_disks_is_refused(bench: Bench) -> None:
    """Fault F20: `versions` is another file system (a mount that only the child sees): no set could be renamed into
    charge."""
    tried = (
        "import sys; from pathlib import Path; from ibkr_tui.core.keys.store import KeyStore\n"
        "from ibkr_tui.core.keys.rotation import Rotation; from ibkr_tui.model.clock import SystemClock\n"
        "from ibkr_tui.model.errors import BrokerError; clock = SystemClock()\n"
        "try: Rotation(KeyStore(Path(sys.argv[1]), clock), clock, None).start()\n"
        "except BrokerError as error: print(error.code, error.message)\n"
    )
    mounted = 'mount -t tmpfs -o mode=700 none "$1/versions" && exec "$2" -c "$3" "$1" || exit 77'
    words = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]
    done = subprocess.run(
        [*words, str(bench.store.place), sys.executable, tried], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        pytest.skip("the kernel grants no mount here")
    assert done.stdout.startswith("IBKR_KEY_INVALID") and "on another disk" in done.stdout
    assert bench.in_charge() == "ABCDEFGHI"


async def test_a_set_that_was_edited_is_not_used_and_the_one_before_it_is(bench: Bench) -> None:
    started = bench.rotation.start()
    await bench.rotation.confirm(bench.portal.token(started.upload))
    path = bench.store.place / "current" / "credentials.toml"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(BrokerError, match="not as it was written"):
        bench.in_charge()
    bench.store.recover()
    assert bench.in_charge() == "ABCDEFGHI"


def test_a_plain_current_directory_becomes_a_version(bench: Bench) -> None:
    version = bench.store.path_of(bench.store.pointed("current"))
    (bench.store.place / "current").unlink()
    version.rename(bench.store.place / "current")
    started = bench.rotation.start()
    assert bench.in_charge() == "ABCDEFGHI"
    assert (bench.store.place / "current").readlink().parts[0] == "versions"
    assert bench.store.manifest(started.version).parent == bench.store.pointed("current")
