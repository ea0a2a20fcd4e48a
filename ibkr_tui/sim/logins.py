"""Users and their logins: what one live session token may do, and which warm-up calls it has made."""

from __future__ import annotations

import math
import secrets
from dataclasses import InitVar, dataclass, field

from ibkr_tui.sim.credentials import Registration
from ibkr_tui.sim.questions import Pending

TOKEN_LIFETIME_S = 24 * 3600
NONCES_KEPT_S = 600.0


@dataclass(eq=False)
class Login:
    """One live session token and the state of the session behind it."""

    user: User
    token: bytes = field(repr=False)
    expires_at: float
    session_id: str = field(default_factory=lambda: secrets.token_hex(16))
    consumer_key: str = ""
    access_token: str = field(default="", repr=False)
    with_bearer: bool = False
    authenticated: bool = False
    competing: bool = False
    timed_out: bool = False
    accounts_read: bool = False
    portfolio_accounts_read: bool = False
    orders_primed: bool = False
    trades_primed: bool = False
    pnl_primed: bool = False
    positions_read: bool = False
    sor_muted: bool = False
    snapshots: dict[int, float] = field(default_factory=dict)
    streams: dict[int, int] = field(default_factory=dict)
    suppressed: set[str] = field(default_factory=set)
    pending: Pending | None = None
    selected: str = ""
    searched: set[str] = field(default_factory=set)

    @property
    def account(self) -> str:
        """The account this login works with: the one it has switched to, else the user's first."""
        return self.selected or self.user.account

    def begin_brokerage(self) -> None:
        """A brokerage session starts: everything that is warmed up a session is cold again."""
        self.authenticated, self.competing, self.timed_out = True, False, False
        self.accounts_read = self.orders_primed = self.trades_primed = self.pnl_primed = False
        self.sor_muted = False
        self.snapshots.clear()
        self.suppressed.clear()
        self.searched.clear()
        self.pending = None

    def lose_brokerage(self, competing: bool, timed_out: bool = False) -> None:
        """The brokerage session ended, or another login has taken it, or it was idle too long (still connected)."""
        self.authenticated, self.competing, self.timed_out = False, competing, timed_out


@dataclass(eq=False)
class User:
    """One username: its accounts, its registrations and its logins. One brokerage session a username.

    ``registration`` is the consumer the user came with; ``registrations`` are all, by consumer key.
    """

    name: str
    account: str
    is_paper: bool
    registration: InitVar[Registration]
    logins: list[Login] = field(default_factory=list)
    active: Login | None = None
    nonces: dict[str, float] = field(default_factory=dict)
    more_accounts: tuple[str, ...] = ()
    registrations: dict[str, Registration] = field(default_factory=dict)

    def __post_init__(self, registration: Registration) -> None:
        self.registrations[registration.consumer_key] = registration

    @property
    def accounts(self) -> tuple[str, ...]:
        """Every account of the user; ``account`` is the one selected at first."""
        return (self.account, *self.more_accounts)

    def add_login(self, token: bytes, now: float, consumer_key: str = "", access_token: str = "") -> Login:
        """A new live session token, and what it was made with; older ones go on until they expire."""
        self.logins = [login for login in self.logins if login.expires_at > now]
        login = Login(self, token, now + TOKEN_LIFETIME_S, consumer_key=consumer_key, access_token=access_token)
        self.logins.append(login)
        return login

    def take_brokerage(self, login: Login, compete: bool) -> bool:
        """Give the brokerage session to ``login``, away from another one if it may compete for it."""
        if self.active is not None and self.active is not login and self.active.authenticated:
            if not compete:
                login.lose_brokerage(competing=True)
                return False
            self.active.lose_brokerage(competing=True)
        self.active = login
        login.begin_brokerage()
        return True

    def hold(self) -> None:
        """Another program takes the session and keeps it, as TWS does, until it is released or competed for."""
        self.take_brokerage(Login(self, b"", math.inf), compete=True)

    def release(self) -> None:
        """The other program logs out."""
        if self.active is not None and self.active not in self.logins:
            self.active = None

    def drop(self, login: Login) -> None:
        """Log out."""
        login.lose_brokerage(competing=False)
        if login in self.logins:
            self.logins.remove(login)
        if self.active is login:
            self.active = None

    def use_nonce(self, nonce: str, now: float) -> bool:
        """Remember a nonce; False if it was used before."""
        if nonce in self.nonces:
            return False
        if len(self.nonces) > 5_000:
            self.nonces = {key: seen for key, seen in self.nonces.items() if now - seen < NONCES_KEPT_S}
        self.nonces[nonce] = now
        return True
