"""Pure values and functions: targets, plans, orders, executions, positions.

Owns: what the words mean and what follows from what. Knows no clock, no I/O, no logging, no
randomness and no third-party package.
"""
