"""The TWS protocol, gateway side, without a socket: bytes in, events out, messages to bytes.

Owns: nothing itself; `protocol` is the way in, the message modules are its words. Knows
nothing of the exchange behind it, of time, or of who reads and writes the bytes.
"""
