"""What happens, in which order, for the accounts of one ledger.

Owns: the order path from a target to its end. Decides with `domain`; reaches the world only
through the ports in `desk.ports`.
"""
