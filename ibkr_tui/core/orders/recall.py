"""The journal opened at a start, and what earlier runs left open found again: each of those orders is looked for."""

from __future__ import annotations

import logging

from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.core.journal.journal import Journal
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.recorder import Recorder
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity

log = logging.getLogger(__name__)

_UNSEEN = {IntentState.NOT_SENT, IntentState.REJECTED}


async def open_journal(journal: Journal, recorder: Recorder, book: OrderBook, account: str) -> None:
    """Open it and remember. Without a journal no order is sent; the rest works, and what can be read of it is used."""
    try:
        await journal.open()
    except BrokerError as error:
        log.error("journal: %s", error.message)
        words = f"{error.message}: no order is sent. {error.user_action}"
        recorder.say(words, Severity.ERROR, code=error.code)
    try:
        recent, unfinished = await journal.recent(), await journal.unfinished()
        amended = await journal.open_amendments(unfinished)
    except BrokerError as error:
        log.error("what earlier runs left open is not known: %s", error.message)
        return
    for intent in recent:
        recorder.remember(intent.coid)
    for intent in unfinished:
        if intent.account == account:
            recorder.remember(intent.coid)
            book.remember(intent, amended.get(intent.coid))
    book.recall([intent for intent in recent if intent.state in _UNSEEN and intent.account == account])
