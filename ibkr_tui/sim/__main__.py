"""``python -m ibkr_tui.sim``."""

from ibkr_tui.sim.command import sim

sim(prog_name="ibkr-tui sim")
