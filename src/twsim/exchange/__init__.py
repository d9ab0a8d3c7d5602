"""The simulated exchange and broker: contracts, prices, matching, accounts, commissions.

Owns: nothing itself; `exchange` is the way in. Knows nothing of the TWS protocol, of
sockets or of files; time is an argument everywhere.
"""
