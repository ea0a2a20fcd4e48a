"""Days without trading and short days, by market. Computed, so that they hold for any year."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache

Days = Callable[[int], frozenset[date]]
MONDAY, THURSDAY = 0, 3


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    """The first, second … weekday of a month; number -1 is the last."""
    if number < 0:
        last = date(year, month + 1, 1) - timedelta(days=1)
        return last - timedelta(days=(last.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def _observed(day: date) -> date:
    """A holiday on Saturday is kept on Friday, one on Sunday on Monday."""
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


def _new_year(year: int) -> date:
    """New Year on a Saturday is not kept on Friday, which is in the old year."""
    day = date(year, 1, 1)
    return day + timedelta(days=1) if day.weekday() == 6 else day


def _good_friday(year: int) -> date:
    return _easter(year) - timedelta(days=2)


def nobody(year: int) -> frozenset[date]:
    """No such days."""
    return frozenset()


@lru_cache(maxsize=64)
def us_holidays(year: int) -> frozenset[date]:
    """The New York Stock Exchange is closed."""
    return frozenset(
        {
            _new_year(year),
            _nth(year, 1, MONDAY, 3),
            _nth(year, 2, MONDAY, 3),
            _good_friday(year),
            _nth(year, 5, MONDAY, -1),
            _observed(date(year, 6, 19)),
            _observed(date(year, 7, 4)),
            _nth(year, 9, MONDAY, 1),
            _nth(year, 11, THURSDAY, 4),
            _observed(date(year, 12, 25)),
        }
    )


@lru_cache(maxsize=64)
def us_half_days(year: int) -> frozenset[date]:
    """It closes at one o'clock: before Independence Day, after Thanksgiving, on Christmas Eve."""
    days = {date(year, 7, 3), _nth(year, 11, THURSDAY, 4) + timedelta(days=1), date(year, 12, 24)}
    return frozenset(day for day in days if day.weekday() < 5) - us_holidays(year)


@lru_cache(maxsize=64)
def futures_holidays(year: int) -> frozenset[date]:
    """US futures do not trade at all."""
    return frozenset({_new_year(year), _good_friday(year), _observed(date(year, 12, 25))})


@lru_cache(maxsize=64)
def futures_half_days(year: int) -> frozenset[date]:
    """US futures stop at noon: holidays of the stock exchange and its half days."""
    return (us_holidays(year) | us_half_days(year)) - futures_holidays(year)


@lru_cache(maxsize=64)
def currency_holidays(year: int) -> frozenset[date]:
    """Nobody deals in currencies."""
    return frozenset({date(year, 1, 1), date(year, 12, 25)})


@lru_cache(maxsize=64)
def european_holidays(year: int) -> frozenset[date]:
    """The European exchanges are closed."""
    easter = _easter(year)
    return frozenset(
        {
            date(year, 1, 1),
            easter - timedelta(days=2),
            easter + timedelta(days=1),
            date(year, 12, 25),
            date(year, 12, 26),
        }
    )


@lru_cache(maxsize=64)
def toronto_holidays(year: int) -> frozenset[date]:
    """The Toronto Stock Exchange is closed."""
    victoria = date(year, 5, 24)
    return frozenset(
        {
            _new_year(year),
            _nth(year, 2, MONDAY, 3),
            _good_friday(year),
            victoria - timedelta(days=victoria.weekday()),
            _observed(date(year, 7, 1)),
            _nth(year, 8, MONDAY, 1),
            _nth(year, 9, MONDAY, 1),
            _nth(year, 10, MONDAY, 2),
            _observed(date(year, 12, 25)),
            _observed(date(year, 12, 26)),
        }
    )


@lru_cache(maxsize=64)
def mexican_holidays(year: int) -> frozenset[date]:
    """The Mexican Stock Exchange is closed."""
    return frozenset(
        {
            date(year, 1, 1),
            _nth(year, 2, MONDAY, 1),
            _nth(year, 3, MONDAY, 3),
            _good_friday(year) - timedelta(days=1),
            _good_friday(year),
            date(year, 5, 1),
            date(year, 9, 16),
            _nth(year, 11, MONDAY, 3),
            date(year, 12, 25),
        }
    )
