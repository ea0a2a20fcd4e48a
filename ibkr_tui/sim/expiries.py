"""When derivatives end: Fridays, or the day before one on which the exchange is closed."""

from __future__ import annotations

from datetime import date, timedelta

from ibkr_tui.sim.hours import US_STOCKS

WEEKLIES, MONTHLIES, QUARTERLIES = 4, 4, 6


def third_friday(day: date) -> date:
    """The third Friday of the day's month; where the exchange is closed on it, the day before."""
    first = day.replace(day=1)
    return on_trading_day(first + timedelta(days=(4 - first.weekday()) % 7 + 14))


def on_trading_day(day: date) -> date:
    """The day itself, or the last trading day before it."""
    while US_STOCKS.session(day) is None:
        day -= timedelta(days=1)
    return day


def months(today: date, count: int, every: int = 1) -> list[date]:
    """The third Fridays from ``today`` on, of every month or of every third one (March, June …)."""
    found: list[date] = []
    month = today.replace(day=1)
    while len(found) < count:
        if month.month % every == 0 and (friday := third_friday(month)) >= today:
            found.append(friday)
        month = (month + timedelta(days=32)).replace(day=1)
    return found


def option_expiries(today: date) -> list[date]:
    """What is listed on a day: four weeks, four months, and six quarters."""
    friday = today + timedelta(days=(4 - today.weekday()) % 7)
    weeks = [on_trading_day(friday + timedelta(weeks=week)) for week in range(WEEKLIES + 1)]
    found = {day for day in weeks if day >= today}
    return sorted(found | set(months(today, MONTHLIES)) | set(months(today, QUARTERLIES, 3)))


def month_name(day: date) -> str:
    """``APR26``, as searches and strikes name a month."""
    return f"{day:%b%y}".upper()
