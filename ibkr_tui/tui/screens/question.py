"""What IBKR asks before it takes an order: its own words, No by default, and a countdown to No."""

from __future__ import annotations

from textual.content import Content

from ibkr_tui.model.orders import Question
from ibkr_tui.model.prompts import choice
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.screens.choice import Answer, ChoiceScreen

NO, YES, GONE = "no", "yes", "gone"


class QuestionScreen(ChoiceScreen):
    """Answers with `no` or `yes`, or with one of the question's own options; `gone` when the core has taken it back, or
    its person lets it run out."""

    def __init__(self, question: Question, state: DeskState) -> None:
        self.question = question
        self._state = state
        ids = " ".join(clean(message_id, limit=20) for message_id in question.message_ids)
        answers = _options(question) or [
            Answer(NO, "No, don't send", "n"),
            Answer(YES, "Yes, send", "y", guarded=True),
        ]
        super().__init__(Content(f"IBKR asks · {ids}".rstrip(" ·")), self._words(), answers, tone="warn")

    def _words(self) -> list[Content]:
        lines = [Content.styled(clean(self.question.summary, limit=120), "bold"), Content("")]
        for message in self.question.messages:
            lines += [Content(clean(message, limit=1000, lines=True)), Content("")]
        quote_line = self._quote()
        return [*lines, quote_line] if quote_line else lines[:-1]

    def _quote(self) -> Content | None:
        """The prices the answer should be weighed against."""
        order = self._state.feed.orders.rows.get(self.question.order_key)
        quote = self._state.quote(order.conid) if order is not None else None
        if order is None or quote is None:
            return None
        bid, ask = figures.number(quote.bid, quote.decimals), figures.number(quote.ask, quote.decimals)
        status = self._state.status(quote)
        if status is not QuoteStatus.LIVE:
            return Content.styled(f"Your quote: bid {bid}, ask {ask}, {status.upper()}", "$warn")
        words = f"Your quote: bid {bid}, ask {ask}, {figures.age(self._state.age(quote))} old"
        distance = self._state.distance(order)
        if distance is not None:
            what = "limit" if order.stop_price is None else "stop"
            words += f" · the {what} is {figures.percent(abs(distance)).lstrip('+')} "
            words += f"{'above' if distance > 0 else 'below'} it"
        return Content.styled(words, "$muted")

    def aside(self) -> Content:
        left = (self.question.expires_at - self._state.clock.now()).total_seconds()
        return Content.styled(f"declines in {figures.countdown(left)}", "$warn" if left < 10 else "$muted")

    def second(self) -> None:
        """A second has passed."""
        self.body = self._words()
        self.refresh_lines()


def _options(question: Question) -> list[Answer]:
    """IBKR's own options with a number each, before them the one that says no; where none does, letting it run out."""
    no = choice(question.options, False)
    others = [option for option in question.options if option != no]
    if not others:
        return []
    harmless = Answer(no, clean(no, limit=40), "n") if no else Answer(GONE, "Let it run out", "n")
    numbered = enumerate(others, 1)
    return [harmless, *[Answer(name, clean(name, limit=40), str(number), guarded=True) for number, name in numbered]]
