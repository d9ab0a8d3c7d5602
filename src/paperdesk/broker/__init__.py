"""The session with an IB Gateway, in the desk's words.

Owns: everything that knows Interactive Brokers: the connection, its heartbeat and its end,
the paper guard, the check of every frame that leaves, and the decoding of every message that
counts. The only package that imports ib_async, which connects and encodes, and whose own
picture of orders and fills is never read: it is wrong too often (design.md §7). Knows nothing
of the ledger, of batches, or of when an order may be sent.
"""
