"""Paperdesk: post target positions, get them traded in an IBKR paper account.

Owns: the package's version, nothing else.
"""

__version__ = "0.1.0"
