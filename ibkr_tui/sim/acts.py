"""What a fault script does to sessions, tokens and sockets, beside the requests and frames it spoils."""

from __future__ import annotations

from ibkr_tui.sim.faults import Fault
from ibkr_tui.sim.simulator import Simulator


def perform(sim: Simulator, fault: Fault) -> None:
    """Do it to everybody."""
    if fault.do == "swap-account":
        swap_accounts(sim)
    elif fault.do == "door":
        if sim.door is not None and fault.door is not None:
            sim.door.set(fault.door)
    elif fault.do == "drop-socket":
        for stream in list(sim.streams):
            stream.abort()
    else:
        if fault.do == "reset":
            sim.outages.reset(fault.seconds)
        end_sessions(sim, competing=fault.do == "compete", expire=fault.do == "expire-token")


def end_sessions(sim: Simulator, *, competing: bool = False, timed_out: bool = False, expire: bool = False) -> None:
    """Every brokerage session ends; with ``expire`` the tokens behind them are void too."""
    for user in sim.users:
        for login in list(user.logins):
            login.lose_brokerage(competing=competing, timed_out=timed_out)
            if expire:
                user.drop(login)
    for stream in list(sim.streams):
        stream.session_changed()


def swap_accounts(sim: Simulator) -> None:
    """The users' accounts change places: who asks for the paper account finds the live one, and the other way round."""
    first, second = sim.users[0], sim.users[1]
    first.account, second.account = second.account, first.account
    first.more_accounts, second.more_accounts = second.more_accounts, first.more_accounts
    for login in (*first.logins, *second.logins):
        login.selected = ""
