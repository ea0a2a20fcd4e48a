"""One error for every room: `BrokerError`, with a code from one catalogue.

The core raises it, the link carries it as a `Problem`, the command line prints it, the app shows it. A code says what
happened, its `user_action` what the person can do next. A code enters the catalogue when something can raise it.
Codes that begin with IBKR_ and name a requirement are A-054…A-068 of the requirements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class ErrorKind(msgspec.Struct, frozen=True):
    """What a code means everywhere: whether trying again can help, and what the user can do."""

    retryable: bool
    user_action: str


CATALOGUE: Mapping[str, ErrorKind] = {
    # keys and login
    "IBKR_KEY_NOT_FOUND": ErrorKind(False, "Check the path of the key file in the profile's credentials."),
    "IBKR_KEY_INVALID": ErrorKind(
        False, "Use the unencrypted RSA-2048 PEM made for this consumer key, readable by you only (chmod 600)."
    ),
    "KEY_STORE_UNUSABLE": ErrorKind(
        False, "Make room on the disk of the key store, and make it yours and writable; then do it again."
    ),
    "TOKEN_INVALID": ErrorKind(False, "Copy the value from IBKR's portal again, whole."),
    "ROTATION_UNAVAILABLE": ErrorKind(False, "Rotation works on a key_store of ours: see the README, Keys."),
    "ROTATION_BUSY": ErrorKind(True, "Wait until the other program is done, or end it."),
    "ROTATION_NOT_STARTED": ErrorKind(False, "Begin with `ibkr-tui rotate start`; see `ibkr-tui rotate status`."),
    "ROTATION_EXPIRED": ErrorKind(
        False, "Give it another day with `ibkr-tui rotate start --renew`, or drop it with `ibkr-tui rotate abort`."
    ),
    "ROTATION_BLOCKED": ErrorKind(True, "Settle or cancel those orders, then confirm again; nothing has changed yet."),
    "IBKR_ROTATION_VALIDATION_FAILED": ErrorKind(
        True, "Try again later with `ibkr-tui rotate confirm --again`, or drop it with `ibkr-tui rotate abort`."
    ),
    "IBKR_CONSUMER_REVOKED": ErrorKind(
        False,
        "A new consumer key can take a day to become active; an older one was revoked: register it again.",
    ),
    "IBKR_ACCESS_TOKEN_EXPIRED": ErrorKind(
        False, "Make a new access token in IBKR's portal and enter it in the credentials."
    ),
    "IBKR_SESSION_MINT_FAILED": ErrorKind(
        True, "Check the network and IBKR's status page; the next attempt is automatic."
    ),
    "IBKR_AUTH_FAILED": ErrorKind(
        True, "IBKR refused the login twice. Check the credentials, then `ibkr-tui core stop` and start again."
    ),
    "CLOCK_SKEW": ErrorKind(
        True, "Set this machine's clock (turn NTP on); no order is sent until it agrees with IBKR's."
    ),
    "IBKR_LOGIN_REQUIRED": ErrorKind(False, "Log in at the gateway's page in a browser, then try again."),
    "TOTP_SECRET_INVALID": ErrorKind(
        False, "Keep the secret as base32 text in a file that only you can read (chmod 600)."
    ),
    "IBKR_NO_SESSION": ErrorKind(True, "The brokerage session is being opened; try again in some seconds."),
    "IBKR_MAINTENANCE": ErrorKind(
        True, "Nothing: the session reopens by itself. Orders that are at IBKR stay there meanwhile."
    ),
    "IBKR_COMPETING_SESSION": ErrorKind(
        False,
        "Reading goes on, orders wait. Log out there, or `ibkr-tui call take_over confirm=TAKE-OVER` logs it out.",
    ),
    "IBKR_ACCOUNT_NOT_FOUND": ErrorKind(False, "Set account_id in the profile to an account of this username."),
    "ACCOUNT_KIND_MISMATCH": ErrorKind(
        False, "A paper profile needs a paper account (DU… or DF…), a live profile a live one. Correct the profile."
    ),
    "ACCOUNT_PINNED": ErrorKind(
        False, "Give that account a profile of its own in the configuration, and choose it with --profile."
    ),
    # the broker's answers
    "IBKR_RATE_LIMITED": ErrorKind(True, "Wait until IBKR accepts requests again."),
    "IBKR_UNAVAILABLE": ErrorKind(
        True, "IBKR did not answer as it should. Check the network; the next attempt is automatic."
    ),
    "IBKR_REQUEST_REFUSED": ErrorKind(False, "Read the broker's words and correct the request."),
    "IBKR_RESPONSE_INVALID": ErrorKind(True, "The answer could not be read. Try again; report it if it stays."),
    "IBKR_NO_MARKET_DATA_SUBSCRIPTION": ErrorKind(
        False, "Subscribe to this exchange's data in IBKR's portal, or choose another listing."
    ),
    "IBKR_WS_SUB_LIMIT": ErrorKind(
        False, "Unsubscribe an instrument, or raise market.max_subscriptions in the configuration."
    ),
    "IBKR_TICK_TIMEOUT": ErrorKind(True, "No price came in time. Is the market open? Try again."),
    "STREAM_OFF": ErrorKind(
        False, "Set market.ws_enabled = true (or IBKR_WS_ENABLED) and restart the core; quotes go on as snapshots."
    ),
    # instruments
    "SYMBOL_NOT_FOUND": ErrorKind(
        False, "Check the spelling, or search with `ibkr-tui call search_contracts symbol=…`."
    ),
    "SYMBOL_AMBIGUOUS": ErrorKind(
        False, "Name the exchange or the conid of the listing you mean, or set market.prefer."
    ),
    "ALERT_NOT_FOUND": ErrorKind(False, "List the alerts with `ibkr-tui call get_alerts`."),
    "OPTION_NOT_FOUND": ErrorKind(
        False, "Choose a month, day and strike that exist: `ibkr-tui call get_option_chain symbol=…` lists them."
    ),
    # orders
    "IBKR_ORDER_REJECTED": ErrorKind(False, "Read the broker's reason and change the order."),
    "IBKR_ORDER_REJECTED_WARNING": ErrorKind(
        False, "The broker warns about margin or suitability. Make the order smaller or check permissions."
    ),
    "IBKR_ORDER_UNKNOWN": ErrorKind(
        False, "The order may or may not be at IBKR. It is not sent again; watch it until it is seen."
    ),
    "IBKR_GROUP_PARTIAL": ErrorKind(
        False, "A part of it works: cancel the group with cancel_order group_id=…, or place what is missing."
    ),
    "IBKR_OTO_PARTIAL_FAILURE": ErrorKind(
        False, "See details.cancel: if the trigger was not cancelled, cancel it or close what it bought."
    ),
    "AMEND_PENDING": ErrorKind(True, "Wait until IBKR's list shows the order as it is; it is looked for."),
    "QUESTION_DECLINED": ErrorKind(
        False, "The broker asked and the answer was no. Place the order from the app to answer yourself."
    ),
    "QUESTION_NOT_FOUND": ErrorKind(False, "The question has been answered or has run out; look at the order."),
    "CONFIRMATION_REQUIRED": ErrorKind(False, "Read the preview; add --yes to send the order."),
    "ORDER_NOT_FOUND": ErrorKind(False, "List the working orders with `ibkr-tui call get_open_orders`."),
    "ORDER_CANCELLED": ErrorKind(False, "It was cancelled before IBKR had it. Place it again if it is meant."),
    "ORDER_DONE": ErrorKind(False, "The order is already finished; nothing is left to cancel."),
    "ORDERS_REFUSED": ErrorKind(
        False, "Orders are off for this profile (orders = refuse). For live trading see `ibkr-tui doctor --live`."
    ),
    "LIVE_GATE_CLOSED": ErrorKind(
        False, "See `ibkr-tui doctor --live` for what is missing; the checklist is on the Health page, Live gate."
    ),
    "LIVE_MARKET_ORDER": ErrorKind(
        False, "Give a limit price, or set allow_market = true in the profile's risk policy and restart the core."
    ),
    "ORDER_BLOCKED_UNKNOWN": ErrorKind(False, "Resolve the unknown order on this instrument and side first."),
    "AUDIT_RETENTION": ErrorKind(
        False, "Give an earlier --until. audit.live_write_retention_days says how long the audit of live orders stays."
    ),
    "RECORDING_UNREADABLE": ErrorKind(
        False, "Name a file that `ibkr-tui record` or `audit export` wrote, as it was written."
    ),
    "ARCHIVE_UNREADABLE": ErrorKind(False, "Name a file that `ibkr-tui audit export` wrote, and be who may read it."),
    "REPLAY_ONLY": ErrorKind(False, "Leave the replay (q) and start `ibkr-tui` to trade."),
    "EXPORT_FAILED": ErrorKind(False, "Name a new file in a directory that is yours and has room."),
    "JOURNAL_UNAVAILABLE": ErrorKind(
        False, "Nothing was sent. Free disk space or repair the journal, then restart the core."
    ),
    "KILL_SWITCH_ON": ErrorKind(False, "No new order leaves. Cancels do. When all is well again: `ibkr-tui kill off`."),
    # risk
    "RISK_LEVERAGE": ErrorKind(False, "Lower the quantity, or raise limits.max_leverage in the configuration."),
    "RISK_ORDER_VALUE": ErrorKind(False, "Lower the quantity, or raise limits.max_order_value in the configuration."),
    "RISK_ORDER_QTY": ErrorKind(False, "Lower the quantity, or raise limits.max_order_qty in the configuration."),
    "RISK_PRICE_COLLAR": ErrorKind(False, "Correct the limit price, or change limits.price_collar_bps."),
    "RISK_ORDER_RATE": ErrorKind(True, "Wait, or raise limits.max_orders_per_minute in the configuration."),
    "RISK_DAY_VALUE": ErrorKind(False, "Raise limits.max_day_value in the configuration; positions can be closed."),
    "RISK_SYMBOL": ErrorKind(False, "Add it to limits.allowed_symbols in the configuration."),
    "RISK_ASSET_CLASS": ErrorKind(False, "Add it to limits.allowed_asset_classes in the configuration."),
    "RISK_UNVALUED": ErrorKind(
        True, "Cancel that order, or try again once IBKR tells its contract and price; closing positions is free."
    ),
    "RISK_DUPLICATE": ErrorKind(True, "If it is meant, wait as long as it says; limits.duplicate_window_s sets it."),
    "PREVIEW_NOT_FOUND": ErrorKind(False, "Preview the order again and approve that."),
    "APPROVAL_REQUIRED": ErrorKind(
        False, "Preview the order, `approve_order` with its preview_id, and place it with the approval that gives."
    ),
    "APPROVAL_INVALID": ErrorKind(False, "Preview the order again, exactly as it is to be sent, and approve that."),
    "APPROVAL_EXPIRED": ErrorKind(False, "Preview and approve the order again."),
    "LIMIT_LOOSENED": ErrorKind(False, "Loosen it in the configuration, and restart the core."),
    "NO_POSITION": ErrorKind(False, "See `ibkr-tui call get_positions`."),
    "ORDERS_STILL_WORK": ErrorKind(
        True, "Look at the orders: cancel them, or wait for the broker's word, and close again."
    ),
    "POSITION_CHANGED": ErrorKind(True, "Look at the position as it is now, and try again."),
    "RISK_NO_QUOTE": ErrorKind(True, "Wait for a fresh quote, or use a limit order."),
    # input
    "BAD_NUMBER": ErrorKind(False, "Write plain digits with one decimal point, for example 1250.5."),
    "BAD_TICKET": ErrorKind(False, "Correct the field named in the message."),
    "BAD_ARGUMENT": ErrorKind(False, "See `ibkr-tui operations` for the arguments of each operation."),
    "UNKNOWN_OPERATION": ErrorKind(False, "See `ibkr-tui operations`."),
    "UNKNOWN_TABLE": ErrorKind(False, "The tables are named by `ibkr-tui watch --help`."),
    # configuration and processes
    "CONFIG_INVALID": ErrorKind(False, "Correct the configuration; `ibkr-tui config check` tests it."),
    "CONFIG_NOT_FOUND": ErrorKind(
        False, "Run `ibkr-tui setup`, which writes one; `ibkr-tui demo` needs none; --config names another file."
    ),
    "CONFIG_MISMATCH": ErrorKind(
        False, "A core runs with another configuration: `ibkr-tui core stop`, then try again."
    ),
    "STATE_UNUSABLE": ErrorKind(False, "Make the state directory yours and writable, or set IBKR_TUI_STATE."),
    "CORE_UNREACHABLE": ErrorKind(True, "See `ibkr-tui core status`; start it with `ibkr-tui core start`."),
    "CORE_RUNNING": ErrorKind(False, "One core serves a profile. Use it, or stop it with `ibkr-tui core stop`."),
    "CORE_CRASHING": ErrorKind(True, "Read the core's log in the state directory, and wait a minute."),
    "PORTAL_UNREACHABLE": ErrorKind(
        True, "Start `ibkr-tui demo` in another terminal, or name a running simulator with --sim or --control."
    ),
    "PORTAL_REFUSED": ErrorKind(False, "Do what the simulated portal says, then try again."),
    "LINK_PROTOCOL": ErrorKind(
        False, "The core and this program are of different versions: `ibkr-tui core stop`, then try again."
    ),
    "INTERNAL": ErrorKind(False, "This is a fault of ours. The core goes on; see the log in the state directory."),
}


class Problem(msgspec.Struct, frozen=True):
    """A `BrokerError` as data: what the link carries and `--json` prints."""

    code: str
    message: str
    retryable: bool
    user_action: str
    details: dict[str, Any] = {}


class BrokerError(Exception):
    """The one error of this program.

    `details` holds facts for a program (plain JSON values, never secrets). `retryable` and `user_action` come from the
    catalogue unless given.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool | None = None,
        user_action: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        kind = CATALOGUE[code]
        self.code = code
        self.message = message
        self.retryable = kind.retryable if retryable is None else retryable
        self.user_action = kind.user_action if user_action is None else user_action
        self.details = dict(details or {})

    def __str__(self) -> str:
        return f"{self.message} ({self.code}). {self.user_action}"

    def problem(self) -> Problem:
        """The error as data."""
        return Problem(self.code, self.message, self.retryable, self.user_action, self.details)

    def again(self) -> BrokerError:
        """The same error anew: one that is kept and raised many times would keep every traceback."""
        return BrokerError.of(self.problem())

    @classmethod
    def of(cls, problem: Problem) -> BrokerError:
        """The error that `problem` describes; an unknown code (a newer core) becomes INTERNAL and keeps its words."""
        code = problem.code if problem.code in CATALOGUE else "INTERNAL"
        return cls(
            code, problem.message, retryable=problem.retryable, user_action=problem.user_action, details=problem.details
        )
