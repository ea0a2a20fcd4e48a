"""When an instrument trades: by day with real moments, and by weekday with exceptions (reference section 4.7)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ibkr_tui.sim.calls import Call, Problem, get
from ibkr_tui.sim.hours import Session, Venue

DAYS = 6
# How far ahead the weekday form lists the days that differ.
AHEAD_DAYS = 30
# The weekday form names ordinary days by a week long past: Saturday is the first.
_SATURDAY = date(2000, 1, 1)


def _by_day(call: Call) -> Any:
    """The exchange's sessions in wall seconds, so that a client sees them where its own clock is."""
    item = call.sim.market.instruments[call.conid(call.query.get("conid"))]
    time = call.sim.time
    zone = ZoneInfo(time.zone_name(item.venue.zone))
    days: dict[str, Any] = {}
    for session in item.venue.following_sessions(time.now(), DAYS):
        opening, closing = int(time.to_wall(session.liquid_open)), int(time.to_wall(session.liquid_close))
        day = datetime.fromtimestamp(closing, UTC).astimezone(zone)
        days[f"{day:%Y%m%d}"] = {
            "liquid_hours": [{"opening": opening, "closing": closing}],
            "extended_hours": [
                {
                    "cancel_daily_orders": True,
                    "opening": int(time.to_wall(session.extended_open)),
                    "closing": int(time.to_wall(session.extended_close)),
                }
            ],
        }
    return {"exchange_time_zone": zone.key, "schedules": days}


def _by_weekday(call: Call) -> Any:
    """One entry a venue the symbol trades at."""
    kind, symbol = call.query.get("assetClass", "").upper(), call.query.get("symbol", "").upper()
    if not kind or not symbol:
        raise Problem(400, "Bad Request: assetClass and symbol required")
    wanted = {name for name in call.query.get("exchangeFilter", call.query.get("exchange", "")).split(",") if name}
    entries: list[dict[str, Any]] = []
    for item in call.sim.market.instruments.values():
        if item.sec_type != kind or symbol not in (item.symbol, item.symbol.split(".")[0]) or item.leader:
            continue
        if not wanted or item.exchange in wanted:
            entries.append(_entry(call, item.venue, item.exchange, len(entries)))
    return entries


def _entry(call: Call, venue: Venue, exchange: str, number: int) -> dict[str, Any]:
    time = call.sim.time
    today = venue.local_date(time.now())
    usual = next(day for day in (today - timedelta(days=back) for back in range(1, 30)) if _is_usual(venue, day))
    schedules = []
    for offset in range(7):
        day = _SATURDAY + timedelta(days=offset)
        schedules.append(_day(call, venue, day, venue.session(usual) if day.weekday() < 5 else None))
    for offset in range(AHEAD_DAYS):
        day = today + timedelta(days=offset)
        if day.weekday() < 5 and not _is_usual(venue, day):
            session = venue.session(day)
            schedules.append(_day(call, venue, _wall_day(call, venue, session, day), session))
    return {
        "id": f"p{101_781 + number}",
        "tradeVenueId": f"v{13_038 + number}",
        "exchange": exchange,
        "description": venue.name,
        "timezone": time.zone_name(venue.zone),
        "schedules": schedules,
    }


def _is_usual(venue: Venue, day: date) -> bool:
    return day.weekday() < 5 and day not in venue.holidays(day.year) and day not in venue.half_days(day.year)


def _wall_day(call: Call, venue: Venue, session: Session | None, day: date) -> date:
    """The day a client sees: the exchange's clock can be days behind the wall's."""
    if session is None:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(venue.zone)).timestamp()
    else:
        noon = session.liquid_close
    zone = ZoneInfo(call.sim.time.zone_name(venue.zone))
    return datetime.fromtimestamp(call.sim.time.to_wall(noon), UTC).astimezone(zone).date()


def _day(call: Call, venue: Venue, day: date, session: Session | None) -> dict[str, Any]:
    named = f"{day:%Y%m%d}"
    if session is None:
        closed = [{"openingTime": "0000", "closingTime": "0000", "cancelDayOrders": "Y"}]
        return {"clearingCycleEndTime": "0000", "tradingScheduleDate": named, "sessions": [], "tradingtimes": closed}

    def clock(moment: float) -> str:
        return f"{datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(venue.zone)):%H%M}"

    return {
        "clearingCycleEndTime": clock(session.extended_close),
        "tradingScheduleDate": named,
        "sessions": [
            {"openingTime": clock(session.liquid_open), "closingTime": clock(session.liquid_close), "prop": "LIQUID"}
        ],
        "tradingtimes": [
            {
                "openingTime": clock(session.extended_open),
                "closingTime": clock(session.extended_close),
                "cancelDayOrders": "Y",
            }
        ],
    }


ROUTES = [get("/contract/trading-schedule", _by_day), get("/trsrv/secdef/schedule", _by_weekday)]
