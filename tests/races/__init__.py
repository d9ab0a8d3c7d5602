"""A new target against an order on its way: every race of reliability.md §5.7.

Owns: the scenarios, what is seen of each, and the table that `make races` prints.
"""
