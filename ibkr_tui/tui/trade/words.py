"""The words on a ticket: its title, prices, choices and hints. Pure but for the desk it looks at."""

from __future__ import annotations

from decimal import Decimal

from textual.content import Content

from ibkr_tui.model.groups import GroupKind
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import OrderType, Side, Tif, TrailBy
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.sizing import SizeBy, money_between
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.desk_state import WORDS, DeskState
from ibkr_tui.tui.trade.form import TicketForm
from ibkr_tui.tui.trade.reading import Reading, reference_price

LABELS = {
    "qty": "Qty",
    "limit_price": "Limit",
    "stop_price": "Stop",
    "trail": "Trail",
    "limit_offset": "Offset",
    "stop_loss": "Stop",
    "take_profit": "Target",
    "ext_operator": "Entered",
}
_TYPES = {
    OrderType.MARKET: "Market",
    OrderType.LIMIT: "Limit",
    OrderType.STOP: "Stop",
    OrderType.STOP_LIMIT: "Stop-limit",
    OrderType.TRAIL: "Trailing stop",
    OrderType.TRAIL_LIMIT: "Trailing limit",
    OrderType.MIDPRICE: "Midprice",
}
_TIFS = {Tif.DAY: "Day", Tif.GTC: "Until cancelled", Tif.IOC: "At once", Tif.OPG: "At the open"}
_MODES = {GroupKind.SIMPLE: "Simple", GroupKind.BRACKET: "Bracket", GroupKind.OCO: "OCO", GroupKind.OTO: "OTO"}


def label(form: TicketForm, field: str) -> str:
    """The name beside a field: what the quantity counts, what the limit is."""
    if field == "qty":
        return {SizeBy.QTY: "Qty", SizeBy.MONEY: "Money", SizeBy.RISK: "Risk"}[form.size_by]
    if field == "limit_price" and form.mode is GroupKind.BRACKET:
        return "Entry"
    if field == "limit_price" and form.leg.order_type is OrderType.MIDPRICE:
        return "Cap"
    return LABELS[field]


def title(state: DeskState, form: TicketForm, shown: str, instrument: Instrument | None, account: str) -> Content:
    """`BUY · AAPL Apple Inc · hold +100 @ 180.10 · DU1234567`: of the leg that is being filled in."""
    position = state.position_of(form.conid_here)
    held = "nothing held" if state.feed.positions.is_read else "holding not read yet"
    if position is not None and position.qty:
        held = f"hold {figures.signed_quantity(position.qty)} @ {figures.number(position.avg_price)}"
    name = instrument.name if instrument is not None else ""
    full = f" {clean(name, limit=22)}" if name else ""
    verb = f"AMEND {form.leg.side.upper()}" if form.amends else form.leg.side.upper()
    return Content.assemble((verb, f"bold ${form.leg.side}"), f" · {shown}{full} · {held} · {account}")


def prices(state: DeskState, form: TicketForm) -> Content:
    """Buying power, and the best bid and offer with their age or why they are not live."""
    account = state.account
    power: list[str | tuple[str, str]] = []
    if account is not None:
        power = [("buying power ", "$muted"), f"{figures.number(account.buying_power, 0)}  "]
    quote = state.quote(form.conid_here)
    status = state.status(quote)
    if quote is None or quote.last is None:
        return Content.assemble(*power, ("no price yet", "$warn"))
    bid, ask = figures.number(quote.bid, quote.decimals), figures.number(quote.ask, quote.decimals)
    live = status is QuoteStatus.LIVE
    age = figures.age(state.age(quote)) if live else WORDS[status]
    return Content.assemble(*power, f"bid {bid}  ask {ask}  ", (age, "$muted" if live else "bold $warn"))


def choices(form: TicketForm) -> Content:
    """What is chosen by key, in two lines."""
    leg = form.leg
    parts: list[str | tuple[str, str]] = [("Mode  ", "$muted")]
    for mode, word in _MODES.items():
        parts.append((f" {word} ", "reverse") if mode is form.mode else (f" {word} ", "$muted"))
    parts += [(" F5    ", "$stale"), ("Side ", "$muted")]
    for side in Side:
        parts.append((f" {side.upper()} ", f"reverse bold ${side}") if side is leg.side else (f" {side} ", "$muted"))
    parts += [(" F4", "$stale"), "\n", ("Type  ", "$muted")]
    parts += [(f" {_TYPES[leg.order_type]} ", "reverse"), (" F2    ", "$stale")]
    parts += [("Time ", "$muted"), (f" {_TIFS[leg.tif]} ", "reverse"), (" F3    ", "$stale")]
    parts += [("Outside RTH ", "$muted"), ("yes" if leg.outside_rth else "no", "bold" if leg.outside_rth else "")]
    parts += [(" F7", "$stale")]
    if form.mode is GroupKind.OCO:
        parts += [("  Leg ", "$muted"), (f"{form.at + 1}/{len(form.legs)}", "bold"), (" F9", "$stale")]
    elif form.mode is GroupKind.OTO:
        parts += [("  ", ""), ("Trigger" if form.at == 0 else "Child", "bold"), (" F9", "$stale")]
    return Content.assemble(*parts)


def worth(form: TicketForm, reading: Reading, state: DeskState, instrument: Instrument | None) -> Content:
    """Beside a good quantity: how many, what they are worth, what the stop would lose."""
    quote = state.quote(form.conid_here)
    price = reference_price(form.leg, quote)
    qty = reading.draft.tickets[form.at].qty if reading.draft is not None else reading.qty if form.at == 0 else None
    if price is None or qty is None:
        return Content.styled(_size_hint(form), "$stale")
    multiplier = instrument.multiplier if instrument is not None else Decimal(1)
    count = "" if form.size_by is SizeBy.QTY else f"{figures.quantity(qty)} "
    words = f"{count}= {figures.number(qty * price * multiplier, 0)}"
    if reading.bracket is not None:
        lost = abs(money_between(qty, price, reading.bracket.stop_loss, multiplier))
        net = state.net
        share = f" = {figures.number(lost / net * 100)}%" if net and form.size_by is SizeBy.QTY else ""
        words += f" · risk {figures.number(lost, 0)}{share}"
    return Content.styled(words, "$muted")


def _size_hint(form: TicketForm) -> str:
    if form.mode is GroupKind.BRACKET:
        return "F6 by number, money, risk"
    return "F6 by number, money" if form.mode is GroupKind.SIMPLE else ""


def distance(form: TicketForm, field: str, price: Decimal | None, state: DeskState) -> Content:
    """Beside a price: how far it is from the market, or from the entry."""
    if field == "trail":
        return Content.styled("per cent F8" if form.leg.trail_by is TrailBy.PERCENT else "a unit F8", "$stale")
    quote = state.quote(form.conid_here)
    market = reference_price(form.leg, quote) if field in {"stop_loss", "take_profit"} else None
    if field in {"limit_price", "stop_price"} and quote is not None and state.status(quote) is QuoteStatus.LIVE:
        market = (quote.ask if form.leg.side is Side.BUY else quote.bid) or quote.last
    if price is None or not market:
        return Content("")
    return Content.styled(figures.percent((price - market) / market * 100), "$muted")
