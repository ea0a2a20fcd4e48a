"""The line on top: environment, account, money, risk, the health of the connection, the market's clock."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style

from ibkr_tui.model.health import Health, SessionState, StreamState
from ibkr_tui.tui import figures
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.widgets.fitting import Part, fit
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

_SLOW_MS = 1000
_OLD_S = 15


class StatusBar(Painted):
    """The badge is never dropped at any width."""

    def rows(self, width: int, height: int) -> list[Row]:
        palette = self.palette
        kind = self.state.badge
        parts = [
            Part((Segment(f" {kind.upper()} ", palette.badges[kind]),), 0),
            *self._kill(),
            *self._account(),
            *self._money(),
            *self._leverage(),
            *self._health(),
            *self._line(),
            *self._clock(),
        ]
        return [fit(parts, width, gap=2 if width >= 100 else 1)]

    def _kill(self) -> list[Part]:
        """The kill switch is never dropped when it is on; off it is a word that gives way to money."""
        guards, palette = self.state.guards, self.palette
        if guards is None:
            return []
        if guards.kill_switch:
            return [Part((Segment(" KILL ON ", palette.danger + Style(reverse=True)),), 0)]
        return [
            Part((Segment("kill off", palette.muted),), 4, "kill"),
            Part((Segment("k○", palette.muted),), 1, "kill"),
        ]

    def _account(self) -> list[Part]:
        account = self.state.account_id
        return [Part((Segment(account, self.palette.text),), 3)] if account else []

    def _money(self) -> list[Part]:
        palette, state = self.palette, self.state
        trusted = state.feed.is_live
        if state.net is None:
            return []
        plain = palette.text if trusted else palette.stale
        parts = [Part((Segment("Net ", palette.muted), Segment(figures.number(state.net, 0), plain)), 1)]
        day = state.pnl.daily if state.pnl is not None else None
        if day is not None:
            colour = palette.change(day) if trusted else palette.stale
            amount = (Segment("Day ", palette.muted), Segment(figures.signed(day, 0), colour))
            share = Segment(" " + figures.percent(state.day_percent), colour)
            parts.append(Part((*amount, share), 2, "day"))
            parts.append(Part(amount, 3, "day"))
        return parts

    def _leverage(self) -> list[Part]:
        account, health, palette = self.state.account, self.state.health, self.palette
        if account is None or account.leverage is None:
            return []
        cap = health.max_leverage if health is not None else None
        near = cap is not None and account.leverage > cap * 8 / 10
        words = figures.number(account.leverage, 2)
        style = palette.warn if near else palette.text if self.state.feed.is_live else palette.stale
        against = f"/{figures.number(cap, 1)}" if cap is not None else ""
        return [Part((Segment("Lev ", palette.muted), Segment(words, style), Segment(against, palette.muted)), 4)]

    def _health(self) -> list[Part]:
        palette, feed, health = self.palette, self.state.feed, self.state.health
        if feed.link is not LinkState.LIVE or health is None:
            word = {LinkState.STARTING: "starting", LinkState.SILENT: "core silent"}.get(feed.link, "no core")
            style = palette.muted if feed.link is LinkState.STARTING else palette.danger
            return [Part((Segment(f"○ {word}", style),), 2)]
        return [self._api(health), *self._data(health)]

    def _api(self, health: Health) -> Part:
        palette = self.palette
        if health.session is not SessionState.READY:
            grave = health.session in {SessionState.BLOCKED, SessionState.COMPETING}
            return Part((Segment(f"○ {health.session}", palette.danger if grave else palette.warn),), 2)
        latency = health.api_latency_ms
        words = "api" if latency is None else f"{latency:.0f}ms"
        slow = latency is not None and latency > _SLOW_MS
        return Part((Segment("● ", palette.warn if slow else palette.up), Segment(words, palette.text)), 5)

    def _data(self, health: Health) -> list[Part]:
        palette = self.palette
        if health.stream is not StreamState.LIVE:
            if health.stream is StreamState.OFF and health.session is not SessionState.READY:
                return []
            return [Part((Segment(f"○ data {health.stream}", palette.warn),), 2)]
        heard = health.last_frame_mono
        age = self.state.feed.core_seconds - heard if heard is not None else None
        old = age is not None and age > _OLD_S
        dot = Segment("● ", palette.warn if old else palette.up)
        return [Part((dot, Segment(f"data {figures.age(age)}", palette.text)), 6)]

    def _line(self) -> list[Part]:
        """What is shown may be some seconds old where the line is spared: that is said."""
        if not self.state.spares_line:
            return []
        muted = self.palette.muted
        return [Part((Segment("low bandwidth", muted),), 7, "line"), Part((Segment("low", muted),), 3, "line")]

    def _clock(self) -> list[Part]:
        palette, state = self.palette, self.state
        health, now = state.health, state.venue_time()
        if health is None or health.market is None or now is None:
            return []
        market = health.market
        word = Segment("open" if market.is_open else "closed", palette.up if market.is_open else palette.warn)
        venue = Segment(f"{figures.left(market.venue, min(8, len(market.venue)))} ", palette.muted)
        clock = Segment(f"{now:%H:%M} ", palette.text)
        ticking = Segment(f"{now:%H:%M:%S} ", palette.text)
        return [
            *([] if state.spares_line else [Part((venue, ticking, word), 8, "clock")]),
            Part((clock, word), 4, "clock"),
        ]
