"""The WebSocket's market and account topics, one file a kind."""
