"""The embedded IBKR simulator: a real HTTP and WebSocket server that speaks the Client Portal wire protocol.

It imports nothing of ours outside this package: it is an independent reading of the protocol, so that one mistake
can't hide in both the client and the server.
"""
