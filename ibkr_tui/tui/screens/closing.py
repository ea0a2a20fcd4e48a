"""The questions before risk is taken away: close, reverse, flatten, cancel everything; and the kill switch's."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from textual.content import Content

from ibkr_tui.model.orders import Order, OrderPreview
from ibkr_tui.model.portfolio import Position
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.desk_state import WORDS, DeskState
from ibkr_tui.tui.screens.choice import Answer, ChoiceScreen
from ibkr_tui.tui.screens.typed_word import TypedWordScreen
from ibkr_tui.tui.trade.groups import Group
from ibkr_tui.tui.trade.preview_lines import preview_lines
from ibkr_tui.tui.trade.writes import CANCEL_ALL_WORD, FLATTEN_WORD, KILL_OFF_WORD
from ibkr_tui.tui.widgets.order_board import price_words

KEEP, CLOSE, CANCEL, ONE, LIFT = "keep", "close", "cancel", "one", "lift"
AT_LIMIT: Final = (
    "Market orders are not allowed here (allow_market): the limit stands where the market is, and works on if it moves."
)


def close_screen(state: DeskState, position: Position, preview: OrderPreview, *, reverse: bool) -> ChoiceScreen:
    """Whether to close a position, or to turn it round: at market, or at the limit of the preview."""
    name = clean(position.description or position.symbol, limit=30)
    after = -position.qty if reverse else Decimal(0)
    limit = preview.limit_price
    where = "at market" if limit is None else f"at a limit of {figures.number(limit)}"
    order = f"{preview.side.upper()} {figures.quantity(preview.qty)} {name} {where}"
    worth = f"  about {figures.number(preview.value, 0)} {clean(preview.currency, limit=5)}"
    body = [
        Content.assemble((order, "bold"), (worth, "$muted")),
        Content(f"Held now {figures.signed_quantity(position.qty)}, afterwards {figures.signed_quantity(after)}."),
        Content.assemble(f"P&L of it so far {figures.signed(state.open_pnl(position))}  ", _price(state, position)),
        *preview_lines(preview),
    ]
    if limit is not None:
        body.append(Content.styled(AT_LIMIT, "$warn"))
    working = [row for row in state.open_orders() if row.conid == position.conid]
    if working:
        count = "One order works on it and is" if len(working) == 1 else f"{len(working)} orders work on it and are"
        body.append(Content.styled(f"{count} cancelled first.", "$warn"))
    answers = [Answer(KEEP, "Leave it", "n"), Answer(CLOSE, "Reverse" if reverse else "Close it", "y", guarded=True)]
    return ChoiceScreen(f"{'Reverse' if reverse else 'Close'} {name}?", body, answers, tone="warn")


def _price(state: DeskState, position: Position) -> tuple[str, str]:
    price, live = state.price_of(position)
    quote = state.quote(position.conid)
    status = state.status(quote)
    age = f"{figures.age(state.age(quote))} old" if status is QuoteStatus.LIVE else WORDS[status]
    return f"price {figures.number(price)}, {age}", "$muted" if live else "bold $warn"


def flatten_screen(state: DeskState, *, at_limit: bool = False) -> TypedWordScreen:
    """Whether to close every position."""
    positions = state.positions()
    worth = sum((abs(state.price_of(row)[0] * row.qty * row.multiplier) for row in positions), Decimal(0))
    names = ", ".join(
        f"{figures.signed_quantity(row.qty)} {clean(row.description or row.symbol, limit=20)}" for row in positions[:6]
    )
    more = f" and {len(positions) - 6} more" if len(positions) > 6 else ""
    currencies = {row.currency for row in positions}
    sum_words = f", about {figures.number(worth, 0)} {currencies.pop()}" if len(currencies) == 1 else ""
    count = "One position is" if len(positions) == 1 else f"All {len(positions)} positions are"
    body = [
        Content.styled(f"{count} closed {'at limits' if at_limit else 'at market'}{sum_words}.", "bold"),
        Content(names + more),
        *([Content.styled(AT_LIMIT, "$warn")] if at_limit else []),
        Content("Every working order is asked to be cancelled first."),
    ]
    return TypedWordScreen("Flatten the account?", body, FLATTEN_WORD)


def cancel_all_screen(state: DeskState) -> TypedWordScreen:
    """Whether to cancel every working order."""
    orders = list(state.open_orders())
    count = "One order is" if len(orders) == 1 else f"All {len(orders)} orders are"
    body = [
        Content.styled(f"{count} asked to be cancelled, stops and targets too.", "bold"),
        *(Content(_line(order)) for order in orders[:5]),
    ]
    if len(orders) > 5:
        body.append(Content.styled(f"and {len(orders) - 5} more", "$muted"))
    body.append(Content("Positions stay open, and without their stops they are unguarded."))
    return TypedWordScreen("Cancel every order?", body, CANCEL_ALL_WORD)


def _line(order: Order) -> str:
    name = clean(order.description or order.symbol, limit=24)
    return f"{order.side.upper()} {figures.quantity(order.qty)} {name} {price_words(order)}"


def cancel_group_screen(group: Group, words: str, prices: str, *, leg: bool) -> ChoiceScreen:
    """Whether to cancel one leg of a group, or all of it."""
    going = [order for order in group.orders if not order.state.is_done]
    body = [
        Content(words),
        Content.styled(f"It belongs to a {group.kind}: {prices}", "$muted"),
        Content.styled("Without its stop a position is unguarded.", "$warn"),
    ]
    answers = [Answer(KEEP, "Keep it", "n")]
    if leg:
        answers.append(Answer(ONE, "Cancel this one", "y", guarded=True))
    answers.append(Answer(CANCEL, f"Cancel all {len(going)}", "a", guarded=True))
    return ChoiceScreen("Cancel?", body, answers, tone="warn")


def kill_screen(state: DeskState) -> ChoiceScreen:
    """What to do once the kill switch is on."""
    going = len(list(state.open_orders()))
    body = [
        Content.styled("The kill switch is ON. No new order leaves, no amendment that adds risk.", "bold $danger"),
        Content("Cancels work, and orders at IBKR stay there until they are cancelled or filled."),
    ]
    answers = [Answer(KEEP, "Leave it on", "escape")]
    if going:
        word = "Cancel the working order" if going == 1 else f"Cancel all {going} orders"
        answers.append(Answer(CANCEL, word, "c", guarded=True))
    answers.append(Answer(LIFT, "Turn it off", "o"))
    return ChoiceScreen("Kill switch", body, answers, tone="danger")


def kill_off_screen() -> TypedWordScreen:
    """The word that lets orders leave again."""
    body = [Content("Orders can leave again. Find out first why it was turned on.")]
    return TypedWordScreen("Turn the kill switch off?", body, KILL_OFF_WORD)
