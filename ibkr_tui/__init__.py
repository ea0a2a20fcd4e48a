"""ibkr_tui: a full-screen terminal for trading with Interactive Brokers over the IBKR Web API."""
