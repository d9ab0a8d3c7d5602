"""twsim: a simulated IB Gateway that speaks the TWS wire protocol.

Owns: the names a user of the package imports.
"""
