"""What the accounts hold when the simulator starts: positions, cash and a few working orders."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ibkr_tui.sim.broker import Broker
from ibkr_tui.sim.market import Market
from ibkr_tui.sim.options import SimOptions
from ibkr_tui.sim.portfolio import Holding, Portfolio
from ibkr_tui.sim.tickets import Draft

PAPER_EQUITY = Decimal("1024311.40")
LIVE_EQUITY = Decimal("248615.85")
MORE_EQUITY = Decimal("412300.00")

# conid, quantity, average price
_PAPER = (
    (265598, 400, "180.10"),
    (272093, 150, "388.42"),
    (4815747, 80, "602.18"),
    (756733, 200, "487.96"),
    (76792991, -120, "201.35"),
    (51529211, 150, "189.77"),
    (684233891, 5, "7.85"),
    (495512572, 1, "4968.50"),
)
_MORE = ((272093, 60, "371.05"), (51529211, 400, "181.30"), (15547841, -150, "96.40"))
_LIVE = ((265598, 50, "171.22"), (756733, 60, "452.10"), (8894, -200, "60.85"))
# conid, side, quantity, distance of the limit from the opening price
_ORDERS = (
    (265598, "BUY", 100, "0.985"),
    (272093, "SELL", 50, "1.021"),
    (3691937, "BUY", 60, "0.974"),
)


def open_accounts(market: Market, broker: Broker, options: SimOptions) -> None:
    """Fill all accounts.

    ``extra_positions`` adds one share of that many more instruments to the first one (tests of paging).
    """
    paper, live, extra_positions = options.paper_account, options.live_account, options.extra_positions
    broker.portfolios[paper] = _portfolio(market, paper, _PAPER, PAPER_EQUITY, {"EUR": Decimal("25000")})
    broker.portfolios[live] = _portfolio(market, live, _LIVE, LIVE_EQUITY, {})
    for account in options.more_paper_accounts:
        broker.portfolios[account] = _portfolio(market, account, _MORE, MORE_EQUITY, {})
    book = broker.portfolios[paper]
    for conid in market.instruments:
        if extra_positions <= 0:
            break
        item = market.instruments[conid]
        if item.sec_type == "STK" and item.currency == "USD" and conid not in book.holdings:
            book.holdings[conid] = Holding(Decimal(1), item.base)
            extra_positions -= 1
    for conid, side, quantity, distance in _ORDERS:
        item = market.instruments[conid]
        price = (item.base * Decimal(distance) / item.tick).to_integral_value() * item.tick
        broker.submit(Draft(paper, item, side, Decimal(quantity), "LMT", price, "GTC", False, ""))
    broker.settle()


def _portfolio(
    market: Market, account: str, positions: Iterable[tuple[int, int, str]], equity: Decimal, cash: dict[str, Decimal]
) -> Portfolio:
    portfolio = Portfolio(account, market)
    portfolio.cash.update(cash)
    for conid, quantity, price in positions:
        multiplier = market.instruments[conid].multiplier
        holding = Holding(Decimal(quantity), quantity * Decimal(price) * multiplier)
        portfolio.holdings[conid] = holding
        portfolio.opening[conid] = (holding.quantity, holding.cost)
    portfolio.cash["USD"] = round(equity - portfolio.net_liquidation, 2)
    portfolio.mark_previous_close()
    return portfolio
