"""Market data: contracts by symbol, subscriptions, quotes that say how far they may be believed, bars."""
