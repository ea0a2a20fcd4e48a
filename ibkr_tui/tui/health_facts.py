"""What the Health page says, as groups of facts: pure reading of the health row through the desk's state."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from ibkr_tui.model.health import Health, SessionState, StreamState
from ibkr_tui.model.quotes import MarketHours
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.latency import KEPT, Latencies

SLOW_MS: Final = 1000
OLD_FRAME_S: Final = 15
TOKEN_ENDS_S: Final = 300
SKEW_S: Final = 5.0
STALL_SHOWN_S: Final = 3600


class Tone(StrEnum):
    """How a fact stands: each has its sign and its role."""

    GOOD = "good"
    WATCH = "watch"
    BAD = "bad"
    IDLE = "idle"


class Fact(msgspec.Struct, frozen=True):
    """One value with its label. `rank` orders them when there is little room: 1 goes last."""

    label: str
    value: str
    rank: int = 1
    tone: Tone = Tone.IDLE


class Group(msgspec.Struct, frozen=True):
    """A heading with its verdict, and the facts under it. `chart` is a line of bars with its own words."""

    name: str
    tone: Tone
    verdict: str
    facts: tuple[Fact, ...] = ()
    chart: str = ""
    legend: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """The page's first words: the state, and a sentence that says what is wrong and what to do."""

    tone: Tone
    words: str
    sentence: str
    since: str = ""


_STATES: Final = {
    "offline": (Tone.BAD, "Offline", "not logged in; the next attempt is automatic"),
    "minting": (Tone.WATCH, "Logging in", "getting a session token from IBKR"),
    "initialising": (Tone.WATCH, "Logging in", "opening the brokerage session"),
    "ready": (Tone.GOOD, "All is well", "logged in; orders can be placed"),
    "degraded": (Tone.WATCH, "Degraded", "logged in, but an answer of IBKR's is missing"),
    "competing": (Tone.BAD, "Competing", "another program has this username's session"),
    "maintenance": (Tone.WATCH, "Maintenance", "IBKR is closed for maintenance; the core waits and comes back"),
    "blocked": (Tone.BAD, "Blocked", "a person must act before the core can log in"),
}
_MODES: Final = {
    "send": (Tone.GOOD, "are sent"),
    "dry_run": (Tone.WATCH, "dry run"),
    "refuse": (Tone.IDLE, "are refused"),
}
_PLACES: Final = {
    "memory": Fact("on", "memory: gone with the machine", 3, Tone.WATCH),
    "network": Fact("on", "a network drive: use a local disk", 2, Tone.WATCH),
    "disk": Fact("on", "local disk", 4),
}


def verdict(state: DeskState) -> Verdict:
    """What matters most now. While the core is not heard, that is it."""
    link, health = state.feed.link, state.health
    since = figures.span(state.clock.monotonic() - state.feed.link_since)
    if link is LinkState.STARTING or (link is LinkState.LIVE and health is None):
        return Verdict(
            Tone.WATCH, "Starting", clean(state.feed.sentence, limit=400) or "The core starts.", f"for {since}"
        )
    if link is not LinkState.LIVE or health is None:
        word = {LinkState.SILENT: "Core silent", LinkState.REFUSED: "No core"}.get(link, "Core lost")
        sentence = clean(state.feed.sentence, limit=400)
        return Verdict(Tone.BAD, word, f"{sentence} What stands below is old.".strip(), f"for {since}")
    tone, words, meaning = _state(health)
    told = clean(health.message, limit=600)
    if tone is Tone.GOOD and not told and (unknown := len(state.unknown_orders())):
        many = "One order is" if unknown == 1 else f"{unknown} orders are"
        tone, words, meaning = Tone.BAD, "Unknown order", f"{many} UNKNOWN: IBKR may or may not have it; see the desk"
    if tone is Tone.GOOD and not told and (killed := _killed(state)):
        guards = state.guards
        since_killed = _since(guards.kill_since if guards is not None else None, state.now())
        return Verdict(Tone.BAD, "Kill switch", _sentence(killed), since_killed)
    if tone is Tone.GOOD and told:
        tone, words = (Tone.BAD, "Trouble") if health.code else (Tone.WATCH, "Nearly")
    sentence = _sentence(told) if told else _sentence(meaning)
    if health.code:
        sentence += f" ({clean(health.code, limit=60)})"
    return Verdict(tone, words, sentence, _since(health.session_since, state.now()))


def groups(state: DeskState, latencies: Latencies) -> list[Group]:
    """Every group, in the order of the page. Nothing is known before the core has said it once."""
    health = state.health
    if health is None:
        return []
    now = state.now()
    return [
        _session(health, now),
        _token(health, now),
        _stream(health, now, state.feed.core_seconds),
        _api(health, latencies),
        _market(health.market, state),
        _orders(health, state),
        _journal(health, now),
        _keys(health),
        _core(health, now),
    ]


def _state(health: Health) -> tuple[Tone, str, str]:
    return _STATES.get(str(health.session), (Tone.WATCH, str(health.session), ""))


def _killed(state: DeskState) -> str:
    """What the kill switch does, who turned it on and why; empty while it is off."""
    guards = state.guards
    if guards is None or not guards.kill_switch:
        return ""
    by = f" by {clean(guards.kill_by, limit=60)}" if guards.kill_by else ""
    why = f": {clean(guards.kill_reason, limit=200)}" if guards.kill_reason else ""
    return f"no new order leaves; cancels do. Turned on{by}{why}"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "." if words else ""


def _since(at: datetime | None, now: datetime) -> str:
    return "" if at is None else f"since {moment(at, now)}"


def moment(at: datetime, now: datetime) -> str:
    """A time of day in the zone of `now`, with its weekday when it is not today's, with its date when it is a week
    away."""
    local = at.astimezone(now.tzinfo)
    days = abs((local.date() - now.date()).days)
    return f"{local:%H:%M:%S}" if days == 0 else f"{local:%a %H:%M}" if days < 7 else f"{local:%d %b %H:%M}"


def _lasts(at: datetime | None, now: datetime) -> str:
    return figures.UNKNOWN if at is None else figures.span((now - at).total_seconds())


def _moment(at: datetime | None, now: datetime) -> str:
    return figures.UNKNOWN if at is None else moment(at, now)


def _known(*facts: Fact | None) -> tuple[Fact, ...]:
    return tuple(fact for fact in facts if fact is not None and fact.value != figures.UNKNOWN)


def _session(health: Health, now: datetime) -> Group:
    tone, _, _ = _state(health)
    check = None
    if health.checked_at is not None:
        well = "well" if health.bad_checks == 0 else f"bad {health.bad_checks}×"
        bad = Tone.WATCH if health.bad_checks else Tone.IDLE
        check = Fact("checked", f"{moment(health.checked_at, now)}, {well}", 3, bad)
    return Group(
        "Session", tone, str(health.session),
        _known(
            Fact("for", _lasts(health.session_since, now)),
            Fact("since", _moment(health.session_since, now), 2),
            check,
        ),
    )  # fmt: skip


def _token(health: Health, now: datetime) -> Group:
    if health.keys_source == "gateway":
        return Group("Token", Tone.IDLE, "none", (Fact("login", "held by the gateway"),))
    ends = health.token_expires_at
    if ends is None:
        return Group("Token", Tone.IDLE, "none yet")
    left = (ends - now).total_seconds()
    tone = Tone.BAD if left <= 0 else Tone.WATCH if left < TOKEN_ENDS_S else Tone.GOOD
    return Group(
        "Token", tone, f"{figures.span(left)} left" if left > 0 else "expired",
        _known(
            Fact("ends", moment(ends, now)),
            Fact("minted", _moment(health.token_minted_at, now), 2),
        ),
    )  # fmt: skip


def _stream(health: Health, now: datetime, mono: float) -> Group:
    most = f" of {health.most_subscriptions}" if health.most_subscriptions else ""
    subscribed = Fact("subscribed", f"{health.subscriptions}{most}", 2)
    if health.stream is StreamState.OFF and health.session is SessionState.READY:
        return Group("Stream", Tone.IDLE, "off", (Fact("prices", "by snapshots"), subscribed))
    age = None if health.last_frame_mono is None else max(0.0, mono - health.last_frame_mono)
    old = age is not None and age > OLD_FRAME_S
    live = health.stream is StreamState.LIVE
    tone = Tone.GOOD if live and not old else Tone.IDLE if health.stream is StreamState.OFF else Tone.WATCH
    rate = figures.UNKNOWN if health.frames_per_s is None else f"{health.frames_per_s:.0f}"
    return Group(
        "Stream", tone, str(health.stream),
        _known(
            Fact("last frame", f"{figures.age(age)} ago" if age is not None else "none yet", 1,
                 Tone.WATCH if old else Tone.IDLE),
            Fact("frames/s", rate, 3),
            subscribed,
            Fact("reconnects", str(health.reconnects), 4, Tone.WATCH if health.reconnects else Tone.IDLE),
            Fact("since", _moment(health.stream_since, now), 6),
            Fact("frames", f"{health.frames:,}", 7),
        ),
    )  # fmt: skip


def _api(health: Health, latencies: Latencies) -> Group:
    latency, skew = health.api_latency_ms, health.clock_skew_s
    tone = Tone.IDLE if latency is None else Tone.WATCH if latency > SLOW_MS else Tone.GOOD
    facts = []
    if skew is not None:
        off = abs(skew) > SKEW_S
        words = f"{figures.MINUS if skew < 0 else '+'}{abs(skew):.1f} s"
        facts.append(Fact("clock skew", f"{words}: set it right" if off else words, 2, Tone.BAD if off else Tone.IDLE))
        tone = Tone.BAD if off else tone
    if health.pacing_limit:
        waits = f", {health.pacing_waiting} wait" if health.pacing_waiting else ""
        facts.append(Fact("requests/s", f"{health.pacing_used} of {health.pacing_limit}{waits}", 3))
    if health.blocked_for:
        facts.append(Fact("penalty", f"only cancels for {figures.span(health.blocked_for)}", 1, Tone.BAD))
        tone = Tone.BAD
    said = "no answer yet" if latency is None else f"{latency:.0f} ms"
    if (worst := latencies.worst) is None:
        return Group("API", tone, said, tuple(facts))
    return Group("API", tone, said, tuple(facts), latencies.bars(KEPT), f"5 min, worst {worst:.0f} ms")


def _market(market: MarketHours | None, state: DeskState) -> Group:
    if market is None:
        return Group("Market", Tone.IDLE, "not known yet")
    at = state.venue_time()
    change = None
    if market.next_change is not None and at is not None:
        left = (market.next_change - at).total_seconds()
        word = "closes" if market.is_open else "opens"
        change = Fact(word, f"in {figures.span(left)}", 2) if left > 0 else None
    return Group(
        "Market", Tone.GOOD if market.is_open else Tone.IDLE, "open" if market.is_open else "closed",
        _known(Fact("venue", clean(market.venue, limit=20)), change, Fact("time", f"{at:%H:%M:%S}" if at else "", 3)),
    )  # fmt: skip


def _orders(health: Health, state: DeskState) -> Group:
    tone, words = _MODES.get(health.orders_mode, (Tone.WATCH, clean(health.orders_mode, limit=20)))
    unknown = len(state.unknown_orders())
    working = sum(1 for _ in state.open_orders()) - unknown
    if health.journal_failure or _killed(state):
        tone, words = Tone.BAD, "held back"
    elif health.session not in {SessionState.READY, SessionState.DEGRADED}:
        tone, words = Tone.WATCH, "not possible"
    return Group(
        "Orders", Tone.BAD if unknown else tone, words,
        (
            Fact("working", str(working), 2),
            Fact("unknown", str(unknown), 1, Tone.BAD if unknown else Tone.IDLE),
            Fact("open intents", str(health.open_intents), 3, Tone.WATCH if health.open_intents else Tone.IDLE),
        ),
    )  # fmt: skip


def _journal(health: Health, now: datetime) -> Group:
    if health.journal_failure:
        return Group("Journal", Tone.BAD, "fails", (Fact("why", clean(health.journal_failure), 1, Tone.BAD),))
    written = health.journal_committed_at
    last = "none in this run" if written is None else f"{written.astimezone(now.tzinfo):%H:%M:%S}"
    return Group(
        "Journal", Tone.GOOD, "sound",
        _known(
            Fact("rows", f"{health.journal_rows:,}"),
            Fact("last", last, 2),
            _PLACES.get(health.journal_place),
        ),
    )  # fmt: skip


def _keys(health: Health) -> Group:
    bad = health.code in {"IBKR_KEY_NOT_FOUND", "IBKR_KEY_INVALID"}
    source = clean(health.keys_source, limit=30) or "none"
    if source == "gateway":
        return Group("Keys", Tone.IDLE, "none needed", (Fact("login", "by a person, at the gateway"),))
    if bad or not health.keys_id:
        return Group("Keys", Tone.BAD, "not usable", (Fact("from", source, 1, Tone.BAD),))
    return Group("Keys", Tone.GOOD, "in use", (Fact("from", source, 2), Fact("id", clean(health.keys_id, limit=40))))


def _core(health: Health, now: datetime) -> Group:
    memory = figures.UNKNOWN if health.memory_mb is None else f"{health.memory_mb} MB"
    still, tone = None, Tone.GOOD
    if health.stalls and health.last_stall_at is not None:
        many = f"{health.stalls}×, last " if health.stalls > 1 else ""
        words = f"{many}{figures.span(health.last_stall_s)} until {moment(health.last_stall_at, now)}"
        tone = Tone.WATCH if (now - health.last_stall_at).total_seconds() < STALL_SHOWN_S else Tone.GOOD
        still = Fact("stood still", words, 1, tone if tone is Tone.WATCH else Tone.IDLE)
    return Group(
        "Core", tone, clean(health.core_version, limit=20) or "running",
        _known(
            still,
            Fact("up", _lasts(health.started_at, now)),
            Fact("pid", str(health.core_pid or figures.UNKNOWN), 3),
            Fact("memory", memory, 2),
            Fact("faces", str(health.faces), 4),
        ),
    )  # fmt: skip


def troubles(state: DeskState, most: int) -> Iterable[tuple[datetime, str, bool]]:
    """The newest events that were no good news: when, what, and whether it was an error. Oldest first."""
    told = [event for event in state.feed.recent if event.severity != "info"]
    return [(event.at, clean(event.text), event.severity == "error") for event in told[-most:]] if most > 0 else []
