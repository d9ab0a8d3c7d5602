"""The one error of the protocol.

Owns: ProtocolError. Does not know what becomes of a connection that met it.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """The peer sent what the protocol has no reading for; the connection is lost."""
